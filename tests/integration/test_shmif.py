# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Stock DPDK applications on a NetBSD shmif bus: with each other, with secondaries, with a peer.

Nobody on such a bus waits for slow receivers. Where nothing may be lost all that is sent fits into
the ring; where as much is sent as goes, the counters tell what was lost.
"""

import contextlib
import os
import re
import subprocess
import sys

import pytest
from apps import checker, cpu, plugin, receives_exactly, sanitizer_env, scaled, testpmd
from checker import xstat
from pcaps import mixture, read, write
from process import clock, poll
from rounds import rounds
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "format"))

from shmif_file import DATA_SIZE, Shmif, check  # noqa: E402
from shmif_peer import Peer  # noqa: E402
from shmif_samples import forge, random_frames  # noqa: E402

RING_BYTES = 1_000_000
RECORD_BYTES = 24


@pytest.fixture
def shmif(make_bus):
    """shmif("name"): a shmif bus whose lock nobody breaks: a machine may stand still for long."""
    return lambda name="bus", **devargs: make_bus(name, format="shmif", lock_break_ms=0, **devargs)


def few_frames(n, seed):
    """Frames that a shmif bus carries, so few that none can be overwritten unread."""
    frames = [frame for frame in mixture(n, seed=seed) if len(frame) <= 1514]
    assert sum(len(frame) + RECORD_BYTES for frame in frames) < RING_BYTES // 2
    return frames


def forward(pmd, mode="io"):
    """Forward all, also when the bus's lock is held for a while."""
    pmd.cmd("set burst tx delay 5 retry 10000000")
    pmd.cmd(f"set fwd {mode} retry")
    assert "forwarding with retry" in pmd.cmd("start")


def bridge(bus, name, folder, **kwargs):
    """testpmd with a port on the bus, and one that reads name-in.pcap and writes name-out.pcap."""
    files = [os.path.join(folder, f"{name}-{way}.pcap") for way in ("in", "out")]
    return testpmd(bus.vdev(), f"net_pcap0,rx_pcap={files[0]},tx_pcap={files[1]}", name=name,
                   args=("--no-flush-rx",), **kwargs)


def in_order(bus):
    """Is the bus as its description wants it, now that nobody uses it?"""
    with Shmif(bus.path) as found:
        check(found)
        assert found.lock == found.spare == 0


def test_both_directions(shmif, folder, counts):
    """Two processes send each other frames from files at once, and get them as they are."""
    bus = shmif()
    frames = {name: few_frames(400, seed) for seed, name in enumerate(("one", "two"))}
    for name, some in frames.items():
        write(os.path.join(folder, f"{name}-in.pcap"), some)
    with contextlib.ExitStack() as stack:
        pmds = [stack.enter_context(bridge(bus, name, folder, on=i))
                for i, name in enumerate(frames)]
        for pmd in pmds:
            forward(pmd)
        got = [receives_exactly(pmd, 0, len(frames[name]))
               for pmd, name in zip(pmds, ("two", "one"))]
        for pmd, name in zip(pmds, ("two", "one")):
            pmd.wait_port_stat(1, "tx_packets", len(frames[name]))
    for stats in got:
        assert stats["rx_missed"] == stats["rx_errors"] == 0
    assert read(os.path.join(folder, "one-out.pcap")) == frames["two"]
    assert read(os.path.join(folder, "two-out.pcap")) == frames["one"]
    in_order(bus)
    counts(f"{[len(some) for some in frames.values()]} frames crossed as they were sent")


def test_between_two_buses(shmif, folder, counts):
    """testpmd between two buses in io mode: contents and order stay, both ways at once."""
    buses = {"one": shmif("bus1"), "two": shmif("bus2")}
    frames = {name: few_frames(400, seed + 5) for seed, name in enumerate(buses)}
    for name, some in frames.items():
        write(os.path.join(folder, f"{name}-in.pcap"), some)
    with contextlib.ExitStack() as stack:
        middle = stack.enter_context(testpmd(buses["one"].vdev(0), buses["two"].vdev(1),
                                             name="middle", args=("--no-flush-rx",)))
        forward(middle)
        pmds = [stack.enter_context(bridge(bus, name, folder, on=1))
                for name, bus in buses.items()]
        for pmd in pmds:
            forward(pmd)
        for pmd, name in zip(pmds, ("two", "one")):
            receives_exactly(pmd, 0, len(frames[name]))
            pmd.wait_port_stat(1, "tx_packets", len(frames[name]))
    assert read(os.path.join(folder, "one-out.pcap")) == frames["two"]
    assert read(os.path.join(folder, "two-out.pcap")) == frames["one"]
    for bus in buses.values():
        in_order(bus)
    counts(f"{[len(some) for some in frames.values()]} frames were forwarded as they were sent")


