# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The peer reads buses that NetBSD wrote as NetBSD does, and finds the faults of damaged buses."""

import os
import re
import struct

import pytest

from shmif_file import (
    DATA_SIZE, FILE_SIZE, FRAME_MAX, HEADER, RECORD, Shmif, ShmifError, check, problems, wrap)
from shmif_peer import Peer
from shmif_samples import SAMPLES, forge, random_frames, sample_pcap, write_sample

samples = pytest.mark.parametrize("name", SAMPLES)


def open_sample(name, path, writable=False):
    write_sample(name, path)
    return Shmif(path, writable)


@samples
def test_sample(name, path, counts):
    """Header, number, order, times and every byte are as NetBSD's own tool sees them."""
    with open_sample(name, path) as bus:
        found = (bus.gen, bus.first, bus.last, len(list(bus.records())))
        assert found == SAMPLES[name]
        assert (bus.version, bus.lock, bus.spare) == (3, 0, 0)
        frames = bus.frames()
        assert [(f.sec, f.usec, f.data) for f in frames] == sample_pcap(name)
        check(bus)
        # The size of a header, from the bus itself: the oldest record begins after all others.
        held = sum(record.size for record in bus.records())
        assert wrap(bus.first + held) == bus.end()
        counts(f"{len(frames)} frames of {len({f.sender for f in frames})} senders, {held} bytes")


def test_what_the_samples_are_for(path):
    """A payload and a header that are split at the end, and a record that ends just there."""
    def over_the_end(name):
        with open_sample(name, path) as bus:
            return [r for r in bus.records() if r.off + r.size >= DATA_SIZE]

    (record,) = over_the_end("wrapped")
    assert record.off + RECORD.size < DATA_SIZE < record.off + record.size
    (record,) = over_the_end("hdrsplit")
    assert record.off == 1048530 and record.off + RECORD.size > DATA_SIZE
    (record,) = over_the_end("exactend")
    assert record.off + record.size == DATA_SIZE
    assert over_the_end("few") == []


@samples
def test_written_again(name, path, folder):
    """We write the sample's frames where it has them, over a frame that just must give way.

    All header words and all records are then the sample's, but for the padding.
    """
    again = os.path.join(folder, "again")
    with open_sample(name, path) as bus:
        records = list(bus.records())
        frames = bus.frames()
        if bus.gen > 0:
            longest = FRAME_MAX + RECORD.size
            forge(again, [bytes(FRAME_MAX)], start=wrap(bus.first - longest), gen=bus.gen - 1)
        with Peer(again) as peer:
            for frame in frames:
                peer.sender = frame.sender
                peer.send([frame.data], stamp=(frame.sec, frame.usec))
            check(peer.bus, zero_padding=lambda sender: True)
            assert (peer.bus.gen, peer.bus.first, peer.bus.last) == (bus.gen, bus.first, bus.last)
            assert bytes(peer.bus.view[:HEADER.size]) == bytes(bus.view[:HEADER.size])
            assert peer.bus.frames() == frames
            assert list(peer.bus.records()) == [r._replace(padding=bytes(4)) for r in records]


@samples
def test_written_again_and_again(name, path, folder):
    """More than two data areas of the sample's frames: the newest are held, as many as go in."""
    with open_sample(name, path) as bus:
        frames = bus.frames()
        held = sum(record.size for record in bus.records() if record.len > 0)
    laps = 2 * DATA_SIZE // held + 1
    with Peer(os.path.join(folder, "again")) as peer:
        for _ in range(laps):
            peer.send([frame.data for frame in frames])
        check(peer.bus, zero_padding=lambda sender: True)
        sent = [frame.data for frame in frames] * laps
        got = [frame.data for frame in peer.bus.frames()]
        assert peer.bus.gen >= 2
        assert got == sent[-len(got):]
        assert len(got) > len(frames) - 64


@pytest.mark.parametrize("start", [0, 1000, DATA_SIZE - 6, DATA_SIZE - 12, DATA_SIZE - 700])
@pytest.mark.parametrize("version", [2, 3])
def test_versions(version, start, path):
    """Version 2 has records without a sender. Their headers and payloads are split, too."""
    frames = random_frames(300)
    forge(path, frames, start, version=version)
    with Shmif(path) as bus:
        found = bus.frames()
        assert [f.data for f in found] == frames
        assert [f.sec for f in found] == list(range(300))
        assert {f.sender for f in found} == {None if version == 2 else 1}


