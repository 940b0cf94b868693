# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The driver on a shmif bus with peers that know it from its description alone."""

import contextlib
import itertools
import os
import random

import pytest

from apps import checker, scaled, testpmd
from checker import stream, xstat
from process import poll
from rounds import rounds
from shmif_file import DATA_SIZE, FRAME_MAX, FRAME_MIN, RECORD, Shmif, check
from shmif_peer import STEPS, Peer
from shmif_samples import SAMPLES, random_frames, write_sample
from shmif_traffic import (
    IN_FLIGHT, LIMIT_S, checker_frame, exchange_lap, parse_checker_frame, receive_until, send_paced)

OUR_MAC = bytes.fromhex("020000000001")


def zeros(_sender):
    return True


def vdev(path, index=0, **devargs):
    """A port that breaks no lock: a machine may stand still for long."""
    devargs = {"path": path, "format": "shmif", "lock_break_ms": 0, **devargs}
    return f"net_shmbus{index}," + ",".join(f"{key}={value}" for key, value in devargs.items())


@contextlib.contextmanager
def joined(path, **options):
    with Peer(path, lock_limit=LIMIT_S, **options) as peer:
        peer.receive()  # what it hears again
        yield peer


@contextlib.contextmanager
def mirror(device, forward="io", **options):
    """A testpmd that sends back what it receives; no frame is dropped because the lock is held.

    With macswap it only takes what is for its own address.
    """
    with testpmd(device, **options) as pmd:
        pmd.cmd("set burst tx delay 5 retry 10000000")
        pmd.cmd(f"set fwd {forward} retry")
        if forward == "macswap":
            pmd.cmds("set promisc 0 off", "set allmulti 0 off")
        assert "forwarding with retry - ports=1" in pmd.cmd("start")
        yield pmd


def mac_bytes(pmd):
    return bytes.fromhex(pmd.port_info(0)["mac"].replace(":", ""))


def fill_to(peer, off):
    """Send until the next record will begin at an offset; the frames tell where they began."""
    while (left := (off - peer.bus.end()) % DATA_SIZE) != 0:
        fits = RECORD.size + 300
        take = left if RECORD.size + 14 <= left <= fits else min(fits, max(left - fits, 60))
        peer.send([b"%14d" % peer.bus.end() + bytes(take - RECORD.size - 14)])
    assert peer.receive() == []


# The file


def test_both_make_the_same_file(path, folder):
    """A new bus of the driver's has the bytes of a new bus of NetBSD's."""
    ours = os.path.join(folder, "ours")
    Peer(ours).close()
    with open(ours, "rb") as f:
        fresh = f.read()
    with testpmd(vdev(path)) as pmd:
        with open(path, "rb") as f:
            assert f.read() == fresh
        assert pmd.port_info(0)["mtu"] == 1500
        with Shmif(path) as bus:
            check(bus)
    with open(path, "rb") as f:
        assert f.read() == fresh


@pytest.mark.parametrize("name", SAMPLES)
def test_netbsds_own_buses(name, path):
    """The driver goes on where NetBSD stopped; what it overwrites is no more than it must."""
    write_sample(name, path)
    with Shmif(path) as bus:
        old = bus.frames()
    netbsd = {frame.sender for frame in old}
    with joined(path) as peer:
        with checker(vdev(path, format="auto"), send=True, count=100) as tx:
            assert tx.result()["sent"] == 100
        check(peer.bus, lambda sender: sender not in netbsd)
        frames = peer.bus.frames()
        assert frames[:-100] == old[100 + len(old) - len(frames):]
        got = [parse_checker_frame(frame.data) for frame in frames[-100:]]
        assert got == [(0, number) for number in range(100)]
        assert peer.receive() == [frame.data for frame in frames[-100:]]


# One direction


