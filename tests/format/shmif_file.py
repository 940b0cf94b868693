# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A bus file of NetBSD's shmif driver: where everything lies, and what must be true of it.

Shares nothing with the driver. Whoever reads a bus on which others write holds its lock
meanwhile (see shmif_peer.py): nothing here looks whether what it has read still stands.

    header   u32 magic, u32 version, u64 gen, u32 first, u32 last, u32 lock, u32 spare
    data     DATA_SIZE bytes, round and round: records back to back, at any offset

`first` and `last` are where the oldest and the newest record begin. `first` is DATA_SIZE, another
name of 0, until the data area has been filled once. Offsets count from the start of the data.
"""

import mmap
import os
import struct
from collections import namedtuple

MAGIC = 0xca11d054
VERSION = 3
FILE_SIZE = 1 << 20
HEADER = struct.Struct("=IIQIIII")
DATA_SIZE = FILE_SIZE - HEADER.size
O_MAGIC, O_VERSION, O_GEN, O_FIRST, O_LAST, O_LOCK, O_SPARE = 0, 4, 8, 16, 20, 24, 28

RECORD = struct.Struct("=III4sQ")  # len, sec, usec, padding, sender
RECORD_V2 = struct.Struct("=III")
FRAME_MAX = 1514
FRAME_MIN = 14  # receivers skip what is shorter
MASK64 = (1 << 64) - 1

Record = namedtuple("Record", "off len sec usec padding sender size")  # size: with its header
Frame = namedtuple("Frame", "sec usec sender data")


class ShmifError(Exception):
    """The file is no shmif bus, or not one in good order."""


def wrap(off):
    return off % DATA_SIZE


def _word(off, size):
    """A property for a word of the header; CPython loads and stores it with one move."""
    view = "u32" if size == 4 else "u64"

    def load(bus):
        return getattr(bus, view)[off // size]

    def store(bus, value):
        getattr(bus, view)[off // size] = value

    return property(load, store)


class Shmif:
    """An open and mapped bus file. `fd`: of the file, if it is open already; then it is ours."""

    magic = _word(O_MAGIC, 4)
    version = _word(O_VERSION, 4)
    gen = _word(O_GEN, 8)
    first = _word(O_FIRST, 4)
    last = _word(O_LAST, 4)
    lock = _word(O_LOCK, 4)
    spare = _word(O_SPARE, 4)

    def __init__(self, path, writable=False, fd=None, any_magic=False):
        self.path = path
        if fd is None:
            fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        self.fd = fd
        self.mmap = None
        try:
            size = os.fstat(fd).st_size
            if size != FILE_SIZE:
                raise ShmifError(f"{size} bytes instead of {FILE_SIZE}")
            self.mmap = mmap.mmap(fd, FILE_SIZE,
                                  access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        except BaseException:
            os.close(fd)
            raise
        self.view = memoryview(self.mmap)
        self.data = self.view[HEADER.size:]
        self.u32 = self.view.cast("I")
        self.u64 = self.view.cast("Q")
        if not any_magic and self.magic != MAGIC:
            magic = self.magic
            self.close()
            raise ShmifError(f"magic {magic:#x}")

    def close(self):
        if self.mmap is not None:
            for view in (self.u64, self.u32, self.data, self.view):
                view.release()
            self.mmap.close()
            self.mmap = None
            os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Records

    def bytes_at(self, off, length):
        """Bytes of the data area, put together from two pieces where they reach over the end."""
        off = wrap(off)
        piece = min(length, DATA_SIZE - off)
        return bytes(self.data[off:off + piece]) + bytes(self.data[:length - piece])

    def record(self, off):
        """The record that begins at an offset, whatever its fields may say."""
        if self.version == 2:
            length, sec, usec = RECORD_V2.unpack(self.bytes_at(off, RECORD_V2.size))
            return Record(off, length, sec, usec, b"", None, RECORD_V2.size + length)
        length, sec, usec, padding, sender = RECORD.unpack(self.bytes_at(off, RECORD.size))
        return Record(off, length, sec, usec, padding, sender, RECORD.size + length)

    def payload(self, record):
        return self.bytes_at(record.off + record.size - record.len, record.len)

    def end(self):
        """Where the next record will begin."""
        return wrap(self.last + self.record(self.last).size)

    def records(self):
        """The records, oldest to newest, with the one of no bytes that stands in a new bus."""
        off, left, last = wrap(self.first), DATA_SIZE, wrap(self.last)
        while True:
            record = self.record(off)
            if record.size > left:
                raise ShmifError(f"the record at {off} reaches around to the oldest: "
                                 f"{record.len} bytes")
            yield record
            if off == last:
                return
            left -= record.size
            off = wrap(off + record.size)

    def frames(self):
        """The frames, oldest to newest."""
        return [Frame(record.sec, record.usec, record.sender, self.payload(record))
                for record in self.records() if record.len > 0]


# What must be true of a bus whenever its lock is free


def _is_begun_anew(bus):
    """A repair can make a ring that is as a new bus's, but for the generation."""
    return bus.first == DATA_SIZE and bus.record(0).len == 0


def _header_problems(bus):
    if bus.magic != MAGIC:
        yield f"magic {bus.magic:#x}"
    if bus.version not in (0, 2, VERSION):
        yield f"version {bus.version}"
    if bus.lock not in (0, 1):
        yield f"lock {bus.lock}"
    if bus.last >= DATA_SIZE:
        yield f"last {bus.last} is beyond the data"
    if bus.gen == 0 and bus.first != DATA_SIZE:
        yield f"first {bus.first} in a bus that was never full"
    if bus.gen != 0 and bus.first >= DATA_SIZE and not _is_begun_anew(bus):
        yield f"first {bus.first} is beyond the data"
    if bus.first == bus.last or (bus.first == 0 and bus.last == DATA_SIZE):
        yield f"first and last are both {bus.last}"


def _record_problems(record, zero_padding):
    where = f"the record at {record.off}"
    if record.len > FRAME_MAX:
        yield f"{where} has {record.len} bytes"
    if record.usec >= 10 ** 6:
        yield f"{where} has {record.usec} microseconds"
    if any(record.padding) and zero_padding(record.sender):
        yield f"{where}, of {record.sender:#x}, has padding {record.padding.hex()}"


def _chain_problems(bus, zero_padding):
    """Does the way from the oldest record lead exactly to the newest, within the data area?"""
    held = 0
    try:
        for record in bus.records():
            yield from _record_problems(record, zero_padding)
            held += record.size
    except ShmifError as error:
        yield str(error)
        return
    if bus.gen == 0 and held >= DATA_SIZE:
        yield "the newest record reaches the end, but the generation is 0"
    # The oldest record only gives way to one that is written on top of it.
    if bus.gen != 0 and not _is_begun_anew(bus) and DATA_SIZE - held >= RECORD.size + FRAME_MAX:
        yield f"first is too far on: only {held} bytes are held"


def problems(bus, zero_padding=lambda sender: False):
    """Everything that is wrong with a bus, in words.

    zero_padding(sender): does this sender write zeros there? NetBSD does not.
    """
    found = list(_header_problems(bus))
    if bus.last < DATA_SIZE and bus.first <= DATA_SIZE:
        found += _chain_problems(bus, zero_padding)
    return found


def check(bus, zero_padding=lambda sender: False):
    """Raise ShmifError unless the bus is in good order."""
    found = problems(bus, zero_padding)
    if found:
        raise ShmifError("; ".join(found[:8]))
