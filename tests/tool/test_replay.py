# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus replay: every frame of a capture goes out, in order, and not before it is due."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import pcapng
import pcaps
import pytest
from apps import receives_exactly, testpmd
from process import poll
from rounds import rounds
from scapy.utils import RawPcapWriter
from tool import LIMIT_S, on_terminal, read_all, read_until, shmbus, start

SAID = re.compile(r"(\d+) frames, (\d+) bytes in (\d+\.\d+) s: .*pps, .*bit/s\n")


def numbers(out):
    """(frames, bytes, seconds)"""
    frames, octets, seconds = SAID.fullmatch(out).groups()
    return int(frames), int(octets), float(seconds)


def replay(bus, path, *options):
    out, err = shmbus("replay", bus.path, path, *options)
    return numbers(out), err


def write(path, frames, gap_ns=0, linktype=1, lengths=None):
    """A capture of these frames, so far apart."""
    with contextlib.closing(RawPcapWriter(path, linktype=linktype, nano=True)) as writer:
        writer.write_header(None)
        for number, frame in enumerate(frames):
            sec, nsec = divmod(number * gap_ns, 1_000_000_000)
            writer.write_packet(frame, sec=sec, usec=nsec, caplen=len(frame),
                                wirelen=lengths[number] if lengths else len(frame))
    return path


@pytest.fixture
def frames():
    return [frame for frame in pcaps.mixture(300) if len(frame) <= 1514]


@pytest.fixture
def source(folder, frames):
    return write(os.path.join(folder, "source.pcap"), frames)


@pytest.fixture
def lanes(make_bus):
    bus = make_bus()
    shmbus("create", bus.path)
    return bus


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_content(make_bus, folder, source, frames, fmt):
    """From pcap, and then from pcapng, which dump makes of the first."""
    bus, again = make_bus("bus"), make_bus("again")
    target = os.path.join(folder, "target.pcapng")
    for one in (bus, again):
        shmbus("create", one.path, "--format", fmt)
    for one, path in ((bus, source), (again, target)):
        (sent, octets, _), err = replay(one, path, "--fast")
        assert (sent, octets, err) == (len(frames), sum(map(len, frames)), "")
        shmbus("dump", one.path, "-w", target)
        assert pcapng.read(target).data() == frames


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_to_testpmd(make_bus, source, frames, fmt):
    """It waits for two peers; all frames and bytes arrive."""
    bus = make_bus(format=fmt)
    shmbus("create", bus.path, "--format", fmt)
    told = 3 * len(frames), 3 * sum(map(len, frames))
    assert told[1] < json.loads(shmbus("info", "--json", bus.path)[0])["lane_size"]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(start("replay", bus.path, source, "--fast", "--loop", "3",
                                            "--wait-peers", "2", text=True))
        stack.callback(process.kill)
        rx = stack.enter_context(testpmd(bus.vdev(), name="sink"))
        rx.set_fwd("rxonly")
        rx.start_fwd()
        assert rx.port_stats(0)["rx_packets"] == 0
        # One more, which sends nothing, as it waits for ever. What is sent fits into the ring.
        other = stack.enter_context(start("replay", bus.path, source, "--wait-peers", "30"))
        stack.callback(other.kill)
        stats = receives_exactly(rx, 0, told[0])
        assert stats["rx_bytes"] == told[1]
        out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    assert numbers(out)[:2] == told


@pytest.mark.parametrize("options, least", [
    (("--rate", "200pps"), 0.495),
    (("--rate", "0.2kPPS"), 0.495),
    (("--rate", "100kbps"), 0.475),
    ((), 0.495),
    (("--speed", "2"), 0.247),
    (("--speed", "4", "--loop", "2"), 0.247),
])
def test_never_too_early(lanes, folder, options, least):
    """100 frames of 60 bytes, 5 ms apart. How late they may be the machine knows alone."""
    path = write(os.path.join(folder, "slow.pcap"), [bytes(60)] * 100, gap_ns=5_000_000)
    (_, _, seconds), _ = replay(lanes, path, *options)
    assert seconds >= least


