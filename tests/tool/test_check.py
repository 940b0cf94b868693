# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus check: damage is found where it is; a bus in use is not damaged.

On shmif --repair mends it; on lanes it ends with the next owner of the slot.
"""

import functools
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile

import eal
import pytest
from apps import checker, scaled
from busfile import FOREVER
from process import poll
from rounds import rounds
from tool import LIMIT_S, program, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import lanes_file as lf  # noqa: E402
import shmif_file as sf  # noqa: E402
import shmif_samples  # noqa: E402
import shmif_traffic  # noqa: E402
from lanes_port import Member  # noqa: E402
from shmif_peer import Peer  # noqa: E402

GEO = lf.Geometry(ports=3, queues=2, lane_size=1 << 16)
FRAMES = [bytes([n]) * (60 + 100 * n) for n in range(8)]
NUMBER_LOCK_OFF = 1 << 40


def check(path, *options, status=0):
    """What it found, as the JSON has it."""
    out, err = shmbus("check", "--json", *options, path, status=status)
    assert err == ""
    return json.loads(out)["findings"]


def clean(path, *options):
    assert check(path, *options) == []


def content(path):
    with open(path, "rb") as f:
        return f.read()


def poke(path, off, form, *values):
    with open(path, "r+b") as f:
        f.seek(off)
        f.write(struct.pack("=" + form, *values))


def peek(path, off, form="Q"):
    with open(path, "rb") as f:
        f.seek(off)
        return struct.unpack("=" + form, f.read(struct.calcsize("=" + form)))[0]


@functools.lru_cache(maxsize=None)
def sound_lanes():
    """A bus without ports; lane 0 holds frames, and has wrapped."""
    with tempfile.TemporaryDirectory(prefix="shmbus-test-") as folder:
        path = os.path.join(folder, "bus")
        with Member(path, GEO) as one:
            one.start(1, 0)
            for _ in range(40):
                one.lane(0).send(FRAMES)
        clean(path)
        return content(path)


def make_lanes(path):
    with open(path, "wb") as f:
        f.write(sound_lanes())


def frames_pass(path):
    """Two new ports: what one sends, the other gets."""
    with Member(path, GEO) as tx, Member(path, GEO) as rx:
        tx.start(1, 0)
        rx.start(0, 1)
        reader = rx.receiver(0, tx.slot * GEO.queues)
        tx.lane(0).send(FRAMES)
        assert [frame.data for frame in reader.receive()] == FRAMES


def repaired(path, *options):
    """A shmif bus: all is mended, and a second check finds nothing."""
    found = check(path, "--repair", *options)
    assert found and all(one["mended"] for one in found)
    clean(path)
    return found


def lane(field):
    return GEO.lane(0) + field


def port(field):
    return GEO.port(0) + field


def first_record(path):
    """(position, offset in the file) of the oldest record of lane 0."""
    with lf.Bus(path) as bus:
        head, tail = bus.head(0), bus.tail(0)
        pos = min((mark for mark in bus.marks(0) if mark - head < tail - head and mark >= head))
    return pos, GEO.ring(0) + pos % GEO.lane_size


# off, format, value: what is written; and the name that it is found under
LANES_DAMAGE = {
    "deliver": (20, "I", 7, "header: deliver"),
    "notice_off": (104, "Q", 4096, "header: notice_off"),
    "more of it": (112 + 143, "B", 7, "header: reserved"),
    "roster_off": (32, "Q", 8192, "header: roster_off"),
    "port_off": (40, "Q", 0, "header: port_off"),
    "lane_off": (48, "Q", 1, "header: lane_off"),
    "cursor_off": (56, "Q", 1 << 40, "header: cursor_off"),
    "data_off": (64, "Q", 65537, "header: data_off"),
    "file_size": (72, "Q", 1 << 30, "header: file_size"),
    "entries": (260, "I", 1, "bell: entries"),
    "bell": (264, "B", 1, "bell: reserved"),
    "rung": (320, "I", 1, "bell: rung"),
    "bell's end": (256 + 127, "B", 1, "bell: reserved"),
    "state": (port(lf.P_STATE), "I", 2, "port 0: state"),
    "bits of state": (port(lf.P_STATE), "I", 1 << 20, "port 0: state"),
    "n_txq": (port(lf.P_N_TXQ), "I", 3, "port 0: n_txq"),
    "n_rxq": (port(lf.P_N_RXQ), "I", 3, "port 0: n_rxq"),
    "mac": (port(lf.P_MAC + 6), "H", 258, "port 0: behind the mac"),
    "name": (port(lf.P_NAME + 63), "B", 65, "port 0: end of the name"),
    "sleeping": (port(lf.P_SLEEPING + 3), "B", 2, "port 0: sleeping"),
    "reserved of a port": (port(40), "B", 1, "port 0: reserved"),
    "more of a port's": (port(255), "B", 1, "port 0: reserved"),
    "tail": (lane(lf.L_TAIL), "Q", 65, "lane 0 (port 0, queue 0): tail"),
    "tail far away": (lane(lf.L_TAIL), "Q", 1 << 50, "lane 0 (port 0, queue 0): head"),
    "head": (lane(lf.L_HEAD), "Q", 65, "lane 0 (port 0, queue 0): head"),
    "head above": (lane(lf.L_HEAD), "Q", 1 << 62, "lane 0 (port 0, queue 0): head"),
    "stamps": (lane(lf.L_STAMP), "QQQQ", (1, 2, 3, 4), "lane 0 (port 0, queue 0): stamp[0].pos"),
    "mark": (lane(lf.L_MARK + 8), "Q", 4097, "lane 0 (port 0, queue 0): mark"),
    "mark elsewhere": (lane(lf.L_MARK + 8), "Q", 3 * 4096, "lane 0 (port 0, queue 0): mark"),
    "mark above": (lane(lf.L_MARK), "Q", 1 << 40, "lane 0 (port 0, queue 0): mark"),
    "reserved of a lane": (lane(48), "B", 1, "lane 0 (port 0, queue 0): reserved"),
    "waits for no slot": (lane(80), "Q", 200, "lane 0 (port 0, queue 0): waits"),
    "waits for no queue": (lane(80), "Q", 1 | 200 << 16, "lane 0 (port 0, queue 0): waits"),
    "more of a lane's": (lane(127), "B", 1, "lane 0 (port 0, queue 0): reserved"),
    "cursor's state": (GEO.cursor(0, 1, 0) + lf.C_STATE, "I", 2,
                       "cursor of port 0, queue 1, in lane 0: state"),
    "nobody's cursor": (GEO.cursor(0, 0, 2) + lf.C_STATE, "I", 1,
                        "cursor of port 0, queue 0, in lane 2: state of nobody's"),
    "cursor's pos": (GEO.cursor(0, 0, 2), "QI", (63, 1),
                     "cursor of port 0, queue 0, in lane 2: pos"),
    "cursor above": (GEO.cursor(0, 0, 0), "QI", (1 << 40, 1),
                     "cursor of port 0, queue 0, in lane 0: pos"),
    "reserved of a cursor": (GEO.cursor(0, 0, 1) + 12, "I", 1,
                             "cursor of port 0, queue 0, in lane 1: reserved"),
    "more of a cursor's": (GEO.cursor(0, 0, 1) + 63, "B", 1,
                           "cursor of port 0, queue 0, in lane 1: reserved"),
}


def values_of(what):
    """(offset, format, values, name) of one kind of LANES_DAMAGE."""
    off, form, values, name = LANES_DAMAGE[what]
    return off, form, values if isinstance(values, tuple) else (values,), name


@pytest.mark.parametrize("what", LANES_DAMAGE)
def test_lanes_word(folder, what):
    path = os.path.join(folder, "bus")
    off, form, values, name = values_of(what)
    make_lanes(path)
    poke(path, off, form, *values)
    before = content(path)
    found = check(path, status=1)
    assert content(path) == before
    named = [one for one in found if one["what"].startswith(name)]
    assert named, found
    first = values[0]
    if "head" not in name or what == "head" or what == "head above":
        field = [one for one in named if int(one["value"]) in (first, first & 0xff)]
        assert field and abs(field[0]["offset"] - off) < 16, found
    assert all(one["right"] and not one["mended"] for one in found)


# What is written into a record, by its offset there.
RECORD_DAMAGE = {
    "pos": (24, "Q", 1, 24, "pos"),
    "len": (0, "I", 100, 0, "len"),
    "len of nothing": (0, "I", 64, 0, "len"),
    "count": (4, "H", 0, 4, "count"),
    "data_off": (6, "H", 1, 6, "data_off"),
    "length of a frame": (36, "I", 0, 36, "length of a frame"),
    "a frame without a header": (36, "I", 13, 36, "length of a frame"),
    "a long frame": (36, "I", 60000, 36, "length of a frame"),
    "flags": (36, "I", 1 << 28 | 60, 36, "flags"),
    "request": (32, "I", 1 << 24 | 60, None, "request"),
}


@pytest.mark.parametrize("what", RECORD_DAMAGE)
def test_lanes_record(folder, what):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    pos, start = first_record(path)
    off, form, value, at, name = RECORD_DAMAGE[what]
    poke(path, start + off, form, value)
    found = check(path, status=1)
    record, = [one for one in found if one["what"].startswith(f"record at {pos} of lane 0: {name}")]
    if at is not None:
        assert record["offset"] == start + at


def test_lanes_numbers(folder):
    """Numbers of frames that do not follow each other, and a stamp that is not the last's."""
    path = os.path.join(folder, "bus")
    make_lanes(path)
    with lf.Bus(path) as bus:
        pos, start = first_record(path)
        length = struct.unpack("=I", bus.ring_bytes(0, pos, 4))[0]
        second = GEO.ring(0) + (pos + length) % GEO.lane_size
    right = peek(path, second + 8)
    poke(path, second + 8, "Q", 1)
    found, = check(path, status=1)
    assert (found["offset"], found["value"]) == (second + 8, "1")
    assert "seq" in found["what"] and found["right"].startswith(f"{right},")
    poke(path, second + 8, "Q", right)
    tail = peek(path, lane(lf.L_TAIL))
    stamp = lf.L_STAMP + 16 * (peek(path, lane(lf.L_STAMP)) != tail)
    seq = peek(path, lane(stamp + 8))
    poke(path, lane(stamp + 8), "Q", seq + 5)
    found, = check(path, status=1)
    assert (found["offset"], found["value"]) == (lane(stamp + 8), str(seq + 5))
    assert found["right"].startswith(f"{seq},")


