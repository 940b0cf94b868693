# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Peers among themselves: one bus, several processes, and what happens where the data area ends."""

import collections
import multiprocessing
import os
import random
import struct

import pytest

from process import clock
from rounds import rounds
from shmif_file import (
    DATA_SIZE, FILE_SIZE, FRAME_MAX, HEADER, MAGIC, RECORD, Shmif, ShmifError, check, wrap)
from shmif_peer import STEPS, LockHeld, Panic, Peer
from shmif_samples import forge, random_frames

LIMIT_S = 120
HEAD = RECORD.size


def zeros(_sender):
    return True


def frame_of(length, number=0):
    return (bytes(10) + struct.pack("=I", number)).ljust(length, b"\x5a")


def fill_to(peer, off, number=0):
    """Send until the next record will begin at an offset, without reaching the end before."""
    while (left := off - peer.bus.end()) != 0:
        assert left >= HEAD + 14
        take = left if left <= HEAD + FRAME_MAX else min(HEAD + FRAME_MAX, left - 100)
        peer.send([frame_of(take - HEAD, number)], wake=False)


# A new bus


def test_new_bus(path):
    with Peer(path) as peer, open(path, "rb") as f:
        fresh = HEADER.pack(MAGIC, 0, 0, DATA_SIZE, 0, 0, 0) + bytes(DATA_SIZE)
        assert f.read() == fresh
        check(peer.bus)
        assert peer.receive() == []
        peer.send([])
        assert peer.bus.version == 0
        peer.send([frame_of(60)])
        assert (peer.bus.version, peer.bus.last, peer.bus.first) == (3, 24, DATA_SIZE)
        assert bytes(peer.bus.data[24 + HEAD:24 + HEAD + 60]) == frame_of(60)
        check(peer.bus, zeros)


@pytest.mark.parametrize("size", [0, 1, 32, FILE_SIZE, FILE_SIZE + 1, 1 << 22])
def test_file_of_another_size(size, path):
    """A file of zeros becomes a bus of 1 MiB."""
    with open(path, "wb") as f:
        os.truncate(f.fileno(), size)
    with Peer(path) as peer:
        assert os.stat(path).st_size == FILE_SIZE
        check(peer.bus)


def test_newcomer_hears_the_newest(path):
    with Peer(path) as one:
        one.send([frame_of(60, n) for n in range(5)])
        with Peer(path) as two:
            assert two.receive() == [frame_of(60, 4)]
            assert two.receive() == []
            one.send([frame_of(60, 5)])
            assert two.receive() == [frame_of(60, 5)]


def test_who_hears_what(path):
    """A peer receives neither its own frames nor frames shorter than an Ethernet header."""
    with Peer(path) as one, Peer(path) as two, Peer(path, sender=one.sender) as twin:
        one.send([bytes(13), bytes(14), b"", bytes(1514)])
        two.send([bytes(15)])
        assert one.receive() == [bytes(15)]
        assert two.receive() == [bytes(14), bytes(1514)]
        assert twin.receive() == [bytes(15)]
        check(one.bus, zeros)
        with pytest.raises(ValueError):
            one.send([bytes(1515)])
        assert one.bus.lock == 0


# The end of the data area


