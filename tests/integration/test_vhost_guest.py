# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Virtual machines on a bus, by shmbus-vhost: Linux guests in QEMU, and the kernel of the host."""

import contextlib
import os
import shutil

import guest
import netns
import pytest
import vhost
from apps import sanitize
from process import Process
from rounds import rounds
from vhost import Vhost
from vhost_machine import FIRST, HOST, SECOND, Host, Machine

MB = 1 << 20

# On the host: bytes for half a second and more, over one connection.
SLOW_SENDER = """
import hashlib, os, socket, sys, time
digest = hashlib.sha256()
with socket.create_server((sys.argv[1], 9)) as server:
    print("listening")
    connection, _ = server.accept()
    with connection:
        for i in range(50):
            data = os.urandom(30000)
            digest.update(data)
            connection.sendall(data)
            if i == 10:
                print("begun")
            time.sleep(0.01)
print("sha256", digest.hexdigest())
"""

pytestmark = [
    pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem())),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
    pytest.mark.skipif(vhost.problem() is not None, reason=str(vhost.problem())),
    pytest.mark.skipif(guest.problem() is not None, reason=str(guest.problem())),
    pytest.mark.skipif(sanitize(), reason="guests are slow, and other tests run the same code"),
    pytest.mark.long,
]


@pytest.fixture
def sockets(folder):
    return [os.path.join(folder, f"{name}.sock") for name in ("first", "second")]


def test_guests(bus, folder, sockets, counts):
    """Ping and TCP, with right content, between the host and a guest, and between two guests."""
    length = rounds(100, 5) * MB
    memory = rounds(512, 256)  # half of it is for files
    with Vhost(bus.path, *sockets) as bridge, Host(folder, bus.path, length) as host, \
            Machine(os.path.join(folder, "1"), sockets[0], FIRST, memory) as first, \
            Machine(os.path.join(folder, "2"), sockets[1], SECOND, memory) as second:
        assert "TCP packets of up to 64 KB" in bridge.wait_guest(sockets[0])
        first.ping(HOST)
        first.ping(SECOND)
        host.ns.run("ping", "-c", 3, "-i", 0.2, "-W", 60, SECOND)
        assert first.fetch(HOST, Host.PORT) == host.sha256
        assert host.fetch(FIRST) == host.sha256
        before = bridge.counters(sockets[1])["to_guest"]
        assert second.fetch(FIRST) == host.sha256
        frames, data = (now - then for now, then in zip(bridge.counters(sockets[1])["to_guest"][:2],
                                                        before))
        # whole packets of up to 64 KB, not segments
        assert data > length and data / frames > 4000
        for socket in sockets:
            told = bridge.counters(socket)
            assert told["to_bus"][2] == 0 and told["to_guest"][2:] == (0, 0)
    counts(f"{length >> 20} MB each way, {data // frames} bytes in a packet between guests")


def test_program_is_killed(bus, folder, sockets, counts):
    """The guest goes on, and so does a TCP connection."""
    times = rounds(20, 2)
    with Host(folder, bus.path, MB) as host, contextlib.ExitStack() as stack:
        bridge = stack.enter_context(Vhost(bus.path, sockets[0]))
        one = stack.enter_context(Machine(os.path.join(folder, "1"), sockets[0], FIRST))
        assert one.fetch(HOST, Host.PORT) == host.sha256
        for _ in range(times):
            with Process(host.ns.argv("/usr/bin/python3", "-u", "-c", SLOW_SENDER, HOST)) as sender:
                sender.wait_for("^listening")
                begun = one.begin(f"nc {HOST} 9 | sha256sum")
                sender.wait_for("^begun")
                bridge.kill()
                bridge.close()
                bridge = stack.enter_context(Vhost(bus.path, sockets[0]))
                bridge.wait_guest()
                # among what QEMU says about the end of its back end
                assert sender.wait_for(r"^sha256 (\w+)").group(1) in one.finish(begun)
                sender.wait()
            assert host.fetch(FIRST) == host.sha256
    counts(f"{times} times")


@pytest.mark.parametrize("listens", [False, pytest.param(True, marks=pytest.mark.only_in_full)])
def test_qemu_is_killed(bus, folder, sockets, counts, listens):
    """The program and its port go on, whoever of the two listens on the socket."""
    times = rounds(10, 1)
    options = ["--client"] if listens else []
    with Host(folder, bus.path, MB) as host, contextlib.ExitStack() as stack:
        bridge = stack.enter_context(Vhost(bus.path, sockets[0], options=options))
        for number in range(times + 1):
            one = stack.enter_context(Machine(os.path.join(folder, "1"), sockets[0], FIRST,
                                              listens=listens))
            one.ping(HOST)
            assert one.fetch(HOST, Host.PORT) == host.sha256
            assert host.fetch(FIRST) == host.sha256
            if number < times:
                since = bridge.mark()
                one.begin(f"ping -c 1000000 -i 0.001 {HOST} >/dev/null")
                one.kill()
                one.close()
                bridge.wait_gone(since=since)
    counts(f"{times} times")
