# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Buses that NetBSD's rump kernels wrote, what its shmif_dumpbus read in them, and forged ones."""

import lzma
import os
import random
import struct

from shmif_file import (
    DATA_SIZE, FILE_SIZE, FRAME_MAX, HEADER, MAGIC, RECORD, RECORD_V2, VERSION, wrap)

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
PCAP_HEADER = struct.Struct("=IHHiIII")
PCAP_RECORD = struct.Struct("=IIII")

# What the header says, and how many records there are; the first of `few` is the one of no bytes.
SAMPLES = {
    "few": (0, 1048544, 976, 12),
    "wrapped": (4, 839822, 838073, 1404),
    "hdrsplit": (1, 139570, 139458, 11397),
    "exactend": (1, 32438, 32305, 11522),
}


def _unpack(name):
    with lzma.open(os.path.join(DATA, f"shmif_{name}.xz")) as f:
        return f.read()


def write_sample(name, path):
    with open(path, "wb") as f:
        f.write(_unpack(f"{name}.bus"))


def sample_pcap(name):
    """[(sec, usec, data)]; nothing was cut."""
    data = _unpack(f"{name}.pcap")
    magic, major, _, _, _, snaplen, linktype = PCAP_HEADER.unpack_from(data)
    assert (magic, major, linktype) == (0xa1b2c3d4, 2, 1)
    off = PCAP_HEADER.size
    frames = []
    while off < len(data):
        sec, usec, captured, length = PCAP_RECORD.unpack_from(data, off)
        assert captured == length <= snaplen
        off += PCAP_RECORD.size
        frames.append((sec, usec, data[off:off + length]))
        off += length
    assert off == len(data)
    return frames


def forge(path, frames, start=0, gen=1, version=VERSION, sender=1):
    """Write a bus that holds these frames and no others, the oldest at `start`.

    gen: as it was when the oldest was written.
    """
    data = bytearray(DATA_SIZE)
    off = last = wrap(start)
    for number, frame in enumerate(frames):
        last = off
        if version == 2:
            record = RECORD_V2.pack(len(frame), number, 0) + frame
        else:
            record = RECORD.pack(len(frame), number, 0, bytes(4), sender) + frame
        piece = min(len(record), DATA_SIZE - off)
        data[off:off + piece] = record[:piece]
        data[:len(record) - piece] = record[piece:]
        gen += off + len(record) >= DATA_SIZE
        off = wrap(off + len(record))
    with open(path, "wb") as f:
        f.write(HEADER.pack(MAGIC, version, gen, start, last, 0, 0))
        f.write(data)
    assert os.stat(path).st_size == FILE_SIZE


def random_frames(count, seed=1, shortest=14, longest=FRAME_MAX):
    """Frames of random length; no two are equal, as each bears its number."""
    luck = random.Random(seed)
    return [bytes(10) + struct.pack("=I", number) + luck.randbytes(luck.randint(shortest, longest)
                                                                  - 14)
            for number in range(count)]