def test_as_fast_as_it_goes(shmif, counts):
    """What was not received was missed: with frames of one size, to the frame."""
    bus = shmif()
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(testpmd(bus.vdev(), name="rx", args=("--no-flush-rx",)))
        tx = stack.enter_context(testpmd(bus.vdev(), name="tx", on=1))
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_txpkts(64)
        # So that it knows how long a frame is before it misses any.
        with checker(bus.vdev(), send=True, on=1, count=100, lengths="64-64") as first:
            first.result()
        receives_exactly(rx, 0, 100)
        tx.set_fwd("txonly")
        tx.start_fwd()
        rx.wait_port_stat(0, "rx_packets", scaled(300_000))
        tx.stop_fwd()
        sent = tx.port_stats()["tx_packets"] + 100
        got = rx.wait_stable()
        xstats = rx.port_xstats()
    assert got["rx_packets"] + got["rx_missed"] == sent
    assert got["rx_bytes"] == got["rx_packets"] * 64
    assert got["rx_errors"] == got["rx_nombuf"] == 0
    assert xstats["rx_overrun_bytes"] == got["rx_missed"] * (64 + RECORD_BYTES)
    in_order(bus)
    counts(f"sent {sent}, received {got['rx_packets']}, missed {got['rx_missed']}")


def test_contents_at_speed(shmif, counts):
    """Three processes send and receive at once, with losses: no frame is damaged or comes twice."""
    bus = shmif()
    count = scaled(200_000)
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(checker(bus.vdev(), send=True, receive=True, on=i, id=i + 1,
                                            count=count, lengths="14-1514", wait=True,
                                            name=f"end{i}"))
                for i in range(3)]
        for end in ends:
            end.go()
        for end in ends:
            end.wait_until(lambda r: r["sent"] == count, "all to be sent", 300)
        results = [end.finish() for end in ends]
    for found in results:
        assert found["sent"] == count
        assert 0 < found["received"] <= 2 * count
        assert xstat(found, "rx_corrupt") == xstat(found, "tx_corrupt") == 0
    in_order(bus)
    counts(f"each sent {count}, received {[found['received'] for found in results]}")


# Secondary processes: see test_secondary.py


