# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""DPDK's own examples, unmodified, between two buses: frames in, the right frames out."""

import contextlib
import os
import random
import re
import signal
import subprocess

import eal
import pytest
from apps import LOSSLESS, cpu, plugin, sanitizer_env, testpmd
from busfile import Bus
from pcaps import carry, mixture, sink, source, write
from process import Process
from scapy.layers.inet import IP, UDP, defragment, fragment
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from test_telemetry import Telemetry

SMALL = eal.Memory("no-huge", 128)
LARGE = eal.Memory("no-huge", 256)
HUGE_POOLS = eal.Memory("no-huge", 768)
MACS = ("b2:a0:00:00:01:00", "b2:a0:00:00:01:01")
EXAMPLES = ("skeleton", "rxtx_callbacks", "link_status_interrupt", "l3fwd", "ip_fragmentation",
            "ip_reassembly", "multi_process/symmetric_mp", "flow_filtering")


@pytest.fixture(scope="module")
def programs():
    """{name: path}; they are built if they are not there yet, which takes ten seconds."""
    script = os.path.join(eal.ROOT, "scripts", "build-dpdk-examples")
    built = subprocess.run([script, *EXAMPLES], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=500, check=False)
    assert built.returncode == 0, f"{script} failed:\n{built.stderr}"
    return {os.path.basename(path): path for path in built.stdout.split()}


@pytest.fixture
def buses(make_bus):
    return [make_bus(name, **LOSSLESS) for name in ("one", "two")]


