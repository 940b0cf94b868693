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
    with Vhost(bus.path, *sockets) as bridge, Host(folder, bus.path, length) as host, \
            Machine(os.path.join(folder, "1"), sockets[0], FIRST) as first, \
            Machine(os.path.join(folder, "2"), sockets[1], SECOND) as second:
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


def test_kill(bus, folder, sockets, counts):
    """The program is killed, and QEMU is killed: the other one goes on, and so does TCP."""
    times = {"program": rounds(20, 2), "QEMU": rounds(20, 1)}
    with Host(folder, bus.path, MB) as host, contextlib.ExitStack() as stack:
        bridge = stack.enter_context(Vhost(bus.path, sockets[0]))
        one = stack.enter_context(Machine(os.path.join(folder, "1"), sockets[0], FIRST))
        assert one.fetch(HOST, Host.PORT) == host.sha256
        for _ in range(times["program"]):
            # a TCP connection that survives
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
            one.ping(HOST)
            assert host.fetch(FIRST) == host.sha256
        for _ in range(times["QEMU"]):
            one.begin(f"ping -c 1000000 -i 0.001 {HOST} >/dev/null")
            since = bridge.mark()
            one.kill()
            one.close()
            bridge.wait_gone(since=since)
            one = stack.enter_context(Machine(os.path.join(folder, "1"), sockets[0], FIRST))
            one.ping(HOST)
            assert one.fetch(HOST, Host.PORT) == host.sha256
            assert host.fetch(FIRST) == host.sha256
    counts(f"{times['program']} times the program, {times['QEMU']} times QEMU")