def test_for_ever(lanes, source, frames):
    with start("replay", lanes.path, source, "--rate", "20kpps", "--loop", "0", text=True) as process:
        try:
            def several():
                told = json.loads(shmbus("info", "--json", lanes.path)[0])
                return sum(port["tx_frames"] for port in told["ports"]) > 2 * len(frames)
            poll(several, "the third pass")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert numbers(out)[0] > 2 * len(frames)
    assert "no ports" in shmbus("info", lanes.path)[0]


ENDLESS = [("--rate", "100pps"), ("--rate", "100pps", "--loop", "2"), ("--speed", "0.2"),
           ("--loop", "4294967295", "--fast"), ("--wait-peers", "1"), ("-",)]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("options, how", rounds(list(itertools.product(ENDLESS, SIGNALS)),
                                                list(zip(ENDLESS, itertools.cycle(SIGNALS)))))
def test_stopped_before_the_end(lanes, folder, source, frames, options, how):
    """Not everything was sent, which the exit status tells, and a message how much was."""
    if "--speed" in options:
        source = write(os.path.join(folder, "slow.pcap"), frames, gap_ns=1_000_000_000)
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, writer)
        if options == ("-",):  # a capture of which the rest never comes
            with open(source, "rb") as f:
                os.write(writer, f.read(24 + 16 + len(frames[0]) + 10))
            source, options = "-", ()
        process = stack.enter_context(start("replay", lanes.path, source, *options, stdin=reader,
                                            text=True))
        stack.callback(process.kill)
        os.close(reader)

        def begun():
            told = json.loads(shmbus("info", "--json", lanes.path)[0])
            return any(lane["frames"] for lane in told["lanes"]) or (
                "--wait-peers" in options and told["ports"])
        poll(begun, "the beginning")
        process.send_signal(how)
        out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1, (out, err)
    said = re.fullmatch(r"shmbus replay: (.*): stopped by a signal after (\d+) frames, before the end\n",
                        err)
    assert (said.group(1), int(said.group(2))) == (source, numbers(out)[0])


def test_progress(lanes, source):
    """On a terminal one line tells how far it is, and is gone at the end."""
    slowly = (lanes.path, source, "--rate", "1kpps", "--loop", "0")
    with on_terminal("replay", *slowly, "--wait-peers", "1") as (process, terminal):
        read_until(terminal, b"\r\x1b[K0 of 1 ports are there")
        with start("replay", *slowly) as peer:
            read_until(terminal, b" frames sent, ")
            peer.terminate()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
        assert read_all(terminal).endswith(b"\r\x1b[K")
    assert numbers(out.decode())[0] > 0


def test_frames_that_cannot_be_sent(make_bus, folder):
    bus = make_bus()
    shmbus("create", bus.path, "--format", "shmif")
    path = write(os.path.join(folder, "odd.pcap"), [bytes(13), bytes(14), bytes(1514), bytes(1515)],
                 lengths=[13, 20, 1514, 1515])
    (sent, octets, _), err = replay(bus, path)
    assert (sent, octets) == (2, 1528)
    assert f"{path}: 1 frames were not sent, because they are longer than the 1514 bytes" in err
    assert f"{path}: 1 frames were not sent, because they are shorter than 14 bytes" in err
    assert f"{path}: 1 frames were truncated when they were captured" in err
    path = write(os.path.join(folder, "none.pcap"), [bytes(1515)])
    (sent, _, _), _ = replay(bus, path, "--loop", "0")
    assert sent == 0


def replayed(bus, folder, source, *options, status=0):
    """(frames on the bus, what replay said)"""
    target = os.path.join(folder, "replayed.pcapng")
    _, err = shmbus("replay", bus.path, source, *options, status=status)
    shmbus("dump", bus.path, "-w", target)
    return pcapng.read(target).data(), err


# ---- input that comes slowly

PACES = [(), ("--fast",), ("--rate", "1Gbps"), ("--rate", "100Mpps"), ("--speed", "1000"),
         ("--loop", "2", "--fast")]
