# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus stream: frames to and from a peer that is slow, lies, stops, dies; from a bus to a bus."""

import ctypes
import json
import os
import re
import signal
import socket
import stat
import struct
import sys
import threading
import time

import eal
import frame_stream
import pcaps
import pytest
from frame_stream import Peer, Stream, connect, counters, frame, free_port, number_of, pack
from process import Process, cpu_seconds, poll
from rounds import rounds
from tool import LIMIT_S, program, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import lanes_file as lf  # noqa: E402
from lanes_port import Member  # noqa: E402

GEO = lf.Geometry(ports=4, queues=1, lane_size=1 << 20)
SMALL = lf.Geometry(ports=4, queues=1, lane_size=1 << 16)


@pytest.fixture
def sock(folder):
    """The path of a socket."""
    return os.path.join(folder, "socket")


@pytest.fixture
def path(folder):
    return os.path.join(folder, "bus")


def addresses(folder):
    return {"unix": os.path.join(folder, "socket"), "tcp": f"127.0.0.1:{free_port()}"}


def contents(receiver):
    """The frames that a lane has now."""
    return [found.data for found in receiver.receive()]


def received(receiver, n):
    """The next n frames of a lane."""
    found = []
    poll(lambda: (found.extend(contents(receiver)), len(found) >= n)[1], f"{n} frames on the bus", LIMIT_S)
    return found


@pytest.mark.parametrize("side", ["listens", "connects"])
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_both_ways(folder, path, kind, side):
    """Frames of all lengths, in pieces and in bulk."""
    address = addresses(folder)[kind]
    with Member(path, GEO) as member:
        member.start(1, 1)
        receiver = member.receiver(0, 1)
        server = frame_stream.listener(address) if side == "connects" else None
        with Stream(path, address, *(["--listen"] if server is None else [])) as stream:
            peer = Peer(server.accept()[0]) if server else connect(address)
            stream.wait_for(r": connected\n", LIMIT_S)
            lengths = [14, 15, 60, 1514, 9000, stream.frame_max] + list(range(60, 200))
            sent = [frame(number, length) for number, length in enumerate(lengths)]
            data = pack(sent)
            for begin, end in ((0, 3), (3, 4), (4, 20), (20, len(data))):
                peer.sock.sendall(data[begin:end])
            assert received(receiver, len(sent)) == sent
            for one in sent[:6]:
                member.lane(0).send([one])
            for begin in range(6, len(sent), 16):
                member.lane(0).send(sent[begin:begin + 16])
            assert peer.receive(len(sent)) == sent
            told = stream.counters()
            for way in told.values():
                assert way["frames"] == len(sent) and way["dropped"] == 0
                assert way["bytes"] == sum(lengths)
            assert told["from_bus"]["missed"] == 0
            peer.sock.close()
            stream.wait_for("the connection has ended: the peer has closed it", LIMIT_S)
            if server:
                server.close()


