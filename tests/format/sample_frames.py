# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Frames for the tests, made by scapy, and the capture files that testpmd reads and writes."""

import random

from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter, RawPcapReader

ETHERTYPE = 0x88B5  # for local experiments


def make_frames(lengths, seed=1, first=0):
    """A frame of each length; no two are equal, as each bears its number."""
    rng = random.Random(seed)
    frames = []
    for number, length in enumerate(lengths, first):
        src = f"02:{seed & 255:02x}:" + number.to_bytes(4, "big").hex(":")
        header = Ether(dst="02:00:00:00:00:01", src=src, type=ETHERTYPE)
        frames.append(bytes(header / Raw(rng.randbytes(length - 14))))
        assert len(frames[-1]) == length
    return frames


def random_lengths(count, shortest=14, longest=1514, seed=1):
    rng = random.Random(seed)
    return [rng.randint(shortest, longest) for _ in range(count)]


def write_pcap(path, frames):
    with PcapWriter(path, linktype=1) as writer:
        for frame in frames:
            writer.write(Ether(frame))


def read_pcap(path):
    reader = RawPcapReader(path)
    try:
        return [data for data, _ in reader]
    finally:
        reader.close()
