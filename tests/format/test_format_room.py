# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A second implementation that sleeps for room is woken by the driver and the library, and wakes them."""

import os
import time

import sample_frames as fr
from bridge import bridge
from ends import capturer
from lanes_port import Member
from lanes_room import RoomSleeper
from test_format_port import GEO

HANG = 20  # seconds: a sleeper that has not woken by then was missed

FRAMES = fr.make_frames([1000] * 3)
LENGTH = 64 + 3 * 1024  # of their record


def fill(lane):
    count = 0
    while lane.send_record(FRAMES):
        count += 1
        assert count < 1000
    return count


def test_driver_wakes_us(path, folder):
    """testpmd does not poll, and the lane is full; it polls, and we wake up. Again and again."""
    with Member(path, GEO) as member, capturer(path, os.path.join(folder, "out.pcap")) as pmd:
        member.start(n_txq=1, n_rxq=0)
        lane = member.lane(0)
        lane.pause_timeout = 1000
        sleeper = RoomSleeper(lane)
        for _ in range(5):
            assert fill(lane) > 0
            assert not sleeper.sleep(LENGTH, 0.3)
            rung = sleeper.rung
            pmd.start_fwd()
            assert sleeper.sleep(LENGTH, HANG), "not woken"
            # If testpmd was faster than we there was room at once.
            assert sleeper.rung - rung <= 2
            assert lane.send_record(FRAMES)
            pmd.stop_fwd()
        assert pmd.port_stats(0)["rx_missed"] == 0
        sleeper.close()


def test_driver_rings_when_it_is_asked(path, folder):
    """The question is there before testpmd polls: it rings."""
    with Member(path, GEO) as member, capturer(path, os.path.join(folder, "out.pcap")) as pmd:
        member.start(n_txq=1, n_rxq=0)
        lane = member.lane(0)
        lane.pause_timeout = 1000
        fill(lane)
        pmd.write("start\n")
        sleeper = RoomSleeper(lane)
        assert sleeper.sleep(LENGTH, HANG)
        while not sleeper.rung:
            fill(lane)
            assert sleeper.sleep(LENGTH, HANG)
        sleeper.close()


def test_we_wake_the_library(path, folder):
    """A program on libshmbus that passes frames on sleeps in shmbus_send_all(); we ring for it."""
    frames = fr.make_frames([1000] * 600)
    other = os.path.join(folder, "other")
    with Member(path, GEO) as left, Member(other, GEO) as right, \
            bridge(path, other, "receive") as finish:
        left.start(n_txq=1, n_rxq=0)
        right.start(n_txq=0, n_rxq=1)
        receiver = right.receiver(0, GEO.queues)
        got, sent = [], 0
        while len(got) < len(frames):
            while sent < len(frames) and left.lane(0).send_record([frames[sent]]):
                sent += 1
            got += [frame.data for frame in receiver.receive()]
            time.sleep(0.001)
        assert got == frames
        assert receiver.missed == 0
        # One for each chunk of some laps, as often as the library was asleep.
        assert 10 < receiver.answerer.rings <= 600 * 1100 // GEO.chunk
        finish()
