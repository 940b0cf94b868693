# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Programs on a bus with a port that lies: frames that are too long or too short, stray tails, a
lock that stays held.

Overlong frames: a bus with small lanes takes shorter frames than its lanes have room for. Nobody
hands out a longer one, or a byte of it. Short frames: they have no whole Ethernet header. Stray
tails and locks: the programs sleep meanwhile.
"""

import contextlib
import json
import os
import re
import signal
import sys
import time

import builddir
import eal
import netns
import pcapng
import pcaps
import pytest
from apps import sanitizer_env
from netns import Netns, Tap
from process import Process, cpu_seconds, poll
from tool import program, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
from lanes_file import L_TAIL, Geometry  # noqa: E402
from lanes_port import Member  # noqa: E402
from shmif_peer import Peer  # noqa: E402

GEO = Geometry(ports=8, queues=1, lane_size=65536)
LONG = 40000
MARK = b"BEYOND"
HEADER = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x88\xb5"
# Frames of the liar's. Each overlong one is the last of its record, and hides nothing else.
SHORT = [HEADER + b"short %d " % i + b"." * 50 for i in range(8)]

# A share of the time that has passed. A program that does not sleep takes all that it gets.
CPU_MAX = 0.25
SPAN_S = 1.5
SPANS = 10

ADDRESS = "10.9.0.1/24"

needs_taps = pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))


def overlong(length):
    return (HEADER + MARK * (length // len(MARK) + 1))[:length]


def lie_once(lane, i):
    """Record i: a short frame, and one that is too long, by one byte or by far."""
    lane.send([SHORT[i], overlong((lane.geo.frame_max + 1, LONG)[i % 2])], forged=True)


def lie(lane):
    """All records; receivers are waited for, as the lane does not hold them all."""
    for i in range(len(SHORT)):
        lie_once(lane, i)


class Station(Process):
    """A program on the bus, ready when the bus has one port more that has started."""

    def __init__(self, bus, argv):
        super().__init__(argv, name=os.path.basename(argv[0]), env=sanitizer_env())
        self.bus = bus

    def _ports(self):
        return sum(slot.attached and slot.alive for slot in self.bus.slots())

    def start(self):
        before = self._ports()
        super().start()
        self.poll(lambda: self._ports() > before, "the port to be on the bus")
        return self


def example(name, *args):
    return [builddir.program("examples", name, f"shmbus-{name}"), *map(str, args)]


def tap_of(bus, ns):
    return Tap(bus.path, "--netns", ns.name, "-a", ADDRESS, env=sanitizer_env())


@contextlib.contextmanager
def watched(process):
    """The program runs until it is killed; a sanitizer has nothing to say."""
    with process:
        yield process
        process.check_alive()
        process.kill()
    assert "Sanitizer" not in process.log and "runtime error" not in process.log, process.tail()


@pytest.fixture
def liar(make_bus):
    """The bus, and a port on it whose lane is to be written."""
    bus = make_bus()
    with Member(bus.path, GEO, name="liar", pause_timeout=10.0) as member:
        member.start(n_txq=1, n_rxq=0)
        bus.lane = member.lane(0)
        bus.member = member
        yield bus


# Frames that are too long


@pytest.mark.parametrize("text", [False, True])
def test_dump(liar, folder, text):
    path = os.path.join(folder, "dump.pcapng")
    for i, frame in enumerate(SHORT):
        lie_once(liar.lane, i)
        out, err = shmbus("dump", liar.path, *(("-x",) if text else ("-w", path)))
        assert re.search(r"[1-9]\d* frames captured, 0 filtered", err), err
        assert "not valid" in err
        if text:
            assert MARK.decode() not in out and MARK[:4].hex() not in out.replace(" ", "")
            continue
        with open(path, "rb") as f:
            assert MARK not in f.read()
        got = pcapng.read(path).data()
        assert got[-1] == frame and set(got) <= set(SHORT)


def test_dump_filter(liar):
    """A filter by length finds no frame that is longer than the bus takes."""
    for i in range(len(SHORT)):
        lie_once(liar.lane, i)
        _, err = shmbus("dump", liar.path, "-w", os.devnull, "greater", liar.lane.geo.frame_max)
        assert re.search(r"\b0 frames captured, [1-9]", err), err


def test_replay(liar, folder):
    """What replay sends beside the liar arrives, and nothing of the liar's but short frames."""
    source, path = (os.path.join(folder, name) for name in ("source.pcap", "dump.pcapng"))
    frames = [frame for frame in pcaps.mixture(200) if len(frame) <= 300][:40]
    pcaps.write(source, frames)
    lie_once(liar.lane, 0)
    shmbus("replay", liar.path, source, "--fast")
    lie_once(liar.lane, 1)
    shmbus("dump", liar.path, "-w", path)
    got = pcapng.read(path).data()
    assert [frame for frame in got if frame not in SHORT] == frames
    assert set(got) - set(frames) <= set(SHORT)


@needs_taps
def test_tap(liar):
    with Netns() as ns, watched(tap_of(liar, ns)) as tap:
        lie(liar.lane)

        def told():
            mark = tap.mark()
            tap.signal(signal.SIGUSR1)
            found = tap.wait_for(r"^bus to \S+: (\d+) frames, (\d+) bytes, 0 dropped", since=mark)
            return tuple(map(int, found.groups()))

        tap.poll(lambda: told()[0] >= len(SHORT), "the short frames to be written")
        assert told() == (len(SHORT), sum(map(len, SHORT)))