@pytest.mark.parametrize("lap", [0, 1])
@pytest.mark.parametrize("left", [1, 2, 12, 20, 23, 24, 25, 60, 83, 84, 85, 500])
def test_at_the_end(left, lap, path):
    """A record of 84 bytes where the data area has `left` more: header, payload or none split."""
    with Peer(path) as one, Peer(path) as two:
        two.receive()
        if lap:
            fill_to(one, DATA_SIZE - 900)
            two.receive()
            one.send([bytes(1200), bytes(100)])
            two.receive()
        fill_to(one, DATA_SIZE - left)
        assert len(two.receive()) > 600
        before = bytes(one.bus.view[:HEADER.size]), [r.off for r in one.bus.records()]
        gen, oldest = one.bus.gen, one.bus.first
        one.send([frame_of(60, 7)], stamp=(1, 2))
        check(one.bus, zeros)
        reached = left <= 84
        assert one.bus.gen == gen + reached == lap + reached
        assert one.bus.last == DATA_SIZE - left
        assert one.bus.end() == wrap(DATA_SIZE - left + 84)
        record = RECORD.pack(60, 1, 2, bytes(4), one.sender) + frame_of(60, 7)
        assert bytes(one.bus.data[DATA_SIZE - left:]).startswith(record[:left])
        if reached:
            assert bytes(one.bus.data[:84 - left]) == record[left:]
        if lap == 0 and not reached:
            assert one.bus.first == oldest == DATA_SIZE
        if lap == 0 and reached:  # all whose bytes are gone, and the one at 0 in any case
            gone = [off for off in before[1] if off < max(84 - left, 1)]
            assert one.bus.first == before[1][len(gone)]
        assert two.receive() == [frame_of(60, 7)]
        assert two.receive() == []
        with Peer(path) as newcomer:
            assert newcomer.receive() == [frame_of(60, 7)]
            assert newcomer.receive() == []
            one.send([frame_of(14, 8)])
            assert newcomer.receive() == two.receive() == [frame_of(14, 8)]
        assert two.overruns == 0


