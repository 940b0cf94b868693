# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus stream, and a peer of it: frames over a socket, each behind its length."""

import signal
import socket
import struct

import tool
from process import Process, poll

LIMIT_S = 120


class Stream(Process):
    """shmbus stream, ready."""

    def __init__(self, path, address, *options, **kwargs):
        super().__init__([tool.program(), "stream", str(path), str(address), *map(str, options)],
                         name="stream", **kwargs)

    def start(self):
        super().start()
        self.frame_max = int(self.wait_for(r" joined to .*, frames up to (\d+) bytes\n",
                                           LIMIT_S).group(1))
        return self

    def counters(self):
        """{"to_bus": {...}, "from_bus": {...}}, each with frames, bytes, dropped; as SIGUSR1 prints them."""
        since = self.mark()
        self.signal(signal.SIGUSR1)
        self.wait_for(r"^bus to .* missed\n", LIMIT_S, since)
        return counters(self.log[since:])


def counters(log):
    """The last counters in a log."""
    to_bus, from_bus = tool.bridge_counters(log)
    names = ("frames", "bytes", "dropped", "missed")
    return {"to_bus": dict(zip(names, to_bus)), "from_bus": dict(zip(names, from_bus))}


def connect(address):
    """A connection to a stream that listens at the path of a socket, or at HOST:PORT."""
    if "/" in address:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(LIMIT_S)
        sock.connect(address)
        return Peer(sock)
    host, port = address.rsplit(":", 1)
    return Peer(socket.create_connection((host.strip("[]"), int(port)), LIMIT_S))


def listener(address):
    """A socket that listens there; see accept()."""
    if "/" in address:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(address)
        sock.listen(1)
    else:
        host, port = address.rsplit(":", 1)
        sock = socket.create_server((host, int(port)))
    sock.settimeout(LIMIT_S)
    return sock


def free_port():
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def pack(frames):
    return b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)


class Peer:
    """The other end of a stream."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(LIMIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *frames):
        self.sock.sendall(pack(frames))

    def _bytes(self, length, at_a_time):
        data = b""
        while len(data) < length:
            more = self.sock.recv(min(length - len(data), at_a_time))
            if not more:
                raise EOFError(f"{len(data)} of {length} bytes")
            data += more
        return data

    def receive(self, n, at_a_time=1 << 20):
        """The next n frames."""
        return [self._bytes(struct.unpack(">I", self._bytes(4, at_a_time))[0], at_a_time)
                for _ in range(n)]

    def ended(self):
        """Wait until the stream closes the connection."""
        try:
            return poll(lambda: self.sock.recv(1 << 16) == b"", "the end of the connection", LIMIT_S)
        except ConnectionResetError:
            return True


def frame(number, length=60):
    """A frame to all that says its number."""
    head = b"\xff" * 6 + b"\x02\0\0\0\0\1\x88\xb5" + struct.pack(">I", number)
    return (head + bytes((number + i) & 255 for i in range(64)) * (length // 64 + 1))[:length]


def number_of(data):
    return struct.unpack(">I", data[14:18])[0]
