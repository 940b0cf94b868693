# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A bus file of the lanes format, as docs/format.rst describes it: where everything lies.

Written from that page alone and sharing nothing with the driver: what the two agree on is what
the page says. Words are loaded and stored through memoryviews cast to their size, which CPython
does with one move each. The orders that the page asks for are x86's own (no load passes a load,
no store a store, a release is a plain store); where it asks for more, full_fence() gives it.
"""

import errno
import fcntl
import mmap
import os
import platform
import struct
import threading

MAGIC = b"SHMBUS1\n"
MAGIC_CREATING = b"SHMBUS0\n"
VERSION_HUB, VERSION_SWITCH = 1, 2

LINE = 64
CHUNKS = 16
MASK64 = (1 << 64) - 1
MASK32 = (1 << 32) - 1
LANE_SIZE_MIN = 1 << 16
LANE_SIZE_MAX = 1 << 30
FRAME_MIN = 14
FRAME_MAX = 65535
BURST_FRAMES_MAX = 1024
RECORD_MAX = (1 << 24) - LINE

# magic, version, ports, queues, deliver, lane_size, six offsets and sizes, created_ns, id, notice_off
HEADER = struct.Struct("=8sIIII8Q16sQ")
HEADER_SIZE = 256
PORT_SIZE = 256
LANE_SIZE = 256  # of a lane's entry
CURSOR_SIZE = 64
NOTICE_SIZE = 64
HUB, SWITCH = 0, 2  # deliver

# Bell
B_CHANGES, B_ENTRIES, B_RUNG = 256, 260, 320

# Port entry
P_STATE, P_PID, P_INCARNATION, P_MAC, P_N_TXQ, P_N_RXQ, P_ATTACHED, P_NAME, P_SLEEPING, P_SLEEPS = (
    0, 4, 8, 16, 24, 28, 32, 64, 128, 192)
ATTACHED, STARTED, LINK_UP, RX_CURSORS, RX_INTR, MIRROR = 1, 2, 4, 8, 16, 32

# Lane entry
L_TAIL, L_STAMP, L_BYTES, L_HEAD, L_PAUSES, L_ROOM, L_MARK = 0, 8, 40, 64, 72, 96, 128

# Cursor
C_POS, C_STATE, C_FRAMES, C_BYTES, C_MISSED, C_SKIPPED = 0, 8, 16, 24, 32, 40
ACTIVE = 1

# Burst record
BURST = struct.Struct("=QQQQ")  # shape, seq, tstamp_ns, pos
DESC_LEN, DESC_REQUEST = 0xffffff, 1 << 24
# Version 2
DESC_LEN_2, DESC_SLOT_SHIFT, DESC_DIRECTED = 0xffff, 16, 1 << 25
REQUEST = struct.Struct("=BBHHHH6x")  # flags, l4, l3_off, l4_off, data_off, segment
IP_CKSUM, L4_CKSUM, SEGMENT = 1, 2, 4
TCP, UDP = 6, 17

F_OFD_GETLK, F_OFD_SETLK = 36, 37
FLOCK = struct.Struct("@hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid

_fence = threading.Lock()


def full_fence():
    """A full memory fence: taking a lock is a locked instruction, which is one on x86."""
    if platform.machine() != "x86_64":
        raise NotImplementedError("full_fence() is for x86-64")
    with _fence:
        pass


class BusError(Exception):
    """The file is not what docs/format.rst says of a bus."""


def up(number, multiple):
    return (number + multiple - 1) // multiple * multiple


def above(a, b):
    """Is position a above position b?"""
    return 0 < (a - b) & MASK64 < 1 << 63


class Geometry:
    """The offsets that follow from ports, queues and lane_size."""

    def __init__(self, ports=32, queues=4, lane_size=1 << 22, page_size=4096, switch=False):
        if not 1 <= ports <= 256 or not 1 <= queues <= 64 or ports * queues > 4096:
            raise BusError(f"ports {ports}, queues {queues}: out of range")
        if lane_size & (lane_size - 1) or not LANE_SIZE_MIN <= lane_size <= LANE_SIZE_MAX:
            raise BusError(f"lane_size {lane_size}: out of range, or no power of two")
        self.version = VERSION_SWITCH if switch else VERSION_HUB
        self.switch = switch
        self.ports = ports
        self.queues = queues
        self.lanes = ports * queues
        self.lane_size = lane_size
        self.chunk = lane_size // CHUNKS
        self.burst_max = min(self.chunk, RECORD_MAX)
        self.frame_max = min(FRAME_MAX, lane_size // 4 - 2 * LINE)
        self.roster_off = 4096
        self.port_off = up(self.roster_off + 4 * ports, 4096)
        self.lane_off = up(self.port_off + PORT_SIZE * ports, 4096)
        self.notice_off = up(self.lane_off + LANE_SIZE * self.lanes, 4096)
        notices = ports * self.lanes if switch else 0
        self.cursor_off = up(self.notice_off + NOTICE_SIZE * notices, 4096)
        self.cursor_end = self.cursor_off + CURSOR_SIZE * self.lanes * self.lanes
        self.data_off = up(self.cursor_end, max(65536, page_size))
        self.file_size = self.data_off + self.lanes * lane_size

    def port(self, slot):
        return self.port_off + PORT_SIZE * slot

    def lane(self, lane):
        return self.lane_off + LANE_SIZE * lane

    def notice(self, slot, lane):
        return self.notice_off + NOTICE_SIZE * (slot * self.lanes + lane)

    def quarters(self, pos):
        """The low bits of a notice that says that a record ends at this position."""
        return pos // (self.lane_size // 4) % 64

    def cursor(self, slot, rxq, lane):
        return self.cursor_off + CURSOR_SIZE * ((slot * self.queues + rxq) * self.lanes + lane)

    def ring(self, lane):
        return self.data_off + self.lane_size * lane


def parse_header(data, file_size):
    """The geometry that a header states, or BusError."""
    if len(data) < HEADER_SIZE:
        raise BusError(f"only {len(data)} bytes")
    (magic, version, ports, queues, deliver, lane_size, roster_off, port_off, lane_off, cursor_off,
     data_off, stated_size, _, _, notice_off) = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BusError(f"begins with {magic!r}")
    if version not in (VERSION_HUB, VERSION_SWITCH):
        raise BusError(f"version {version}")
    if version == VERSION_SWITCH and deliver not in (HUB, SWITCH):
        raise BusError(f"deliver {deliver}")
    geo = Geometry(ports, queues, lane_size,
                   switch=version == VERSION_SWITCH and deliver == SWITCH)
    geo.version = version
    if geo.switch and notice_off != geo.notice_off:
        raise BusError("the notices are not where they should be")
    if (roster_off, port_off, lane_off, cursor_off) != (
            geo.roster_off, geo.port_off, geo.lane_off, geo.cursor_off):
        raise BusError("the tables are not where they should be")
    if data_off % 65536 or not geo.cursor_end <= data_off <= geo.cursor_end + LANE_SIZE_MAX:
        raise BusError(f"data_off {data_off}")
    geo.data_off = data_off
    geo.file_size = data_off + geo.lanes * lane_size
    if stated_size != geo.file_size:
        raise BusError(f"file_size {stated_size} instead of {geo.file_size}")
    if file_size < geo.file_size:
        raise BusError(f"truncated: {file_size} bytes of {geo.file_size}")
    return geo


# Locks of open file descriptions


def _lock_op(fd, op, kind, off):
    return FLOCK.unpack(fcntl.fcntl(fd, op, FLOCK.pack(kind, os.SEEK_SET, off, 1, 0)))


def try_lock(fd, off):
    """True if the byte's lock is ours now."""
    try:
        _lock_op(fd, F_OFD_SETLK, fcntl.F_WRLCK, off)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def drop_lock(fd, off):
    _lock_op(fd, F_OFD_SETLK, fcntl.F_UNLCK, off)


