# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Sleep until a slow reader has moved, and wake writers that do, as docs/format.rst says."""

import os
import select

from lanes_file import L_ROOM, MASK64, full_fence
from lanes_sleep import ring, watch


def above(a, b):
    """Is position a above position b?"""
    return 0 < (a - b) & MASK64 < 1 << 63


class RoomSleeper:
    """A lane's writer that sleeps. The other descriptor of its port is another sleeper's."""

    def __init__(self, writer):
        self.writer = writer
        self.fd = watch(writer.bus)
        self.rung = 0

    def sleep(self, length, timeout):
        """Until `length` bytes above tail may be written; False if there is no room in time."""
        writer = self.writer
        try:
            os.read(self.fd, 65536)
        except BlockingIOError:
            pass
        asked = None
        while not writer.make_room(length):
            word = writer.wanted(length) | writer.holder
            if word == asked:
                if not select.select([self.fd], [], [], timeout)[0]:
                    break
                self.rung += 1
                os.read(self.fd, 65536)
            asked = word
            writer.bus.u64[(writer.geo.lane(writer.lane) + L_ROOM) // 8] = word
            # The look of make_room() begins with a full fence.
        writer.bus.u64[(writer.geo.lane(writer.lane) + L_ROOM) // 8] = 0
        return writer.make_room(length)

    def close(self):
        os.close(self.fd)


class Answerer:
    """What a reader with a cursor does for the writer: after each publication, and when idle."""

    def __init__(self, bus, lane, number, pos):
        self.bus = bus
        self.off = (bus.geo.lane(lane) + L_ROOM) // 8
        self.number = number  # of its cursor
        self.seen = 0
        self.answered = (pos - bus.geo.lane_size) & MASK64
        self.rings = 0

    def look(self, pos):
        """pos: of the cursor, as published."""
        word = self.bus.u64[self.off]
        if word == self.seen:
            return
        number = word % self.bus.geo.chunk
        wanted = word - number
        if word and number == self.number:
            if above(wanted, pos):
                return  # not yet
            if above(wanted, self.answered):
                full_fence()
                ring(self.bus)
                self.rings += 1
                self.answered = pos - pos % self.bus.geo.chunk
        self.seen = word
