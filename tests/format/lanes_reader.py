#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Read the lanes of a bus file as docs/format.rst says, without being a port.

    tests/format/lanes_reader.py FILE

prints the header, the ports and every frame that the rings still hold. The file is opened and
mapped read-only, and nobody notices.
"""

import struct
import sys
from collections import namedtuple

from lanes_file import (
    BURST, BURST_FRAMES_MAX, DESC_DIRECTED, DESC_LEN, DESC_LEN_2, DESC_REQUEST, DESC_SLOT_SHIFT,
    FRAME_MIN, IP_CKSUM, L4_CKSUM, LINE, MASK64, RECORD_MAX, REQUEST, SEGMENT, TCP, UDP,
    VERSION_HUB, Bus, BusError, above, up)

Frame = namedtuple("Frame", "lane slot queue seq tstamp_ns data request to",
                   defaults=[None, None])
Request = namedtuple("Request", "flags l4 l3_off l4_off data_off segment")

MISSED_MAX = 1 << 40
RESYNC_TRIES = 4


def parse_request(data, length):
    """The request of a frame of that length, from its 16 bytes; None if it makes no sense."""
    req = Request(*REQUEST.unpack(data))
    header = {TCP: 20, UDP: 8, 0: 0}.get(req.l4)
    if (not req.flags or req.flags & ~(IP_CKSUM | L4_CKSUM | SEGMENT) or any(data[10:])
            or header is None or bool(req.l4) != bool(req.flags & L4_CKSUM)
            or req.l4_off < req.l3_off + 20 or req.l4_off + header > length):
        return None
    if req.flags & SEGMENT:
        if (req.l4 != TCP or not req.segment
                or not req.l4_off + 20 <= req.data_off <= min(req.l4_off + 60, length)):
            return None
    elif req.segment or req.data_off:
        return None
    return req


def parse_descriptor(word, version):
    """(length, request?, receiving slot or None) of a frame; None if it makes no sense."""
    if version == VERSION_HUB:
        flags = word & ~DESC_LEN
        return None if flags & ~DESC_REQUEST else (word & DESC_LEN, bool(flags), None)
    slot = word >> DESC_SLOT_SHIFT & 0xff
    directed = word & DESC_DIRECTED
    if word >> 26 or (slot and not directed):
        return None
    return word & DESC_LEN_2, bool(word & DESC_REQUEST), slot if directed else None


class LaneReader:
    """A reader of one lane. It begins at the oldest record that is held, or at the tail.

    own: the slot that it belongs to, whose frames alone it gets on a switch; None: all frames.
    """

    def __init__(self, bus, lane, oldest=False, own=None):
        self.bus = bus
        self.own = own
        self.skipped = 0
        self.lane = lane
        self.slot, self.queue = divmod(lane, bus.geo.queues)
        self.frames = 0
        self.missed = 0
        self.overruns = 0
        self.corrupt = 0
        self.pos = 0
        self.tail = 0
        self.seq = None  # not known before the first record
        if oldest:
            self.go_to_oldest()
        else:
            self.go_to_tail()

    # Positions

    def _find_mark(self, head, tail, lowest):
        """The lowest mark in [lowest, tail), or None."""
        if (tail - head) & MASK64 > self.bus.geo.lane_size:
            return None
        found = [mark for mark in self.bus.marks(self.lane)
                 if mark % LINE == 0 and (mark - lowest) & MASK64 < (tail - lowest) & MASK64
                 and (mark - head) & MASK64 < (tail - head) & MASK64]
        return min(found, key=lambda mark: (mark - lowest) & MASK64, default=None)

    def go_to_oldest(self):
        tail = self.bus.tail(self.lane)
        head = self.bus.head(self.lane)
        mark = self._find_mark(head, tail, head)
        if mark is None:
            self.go_to_tail()
        else:
            self.pos, self.tail = mark, tail

    def go_to_tail(self):
        """What lies between is lost, and counted if the number at the tail is known."""
        stamp = self.bus.stamp(self.lane)
        if stamp is None:
            self.pos = self.tail = self.bus.tail(self.lane)
            return
        self.pos, seq = stamp
        self.tail = self.pos
        self._continue_with(seq)

    def _continue_with(self, seq):
        if self.seq is not None:
            gap = (seq - self.seq) & MASK64
            if gap <= MISSED_MAX:
                self.missed += gap
            else:
                self.corrupt += 1
        self.seq = seq

    def _resynchronise(self):
        """Overtaken, or nonsense at the position. True if there is a record to try next."""
        tail = self.bus.tail(self.lane)
        head = self.bus.head(self.lane)
        if above(head, self.pos):
            self.overruns += 1
        else:
            self.corrupt += 1
        lowest = (head + self.bus.geo.lane_size // 4) & MASK64
        if not above(lowest, self.pos):
            lowest = (self.pos + LINE) & MASK64
        mark = self._find_mark(head, tail, lowest) if above(tail, lowest) else None
        if mark is None:
            self.go_to_tail()
            return False
        self.pos, self.tail = mark, tail
        return True

    # Records

    def _open(self):
        """The record at the position: (len, count, data_off, seq, tstamp_ns), or None."""
        avail = (self.tail - self.pos) & MASK64
        if avail > self.bus.geo.lane_size or avail % LINE:
            return None
        shape, seq, tstamp_ns, pos = BURST.unpack(
            self.bus.ring_bytes(self.lane, self.pos, BURST.size))
        length, count, data_off = shape & 0xffffffff, shape >> 32 & 0xffff, shape >> 48
        if (pos != self.pos or length > min(avail, RECORD_MAX) or length % LINE or data_off % LINE
                or data_off >= length or not 1 <= count <= BURST_FRAMES_MAX
                or BURST.size + 4 * count > data_off):
            return None
        return length, count, data_off, seq, tstamp_ns

    def _copy(self, record):
        """The frames of the record, copied, None for each that is for another slot; shorter than
        its count if it makes no sense."""
        length, count, data_off, seq, tstamp_ns = record
        data = self.bus.ring_bytes(self.lane, self.pos, length)
        frames = []
        off = data_off
        for i, word in enumerate(struct.unpack_from(f"={count}I", data, BURST.size)):
            desc = parse_descriptor(word, self.bus.geo.version)
            if desc is None:
                break
            size, asks, to = desc
            end = off + up(size + (REQUEST.size if asks else 0), LINE)
            if size < FRAME_MIN or end > length:
                break
            if None not in (to, self.own) and to != self.own:
                frames.append(None)
                off = end
                continue
            request = None
            if asks:
                request = parse_request(data[end - REQUEST.size:end], size)
                if request is None:
                    break
            frames.append(Frame(self.lane, self.slot, self.queue, (seq + i) & MASK64, tstamp_ns,
                                data[off:off + size], request, to))
            off = end
        return frames

    def receive(self):
        """The frames of the next record that has any; [] if there is none at the moment."""
        tries = RESYNC_TRIES
        while tries:
            tries -= 1
            if self.pos == self.tail:
                self.tail = self.bus.tail(self.lane)
                if self.pos == self.tail:
                    return []
            record = self._open()
            if record is not None:
                frames = self._copy(record)
                if not above(self.bus.head(self.lane), self.pos):
                    frames = self._accept(record, frames)
                    if frames:
                        return frames
                    tries += 1  # the record was whole, and all for others
                    continue
            if not self._resynchronise():
                return []
        return []

    def _accept(self, record, frames):
        length, count, _, seq, _ = record
        self._continue_with(seq)
        self.seq = (seq + count) & MASK64
        self.corrupt += len(frames) != count
        own = [frame for frame in frames if frame is not None]
        self.frames += len(own)
        self.skipped += len(frames) - len(own)
        self.pos = (self.pos + length) & MASK64
        return own

    def receive_all(self):
        """All frames up to the present tail."""
        frames = []
        while True:
            more = self.receive()
            if not more:
                return frames
            frames += more


def held_frames(bus, lane):
    """The frames that a lane holds, oldest first, and the reader that read them."""
    reader = LaneReader(bus, lane, oldest=True)
    return reader.receive_all(), reader


def lanes_with_frames(bus):
    return [lane for lane in range(bus.geo.lanes) if bus.tail(lane) != bus.head(lane)]


# For people


def _print_bus(bus):
    geo = bus.geo
    print(f"{bus.path}: lanes format, {geo.ports} ports of {geo.queues} queues, "
          f"lanes of {geo.lane_size} bytes, {'a switch' if geo.switch else 'a hub'}")
    for port in bus.ports():
        life = "alive" if port.alive else "dead"
        print(f"slot {port.slot}: {port.name}, pid {port.pid}, {life}, {port.mac.hex(':')}, "
              f"state {port.state:#x}, {port.n_txq} Tx and {port.n_rxq} Rx queues, "
              f"owner number {port.incarnation}")


def _print_lane(bus, lane):
    frames, reader = held_frames(bus, lane)
    print(f"lane {lane} (slot {reader.slot}, queue {reader.queue}): head {bus.head(lane)}, "
          f"tail {bus.tail(lane)}, {len(frames)} frames held, {reader.corrupt} corrupt records")
    for frame in frames:
        seconds, ns = divmod(frame.tstamp_ns, 10 ** 9)
        start = frame.data[:16].hex(" ", 2)
        print(f"  {frame.seq} {seconds}.{ns:09d} {len(frame.data)} {start}"
              + (f" {frame.request}" if frame.request else ""))


def main(argv):
    if len(argv) != 2:
        sys.exit("usage: lanes_reader.py FILE")
    try:
        with Bus(argv[1]) as bus:
            _print_bus(bus)
            for lane in lanes_with_frames(bus):
                _print_lane(bus, lane)
    except BrokenPipeError:
        sys.stderr.close()  # somebody has seen enough, as with `| head`
    except (BusError, OSError) as error:
        sys.exit(f"{argv[1]}: {error}")


if __name__ == "__main__":
    main(sys.argv)