def test_driver_receives(path, counts):
    """20000 frames of ours, of any length, over many laps."""
    number = scaled(20000, least=5000)
    luck = random.Random(1)
    frames = [checker_frame(5, seq, luck.randbytes(luck.randint(0, FRAME_MAX - 14)))
              for seq in range(number)]
    with joined(path) as peer, checker(vdev(path), receive=True, hold=0) as rx:
        send_paced(peer, frames, lambda: rx.report()["received"], batch=IN_FLIGHT)
        rx.wait_until(lambda r: r["received"] == number, "all to be received")
        got = rx.finish()
        assert (got["received"], got["damaged"], got["stale"], got["missing"]) == (number, 0, 0, 0)
        assert stream(got, 5)["next"] == number
        assert got["received_bytes"] == sum(map(len, frames))
        assert (got["port"]["imissed"], got["port"]["ierrors"]) == (0, 0)
        assert peer.bus.gen >= 3
        check(peer.bus, zeros)
        counts(f"{number} frames, {peer.bus.gen} laps")


def test_driver_receives_no_shorts_and_not_its_own(path):
    """Frames without an Ethernet header are passed over."""
    with joined(path) as peer, checker(vdev(path), receive=True, send=True, wait=True, id=3,
                                       count=50, hold=0) as port:
        peer.send([bytes(13), b"", checker_frame(1, 0, b""), bytes(1), checker_frame(1, 1, b"x")])
        port.wait_until(lambda r: r["received"] == 2, "two frames")
        port.go()
        got = receive_until(peer, lambda frames: len(frames) == 50)
        assert [parse_checker_frame(frame) for frame in got] == [(3, n) for n in range(50)]
        end = port.finish()
        assert (end["received"], end["damaged"], end["port"]["ierrors"]) == (2, 0, 0)


@pytest.mark.parametrize("left", [1, 12, 23, 24, 25, 38, 100, 5000, 100000])
def test_driver_sends(left, path):
    """The driver's frames go over the end of the data area, `left` bytes of which are left."""
    count = 1000
    with joined(path) as peer, checker(vdev(path), send=True, wait=True, count=count, segments=3,
                                       seed=left) as tx:
        fill_to(peer, DATA_SIZE - left)
        gen = peer.bus.gen
        tx.go()
        got = receive_until(peer, lambda frames: len(frames) == count)
        assert [parse_checker_frame(frame) for frame in got] == [(0, n) for n in range(count)]
        result = tx.result()
        assert result["sent_bytes"] == sum(map(len, got))
        assert result["sent_multi"] > 0
        assert peer.overruns == 0
        assert peer.bus.gen == gen + 1
        check(peer.bus, zeros)


def test_driver_sends_too_fast(path, counts):
    """What we hear of many laps is whole, in order, and never comes twice."""
    with joined(path) as peer, checker(vdev(path), send=True, wait=True,
                                       count=scaled(300000)) as tx:
        tx.go()
        heard = 0
        expected = 0

        def take():
            nonlocal heard, expected
            for frame in peer.receive(at_most=500):
                number, seq = parse_checker_frame(frame)
                assert number == 0 and seq >= expected
                expected = seq + 1
                heard += 1
            return expected == scaled(300000)
        poll(take, "the last frame", timeout=LIMIT_S * 4, interval=0)
        sent = tx.result()["sent"]
        assert heard <= sent == expected
        assert (heard == sent) == (peer.overruns == 0)
        held = [parse_checker_frame(frame.data)[1] for frame in peer.bus.frames()]
        assert held == list(range(sent - len(held), sent))
        check(peer.bus, zeros)
        counts(f"{sent} sent, {heard} heard, {peer.overruns} times overtaken")


# Both directions


def exchange(peer, mirrors, frames):
    """Send the frames to the mirrors in turn; all come back from each, in order, swapped.

    mirrors: their addresses. Returns how many came back.
    """
    number = len(mirrors)
    due = [[OUR_MAC + mac + frame[12:] for frame in frames[i::number]]
           for i, mac in enumerate(mirrors)]
    which = {mac: i for i, mac in enumerate(mirrors)}
    back = [0] * number
    sent = 0
    while sum(back) < len(frames):
        batch = []
        while sent < len(frames) and len(batch) < 32 and \
                sent // number - back[sent % number] < IN_FLIGHT // number:
            batch.append(mirrors[sent % number] + OUR_MAC + frames[sent][12:])
            sent += 1
        peer.send(batch)
        heard = receive_until(peer, lambda got, sent_any=bool(batch): got or sent_any)
        for frame in heard:
            i = which[frame[6:12]]
            assert frame == due[i][back[i]], f"frame {back[i]} of mirror {i}"
            back[i] += 1
    assert peer.overruns == 0
    return back


