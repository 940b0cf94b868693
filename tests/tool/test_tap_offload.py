# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus tap: checksums and segmentation that kernels leave to each other, over lanes."""

import os
import re
import signal
import socket
import struct
import sys

import eal
import netns
import pytest
from netns import Netns, Tap
from process import poll
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import PcapReader
from test_tap import ADDRESSES, MB, joined, ping, transfer
from tool import LIMIT_S, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import lanes_file as lf  # noqa: E402
from lanes_port import Member  # noqa: E402

pytestmark = pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))

L4_CKSUM, SEGMENT = 2, 4
FLOOD_UDP = """
import socket, sys
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for n in range(1, 60):
            s.sendto(bytes(range(n)), (address, 9))
"""


@pytest.fixture
def pair():
    with Netns() as one, Netns() as two:
        yield one, two


def counted(tap, direction):
    """Frames, bytes and dropped frames so far: direction is "to bus" or "bus to"."""
    since = tap.mark()
    tap.signal(signal.SIGUSR1)
    head = r"^\S+ to bus" if direction == "to bus" else r"^bus to \S+"
    found = tap.wait_for(head + r": (\d+) frames, (\d+) bytes, (\d+) dropped.*\n", LIMIT_S, since)
    return tuple(map(int, found.groups()))


def are_right(frame):
    """Whether lengths and checksums of a frame are what scapy makes of it."""
    built = Ether(bytes(frame))
    for layer in (IP, TCP, UDP):
        if layer in built:
            del built[layer].chksum
    for layer, field in ((IP, "len"), (IPv6, "plen"), (UDP, "len")):
        if layer in built:
            built[layer].delfieldval(field)
    return bytes(Ether(bytes(built)))[:len(bytes(frame))] == bytes(frame)


def test_packets_cross_in_one_piece(make_bus, pair, folder, counts):
    """TCP packets are long between two kernels, and legal frames with checksums for everybody else."""
    path = make_bus().path
    seen = os.path.join(folder, "seen.pcap")
    with joined(path, pair) as (one, _):
        transfer(pair, ADDRESSES[1][0], 2 * MB)
        frames, octets, dropped = counted(one, "to bus")
        assert dropped == 0 and octets > 2 * MB
        assert octets / frames > 6000, "the kernel's packets were cut"
        transfer(pair, ADDRESSES[1][1], MB // 4)
        pair[0].run("/usr/bin/python3", "-c", FLOOD_UDP, *ADDRESSES[1])
        # the bus still holds all of it
        shmbus("dump", path, "--format", "pcap", "-w", seen)
    kinds = {TCP: 0, UDP: 0, IPv6: 0}
    with PcapReader(seen) as capture:
        for number, frame in enumerate(capture):
            assert len(frame) <= 1514
            # all of the short part, and some of the long one
            if TCP in frame and IP in frame and number % 20 != 0:
                continue
            assert are_right(frame), frame.show(dump=True)
            for kind in kinds:
                kinds[kind] += kind in frame
    assert kinds[TCP] > 200 and kinds[UDP] >= 118 and kinds[IPv6] > 200
    counts(f"{octets // frames} bytes in a packet; {kinds[TCP]} of TCP and {kinds[UDP]} of UDP verified")


def test_lanes_shorter_than_packets(folder, pair):
    """Packets that do not fit become frames that do."""
    path = os.path.join(folder, "bus")
    Member(path, lf.Geometry(ports=4, queues=1, lane_size=1 << 16)).close()
    with joined(path, pair) as (one, other):
        for address in ADDRESSES[1]:
            transfer(pair, address, MB)
        assert counted(one, "to bus")[2] == 0
        assert counted(other, "bus to")[2] == 0


def test_inside_of_a_tunnel(bus, pair):
    """The checksum inside of VXLAN is none that an offload can express: tap completes it."""
    with joined(bus.path, pair, "--mtu", 1600) as taps:
        for ns, tap, number in zip(pair, taps, (1, 2)):
            try:
                ns.ip("link", "add", "vx", "type", "vxlan", "id", 7, "dstport", 4789, "remote",
                      f"10.9.0.{3 - number}", "dev", tap.device)
            except AssertionError:
                pytest.skip("the kernel has no VXLAN")
            ns.ip("address", "add", f"10.5.0.{number}/24", "dev", "vx")
            ns.ip("link", "set", "vx", "mtu", 1500, "up")
        ping(pair[0], "10.5.0.2")
        transfer(pair, "10.5.0.2", MB)


def datagram(mac, sport):
    frame = Ether(dst=mac, src="02:00:00:00:00:99") / IP(src="10.9.0.9", dst="10.9.0.1") / \
        UDP(sport=sport, dport=9) / (b"x" * 1000)
    return bytearray(bytes(frame))


def test_frames_that_lie(folder):
    """Frames that do not match their requests are dropped and counted, and the others go on."""
    path = os.path.join(folder, "bus")
    geo = lf.Geometry(ports=4, queues=1, lane_size=1 << 20)
    with Netns() as ns, Member(path, geo) as member:
        member.start(1, 1)
        with Tap(path, "-N", ns.name, "--address", "10.9.0.1/24") as tap:
            mac = "ff:ff:ff:ff:ff:ff"
            right = datagram(mac, 1)
            no_ip, long_ip, segment = bytearray(right), bytearray(right), bytearray(right)
            no_ip[14] = 0x55
            long_ip[16:18] = struct.pack(">H", 60000)
            udp = (L4_CKSUM, socket.IPPROTO_UDP, 14, 34, 0, 0)
            # TCP, of which the header says that it has 60 bytes: the kernel gets no more than there is
            segment[23] = socket.IPPROTO_TCP
            tcp = (L4_CKSUM | SEGMENT, socket.IPPROTO_TCP, 14, 34, 94, 1)
            for frame, request in ((no_ip, udp), (long_ip, udp), (right, udp), (segment, tcp)):
                member.lane(0).send([bytes(frame)], requests=[request])
            member.lane(0).send([bytes(right)])
            poll(lambda: sum(counted(tap, "bus to")[::2]) >= 5, "the frames", LIMIT_S)
            frames, _, dropped = counted(tap, "bus to")
            assert (frames, dropped) in ((3, 2), (2, 3))
            # and it goes on
            member.lane(0).send([bytes(right)])
            poll(lambda: counted(tap, "bus to")[0] == frames + 1, "one more frame", LIMIT_S)
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
    assert re.search(r"^bus to \S+: \d+ frames", tap.log, re.M)