INPUTS = list(itertools.product(("pcap", "pcapng"), ("stdin", "fifo")))


@pytest.mark.parametrize("pace, form, by", [(pace, *source) for pace, source in rounds(
    list(itertools.product(PACES, INPUTS)), list(zip(PACES, itertools.cycle(INPUTS))))])
def test_live_input(lanes, folder, frames, pace, form, by):
    """Each frame is on the bus while the writer of the capture is silent."""
    frames = frames[:5]
    head, records = [], []
    if form == "pcap":
        with open(write(os.path.join(folder, "all.pcap"), frames, gap_ns=1000), "rb") as f:
            head = f.read(24)
            records = [f.read(16 + len(frame)) for frame in frames]
    else:
        head = section() + interface()
        records = [packet(0, 1000 * n, frame) for n, frame in enumerate(frames)]
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    with contextlib.ExitStack() as stack:
        if by == "stdin":
            reader, writer = os.pipe()
            process = stack.enter_context(start("replay", lanes.path, "-", *pace, stdin=reader))
            os.close(reader)
        else:
            process = stack.enter_context(start("replay", lanes.path, fifo, *pace))
            writer = os.open(fifo, os.O_WRONLY)
        pipe = stack.enter_context(open(writer, "wb", buffering=0))
        stack.callback(process.kill)
        pipe.write(head)
        for n, record in enumerate(records):
            # Half a record is not yet a frame.
            pipe.write(record[:20])
            pipe.write(record[20:])
            poll(lambda n=n: sum(lane["frames"] for lane in
                                 json.loads(shmbus("info", "--json", lanes.path)[0])["lanes"]) == n + 1,
                 f"frame {n}")
        pipe.close()
        assert process.wait(timeout=LIMIT_S) == 0


def test_bus_gone_while_input_waits(lanes, folder, frames):
    """The next frame cannot be sent, which is the error that is told."""
    with open(write(os.path.join(folder, "all.pcap"), frames[:2]), "rb") as f:
        first, second = f.read(24 + 16 + len(frames[0])), f.read()
    with start("replay", lanes.path, "-", "--fast", stdin=subprocess.PIPE) as process:
        try:
            process.stdin.write(first)
            process.stdin.flush()
            poll(lambda: json.loads(shmbus("info", "--json", lanes.path)[0])["ports"], "the port")
            os.truncate(lanes.path, 0)
            process.stdin.write(second)
            process.stdin.flush()
            # The end of the capture is not needed.
            assert process.wait(timeout=LIMIT_S) == 1
            assert process.stderr.read().startswith(
                f"shmbus replay: path={lanes.path}: ".encode())
        finally:
            process.kill()
            process.stdin.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root captures")