def test_record_of_16_megabytes(folder):
    """No record is that long, though the ring has room for it."""
    path = os.path.join(folder, "bus")
    most = lf.RECORD_MAX // lf.LINE - 3
    with Member(path, lf.Geometry(ports=2, queues=1, lane_size=1 << 26)) as member:
        member.lane(0).send([bytes(100)], spare_end=most)
        member.lane(0).send([bytes(100)])
    clean(path)
    with Member(path) as member:
        member.lane(0).send([bytes(100)], spare_end=most + 1)
        member.lane(0).send([bytes(100)])
    found = check(path, status=1)
    assert [(one["what"].partition(":")[2], one["value"]) for one in found] == [
        (" len", str(lf.RECORD_MAX + lf.LINE))]


def test_mark_within_a_record(folder):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    pos, _ = first_record(path)
    mark = lf.L_MARK + 8 * (pos % GEO.lane_size // GEO.chunk)
    before = peek(path, lane(mark))
    after = [off for off in range(lf.L_MARK, lf.L_MARK + 128, 8)
             if peek(path, lane(off)) > before][0]
    poke(path, lane(after), "Q", peek(path, lane(after)) + 64)
    assert [one["offset"] for one in check(path, status=1)] == [lane(after)]


def test_all_records_are_gone(folder):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    pos, start = first_record(path)
    poke(path, GEO.ring(0), f"{GEO.lane_size}s", bytes(GEO.lane_size))
    found = check(path, status=1)
    assert found[0]["what"] == f"record at {pos} of lane 0: pos"
    assert (found[0]["offset"], found[0]["value"]) == (start + 24, "0")


@pytest.mark.parametrize("off, form, value", [(8, "I", 3), (12, "I", 0), (16, "I", 65),
                                              (24, "Q", 65537)])
def test_impossible_numbers(folder, off, form, value):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    poke(path, off, form, value)
    found = check(path, status=1)
    assert (found[0]["offset"], found[0]["value"]) == (off, str(value))


@pytest.mark.parametrize("off, value", [(12, 2), (12, 4), (16, 3), (24, 1 << 17)])
def test_numbers_of_another_bus(folder, off, value):
    """They are possible, but nothing else goes with them."""
    path = os.path.join(folder, "bus")
    make_lanes(path)
    poke(path, off, "I", value)
    assert 72 in [one["offset"] for one in check(path, status=1)]


def test_truncated(folder):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    os.truncate(path, GEO.file_size - 4096)
    found, = check(path, status=1)
    assert found["value"] == str(GEO.file_size - 4096)


def test_no_memory(folder):
    """As after a copy that has holes instead of zeros: it is told for whom that matters."""
    path = os.path.join(folder, "bus")
    make_lanes(path)
    header = content(path)[:256]
    with open(path, "wb") as f:
        f.write(header)
        f.truncate(GEO.file_size)
    found, = check(path, status=1)
    assert "memory" in found["what"] and "a copy that is only read" in found["right"]
    # What docs/tool.rst advises.
    copy = os.path.join(folder, "copy")
    subprocess.run(["cp", "--sparse=never", path, copy], check=True)
    clean(copy)
    frames_pass(copy)


def test_dead_port_is_not_wrong(folder):
    path = os.path.join(folder, "bus")
    with Member(path, GEO):
        dead = Member(path, GEO)
        dead.start(1, 1)
        dead.lane(0).send(FRAMES)
        dead.lane(0).die_before_publishing(4, True)
        poke(path, GEO.cursor(dead.slot, 0, 0) + lf.C_STATE, "I", 1)
        poke(path, GEO.port(dead.slot) + lf.P_SLEEPING, "B", 1)
        dead.bus.close()
        clean(path)
        assert peek(path, GEO.port(dead.slot), "I") != 0
    frames_pass(path)
    clean(path)


def test_slots_of_findings(folder):
    """What belongs to a port is told with its slot; the bell belongs to nobody."""
    path = os.path.join(folder, "bus")
    with Member(path, GEO) as one:
        one.start(1, 0)
        one.lane(0).send(FRAMES)
        slot, number = one.slot, one.slot * GEO.queues
        for off, value in ((GEO.port(slot) + lf.P_N_RXQ, 99), (GEO.lane(number) + lf.L_HEAD, 65),
                           (GEO.cursor(slot, 0, 0) + lf.C_STATE, 6), (320, 1)):
            poke(path, off, "I", value)
        before = content(path)
        found = check(path, status=1)
        assert len(found) >= 4
        assert {one.get("slot") for one in found} == {slot, None}
        assert content(path) == before


@pytest.mark.parametrize("damaged", [False, True])
def test_lanes_repair_is_refused(folder, damaged):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    if damaged:
        poke(path, port(lf.P_N_TXQ), "I", 3)
    before = content(path)
    for options in ((), ("--json",)):
        out, err = shmbus("check", "--repair", *options, path, status=2)
        assert out == ""
        assert err.startswith(f"shmbus check: path={path}: --repair is for format shmif, ")
        assert "the next port" in err and "shmbus create" in err
    assert content(path) == before


# The next owner of a slot

OLDEST = "the oldest record"  # of lane 0: where that lies is known only later
SLOT_DAMAGE = {
    "a record's pos": (OLDEST, "Q", (1, ), "record at"),
    **{what: values_of(what) for what, damage in LANES_DAMAGE.items()
       if damage[3].startswith(("port 0", "lane 0", "cursor of port 0"))},
}


def hurt(path, kinds):
    """Damage slot 0, which has no living owner, and let check find it."""
    for what in kinds:
        off, form, values, _ = SLOT_DAMAGE[what]
        if off == OLDEST:
            off = first_record(path)[1] + 24
        if what == "nobody's cursor":
            poke(path, port(lf.P_STATE), "I", 0)
        poke(path, off, form, *values)
    found = check(path, status=1)
    names = tuple(SLOT_DAMAGE[what][3] for what in kinds)
    assert [one for one in found if one["what"].startswith(names)], (kinds, found)
    # Readers of a lane whose tail goes back have cursors above the tail.
    assert {one["slot"] for one in found if "cursor of port 1" not in one["what"]} == {0}


def test_next_owner_puts_slot_in_order(make_bus, counts):
    """A port dies, its slot is damaged, and another port gets the slot: frames pass both ways,
    and after one lap nothing is wrong any more. All the while the other port lives on.
    """
    bus = make_bus(pause_timeout_ms=FOREVER)
    first = Member(bus.path, GEO)
    first.start(1, 0)
    for _ in range(40):
        first.lane(0).send(FRAMES)
    with checker(bus.vdev(), send=True, receive=True, on=0, burst=4) as living:
        first.close()
        assert bus.slots()[0].dead and bus.slots()[1].pid == living.pid
        # The tail goes far last: from there nothing else that is damaged would be above it.
        each = sorted(SLOT_DAMAGE, key=lambda what: what == "tail far away")
        few = [each[0::3], each[1::3], each[2::3]]
        for number, kinds in enumerate([*rounds([[what] for what in each], few), each], start=1):
            hurt(bus.path, kinds)
            with checker(bus.vdev(), send=True, receive=True, on=1, id=number, burst=4) as heir:
                assert bus.slots()[0].pid == heir.pid, kinds
                began = peek(bus.path, lane(lf.L_TAIL))
                living.wait_more("received", 1000)
                heir.wait_more("received", 1000)
                heir.poll(lambda: (peek(bus.path, lane(lf.L_TAIL)) - began) % (1 << 64)
                          > GEO.lane_size, "one lap", LIMIT_S)
                assert check(bus.path) == []
                assert heir.report()["damaged"] == living.report()["damaged"] == 0, kinds
                heir.kill()
                heir.close(check=False)
            clean(bus.path)
        living.close(check=False)
    counts(f"{len(SLOT_DAMAGE)} kinds of damage")


def test_repair_without_permission(folder):
    """Nothing is wrong, but what was asked for could not be done."""
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("wrapped", path)
    os.chmod(path, 0o400)
    # root, too, may then write only what its permission bits say
    modest = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    done = subprocess.run([*(modest if os.getuid() == 0 else []), program(), "check", "--repair",
                           path], capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert (done.returncode, done.stdout) == (1, f"{path}: nothing is wrong\n")
    assert f"path={path}: no permission to open it for reading and writing" in done.stderr
    clean(path)


def damaged_files(number):
    """How many random ones; SHMBUS_DAMAGED_FILES may ask for more."""
    return int(os.environ.get("SHMBUS_DAMAGED_FILES") or scaled(number, least=number // 2))


def damage(path, luck, size):
    """Some bytes, anywhere but in the magic; most of them where the tables are."""
    with open(path, "r+b") as f:
        for _ in range(luck.randint(1, 12)):
            f.seek(luck.choice((luck.randrange(8, 512), luck.randrange(4096, 4096 * 6),
                                luck.randrange(8, size))))
            f.write(luck.randbytes(luck.choice((1, 4, 8, 64))))


def survive(path, luck):
    """It does not crash, and changes nothing. Returns whether it found anything."""
    before = content(path)
    done = subprocess.run([program(), "check", path], capture_output=True, check=False,
                          timeout=LIMIT_S)
    assert done.returncode in (0, 1), (luck, done.stderr)
    assert content(path) == before
    return done.returncode == 1


def mends(path, luck, *options):
    """It is right about what it has mended. Returns whether that is all."""
    done = subprocess.run([program(), "check", "--repair", *options, path], capture_output=True,
                          check=False, text=True, timeout=LIMIT_S)
    assert done.returncode in (0, 1), (luck, done.stderr)
    if done.returncode == 0:
        clean(path)
        return True
    assert "[not mended]" in done.stdout or done.stderr, done
    return False


def test_random_damage(folder, counts):
    path = os.path.join(folder, "bus")
    sound = sound_lanes()
    found = 0
    rounds = damaged_files(24)
    for seed in range(rounds):
        with open(path, "wb") as f:
            f.write(sound)
        damage(path, random.Random(seed), GEO.file_size)
        found += survive(path, seed)
    counts(f"lanes: {rounds} files, damage found in {found}")
    assert found > rounds // 2


# shmif


SHMIF_DAMAGE = {
    "gen": (sf.O_GEN, "Q", 1 << 63, "header: gen"),
    "first": (sf.O_FIRST, "I", 1 << 30, "header: first"),
    "last": (sf.O_LAST, "I", sf.DATA_SIZE + 1, "header: last"),
    "first within the newest": (sf.O_FIRST, "I", 838073 + 10, "header: first"),
    "first is last": (sf.O_FIRST, "I", 838073, "header: first, where last is, too,"),
    "first and last are 0": (sf.O_FIRST, "II", (0, 0), "header: first, where last is, too,"),
    "first is last by another name": (sf.O_FIRST, "II", (0, sf.DATA_SIZE),
                                      "header: first, where last is, too,"),
    "len of the newest": (32 + 838073, "I", 1515, "record at 838073: len of the newest"),
    "len of the oldest": (32 + 839822, "I", 1515, "record at 839822: len"),
    "usec": (32 + 839822 + 8, "I", 1000000, "record at 839822: usec"),
    "a dead port's claim": (sf.O_SPARE, "I", 9, "header: spare"),
    "a dead port's lock": (sf.O_LOCK, "II", (1, 1 << 29 | 9), "header: lock"),
    "a lock that is none": (sf.O_LOCK, "II", (7, 1 << 29 | 9), "header: lock"),
    "NetBSD's lock": (sf.O_LOCK, "I", 1, "header: lock"),
}


@pytest.mark.parametrize("what", SHMIF_DAMAGE)
def test_shmif_word(folder, what):
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("wrapped", path)
    clean(path)
    off, form, values, name = SHMIF_DAMAGE[what]
    values = values if isinstance(values, tuple) else (values,)
    poke(path, off, form, *values)
    before = content(path)
    found = check(path, status=1)
    assert content(path) == before
    assert [one for one in found if one["what"].startswith(name) and one["offset"] == off
            and one["value"] == str(values[0])], found
    repaired(path, "--lock-break", "0.2")
    with sf.Shmif(path) as bus:
        assert bus.lock == bus.spare == 0
        list(bus.records())
    shmif_traffic.exchange_lap(path)


def test_shmif_new_ring(folder):
    """There last is 0, and first is another name of 0: that is not wrong, in any generation."""
    path = os.path.join(folder, "bus")
    Peer(path).close()
    clean(path)
    poke(path, sf.O_GEN, "Q", 7)
    before = content(path)
    clean(path)
    clean(path, "--repair")
    assert content(path) == before
    poke(path, sf.O_FIRST, "I", 0)
    repaired(path)
    with sf.Shmif(path) as bus:
        assert (bus.gen, bus.first, bus.last) == (9, sf.DATA_SIZE, 0)
    shmif_traffic.exchange_lap(path)


def test_shmif_records_that_do_not_chain(folder):
    path = os.path.join(folder, "bus")
    shmif_samples.forge(path, shmif_samples.random_frames(50))
    clean(path)
    poke(path, 32, "I", 700)
    assert "record at" in check(path, status=1)[0]["what"]
    repaired(path)
    shmif_traffic.exchange_lap(path)


@pytest.mark.parametrize("options, mapping", [((), "r--s"), (("--repair", "--lock-break", "3600"), "rw-s")])
def test_shmif_truncated_meanwhile(folder, options, mapping):
    """While it waits whether the lock moves, or for the lock, the file is truncated."""
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("wrapped", path)
    poke(path, sf.O_LOCK, "I", 1)
    with subprocess.Popen([program(), "check", *options, path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        def is_mapped():
            with open(f"/proc/{process.pid}/maps", encoding="utf-8") as f:
                return any(line.split()[1] == mapping and line.endswith(f" {path}\n") for line in f)
        poll(is_mapped, "the mapping", LIMIT_S, 0.001)
        os.truncate(path, 0)
        _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert err.startswith(f"shmbus check: path={path}: another process truncated the file")


def test_shmif_version_and_size(folder):
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("few", path)
    os.truncate(path, sf.FILE_SIZE // 2)
    found, = repaired(path)
    assert found["value"] == str(sf.FILE_SIZE // 2)
    poke(path, sf.O_VERSION, "I", 4)
    assert check(path, status=1)[0]["offset"] == sf.O_VERSION
    assert "version 4" in shmbus("check", "--repair", path, status=1)[1]


def test_shmif_version_2(folder):
    """It is looked at as others are, and never written to."""
    path = os.path.join(folder, "bus")
    shmif_samples.forge(path, shmif_samples.random_frames(700), start=999_000, version=2)
    clean(path)
    poke(path, 32 + 999_000, "I", 1515)
    found, = check(path, status=1)
    assert (found["what"], found["value"]) == ("record at 999000: len", "1515")
    before = content(path)
    assert "only reads" in shmbus("check", "--repair", path, status=1)[1]
    assert content(path) == before


def test_shmif_lock_of_the_living(make_bus):
    """A port that was stopped with the lock is no damage, and keeps it."""
    bus = make_bus(format="shmif")
    with checker(bus.vdev(), receive=True) as rx:
        rx.report()
        os.kill(rx.pid, signal.SIGSTOP)
        try:
            poke(bus.path, sf.O_LOCK, "II", 1, 1 << 29 | 1)
            clean(bus.path)
        finally:
            poke(bus.path, sf.O_LOCK, "II", 0, 0)
            os.kill(rx.pid, signal.SIGCONT)


def test_shmif_random_damage(folder, counts):
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("wrapped", path)
    sound = content(path)
    mended = 0
    rounds = damaged_files(8)
    for seed in range(rounds):
        luck = random.Random(seed)
        with open(path, "wb") as f:
            f.write(sound)
        for _ in range(luck.randint(1, 40)):
            # Not the lock, which takes its time.
            off = luck.choice((luck.randrange(8, 24), luck.randrange(32, sf.FILE_SIZE - 8)))
            poke(path, off, "I", luck.getrandbits(32))
        poke(path, sf.O_LOCK, "II", 0, 0)
        survive(path, seed)
        if mends(path, seed):
            mended += 1
            shmif_traffic.exchange_lap(path)
    counts(f"shmif: {rounds} files, {mended} mended")
    assert mended == rounds


# Buses in use


@pytest.mark.parametrize("format", ["lanes", "shmif"])
def test_bus_in_use(make_bus, format):
    """Traffic as fast as it goes, with a reader that waits and one that does not; one is killed."""
    bus = make_bus(format=format)
    pause = {"pause": 0} if format == "lanes" else {}
    with checker(bus.vdev(), receive=True) as rx, \
            checker(bus.vdev(**pause), on=1, send=True, id=1) as tx:
        rx.wait_until(lambda r: r["received"] > 0, "the first frames")
        repair = ["--repair"] if format == "shmif" else []
        for _ in range(scaled(10, least=4)):
            clean(bus.path)
        clean(bus.path, *repair)
        tx.kill()
        for _ in range(3):
            clean(bus.path)
        clean(bus.path, *repair)
        with checker(bus.vdev(), on=1, send=True, count=1000, id=2) as again:
            again.result()
        clean(bus.path)
        rx.close(check=False)


def test_no_bus(folder):
    path = os.path.join(folder, "file")
    for data in (b"", b"no bus at all" * 100, b"SHMBUS0\n", b"\x54\xd0\x11\xca"):
        with open(path, "wb") as f:
            f.write(data)
        _, err = shmbus("check", "--repair", path, status=1)
        assert f"path={path}: " in err
        assert content(path) == data
    os.unlink(path)
    assert f"path={path}: " in shmbus("check", path, status=1)[1]


def test_text(folder):
    path = os.path.join(folder, "bus")
    make_lanes(path)
    assert shmbus("check", path)[0] == f"{path}: nothing is wrong\n"
    poke(path, port(lf.P_N_TXQ), "I", 10)
    line = f"offset {port(lf.P_N_TXQ)}: port 0: n_txq is 10 (0xa); right would be 0 to 2\n"
    assert shmbus("check", path, status=1)[0] == (
        f"{line}{path}: 1 wrong\n"
        "The next port that takes over a damaged slot puts the slot in order as it sends.\n")
    poke(path, 320, "I", 10)
    out, _ = shmbus("check", path, status=1)
    assert out == (
        f"offset 320: bell: rung is 10 (0xa); right would be 0\n{line}{path}: 2 wrong\n"
        "Not all of this belongs to a slot: stop all ports, move the file away, and make a new bus "
        "with shmbus create.\n")


def test_text_shmif(folder):
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("wrapped", path)
    poke(path, sf.O_FIRST, "I", 1 << 30)
    line = (f"offset {sf.O_FIRST}: header: first is 1073741824 (0x40000000); "
            "right would be 1048544 at most")
    assert shmbus("check", path, status=1)[0] == f"{line}\n{path}: 1 wrong\n"
    assert shmbus("check", "-r", path)[0] == f"{line} [mended]\n{path}: 1 wrong, all mended\n"