def locked_by_other(fd, off):
    return _lock_op(fd, F_OFD_GETLK, fcntl.F_RDLCK, off)[0] != fcntl.F_UNLCK


class Port:
    """What a port entry says, and the kernel."""

    def __init__(self, bus, slot):
        off = bus.geo.port(slot)
        self.slot = slot
        self.state = bus.u32[(off + P_STATE) // 4]
        self.pid = bus.u32[(off + P_PID) // 4]
        self.incarnation = bus.u64[(off + P_INCARNATION) // 8]
        self.mac = bytes(bus.view[off + P_MAC:off + P_MAC + 6])
        self.n_txq = min(bus.u32[(off + P_N_TXQ) // 4], bus.geo.queues)
        self.n_rxq = min(bus.u32[(off + P_N_RXQ) // 4], bus.geo.queues)
        self.attached_ns = bus.u64[(off + P_ATTACHED) // 8]
        name = bytes(bus.view[off + P_NAME:off + P_NAME + 64])
        self.name = name.partition(b"\0")[0].decode("utf-8", "replace")
        self.alive = locked_by_other(bus.fd, off)


class Bus:
    """An open and mapped bus file. `fd`: of the file, if it is open already; then it is ours."""

    def __init__(self, path, writable=False, fd=None):
        self.path = path
        if fd is None:
            fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW
                         | os.O_CLOEXEC)
        self.fd = fd
        self._mmap = None
        try:
            size = os.fstat(self.fd).st_size
            self.geo = parse_header(os.pread(self.fd, HEADER_SIZE, 0), size)
            self._mmap = mmap.mmap(self.fd, self.geo.file_size,
                                   access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        except BaseException:
            os.close(self.fd)
            raise
        self.view = memoryview(self._mmap)
        self.u64 = self.view.cast("Q")
        self.u32 = self.view.cast("I")

    def close(self):
        """Unmap and close; locks that came with the descriptor go with it."""
        if self._mmap is not None:
            self.u64.release()
            self.u32.release()
            self.view.release()
            self._mmap.close()
            self._mmap = None
            os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Tables

    def roster(self, slot):
        return self.u32[self.geo.roster_off // 4 + slot]

    def state(self, slot):
        return self.u32[(self.geo.port(slot) + P_STATE) // 4]

    def ports(self):
        """The ports that say that they own their slot, alive or dead."""
        return [Port(self, slot) for slot in range(self.geo.ports)
                if self.state(slot) & ATTACHED]

    def lane_word(self, lane, off):
        return self.u64[(self.geo.lane(lane) + off) // 8]

    def tail(self, lane):
        return self.lane_word(lane, L_TAIL)

    def head(self, lane):
        return self.lane_word(lane, L_HEAD)

    def marks(self, lane):
        return [self.lane_word(lane, L_MARK + 8 * i) for i in range(CHUNKS)]

    def stamp(self, lane):
        """(tail, number of the frame that comes next); None if the writer is too fast."""
        for _ in range(100):
            tail = self.tail(lane)
            for off in (L_STAMP, L_STAMP + 16):
                if self.lane_word(lane, off) == tail:
                    seq = self.lane_word(lane, off + 8)
                    if self.tail(lane) == tail:
                        return tail, seq
        return None

    # Ring

    def ring_bytes(self, lane, pos, length):
        """A piece of a ring; put together from two where it reaches over the end."""
        start = self.geo.ring(lane)
        off = pos % self.geo.lane_size
        first = min(length, self.geo.lane_size - off)
        data = bytes(self.view[start + off:start + off + first])
        if first < length:
            data += bytes(self.view[start:start + length - first])
        return data
