# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A second implementation that sleeps is woken by the driver, and wakes the driver's sleepers."""

import os
import re

import sample_frames as fr
from busfile import Bus as BusFile
from ends import generator
from lanes_file import ATTACHED, B_CHANGES, RX_INTR
from lanes_port import Member
from lanes_sleep import Sleeper
from rounds import rounds
from test_format_port import GEO
from test_interrupts import AWAKE, L3fwdPower, datagrams, program  # noqa: F401

HANG = 20  # seconds: a sleeper that has not woken by then was missed
ROUNDS = rounds(8, 4)


def test_driver_wakes_us(path, folder):
    """testpmd sends as fast as it can; it knew of no sleeper before. Each of our sleeps ends."""
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, fr.make_frames(fr.random_lengths(500)))
    with Member(path, GEO) as member, generator(path, [pcap]) as pmd:
        member.start(n_txq=0, n_rxq=1)
        receiver = member.receiver(0, GEO.queues)
        pmd.start_fwd()
        pmd.poll(lambda: receiver.receive() and receiver.frames >= 500, "to receive 500 frames")
        sleeper = Sleeper(member.bus, member.slot, 0)
        # It is faster than we are, and the lane never empty; so it has to begin again and again.
        for _ in range(ROUNDS):
            pmd.begin_cmd("stop")
            while sleeper.sleep([receiver], 0.3):
                receiver.receive_all()
            # While nothing is sent nobody wakes us.
            assert member.bus.tail(GEO.queues) == receiver.pos
            pmd.start_fwd()
            assert sleeper.sleep([receiver], HANG), "not woken"
            receiver.receive()
        member.bus.u32[B_CHANGES // 4] += 1
        sleeper.close()
        assert receiver.missed == 0


def test_the_dead_are_forgotten(path, folder):
    """The new owner of a slot whose dead owner used interrupts raises changes: we, and testpmd."""
    with Member(path, GEO) as watcher:
        def dies():
            member = Member(path, GEO)
            member.start(n_txq=0, n_rxq=1)
            sleeper = Sleeper(member.bus, member.slot, 0)
            before = member.bus.u32[B_CHANGES // 4]
            sleeper.close()
            member.close()
            assert watcher.bus.state(1) & RX_INTR
            return before

        before = dies()
        with Member(path, GEO) as heir:
            assert (heir.slot, heir.took_over) == (1, True)
            assert heir.bus.u32[B_CHANGES // 4] == before + 1
        before = dies()
        pcap = os.path.join(folder, "in.pcap")
        fr.write_pcap(pcap, fr.make_frames(fr.random_lengths(10)))
        with generator(path, [pcap]):
            assert watcher.bus.state(1) & (ATTACHED | RX_INTR) == ATTACHED
            assert watcher.bus.u32[B_CHANGES // 4] == before + 1


def test_we_wake_the_driver(program, folder):  # noqa: F811
    """l3fwd-power sleeps; what we send wakes it, and it says so."""
    one, two = [BusFile(os.path.join(folder, name), lane_size="64K") for name in ("one", "two")]
    with Member(one.path, GEO) as member, L3fwdPower(program, one, two) as l3fwd:
        member.start(n_txq=1, n_rxq=0)
        assert member.bus.state(1) & RX_INTR
        lane = member.lane(0)
        for frame in datagrams(20):
            since = l3fwd.mark()

            def woken(frame=frame, since=since):
                # Not each one: it rises every 10 ms by itself, and may just have done so.
                lane.send_record([frame])
                return re.search(AWAKE.format(0), l3fwd.log[since:])
            l3fwd.poll(woken, "l3fwd-power to wake up")
        assert lane.waker.rings >= 20
