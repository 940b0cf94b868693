# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Version 2: a second implementation on a switch, with the driver."""

import os
import time

import sample_frames as fr
from ends import capturer, generator
from lanes_file import C_MISSED, C_SKIPPED, Bus, Geometry
from lanes_port import Member
from lanes_reader import held_frames

GEO = Geometry(ports=6, queues=2, lane_size=1 << 16, switch=True)
OURS, THEIRS, ANOTHER = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02", b"\x02\0\0\0\0\x03"
NOBODY, EVERYBODY = b"\x02\0\0\0\0\x63", b"\xff" * 6


def frame(to, number):
    return to + OURS + b"\x88\xb5" + number.to_bytes(4, "big") + bytes(50)


def test_driver_receives_what_is_for_it(path, folder):
    """We make the switch and send; testpmd receives its frames and everybody's, skips the rest."""
    pcap = os.path.join(folder, "out.pcap")
    kinds = [THEIRS, ANOTHER, NOBODY, THEIRS, ANOTHER, EVERYBODY, ANOTHER]
    sent = [frame(kinds[i % len(kinds)], i) for i in range(2100)]
    wanted = [f for f in sent if f[:6] != ANOTHER]
    with Member(path, GEO, mac=OURS) as member, Member(path, mac=ANOTHER) as another, \
            capturer(path, pcap, f",mac={THEIRS.hex(':')},deliver=switch") as pmd:
        member.start(n_txq=1, n_rxq=1)
        another.start(n_txq=1, n_rxq=1)
        reader = another.receiver(0, member.slot * GEO.queues)
        pmd.start_fwd()
        got = []
        for i in range(0, len(sent), 21):
            member.lane(0).send(sent[i:i + 21])
            got += reader.receive_all()
        pmd.wait_port_stat(1, "tx_packets", len(wanted))
        assert pmd.port_xstats(0)["rx_skipped"] == len(sent) - len(wanted)
        assert pmd.port_stats(0)["rx_missed"] == 0
        pmd.stop_fwd()
    assert fr.read_pcap(pcap) == wanted
    assert [f.data for f in got] == [f for f in sent if f[:6] != THEIRS]
    assert reader.skipped == len(sent) - len(got) and not reader.missed


def test_driver_directs(path, folder):
    """testpmd makes the switch and sends; each of us gets what is for it, and both the rest."""
    pcap = os.path.join(folder, "in.pcap")
    kinds = [OURS, ANOTHER, ANOTHER, NOBODY, OURS, EVERYBODY]
    sent = [kinds[i % len(kinds)] + THEIRS + b"\x88\xb5" + i.to_bytes(4, "big") + bytes(42)
            for i in range(600)]
    fr.write_pcap(pcap, sent)
    with generator(path, [pcap], infinite=False, on=1,
                   devargs=",deliver=switch,ports=6,queues=2,lane_size=64K") as pmd, \
            Member(path, mac=OURS) as one, Member(path, mac=ANOTHER) as two:
        one.start(n_txq=1, n_rxq=1)
        two.start(n_txq=1, n_rxq=1)
        readers = [member.receiver(0, 0) for member in (one, two)]
        got = [[], []]
        pmd.start_fwd()
        deadline = time.monotonic() + 60
        while any(r.frames + r.skipped < len(sent) for r in readers):
            assert time.monotonic() < deadline
            for reader, frames in zip(readers, got):
                frames += reader.receive_all()
        pmd.stop_fwd()
        for reader, frames, other in zip(readers, got, (ANOTHER, OURS)):
            assert [f.data for f in frames] == [f for f in sent if f[:6] != other]
            assert not reader.missed and not reader.corrupt
        with Bus(path) as bus:
            held = held_frames(bus, 0)[0]
            assert {f.to for f in held if f.data[:6] == OURS} == {one.slot}
            assert {f.to for f in held if f.data[:6] == ANOTHER} == {two.slot}
            assert {f.to for f in held if f.data[:6] in (NOBODY, EVERYBODY)} == {None}
            word = bus.geo.cursor(one.slot, 0, 0) // 8
            assert bus.u64[word + C_SKIPPED // 8] == readers[0].skipped
            assert bus.u64[word + C_MISSED // 8] == 0
