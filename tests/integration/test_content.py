# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Frames that tell whether they are whole: millions of them, of any length, over every path.

Nothing torn, nothing twice, everything in order: dpdk-checker refuses to end well otherwise. The
tests here add up what was sent, received and missed.
"""

import contextlib

import pytest
from apps import LOSSLESS, checker, content_frames
from checker import stream, xstat

JUMBO = {"lengths": "14-9014", "mtu": 9000}

# Two ways to send, two ways to receive: one mbuf per frame, and chains.
ONE_PIECE = {"room": 9216, "memory_mb": 64}
CHAINED = {"room": 2048}
CHAINS_SENT = {"segments": 8, **CHAINED}


def start(stack, vdev, **options):
    options.pop("memory_mb", None)
    return stack.enter_context(checker(vdev, **{**JUMBO, **options}))


def test_lossless(bus, counts):
    """Two senders, two receivers: everyone receives every frame, once, in order."""
    half = content_frames() // 2
    with contextlib.ExitStack() as stack:
        receivers = [start(stack, bus.vdev(), receive=True, on=0, **ONE_PIECE),
                     start(stack, bus.vdev(), receive=True, on=1, **CHAINED)]
        senders = [start(stack, bus.vdev(), send=True, on=1, id=1, count=half, seed=11,
                         fast_free=True, **ONE_PIECE),
                   start(stack, bus.vdev(), send=True, on=0, id=2, count=half, seed=12,
                         **CHAINS_SENT)]
        sent = [sender.result() for sender in senders]
        got = [receiver.finish() for receiver in receivers]
    assert [s["sent"] for s in sent] == [half, half]
    for r in got:
        assert r["received"] == 2 * half
        assert r["received_bytes"] == sum(s["sent_bytes"] for s in sent)
        assert r["port"]["ipackets"] == 2 * half
        assert r["port"]["imissed"] == r["port"]["ierrors"] == r["port"]["rx_nombuf"] == 0
        for number in (1, 2):
            s = stream(r, number)
            assert (s["first"], s["next"], s["frames"]) == (0, half, half)
    assert got[0]["received_multi"] == 0
    assert got[1]["received_multi"] > half // 100
    assert sent[1]["sent_multi"] > half // 2
    counts(f"sent {half} + {half}, received {got[0]['received']} and {got[1]['received']}, "
           f"{got[1]['received_multi']} of these in chains")


@pytest.mark.parametrize("lane_size, receiver", [
    ("64K", {"slow_us": 200, "slow_every": 500, **CHAINED}),
    ("1M", {"slow_us": 5000, "slow_every": 3000, **ONE_PIECE}),
    ("256K", CHAINED),
], ids=["64K-slow", "1M-slow", "256K-as-fast-as-it-can"])
def test_lossy(make_bus, counts, lane_size, receiver):
    """A reader that is lapped over and over delivers whole frames only, and counts the others."""
    bus = make_bus(lane_size=lane_size, pause="off")
    count = content_frames()
    with contextlib.ExitStack() as stack:
        rx = start(stack, bus.vdev(), receive=True, on=0, **receiver)
        tx = start(stack, bus.vdev(), send=True, on=1, id=5, count=count, **CHAINS_SENT)
        sent = tx.result()
        got = rx.finish()
    assert sent["sent"] == count
    assert sent["full"] == 0, "a sender that does not pause was held up"
    assert got["received"] == got["port"]["ipackets"]
    assert got["received"] + got["port"]["imissed"] == count
    assert got["port"]["ierrors"] == 0
    s = stream(got, 5)
    assert s["next"] == count, "the last frames are on the bus, and must be received"
    assert got["received"] > 0
    if "slow_us" in receiver:
        assert xstat(got, "rx_overruns") > 0  # how often depends on the machine
    counts(f"sent {count}, received {got['received']}, missed {got['port']['imissed']}, "
           f"lapped {xstat(got, 'rx_overruns')} times")


def test_lossless_queues(bus, counts):
    """Several queues on both sides: each sending queue is a stream of its own."""
    count = content_frames() // 10
    with contextlib.ExitStack() as stack:
        rx = start(stack, bus.vdev(), receive=True, queues=3, on=0, **CHAINED)
        tx = start(stack, bus.vdev(), send=True, queues=4, on=1, id=100, count=count, **CHAINS_SENT)
        sent = tx.result()
        got = rx.finish()
    assert sent["sent"] == got["received"] == got["port"]["ipackets"] == count
    assert sorted(s["id"] for s in got["streams"]) == [100, 101, 102, 103]
    for s in got["streams"]:
        assert s["first"] == 0 and s["next"] == s["frames"]
    assert sum(s["frames"] for s in got["streams"]) == count
    per_queue = [xstat(got, f"rx_q{q}_packets") for q in range(3)]
    assert sum(per_queue) == count and min(per_queue) > 0
    counts(f"sent {count} over 4 queues, received {per_queue} over 3")


def test_both_ways(bus, counts):
    """Three ports, each sending and receiving at once: everyone hears everyone else, only."""
    count = content_frames() // 20
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(checker(bus.vdev(), send=True, receive=True, on=i, id=i,
                                             count=count, mbufs=4096, wait=True)) for i in range(3)]
        for port in ports:
            port.go()
        for i, port in enumerate(ports):
            port.wait_until(lambda r: r["sent"] == count, f"port {i} to send everything")
        got = [port.finish() for port in ports]
    for i, r in enumerate(got):
        assert [s["id"] for s in r["streams"]] == [j for j in range(3) if j != i]
        for s in r["streams"]:
            assert (s["first"], s["next"], s["frames"]) == (0, count, count)
        assert r["port"]["imissed"] == 0
    counts(f"each sent {count}, received {[r['received'] for r in got]}")
