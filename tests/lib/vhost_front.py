# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A front end of vhost-user: what QEMU and the driver in the guest are together, in a few lines.

It has one pair of split rings, in a memfd. Its memory and its messages can be anything, also what
no QEMU and no guest would make:

    with FrontEnd(path, features=front.TSO) as guest:
        guest.send(frame, Header(flags=NEEDS_CSUM, ...))
        header, frame = guest.receive()
"""

import array
import dataclasses
import mmap
import os
import select
import socket
import struct
import time

from process import poll

LIMIT_S = 120

# Requests of the protocol.
(GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD,
 SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL,
 SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
 SET_VRING_ENABLE, SEND_RARP, NET_SET_MTU) = range(1, 21)

# Feature bits.
CSUM, GUEST_CSUM, MTU, GUEST_TSO4, GUEST_TSO6 = 1 << 0, 1 << 1, 1 << 3, 1 << 7, 1 << 8
HOST_TSO4, HOST_TSO6, MRG_RXBUF = 1 << 11, 1 << 12, 1 << 15
INDIRECT, EVENT_IDX, PROTOCOL, VERSION_1, PACKED = 1 << 28, 1 << 29, 1 << 30, 1 << 32, 1 << 34
PLAIN = VERSION_1 | PROTOCOL | MRG_RXBUF
CHECKSUMS = PLAIN | CSUM | GUEST_CSUM
TSO = CHECKSUMS | HOST_TSO4 | HOST_TSO6 | GUEST_TSO4 | GUEST_TSO6

NEEDS_CSUM = 1
GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6 = 0, 1, 3, 4

# Descriptors.
NEXT, WRITE, INDIRECT_TABLE = 1, 2, 4

MEMORY = 16 << 20
BASE = 0x10000  # the guest's physical address of its memory
RX, TX = 0, 1


@dataclasses.dataclass
class Header:
    """struct virtio_net_hdr_mrg_rxbuf"""

    flags: int = 0
    gso_type: int = GSO_NONE
    hdr_len: int = 0
    gso_size: int = 0
    csum_start: int = 0
    csum_offset: int = 0
    num_buffers: int = 0

    LAYOUT = struct.Struct("<BBHHHHH")

    def pack(self):
        return self.LAYOUT.pack(*dataclasses.astuple(self))

    @classmethod
    def unpack(cls, data):
        return cls(*cls.LAYOUT.unpack(data[:cls.LAYOUT.size]))


class Ring:
    """A split ring, and the buffers of its descriptors: each as long as `room`."""

    def __init__(self, front, number, size, room, at):
        self.front, self.number, self.size, self.room = front, number, size, room
        self.desc = at
        self.avail = self.desc + 16 * size
        self.used = (self.avail + 6 + 2 * size + 63) & ~63
        self.buffers = (self.used + 6 + 8 * size + 4095) & ~4095
        self.end = self.buffers + size * room
        self.added = self.taken = 0

    def buffer(self, i):
        return self.buffers + i % self.size * self.room

    def describe(self, i, address, length, flags, following=0):
        self.front.put(self.desc + 16 * i, "<QIHH", address, length, flags, following)

    def offer(self, i):
        """Make descriptor i the next one that is available, and say so."""
        self.front.put(self.avail + 4 + 2 * (self.added % self.size), "<H", i)
        self.added = self.added + 1 & 0xffff
        self.front.store(self.avail + 2, self.added)

    def used_index(self):
        return self.front.load(self.used + 2)

    def take(self):
        """The next used descriptor and its length, or None."""
        if self.used_index() == self.taken:
            return None
        found = self.front.get(self.used + 4 + 8 * (self.taken % self.size), "<II")
        self.taken = self.taken + 1 & 0xffff
        return found


class FrontEnd:
    """A guest with one pair of rings.

    features  what it wants; it gets of that what is offered
    buffers   receive buffers: their number, and the bytes of each
    start     whether it goes on to the point where the guest is there
    listen    whether it is the one that listens on the socket
    """

    def __init__(self, path, features=PLAIN, buffers=(256, 2048), mtu=None, start=True, listen=False):
        self.path, self.wanted, self.mtu, self.listens = path, features, mtu, listen
        self.started = start
        self.fd = os.memfd_create("guest")
        os.ftruncate(self.fd, MEMORY)
        self.memory = mmap.mmap(self.fd, MEMORY)
        self.words = memoryview(self.memory).cast("H")
        self.user = 0x7000_0000_0000  # where its memory is in its own address space
        self.rx = Ring(self, RX, buffers[0], buffers[1], 0)
        self.tx = Ring(self, TX, 64, 1 << 17, self.rx.end)
        assert self.tx.end <= MEMORY
        self.kicks = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2)]
        self.calls = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2)]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT_S)

    # Memory: offsets into it, not the guest's addresses. struct clears what it writes first, and goes
    # byte by byte; an index that others read at any time is one store, or one load.

    def store(self, offset, value):
        self.words[offset // 2] = value

    def load(self, offset):
        return self.words[offset // 2]

    def put(self, offset, layout, *values):
        struct.pack_into(layout, self.memory, offset, *values)

    def get(self, offset, layout):
        return struct.unpack_from(layout, self.memory, offset)

    # The protocol

    def message(self, request, payload=b"", fds=()):
        header = struct.pack("<III", request, 1, len(payload))
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([header + payload], rights)

    def ask(self, request, payload=b""):
        """A message, and the number that answers it."""
        self.message(request, payload)
        reply = b""
        while len(reply) < 20:
            more = self.socket.recv(20 - len(reply))
            if not more:
                raise ConnectionError("the other end has closed the connection")
            reply += more
        return struct.unpack("<IIIQ", reply)[3]

    def set_memory(self, regions=None, fds=None):
        """regions: (guest address, size, user address, offset in the file)"""
        regions = regions if regions is not None else [(BASE, MEMORY, self.user, 0)]
        payload = struct.pack("<II", len(regions), 0)
        payload += b"".join(struct.pack("<QQQQ", *region) for region in regions)
        self.message(SET_MEM_TABLE, payload, fds if fds is not None else [self.fd] * len(regions))

    def set_ring(self, ring, size=None, addresses=None):
        self.message(SET_VRING_NUM, struct.pack("<II", ring.number, size or ring.size))
        self.message(SET_VRING_BASE, struct.pack("<II", ring.number, 0))
        desc, used, avail = addresses or (self.user + ring.desc, self.user + ring.used,
                                          self.user + ring.avail)
        self.message(SET_VRING_ADDR, struct.pack("<IIQQQQ", ring.number, 0, desc, used, avail, 0))
        self.message(SET_VRING_KICK, struct.pack("<Q", ring.number), [self.kicks[ring.number]])
        self.message(SET_VRING_CALL, struct.pack("<Q", ring.number), [self.calls[ring.number]])

    def enable(self, ring, on=True):
        self.message(SET_VRING_ENABLE, struct.pack("<II", ring.number, int(on)))

    def connect(self):
        if not self.listens:
            self.socket.connect(self.path)
            return
        with self.socket as listener:
            listener.bind(self.path)
            listener.listen()
            self.socket, _ = listener.accept()
        self.socket.settimeout(LIMIT_S)
        os.unlink(self.path)

    def negotiate(self):
        offered = self.ask(GET_FEATURES)
        self.features = offered & self.wanted
        self.message(SET_OWNER)
        if self.mtu is not None:
            # The library takes an MTU from a front end that has this protocol feature.
            self.message(SET_PROTOCOL_FEATURES, struct.pack("<Q", 1 << 4))
        self.message(SET_FEATURES, struct.pack("<Q", self.features))
        if self.mtu is not None:
            self.message(NET_SET_MTU, struct.pack("<Q", self.mtu))
        return offered

    def __enter__(self):
        self.connect()
        if self.started:
            self.negotiate()
            self.set_memory()
            self.fill()
            for ring in (self.rx, self.tx):
                self.set_ring(ring)
            for ring in (self.rx, self.tx):
                self.enable(ring)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """As the death of QEMU. May be called twice."""
        if self.fd < 0:
            return
        self.socket.close()
        for fd in (*self.kicks, *self.calls, self.fd):
            os.close(fd)
        self.fd = -1

    # Frames

    def kick(self, ring):
        os.eventfd_write(self.kicks[ring.number], 1)

    def fill(self):
        """Offers all receive buffers."""
        for i in range(self.rx.size):
            self.rx.describe(i, BASE + self.rx.buffer(i), self.rx.room, WRITE)
            self.rx.offer(i)

    def send(self, frame, header=None):
        """One frame, in one descriptor. The buffer of the frame 64 frames before is used again."""
        data = (header or Header()).pack() + frame
        tx = self.tx
        i = tx.added % tx.size
        poll(lambda: (tx.added - tx.used_index() & 0xffff) < tx.size, "a free buffer", LIMIT_S, 0.001)
        self.memory[tx.buffer(i):tx.buffer(i) + len(data)] = data
        tx.describe(i, BASE + tx.buffer(i), len(data), 0)
        tx.offer(i)
        self.kick(tx)

    def receive(self, limit=LIMIT_S):
        """The next frame, with its header. Its buffers are offered again."""
        parts, header = [], None
        while header is None or len(parts) < header.num_buffers:
            i, length = poll(self.rx.take, "a frame", limit, 0.001)
            data = self.memory[self.rx.buffer(i):self.rx.buffer(i) + length]
            if header is None:
                header, data = Header.unpack(data), data[Header.LAYOUT.size:]
                header.num_buffers = max(header.num_buffers, 1)
            parts.append(data)
            self.rx.offer(i)
        self.kick(self.rx)
        return header, b"".join(parts)

    def receives_nothing(self, seconds=0.3):
        time.sleep(seconds)
        return self.rx.used_index() == self.rx.taken

    def hung_up(self, limit=LIMIT_S):
        """Wait until the other end has closed the connection."""
        def closed():
            ready = select.select([self.socket], [], [], 0)[0]
            try:
                return ready and self.socket.recv(4096) == b""
            except ConnectionError:
                return True
        return poll(closed, "the end of the connection", limit)