def test_there_and_back(path, counts):
    """What we send to the driver comes back as it was, over many laps."""
    frames = random_frames(scaled(10000, least=2000))
    with joined(path) as peer, mirror(vdev(path)) as pmd:
        back = 0
        sent = 0
        while back < len(frames):
            batch = frames[sent:min(sent + 32, back + IN_FLIGHT)]
            peer.send(batch)
            sent += len(batch)
            for frame in receive_until(peer, lambda got, sent_any=bool(batch): got or sent_any):
                assert frame == frames[back], f"frame {back}"
                back += 1
        assert peer.overruns == 0
        assert peer.receive() == []
        pmd.stop_fwd()
        stats = pmd.port_stats(0)
        assert stats["rx_packets"] == stats["tx_packets"] == len(frames)
        assert (stats["rx_missed"], stats["rx_errors"], stats["tx_errors"]) == (0, 0, 0)
        xstats = pmd.port_xstats(0)
        assert (xstats["rx_corrupt"], xstats["tx_corrupt"]) == (0, 0)
        check(peer.bus, zeros)
        assert peer.bus.gen >= 2 * sum(map(len, frames)) // DATA_SIZE
        counts(f"{len(frames)} frames there and back, {peer.bus.gen} laps")


def test_three_writers(path, counts):
    """Two ports of the driver and we write at the same time; nothing is lost, mixed up or torn."""
    frames = random_frames(scaled(12000, least=2000), seed=5)
    with joined(path) as peer, contextlib.ExitStack() as stack:
        mirrors = [stack.enter_context(mirror(vdev(path, index), "macswap", on=index))
                   for index in range(2)]
        back = exchange(peer, [mac_bytes(pmd) for pmd in mirrors], frames)
        busy = 0
        for pmd, number in zip(mirrors, back):
            pmd.stop_fwd()
            stats = pmd.port_stats(0)
            assert stats["rx_packets"] == stats["tx_packets"] == number
            assert (stats["rx_missed"], stats["rx_errors"], stats["tx_errors"]) == (0, 0, 0)
            busy += pmd.port_xstats(0)["lock_busy"]
        check(peer.bus, zeros)
        assert peer.bus.lock == 0
        senders = {frame.sender for frame in peer.bus.frames()}
        assert len(senders) == 3 and peer.sender in senders
        counts(f"{len(frames)} frames there, {back} back, {peer.bus.gen} laps, "
               f"lock busy {busy} times")


def test_three_writers_at_once(path, counts):
    """Two checkers, and we among them, as fast as they can: as much as the bus holds."""
    count = 1000
    ours = [checker_frame(9, n, bytes(n % 200)) for n in range(count)]
    with joined(path) as peer, contextlib.ExitStack() as stack:
        fill_to(peer, DATA_SIZE - 50000)
        ports = [stack.enter_context(checker(vdev(path, i), send=True, receive=True, wait=True,
                                             on=i, id=i, count=count, short=200, long_percent=0,
                                             hold=0))
                 for i in range(2)]
        for port in ports:
            port.go()
        for frame in ours:
            peer.send([frame])
        got = receive_until(peer, lambda frames: len(frames) == 2 * count)
        for i in range(2):
            seqs = [seq for number, seq in map(parse_checker_frame, got) if number == i]
            assert seqs == list(range(count))
        for port in ports:
            port.wait_until(lambda r: r["received"] == 2 * count, "all to be received")
        for i, port in enumerate(ports):
            end = port.finish()
            assert (end["damaged"], end["stale"], end["missing"]) == (0, 0, 0)
            assert stream(end, 1 - i)["frames"] == stream(end, 9)["frames"] == count
        assert peer.overruns == 0 and peer.bus.gen == 1
        check(peer.bus, zeros)
        counts(f"{3 * count} frames")


