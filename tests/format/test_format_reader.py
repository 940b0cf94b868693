# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What the driver writes, the independent reader reads: the same frames, in order, by number."""

import os
import subprocess
import time

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

import sample_frames as fr
from apps import testpmd
from ends import check_held, generator, laps, send
from lanes_file import (
    CHUNKS, IP_CKSUM, L4_CKSUM, LINE, MAGIC, RECORD_MAX, Bus, BusError, Geometry)
from lanes_file import TCP as TCP_PROTO
from lanes_file import UDP as UDP_PROTO
from lanes_port import Member
from lanes_reader import LaneReader, held_frames
from process import poll

HERE = os.path.dirname(os.path.abspath(__file__))


def test_every_frame_before_the_first_wrap(path, folder):
    """A capture file goes through once: all of it is there, from number 0 on."""
    inputs = fr.make_frames(fr.random_lengths(500))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    with generator(path, [pcap], infinite=False) as pmd:
        assert send(pmd, len(inputs)) == len(inputs)
        with Bus(path) as bus:
            held, reader = held_frames(bus, 0)
            assert [frame.data for frame in held] == inputs
            assert [frame.seq for frame in held] == list(range(len(inputs)))
            assert (reader.corrupt, bus.head(0), laps(bus, 0)) == (0, 0, 0)
            assert bus.lane_word(0, 40) == sum(map(len, inputs))
            # Another lane was not used, and holds nothing.
            assert held_frames(bus, 1)[0] == []


@pytest.mark.parametrize("lane_size,longest,mtu", [
    (1 << 16, 1514, None), (1 << 20, 1514, None), (1 << 17, 9014, 9000)])