def test_live_tcpdump(lanes):
    """A ping through the kernel's loopback is on the bus while tcpdump runs."""
    with contextlib.ExitStack() as stack:
        tcpdump = stack.enter_context(subprocess.Popen(
            ["tcpdump", "-U", "-i", "lo", "-w", "-", "icmp"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL))
        stack.callback(tcpdump.kill)
        process = stack.enter_context(start("replay", lanes.path, "-", stdin=tcpdump.stdout))
        stack.callback(process.kill)

        def sent():
            subprocess.run(["ping", "-c", "1", "127.0.0.1"], stdout=subprocess.DEVNULL, check=True)
            return any(lane["frames"] for lane in
                       json.loads(shmbus("info", "--json", lanes.path)[0])["lanes"])
        poll(sent, "a ping on the bus")
        assert tcpdump.poll() is None


# ---- times

def test_times_beyond_2038(lanes, folder, frames):
    """Seconds of pcap are unsigned; a file of 2100 is like another."""
    path = os.path.join(folder, "late.pcap")
    with contextlib.closing(RawPcapWriter(path, linktype=1, nano=True)) as writer:
        writer.write_header(None)
        for sec in (2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1):
            writer.write_packet(frames[0], sec=sec, usec=0)
    data, err = replayed(lanes, folder, path, "--speed", "1000000", "--max-gap", "0.01")
    assert (data, err) == (4 * frames[:1], "")


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_long_gap(lanes, folder, frames, form):
    """A gap is told when it begins, and --max-gap ends it."""
    gap = 18 * 3600 + 12 * 60
    path = os.path.join(folder, "gap." + form)
    if form == "pcap":
        write(path, frames[:3], gap_ns=gap * 10**9)
    else:
        with open(path, "wb") as f:
            f.write(section() + interface() + b"".join(
                packet(0, n * gap * 10**6, frame) for n, frame in enumerate(frames[:3])))
    with start("replay", lanes.path, path, text=True) as process:
        try:
            assert process.stderr.readline() == (
                f"shmbus replay: {path}: the next frame is due in 18 h 12 min; "
                "--max-gap SECONDS shortens such gaps\n")
            process.terminate()
            out, _ = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert numbers(out)[0] == 1
    data, err = replayed(lanes, folder, path, "--max-gap", "0.25")
    assert (data[-3:], err) == (frames[:3], "")
    (_, _, seconds), _ = replay(lanes, path, "--max-gap", "0.25")
    assert seconds >= 0.5
    with start("replay", lanes.path, path, "--rate", "0.001pps", text=True) as process:
        try:
            assert process.stderr.readline() == (
                f"shmbus replay: {path}: the next frame is due in 16 min 40 s\n")
        finally:
            process.kill()
    assert "--max-gap shortens the recorded gaps; give it without" in shmbus(
        "replay", lanes.path, path, "--max-gap", "1", "--fast", status=2)[1]
    assert "--max-gap: '0' is not right; expected a number of seconds" in shmbus(
        "replay", lanes.path, path, "--max-gap", "0", status=2)[1]


def test_more_captured_than_there_was(lanes, folder, frames):
    path = write(os.path.join(folder, "odd.pcap"), frames[:3],
                 lengths=[len(frames[0]), len(frames[1]) - 1, len(frames[2])])
    data, err = replayed(lanes, folder, path)
    assert data == [frames[0], frames[2]]
    assert f"{path}: 1 frames were not sent, because their records say that more bytes were " in err


# ---- pcapng

def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    total = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + total + body + total


def section(order="<"):
    return block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1), order)


def interface(linktype=1, snaplen=0, options=b"", order="<"):
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def packet(number, ticks, frame, length=None, order="<"):
    return block(6, struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xffffffff, len(frame),
                                len(frame) if length is None else length) + frame, order)


def test_interfaces_that_differ(lanes, folder, frames):
    """Other snap lengths, link types, times and byte orders: all frames of Ethernet are sent."""
    a, b, c, d, e, f = frames[:6]
    path = os.path.join(folder, "mixed.pcapng")
    resolution = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    with open(path, "wb") as out:
        out.write(section() + interface(snaplen=64) + interface(linktype=113) + interface(
            snaplen=1500, options=resolution))
        out.write(packet(0, 0, a) + packet(1, 0, bytes(50)) + packet(2, 1000, b))
        out.write(block(0xbad, bytes(400)))
        out.write(block(2, struct.pack("<HHIIII", 0, 0, 0, 2, len(c), len(c)) + c))
        out.write(section(">") + interface(snaplen=len(d) - 1, order=">") +
                  interface(linktype=101, order=">"))
        out.write(packet(0, 3, d, order=">") + packet(1, 3, bytes(30), order=">"))
        out.write(block(3, struct.pack(">I", len(e)) + e[:len(d) - 1], ">"))
        out.write(packet(0, 4, f, order=">"))
    data, err = replayed(lanes, folder, path)
    assert data == [a, b, c, d, e[:len(d) - 1], f]
    assert f"{path}: 2 frames were not sent, because their link type is not Ethernet (EN10MB)" in err
    assert replay(lanes, path, "--loop", "3", "--fast")[0][0] == 18