def test_echo(liar, folder):
    """Only the short frames come back."""
    path = os.path.join(folder, "dump.pcapng")
    with watched(Station(liar, example("echo", liar.path))):
        lie(liar.lane)
        liar.lane.send([HEADER + b"the last one"])

        def echoed():
            shmbus("dump", liar.path, "-w", path)
            swapped = HEADER[6:12] + HEADER[:6]
            return [data for data in pcapng.read(path).data() if data.startswith(swapped)]

        poll(lambda: any(b"the last one" in frame for frame in echoed()), "the echo")
        assert [frame[14:] for frame in echoed()[:-1]] == [frame[14:] for frame in SHORT]


@pytest.mark.parametrize("name, args", [("hello", ("receive",)), ("epoll", ())])
def test_printers(liar, name, args):
    """The short frames are printed, and nothing of the others."""
    with watched(Station(liar, example(name, *args, liar.path))) as printer:
        lie(liar.lane)
        liar.lane.send([HEADER + b"the last one\n"])
        printer.wait_for("the last one")
        for i in range(len(SHORT)):
            assert f"short {i}" in printer.log
        assert MARK.decode() not in printer.log


# Frames that are too short


@contextlib.contextmanager
def sender(bus, bus_format):
    """A port that sends what it is given: on lanes one record at a call."""
    if bus_format == "shmif":
        shmbus("create", bus.path, "--format", "shmif")
        with Peer(bus.path) as peer:
            yield peer.send
        return
    with Member(bus.path, GEO, name="liar", pause_timeout=10.0) as member:
        member.start(n_txq=1, n_rxq=0)
        yield lambda frames: member.lane(0).send(frames, forged=True)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("bus_format", ["lanes", "shmif"])
def test_dump_short(make_bus, folder, bus_format, text):
    """dump has the frames around them, and prints no address of bytes that belong to no frame."""
    path = os.path.join(folder, "dump.pcapng")
    bus = make_bus()
    with sender(bus, bus_format) as send:
        for length in range(14):
            send([SHORT[0], HEADER[:length]])
            send([SHORT[1]])
        out, err = shmbus("dump", bus.path, *(("-t",) if text else ("-w", path)))
    assert "28 frames captured, 0 filtered" in err
    # shmif has short records of its own, which receivers skip.
    assert ("14 times the bus held data that is not valid" in err) == (bus_format == "lanes"), err
    if not text:
        assert pcapng.read(path).data() == SHORT[:2] * 14
        return
    assert re.findall(r"length (\d+)", out) == [str(len(frame)) for frame in SHORT[:2]] * 14


# Programs that must sleep


def cpu_share(pid):
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(SPAN_S)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def assert_sleeps(pid):
    """The first moments do not count, in which naps are short; nor do those in which a busy machine
    makes each look expensive. A program that does not sleep takes what CPU time there is."""
    shares = []
    time.sleep(0.2)
    while not shares or shares[-1] > CPU_MAX:
        assert len(shares) < SPANS, f"shares of a CPU: {shares}"
        shares.append(cpu_share(pid))


@pytest.mark.parametrize("name", ["echo", "epoll"])
def test_sleep_stray_tail(liar, name):
    """The program gets frames, sleeps while the tail is nonsense, and gets frames again."""
    lane, tail = liar.lane, (GEO.lane(liar.lane.lane) + L_TAIL) // 8
    with watched(Station(liar, example(name, liar.path))) as process:
        lane.send(SHORT[:1])
        liar.member.bus.u64[tail] += 1
        assert_sleeps(process.pid)
        # The next record stores a tail again.
        before = received(liar)
        lane.send(SHORT[1:2])
        poll(lambda: received(liar) > before, "the next frame to be received")
        process.check_alive()


def received(bus):
    """Frames that ports have received, as info says."""
    out, _ = shmbus("info", bus.path, "--json")
    return sum(map(int, re.findall(r'"rx_frames": *(\d+)', out)))


@needs_taps
def test_tap_sleeps_stray_tail(liar):
    tail = (GEO.lane(liar.lane.lane) + L_TAIL) // 8
    with Netns() as ns, watched(tap_of(liar, ns)) as tap:
        liar.member.bus.u64[tail] += 1
        assert_sleeps(tap.pid)
        liar.lane.send(SHORT[:1])
        poll(lambda: received(liar) > 0, "the frame to be received")


@pytest.mark.parametrize("name", ["echo", "epoll", pytest.param("tap", marks=needs_taps)])
def test_sleep_lock_held(make_bus, name):
    """A peer stops with the lock, behind a frame. Nobody tells when the lock is free."""
    bus = make_bus()
    shmbus("create", bus.path, "--format", "shmif")
    with contextlib.ExitStack() as stack:
        if name == "tap":
            ns = stack.enter_context(Netns())
            process = tap_of(bus, ns)
        else:
            process = Process(example(name, bus.path), env=sanitizer_env())
        stack.enter_context(watched(process))
        poll(lambda: json.loads(shmbus("info", bus.path, "--json")[0])["ports"],
             "the port to be on the bus")
        with Peer(bus.path) as peer:
            peer.send(SHORT[:1])
            peer.die_at("gen", SHORT[1])
            peer.wake()
            assert_sleeps(process.pid)
            peer.drop_lock()
            assert_takes(process, peer, name)


def assert_takes(process, peer, name):
    """The program does what it does with a frame."""
    if name == "echo":
        poll(lambda: any(b"short 1" in frame for frame in peer.receive()), "the echo")
    elif name == "epoll":
        process.wait_for("short 1")
    else:
        def told():
            mark = process.mark()
            process.signal(signal.SIGUSR1)
            return process.wait_for(r"^bus to \S+: (\d+) frames", since=mark).group(1)
        process.poll(lambda: told() == "2", "both frames to be written")
