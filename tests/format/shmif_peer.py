# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Be a peer on a shmif bus, as a NetBSD rump kernel is one.

    with Peer(path) as peer:             # makes the file a bus if it is not one yet
        peer.send([frame, ...])
        peer.receive()

It follows NetBSD step by step, also where that is not clever (the lock knows no owner and is
waited for as long as it takes; nobody tells a sender that a receiver cannot keep up), but for one
thing: a reader that was overtaken compares with the end of the newest record, not with its start.

The lock needs a compare-and-swap between processes, which Python does not have. libatomic's
functions do it with one locked instruction each, through ctypes; the library (Debian: libatomic1)
comes with gcc. They are full fences, too, for the plain loads and stores between them.
"""

import contextlib
import ctypes
import errno
import os
import select
import struct
import time

from shmif_file import (
    DATA_SIZE, FILE_SIZE, FRAME_MAX, FRAME_MIN, MAGIC, MASK64, O_LOCK, O_VERSION, RECORD, VERSION,
    Shmif, ShmifError, wrap)

SPINS = 1001
SLEEP_S = 0.001

IN_MODIFY = 2
SEQ_CST = 5

_libc = ctypes.CDLL(None, use_errno=True)
_libatomic = ctypes.CDLL("libatomic.so.1")
_compare_exchange = _libatomic["__atomic_compare_exchange_4"]
_compare_exchange.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                              ctypes.c_int]
_compare_exchange.restype = ctypes.c_bool
_exchange = _libatomic["__atomic_exchange_4"]
_exchange.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int]
_exchange.restype = ctypes.c_uint32

# How far a sender comes that dies; see Peer.die_at().
STEPS = ("locked", "last", "first", "half header", "header", "half payload", "payload", "gen")


class Panic(Exception):
    """A NetBSD kernel would be gone now. It would not have given the lock back, either."""


class LockHeld(Exception):
    """The lock was not to be had within the limit. NetBSD knows none."""


class _Died(Exception):
    pass


def uptime():
    """(seconds, microseconds) in steps of 10 ms."""
    sec, ns = divmod(time.monotonic_ns(), 10 ** 9)
    return sec & 0xffffffff, ns // 10 ** 7 * 10 ** 4


class Lock:
    """The bus's lock. limit: for how many seconds it is waited for; None is for ever."""

    def __init__(self, bus, limit=None):
        self.limit = limit
        # The address stays good for as long as the file is mapped.
        self._word = ctypes.addressof(ctypes.c_uint32.from_buffer(bus.mmap, O_LOCK))
        self._seen = ctypes.c_uint32()
        self._seen_address = ctypes.addressof(self._seen)

    def try_take(self):
        """NetBSD holds a lock that is neither free nor held for its own."""
        self._seen.value = 0
        return (_compare_exchange(self._word, self._seen_address, 1, SEQ_CST, SEQ_CST)
                or self._seen.value != 1)

    def take(self):
        if self.try_take():
            return
        deadline = None if self.limit is None else time.monotonic() + self.limit
        tries = 1
        while not self.try_take():
            tries += 1
            if tries < SPINS:
                continue
            if deadline is not None and time.monotonic() > deadline:
                raise LockHeld(f"the lock was held for {self.limit:g} s")
            time.sleep(SLEEP_S)

    def drop(self):
        found = _exchange(self._word, 0, SEQ_CST)
        if found != 1:
            raise Panic(f"the lock was {found} when we gave it back")


class Modified:
    """Wakes up when a process has written to a file. Stores into a mapping do not count."""

    def __init__(self, path):
        self.fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        if _libc.inotify_add_watch(self.fd, os.fsencode(path), IN_MODIFY) < 0:
            error = ctypes.get_errno()
            os.close(self.fd)
            raise OSError(error, os.strerror(error), path)
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)

    def wait(self, timeout):
        """False if there was no write within so many seconds; forgets all writes so far."""
        if not self._poll.poll(timeout * 1000):
            return False
        try:
            while os.read(self.fd, 4096):
                pass
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
        return True

    def close(self):
        os.close(self.fd)