def test_joined_files(lanes, folder, source, frames):
    """mergecap's file of two dumps with different snap lengths."""
    if shutil.which("mergecap") is None:
        pytest.skip("mergecap is not installed")
    parts = [os.path.join(folder, f"part{n}.pcapng") for n in range(2)]
    joined = os.path.join(folder, "joined.pcapng")
    shmbus("replay", lanes.path, source, "--fast")
    for part, snaplen in zip(parts, ("2000", "60")):
        shmbus("dump", lanes.path, "-s", snaplen, "-w", part)
    subprocess.run(["mergecap", "-a", "-w", joined, *parts], check=True)
    (sent, _, _), err = replay(lanes, joined, "--fast")
    assert sent == 2 * len(frames)
    assert f"{sum(len(frame) > 60 for frame in frames)} frames were truncated" in err


@pytest.mark.parametrize("rest, why", [
    (section()[:-1], "the file ends within a block"),
    (packet(1, 0, bytes(60)), "a frame has an interface that is not there"),
    (block(6, struct.pack("<IIIII", 0, 0, 0, 61, 61) + bytes(60)), "a frame is longer than its block"),
    (block(6, struct.pack("<IIIII", 0, 0, 0, 2**32 - 1, 60) + bytes(60)), "a frame is longer than its"),
    (block(6, bytes(16)), "the block of a frame is too short"),
    (block(3, b""), "the block of a frame is too short"),
    (block(1, bytes(4)), "the block of an interface is too short"),
    (struct.pack("<III", 6, 8, 8), "a block has a wrong length"),
    (struct.pack("<II", 6, 2**31) + bytes(2000), "a block has a wrong length"),
    (struct.pack("<III", 6, 14, 14), "a block has a wrong length"),
    (struct.pack("<III", 6, 12, 16), "the two lengths of a block differ"),
    (struct.pack("<IIII", 0x0a0d0d0a, 28, 1, 2), "a section has no byte order"),
    (struct.pack("<III", 0x0a0d0d0a, 8, 0x1a2b3c4d), "a block has a wrong length"),
    (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 2, 0, -1)), "a section has another version"),
])
def test_damaged(lanes, folder, frames, rest, why):
    """What came before is sent, and the error told."""
    path = os.path.join(folder, "damaged.pcapng")
    with open(path, "wb") as out:
        out.write(section() + interface() + packet(0, 0, frames[0]) + rest)
    data, err = replayed(lanes, folder, path, status=1)
    assert data == frames[:1]
    assert f"{path}: {why}" in err


def test_errors(lanes, folder, source, frames):
    missing = os.path.join(folder, "missing")

    def fails(*args, status=1):
        return shmbus("replay", *args, status=status)[1]

    assert f"{missing}: No such file" in fails(lanes.path, missing)
    assert f"path={missing}: no such file; create the bus first" in fails(missing, source)
    assert not os.path.exists(missing)
    assert "expected pcap or pcapng" in fails(lanes.path, lanes.path)
    raw = write(os.path.join(folder, "raw.pcap"), [bytes(40)], linktype=101)
    assert f"{raw}: link type RAW; expected Ethernet" in fails(lanes.path, raw)
    assert "--rate: '10' is not right; expected a number with pps" in fails(
        lanes.path, source, "--rate", "10", status=2)
    assert "without --rate and --fast" in fails(
        lanes.path, source, "--fast", "--speed", "2", status=2)
    assert "--rate and --fast exclude each other" in fails(
        lanes.path, source, "--rate", "1kpps", "--fast", status=2)
    assert "--rate: '0x10pps' is not right" in fails(
        lanes.path, source, "--rate", "0x10pps", status=2)
    assert "--speed: '0x2' is not right" in fails(
        lanes.path, source, "--speed", "0x2", status=2)
    assert "wait-peers=32: the bus has places for 32 ports, so 31 others at most" in fails(
        lanes.path, source, "--wait-peers", "32")
    # What there is of a capture that breaks off is sent all the same.
    with open(source, "r+b") as f:
        f.truncate(os.path.getsize(source) - 1)
    out, err = shmbus("replay", lanes.path, source, "--fast", status=1)
    assert numbers(out)[0] == len(frames) - 1
    assert f"{source}: truncated" in err