class Inspector:
    """Looks at the whole of a bus, with the lock, while others write; and writes a frame each time."""

    def __init__(self, peer, luck):
        self.peer = peer
        self.luck = luck
        self.newest = {}
        self.looks = 0

    def look(self):
        with self.peer.locked():
            check(self.peer.bus, zeros)
            held = [frame for frame in self.peer.bus.frames() if frame.sender != self.peer.sender]
        found = {}
        for frame in held:
            _, seq = parse_checker_frame(frame.data)
            found.setdefault(frame.sender, []).append(seq)
        for sender, seqs in found.items():
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
            assert seqs[-1] >= self.newest.get(sender, -1)
            self.newest[sender] = seqs[-1]
        noise = self.luck.randbytes(self.luck.randint(0, FRAME_MAX - 14))
        self.peer.send([checker_frame(9, self.looks, noise)])
        self.looks += 1


@pytest.mark.parametrize("seed", range(rounds(10, 2)))
def test_a_million_frames(seed, path, counts):
    """A tenth of a million, of other lengths and bursts than the next: two ports of the driver write as
    fast as they can, and we among them; whenever we have the lock, all is as the format says."""
    count = scaled(50_000, least=10_000)
    luck = random.Random(seed)
    shape = {"short": luck.randint(30, 1514), "long_percent": luck.randint(0, 50),
             "burst": luck.choice([1, 7, 32, 64]), "segments": luck.choice([1, 3])}
    with joined(path) as peer, contextlib.ExitStack() as stack:
        fill_to(peer, luck.randint(60, DATA_SIZE - 60))
        ports = [stack.enter_context(checker(vdev(path, i), send=True, receive=True, wait=True,
                                             on=i, id=i, seed=seed + 1, hold=0, **shape))
                 for i in range(2)]
        for port in ports:
            port.go()
        inspector = Inspector(peer, luck)

        # How they share the CPUs is not ours to say: they go on until both were seen.
        def all_sent():
            inspector.look()
            return len(inspector.newest) == 2 and \
                all(port.report()["sent"] >= count for port in ports)
        poll(all_sent, "everything to be sent", timeout=LIMIT_S * 4, interval=0)
        for port in ports:
            port.write("stop\n")
        ends = [port.result() for port in ports]
        for end in ends:
            assert end["sent"] >= count
            assert end["damaged"] == end["stale"] == end["port"]["ierrors"] == 0
        inspector.look()
        assert peer.bus.lock == 0
        counts(f"{sum(end['sent'] for end in ends)} frames and {inspector.looks} of ours, {peer.bus.gen} laps, "
               f"{shape}, the whole bus looked at {inspector.looks} times")


# Peers that die


@pytest.mark.parametrize("step", STEPS)
def test_others_after_a_dead_peer(step, path):
    """A reader that was up to date receives the new frames, whole, and none of them twice."""
    dead = b"\xdc" * 600
    with checker(vdev(path, lock_break_ms=300), send=True, wait=True, count=1) as tx, \
            joined(path) as listener, joined(path) as peer:
        fill_to(peer, 50000)
        listener.receive()
        peer.die_at(step, dead)
        tx.go()
        assert tx.result()["sent"] == 1
        heard = [frame for frame in listener.receive() if frame != dead]
        assert [parse_checker_frame(frame)[1] for frame in heard] == [0]
        assert listener.overruns == 0
        check(peer.bus, zeros)
        exchange_lap(path, listener)


# Each step with each place of the end of the ring, or each of them once.
DEATHS = rounds([(step, left) for left in (100000, 300, 10) for step in STEPS],
                list(zip(STEPS, itertools.cycle((100000, 300, 10)))))