class Example(Process):
    """An example with a port on each of two buses. own_driver: it contains the driver."""

    def __init__(self, program, buses, args, ready, memory=SMALL, devargs=None, **kwargs):
        self.owns_prefix = "file_prefix" not in kwargs
        self.file_prefix = kwargs.pop("file_prefix", None) or eal.unique_prefix("example")
        self.ready = ready
        plugins = [] if kwargs.pop("own_driver", False) else [plugin()]
        lcores = kwargs.pop("lcores", f"0@{cpu(0)}")
        vdevs = [bus.vdev(i, mac=MACS[i], **(devargs or {})) for i, bus in enumerate(buses)]
        argv = [program] + eal.eal_args(
            lcores=lcores, memory=memory, vdevs=vdevs,
            file_prefix=self.file_prefix, plugins=plugins, **kwargs)
        super().__init__(argv + ["--", *args], name=os.path.basename(program),
                         env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(self.ready, 120)
        return self

    def close(self, check=True, graceful=True):
        try:
            if check:
                self.check_alive()
            # some of them know no way to end but a signal that they do not handle
            self.kill()
            super().close(check=False, graceful=False)
        finally:
            if self.owns_prefix:
                eal.remove_leftovers(self.file_prefix)


def across(folder, buses, frames, expected=None, reverse=False):
    first, last = reversed(buses) if reverse else buses
    return carry(folder, frames, lambda path: source(first, path), lambda path: sink(last, path),
                 expected)


def ordinary_frames(n, seed):
    return [f for f in mixture(n, seed=seed) if len(f) <= 1514]


@pytest.mark.parametrize("name, ready", [("skeleton", "forwarding packets"),
                                         ("rxtx_callbacks", "forwarding packets")])
def test_plain_forwarders(programs, buses, folder, counts, name, ready):
    """What enters at one port leaves at the other, as it was."""
    frames = ordinary_frames(500, seed=11)
    with Example(programs[name], buses, [], ready):
        assert across(folder, buses, frames) == frames
        assert across(folder, buses, frames, reverse=True) == frames
    counts(f"{len(frames)} frames each way")


@pytest.mark.parametrize("readonly", [0, 1])
def test_forwarders_look_on(programs, buses, folder, counts, readonly):
    """A readonly port has Tx queues, which take nothing: skeleton sets up one per port.

    With port 0 readonly what it sees is forwarded; with port 1 readonly all is dropped.
    """
    frames = ordinary_frames(500, seed=11)
    for bus in buses:
        with testpmd(bus.vdev()):
            pass
    seen = list(buses)
    seen[readonly] = Bus(buses[readonly].path, readonly="on")
    with Example(programs["skeleton"], seen, [], "forwarding packets"):
        if readonly == 0:
            assert across(folder, buses, frames) == frames
        else:
            with testpmd(buses[0].vdev(), args=["--no-flush-rx"]) as pmd:
                pmd.set_fwd("txonly")
                pmd.start_fwd()
                pmd.wait_port_stat(0, "tx_packets", 100_000)
    counts(f"port {readonly} of skeleton is readonly")


def test_link_status_interrupt(programs, buses, folder, counts):
    """It is told by interrupts that the last others leave its buses, and that others come.

    A port that is attached and not started is no other: its link is down.
    """
    frames = ordinary_frames(300, seed=12)
    with contextlib.ExitStack() as stack:
        others = stack.enter_context(testpmd(buses[0].vdev(0), buses[1].vdev(1), mbufs=2048))
        others.set_fwd("rxonly")
        others.start_fwd()
        lsi = stack.enter_context(
            Example(programs["link_status_interrupt"], buses, ["-p", "3", "-q", "2", "-T", "1"],
                    "entering main loop", devargs={"carrier": "peer"}))
        mark = lsi.mark()
        others.close()
        for port in range(2):
            lsi.wait_for(f"Port {port} Link down", 60, since=mark)
        lsi.wait_for("Event type: LSC interrupt", 60, since=mark)
        mark = lsi.mark()
        got = across(folder, buses, frames)
        for port in range(2):
            lsi.wait_for(f"Port {port} Link up", 60, since=mark)
    header = bytes.fromhex("020000000001" + MACS[1].replace(":", ""))
    assert got == [header + f[12:] for f in frames]
    counts(f"{len(frames)} frames")


@pytest.mark.parametrize("queues", [1, 2])
def test_l3fwd(programs, buses, folder, counts, queues):
    """Longest prefix match: routed by address, one hop less to live, a correct checksum.

    With two queues, each with a core of its own, RSS spreads the packets over them.
    """
    def packet(i):
        # 198.18.1.0/24 leads to port 1
        return Ether(dst=MACS[0], src="02:00:00:00:00:aa") / \
            IP(src="192.0.2.1", dst=f"198.18.1.{i % 254 + 1}", ttl=2 + i % 60, id=i) / \
            UDP(sport=1000 + i, dport=2000) / Raw(bytes(range(i % 200)))
    frames = [bytes(packet(i)) for i in range(300)]
    config = ",".join(f"({port},{q},{q})" for port in range(2) for q in range(queues))
    lcores = ",".join(f"{q}@{cpu(q)}" for q in range(queues))
    # without --parse-ptype it goes by the packet types that the driver finds
    with Example(programs["l3fwd"], buses, ["-p", "3", "-P", "--config", config],
                 "entering main loop", memory=LARGE, lcores=lcores, telemetry=True) as l3fwd:
        got = across(folder, buses, frames)
        with contextlib.closing(Telemetry(l3fwd)) as telemetry:
            received = telemetry.ask("/ethdev/stats,0")["q_ipackets"][:queues]
    assert sum(received) == len(got) == len(frames)
    assert all(received)
    # the order is kept within a flow, and each packet here is one
    for i, frame in enumerate(sorted(got, key=lambda frame: Ether(frame)[IP].id)):
        expected = packet(i)
        expected[IP].ttl -= 1
        expected[Ether].src, expected[Ether].dst = MACS[1], "02:00:00:00:00:01"
        assert frame == bytes(expected)
    counts(f"{len(frames)} packets routed, by queue {received}")


def test_ip_fragmentation(programs, buses, folder, counts):
    """Packets too long for an MTU of 1500 come out in fragments that make them up again."""
    sizes = (100, 1000, 1472, 1473, 2000, 3000, 4500, 8000)

    def packet(i, size):
        return Ether(dst=MACS[0], src="02:00:00:00:00:aa") / \
            IP(src="192.0.2.1", dst="100.20.0.1", id=i + 1) / UDP(sport=1, dport=2) / \
            Raw(bytes((i + k) % 256 for k in range(size)))
    packets = [packet(i, size) for i, size in enumerate(sizes)]
    n = sum(-(-(size + 8) // 1480) for size in sizes)
    with Example(programs["ip_fragmentation"], buses, ["-p", "3", "-q", "2"],
                 "entering main loop", memory=LARGE):
        got = across(folder, buses, [bytes(p) for p in packets], expected=n)
    assert len(got) == n and max(map(len, got)) <= 1514
    fragments = [Ether(f) for f in got]
    for f in fragments:
        summed = f[IP].copy()
        del summed.chksum
        assert IP(bytes(summed)).chksum == f[IP].chksum
    whole = {p[IP].id: bytes(p[UDP]) for p in defragment(fragments)}
    assert whole == {p[IP].id: bytes(Ether(bytes(p))[UDP]) for p in packets}
    counts(f"{len(sizes)} packets, {n} fragments")


def test_ip_reassembly(programs, buses, folder, counts):
    """Fragments, in an order by chance and of several packets at once, come out as the packets."""
    sizes = (100, 1472, 2000, 3000, 4000, 5000)

    def packet(i, size):
        # 100.20.0.0/16 leads to port 1
        return Ether(dst=MACS[0], src="02:00:00:00:00:aa") / \
            IP(src="192.0.2.1", dst="100.20.0.1", id=i + 1) / UDP(sport=1, dport=2) / \
            Raw(bytes((i + k) % 256 for k in range(size)))
    packets = [packet(i, size) for i, size in enumerate(sizes)]
    fragments = [bytes(f) for p in packets for f in fragment(p, fragsize=1480)]
    random.Random(15).shuffle(fragments)
    assert max(map(len, fragments)) <= 1514 and len(fragments) > len(packets)
    with Example(programs["ip_reassembly"], buses, ["-p", "3", "-q", "2", "--maxflows=64",
                                                    "--flowttl=600s"],
                 "entering main loop", memory=HUGE_POOLS, devargs={"ptypes": "always"}):
        got = across(folder, buses, fragments, expected=len(packets))
    whole = {Ether(f)[IP].id: Ether(f) for f in got}
    assert sorted(whole) == sorted(p[IP].id for p in packets)
    for p in packets:
        out = whole[p[IP].id]
        assert bytes(out[UDP]) == bytes(Ether(bytes(p))[UDP])
        assert out[IP].frag == 0 and not out[IP].flags.MF
    counts(f"{len(fragments)} fragments, {len(got)} packets")


def test_symmetric_mp(programs, buses, folder, hugetlbfs, counts):
    """Two processes share the ports, a queue of each port for each."""
    frames = ordinary_frames(300, seed=13)
    args = ["-p", "3", "--num-procs", "2", "--proc-id"]
    shared = {"memory": eal.HUGE, "extra": ["--huge-dir", hugetlbfs]}
    if sanitizer_env():
        # where EAL would map the shared memory the address sanitizer has its own
        shared["extra"].append("--base-virtaddr=0x200000000000")
    ready = "Lcore 0 using ports"
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(Example(programs["symmetric_mp"], buses, args + ["0"], ready,
                                              proc_type="primary", **shared))
        stack.enter_context(Example(programs["symmetric_mp"], buses, args + ["1"], ready,
                                    proc_type="secondary", file_prefix=primary.file_prefix,
                                    **shared))
        got = across(folder, buses, frames)
    assert sorted(got) == sorted(frames)
    counts(f"{len(frames)} frames")


def test_flow_filtering(programs, make_bus, folder, counts):
    """Without RSS it makes a rule just after it has started its port: so the rule is the first one.

    The rule sends packets to 192.168.1.1 to queue 1; all others are in the queue of their lane.
    """
    bus = make_bus("filtering", queues=5, **LOSSLESS)
    sources = [f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}" for i in range(300)]
    frames = [bytes(Ether(dst=MACS[0], src=src) /
                    IP(src="192.0.2.1", dst=f"192.168.1.{i % 3}") / UDP(sport=i, dport=2))
              for i, src in enumerate(sources)]
    path = os.path.join(folder, "in.pcap")
    write(path, frames)
    example = Example(programs["flow_filtering"], [bus], [], "initializing port: 0 done").start()
    try:
        # the example has slot 0, and the sender slot 2
        with testpmd(bus.vdev(), args=("--disable-device-start",)), source(bus, path, on=1) as src:
            src.set_fwd("io")
            src.start_fwd()
            src.wait_port_stat(0, "tx_packets", len(frames))
            example.wait_for(f"src={sources[-1].upper()}.*\\n", 60)
        found = re.findall(r"src=(\S+) - dst=\S+ - queue=0x(\d)", example.log)
        example.signal(signal.SIGINT)
        assert example.wait(60) == 0
    finally:
        example.close(check=False)
    queues = {src.lower(): int(queue) for src, queue in found}
    assert len(found) == len(queues) == len(frames)
    assert {queues[src] for i, src in enumerate(sources) if i % 3 == 1} == {1}
    assert {queues[src] for i, src in enumerate(sources) if i % 3 != 1} == {2}
    counts(f"{len(frames)} frames, {len(frames) // 3} by the rule")
