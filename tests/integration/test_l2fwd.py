# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""DPDK's own l2fwd example, built unmodified from the distribution's source, between two buses."""

import contextlib
import os
import re
import subprocess

import eal
import pytest
from apps import LOSSLESS, SMALL, cpu, plugin, receives_exactly, sanitizer_env, scaled, testpmd
from pcaps import carry, mixture, sink, source
from process import Process

MACS = ("b2:a0:00:00:01:00", "b2:a0:00:00:01:01")


@pytest.fixture(scope="module")
def l2fwd_program():
    """The path of l2fwd; it is built if it is not there yet."""
    script = os.path.join(eal.ROOT, "scripts", "build-dpdk-examples")
    built = subprocess.run([script, "l2fwd"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=500, check=False)
    assert built.returncode == 0, f"{script} failed:\n{built.stderr}"
    return built.stdout.strip()


class L2fwd(Process):
    """l2fwd with a port on each of two buses. It prints its counters once a second."""

    def __init__(self, program, one, two, args=(), on=0):
        self.file_prefix = eal.unique_prefix("l2fwd")
        argv = [program] + eal.eal_args(
            lcores=f"0@{cpu(on)}", memory=SMALL, file_prefix=self.file_prefix, plugins=[plugin()],
            vdevs=[one.vdev(0, mac=MACS[0]), two.vdev(1, mac=MACS[1])])
        argv += ["--", "-p", "3", "-q", "2", "-P", "-T", "1", *args]
        super().__init__(argv, name="l2fwd", env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(r"entering main loop", 120)
        return self

    def newest(self):
        """The counters it printed last: [{"sent":, "received":, "dropped":}, ...]."""
        blocks = re.findall(r"Port statistics =+(.*?)Aggregate statistics", self.log, re.S)
        ports = re.findall(r"Packets sent: +(\d+)\s+Packets received: +(\d+)\s+"
                           r"Packets dropped: +(\d+)", blocks[-1] if blocks else "")
        return [dict(zip(("sent", "received", "dropped"), map(int, port))) for port in ports]

    def wait_received(self, port, frames):
        """Wait until l2fwd says that it has received exactly so many frames on a port."""
        def seen():
            found = self.newest()
            return found if found and found[port]["received"] >= frames else None
        found = self.poll(seen, f"port {port} to have received {frames} frames", 60)
        assert found[port]["received"] == frames
        return found

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            eal.remove_leftovers(self.file_prefix)


@pytest.fixture
def two_buses(make_bus):
    return [make_bus(name, lane_size="4M", **LOSSLESS) for name in ("one", "two")]


def test_both_directions(l2fwd_program, two_buses, counts):
    """A testpmd on each side sends and receives; every frame is accounted for."""
    frames = scaled(200_000)
    with contextlib.ExitStack() as stack:
        l2fwd = stack.enter_context(L2fwd(l2fwd_program, *two_buses))
        ends = [stack.enter_context(testpmd(bus.vdev(), on=1, name=f"testpmd{i}",
                                            args=("--no-flush-rx",)))
                for i, bus in enumerate(two_buses)]
        for end in ends:
            end.set_fwd("flowgen")
            end.start_fwd()
        for end in ends:
            end.wait_port_stat(0, "tx_packets", frames)
            end.wait_port_stat(0, "rx_packets", frames // 10)
        for end in ends:
            end.stop_fwd()
        sent = [end.port_stats()["tx_packets"] for end in ends]
        for port in range(2):
            l2fwd.wait_received(port, sent[port])
        # l2fwd sends what it has collected within 100 us, and prints once a second.
        for end in ends:
            end.set_fwd("rxonly")
            end.start_fwd()

        def balanced():
            found = l2fwd.newest()
            if all(found[1 - i]["sent"] + found[1 - i]["dropped"] == sent[i] for i in range(2)):
                return found
            return None
        mid = l2fwd.poll(balanced, "l2fwd to have sent or dropped all it received")
        got = [receives_exactly(end, 0, mid[i]["sent"]) for i, end in enumerate(ends)]
    for s in got:
        assert s["rx_missed"] == s["rx_errors"] == s["rx_nombuf"] == 0
        assert s["rx_packets"] > 0
    counts(f"sent {sent}, forwarded {[m['sent'] for m in mid]}, "
           f"dropped by l2fwd {[m['dropped'] for m in mid]}, "
           f"received {[s['rx_packets'] for s in got]}")


def test_contents(l2fwd_program, two_buses, folder, counts):
    """Frames made with scapy come out with the addresses that l2fwd puts in, else as they were."""
    one, two = two_buses
    frames = [f for f in mixture(1000, seed=3) if len(f) <= 1514]
    with L2fwd(l2fwd_program, one, two, on=1):
        got = carry(folder, frames, lambda path: source(one, path), lambda path: sink(two, path))
    header = bytes.fromhex("020000000001" + MACS[1].replace(":", ""))
    assert got == [header + f[12:] for f in frames]
    counts(f"{len(frames)} frames sent, received {len(got)}")


def test_without_mac_updating(l2fwd_program, two_buses, folder, counts):
    """--no-mac-updating, and the other way round: frames come out exactly as they were."""
    one, two = two_buses
    frames = [f for f in mixture(500, seed=4) if len(f) <= 1514]
    with L2fwd(l2fwd_program, one, two, args=("--no-mac-updating",), on=1):
        got = carry(folder, frames, lambda path: source(two, path), lambda path: sink(one, path))
    assert got == frames
    counts(f"{len(frames)} frames sent, received {len(got)}")