@pytest.mark.parametrize("step, left", DEATHS)
def test_lock_of_a_dead_peer(step, left, path):
    """A foreign peer dies while it sends: a port that wants to send breaks the lock.

    What was written before is still there but for the oldest; of the newest record, of which
    nobody can tell whether it is complete, there is no trace, or all.
    """
    dead = b"\xdc" * 600
    with checker(vdev(path, lock_break_ms=300), send=True, wait=True, count=50) as tx:
        with joined(path) as peer:
            fill_to(peer, DATA_SIZE - 100000)
            fill_to(peer, DATA_SIZE - left)
            held = [frame.data for frame in peer.bus.frames() if len(frame.data) >= FRAME_MIN]
            peer.die_at(step, dead)
        tx.go()
        result = tx.result()
        assert (result["sent"], xstat(result, "lock_broken_foreign")) == (50, 1)
    with joined(path) as peer:
        check(peer.bus, zeros)
        assert peer.bus.lock == 0
        # a doubtful record is filled with some that every receiver skips
        frames = [frame.data for frame in peer.bus.frames() if len(frame.data) >= FRAME_MIN]
        assert [parse_checker_frame(frame)[1] for frame in frames[-50:]] == list(range(50))
        sent = sum(RECORD.size + len(frame) for frame in frames[-50:])
        del frames[-50:]
        complete = frames[-1] == dead
        assert not complete or step in ("payload", "gen")
        frames = frames[:-1] if complete else frames
        if step == "locked" and frames[-1] != held[-1]:
            held.pop()
        assert frames[-1] == held[-1] and frames == held[len(held) - len(frames):]
        gone = sum(RECORD.size + len(frame) for frame in held[:len(held) - len(frames)])
        assert gone < sent + len(dead) + 2 * (RECORD.size + FRAME_MAX)
    exchange_lap(path)


def break_chain(bus):
    records = list(bus.records())
    bus.data[records[5].off:records[5].off + 4] = b"\xff" * 4


def put_first_at_last(bus):
    bus.first = bus.last


def put_last_beyond(bus):
    bus.last = DATA_SIZE + 1


@pytest.mark.parametrize("damage", [break_chain, put_first_at_last, put_last_beyond])
def test_ring_begun_anew(damage, path):
    """It is the ring of a new bus: peers that were there go on, and others come."""
    with checker(vdev(path, lock_break_ms=300), send=True, wait=True, count=3) as tx, \
            joined(path) as listener, joined(path) as peer:
        fill_to(peer, DATA_SIZE - 100000)
        fill_to(peer, DATA_SIZE - 100)
        fill_to(peer, 50000)
        listener.receive()
        gen = peer.bus.gen
        peer.hold_lock()
        damage(peer.bus)
        tx.go()
        assert tx.result()["sent"] == 3
        assert (peer.bus.gen, peer.bus.first) == (gen + 2, DATA_SIZE)
        check(peer.bus, zeros)
        assert [parse_checker_frame(frame)[1] for frame in listener.receive()] == list(range(3))
        exchange_lap(path, listener, peer)


def test_new_bus_of_a_dead_peer(path):
    """A kernel died with the lock before any frame was sent: the ring needs no repair."""
    with joined(path) as peer, \
            checker(vdev(path, lock_break_ms=300), send=True, wait=True, count=1) as tx:
        peer.hold_lock()
        tx.go()
        assert tx.result()["sent"] == 1
        assert (peer.bus.gen, peer.bus.first, peer.bus.last) == (0, DATA_SIZE, RECORD.size)
        check(peer.bus, zeros)
        assert len(peer.receive()) == 1
        exchange_lap(path, peer)


def test_port_comes_to_first_at_last(path):
    """No peer leaves such a bus, and none of NetBSD's survives it: a port that comes repairs it."""
    with joined(path) as listener:
        fill_to(listener, 50000)
        listener.bus.first = listener.bus.last
        with checker(vdev(path), send=True, count=1) as tx:
            assert tx.result()["sent"] == 1
        check(listener.bus, zeros)
        assert len(listener.receive()) == 1
        exchange_lap(path, listener)
