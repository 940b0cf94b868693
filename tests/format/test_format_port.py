# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A second implementation is a full port: it makes a bus, sends to the driver, and receives."""

import os
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

import sample_frames as fr
from apps import testpmd
from ends import capturer, check_held, generator, send
from lanes_file import (
    ATTACHED, IP_CKSUM, L4_CKSUM, RX_CURSORS, Bus, Geometry, locked_by_other)
from lanes_file import TCP as TCP_PROTO
from lanes_file import UDP as UDP_PROTO
from lanes_port import Member
from lanes_reader import LaneReader, Request, held_frames

GEO = Geometry(ports=6, queues=2, lane_size=1 << 16)


def bursts(frames, geo):
    """The frames in records of 1, 2, 3, ... frames, as long as they may be."""
    wanted = 1
    burst = []
    size = 64 * 5
    for frame in frames:
        size += -(-len(frame) // 64) * 64
        if burst and (size > geo.chunk or len(burst) == wanted):
            yield burst
            wanted = wanted % 40 + 1
            burst = []
            size = 64 * 5 + -(-len(frame) // 64) * 64
        burst.append(frame)
    yield burst


def check_captured(pmd, pcap, sent, total=None):
    """Port 0 received all of `sent`, and the capture holds just that, in order."""
    stats = pmd.wait_port_stat(1, "tx_packets", total or len(sent))
    stats = pmd.port_stats(0)
    assert stats["rx_packets"] == total or len(sent)
    assert (stats["rx_missed"], stats["rx_errors"], stats["rx_nombuf"]) == (0, 0, 0)
    xstats = pmd.port_xstats(0)
    assert (xstats["rx_corrupt"], xstats["rx_overruns"]) == (0, 0)
    pmd.stop_fwd()
    captured = fr.read_pcap(pcap)
    assert len(captured) == len(sent)
    for number, (got, wanted) in enumerate(zip(captured, sent)):
        assert got == wanted, f"frame {number}"


def test_driver_receives_what_we_send(path, folder):
    """We make the bus and send; testpmd joins it and receives every frame, many laps long."""
    pcap = os.path.join(folder, "out.pcap")
    frames = fr.make_frames(fr.random_lengths(3000))
    with Member(path, GEO, name="python") as member, capturer(path, pcap) as pmd:
        member.start(n_txq=1, n_rxq=0)
        assert member.bus.state(1) & RX_CURSORS
        pmd.start_fwd()
        for burst in bursts(frames, GEO):
            member.lane(0).send(burst)
        assert member.lane(0).tail > 10 * GEO.lane_size
        check_captured(pmd, pcap, frames)
        assert pmd.port_xstats(0)["peers"] == 1


def test_shapes_of_records(path, folder):
    """Records that end at the ring's end or reach over it by any number of lines, and odd ones."""
    pcap = os.path.join(folder, "out.pcap")
    sent = []
    with Member(path, GEO) as member, capturer(path, pcap) as pmd:
        member.start(n_txq=1, n_rxq=0)
        pmd.start_fwd()
        lane = member.lane(0)
        over = set()

        def send(lengths, **shape):
            burst = fr.make_frames(lengths, first=len(sent))
            before = lane.tail % GEO.lane_size
            lane.send(burst, **shape)
            if lane.tail % GEO.lane_size < before:
                over.add(lane.tail % GEO.lane_size // 64)
            sent.extend(burst)

        def go_to(lines):
            """Fill the ring up to so many lines before its end; a record has two lines at least."""
            while (fill := -lane.tail % GEO.lane_size // 64 - lines) != 0:
                if fill < 2:
                    send([1514])
                    continue
                take = min(fill, 24)
                take -= fill - take == 1
                send([64 * (take - 1)])

        for lines_over in range(25):  # a record of 25 lines, so many of them behind the end
            go_to(25 - lines_over)
            send([1514])
            assert lines_over in over

        send([14], spare_lines=7, padding=b"\xff")
        send([64] * 40, spare_lines=1, padding=b"\xa5")
        send([15] * 8)  # header and descriptors fill the line exactly
        send([15] * 9)  # one more: a second line
        send([60] * 58)
        send([63, 64, 65, 127, 128, 129], padding=b"\xff")
        check_captured(pmd, pcap, sent)


def tcp_frame(length, seed=1):
    """A TCP packet whose checksums are right, and the same with none in it."""
    frame = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02") / IP(
        src="10.0.0.1", dst="10.0.0.2", id=seed) / TCP(seq=seed) / Raw(bytes([seed & 255]) * length)
    right = bytes(frame)
    frame[IP].chksum = frame[TCP].chksum = 0
    return right, bytes(frame)


def test_driver_fulfils_our_requests(path, folder):
    """Frames with requests, and plain ones among them: what the driver delivers is all right."""
    pcap = os.path.join(folder, "out.pcap")
    request = Request(IP_CKSUM | L4_CKSUM, TCP_PROTO, 14, 34, 0, 0)
    sent = []
    with Member(path, GEO) as member, capturer(path, pcap) as pmd:
        member.start(n_txq=1, n_rxq=0)
        pmd.start_fwd()
        for number in range(200):
            pairs = [tcp_frame(length, number + length) for length in (0, 42 + number, 1, 700)]
            requests = [request if (number >> i) % 2 else None for i in range(4)]
            sent += [right for right, _ in pairs]
            member.lane(0).send([bare if req else right for (right, bare), req
                                 in zip(pairs, requests)], requests=requests, padding=b"\xff")
        check_captured(pmd, pcap, sent)


@pytest.mark.parametrize("request_", [
    (L4_CKSUM, UDP_PROTO, 14, 38, 0, 0),             # the IP header is shorter
    (L4_CKSUM, TCP_PROTO, 12, 34, 0, 0),             # no IP header there
    (IP_CKSUM | L4_CKSUM, TCP_PROTO, 14, 54, 0, 0),  # as if it were IPv6
    (IP_CKSUM, 0, 0, 20, 0, 0),
], ids=str)
def test_requests_that_do_not_fit(path, folder, request_):
    """A request that could be, but not of this frame: the frame is dropped and counted."""
    pcap = os.path.join(folder, "out.pcap")
    right, bare = tcp_frame(100)
    with Member(path, GEO) as member, capturer(path, pcap) as pmd:
        member.start(n_txq=1, n_rxq=0)
        pmd.start_fwd()
        member.lane(0).send([right, bare, right], requests=[None, request_, None])
        pmd.wait_port_stat(1, "tx_packets", 2)
        assert pmd.port_xstats(0)["rx_corrupt"] == 1
        assert pmd.port_stats(0)["rx_missed"] == 0
        pmd.stop_fwd()
        assert fr.read_pcap(pcap) == [right, right]


def test_two_lanes_and_longest_frame(path, folder):
    """Two lanes of one slot, and the longest frame that lanes of this size carry."""
    pcap = os.path.join(folder, "out.pcap")
    with Member(path, GEO) as member, \
            capturer(path, pcap, mbuf_size=GEO.frame_max + 128, mbufs=2048) as pmd:
        pmd.cmd("port config mtu 0 9000")
        member.start(n_txq=2, n_rxq=0)
        pmd.start_fwd()
        sent = [fr.make_frames(fr.random_lengths(300, seed=q), seed=q) for q in (0, 1)]
        for number in range(300):
            member.lane(number % 2).send([sent[number % 2][number // 2]])
            member.lane(1 - number % 2).send([sent[1 - number % 2][number // 2 + 150]])
        too_long, fits = fr.make_frames([9023, 9022], seed=9)
        member.lane(0).send([too_long])
        member.lane(0).send([fits])
        member.lane(1).send(fr.make_frames([GEO.frame_max]))
        pmd.wait_port_stat(0, "rx_packets", 601)
        pmd.wait_port_stat(0, "rx_errors", 2)
        pmd.wait_port_stat(1, "tx_packets", 601)
        pmd.stop_fwd()
        assert pmd.port_xstats(0)["rx_too_long"] == 2
        captured = fr.read_pcap(pcap)
        assert sorted(captured) == sorted(sent[0] + sent[1] + [fits])


def test_we_receive_what_the_driver_sends(path, folder):
    """A cursor of ours holds the sender back: at full speed nothing is lost, in two queues."""
    inputs = fr.make_frames(fr.random_lengths(1009))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    numbers = {data: number for number, data in enumerate(inputs)}
    with Member(path, GEO) as member, generator(path, [pcap]) as pmd:
        lane = 1 * GEO.queues
        member.start(n_txq=0, n_rxq=2)
        receiver = member.receiver(1, lane)
        last = [-1]

        def take(frames):
            for frame in frames:
                # testpmd drops what does not fit into the lane, so that numbers may be left out
                number = numbers[frame.data]
                assert number != last[0]
                last[0] = number
        pmd.start_fwd()

        def enough():
            deadline = time.monotonic() + 0.2
            while time.monotonic() < deadline:
                take(receiver.receive())
            return receiver.frames >= 20000
        pmd.poll(enough, "to receive 20000 frames")
        since = pmd.mark()
        pmd.write("stop\n")  # we may not wait for its end: it might wait for us
        while "Done." not in pmd.log[since:]:
            take(receiver.receive())
        take(receiver.receive_all())
        stats = pmd.port_stats(1)
        assert receiver.frames == stats["tx_packets"] > 20000
        assert (receiver.missed, receiver.overruns, receiver.corrupt) == (0, 0, 0)
        xstats = pmd.port_xstats(1)
        assert xstats["tx_paused"] > 0
        assert (xstats["tx_pause_timeouts"], xstats["tx_pause_dead"]) == (0, 0)


def test_cursor_that_does_not_move(path, folder):
    """A cursor of ours that stands still delays the driver once, and then counts what it missed."""
    inputs = fr.make_frames(fr.random_lengths(101))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    with Member(path, GEO) as member, \
            generator(path, [pcap], pause_ms=300) as pmd:
        member.start(n_txq=0, n_rxq=1)
        receiver = member.receiver(0, 1 * GEO.queues)
        pmd.start_fwd()
        pmd.poll(lambda: pmd.port_xstats(1)["tx_paused"] > 0, "the sender to be held back")
        held = LaneReader(member.bus, 1 * GEO.queues).tail
        assert held <= GEO.lane_size
        pmd.poll(lambda: pmd.port_xstats(1)["tx_pause_timeouts"] == 1, "the cursor to be given up")
        pmd.wait_port_stat(1, "tx_packets", 50000)
        pmd.stop_fwd()
        got = receiver.receive_all()
        assert receiver.overruns == 1
        assert receiver.frames + receiver.missed == pmd.port_stats(1)["tx_packets"]
        assert all(frame.data in inputs for frame in got)


def test_driver_takes_over_our_slot(path, folder):
    """A port of ours dies; testpmd takes its slot and goes on with its numbers and positions."""
    inputs = fr.make_frames(fr.random_lengths(307))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    frames = fr.make_frames(fr.random_lengths(500), seed=2)
    dead = Member(path, GEO, name="dead")
    dead.start(n_txq=1, n_rxq=2)
    dead.receiver(1, 4)
    for burst in bursts(frames, GEO):
        dead.lane(0).send(burst)
    tail, seq = dead.lane(0).tail, dead.lane(0).seq
    dead.close()
    with Bus(path) as bus:
        port, = bus.ports()
        assert (port.slot, port.alive, port.name, seq) == (0, False, "dead", len(frames))
        with generator(path, [pcap], log_level="pmd.net.shmbus:info") as pmd:
            assert "taken over from a dead port" in pmd.log
            port, = bus.ports()
            assert (port.slot, port.alive, port.incarnation) == (0, True, 2)
            assert bus.stamp(0) == (tail, seq)
            reader = LaneReader(bus, 0)
            pmd.start_fwd()
            pmd.wait_port_stat(1, "tx_packets", 10000)
            pmd.stop_fwd()
            sent = pmd.port_stats(1)["tx_packets"]
            for frame in reader.receive_all():
                assert frame.data == inputs[(frame.seq - seq) % len(inputs)]
            assert reader.frames + reader.missed == sent
            assert bus.stamp(0)[1] == seq + sent


@pytest.mark.parametrize("bursts_before", [4, 5])
@pytest.mark.parametrize("with_seq", [False, True])
def test_owner_died_before_publishing(path, folder, bursts_before, with_seq):
    """The last owner had written the next stamp, whole or half, but not yet the tail."""
    pcap = os.path.join(folder, "in.pcap")
    inputs = fr.make_frames([64] * 10)
    fr.write_pcap(pcap, inputs)
    dead = Member(path, GEO)
    dead.start(n_txq=1, n_rxq=0)
    lane = dead.lane(0)
    for _ in range(bursts_before):
        lane.send(fr.make_frames([100, 200, 300]))
    lane.die_before_publishing(5, with_seq)
    dead.close()
    with Bus(path) as bus, generator(path, [pcap]) as pmd:
        sent = send(pmd, 5000)
        check_held(bus, 0, sent, inputs, base=3 * bursts_before)


def test_we_take_over_the_drivers_slot(path, folder):
    """testpmd is killed in full traffic; we go on in its lane, and a third port sees no seam."""
    inputs = fr.make_frames(fr.random_lengths(307))
    source, pcap = os.path.join(folder, "in.pcap"), os.path.join(folder, "out.pcap")
    fr.write_pcap(source, inputs)
    more = fr.make_frames(fr.random_lengths(1000), seed=2)
    with generator(path, [source], on=0, devargs=",ports=2,queues=1,lane_size=64K") as killed, \
            capturer(path, pcap) as pmd:
        pmd.start_fwd()
        killed.start_fwd()
        killed.wait_port_stat(1, "tx_packets", 5000)
        killed.kill()
        with Member(path, name="heir") as heir:
            assert (heir.slot, heir.took_over) == (0, True)
            heir.start(n_txq=1, n_rxq=0)
            seq = heir.lane(0).seq
            assert seq >= 5000
            for burst in bursts(more, heir.geo):
                heir.lane(0).send(burst)
            pmd.wait_port_stat(1, "tx_packets", seq + len(more))
            stats = pmd.port_stats(0)
            assert stats["rx_packets"] == seq + len(more)
            assert (stats["rx_missed"], stats["rx_errors"]) == (0, 0)
        pmd.stop_fwd()
        captured = fr.read_pcap(pcap)
        assert captured[seq:] == more
        numbers = {data: number for number, data in enumerate(inputs)}
        assert all(frame in numbers for frame in captured[:seq])


def test_slots_run_out(path):
    """We hold every slot; testpmd is refused, and gets one when we leave."""
    geo = Geometry(ports=2, queues=1, lane_size=1 << 16)
    with Member(path, geo, name="one") as one, Member(path, name="two") as two:
        assert (one.slot, two.slot) == (0, 1)
        with testpmd("net_null0") as pmd:
            output = pmd.cmd(f"port attach net_shmbus0,path={path}")
            assert "no free slot" in output and "ports=2" in output
            two.leave()
            port = pmd.attach(f"net_shmbus0,path={path}")
            assert locked_by_other(one.bus.fd, geo.port(1))
            assert one.bus.state(1) == ATTACHED
            pmd.detach(port)
            assert one.bus.state(1) == 0


@pytest.mark.parametrize("ports,queues,lane_size", [
    (1, 1, 1 << 16), (7, 3, 1 << 17), (32, 4, 1 << 22), (256, 2, 1 << 16), (2, 64, 1 << 18)])
def test_both_make_the_same_file(folder, ports, queues, lane_size):
    """An empty bus of ours and one of the driver's differ in date and identity only."""
    paths = [os.path.join(folder, name) for name in ("ours", "theirs")]
    Member(paths[0], Geometry(ports, queues, lane_size)).leave()
    devargs = f",ports={ports},queues={queues},lane_size={lane_size}"
    with testpmd(f"net_shmbus0,path={paths[1]}{devargs}"):
        pass
    headers = []
    for name in paths:
        with open(name, "rb") as f:
            headers.append(f.read(4096))
    assert headers[0][:80] == headers[1][:80]
    assert headers[0][104:] == headers[1][104:] == bytes(4096 - 104)
    assert headers[0][88:104] != headers[1][88:104]
    sizes = [os.stat(name).st_size for name in paths]
    assert sizes[0] == sizes[1] == Geometry(ports, queues, lane_size).file_size
    for name in paths:
        with Bus(name) as bus:
            assert bus.ports() == []
            assert held_frames(bus, 0)[0] == []


def test_half_made_bus(path):
    """A creator died after its first step: the driver makes the file a bus, and so do we."""
    for number in range(2):
        with open(path, "wb") as f:
            f.write(b"SHMBUS0\n" + b"\xee" * 3000)
        if number == 0:
            with testpmd(f"net_shmbus0,path={path},ports=3,queues=1"), Bus(path) as bus:
                assert (bus.geo.ports, bus.ports()[0].alive) == (3, True)
                assert not any(bus.view[104:4096])
        else:
            with Member(path, GEO) as member:
                assert member.geo.ports == GEO.ports
                assert not any(member.bus.view[104:4096])
