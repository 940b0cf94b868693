# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""DPDK's own l3fwd-power example, built unmodified, sleeps between two buses until frames come."""

import os
import subprocess
import time

import eal
import pytest
from apps import LOSSLESS, cpu, plugin, sanitizer_env
from pcaps import carry, sink, source
from process import Process, cpu_seconds
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

MEMORY = eal.Memory("no-huge", 256)  # for its routing tables

MACS = ("b2:a0:00:00:02:00", "b2:a0:00:00:02:01")
AWAKE = r"is waked up from rx interrupt on port {} queue 0"


@pytest.fixture(scope="module")
def program():
    """The path of l3fwd-power; it is built if it is not there yet."""
    script = os.path.join(eal.ROOT, "scripts", "build-dpdk-examples")
    built = subprocess.run([script, "l3fwd-power"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=500, check=False)
    assert built.returncode == 0, f"{script} failed:\n{built.stderr}"
    return built.stdout.strip()


class L3fwdPower(Process):
    """l3fwd-power with a port on each of two buses; 2.1.1.0/24 lies behind the second."""

    def __init__(self, program, one, two):
        self.file_prefix = eal.unique_prefix("l3fwd-power")
        argv = [program] + eal.eal_args(
            lcores=f"0@{cpu(1)}", memory=MEMORY, file_prefix=self.file_prefix, plugins=[plugin()],
            vdevs=[one.vdev(0, mac=MACS[0]), two.vdev(1, mac=MACS[1])])
        # it goes by the packet types that the driver finds
        argv += ["--", "-p", "3", "-P", "--config", "(0,0,0),(1,0,0)", "--interrupt-only"]
        super().__init__(argv, name="l3fwd-power", env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(r"entering main interrupt loop", 120)
        return self

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            eal.remove_leftovers(self.file_prefix)


def datagram(i, dst, src, ttl):
    """The i-th of them, with correct checksums, between these stations."""
    return bytes(Ether(dst=dst, src=src) / IP(src="192.0.2.1", dst="2.1.1.7", ttl=ttl, id=i) /
                 UDP(sport=i) / Raw(bytes([i % 256]) * (i % 1400)))


def datagrams(n):
    """So many, to the port that l3fwd-power receives from."""
    return [datagram(i, MACS[0], "02:00:00:00:00:09", 64) for i in range(n)]


def test_l3fwd_power(program, make_bus, folder, counts):
    """It sleeps, is woken by an interrupt, forwards every frame, and sleeps again."""
    one, two = [make_bus(name, lane_size="4M", **LOSSLESS) for name in ("one", "two")]
    frames = datagrams(300)
    # other addresses, a hop less to live
    forwarded = [datagram(i, "02:00:00:00:00:01", MACS[1], 63) for i in range(300)]
    with L3fwdPower(program, one, two) as l3fwd:
        for _ in range(2):
            got = carry(folder, frames, lambda path: source(one, path),
                        lambda path: sink(two, path))
            assert got == forwarded
        assert l3fwd.wait_for(AWAKE.format(0), 60)
        before = cpu_seconds(l3fwd.pid), time.monotonic()
        time.sleep(1)
        busy = (cpu_seconds(l3fwd.pid) - before[0]) / (time.monotonic() - before[1])
    # One that polls takes all it can get; this one wakes up every 10 ms by itself.
    assert busy < 0.5
    counts(f"{2 * len(frames)} frames forwarded, idle with {busy:.0%} of a CPU")
