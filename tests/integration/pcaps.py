# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Frames made with scapy, and testpmd processes that bring them from a file to a bus and back."""

import contextlib
import functools
import os
import random

from apps import receives_exactly, testpmd
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import RawPcapReader, RawPcapWriter

# net_pcap knows no scattering: mbufs that hold the longest frame.
JUMBO = {"args": ("--max-pkt-len=9022", "--no-flush-rx"), "mbuf_size": 9344, "mbufs": 2048}
BUS, FILE = 0, 1  # the ports of a bridge


def write(path, frames):
    """A pcap file of these frames, bytes or scapy's."""
    with contextlib.closing(RawPcapWriter(path, linktype=1)) as writer:
        for frame in frames:
            writer.write(bytes(frame))


def read(path):
    """All frames of a pcap or pcapng file, as bytes."""
    reader = RawPcapReader(path)
    with contextlib.closing(reader):
        return [data for data, _ in reader]


def mixture(n, seed=1, dst=None):
    """n frames as they are met in the wild, and as they are not: from 14 to 9014 bytes."""
    return list(_mixture(n, seed, dst))


# scapy takes milliseconds for a frame.
@functools.cache
def _mixture(n, seed, dst):
    luck = random.Random(seed)

    def mac(first=0x02):
        return ":".join(f"{b:02x}" for b in [first] + [luck.randrange(256) for _ in range(5)])

    def payload(most):
        return Raw(luck.randbytes(luck.randint(0, most)))

    def frame():
        eth = Ether(dst=dst or mac(), src=mac())
        ip = IP(src="192.0.2.1", dst="198.51.100.2", id=luck.randrange(65536))
        return luck.choice([
            lambda: eth / ip / UDP(sport=1, dport=luck.randrange(65536)) / payload(1400),
            lambda: eth / ip / TCP(sport=2, dport=80, flags="PA") / payload(1400),
            lambda: eth / ip / ICMP() / payload(8900),
            lambda: eth / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP() / payload(1400),
            lambda: eth / Dot1Q(vlan=luck.randrange(4096), prio=5) / ip / UDP() / payload(1400),
            lambda: eth / Dot1AD(vlan=7) / Dot1Q(vlan=8) / ip / UDP() / payload(1400),
            lambda: Ether(dst=dst or "ff:ff:ff:ff:ff:ff", src=mac()) / ARP(pdst="192.0.2.9"),
            lambda: Ether(bytes(eth)[:12] + luck.randbytes(2)) / payload(60),
        ])()

    frames = [bytes(frame()) for _ in range(n - 4)]
    for length in (14, 64, 1514, 9014):
        head = bytes(Ether(dst=dst or mac(), src=mac(), type=0x88b5))
        frames.append(head + luck.randbytes(length - len(head)))
    luck.shuffle(frames)
    return tuple(frames)


def source(bus, path, **kwargs):
    """testpmd that will send the frames of a file to a bus."""
    return testpmd(bus.vdev(), f"net_pcap0,rx_pcap={path}", name="source", **JUMBO, **kwargs)


def sink(bus, path, **kwargs):
    """testpmd that writes what it receives from a bus into a file."""
    return testpmd(bus.vdev(), f"net_pcap0,tx_pcap={path}", name="sink", **JUMBO, **kwargs)


def carry(folder, frames, enter, leave, expected=None):
    """Send frames into a bus from a file, take them from a bus into a file; those that came out.

    enter(path) and leave(path) are the testpmds that do it; leave's starts first.
    """
    src, dst = os.path.join(folder, "in.pcap"), os.path.join(folder, "out.pcap")
    write(src, frames)
    expected = len(frames) if expected is None else expected
    with leave(dst) as last:
        last.set_fwd("io")
        last.start_fwd()
        with enter(src) as first:
            first.set_fwd("io")
            first.start_fwd()
            receives_exactly(first, FILE, len(frames))
            first.wait_port_stat(BUS, "tx_packets", len(frames))
        receives_exactly(last, BUS, expected)
        last.wait_port_stat(FILE, "tx_packets", expected)
    return read(dst)