def test_version_2_on_a_peer(path):
    """NetBSD's present peers do not join a bus of the old version; ours does not, either."""
    forge(path, [bytes(60)], version=2)
    with pytest.raises(ShmifError, match="version 2"):
        Peer(path)


# What check() is worth


def set_u32(off, value):
    def change(bus):
        bus.u32[off // 4] = value
    return change


def in_record(number, off, text):
    """Change bytes in the header of a record, counted from the oldest."""
    def change(bus):
        where = list(bus.records())[number].off
        for i, byte in enumerate(text):
            bus.data[wrap(where + off + i)] = byte
    return change


def skip_records(count):
    def change(bus):
        bus.first = list(bus.records())[count].off
    return change


def to_gen_0(bus):
    bus.u64[1] = 0
    bus.first = DATA_SIZE


@samples
@pytest.mark.parametrize("change,complaint", [
    (set_u32(4, 4), "version 4"),
    (set_u32(0, 0xca11d055), "magic"),
    (set_u32(24, 2), "lock 2"),
    (set_u32(20, DATA_SIZE), "last 1048544"),
    (set_u32(16, DATA_SIZE + 1), "first 1048545"),
    (set_u32(16, 3), "first 3|reaches around"),
    (in_record(2, 0, struct.pack("=I", FRAME_MAX + 1)), "1515 bytes"),
    (in_record(2, 0, b"\xff\xff\xff\xff"), "reaches around"),
    (in_record(-2, 0, b"\x0f\0\0\0"), "reaches around"),
    (in_record(3, 8, struct.pack("=I", 10 ** 6)), "1000000 microseconds"),
    (in_record(3, 12, b"\0\0\0\1"), "padding 00000001"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_one_thing_wrong(name, change, complaint, path):
    with open_sample(name, path, writable=True) as bus:
        change(bus)
        found = problems(bus, zero_padding=lambda sender: True)
        assert [text for text in found if re.search(complaint, text)]
        with pytest.raises(ShmifError):
            check(bus, zero_padding=lambda sender: True)


@pytest.mark.parametrize("name", ["wrapped", "hdrsplit"])
def test_generation_and_first(name, path):
    with open_sample(name, path, writable=True) as bus:
        skip_records(40)(bus)
        assert [text for text in problems(bus) if "too far on" in text]
    with open_sample(name, path, writable=True) as bus:
        to_gen_0(bus)
        assert problems(bus)
    with open_sample(name, path, writable=True) as bus:
        bus.first = DATA_SIZE
        assert problems(bus)[0] == f"first {DATA_SIZE} is beyond the data"


def test_begun_anew(path):
    """As a new bus, but in a generation that is not 0; and then filled."""
    with Peer(path) as peer:
        peer.bus.gen = 7
        check(peer.bus)
        peer.gen = 7
        peer.send([bytes(1000)] * 10)
        check(peer.bus)
        peer.bus.data[0] = 14
        assert f"first {DATA_SIZE} is beyond the data" in problems(peer.bus)
        peer.bus.data[0] = 0
        peer.send([bytes(1000)] * (DATA_SIZE // 1024 + 1))
        assert (peer.bus.gen, peer.bus.first < DATA_SIZE) == (8, True)
        check(peer.bus)


@samples
def test_first_is_last(name, path):
    with open_sample(name, path, writable=True) as bus:
        bus.first = bus.last
        assert f"first and last are both {bus.last}" in problems(bus)


def test_record_over_the_end_without_generation(path):
    """The writer died, or forgot it."""
    with Peer(path) as peer:
        fill = (DATA_SIZE - 24 - 700) // 1024
        peer.send([bytes(1000)] * fill)
        peer.send([bytes(DATA_SIZE - peer.bus.end() - 24)])
        assert (peer.bus.gen, peer.bus.end()) == (1, 0)
        check(peer.bus)
        peer.bus.gen = 0
        peer.bus.first = DATA_SIZE
        assert problems(peer.bus) == ["the newest record reaches the end, but the generation is 0"]


@pytest.mark.parametrize("content,complaint", [
    (b"", "0 bytes"), (b"SHMBUS1\n", "8 bytes"), (bytes(FILE_SIZE + 1), "1048577 bytes"),
    (bytes(FILE_SIZE), "magic 0x0"), (b"SHMBUS1\n" + bytes(FILE_SIZE - 8), "magic 0x424d4853")])
def test_no_bus(content, complaint, path):
    with open(path, "wb") as f:
        f.write(content)
    with pytest.raises(ShmifError, match=complaint):
        Shmif(path)
