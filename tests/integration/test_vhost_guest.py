# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Virtual machines on a bus, by shmbus-vhost: Linux guests in QEMU, and the kernel of the host.

A guest takes long to boot, so the tests share what is still up: see Place.
"""

import contextlib
import os
import shutil
import tempfile

import guest
import netns
import pytest
import vhost
from apps import LOSSLESS, sanitize
from busfile import Bus
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
    # One worker of pytest-xdist runs them, with guests that are booted once.
    pytest.mark.xdist_group("guests"),
]


class Place:
    """A bus with shmbus-vhost, a host, and guests, each of which starts when a test first wants it.

    What a test has killed starts anew.
    """

    def __init__(self, stack, folder, options=(), **of_guests):
        self.stack, self.folder, self.options, self.of_guests = stack, folder, options, of_guests
        self.bus = Bus(os.path.join(folder, "bus"), **LOSSLESS)
        self.sockets = {address: os.path.join(folder, f"{address}.sock") for address in (FIRST, SECOND)}
        self.running = {}
        self.get_bridge()
        self.host = stack.enter_context(Host(folder, self.bus.path, rounds(100, 5) * MB))

    def _get(self, name, make):
        if name not in self.running or not self.running[name].alive():
            self.running[name] = self.stack.enter_context(make())
        return self.running[name]

    def get_bridge(self):
        return self._get("bridge", lambda: Vhost(self.bus.path, *self.sockets.values(),
                                                 options=self.options))

    def get_machine(self, address):
        # half of its memory is for files
        return self._get(address, lambda: Machine(
            os.path.join(self.folder, address), self.sockets[address], address, rounds(512, 256),
            **self.of_guests))


@contextlib.contextmanager
def place_in_memory(*args, **kwargs):
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="shmbus-test-", dir=parent) as folder, \
            contextlib.ExitStack() as stack:
        yield Place(stack, folder, *args, **kwargs)


@pytest.fixture(scope="module")
def place():
    with place_in_memory() as made:
        yield made


def test_guests(place, counts):
    """Ping and TCP, with right content, between the host and a guest, and between two guests."""
    bridge, host = place.get_bridge(), place.host
    first, second = (place.get_machine(address) for address in (FIRST, SECOND))
    assert "TCP packets of up to 64 KB" in bridge.wait_guest(place.sockets[FIRST])
    first.ping(HOST)
    first.ping(SECOND)
    host.ns.run("ping", "-c", 3, "-i", 0.2, "-W", 60, SECOND)
    assert first.fetch(HOST, Host.PORT) == host.sha256
    assert host.fetch(FIRST) == host.sha256
    before = bridge.counters(place.sockets[SECOND])["to_guest"]
    assert second.fetch(FIRST) == host.sha256
    frames, data = (now - then for now, then in zip(
        bridge.counters(place.sockets[SECOND])["to_guest"][:2], before))
    # whole packets of up to 64 KB, not segments
    assert data > host.length and data / frames > 4000
    for socket in place.sockets.values():
        told = bridge.counters(socket)
        assert told["to_bus"][2] == 0 and told["to_guest"][2:] == (0, 0)
    counts(f"{host.length >> 20} MB each way, {data // frames} bytes in a packet between guests")


def test_program_is_killed(place, counts):
    """The guest goes on, and so does a TCP connection."""
    times = rounds(20, 2)
    host, one = place.host, place.get_machine(FIRST)
    assert one.fetch(HOST, Host.PORT) == host.sha256
    for _ in range(times):
        with Process(host.ns.argv("/usr/bin/python3", "-u", "-c", SLOW_SENDER, HOST)) as sender:
            sender.wait_for("^listening")
            begun = one.begin(f"nc {HOST} 9 | sha256sum")
            sender.wait_for("^begun")
            place.get_bridge().kill()
            place.get_bridge().wait_guest(place.sockets[FIRST])
            # among what QEMU says about the end of its back end
            assert sender.wait_for(r"^sha256 (\w+)").group(1) in one.finish(begun)
            sender.wait()
        assert host.fetch(FIRST) == host.sha256
    counts(f"{times} times")


def qemu_is_killed(place, times):
    """The program and its port go on, and so does the next guest."""
    bridge, host = place.get_bridge(), place.host
    for number in range(times + 1):
        one = place.get_machine(FIRST)
        one.ping(HOST)
        assert one.fetch(HOST, Host.PORT) == host.sha256
        assert host.fetch(FIRST) == host.sha256
        if number < times:
            since = bridge.mark()
            one.begin(f"ping -c 1000000 -i 0.001 {HOST} >/dev/null")
            one.kill()
            bridge.wait_gone(place.sockets[FIRST], since)
    bridge.check_alive()


def test_qemu_is_killed(place, counts):
    """shmbus-vhost listens on the socket."""
    times = rounds(10, 1)
    qemu_is_killed(place, times)
    counts(f"{times} times")


@pytest.mark.only_in_full
def test_qemu_that_listens_is_killed(counts):
    """QEMU listens on the socket."""
    with place_in_memory(["--client"], listens=True) as place:
        qemu_is_killed(place, 10)
    counts("10 times")
