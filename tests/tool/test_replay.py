# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus replay: every frame of a capture goes out, in order, and not before it is due."""

import contextlib
import json
import os
import re
import signal

import pcapng
import pcaps
import pytest
from apps import receives_exactly, testpmd
from process import poll
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
                sent = re.search(r"replay .* (\d+) +\S+ \S+ +\d+ +\S+ \S+ +\d+$", shmbus("info", lanes.path)[0], re.M)
                return sent is not None and int(sent.group(1)) > 2 * len(frames)
            poll(several, "the third pass")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert numbers(out)[0] > 2 * len(frames)
    assert "no ports" in shmbus("info", lanes.path)[0]


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
