# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A forwarder between two buses: frames that go in on one side come out on the other."""

import pytest
from conftest import as_forwarded
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw


def udp(n, size):
    return (Ether(src="02:bb:00:00:00:00", dst="02:aa:00:00:00:00") /
            IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1000 + n, dport=7) /
            Raw(bytes([n % 256]) * size))


FRAMES = [udp(n, 18 + 29 * n % 1400) for n in range(200)]


@pytest.mark.usefixtures("forwarder")
def test_left_to_right(left, right):
    left.send(FRAMES)
    # every frame, in order, each byte of it, and nothing else
    assert right.wait_frames(len(FRAMES)) == [as_forwarded(frame, 1) for frame in FRAMES]
    assert left.frames() == [bytes(frame) for frame in FRAMES]


@pytest.mark.usefixtures("forwarder")
def test_both_directions(left, right):
    left.send(FRAMES)
    right.send(FRAMES)
    to_right = [as_forwarded(frame, 1) for frame in FRAMES]
    to_left = [as_forwarded(frame, 0) for frame in FRAMES]
    assert right.wait_frames(len(FRAMES), "ether src 02:aa:00:00:00:01") == to_right
    assert left.wait_frames(len(FRAMES), "ether src 02:aa:00:00:00:00") == to_left


@pytest.mark.usefixtures("forwarder")
def test_broadcast(left, right):
    hello = Ether(src="02:bb:00:00:00:00", dst="ff:ff:ff:ff:ff:ff") / Raw(b"hello" * 10)
    left.send([hello])
    assert right.wait_frames(1) == [as_forwarded(hello, 1)]