def test_exactly_full(path):
    """All of the data area is held: the oldest record begins where the next one will."""
    frames = [frame_of(1000)] * (DATA_SIZE // (HEAD + 1000))
    frames.append(frame_of(DATA_SIZE - (HEAD + 1000) * len(frames) - HEAD, 9))
    forge(path, frames, start=5000, gen=3)
    with Peer(path) as peer:
        check(peer.bus)
        assert peer.bus.first == peer.bus.end() == 5000
        peer.gen, peer.off = 3, 5000
        assert peer.receive() == frames
        peer.gen, peer.off = 2, 4000  # overtaken
        assert peer.receive() == frames
        assert peer.overruns == 1
        assert peer.receive() == []


@pytest.mark.parametrize("start", [0, 500, DATA_SIZE - 30, DATA_SIZE - 10])
@pytest.mark.parametrize("gen", [0, 1, 2 ** 64 - 2, 2 ** 64 - 1])
def test_every_position(gen, start, path):
    """A reader at the start of a record continues there; all other readers begin at the oldest."""
    frames = [frame_of(60 + n, n) for n in range(20)]
    with Peer(path) as peer:
        # two records of no bytes: NetBSD does not go on behind a single one
        peer.bus.first = start
        peer.bus.last = wrap(start + HEAD)
        for i in range(2 * HEAD):
            peer.bus.data[wrap(start + i)] = 0
        peer.bus.gen = (gen + (start + 2 * HEAD >= DATA_SIZE)) % 2 ** 64
        positions = []
        for frame in frames:
            lap = (peer.bus.gen, peer.bus.end())
            positions.append(lap)
            peer.send([frame])
        positions.append((peer.bus.gen, peer.bus.end()))
        with Peer(path) as reader:
            for number, (lap, off) in enumerate(positions):
                reader.gen, reader.off = lap, off
                assert reader.receive() == frames[number:]
                assert (reader.gen, reader.off) == positions[-1]
            assert reader.overruns == 0
            lap, off = positions[-1]
            # What nobody holds any more, or not yet.
            for wrong in ((lap, off + 1), (lap + 1, off), (lap - 1, start - 1), (lap - 2, off),
                          (lap + 2 ** 63, off)):
                reader.gen, reader.off = wrong[0] % 2 ** 64, wrap(wrong[1])
                before = reader.overruns
                assert reader.receive() == frames
                assert reader.overruns == before + 1
                assert (reader.gen, reader.off) == positions[-1]


def test_overtaken(path):
    """A reader that sleeps too long receives all frames that the ring holds, once, in order."""
    frames = random_frames(5000)
    with Peer(path) as one, Peer(path) as two:
        two.receive()
        luck = random.Random(3)
        sent = 0
        lost = 0
        while sent < len(frames):
            count = luck.choice([1, 10, 600, 1500, 3000])
            batch = frames[sent:sent + count]
            sent += len(batch)
            before = two.overruns
            one.send(batch, wake=False)
            held = [frame.data for frame in one.bus.frames()]
            got = two.receive()
            assert got == batch[-len(got):]
            if two.overruns == before:
                assert got == batch
            else:
                assert got == held
                lost += len(batch) - len(got)
            assert two.receive() == []
            check(one.bus, zeros)
        assert two.overruns > 0 and lost > 0


def test_first_record_that_ends_at_the_end(path):
    """Overtaken while the newest record touches the end: it is not heard twice."""
    with Peer(path) as one, Peer(path) as two:
        two.receive()
        fill_to(one, DATA_SIZE - 84)
        one.send([frame_of(60)])
        assert one.bus.end() == 0
        fill_to(one, DATA_SIZE - 84)
        one.send([frame_of(60, 77)])
        assert (one.bus.end(), one.bus.gen) == (0, 2)
        held = [frame.data for frame in one.bus.frames()]
        assert two.receive() == held and held[-1] == frame_of(60, 77)
        assert two.overruns == 1
        assert two.receive() == []
        one.send([frame_of(60, 78)])
        assert two.receive() == [frame_of(60, 78)]


# Any order of things


class Model:
    """What a bus must hold, by positions that only grow; the peers' own rules are others."""

    def __init__(self):
        self.held = collections.deque([0])  # where they begin; at 0 the one of no bytes
        self.end = HEAD

    def send(self, frame):
        self.held.append(self.end)
        self.end += HEAD + len(frame)
        while self.held[0] + DATA_SIZE < self.end + (self.held[0] == 0):
            self.held.popleft()

    def look(self, bus):
        assert bus.gen == self.end // DATA_SIZE
        assert bus.first == (self.held[0] % DATA_SIZE if bus.gen else DATA_SIZE)
        assert bus.last == self.held[-1] % DATA_SIZE
        assert [r.off for r in bus.records()] == [off % DATA_SIZE for off in self.held]


@pytest.mark.parametrize("seed", rounds([0, 1, 2, 3], [1, 3]))
def test_random(seed, path, counts):
    """Three peers send and receive, come and go; after each step all is as it must be."""
    luck = random.Random(seed)
    model = Model()
    peers, heard, sent = [], [], []
    longest = [150, 400, FRAME_MAX, FRAME_MAX][seed]
    received = overruns = 0
    try:
        for step in range(200):
            if len(peers) < 3 or luck.random() < 0.02:
                if len(peers) == 3:
                    gone = luck.randrange(3)
                    peers.pop(gone).close()
                    heard.pop(gone)
                peers.append(Peer(path))
                heard.append(max(len(sent) - 1, 0))
            who = luck.randrange(len(peers))
            peer = peers[who]
            if luck.random() < 0.5:
                size = luck.choice([1, 5, 50, 300, 1200])
                for frame in random_frames(size, seed=step, longest=longest):
                    if luck.random() < 0.03:  # so that a record ends exactly at the end
                        left = -model.end % DATA_SIZE - HEAD
                        frame = bytes(left) if 14 <= left <= FRAME_MAX else frame
                    peer.send([frame], wake=False)
                    model.send(frame)
                    sent.append((peer.sender, frame))
                peer.wake()
            else:
                missed = len(sent) - heard[who]
                held = len(model.held) - (model.held[0] == 0)
                before = peer.overruns
                got = peer.receive()
                due = sent[len(sent) - min(missed, held):] if missed else []
                assert got == [frame for sender, frame in due if sender != peer.sender]
                assert peer.overruns - before == (missed > held)
                received += len(got)
                overruns += missed > held
                heard[who] = len(sent)
            model.look(peer.bus)
            check(peer.bus, zeros)
            assert peer.bus.lock == 0
    finally:
        for peer in peers:
            peer.close()
    assert model.end > DATA_SIZE
    counts(f"{len(sent)} sent, {received} received, {model.end // DATA_SIZE} laps, "
           f"{overruns} times overtaken")


# The lock


def test_lock_is_waited_for(path):
    with Peer(path) as one, Peer(path, lock_limit=0.01) as two:
        one.hold_lock()
        assert two.bus.lock == 1
        for attempt in (two.receive, lambda: two.send([bytes(60)]), two.hold_lock,
                        lambda: Peer(path, lock_limit=0.01)):
            with pytest.raises(LockHeld):
                attempt()
        assert two.bus.end() == 24
        one.drop_lock()
        two.send([bytes(60)])
        assert one.receive() == [bytes(60)]
        assert one.bus.lock == 0


def test_lock_of_another_value(path):
    """NetBSD believes that it has the lock, and panics when it gives it back."""
    with Peer(path) as peer:
        peer.bus.lock = 77
        with pytest.raises(Panic, match="77"):
            peer.receive()
        peer.bus.lock = 0
        peer.hold_lock()
        peer.bus.lock = 0
        with pytest.raises(Panic, match="the lock was 0"):
            peer.drop_lock()


def test_first_is_last(path):
    """Senders take old bytes for a record behind an empty one; receivers panic with the lock."""
    with Peer(path) as peer:
        peer.bus.first = 0
        peer.bus.data[24 + HEAD:24 + HEAD + 24] = b"\xee" * 24
        peer.bus.data[24:28] = struct.pack("=I", 5000)
        peer.send([bytes(60)], wake=False)
        assert peer.bus.first == 24 + HEAD + 5000
        with pytest.raises(ShmifError):
            check(peer.bus)
    os.unlink(path)
    with Peer(path) as one, Peer(path, lock_limit=0.01) as two:
        one.receive()
        two.receive()
        one.send([bytes(60)])
        one.bus.first = one.bus.last
        with pytest.raises(ShmifError, match="both 24"):
            check(one.bus)
        with pytest.raises(Panic, match="both 24"):
            two.receive()
        assert one.bus.lock == 1


def test_frame_that_is_too_long(path):
    """Every NetBSD kernel panics, the first of them with the lock in its hands."""
    forge(path, [bytes(60), bytes(1515)])
    with Peer(path, lock_limit=0.01) as peer:
        with pytest.raises(Panic, match="1515"):
            peer.receive()
        assert peer.bus.lock == 1
        with pytest.raises(LockHeld):
            peer.receive()


@pytest.mark.parametrize("split", [500, 15, 10])
@pytest.mark.parametrize("step", STEPS)
def test_death(step, split, path):
    """What is in the file behind each step of a sender whose record is split at the end."""
    frame = frame_of(600, 5)
    # How many bytes of the record are there, and from how many `first` has moved away: it does so
    # piece by piece.
    written = {"half header": 12, "header": 24, "half payload": 324, "payload": 624, "gen": 624}
    cleared = {"first": min(24, split), "half header": min(24, split) if split >= 12 else 24,
               "header": 24, "half payload": max(split, 324) if split > 324 else 624,
               "payload": 624, "gen": 624}

    with Peer(path) as old:
        fill_to(old, DATA_SIZE - split)
    with Peer(path, lock_limit=0.01) as one, Peer(path) as two:
        one.receive()
        bus = one.bus
        offsets = [record.off for record in bus.records()]
        data, last = bytearray(bus.data), bus.last
        two.die_at(step, frame, stamp=(3, 4))
        assert (bus.lock, bus.spare, bus.gen) == (1, 0, step == "gen")
        assert bus.last == (last if step == "locked" else DATA_SIZE - split)
        record = RECORD.pack(600, 3, 4, bytes(4), two.sender) + frame
        for i in range(written.get(step, 0)):
            data[wrap(DATA_SIZE - split + i)] = record[i]
        assert bytes(bus.data) == data
        over = cleared.get(step, 0) - split
        if over < 0:
            assert bus.first == DATA_SIZE
        else:
            assert bus.first == next(off for off in offsets if off >= max(over, 1))
        with pytest.raises(LockHeld):
            one.receive()
        bus.lock = 0  # somebody sets it back by hand
        if step in ("locked", "gen"):
            check(bus, zeros)
            assert one.receive() == [frame] * (step == "gen")


# Wake-ups


def test_wakes(path):
    with Peer(path) as one, Peer(path) as two:
        while two.wait_for_wake(0):
            pass
        one.bus.data[5000] = 1
        one.send([bytes(60)], wake=False)
        assert not two.wait_for_wake(0), "stores wake nobody"
        one.wake()
        assert two.wait_for_wake(LIMIT_S)
        assert not two.wait_for_wake(0)
        one.send([bytes(60)] * 3)
        assert two.wait_for_wake(LIMIT_S) and not two.wait_for_wake(0)
        with Peer(path):
            assert two.wait_for_wake(LIMIT_S), "a newcomer truncates the file"


# Processes


FORK = multiprocessing.get_context("fork")


class Children:
    """Functions in processes of their own; leaving the block waits for them."""

    def __init__(self):
        self.processes = []

    def start(self, function, *args):
        process = FORK.Process(target=function, args=args, daemon=True)
        process.start()
        self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        deadline = clock() + (LIMIT_S if kind is None else 0)
        for process in self.processes:
            while process.is_alive() and clock() < deadline:
                process.join(1)
            if process.is_alive():
                process.kill()
                process.join()
        if kind is None:
            assert [process.exitcode for process in self.processes] == [0] * len(self.processes)


def count_up(path, times, count):
    with Peer(path) as peer:
        for _ in range(times):
            peer.hold_lock()
            count.value = count.value + 1
            peer.drop_lock()


def test_lock_between_processes(path):
    """Three processes add to a number, each in two steps."""
    count = FORK.RawValue("Q")
    Peer(path).close()
    with Children() as children:
        for _ in range(3):
            children.start(count_up, path, 20000, count)
    assert count.value == 60000
    with Shmif(path) as bus:
        assert bus.lock == 0


def talk(path, me, frames, heard, ready):
    """Send our frames and hear the other's; never be further ahead than half a data area."""
    wanted = frames[1 - me]
    window = DATA_SIZE // 4 // (HEAD + FRAME_MAX)
    with Peer(path) as peer:
        ready.wait()
        sent = number = 0
        while sent < len(frames[me]) or number < len(wanted) or heard[1 - me] < sent:
            free = min(heard[1 - me] + window - sent, 16)
            if free > 0 and sent < len(frames[me]):
                batch = frames[me][sent:sent + free]
                peer.send(batch)
                sent += len(batch)
            for data in peer.receive():
                assert data == wanted[number], f"frame {number}"
                number += 1
            if heard[me] != number:
                heard[me] = number
                peer.wake()  # the other may be waiting for room
            elif not peer.wait_for_wake(LIMIT_S):
                raise TimeoutError("nobody woke us")
        assert peer.overruns == 0
        peer.wake()


def test_two_processes(path, counts):
    """Two peers in two processes send 10000 frames each to the other and sleep in between."""
    frames = [random_frames(10000, seed=7), random_frames(10000, seed=8)]
    heard = FORK.RawArray("Q", 2)
    ready = FORK.Barrier(2)
    with Children() as children:
        for me in range(2):
            children.start(talk, path, me, frames, heard, ready)
    assert list(heard) == [10000, 10000]
    with Shmif(path) as bus:
        check(bus, zeros)
        assert bus.lock == 0
        total = 24 + sum(HEAD + len(frame) for each in frames for frame in each)
        assert bus.gen == total // DATA_SIZE
        counts(f"20000 frames, {bus.gen} laps")