def proc_info(prefix, *args):
    """dpdk-proc-info on the primary with this prefix."""
    done = subprocess.run(["env", *(f"{k}={v}" for k, v in sanitizer_env().items()),
                           "dpdk-proc-info", "--file-prefix", prefix, "--no-pci", "-d", plugin(),
                           "--", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_proc_info(shmif, shared, prefix, counts):
    """It says what testpmd itself says, and the port goes on when it is gone."""
    bus = shmif()
    with testpmd(bus.vdev(), args=("--no-flush-rx",), **shared) as pmd:
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        for n in (1, 2):
            with checker(bus.vdev(), send=True, on=1, count=400, lengths="60-1000") as tx:
                tx.result()
            receives_exactly(pmd, 0, 400 * n)
            stats = proc_info(prefix, "-p", "1", "--stats")
            assert re.search(rf"RX-packets:\s+{400 * n}\b", stats)
            xstats = proc_info(prefix, "-p", "1", "--xstats")
            assert re.search(rf"rx_q0_packets: {400 * n}$", xstats, re.M)
            assert re.search(r"rx_overruns: 0$", xstats, re.M)
            # For a secondary the primary is another one on the bus.
            assert re.search(r"peers: [01]$", xstats, re.M)
        assert pmd.port_xstats()["peers"] == 0
        assert pmd.port_info()["link"] == "up"
    in_order(bus)
    counts("800 frames received, and so says dpdk-proc-info")


def secondary(bus, shared, name="secondary"):
    """A testpmd that uses the primary's port and queues."""
    kwargs = {**shared, "eal_extra": [], "proc_type": "secondary"}
    # Another lcore's number than the primary's: mbuf pools keep a cache for each.
    return testpmd(bus.vdev(), name=name, lcores=f"2@{cpu(1)},3@{cpu(1)}",
                   args=("--no-flush-rx",), **kwargs)


def test_testpmd_secondary(shmif, shared, counts):
    """The secondary receives and sends by the primary's queues; then the primary does again."""
    bus = shmif()
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(testpmd(bus.vdev(), name="other", args=("--no-flush-rx",)))
        other.set_fwd("rxonly")
        other.start_fwd()
        primary = stack.enter_context(testpmd(bus.vdev(), name="primary",
                                              args=("--no-flush-rx",), **shared))
        with secondary(bus, shared) as second:
            second.set_fwd("rxonly")
            second.start_fwd()
            with checker(bus.vdev(), send=True, on=1, count=500, lengths="60-1000") as tx:
                tx.result()
            receives_exactly(second, 0, 500)
            assert primary.port_stats()["rx_packets"] == 500
            receives_exactly(other, 0, 500)
            second.stop_fwd()
            second.set_fwd("txonly")
            second.start_fwd()
            primary.wait_port_stat(0, "tx_packets", 1000)
            second.stop_fwd()
            sent = primary.port_stats()["tx_packets"]
            assert second.port_stats()["tx_packets"] == sent
        got = other.wait_stable()
        # Some may have been missed, and how many is an estimate.
        assert 500 < got["rx_packets"] <= 500 + sent
        assert primary.port_info()["link"] == "up"
        primary.set_fwd("rxonly")
        primary.start_fwd()
        with checker(bus.vdev(), send=True, on=1, count=300, lengths="60-1000") as tx:
            tx.result()
        receives_exactly(primary, 0, 800)
    in_order(bus)
    counts(f"received 800, sent {sent}, of which {got['rx_packets'] - 500} were received")


def test_secondary_dies_sending(shmif, shared, counts):
    """kill -9 of a secondary at full speed: the bus's lock does not stay behind for good.

    Each time with another primary: the mbuf pool that they share may be unusable afterwards.
    """
    bus = shmif()
    times = rounds(4, 2)
    for n in range(times):
        with testpmd(bus.vdev(), name=f"primary{n}", args=("--no-flush-rx",), **shared):
            with secondary(bus, shared, name=f"secondary{n}") as second:
                second.set_fwd("txonly")
                second.start_fwd()
                second.wait_port_stat(0, "tx_packets", 1000)
                second.kill()
            with checker(bus.vdev(), receive=True, on=1) as rx:
                with checker(bus.vdev(), send=True, on=0, count=500, lengths="60-1000") as tx:
                    assert tx.result()["sent"] == 500
                rx.wait_until(lambda r: r["received"] >= 500, "500 frames")
                assert rx.finish()["received"] == 500
    in_order(bus)
    counts(f"killed {times} times, then 500 of 500 frames arrived each time")


# A peer that is no DPDK application


def test_version_2_readonly(make_bus, counts):
    """A bus of older NetBSD kernels can be watched."""
    bus = make_bus(format="shmif")
    frames = [frame.ljust(60, b"\0") for frame in random_frames(900, longest=1500)]
    forge(bus.path, frames[:500], start=DATA_SIZE - 100_000, version=2)
    with testpmd(bus.vdev(readonly=1)) as pmd:
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        assert pmd.port_info()["link"] == "up"
        with Shmif(bus.path, writable=True) as ours:
            # The others arrive, as with the lock held.
            forge(bus.path + ".new", frames, start=DATA_SIZE - 100_000, version=2)
            ours.lock = 1
            with Shmif(bus.path + ".new") as new:
                ours.data[:] = new.data[:]
                ours.last, ours.gen = new.last, new.gen
            ours.lock = 0
        got = receives_exactly(pmd, 0, 400)
        assert got["rx_bytes"] == sum(map(len, frames[500:]))
    counts(f"{got['rx_packets']} frames received")


def ask(peer, request, is_answer, what):
    """Send a request, again and again as hosts do, until it is answered; the answer."""
    asked = []

    def answered():
        if not asked or clock() - asked[-1] > 1:
            peer.send([bytes(request)])
            asked.append(clock())
        for data in peer.receive():
            frame = Ether(data)
            if is_answer(frame):
                return frame
        return None
    return poll(answered, what, 120)


def test_icmpecho(shmif, counts):
    """testpmd answers ARP requests and pings of a peer in plain Python."""
    bus = shmif()
    ours, theirs = "02:00:00:00:00:01", "b2:a0:00:00:00:42"
    with Peer(bus.path, lock_limit=120) as peer, testpmd(bus.vdev(mac=theirs)) as pmd:
        pmd.set_fwd("icmpecho")
        pmd.start_fwd()
        arp = ask(peer, Ether(src=ours, dst="ff:ff:ff:ff:ff:ff") /
                  ARP(op="who-has", hwsrc=ours, psrc="192.0.2.1", pdst="192.0.2.2"),
                  lambda f: ARP in f and f[ARP].op == 2, "an ARP reply")
        assert (arp.dst, arp.src) == (ours, theirs)
        assert (arp[ARP].hwsrc, arp[ARP].psrc) == (theirs, "192.0.2.2")
        assert (arp[ARP].hwdst, arp[ARP].pdst) == (ours, "192.0.2.1")
        sizes = (0, 56, 1000, 1472)
        for seq, size in enumerate(sizes):
            payload = bytes(i % 251 for i in range(size))
            ping = (Ether(src=ours, dst=arp[ARP].hwsrc) / IP(src="192.0.2.1", dst="192.0.2.2") /
                    ICMP(type="echo-request", id=7, seq=seq) / Raw(payload))
            pong = ask(peer, ping, lambda f, seq=seq: ICMP in f and f[ICMP].type == 0 and
                       f[ICMP].seq == seq, "an echo reply")
            assert (pong[IP].src, pong[IP].dst) == ("192.0.2.2", "192.0.2.1")
            assert (pong.dst, pong.src) == (ours, theirs)
            assert bytes(pong[ICMP].payload)[:size] == payload
            good = pong[ICMP].copy()
            del good.chksum
            assert ICMP(bytes(good)).chksum == pong[ICMP].chksum
    in_order(bus)
    counts(f"an ARP reply, and echo replies of {list(sizes)} bytes")
