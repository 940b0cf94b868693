# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Kernels on a bus that is a switch: addresses behind a tap are learned, forgotten, and followed."""

import contextlib
import json
import os
import struct

import netns
import pytest
from apps import preloaded
from netns import Netns, Tap
from process import poll
from tool import shmbus

STATION = "02:00:00:00:00:50"  # behind a tap, and in no port's entry
ALL = "ff:ff:ff:ff:ff:ff"
FRAMES = 10

pytestmark = pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))


@pytest.fixture
def path(make_bus):
    bus = make_bus("switch")
    shmbus("create", "--deliver", "switch", bus.path)
    return bus.path


@contextlib.contextmanager
def taps_on(path, n, **of_first):
    """So many taps on the bus, each in a silent namespace of its own: pairs of the two."""
    with contextlib.ExitStack() as stack:
        found = []
        for i in range(n):
            ns = stack.enter_context(Netns())
            ns.silence()
            tap = stack.enter_context(Tap(path, "--netns", ns.name, "--up",
                                          **(of_first if i == 0 else {})))
            found.append((ns, tap))
        yield found


def counters(path, tap):
    """What the tap's port has received, and stepped over."""
    told = json.loads(shmbus("info", "--json", path)[0])
    port, = [port for port in told["ports"] if port["pid"] == tap.pid]
    assert port["rx_missed"] == 0
    return port["rx_frames"], port["rx_skipped"]


def send(ns, tap, to, source, n=FRAMES):
    frame = bytes.fromhex((to + source).replace(":", "") + "88b5") + bytes(46)
    with ns.packet_socket(tap.device) as sender:
        for _ in range(n):
            sender.send(frame)


def deliver(path, taps, to=STATION):
    """The first of the taps sends frames to an address; which of the others receive them.

    Each other port receives all of them, or steps over all of them.
    """
    first, *others = taps
    before = [counters(path, tap) for _, tap in others]
    send(*first, to, first[1].mac)

    def grown():
        found = [tuple(b - a for a, b in zip(was, counters(path, tap)))
                 for was, (_, tap) in zip(before, others)]
        assert all(received in (0, FRAMES) or skipped == 0 for received, skipped in found), found
        return found if all(sum(pair) >= FRAMES for pair in found) else None

    found = poll(grown, "all frames to be received or skipped")
    assert all(pair in ((FRAMES, 0), (0, FRAMES)) for pair in found), found
    return [received == FRAMES for received, _ in found]


def speak(path, taps, index):
    """The station sends one frame to everybody, from behind this tap, and the first tap has it."""
    before = counters(path, taps[0][1])[0]
    send(*taps[index], ALL, STATION, 1)
    poll(lambda: counters(path, taps[0][1])[0] > before, "the station's frame")


def test_station_moves(path, folder):
    """An address is reached where it spoke last; 300 s later by nobody's clock but the sender's, everywhere."""
    clock = os.path.join(folder, "clock")

    def set_clock(seconds):
        with open(clock, "r+b") as f:
            f.write(struct.pack("=q", seconds))

    with open(clock, "wb") as f:
        f.write(bytes(8))
    env = {**preloaded("clock-mover"), "SHMBUS_TEST_CLOCK": clock}
    with taps_on(path, 3, env=env) as taps:
        assert deliver(path, taps) == [True, True], "nobody has heard of the address"
        speak(path, taps, 1)
        assert deliver(path, taps) == [True, False]
        speak(path, taps, 2)
        assert deliver(path, taps) == [False, True], "the station has moved"
        # the time that all this takes counts, too
        set_clock(240)
        assert deliver(path, taps) == [False, True], "it is not forgotten yet"
        set_clock(360)
        assert deliver(path, taps) == [True, True], "forgotten"
        speak(path, taps, 1)
        set_clock(600)  # 240 s later
        assert deliver(path, taps) == [True, False], "it has spoken since"
        # A port's own address needs no frame, and does not age.
        set_clock(1_000_000)
        assert deliver(path, taps, taps[2][1].mac) == [False, True]


def test_bridge(path):
    """A kernel's bridge behind a port: what it sends, and what is for it, no other port reads."""
    with taps_on(path, 3) as taps:
        (one, tap_one), (two, tap_two), (_, other) = taps
        if not two.has_bridges():
            pytest.skip("the kernel has no bridges")
        two.ip("link", "add", "br0", "address", STATION, "type", "bridge")
        two.ip("link", "set", tap_two.device, "master", "br0")
        two.ip("link", "set", "br0", "up")
        two.ip("address", "add", "10.9.0.2/24", "dev", "br0")
        one.ip("address", "add", "10.9.0.1/24", "dev", tap_one.device)
        one.run("ping", "-c", 1, "-W", 60, "10.9.0.2")
        received, skipped = counters(path, other)
        out = one.run("ping", "-c", 50, "-i", 0.01, "-W", 60, "10.9.0.2")
        assert " 0% packet loss" in out
        poll(lambda: counters(path, other)[1] >= skipped + 100, "questions and answers to be skipped")
        # The kernels may ask once more for an address, of everybody.
        assert counters(path, other)[0] - received <= 4