class Peer:
    """One network interface of a NetBSD kernel.

    lock_limit: in seconds; NetBSD has none. sender: who we are in our records; random.
    """

    def __init__(self, path, sender=None, lock_limit=None):
        # NetBSD cuts or extends the file before it has looked at it.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.truncate(fd, FILE_SIZE)
        except BaseException:
            os.close(fd)
            raise
        self.bus = Shmif(path, writable=True, fd=fd, any_magic=True)
        self._modified = None
        try:
            self.sender = int.from_bytes(os.urandom(8), "little") if sender is None else sender
            self.lock = Lock(self.bus, lock_limit)
            self.overruns = 0
            self._stop_at = None
            self._modified = Modified(path)
            self._join()
        except BaseException:
            self.close()
            raise

    def _join(self):
        bus = self.bus
        if bus.magic not in (0, MAGIC):
            raise ShmifError(f"magic {bus.magic:#x}")
        if bus.version not in (0, VERSION):
            raise ShmifError(f"version {bus.version}")
        with self.locked():
            if bus.magic == 0:
                bus.magic = MAGIC
                bus.first = DATA_SIZE
            newest = bus.record(bus.last)
            self.off = bus.last
            self.gen = (bus.gen - (bus.last + newest.size >= DATA_SIZE)) & MASK64

    def close(self):
        if self._modified is not None:
            self._modified.close()
            self._modified = None
        self.bus.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @contextlib.contextmanager
    def locked(self):
        """Hold the lock; a peer that dies or panics inside leaves it held."""
        self.lock.take()
        try:
            yield
        except (Panic, _Died):
            raise
        except BaseException:
            self.lock.drop()
            raise
        self.lock.drop()

    # Sending

    def send(self, frames, stamp=None, wake=True):
        """Write the frames, each under a lock of its own, and then wake the others once.

        stamp: (seconds, microseconds) instead of the present.
        """
        for frame in frames:
            if len(frame) > FRAME_MAX:
                raise ValueError(f"a frame of {len(frame)} bytes would end every NetBSD kernel")
            with self.locked():
                self._write_record(frame, stamp)
        if frames and wake:
            self.wake()

    def wake(self):
        os.pwrite(self.bus.fd, struct.pack("=I", VERSION), O_VERSION)

    def _write_record(self, frame, stamp=None):
        bus = self.bus
        self._step("locked")
        off = bus.last = bus.end()
        self._step("last")
        header = RECORD.pack(len(frame), *(stamp or uptime()), bytes(4), self.sender)
        self._write(off, header, "first", "half header")
        self._step("header")
        self._write(wrap(off + len(header)), frame, None, "half payload")
        self._step("payload")
        if off + len(header) + len(frame) >= DATA_SIZE:
            bus.gen = (bus.gen + 1) & MASK64
        self._step("gen")

    def _write(self, off, data, cleared, half):
        """Write over what lies at an offset, in two pieces where it reaches over the end."""
        stop = len(data) // 2 if half == self._stop_at else len(data)
        piece = min(len(data), DATA_SIZE - off)
        for at, begin, end in ((off, 0, piece), (0, piece, len(data))):
            self._clear(at, end - begin)
            self._step(cleared)
            end = min(end, stop)
            self.bus.data[at:at + end - begin] = data[begin:end]
            if end == stop:
                break
        self._step(half)

    def _clear(self, off, length):
        """Move `first` on until none of these bytes belong to a record. They do not wrap.

        NetBSD's condition: an oldest record that begins up to a header's size before the bytes has
        to go as well. There is none in a ring in good order, as it would be the newest.
        """
        end = off + length
        if length and end == DATA_SIZE:
            end += 1  # for first when that is DATA_SIZE
        while off <= self.bus.first + RECORD.size and end > self.bus.first:
            first = self.bus.first
            self.bus.first = wrap(first + self.bus.record(first).size)

    # Receiving

    def receive(self, at_most=None):
        """The frames of others that have come since the last time."""
        frames = []
        while at_most is None or len(frames) < at_most:
            with self.locked():
                got = self._read_record()
            if got is None:
                break
            sender, data = got
            if sender != self.sender and len(data) >= FRAME_MIN:
                frames.append(data)
        return frames

    def _read_record(self):
        bus = self.bus
        if self.gen == bus.gen and self.off == bus.end():
            return None
        if bus.first == bus.last:
            raise Panic(f"first and last are both {bus.last}")
        if self._is_overtaken():
            self.overruns += 1
            self._go_to_first()
        record = bus.record(self.off)
        if record.len > FRAME_MAX:
            raise Panic(f"a frame of {record.len} bytes")
        data = bus.payload(record)
        end = self.off + record.size
        self.gen = (self.gen + (end >= DATA_SIZE)) & MASK64
        self.off = wrap(end)
        return record.sender, data

    def _first_is_older(self):
        """Does the oldest record begin a lap before the place where the next one will?"""
        return wrap(self.bus.first) >= self.bus.end()

    def _is_overtaken(self):
        """Lay all out on a line of two data areas, of which the second is the bus's generation."""
        behind = (self.bus.gen - self.gen) & MASK64
        if behind > 1:
            return True
        first = wrap(self.bus.first) + (0 if self._first_is_older() else DATA_SIZE)
        here = self.off + (0 if behind else DATA_SIZE)
        return not first <= here <= DATA_SIZE + self.bus.end()

    def _go_to_first(self):
        self.gen = (self.bus.gen - self._first_is_older()) & MASK64
        self.off = wrap(self.bus.first)

    def wait_for_wake(self, timeout):
        """False if no wake-up came within that many seconds. Our own writes wake us, too."""
        return self._modified.wait(timeout)

    # Misbehaving

    def hold_lock(self):
        """Take the lock and keep it."""
        self.lock.take()

    def drop_lock(self):
        self.lock.drop()

    def die_at(self, step, frame, stamp=None):
        """Begin to send a frame and leave the bus, lock and all, as it is behind this step.

        locked        nothing but the lock was touched
        last          it points to where the record will be
        first         it is clear of the record's header, of what lies before the end
        half header   of the header the first half is there
        header        and all of it
        half payload  `first` is clear of the payload, of which the first half is there
        payload       and all of it; the generation is still that of before
        gen           and the generation; the lock is still held, and nobody was woken
        """
        if step not in STEPS:
            raise ValueError(step)
        self._stop_at = step
        try:
            with self.locked():
                self._write_record(frame, stamp)
        except _Died:
            pass
        finally:
            self._stop_at = None

    def _step(self, step):
        if step is not None and step == self._stop_at:
            raise _Died
