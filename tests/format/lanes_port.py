# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Be a port on a bus, as docs/format.rst says: make a bus, take a slot, send, receive, leave.

    with Member(path) as member:             # makes the file a bus if it is not one yet
        member.start(n_txq=1, n_rxq=0)
        member.lane(0).send([frame, ...])

A Member that is closed without leave() leaves what a killed process leaves: a dead slot.
"""

import os
import struct
import time

from lanes_file import (
    ACTIVE, ATTACHED, B_ENTRIES, BURST, C_FRAMES, C_MISSED, C_POS, C_SKIPPED, C_STATE,
    DESC_DIRECTED, DESC_REQUEST, DESC_SLOT_SHIFT, FRAME_MIN, HEADER,
    HEADER_SIZE, HUB, L_BYTES, L_HEAD, L_MARK, L_PAUSES, L_ROOM, L_STAMP, L_TAIL, LINE, LINK_UP, MAGIC,
    MAGIC_CREATING, MASK32, MASK64, P_ATTACHED, P_INCARNATION, P_MAC, P_N_RXQ, P_N_TXQ, P_NAME,
    P_PID, P_STATE, REQUEST, RX_CURSORS, RX_INTR, STARTED, SWITCH, VERSION_HUB, Bus, BusError, Geometry,
    drop_lock, full_fence, locked_by_other, try_lock, up)
from lanes_reader import LaneReader
from lanes_room import Answerer
from lanes_sleep import Waker, tell_changed

ATTACH_LOCK = 0


# The file


def _lock_attach(fd, timeout=10.0):
    deadline = time.monotonic() + timeout
    while not try_lock(fd, ATTACH_LOCK):
        if time.monotonic() > deadline:
            raise TimeoutError("the attach lock is held by another for too long")
        time.sleep(0.001)


def _make_bus(fd, geo):
    """Make the file a bus. The attach lock is held."""
    os.truncate(fd, 0)
    os.pwrite(fd, MAGIC_CREATING, 0)
    os.truncate(fd, geo.file_size)
    os.posix_fallocate(fd, 0, geo.cursor_off)
    header = HEADER.pack(MAGIC, geo.version, geo.ports, geo.queues,
                         SWITCH if geo.switch else HUB, geo.lane_size,
                         geo.roster_off,
                         geo.port_off, geo.lane_off, geo.cursor_off, geo.data_off, geo.file_size,
                         time.time_ns(), os.urandom(16), geo.notice_off if geo.switch else 0)
    os.pwrite(fd, header[len(MAGIC):], len(MAGIC))
    os.pwrite(fd, MAGIC, 0)


def _is_named(fd, path):
    """Does the path still lead to the file that is open?"""
    try:
        named = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    found = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (named.st_dev, named.st_ino)


def _open_locked(path, geo):
    """A Bus, made if need be, with its attach lock held."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock_attach(fd)
            if _is_named(fd, path):
                start = os.pread(fd, HEADER_SIZE, 0)
                if not start or start.startswith(MAGIC_CREATING):
                    _make_bus(fd, geo or Geometry())
                return Bus(path, writable=True, fd=fd)
        except BusError:
            raise  # Bus has closed the descriptor
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


