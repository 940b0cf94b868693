# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus dump: exactly the frames that were sent, and what was missed is told to the last one."""

import contextlib
import itertools
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import time

import eal
import pcapng
import pcaps
import pytest
from apps import cpu, receives_exactly, scaled, testpmd
from busfile import FOREVER
from process import Timeout, cpu_seconds, open_files, poll
from rounds import rounds
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from tool import LIMIT_S, on_terminal, program, read_all, read_until, shmbus, start

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import shmif_samples  # noqa: E402
from lanes_file import L_STAMP, P_INCARNATION, Geometry  # noqa: E402
from lanes_port import Member  # noqa: E402
from shmif_file import DATA_SIZE, HEADER  # noqa: E402

# Makes the first name one of the second file, then of the third one, and so on.
SWAP = """
import os, sys
name, *files = sys.argv[1:]
while True:
    for file in files:
        os.link(file, name + ".new")
        os.rename(name + ".new", name)
"""

NUMBERS = re.compile(r"(\d+) frames captured, (\d+) filtered, (\d+) missed\n$")


def summary(err):
    """(captured, filtered, missed)"""
    return tuple(map(int, NUMBERS.search(err).groups()))


def dump(bus, path, *options):
    """Dump a bus into a pcapng file; return the file's content and the summary."""
    out, err = shmbus("dump", bus.path, "-w", path, *options)
    assert out == ""
    return pcapng.read(path), summary(err)


@contextlib.contextmanager
def following(bus, path, *options):
    """shmbus dump --follow, as long as it takes; `frames`: what it has written so far."""
    with start("dump", bus.path, "--follow", "-w", path, *options) as process:
        try:
            # The file begins when the monitor does.
            poll(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "the capture to begin")
            yield process
        finally:
            process.kill()