def test_wrapped_ring(path, folder, lane_size, longest, mtu):
    """Frames of all lengths, many times around: what the ring holds is what was sent last."""
    inputs = fr.make_frames(fr.random_lengths(1009, longest=longest))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    options = {"mbuf_size": 9216, "mbufs": 4096} if mtu else {}
    with generator(path, [pcap], devargs=f",ports=4,queues=2,lane_size={lane_size}",
                **options) as pmd:
        if mtu:
            pmd.cmd(f"port config mtu 1 {mtu}")
        sent = 0
        for _ in range(3):
            sent += send(pmd, 20 * len(inputs))
            with Bus(path) as bus:
                assert bus.geo.lane_size == lane_size
                assert laps(bus, 0) >= 3
                held = check_held(bus, 0, sent, inputs)
                # At most a chunk is given up at once, and the oldest mark may be the next chunk's.
                lines = sum(-(-len(frame.data) // 64) * 64 for frame in held)
                assert lines > lane_size * (CHUNKS - 3) // CHUNKS - longest - 64


def test_txonly_and_flowgen(path):
    """testpmd's own generators: equal frames, and flows that count up from frame to frame."""
    with testpmd(f"net_shmbus0,path={path},lane_size=64K,mac=02:00:00:00:00:77") as pmd, \
            Bus(path) as bus:
        for length in (64, 1518):
            before = pmd.port_stats(0)["tx_packets"]
            pmd.set_fwd("txonly")
            pmd.set_txpkts(length)
            pmd.start_fwd()
            pmd.wait_port_stat(0, "tx_packets", before + 100000)
            pmd.stop_fwd()
            held = check_held(bus, 0, pmd.port_stats(0)["tx_packets"], None)
            assert len({frame.data for frame in held}) == 1
            assert len(held[0].data) == length
            assert held[0].data[6:14] == bytes.fromhex("020000000077" "0800")
        pmd.set_fwd("flowgen")
        pmd.set_txpkts(64)
        before = bus.stamp(0)[1]
        pmd.start_fwd()
        pmd.wait_port_stat(0, "tx_packets", before + 100000)
        pmd.stop_fwd()
        held = check_held(bus, 0, pmd.port_stats(0)["tx_packets"], None)
        flows = [int.from_bytes(frame.data[30:34], "big") for frame in held]
        steps = {b - a for a, b in zip(flows, flows[1:])}
        assert len(set(flows)) > 100
        assert steps <= {1, min(flows) - max(flows)}
        assert laps(bus, 0) > 100


def test_requests(path, folder):
    """A sender that leaves the checksums to others says where the headers are."""
    inputs = [bytes(Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02") / (
        IP(src="10.0.0.1", dst="10.0.0.2") if number % 3 else IPv6(src="fd00::1", dst="fd00::2"))
        / (UDP() if number % 2 else TCP()) / Raw(bytes(number))) for number in range(60)]
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    with generator(path, [pcap], infinite=False) as pmd, Bus(path) as bus:
        pmd.cmd("port stop 1")
        for name in ("ip", "udp", "tcp"):
            pmd.cmd(f"csum set {name} hw 1")
        pmd.cmd("port start 1")
        pmd.set_fwd("csum")
        assert send(pmd, len(inputs)) == len(inputs)
        held, reader = held_frames(bus, 0)
        assert (len(held), reader.corrupt) == (len(inputs), 0)
        for number, frame in enumerate(held):
            assert len(frame.data) == len(inputs[number])
            flags = IP_CKSUM | L4_CKSUM if number % 3 else L4_CKSUM
            assert frame.request == (flags, UDP_PROTO if number % 2 else TCP_PROTO, 14,
                                     34 if number % 3 else 54, 0, 0)


def test_longest_record(path):
    """A record is shorter than 16 MiB; the reader refuses a longer one, and goes on behind it."""
    geo = Geometry(ports=2, queues=1, lane_size=1 << 26)
    frame = bytes(range(100))
    most = RECORD_MAX // LINE - 3  # lines behind the header and the frame
    with Member(path, geo) as member:
        reader = LaneReader(member.bus, 0)
        for spare_end, expected in ((most, [frame]), (most + 1, []), (0, [frame]), (2 * most, [])):
            for requests in (None, [(IP_CKSUM, 0, 14, 34, 0, 0)]):
                before = reader.corrupt
                member.lane(0).send([frame], requests=requests, spare_end=spare_end)
                assert [got.data for got in reader.receive_all()] == expected
                assert reader.corrupt - before == (not expected)
                assert reader.pos == member.lane(0).tail


def test_several_lanes(path, folder):
    """Two processes with two Tx queues each: four lanes, none with a frame of another."""
    with testpmd(f"net_shmbus0,path={path},ports=4,queues=3,lane_size=128K", name="first"):
        inputs = {}
        pmds = []
        try:
            for slot in (1, 2):
                pcaps = []
                for queue in (0, 1):
                    lane = slot * 3 + queue
                    inputs[lane] = fr.make_frames(fr.random_lengths(211, seed=lane), seed=lane)
                    pcaps.append(os.path.join(folder, f"{lane}.pcap"))
                    fr.write_pcap(pcaps[-1], inputs[lane])
                pmds.append(generator(path, pcaps, devargs=",pause=off",
                                      name=f"sender{slot}").start())
            for pmd in pmds:
                pmd.start_fwd()
            for pmd in pmds:
                pmd.wait_port_stat(1, "tx_packets", 20000)
            with Bus(path) as bus:
                for slot, pmd in enumerate(pmds, 1):
                    pmd.stop_fwd()
                    queues = pmd.queue_stats(1)
                    for queue in (0, 1):
                        lane = slot * 3 + queue
                        check_held(bus, lane, queues["tx", queue]["packets"], inputs[lane])
                        assert laps(bus, lane) > 2
                    assert bus.tail(slot * 3 + 2) == 0
                found = {port.slot: port for port in bus.ports()}
                assert sorted(found) == [0, 1, 2]
                assert [found[slot].n_txq for slot in (0, 1, 2)] == [1, 2, 2]
                assert found[1].name == "net_shmbus_sender1"
                assert found[1].mac.hex(":") == pmds[0].port_info(1)["mac"].lower()
                assert all(port.alive and port.incarnation == 1 for port in found.values())
            for pmd in pmds:
                pmd.close()
        finally:
            for pmd in pmds:
                pmd.close(check=False, graceful=False)


def test_dead_writers(path, folder):
    """Senders killed in full traffic: what they published is whole, and the next one goes on."""
    inputs = fr.make_frames(fr.random_lengths(499))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    base = 0
    for owner in range(1, 6):
        with generator(path, [pcap], devargs=",lane_size=64K" if owner == 1 else "") as pmd:
            pmd.start_fwd()
            pmd.wait_port_stat(1, "tx_packets", 20000)
            pmd.kill()
        with Bus(path) as bus:
            tail, seq = bus.stamp(0)
            assert seq >= base + 20000
            check_held(bus, 0, seq - base, inputs, base)
            port, = bus.ports()
            assert (port.slot, port.alive, port.incarnation) == (0, False, owner)
            base = seq
            assert tail > owner * 10 * bus.geo.lane_size


def test_on_hugetlbfs(hugetlbfs, folder):
    """There the lanes begin on a huge page, and are at least one long."""
    path = os.path.join(hugetlbfs, "bus")
    page = os.statvfs(hugetlbfs).f_bsize
    inputs = fr.make_frames(fr.random_lengths(499))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    try:
        with generator(path, [pcap], devargs=f",ports=2,queues=1,lane_size={page}") as pmd:
            sent = send(pmd, 4 * page // 700)
            with Bus(path) as bus:
                assert bus.geo.data_off % page == 0
                assert laps(bus, 0) > 1
                check_held(bus, 0, sent, inputs)
    finally:
        if os.path.exists(path):
            os.unlink(path)


def test_follow_live(path, folder):
    """A reader that looks on at full speed: nothing torn, and what it missed it knows exactly."""
    inputs = fr.make_frames(fr.random_lengths(1009))
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    with generator(path, [pcap], devargs=",lane_size=256K") as pmd, Bus(path) as bus:
        reader = LaneReader(bus, 0)
        assert reader.seq == 0
        pmd.start_fwd()

        def enough():
            deadline = time.monotonic() + 0.2
            while time.monotonic() < deadline:
                for frame in reader.receive():
                    assert frame.data == inputs[frame.seq % len(inputs)], f"frame {frame.seq}"
            return reader.frames >= 10000 and reader.overruns >= 10
        pmd.poll(enough, "to receive frames and be overtaken")
        pmd.stop_fwd()
        for frame in reader.receive_all():
            assert frame.data == inputs[frame.seq % len(inputs)]
        assert reader.frames + reader.missed == pmd.port_stats(1)["tx_packets"]
        assert reader.corrupt == 0


def test_ports_come_and_go(path):
    """The port table and the roster follow a port's life."""
    with testpmd(f"net_shmbus0,path={path}", queues=2) as pmd, Bus(path) as bus:
        def state(slot=0):
            return bus.state(slot)
        assert state() == 0b1111
        seen = bus.roster(0)
        pmd.cmd("set link-down port 0")
        assert state() == 0b0011
        pmd.cmd("set link-up port 0")
        assert state() == 0b1111
        pmd.cmd("port stop 0")
        assert state() == 0b0001
        assert (bus.ports()[0].n_txq, bus.ports()[0].n_rxq) == (0, 0)
        pmd.cmd("mac_addr set 0 02:00:00:00:00:99")
        assert bus.ports()[0].mac.hex(":") == "02:00:00:00:00:99"
        pmd.cmd("port start 0")
        assert state() == 0b1111
        assert (bus.ports()[0].n_txq, bus.ports()[0].n_rxq) == (2, 2)
        assert bus.roster(0) >= seen + 6
        second = pmd.attach(f"net_shmbus1,path={path}")
        assert [port.name for port in bus.ports()] == ["net_shmbus0", "net_shmbus1"]
        pmd.detach(second)
        poll(lambda: state(1) == 0, "the second port to leave")
        assert [port.alive for port in bus.ports()] == [True]


# Files that are no bus


def forge(path, change=None, size=None):
    """An empty bus, made here; `change` gets its header as a bytearray."""
    geo = Geometry(ports=2, queues=1, lane_size=1 << 16)
    header = bytearray(256)
    header[0:8] = MAGIC
    for off, width, value in (
            (8, 4, 1), (12, 4, 2), (16, 4, 1), (24, 8, 1 << 16), (32, 8, geo.roster_off),
            (40, 8, geo.port_off), (48, 8, geo.lane_off), (56, 8, geo.cursor_off),
            (64, 8, geo.data_off), (72, 8, geo.file_size)):
        header[off:off + width] = value.to_bytes(width, "little")
    if change:
        change(header)
    with open(path, "wb") as f:
        f.write(header)
        f.truncate(geo.file_size if size is None else size)


def patch(off, value, width=4):
    def change(header):
        header[off:off + width] = value.to_bytes(width, "little")
    return change


@pytest.mark.parametrize("change,complaint", [
    (patch(0, 0xca11d054), "begins with"),
    (patch(8, 3), "version 3"),
    (patch(12, 0), "out of range"),
    (patch(12, 257), "out of range"),
    (patch(16, 65), "out of range"),
    (patch(24, 3 << 16, 8), "no power of two"),
    (patch(24, 1 << 12, 8), "no power of two"),
    (patch(40, 4096, 8), "not where they should be"),
    (patch(64, 4096, 8), "data_off"),
    (patch(64, 1 << 40, 8), "data_off"),
    (patch(72, 4096, 8), "file_size"),
])
def test_reader_refuses(path, change, complaint):
    forge(path, change)
    with pytest.raises(BusError, match=complaint):
        Bus(path)


def test_reader_refuses_short_files(path):
    forge(path, size=100)
    with pytest.raises(BusError, match="only 100 bytes"):
        Bus(path)
    forge(path, size=70000)
    with pytest.raises(BusError, match="truncated"):
        Bus(path)


def test_reader_of_an_empty_bus(path):
    forge(path)
    with Bus(path) as bus:
        assert bus.ports() == []
        assert held_frames(bus, 1)[0] == []
        assert LaneReader(bus, 0).seq == 0


def test_command(path, folder):
    """The reader as a command prints the same."""
    inputs = fr.make_frames([64, 1514, 300])
    pcap = os.path.join(folder, "in.pcap")
    fr.write_pcap(pcap, inputs)
    with generator(path, [pcap], infinite=False) as pmd:
        send(pmd, len(inputs))
        printed = subprocess.run([os.path.join(HERE, "lanes_reader.py"), path], check=True,
                                 capture_output=True, text=True, timeout=60).stdout
    lines = [line.split() for line in printed.splitlines() if line.startswith("  ")]
    assert [(line[0], line[2]) for line in lines] == [("0", "64"), ("1", "1514"), ("2", "300")]
    assert "slot 0: net_shmbus_generator, pid" in printed
    bad = subprocess.run([os.path.join(HERE, "lanes_reader.py"), pcap], check=False,
                         capture_output=True, text=True, timeout=60)
    assert bad.returncode == 1 and "begins with" in bad.stderr