def test_no_delay(path, sock):
    """A frame does not wait in the kernel for the next one."""
    port = free_port()
    with Stream(path, f"127.0.0.1:{port}", "--listen") as stream, connect(f"127.0.0.1:{port}"):
        stream.wait_for(": connected\n", LIMIT_S)
        libc = ctypes.CDLL(None, use_errno=True)
        pidfd = os.pidfd_open(stream.pid)
        found = []
        for name in os.listdir(f"/proc/{stream.pid}/fd"):
            fd = libc.syscall(438, pidfd, int(name), 0)  # pidfd_getfd
            if fd < 0:
                pytest.skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.close(fd)
                continue
            with socket.socket(fileno=fd) as copy:
                if copy.family == socket.AF_INET and not copy.getsockopt(socket.SOL_SOCKET,
                                                                         socket.SO_ACCEPTCONN):
                    found.append(copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        os.close(pidfd)
        assert found == [1]


def test_trickling_peer(path, sock):
    """It writes byte by byte, and reads a few bytes at a time: nothing is lost, nobody spins."""
    n = rounds(3000, 600)
    with Member(path, SMALL) as member:
        member.start(1, 1)
        receiver = member.receiver(0, 1)
        with Stream(path, sock, "--listen") as stream, connect(sock) as peer:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.wait_for(": connected\n", LIMIT_S)
            slow = [frame(number, 61) for number in range(4)]
            for byte in pack(slow):
                peer.sock.sendall(bytes([byte]))
                time.sleep(0.001)
            assert received(receiver, len(slow)) == slow
            sent = [frame(number, 300) for number in range(n)]
            writer = threading.Thread(target=lambda: [member.lane(0).send(sent[i:i + 8])
                                                      for i in range(0, n, 8)])
            writer.start()
            assert peer.receive(n, at_a_time=97) == sent
            writer.join()
            before = cpu_seconds(stream.pid)
            time.sleep(0.3)
            assert cpu_seconds(stream.pid) - before < 0.1, "it spins"
            assert stream.counters()["from_bus"] == {"frames": n, "bytes": 300 * n, "dropped": 0,
                                                     "missed": 0}


@pytest.mark.parametrize("claimed", [0xffffffff, 1 << 31, "frame_max + 1"])
def test_lying_length(path, sock, claimed):
    """The connection ends with a line that says so. What came before counts; the next peer is welcome."""
    with Member(path, SMALL) as member:
        member.start(1, 1)
        receiver = member.receiver(0, 1)
        with Stream(path, sock, "--listen") as stream:
            if claimed == "frame_max + 1":
                claimed = stream.frame_max + 1
            for number in range(2):
                with connect(sock) as peer:
                    peer.sock.sendall(pack([frame(number)]) + struct.pack(">I", claimed) + bytes(100))
                    assert peer.ended()
            assert received(receiver, 2) == [frame(0), frame(1)]
            assert stream.log.count(f"the connection has ended: the peer claims to send a frame of {claimed} "
                                    f"bytes; the bus takes {stream.frame_max} at most\n") == 2
            with connect(sock) as peer:
                peer.send(frame(2, stream.frame_max))
                assert received(receiver, 1) == [frame(2, stream.frame_max)]


def test_lying_length_once(path, sock):
    stream = Stream(path, sock, "--listen", "--once").start()
    with connect(sock) as peer:
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        assert peer.ended()
    assert stream.wait() == 1
    assert "a frame of 1213486160 bytes" in stream.log
    stream.close(check=False)


def test_short_frames(path, sock):
    """Shorter than an Ethernet header: dropped and counted, as the end of a connection in a frame."""
    with Member(path, SMALL) as member:
        member.start(1, 1)
        receiver = member.receiver(0, 1)
        with Stream(path, sock, "--listen") as stream:
            with connect(sock) as peer:
                peer.send(frame(0), b"", bytes(13), frame(1), b"", frame(2))
                peer.sock.sendall(pack([frame(3)])[:-1])
                assert received(receiver, 3) == [frame(0), frame(1), frame(2)]
            stream.wait_for("the peer has closed it", LIMIT_S)
            assert stream.counters()["to_bus"] == {"frames": 3, "bytes": 180, "dropped": 4}


def test_peer_that_stops_reading(folder, path, sock):
    """Senders on the bus wait for their pause_timeout_ms and no longer; every frame is accounted for."""
    n = 8000
    capture = os.path.join(folder, "capture.pcap")
    pcaps.write(capture, [frame(number, 1500) for number in range(n)])
    with Stream(path, sock, "--listen") as stream, connect(sock) as peer:
        stream.wait_for(": connected\n", LIMIT_S)
        # 12 MB: more than ring and socket hold. Without an end to the wait it would never return.
        out, _ = shmbus("replay", "--fast", path, capture)
        assert out.startswith(f"{n} frames")
        told = stream.counters()["from_bus"]
        assert told["frames"] < n and told["dropped"] == 0
        # The peer's own frames have gone on meanwhile, and it can come back.
        peer.send(frame(1))
        poll(lambda: stream.counters()["to_bus"]["frames"] == 1, "its frame", LIMIT_S)
        got = []

        def read_all():
            """What was written; what does not fit into the socket comes while we read."""
            told = stream.counters()["from_bus"]
            got.extend(map(number_of, peer.receive(told["frames"] - len(got))))
            return told["frames"] == len(got) and told["frames"] + told["missed"] == n
        poll(read_all, "all frames to be accounted for", LIMIT_S)
        assert stream.counters()["from_bus"]["missed"] > 0
        assert got == sorted(set(got))


def test_bus_that_is_full(path, sock):
    """A port on the bus that reads slowly holds the peer back; nothing is lost, and the other way is free."""
    n = rounds(2000, 500)
    with Member(path, SMALL) as member:
        member.start(1, 1)
        receiver = member.receiver(0, 1)
        with Stream(path, sock, "--listen") as stream, connect(sock) as peer:
            sent = [frame(number, 1000) for number in range(n)]
            writer = threading.Thread(target=peer.send, args=sent)
            writer.start()
            poll(lambda: member.bus.lane_word(1, lf.L_ROOM) != 0, "stream to wait for room", LIMIT_S)
            before = cpu_seconds(stream.pid)
            got = []
            # Less than a second at a time, after which we would be given up.
            for number in range(5):
                member.lane(0).send([frame(number)])
                assert peer.receive(1) == [frame(number)]
                time.sleep(0.05)
                got += contents(receiver)
            assert cpu_seconds(stream.pid) - before < 0.2, "it spins"
            assert len(got) < n
            poll(lambda: (got.extend(contents(receiver)), len(got) >= n)[1], "the rest", LIMIT_S,
                 interval=0.001)
            writer.join()
            assert got == sent and receiver.missed == 0


def test_no_connection(path, sock):
    """Nobody on the bus waits for a peer that is not there: its frames are dropped and counted."""
    with Member(path, SMALL, pause_timeout=float("inf")) as member:
        member.start(1, 1)
        with Stream(path, sock) as stream:
            assert re.search(r"cannot connect: No such file or directory; trying again", stream.log)
            for begin in range(0, 400, 3):
                member.lane(0).send([frame(number, 1000) for number in range(begin, min(begin + 3, 400))])
            poll(lambda: stream.counters()["from_bus"]["dropped"] == 400, "all to be dropped", LIMIT_S)
            with frame_stream.listener(sock) as server:
                peer = Peer(server.accept()[0])
                stream.wait_for(": connected\n", LIMIT_S)
                member.lane(0).send([frame(7)])
                assert peer.receive(1) == [frame(7)]
                peer.sock.close()
        assert stream.log.count("trying again") == 1


@pytest.mark.parametrize("mode", [None, "0600", "0660", "0777"])
def test_mode(path, sock, mode):
    options = ["--mode", mode] if mode else []
    with Stream(path, sock, "--listen", *options):
        assert stat.S_IMODE(os.stat(sock).st_mode) == int(mode or "0600", 8)
    assert not os.path.exists(sock)


def test_socket_that_is_there(path, sock, folder):
    """One that a killed stream left is replaced; one that is in use, and another file, stay."""
    with Stream(path, sock, "--listen") as stream:
        inode = os.stat(sock).st_ino
        _, err = shmbus("stream", path, "--listen", sock, status=1)
        assert f"{sock}: cannot listen: Address already in use; another program listens" in err
        assert os.stat(sock).st_ino == inode
        stream.kill()
    assert os.path.exists(sock)
    with Stream(path, sock, "--listen"), connect(sock) as peer:
        peer.send(frame(1))
    other = os.path.join(folder, "file")
    with open(other, "w", encoding="ascii") as f:
        f.write("text")
    shmbus("stream", path, "--listen", other, status=1)
    with open(other, encoding="ascii") as f:
        assert f.read() == "text"


def test_once(path, sock):
    with Stream(path, sock, "--listen", "--once") as stream:
        with connect(sock) as peer:
            peer.send(frame(1))
            stream.wait_for(": connected\n", LIMIT_S)
            with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
                connect(sock)
        assert stream.wait() == 0
    assert counters(stream.log)["to_bus"]["frames"] == 1
    _, err = shmbus("stream", path, "--once", sock, status=1)
    assert err == f"shmbus stream: {sock}: cannot connect: No such file or directory\n"


def test_background(path, sock):
    """The command returns when the bus is joined and the socket listens, and goes on."""
    out, err = shmbus("stream", path, "--listen", "--once", "--background", sock)
    assert re.fullmatch(rf"{sock} joined to {path}, MAC (..:){{5}}.., frames up to 65535 bytes\n", out)
    assert err == ""
    with connect(sock) as peer:
        peer.send(frame(1))
        poll(lambda: '"tx_frames": 1,' in shmbus("info", "--json", path)[0], "the frame", LIMIT_S)
    poll(lambda: "no ports" in shmbus("info", path)[0], "the end of the command", LIMIT_S)
    assert not os.path.exists(sock)


def test_bus_is_gone(path, sock):
    """It is noticed also while a peer reads nothing."""
    stream = Stream(path, sock, "--listen").start()
    with connect(sock):
        stream.wait_for(": connected\n", LIMIT_S)
        os.truncate(path, 0)
        assert stream.wait() == 1
    assert f"path={path}: the bus is gone" in stream.log
    stream.close(check=False)


@pytest.mark.parametrize("args, said", [
    ((":7000",), "':7000' is no address; expected the path of a socket, or HOST:PORT"),
    (("::1:7000",), "is no address"), (("localhost:",), "is no address"), (("",), "is no address"),
    (("127.0.0.1:7000", "--listen", "--mode", "0600"), "--mode is for a Unix socket with --listen"),
    (("/tmp/x", "--mode", "0600"), "--mode is for a Unix socket with --listen"),
    (("/tmp/x", "--listen", "--mode", "9"), "--mode: '9' is not right")])
def test_usage(path, args, said):
    _, err = shmbus("stream", path, *args, status=2)
    assert said in err
    assert not os.path.exists(path)


def test_what_cannot_be(path, folder):
    _, err = shmbus("stream", path, "--listen", os.path.join(folder, "x" * 120), status=1)
    assert "too long; the path of a socket has at most 107 bytes" in err
    _, err = shmbus("stream", path, "name.invalid:7000", status=1)
    assert "name.invalid:7000: cannot find the address: " in err
    _, err = shmbus("stream", path, "--listen", os.path.join(folder, "no", "folder"), status=1)
    assert "cannot listen: No such file or directory" in err
    assert not os.path.exists(path)


def sent_by(bus, name):
    """All frames that the port of this name has ever sent."""
    return sum(port["tx_frames"] for port in json.loads(shmbus("info", "--json", bus)[0])["ports"]
               if port["name"] == name)


def sized(number):
    """A frame whose length comes from its number: from 60 to 1500 bytes."""
    return frame(number, 60 + 37 * number % 1441)


@pytest.fixture
def capture(folder):
    """capture(first, n): a file of frames with numbers from first on, of all lengths; its path."""
    def write(first, n):
        made = os.path.join(folder, f"{first}.pcap")
        pcaps.write(made, [sized(first + i) for i in range(n)])
        return made
    return write


class Tail:
    """What arrives on a bus: the frames of one more stream, read by a thread, each whole."""

    def __init__(self, bus, sock, n_frames):
        self.whole = {sized(i) for i in range(n_frames)}
        self.numbers = []
        self.bad = []
        self.stream = Stream(bus, sock, "--listen", "--name", "tail")
        self.sock = sock

    def __enter__(self):
        self.stream.start()
        self.peer = connect(self.sock)
        self.stream.wait_for(": connected\n", LIMIT_S)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        return self

    def _read(self):
        with self.peer.sock.makefile("rb", 1 << 18) as data:
            while head := data.read(4):
                found = data.read(struct.unpack(">I", head)[0])
                self.numbers.append(number_of(found))
                if found not in self.whole:
                    self.bad.append(found)

    def __exit__(self, *_):
        self.stream.close()
        self.thread.join()
        self.peer.sock.close()


def test_from_bus_to_bus(folder, capture, counts):
    """Over TCP, with kills: what the bus gave away is sent, dropped or missed, and the rest gets through whole."""
    left, right = os.path.join(folder, "left"), os.path.join(folder, "right")
    address = f"127.0.0.1:{free_port()}"
    kills = rounds(10, 2)
    with Stream(left, address, "--listen") as near, \
            Tail(right, os.path.join(folder, "tail"), 1000) as tail:
        far = Stream(right, address, "--name", "far").start()
        replay = [program(), "replay", "--rate", "200Mbps", "--loop", "0", left, capture(0, 1000)]
        with Process(replay) as source:
            for _ in range(kills):
                seen = len(tail.numbers) + 3000
                poll(lambda: len(tail.numbers) > seen, "frames", LIMIT_S)  # noqa: B023
                far.kill()
                far.close()
                far = Stream(right, address, "--name", "far").start()
            seen = len(tail.numbers) + 3000
            poll(lambda: len(tail.numbers) > seen, "frames", LIMIT_S)
            source.signal(signal.SIGINT)
            assert source.wait() == 0
            sent = int(re.search(r"(\d+) frames, \d+ bytes", source.log).group(1))
        told = poll(lambda: all_told(near, sent), "all frames to be accounted for", LIMIT_S)
        arrived = poll(lambda: steady(lambda: sent_by(right, "far")), "the last frame", LIMIT_S)
        seen = poll(lambda: all_told(tail.stream, arrived), "them to be read", LIMIT_S)
        poll(lambda: len(tail.numbers) == seen["frames"], "the last frame", LIMIT_S)
        far.close()
        assert tail.bad == []
    assert near.log.count("the connection has ended") >= kills
    # What was in the sockets when a peer was killed, and no more.
    in_sockets = told["frames"] - arrived
    assert 0 <= in_sockets < kills * 200_000
    assert told["dropped"] > 0
    counts(f"{sent} frames, {kills} kills: {arrived} arrived, {told['dropped']} dropped, "
           f"{told['missed']} missed, {in_sockets} lost in connections")


def all_told(stream, sent):
    """The counters from the bus, once they account for so many frames."""
    told = stream.counters()["from_bus"]
    return told if told["frames"] + told["dropped"] + told["missed"] == sent else None


def steady(value):
    """A value that does not change for a moment, or None."""
    before = value()
    time.sleep(0.5)
    return before if value() == before else None


def test_without_kills(folder, capture):
    """Both directions at once over TCP, as fast as it goes: every frame arrives, whole, once, in order."""
    left, right = os.path.join(folder, "left"), os.path.join(folder, "right")
    address = f"127.0.0.1:{free_port()}"
    loops = rounds(100, 10)
    captures = [capture(0, 1000), capture(1000, 1000)]
    with Stream(left, address, "--listen") as near, Stream(right, address), \
            Tail(left, os.path.join(folder, "1"), 2000) as one, \
            Tail(right, os.path.join(folder, "2"), 2000) as two:
        near.wait_for(": connected\n", LIMIT_S)
        replays = [Process([program(), "replay", "--fast", "--loop", str(loops), bus, path])
                   for bus, path in zip((left, right), captures)]
        with replays[0], replays[1]:
            for replay in replays:
                assert replay.wait(600) == 0
        for tail in (one, two):
            poll(lambda: len(tail.numbers) == 2000 * loops, "all frames", LIMIT_S)  # noqa: B023
            assert tail.bad == []
            for first in (0, 1000):
                assert [n for n in tail.numbers if first <= n < first + 1000] == \
                    list(range(first, first + 1000)) * loops