def interrupt(process):
    """End it as a user does; return its summary and all of its output."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    return summary(err.decode()), err.decode()


def sent_by_replay(bus, path, *options):
    out, _ = shmbus("replay", bus.path, path, "--fast", *options)
    return int(out.split()[0])


@pytest.fixture
def frames():
    return pcaps.mixture(200)


@pytest.fixture
def source(folder, frames):
    """A capture of these frames."""
    path = os.path.join(folder, "source.pcap")
    pcaps.write(path, frames)
    return path


@pytest.fixture
def target(folder):
    return os.path.join(folder, "target.pcapng")


@pytest.fixture
def lanes(make_bus):
    bus = make_bus()
    shmbus("create", bus.path)
    return bus


def tcpdump(*args):
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    return subprocess.run(["tcpdump", "-n", *args], stdout=subprocess.PIPE, check=True, text=True,
                          stderr=subprocess.DEVNULL, timeout=LIMIT_S).stdout


@pytest.mark.parametrize("name", shmif_samples.SAMPLES)
def test_netbsd(make_bus, folder, target, name):
    bus = make_bus()
    shmif_samples.write_sample(name, bus.path)
    wanted = shmif_samples.sample_pcap(name)
    capture, told = dump(bus, target)
    assert told == (len(wanted), 0, 0)
    assert [(f.tstamp_ns, f.data) for f in capture.frames] == [
        (sec * 1_000_000_000 + usec * 1000, data) for sec, usec, data in wanted]
    old = os.path.join(folder, "target.pcap")
    shmbus("dump", bus.path, "-w", old)
    assert pcaps.read(old) == [data for _, _, data in wanted]


@pytest.mark.parametrize("count, start, gen", [
    (0, 0, 0), (1, 0, 0), (300, 0, 0),
    (300, DATA_SIZE - 1, 7), (300, DATA_SIZE - 5, 7), (300, DATA_SIZE - 12, 7),
    (300, DATA_SIZE - 1000, 7),
])
def test_version_2(make_bus, target, count, start, gen):
    """Of older NetBSD kernels: the header of a record is shorter. It may be split as well."""
    bus = make_bus()
    wanted = shmif_samples.random_frames(count)
    shmif_samples.forge(bus.path, wanted, start=start, gen=gen, version=2)
    capture, told = dump(bus, target)
    assert told == (count, 0, 0)
    assert [(f.tstamp_ns, f.data) for f in capture.frames] == [
        (number * 1_000_000_000, data) for number, data in enumerate(wanted)]
    # A ring that is as full as it can be.
    wanted = shmif_samples.random_frames(DATA_SIZE // (12 + 64), longest=64)
    shmif_samples.forge(bus.path, wanted, start=start, gen=gen, version=2)
    assert dump(bus, target)[0].data() == wanted


@pytest.mark.parametrize("options", [("--no-tcpdump",), ()])
def test_uptime_has_no_zone(bus, options):
    """Printed are hours, minutes and seconds since a sender came up, wherever that is."""
    shmif_samples.forge(bus.path, shmif_samples.random_frames(3), version=2)
    out, _ = shmbus("dump", *options, bus.path, env={**os.environ, "TZ": "UTC-9"})
    assert re.findall(r"^(\d\d:\d\d:\d\d)\.", out, re.M) == ["00:00:00", "00:00:01", "00:00:02"]


def test_version_2_is_not_joined(bus, source):
    shmif_samples.forge(bus.path, shmif_samples.random_frames(3), version=2)
    with open(bus.path, "rb") as f:
        before = f.read()
    _, err = shmbus("replay", bus.path, source, status=1)
    assert f"path={bus.path}: shmif bus version 2, which this program only reads" in err
    with open(bus.path, "rb") as f:
        assert f.read() == before


@pytest.mark.parametrize("field", [5, 6])
def test_netbsd_that_died_with_the_lock(make_bus, target, field):
    """All but the newest record, which may be half-written; spare is no lock."""
    bus = make_bus()
    shmif_samples.write_sample("few", bus.path)
    wanted = [data for _, _, data in shmif_samples.sample_pcap("few")]
    with open(bus.path, "r+b") as f:
        words = list(HEADER.unpack(f.read(HEADER.size)))
        words[field] = 1
        f.seek(0)
        f.write(HEADER.pack(*words))
    _, err = shmbus("dump", bus.path, "-w", target)
    if field == 5:
        assert "some frames cannot be read, because their sender" in err
        wanted.pop()
    assert pcapng.read(target).data() == wanted


def test_driver_live_and_post_mortem(bus, folder, source, frames, target):
    """What testpmd sends, while it does, after it was killed, and read back by others."""
    late = os.path.join(folder, "late.pcap")
    shmbus("create", bus.path)
    with following(bus, target) as process:
        with pcaps.source(bus, source) as pmd:
            pmd.set_fwd("io")
            pmd.start_fwd()
            receives_exactly(pmd, pcaps.FILE, len(frames))
            pmd.wait_port_stat(pcaps.BUS, "tx_packets", len(frames))
            mac = bytes.fromhex(pmd.port_info(pcaps.BUS)["mac"].replace(":", ""))
            told, _ = interrupt(process)
            pmd.kill()
    assert told == (len(frames), 0, 0)
    capture = pcapng.read(target)
    assert capture.data() == frames
    port, = capture.interfaces
    assert port.name == "net_shmbus0/0" and port.linktype == 1
    assert port.options[pcapng.IF_MACADDR] == mac
    assert port.statistics == {pcapng.ISB_IFRECV: len(frames), pcapng.ISB_IFDROP: 0,
                               pcapng.ISB_FILTERACCEPT: len(frames)}
    before = os.stat(bus.path)
    with open(bus.path, "rb") as f:
        content = f.read(1 << 20)
    post_mortem, told = dump(bus, target)
    assert told == (len(frames), 0, 0)
    assert post_mortem == capture
    # Nobody has noticed.
    assert os.stat(bus.path).st_mtime_ns == before.st_mtime_ns
    with open(bus.path, "rb") as f:
        assert f.read(1 << 20) == content
    shmbus("dump", bus.path, "--format", "pcap", "-w", late)
    assert pcaps.read(late) == frames
    assert tcpdump("-r", target) == tcpdump("-r", late) == shmbus("dump", bus.path)[0]


def test_names_of_those_who_left(bus, source, frames, target):
    """testpmd has quit; the frames are still there, and so is the name, until another comes."""
    shmbus("create", bus.path, "--lane-size", "8M")
    with pcaps.source(bus, source) as pmd:
        mac = bytes.fromhex(pmd.port_info(pcaps.BUS)["mac"].replace(":", ""))
        pmd.set_fwd("io")
        pmd.start_fwd()
        pmd.wait_port_stat(pcaps.BUS, "tx_packets", len(frames))
    port, = dump(bus, target)[0].interfaces
    assert port.name == "net_shmbus0/0" and port.options[pcapng.IF_MACADDR] == mac
    assert sent_by_replay(bus, source) == len(frames)
    capture, told = dump(bus, target)
    assert told == (2 * len(frames), 0, 0)
    assert [port.name for port in capture.interfaces] == ["port/0", "replay/0"]


def test_full_speed(bus, target, counts):
    """Beside testpmd at full speed: captured and missed are what was sent."""
    with testpmd(bus.vdev(), on=1, name="sink") as rx, testpmd(bus.vdev(), name="flood") as tx:
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_fwd("txonly")
        with following(bus, target, "--snaplen", "60", "--new") as process:
            tx.start_fwd()
            tx.wait_port_stat(0, "tx_packets", scaled(1_000_000))
            sent = tx.stop_fwd()["all"]["tx_packets"]
            (captured, filtered, missed), _ = interrupt(process)
        receives_exactly(rx, 0, sent)
    counts(f"captured {captured}, missed {missed}, sent {sent}")
    assert captured > 0 and filtered == 0
    assert captured + missed == sent
    capture = pcapng.read(target)
    assert len(capture.frames) == captured
    assert {len(f.data) for f in capture.frames} == {60}
    assert capture.interfaces[0].statistics[pcapng.ISB_IFDROP] <= missed


def children(pid):
    """Processes that a process has started, and that are still there."""
    found = []
    for other in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{other}/stat", encoding="ascii") as stat:
            if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                found.append(int(other))
    return found


def share_of(process, wall_s):
    """What a process and its children take of a CPU in that time."""
    pids = [process.pid, *children(process.pid)]
    begin, before = time.monotonic(), sum(map(cpu_seconds, pids))
    poll(lambda: time.monotonic() - begin > wall_s, "enough to be seen")
    return (sum(map(cpu_seconds, pids)) - before) / (time.monotonic() - begin)


def test_gives_way(bus, counts):
    """With no CPU for it alone it takes little of those that poll, and counts what it misses.

    What it starts tcpdump for costs them as much.
    """
    cpus = {cpu(0), cpu(1)}
    kinds = [["-w", os.devnull]] + [["-v", "-X"]] * (shutil.which("tcpdump") is not None)
    with testpmd(bus.vdev(), on=1, name="sink") as rx, testpmd(bus.vdev(), name="flood") as tx:
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_fwd("txonly")
        for options in kinds:
            with subprocess.Popen([program(), "dump", "--new", *options, bus.path],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  preexec_fn=lambda: os.sched_setaffinity(0, cpus)) as process:
                poll(lambda: os.devnull in open_files(process.pid) or children(process.pid),
                     "the capture to begin")
                tx.start_fwd()
                share = share_of(process, 1.5)
                sent = tx.stop_fwd()["all"]["tx_packets"]
                (captured, _, missed), err = interrupt(process)
            counts(f"{share:.3f} of a CPU; captured {captured}, missed {missed}, sent {sent}")
            assert captured + missed == sent
            assert share < 0.3
            assert missed > 0 and "gave way to others" in err and "--keep-up" in err


def test_claims_beside_traffic(make_bus, frames, target, counts):
    """A sender claims frames that it never sent, on a bus that is never empty; dump ends anyway.

    And it has all that honest senders had sent before it began.
    """
    geometry = {"ports": 4, "queues": 1, "lane_size": 1 << 20}
    bus = make_bus(**geometry, pause_timeout_ms=FOREVER)
    with Member(bus.path, Geometry(**geometry), name="honest") as honest, \
            Member(bus.path, name="liar") as liar:
        for member in (honest, liar):
            member.start(n_txq=1, n_rxq=0)
            for frame in frames:
                member.lane(0).send([frame])
        for stamp in (0, 16):
            word = (liar.geo.lane(liar.slot) + L_STAMP + stamp + 8) // 8
            liar.bus.u64[word] += 1 << 40
        with testpmd(bus.vdev(), on=1, name="sink") as rx, testpmd(bus.vdev(), name="flood") as tx:
            rx.set_fwd("rxonly")
            rx.start_fwd()
            tx.set_fwd("txonly")
            tx.start_fwd()
            tx.wait_port_stat(0, "tx_packets", 100_000)
            _, err = shmbus("dump", bus.path, "-w", target)
            tx.stop_fwd()
    counts(err.replace("shmbus dump: ", "").replace("\n", "; "))
    capture = pcapng.read(target)
    by = {port.name: [frame.data for frame in capture.frames if frame.interface == number]
          for number, port in enumerate(capture.interfaces)}
    assert by["honest/0"] == frames
    assert by["liar/1"] == frames


SHOWN = [(["-t"], b"> 02:00:00:00:77:77, ethertype 0x0800, length 60\n"), (["-w", "-"], b"seldom")]
PACES = [[], ["--keep-up"]]


@pytest.mark.parametrize("options, seen, keep_up", [
    (*shown, pace) for shown, pace in rounds(list(itertools.product(SHOWN, PACES)),
                                             list(zip(SHOWN, PACES)))])
def test_slower_than_the_bus(bus, folder, options, seen, keep_up):
    """The few frames that a filter lets pass are shown soon, though there are always more to read.

    Thousands of comparisons for each frame make dump slower than the bus, on any machine.
    """
    slow = " and ".join(f"ether[{14 + n % 30}:4] != {0x70000000 + n}" for n in range(3000))
    source = os.path.join(folder, "source.pcap")
    seldom = Ether(dst="02:00:00:00:77:77") / IP() / UDP(sport=7, dport=7777) / Raw(b"seldom")
    pcaps.write(source, [bytes(seldom).ljust(60, b"\0")])
    cpus = {cpu(0), cpu(1)}
    with testpmd(bus.vdev(), on=1, name="sink") as rx, testpmd(bus.vdev(), name="flood") as tx:
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_fwd("txonly")
        tx.start_fwd()
        tx.wait_port_stat(0, "tx_packets", 100_000)
        with subprocess.Popen([program(), "dump", "--new", *options, *keep_up, bus.path,
                               f"({slow}) and udp port 7777"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              preexec_fn=lambda: os.sched_setaffinity(0, cpus)) as process:

            def shown():
                """Few frames are sent: any buffer of stdio has room for more."""
                for _ in range(20):
                    sent_by_replay(bus, source)
                    if select.select([process.stdout], [], [], 3)[0]:
                        out = os.read(process.stdout.fileno(), 1 << 16)
                        if seen in out:
                            return True
                return False

            try:
                assert shown()
                # Only now: a filter of this size takes most of a second to compile.
                os.setpriority(os.PRIO_PROCESS, process.pid, 19)
                assert shown()
                assert process.poll() is None
            finally:
                process.kill()


def test_gaps(make_bus, folder, source, frames, target):
    """A dump that is stopped misses; every frame of it is accounted for, where it is missing."""
    bus = make_bus()
    shmbus("create", bus.path, "--lane-size", "256K")
    with following(bus, target, "udp") as process:
        first = sent_by_replay(bus, source)
        process.send_signal(signal.SIGSTOP)
        sent = first + sent_by_replay(bus, source, "--loop", "100", "--no-pause")
        process.send_signal(signal.SIGCONT)
        (captured, filtered, missed), err = interrupt(process)
    assert missed > 50 * len(frames)
    assert captured + filtered + missed == sent
    capture = pcapng.read(target)
    statistics = [port.statistics for port in capture.interfaces]
    assert sum(told[pcapng.ISB_IFDROP] for told in statistics) == missed
    assert sum(told[pcapng.ISB_IFRECV] for told in statistics) == captured + filtered
    assert sum(frame.dropped for frame in capture.frames) == missed
    assert sum(map(int, re.findall(r"(\d+) frames missed from ", err))) == missed


def test_filter_count_snaplen(lanes, source, target):
    sent_by_replay(lanes, source)
    everything, told = dump(lanes, target)
    total = told[0]
    udp, (captured, filtered, missed) = dump(lanes, target, "udp", "and", "not", "vlan")
    assert 0 < captured < total and captured + filtered == total and missed == 0
    assert all(frame in everything.frames for frame in udp.frames)
    assert len(tcpdump("-r", target).splitlines()) == captured
    three, (captured, _, _) = dump(lanes, target, "-c", "3", "tcp")
    assert captured == 3 == len(three.frames)
    short, _ = dump(lanes, target, "-s", "20")
    assert [(f.data, f.length) for f in short.frames] == [
        (f.data[:20], f.length) for f in everything.frames]
    out, _ = shmbus("dump", lanes.path, "--no-tcpdump", "-c", "1")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{9} \S+/0 [0-9a-f:]{17} > [0-9a-f:]{17}, "
                        r"ethertype 0x[0-9a-f]{4}, length \d+\n", out)


def test_order_and_new_ports(lanes, folder, frames, target):
    """Several lanes become one sequence; a port that comes later is an interface of its own."""
    halves = []
    for number in (0, 1):
        halves.append(os.path.join(folder, f"half{number}.pcap"))
        pcaps.write(halves[number], frames[number::2])
    with following(lanes, target) as process:
        senders = [start("replay", lanes.path, half, "--rate", "1kpps", "--wait-peers", "1")
                   for half in halves]
        for sender in senders:
            sender.communicate(timeout=LIMIT_S)
            assert sender.returncode == 0
        assert sent_by_replay(lanes, halves[0]) == len(frames) // 2
        told, _ = interrupt(process)
    assert told == (3 * len(frames) // 2, 0, 0)
    capture, told = dump(lanes, target)
    assert told == (3 * len(frames) // 2, 0, 0)
    times = [frame.tstamp_ns for frame in capture.frames]
    assert times == sorted(times)
    assert sorted(capture.data()) == sorted(frames + frames[0::2])
    assert capture.data()[len(frames):] == frames[0::2]


@pytest.mark.parametrize("letter, before", [
    (letter, n) for letter in "\xe4\u20ac\U0001f6f8" for n in range(len(letter.encode()))])
def test_long_names_in_a_capture(make_bus, source, target, letter, before):
    """Texts are UTF-8, and end with a whole character, whichever byte would be the last one."""
    name = "x" * before + letter * ((255 - before) // len(letter.encode()))
    for used in (False, True):
        bus = make_bus(name)
        shmbus("create", bus.path)
        if used:
            sent_by_replay(bus, source)
        port, = dump(bus, target)[0].interfaces
        os.unlink(bus.path)
        text = port.options[pcapng.IF_DESCRIPTION if used else pcapng.IF_NAME].decode()
        begin = text[text.index("/"):]
        assert bus.path.startswith(begin) and 250 < len(text.encode()) <= 256


def test_name_that_is_no_text(make_bus, source, target):
    """The path of a bus is bytes; those that are no UTF-8 are question marks in a capture."""
    bad = [b"\x80", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x9b", b"\xc0\xaf", b"\xe0\x80\xaf",
           b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"]
    bus = make_bus(os.fsdecode(b"-".join(bad) + b"-\xc3\xa4-" + bad[3]))
    shmbus("create", bus.path)
    sent_by_replay(bus, source)
    port, = dump(bus, target)[0].interfaces
    name = "-".join("?" * len(each) for each in bad) + "-\xe4-??"
    assert port.options[pcapng.IF_DESCRIPTION].decode().endswith("/" + name)


def test_invented_incarnations(make_bus, target):
    """An owner that pretends to be always another one does not make the list of senders grow."""
    owners, named = 200, 64
    bus = make_bus()
    with Member(bus.path, Geometry(ports=2, queues=1, lane_size=1 << 20), name="liar") as member:
        member.start(n_txq=1, n_rxq=0)
        with following(bus, target) as process:
            for number in range(owners):
                # dump has looked at the owner when it writes a frame, or a moment before.
                size = os.path.getsize(target)
                member.bus.u64[(member.geo.port(member.slot) + P_INCARNATION) // 8] += 1
                member.lane(0).send([bytes(12) + number.to_bytes(2, "big") + bytes(46)])
                poll(lambda n=size: os.path.getsize(target) > n, "the frame", interval=0.002)
            told, _ = interrupt(process)
    assert told == (owners, 0, 0)
    capture = pcapng.read(target)
    assert [int.from_bytes(data[12:14], "big") for data in capture.data()] == list(range(owners))
    assert [port.name for port in capture.interfaces] == ["liar/0"] * named + ["port/0"]
    # A frame may count for the owner of the moment before.
    by = [frame.interface for frame in capture.frames]
    assert all(after - before in (0, 1) for before, after in zip(by, by[1:]))
    assert by[0] == 0 and by[-1] == named
    assert [port.statistics[pcapng.ISB_IFRECV] for port in capture.interfaces] == [
        by.count(number) for number in range(named + 1)]
    assert by.count(named) > owners - 2 * named


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_only_new(make_bus, folder, target, fmt):
    frames = [frame for frame in pcaps.mixture(200) if len(frame) <= 1514]
    source = os.path.join(folder, "source.pcap")
    pcaps.write(source, frames)
    bus = make_bus()
    shmbus("create", bus.path, "--format", fmt)
    sent_by_replay(bus, source)
    with following(bus, target, "--new") as process:
        sent_by_replay(bus, source)
        told, _ = interrupt(process)
    assert told == (len(frames), 0, 0)
    assert pcapng.read(target).data() == frames
    again, _ = dump(bus, target)
    assert again.data() == frames + frames


def test_progress(lanes, source, target):
    """On a terminal one line tells how far it is, and is gone at the end."""
    with on_terminal("dump", lanes.path, "--follow", "-w", target) as (process, terminal):
        read_until(terminal, b"\r\x1b[K0 frames captured, 0 filtered, 0 missed")
        sent = sent_by_replay(lanes, source)
        line = b"%d frames captured, 0 filtered, 0 missed" % sent
        read_until(terminal, b"\r\x1b[K" + line)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
        assert read_all(terminal).endswith(b"\r\x1b[Kshmbus dump: " + line + b"\r\n")


def test_to_stdout(lanes, source, frames):
    sent_by_replay(lanes, source)
    out, _ = shmbus("dump", lanes.path, "-w", "-", "-F", "pcap", text=False)
    assert len(out) == 24 + sum(16 + len(frame) for frame in frames)


def test_without_tcpdump(lanes, source, folder):
    """Where it is not installed there are lines of our own, as with --no-tcpdump."""
    sent = sent_by_replay(lanes, source)
    out, _ = shmbus("dump", lanes.path, env={**os.environ, "PATH": folder})
    assert out == shmbus("dump", lanes.path, "--no-tcpdump")[0]
    assert len(out.splitlines()) == sent


def test_read_by_scapy(lanes, source, frames, target):
    sent_by_replay(lanes, source)
    dump(lanes, target)
    assert pcaps.read(target) == frames


def test_empty_bus(lanes, target):
    capture, told = dump(lanes, target)
    assert told == (0, 0, 0) and capture.frames == [] and len(capture.interfaces) == 1
    assert shmbus("dump", lanes.path)[0] == ""


@pytest.mark.parametrize("args, status, said", [
    (("host",), 2, "filter 'host': "),
    (("-s", "0"), 2, "--snaplen: '0' is not right; expected bytes"),
    (("-F", "pcap"), 2, "expected --write FILE"),
    (("-F", "erf", "-w", "x"), 2, "--format: 'erf' is not right; expected pcapng or pcap"),
    (("-w", "/dev/full"), 1, "cannot write to /dev/full: No space left on device"),
    (("-w", "/dev/full", "-F", "pcap"), 1, "cannot write to /dev/full: No space left on device"),
    (("-w", "/nonexistent/file"), 1, "cannot write to /nonexistent/file: No such file"),
])
def test_errors(lanes, source, args, status, said):
    sent_by_replay(lanes, source)
    _, err = shmbus("dump", lanes.path, *args, status=status)
    assert said in err


def test_no_bus(folder, lanes, source):
    missing = os.path.join(folder, "missing")
    _, err = shmbus("dump", missing, status=1)
    assert f"path={missing}: no such file" in err
    _, err = shmbus("dump", source, status=1)
    assert f"path={source}: " in err


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_no_bus_is_overwritten(make_bus, lanes, source, fmt):
    """Neither the one that is dumped nor another."""
    other = make_bus("other", format=fmt)
    shmbus("create", other.path, "--format", fmt)
    for bus in (lanes, other):
        sent_by_replay(bus, source)
        _, err = shmbus("dump", lanes.path, "-w", bus.path, status=1)
        assert f"{bus.path} is a bus; write to another file" in err
        assert shmbus("dump", bus.path, "-t", "-c", "1")[0].count("\n") == 1


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_cut_bus(make_bus, target, fmt):
    """A bus that becomes shorter is gone, and dump says so."""
    bus = make_bus()
    shmbus("create", bus.path, "--format", fmt)
    with following(bus, target) as process:
        os.truncate(bus.path, 0)
        _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert f"path={bus.path}: the bus is gone: " in err.decode()
    assert summary(err.decode()) == (0, 0, 0)


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_removed_bus(make_bus, source, target, fmt):
    """It follows the file that it has opened; that this has no name any more is told, once."""
    bus = make_bus()
    shmbus("create", bus.path, "--format", fmt)
    with following(bus, target) as process:
        sent = sent_by_replay(bus, source)
        os.remove(bus.path)
        poll(lambda: select.select([process.stderr], [], [], 0)[0], "a message")
        told = process.stderr.readline().decode()
        assert f"path={bus.path}: the file has been removed" in told
        shmbus("create", bus.path, "--format", fmt)
        sent_by_replay(bus, source)
        (captured, _, missed), err = interrupt(process)
    assert captured + missed == sent
    assert "removed" not in err


@pytest.mark.parametrize("mode, umask, wanted", [
    (0o600, 0, 0o600), (0o640, 0, 0o640), (0o622, 0, 0o600), (0o666, 0, 0o644),
    (0o666, 0o77, 0o600)])
def test_mode_of_a_capture(make_bus, target, mode, umask, wanted):
    """A new file is as private as the bus; an old one keeps its mode."""
    bus = make_bus()
    shmbus("create", bus.path, "--mode", f"{mode:04o}")
    shmbus("dump", bus.path, "-w", target, umask=umask)
    assert stat.S_IMODE(os.stat(target).st_mode) == wanted
    os.chmod(target, 0o664)
    shmbus("dump", bus.path, "-w", target, umask=umask)
    assert stat.S_IMODE(os.stat(target).st_mode) == 0o664


def test_bus_that_takes_the_name_of_a_file(make_bus, lanes, target):
    """What is examined is what will be emptied, while a name changes between bus and file."""
    other = make_bus("other")
    shmbus("create", other.path, "--lane-size", "64K")
    bus_file = os.stat(other.path)
    names = other.path, target + ".old"
    with open(names[1], "wb") as f:
        f.write(b"x" * 100)
    os.link(names[1], target)
    with subprocess.Popen([sys.executable, "-c", SWAP, target, *names]) as swapper:
        try:
            for _ in range(rounds(100, 30)):
                done = subprocess.run([program(), "dump", lanes.path, "-w", target], check=False,
                                      stderr=subprocess.PIPE, timeout=LIMIT_S)
                assert done.returncode in (0, 1)
                assert os.stat(other.path).st_size == bus_file.st_size
        finally:
            swapper.kill()


# Each way in which a dump writes to stdout, and whether tcpdump does it.
WAYS = [(["-t"], False), (["-w", "-"], False), (["-w", "-", "-F", "pcap"], False), ([], True),
        (["-x"], True)]

# A capture that stdio's buffer holds to the end, and a longer one: both each way, or in turn.
WAYS_AND_LOOPS = [(*way, loops) for way, loops in rounds(
    list(itertools.product(WAYS, (1, 30))), list(zip(WAYS, itertools.cycle((1, 30)))))]


def dump_into(stdout, bus, source, options, by_tcpdump, loops):
    if by_tcpdump and shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    shmbus("create", bus.path, "--lane-size", "16M")
    sent_by_replay(bus, source, "--loop", loops)
    return subprocess.run([program(), "dump", bus.path, *options], stdout=stdout,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=LIMIT_S)


@pytest.mark.parametrize("options, by_tcpdump, loops", WAYS_AND_LOOPS)
def test_full_disk_behind_stdout(make_bus, source, options, by_tcpdump, loops):
    """Noticed while there are frames, and when the last one is written."""
    with open("/dev/full", "wb") as full:
        done = dump_into(full, make_bus(), source, options, by_tcpdump, loops)
    assert done.returncode == 1
    assert ("shmbus dump: tcpdump ended with status" if by_tcpdump else
            "shmbus dump: cannot write to stdout: No space left on device") in done.stderr


@pytest.mark.parametrize("options, by_tcpdump, loops", WAYS_AND_LOOPS)
def test_nobody_reads_stdout(make_bus, source, options, by_tcpdump, loops):
    """Behind "| head" the end comes early, and without a word; but tcpdump has its own manners."""
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "wb") as pipe:
        done = dump_into(pipe, make_bus(), source, options, by_tcpdump, loops)
    assert done.returncode == -signal.SIGPIPE
    assert "shmbus dump:" not in done.stderr


def test_tcpdump_that_dies(make_bus, folder, source):
    """Whatever it was, dump tells, and does not die of it."""
    bus = make_bus()
    shmbus("create", bus.path, "--lane-size", "16M")
    sent_by_replay(bus, source, "--loop", 30)
    with open(os.path.join(folder, "tcpdump"), "w", encoding="ascii", opener=lambda path, flags:
              os.open(path, flags, 0o755)) as script:
        script.write("#!/bin/sh\nread line\nkill -9 $$\n")
    env = {**os.environ, "PATH": f"{folder}:/bin:/usr/bin"}
    _, err = shmbus("dump", bus.path, status=1, env=env)
    assert "cannot write to tcpdump: Broken pipe" in err and "tcpdump was killed by signal 9" in err
