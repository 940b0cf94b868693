# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What tap, stream and gateway can still do when they carry frames: next to nothing."""

import contextlib
import errno
import os
import re
import shutil
import signal

import builddir
import frame_stream
import netns
import pytest
import tool
from apps import sanitize
from frame_stream import Stream, connect, frame, free_port
from netns import Netns, Tap
from process import Process, children, open_files
from tool import LIMIT_S

DAC_OVERRIDE = 1 << 1
KILL = 1 << 5

pytestmark = pytest.mark.skipif(sanitize(), reason="the sanitizers need the calls that are given up")


def preload():
    return {"LD_PRELOAD": os.path.join(builddir.folder(), "tests", "tool", "forbidden_calls.so")}


def status(pid):
    """/proc/PID/task/*/status as numbers: capabilities, no_new_privs, seccomp, of each thread."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as f:
            text = f.read()
        found.append({name: int(value, 16) for name, value in
                      re.findall(r"^(Cap\w+|NoNewPrivs|Seccomp):\t([0-9a-f]+)$", text, re.M)})
    return found


def attempts(process):
    """{what it tried: errno}"""
    since = process.mark()
    process.signal(signal.SIGUSR2)
    process.wait_for(r"^tried execve: \d+\n", LIMIT_S, since)
    return {what: int(number) for what, number in
            re.findall(r"^tried (\S+): (\d+)$", process.log[since:], re.M)}


@contextlib.contextmanager
def a_tap(folder, *options):
    if netns.problem():
        pytest.skip(netns.problem())
    with Netns() as ns, Tap(os.path.join(folder, "bus"), "-N", ns.name, "-u", *options,
                            env=preload()) as tap:
        yield tap


@contextlib.contextmanager
def a_tap_with_queues(folder):
    with a_tap(folder, "--queues", "3") as tap:
        assert len(status(tap.pid)) == 3
        yield tap


@contextlib.contextmanager
def a_listener(folder):
    sock = os.path.join(folder, "socket")
    with Stream(os.path.join(folder, "bus"), sock, "--listen", env=preload()) as stream:
        yield stream
        with connect(sock) as peer:  # it is at work
            peer.send(frame(1))
            stream.wait_for("connected", LIMIT_S)
    assert not os.path.exists(sock)


@contextlib.contextmanager
def a_client(folder):
    address = f"127.0.0.1:{free_port()}"
    with frame_stream.listener(address) as server, \
            Stream(os.path.join(folder, "bus"), address, env=preload()) as stream:
        server.accept()[0].close()
        yield stream
        server.accept()[0].close()  # it has connected again


@contextlib.contextmanager
def a_client_once(folder):
    address = f"127.0.0.1:{free_port()}"
    with frame_stream.listener(address) as server, \
            Stream(os.path.join(folder, "bus"), address, "--once", env=preload()) as stream:
        yield stream
        server.accept()[0].close()
        stream.wait()


@contextlib.contextmanager
def a_gateway(folder):
    problem = netns.problem() or netns.problem_of_users()
    if problem or shutil.which("passt") is None:
        pytest.skip(problem or "passt is not installed")
    with Netns() as ns:
        ns.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        ns.ip("address", "add", "192.0.2.2/24", "dev", "eth0")
        for device in ("eth0", "eth1"):
            ns.ip("link", "set", device, "up")
        ns.ip("route", "add", "default", "via", "192.0.2.1")
        # not into passt: it would answer the signal, too, and has a filter of its own
        with Process([tool.program(), "gateway", os.path.join(folder, "bus")], name="gateway",
                     wrapper=ns.argv(), env=preload()) as gateway:
            gateway.wait_for("^passt .* joined", LIMIT_S)
            yield gateway


@pytest.mark.parametrize("kind, keeps, may", [
    (a_tap, 0, ()), (a_tap_with_queues, 0, ()), (a_listener, DAC_OVERRIDE, ("unlink",)), (a_client, 0, ("socket",)),
    (a_client_once, 0, ()), (a_gateway, 0, ())])
def test_rights(folder, kind, keeps, may):
    with kind(folder) as process:
        # Right after the line that scripts wait for.
        process.poll(lambda: all(now["Seccomp"] == 2 for now in status(process.pid)),
                     "the filter of system calls", LIMIT_S)
        tried = attempts(process)
        assert tried.pop("mmap") == 0
        assert {what for what, number in tried.items() if number != errno.EPERM} == set(may)
        assert len(tried) == 7
        for now in status(process.pid):
            assert (now["NoNewPrivs"], now["Seccomp"]) == (1, 2)
            if os.getuid() == 0:
                assert now["CapPrm"] == now["CapEff"] == keeps
                assert now["CapBnd"] == now["CapInh"] == now["CapAmb"] == 0
            else:
                assert now["CapPrm"] == now["CapEff"] == 0


def test_rights_of_the_keeper(folder):
    """The process that ends passt may do this, and not much more."""
    with a_gateway(folder) as gateway:
        keeper, = children(gateway.pid)
        gateway.poll(lambda: status(keeper)[0]["Seccomp"] == 2, "the filter of system calls", LIMIT_S)
        now, = status(keeper)
        assert now["NoNewPrivs"] == 1
        assert now["CapPrm"] == now["CapEff"] == (KILL if os.getuid() == 0 else 0)
        bus = os.path.join(folder, "bus")
        assert bus in open_files(gateway.pid) and bus not in open_files(keeper)
        with open(f"/proc/{keeper}/maps", encoding="utf-8") as f:
            assert bus not in f.read()