class Member:
    """The owner of a slot."""

    def __init__(self, path, geo=None, mac=b"\x02\0\0\0\0\x01", name="member",
                 pause_timeout=float("inf")):
        self.bus = _open_locked(path, geo)
        self.geo = self.bus.geo
        self.mac = mac
        self.pause_timeout = pause_timeout
        self.slot = None
        self.took_over = False
        self.closed = False
        self._lanes = {}
        try:
            self._take_slot(name)
        except BaseException:
            self.bus.close()
            raise
        drop_lock(self.bus.fd, ATTACH_LOCK)

    def _take_slot(self, name):
        for slot in range(self.geo.ports):
            if try_lock(self.bus.fd, self.geo.port(slot)):
                break
        else:
            raise BusError("every slot is taken")
        self.slot = slot
        row = self.geo.queues * self.geo.lanes * 64
        os.posix_fallocate(self.bus.fd, self.geo.cursor(slot, 0, 0), row)
        self._allocate_lane(0)
        self._clear_cursors()
        self._clear_reserved()
        off = self.geo.port(slot)
        left = self.bus.state(slot)
        self.took_over = left != 0
        self.bus.u32[(off + P_PID) // 4] = os.getpid()
        incarnation = (off + P_INCARNATION) // 8
        self.bus.u64[incarnation] = (self.bus.u64[incarnation] + 1) & MASK64
        self.bus.u64[(off + P_MAC) // 8] = int.from_bytes(self.mac, "little")
        self.bus.u64[(off + P_ATTACHED) // 8] = time.time_ns()
        self.bus.view[off + P_NAME:off + P_NAME + 64] = name.encode()[:63].ljust(64, b"\0")
        self._tell_queues(0, 0)
        self._tell_state(ATTACHED)
        if left & RX_INTR:
            tell_changed(self.bus)

    def _allocate_lane(self, queue):
        os.posix_fallocate(self.bus.fd, self.geo.ring(self.slot * self.geo.queues + queue),
                           self.geo.lane_size)

    def _clear_cursors(self):
        for rxq in range(self.geo.queues):
            for lane in range(self.geo.lanes):
                self.bus.u32[(self.geo.cursor(self.slot, rxq, lane) + C_STATE) // 4] = 0

    def _clear_reserved(self):
        """The last owner may have known a later version of the format."""
        entry, rows = self.geo.port(self.slot), range(self.geo.queues)
        spans = [(entry + 40, 24), (entry + 200, 56)]
        for lane in (self.geo.lane(self.slot * self.geo.queues + queue) for queue in rows):
            spans += [(lane + 48, 16), (lane + 80, 48)]
        for cursor in (self.geo.cursor(self.slot, rxq, lane) for rxq in rows
                       for lane in range(self.geo.lanes)):
            # Version 2 has a count at 40, which goes on.
            hub = self.geo.version == VERSION_HUB
            spans += [(cursor + 12, 4), (cursor + 40, 24) if hub else (cursor + 48, 16)]
        for off, length in spans:
            self.bus.view[off:off + length] = bytes(length)

    def _tell_queues(self, n_txq, n_rxq):
        self.bus.u32[(self.geo.port(self.slot) + P_N_TXQ) // 4] = n_txq
        self.bus.u32[(self.geo.port(self.slot) + P_N_RXQ) // 4] = n_rxq
        self._tell()

    def _tell_state(self, state):
        self.bus.u32[(self.geo.port(self.slot) + P_STATE) // 4] = state
        self._tell()

    def _tell(self):
        counter = self.geo.roster_off // 4 + self.slot
        self.bus.u32[counter] = (self.bus.u32[counter] + 1) & MASK32
        # No other port adds to this word meanwhile in these tests.
        if self.geo.version != VERSION_HUB:
            self.bus.u32[B_ENTRIES // 4] = (self.bus.u32[B_ENTRIES // 4] + 1) & MASK32

    # What a port does

    def lane(self, queue):
        """The writer of one of our lanes."""
        if queue not in self._lanes:
            self._allocate_lane(queue)
            self._lanes[queue] = LaneWriter(self.bus, self.slot, queue,
                                            self.pause_timeout)
        return self._lanes[queue]

    def receiver(self, rxq, lane):
        """A reader of another's lane that its writer waits for. Start first."""
        return CursorReader(self.bus, self.slot, rxq, lane)

    def start(self, n_txq, n_rxq):
        """From now on others listen to our lanes, and wait for the receivers that will follow."""
        for queue in range(n_txq):
            self.lane(queue)
        self._tell_queues(n_txq, n_rxq)
        self._tell_state(ATTACHED | STARTED | LINK_UP | RX_CURSORS)

    def leave(self):
        """Detach in good order, and close."""
        _lock_attach(self.bus.fd)
        self._clear_cursors()
        self._tell_state(0)
        drop_lock(self.bus.fd, self.geo.port(self.slot))
        drop_lock(self.bus.fd, ATTACH_LOCK)
        self.close()

    def close(self):
        self.closed = True
        self.bus.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and not self.closed:
            self.leave()
        else:
            self.close()


class LaneWriter:
    """The one writer of a lane. pause_timeout: in seconds; 0 is no pause at all."""

    def __init__(self, bus, slot, queue, pause_timeout=1.0):
        self.bus = bus
        self.geo = bus.geo
        self.slot = slot
        self.lane = slot * bus.geo.queues + queue
        self.pause_timeout = pause_timeout
        self.held_since = {}  # (slot, rxq): [pos, since, given up]
        self.holder = 0  # the cursor that was in the way last
        self.pauses = 0
        self.waker = Waker(bus, self.lane)
        self.tail = bus.tail(self.lane)
        self.head = bus.head(self.lane)
        self.bytes = bus.lane_word(self.lane, L_BYTES)
        fits = bus.lane_word(self.lane, L_STAMP) == self.tail
        self.next_stamp = 1 if fits else 0
        self.seq = bus.lane_word(self.lane, L_STAMP + (0 if fits else 16) + 8)
        if self.head % self.geo.chunk or (self.tail - self.head) & MASK64 > self.geo.lane_size:
            self.head = self._chunk_start(self.tail)
            self._store(L_HEAD, self.head)
        self._store(L_ROOM, 0)
        # In the middle of a chunk it is not known whether the chunk's mark is right.
        self.marked_chunk = self._chunk_start((self.tail - 1) & MASK64)

    def _store(self, off, value):
        self.bus.u64[(self.geo.lane(self.lane) + off) // 8] = value & MASK64

    def _chunk_start(self, pos):
        return pos - pos % self.geo.chunk

    # Room

    def _watch(self, slot, rxq, pos):
        """Is a cursor that is in the way still to be waited for?"""
        now = time.monotonic()
        held = self.held_since.get((slot, rxq))
        if held is None or held[0] != pos:
            self.held_since[slot, rxq] = [pos, now, False]
            return True
        if not held[2]:
            held[2] = (now - held[1] >= self.pause_timeout or slot != self.slot and
                       not locked_by_other(self.bus.fd, self.geo.port(slot)))
        return not held[2]

    def _permitted(self, wanted):
        """How far the cursors let head go, at most to `wanted`; a multiple of the chunk."""
        full_fence()
        held = (self.tail - self.head) & MASK64
        best = (wanted - self.head) & MASK64
        for slot in range(self.geo.ports):
            if not self.bus.state(slot) & RX_CURSORS:
                continue
            n_rxq = self.bus.u32[(self.geo.port(slot) + P_N_RXQ) // 4]
            for rxq in range(min(n_rxq, self.geo.queues)):
                off = self.geo.cursor(slot, rxq, self.lane)
                if not self.bus.u32[(off + C_STATE) // 4] & ACTIVE:
                    continue
                pos = self.bus.u64[(off + C_POS) // 8]
                may = (pos - self.head) & MASK64
                if may <= held and may < best and self._watch(slot, rxq, pos):
                    best = may
                    self.holder = slot * self.geo.queues + rxq
        return self._chunk_start((self.head + best) & MASK64)

    def wanted(self, length):
        """The lowest head with which `length` bytes above tail may be written. Head is lower."""
        need = (self.tail + length - self.head) & MASK64
        return (self.head + up(need - self.geo.lane_size, self.geo.chunk)) & MASK64

    def make_room(self, length):
        """May `length` bytes above tail be written?"""
        limit = self.geo.lane_size
        need = (self.tail + length - self.head) & MASK64
        if need > limit:
            head = self.wanted(length)
            if self.pause_timeout:
                head = self._permitted(head)
            if head != self.head:
                self.head = head
                self._store(L_HEAD, head)
        return (self.tail + length - self.head) & MASK64 <= limit

    # Records

    def _put(self, pos, data):
        start = self.geo.ring(self.lane)
        off = pos % self.geo.lane_size
        first = min(len(data), self.geo.lane_size - off)
        self.bus.view[start + off:start + off + first] = data[:first]
        if first < len(data):
            self.bus.view[start:start + len(data) - first] = data[first:]

    @staticmethod
    def _lines(frame, request, padding):
        """A frame as it lies in a record: in whole lines, which its request ends, if it has one."""
        if request is None:
            return frame + padding * (-len(frame) % LINE)
        return frame + padding * (-(len(frame) + REQUEST.size) % LINE) + REQUEST.pack(*request)

    def _receiver(self, frame):
        """The one slot that a frame is for, by the entries of the ports; None: everybody."""
        if not self.geo.switch or frame[0] & 1:
            return None
        up_state = ATTACHED | STARTED | LINK_UP
        slots = [port.slot for port in self.bus.ports()
                 if port.state & up_state == up_state and port.mac == frame[:6]]
        return slots[0] if len(slots) == 1 and slots[0] != self.slot else None

    def _notify(self, to, length):
        """Tell the slots that have a frame in a record; all slots once in a quarter of a lap."""
        end = (self.tail + length) & MASK64
        quarters = self.geo.quarters(end)
        for slot in range(self.geo.ports):
            at = self.geo.notice(slot, self.lane) // 8
            if None in to or slot in to:
                self.bus.u64[at] = end | quarters
            elif quarters != self.geo.quarters(self.tail):
                self.bus.u64[at] = self.bus.u64[at] & ~63 | quarters

    def _descriptor(self, frame, request, to):
        word = len(frame) | (DESC_REQUEST if request else 0)
        return word if to is None else word | DESC_DIRECTED | to << DESC_SLOT_SHIFT

    def send_record(self, frames, spare_lines=0, padding=b"\0", requests=None, spare_end=0,
                    forged=False, to=None):
        """Send the frames as one record; False if there is no room for it now.

        spare_lines: data_off lies so much higher than it must. padding: one byte, to fill up with.
        spare_end: the record has so many lines behind its last frame.
        forged: frames may be longer, or shorter, than a port may send on this bus.
        to: one for each frame: the slot that it is for, or None; without it, by the entries.
        requests: one for each frame, or None; each flags, l4, l3_off, l4_off, data_off, segment.
        """
        requests = requests or [None] * len(frames)
        data_off = up(BURST.size + 4 * len(frames), LINE) + spare_lines * LINE
        body = b"".join(self._lines(frame, request, padding)
                        for frame, request in zip(frames, requests))
        length = data_off + len(body) + spare_end * LINE
        if not all(FRAME_MIN <= len(frame) <= self.geo.frame_max for frame in frames) and not forged:
            raise ValueError("a frame is too short or too long")
        if len(frames) > 1 and length > self.geo.burst_max and not forged:
            raise ValueError("more than a record of several frames may hold")
        if not self.make_room(length):
            self.pauses += 1
            self._store(L_PAUSES, self.pauses)
            return False
        top = BURST.pack(length | len(frames) << 32 | data_off << 48, self.seq, time.time_ns(),
                         self.tail)
        to = to or [self._receiver(frame) for frame in frames]
        top += struct.pack(f"={len(frames)}I", *map(self._descriptor, frames, requests, to))
        self._put(self.tail, top.ljust(data_off, padding) + body)
        chunk = self._chunk_start(self.tail)
        if chunk != self.marked_chunk:
            self.marked_chunk = chunk
            self._store(L_MARK + 8 * (self.tail % self.geo.lane_size // self.geo.chunk), self.tail)
        if self.geo.switch:
            self._notify(to, length)
        self.tail = (self.tail + length) & MASK64
        self.seq = (self.seq + len(frames)) & MASK64
        self.bytes += sum(map(len, frames))
        self._store(L_BYTES, self.bytes)
        self._store(L_STAMP + 16 * self.next_stamp, self.tail)
        self._store(L_STAMP + 16 * self.next_stamp + 8, self.seq)
        self.next_stamp ^= 1
        self._store(L_TAIL, self.tail)
        self.waker.published()
        return True

    def die_before_publishing(self, count, with_seq):
        """Leave what a writer leaves that is killed while it sends `count` small frames.

        The record was written, and of the stamp both words or only the first.
        """
        tail, seq, stamp = self.tail, self.seq, L_STAMP + 16 * self.next_stamp
        if not self.make_room(64 * (1 + count)):
            raise ValueError("no room")
        self._put(tail, BURST.pack(64 * (1 + count) | count << 32 | 64 << 48, seq, 0, tail))
        self._store(stamp, tail + 64 * (1 + count))
        if with_seq:
            self._store(stamp + 8, seq + count)

    def send(self, frames, timeout=30.0, **record):
        """Send the frames as one record; wait for room as long as it takes."""
        deadline = time.monotonic() + timeout
        while not self.send_record(frames, **record):
            if time.monotonic() > deadline:
                raise TimeoutError(f"lane {self.lane}: no room within {timeout:g} s")
            time.sleep(0.0002)


class CursorReader(LaneReader):
    """A reader that holds the lane's writer back."""

    def __init__(self, bus, slot, rxq, lane):
        self.cursor = bus.geo.cursor(slot, rxq, lane)
        super().__init__(bus, lane, own=slot)
        self.counted_before = {word: bus.u64[(self.cursor + word) // 8] for word in self._counts()}
        self.publish()
        bus.u32[(self.cursor + C_STATE) // 4] = ACTIVE
        full_fence()
        self.seq = None
        self.go_to_tail()
        self.answerer = Answerer(bus, lane, slot * bus.geo.queues + rxq, self.pos)
        self.publish()

    def _counts(self):
        """The words that count, for people, and what this reader has counted."""
        counts = {C_FRAMES: self.frames, C_MISSED: self.missed}
        if self.bus.geo.version != VERSION_HUB:
            counts[C_SKIPPED] = self.skipped
        return counts

    def publish(self):
        """Tell the writer how far we have come."""
        off = self.cursor // 8
        for word, count in self._counts().items():
            self.bus.u64[off + word // 8] = (self.counted_before[word] + count) & MASK64
        self.bus.u64[off + C_POS // 8] = self.pos

    def receive(self):
        before = self.pos
        frames = super().receive()
        if self.pos != before:
            self.publish()
        self.answerer.look(self.pos)
        return frames
