# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Sleep until a frame comes, and wake others that do, as docs/format.rst says."""

import ctypes
import os
import select
import struct
import time

from lanes_file import (
    ACTIVE, B_CHANGES, B_RUNG, C_STATE, MASK32, MASK64, P_N_RXQ, P_SLEEPING, P_SLEEPS, P_STATE,
    RX_INTR, full_fence)

IN_MODIFY, IN_ATTRIB, IN_NONBLOCK = 0x2, 0x4, 0o4000

_libc = ctypes.CDLL(None, use_errno=True)


def ring(bus):
    """Wake all processes that watch the file."""
    try:
        os.pwrite(bus.fd, struct.pack("=I", 0), B_RUNG)
    except OSError:
        os.utime(bus.fd)


def watch(bus):
    """A descriptor that is readable when the file is rung."""
    fd = _libc.inotify_init1(IN_NONBLOCK)
    if fd < 0 or _libc.inotify_add_watch(
            fd, f"/proc/self/fd/{bus.fd}".encode(), IN_MODIFY | IN_ATTRIB) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return fd


def tell_changed(bus):
    """A port begins or ends its use of interrupts. No other port adds to the word meanwhile."""
    bus.u32[B_CHANGES // 4] = (bus.u32[B_CHANGES // 4] + 1) & MASK32


class Waker:
    """What a lane's writer does after each publication. It has the fence each time."""

    def __init__(self, bus, lane):
        self.bus = bus
        self.lane = lane
        self.rings = 0
        self.woken = {}  # slot: its sleeps when it was last rung for

    def _sleeps(self, slot):
        geo, bus = self.bus.geo, self.bus
        entry = geo.port(slot)
        if not bus.u32[(entry + P_STATE) // 4] & RX_INTR:
            return False
        for rxq in range(min(bus.u32[(entry + P_N_RXQ) // 4], geo.queues)):
            if (bus.view[entry + P_SLEEPING + rxq] and
                    bus.u32[(geo.cursor(slot, rxq, self.lane) + C_STATE) // 4] & ACTIVE):
                now = bus.u64[(entry + P_SLEEPS) // 8]
                if self.woken.get(slot) != now:
                    self.woken[slot] = now
                    return True
        return False

    def published(self):
        full_fence()
        if any([self._sleeps(slot) for slot in range(self.bus.geo.ports)]):
            self.rings += 1
            ring(self.bus)


class Sleeper:
    """An Rx queue that sleeps. Its port is started; no other thread adds to the same words."""

    def __init__(self, bus, slot, rxq):
        self.bus = bus
        self.entry = bus.geo.port(slot)
        self.rxq = rxq
        self.fd = watch(bus)
        state = (self.entry + P_STATE) // 4
        bus.u32[state] |= RX_INTR
        tell_changed(bus)
        full_fence()
        time.sleep(0.01)  # instead of membarrier(2)

    def sleep(self, readers, timeout):
        """Until one of the readers has something to read; False if it is not woken in time."""
        try:
            os.read(self.fd, 65536)
        except BlockingIOError:
            pass
        sleeps = (self.entry + P_SLEEPS) // 8
        self.bus.u64[sleeps] = (self.bus.u64[sleeps] + 1) & MASK64
        self.bus.view[self.entry + P_SLEEPING + self.rxq] = 1
        full_fence()
        woken = True
        if all(self.bus.tail(reader.lane) == reader.pos for reader in readers):
            woken = bool(select.select([self.fd], [], [], timeout)[0])
        self.bus.view[self.entry + P_SLEEPING + self.rxq] = 0
        return woken

    def close(self):
        os.close(self.fd)
