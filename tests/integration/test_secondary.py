# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Secondary processes of stock applications: dpdk-proc-info, dpdk-dumpcap, a second testpmd.

They share their primary's memory, which takes hugepages. dpdk-dumpcap has no -d argument: where the
plugin is not installed, LD_PRELOAD brings it in.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess

import eal
import pytest
from apps import LOSSLESS, checker, cpu, plugin, receives_exactly, sanitizer_env, scaled, testpmd
from pcaps import mixture, read, source, write
from process import Process
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from tool import shmbus


def run(argv, env=None):
    """Run a program to its end; what it wrote."""
    done = subprocess.run(["env", *(f"{k}={v}" for k, v in (env or {}).items()), *argv],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def proc_info(prefix, *args):
    """dpdk-proc-info on the primary with this prefix."""
    return run(["dpdk-proc-info", "--file-prefix", prefix, "--no-pci", "-d", plugin(), "--", *args],
               sanitizer_env())


def test_proc_info(bus, shared, prefix, counts):
    """--stats and --xstats say what testpmd itself says, while it runs, and harm nothing."""
    with contextlib.ExitStack() as stack:
        pmd = stack.enter_context(testpmd(bus.vdev(mac="b2:a0:00:00:00:42"), **shared))
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        with checker(bus.vdev(), send=True, on=1, count=12345) as tx:
            sent = tx.result()
        own = receives_exactly(pmd, 0, 12345)
        stats = proc_info(prefix, "-p", "1", "--stats")
        assert re.search(r"RX-packets:\s+12345\b", stats)
        assert re.search(rf"RX-bytes:\s+{sent['sent_bytes']}\b", stats)
        xstats = proc_info(prefix, "-p", "1", "--xstats")
        assert re.search(r"rx_good_packets: 12345$", xstats, re.M)
        assert re.search(r"rx_q0_packets: 12345$", xstats, re.M)
        assert re.search(r"peers: 0$", xstats, re.M)
        # The secondaries are gone. The primary and its slot are not.
        assert [slot.number for slot in bus.slots() if slot.alive] == [0]
        with checker(bus.vdev(), send=True, on=1, count=1000) as tx:
            tx.result()
        assert receives_exactly(pmd, 0, 13345)["rx_missed"] == 0
        reset = proc_info(prefix, "-p", "1", "--stats-reset")
        assert "error" not in reset.lower()
        assert pmd.port_stats()["rx_packets"] == 0
    counts(f"testpmd received {own['rx_packets']}, and so says dpdk-proc-info")


def linked_mempools(program):
    """The mempool drivers that a program is linked with."""
    found = subprocess.run(["ldd", shutil.which(program)], stdout=subprocess.PIPE, text=True,
                           check=True, timeout=60).stdout
    return re.findall(r"librte_mempool_\S+ => (\S+)", found)


class Dumpcap(Process):
    """dpdk-dumpcap on the testpmd with this prefix. Ctrl-C ends it.

    A pool of mbufs names its driver by a number, which is the order in which a process met the
    drivers. Debian's testpmd is linked with one of them, which then comes first, and dpdk-dumpcap
    is not: its pool would be taken for another driver's and nothing captured, on any port. So it
    gets the same one first.
    """

    def __init__(self, prefix, path, *args):
        env = sanitizer_env()
        first = linked_mempools("dpdk-testpmd")
        env["LD_PRELOAD"] = ":".join(filter(None, [env.get("LD_PRELOAD"), *first, plugin()]))
        super().__init__(["dpdk-dumpcap", f"--file-prefix={prefix}", "-w", path, *args],
                         name="dumpcap", env=env)


@pytest.mark.parametrize("fmt", ["-P", "-n"], ids=["pcap", "pcapng"])
def test_dumpcap(make_bus, shared, prefix, folder, counts, fmt):
    """dpdk-dumpcap sees the frames that testpmd receives, as they are."""
    bus = make_bus(lane_size="4M", **LOSSLESS)
    frames = [f for f in mixture(300, seed=9) if len(f) <= 1514]
    sent, seen = os.path.join(folder, "sent.pcap"), os.path.join(folder, "seen.pcap")
    write(sent, frames)
    with testpmd(bus.vdev(), args=("--no-flush-rx",), **shared) as pmd:
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        with Dumpcap(prefix, seen, "-i", "net_shmbus0", "-c", str(len(frames)), fmt) as dumpcap:
            dumpcap.wait_for(r"Packets captured:", 120)
            with source(bus, sent, on=1) as src:
                src.set_fwd("io")
                src.start_fwd()
                receives_exactly(pmd, 0, len(frames))
            dumpcap.wait(60)
        assert pmd.alive()
        assert pmd.port_stats()["rx_packets"] == len(frames)
    assert read(seen) == frames
    counts(f"{len(frames)} frames received, {len(read(seen))} captured, all as they were sent")


def test_dumpcap_sends_and_filter(make_bus, shared, prefix, folder, counts):
    """It sees what a port sends, too; and with a filter only what that lets through."""
    buses = [make_bus(name, lane_size="4M", **LOSSLESS) for name in ("one", "two")]
    frames = [f for f in mixture(300, seed=10) if len(f) <= 1514]
    # In the language of filters "udp" is what has no VLAN tag.
    udp = [f for f in frames if UDP in Ether(f) and Ether(f).type in (0x0800, 0x86dd)]
    assert 10 < len(udp) < len(frames) - 10
    sent, seen = os.path.join(folder, "sent.pcap"), os.path.join(folder, "seen.pcap")
    write(sent, frames)
    with testpmd(*[bus.vdev(i) for i, bus in enumerate(buses)], args=("--no-flush-rx",),
                 **shared) as pmd:
        pmd.set_fwd("io")
        pmd.start_fwd()
        with Dumpcap(prefix, seen, "-i", "net_shmbus1", "-f", "udp", "-c", str(len(udp)),
                     "-P") as dumpcap:
            dumpcap.wait_for(r"Packets captured:", 120)
            with source(buses[0], sent, on=1) as src:
                src.set_fwd("io")
                src.start_fwd()
                pmd.wait_port_stat(1, "tx_packets", len(frames))
            dumpcap.wait(60)
        assert pmd.port_stats(1)["tx_packets"] == len(frames)
    assert read(seen) == udp
    counts(f"{len(frames)} frames forwarded, of UDP {len(udp)}, captured {len(read(seen))}")


class Pdump(Process):
    """dpdk-pdump on the testpmd with this prefix, into a file for each direction.

    Its lcore has a number that testpmd does not use: a pool keeps a cache per lcore number, and
    two processes with the same one would give each other's mbufs away, of dpdk-pdump's copies.
    """

    def __init__(self, prefix, port, rx_path, tx_path):
        env = sanitizer_env()
        first = linked_mempools("dpdk-testpmd")
        env["LD_PRELOAD"] = ":".join(filter(None, [env.get("LD_PRELOAD"), *first]))
        super().__init__(
            ["dpdk-pdump", f"--file-prefix={prefix}", "--no-pci", "-d", plugin(),
             "--lcores", f"9@{cpu(1)}", "--", "--pdump",
             f"device_id={port},queue=*,rx-dev={rx_path},tx-dev={tx_path}"], name="pdump", env=env)


def test_pdump(make_bus, shared, prefix, folder, counts):
    """dpdk-pdump writes what a port receives and what it sends, each as it is."""
    bus = make_bus(lane_size="4M", **LOSSLESS)
    frames = [f for f in mixture(200, seed=11) if len(f) <= 1514]
    sent, rx, tx = [os.path.join(folder, f"{name}.pcap") for name in ("sent", "rx", "tx")]
    write(sent, frames)
    with testpmd(bus.vdev(), args=("--no-flush-rx",), **shared) as pmd:
        pmd.set_fwd("io")  # with one port: back where it came from
        pmd.start_fwd()
        with Pdump(prefix, "net_shmbus0", rx, tx) as pdump:
            pdump.wait_for(r"core \(\d+\)", 120)
            with source(bus, sent, on=1) as src:
                src.set_fwd("io")
                src.start_fwd()
                pmd.wait_port_stat(0, "tx_packets", len(frames))
            # It writes the files when it ends; what it still has in its rings goes there, too.
            pdump.signal(signal.SIGINT)
            pdump.wait(60)
        assert pmd.port_stats()["tx_packets"] == len(frames)
    captured = [read(path) for path in (rx, tx)]
    assert captured == [frames, frames]
    counts(f"{len(frames)} frames, captured as received and as sent")


def test_pdump_readonly(make_bus, shared, prefix, folder, counts):
    """A port that only looks on has Tx queues for testpmd, and dpdk-pdump writes what it sees."""
    bus = make_bus()
    frames = [f for f in mixture(200, seed=12) if len(f) <= 1514]
    sent, rx, tx = [os.path.join(folder, f"{name}.pcap") for name in ("sent", "rx", "tx")]
    write(sent, frames)
    with source(bus, sent, on=1) as src, \
         testpmd(bus.vdev(readonly="on"), args=("--no-flush-rx",), **shared) as pmd:
        pmd.set_fwd("io")
        pmd.start_fwd()
        with Pdump(prefix, "net_shmbus0", rx, tx) as pdump:
            pdump.wait_for(r"core \(\d+\)", 120)
            src.set_fwd("io")
            src.start_fwd()
            receives_exactly(pmd, 0, len(frames))
            pdump.signal(signal.SIGINT)
            pdump.wait(60)
        assert pmd.port_stats()["tx_packets"] == 0
    # What it is given to send it drops.
    assert read(rx) == frames
    counts(f"{len(frames)} frames, captured from a port that is not on the bus")


def pair(stack, bus, shared, prefix, queues=2, args=()):
    """A primary testpmd and a secondary one that share a port, each with half of its queues."""
    # testpmd asks for RSS by itself. The checker's frames are no IP, and would all go to one queue.
    group = (f"--rxq={queues}", f"--txq={queues}", "--no-flush-rx", "--num-procs=2",
             "--disable-rss", *args)
    both = {**shared, "proc_type": "auto"}
    primary = stack.enter_context(testpmd(bus.vdev(), name="primary", args=(*group, "--proc-id=0"),
                                          **both))
    both["eal_extra"] = []
    # Other lcore numbers than the primary's: mbuf pools keep a cache for each.
    secondary = stack.enter_context(testpmd(bus.vdev(), name="secondary",
                                            lcores=f"2@{cpu(1)},3@{cpu(1)}",
                                            args=(*group, "--proc-id=1"), **both))
    assert "Auto-detected process type: SECONDARY" in secondary.log
    return primary, secondary


def test_testpmd_receives(make_bus, shared, prefix, counts):
    """Two processes receive on one port, each on its own queue; together all there is."""
    bus = make_bus(**LOSSLESS)
    frames = scaled(300_000)
    with contextlib.ExitStack() as stack:
        both = pair(stack, bus, shared, prefix)
        for pmd in both:
            pmd.set_fwd("rxonly")
            pmd.start_fwd()
        with checker(bus.vdev(), send=True, on=1, count=frames, queues=2) as tx:
            sent = tx.result()
        receives_exactly(both[0], 0, frames)
        # Both see the same counters: the port is one.
        assert both[1].port_stats()["rx_packets"] == frames
        # testpmd's own count is the port's, too; the queues tell who received what.
        queues = [both[0].queue_stats()[("rx", q)]["packets"] for q in range(2)]
        assert sum(queues) == sent["sent"] and min(queues) > 0
        both[1].stop_fwd()
        assert both[0].port_stats()["rx_missed"] == 0
        slots = [slot for slot in bus.slots() if slot.alive]
        assert len(slots) == 1 and slots[0].n_rxq == 2
        both[1].close()
        # Without the secondary the primary goes on.
        assert both[0].port_info()["link"] == "up"
        assert len([slot for slot in bus.slots() if slot.alive]) == 1
    counts(f"sent {sent['sent']}, received {queues}")


def test_first_rule(make_bus, shared, prefix, counts):
    """The first rule that chooses a queue, while two processes poll: no frame is lost or doubled."""
    bus = make_bus(**LOSSLESS)
    with contextlib.ExitStack() as stack:
        both = pair(stack, bus, shared, prefix)

        def queues():
            return [both[0].queue_stats()[("rx", q)]["packets"] for q in range(2)]
        for pmd in both:
            pmd.set_fwd("rxonly")
            pmd.start_fwd()
        tx = stack.enter_context(testpmd(bus.vdev(), name="tx", on=1, args=("--rxq=2", "--txq=2")))
        tx.set_fwd("txonly")
        tx.start_fwd()
        both[0].poll(lambda: min(queues()) > 1000, "both queues to receive")
        created = both[0].cmd("flow create 0 ingress pattern end actions queue index 1 / end")
        assert "Flow rule #0 created" in created
        at = queues()[1]
        both[0].poll(lambda: queues()[1] > at + 1000, "queue 1, the secondary's, to go on")
        tx.stop_fwd()
        # Frames that were sent before the rule went where they went before; later ones do not.
        got = receives_exactly(both[0], 0, tx.port_stats()["tx_packets"])
        own = queues()[0]
        tx.start_fwd()
        both[0].poll(lambda: queues()[1] > got["rx_packets"] - own + 1000, "queue 1 to go on")
        tx.stop_fwd()
        got = receives_exactly(both[0], 0, tx.port_stats()["tx_packets"])
        assert got["rx_missed"] == 0 and queues() == [own, got["rx_packets"] - own]
        both[1].stop_fwd()
    counts(f"received {got['rx_packets']}, of these queue 0 {own}")


def test_testpmd_sends(make_bus, shared, prefix, counts):
    """Two processes send on one port, each on its own queue; a third one hears both."""
    bus = make_bus(**LOSSLESS)
    frames = scaled(100_000)
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(testpmd(bus.vdev(), name="rx"))
        rx.set_fwd("rxonly")
        rx.start_fwd()
        both = pair(stack, bus, shared, prefix)
        for pmd in both:
            pmd.set_fwd("txonly")
            pmd.start_fwd()
        rx.wait_port_stat(0, "rx_packets", frames)
        # Of each some: both queues' lanes carry frames.
        both[0].poll(lambda: min(q["packets"] for k, q in both[0].queue_stats().items()
                                 if k[0] == "tx") > 1000, "both queues to send")
        for pmd in both:
            pmd.stop_fwd()
        sent = [both[0].queue_stats()[("tx", q)]["packets"] for q in range(2)]
        assert both[0].port_stats()["tx_packets"] == sum(sent)
        got = receives_exactly(rx, 0, sum(sent))
        assert got["rx_missed"] == 0 and min(sent) > 0
    counts(f"sent {sent}, received {got['rx_packets']}")


def test_secondary_dies(make_bus, shared, prefix, counts):
    """kill -9 of a secondary: the port is the primary's, and goes on.

    It is not sending when it dies: it might leave the mbuf pool that both share unusable.
    """
    bus = make_bus(**LOSSLESS)
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(testpmd(bus.vdev(), name="rx"))
        rx.set_fwd("rxonly")
        rx.start_fwd()
        both = pair(stack, bus, shared, prefix)
        for pmd in both:
            pmd.set_fwd("txonly")
            pmd.start_fwd()
        both[0].poll(lambda: min(q["packets"] for k, q in both[0].queue_stats().items()
                                 if k[0] == "tx") > 1000, "both queues to send")
        both[1].stop_fwd()
        both[1].kill()
        both[0].wait_port_stat(0, "tx_packets", both[0].port_stats()["tx_packets"] + 10_000)
        both[0].stop_fwd()
        sent = both[0].port_stats()["tx_packets"]
        got = receives_exactly(rx, 0, sent)
        assert got["rx_missed"] == 0
        assert both[0].port_info()["link"] == "up"
        assert len([slot for slot in bus.slots() if slot.alive]) == 2
    counts(f"sent {sent}, received {got['rx_packets']}")


def test_without_hugepages(bus, counts):
    """--no-huge memory is private: there is no secondary, and the primary is none the worse."""
    prefix = eal.unique_prefix("nohuge")
    try:
        with testpmd(bus.vdev(), file_prefix=prefix) as pmd:
            done = subprocess.run(["env", *(f"{k}={v}" for k, v in sanitizer_env().items()),
                                   "dpdk-proc-info", "--file-prefix", prefix, "--no-pci", "-l",
                                   str(cpu(0)), "-d", plugin(), "--", "-p", "1", "--stats"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                                  check=False)
            assert done.returncode != 0
            assert pmd.port_info()["link"] == "up"
    finally:
        eal.remove_leftovers(prefix)
    counts("refused by EAL")


def test_made_anew(make_bus, shared, prefix):
    """The file is another bus by now: neither writes where the words of the old one were."""
    bus = make_bus(ports=64, queues=8, lane_size=65536)
    other = f"{bus.path}.other"
    shmbus("create", other, "--ports", "4", "--lane-size", "64K")
    with contextlib.ExitStack() as stack:
        # testpmd would remove the port at its RMV event, before the commands or after them.
        both = pair(stack, bus, shared, prefix, args=("--no-rmv-interrupt",))
        with open(other, "rb") as f:
            anew = f.read()
        os.remove(other)
        os.truncate(bus.path, 0)
        with open(bus.path, "r+b") as f:
            f.write(anew)
        for pmd in reversed(both):
            pmd.cmds("set link-down port 0", "set link-up port 0",
                     "mac_addr set 0 02:00:00:00:00:01", "port 0 rxq 0 stop", "port 0 rxq 0 start")
            with open(bus.path, "rb") as f:
                assert f.read() == anew
