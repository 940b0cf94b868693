# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""DPDK's own tests that use whatever ports there are, from the distribution's dpdk-test."""

import re
import shutil

import eal
import pytest
from apps import cpu, plugin, sanitize, sanitizer_env
from process import Process


class DpdkTest(Process):
    """dpdk-test with ports of ours, reading the names of tests."""

    def __init__(self, vdevs, megabytes):
        self.file_prefix = eal.unique_prefix("autotest")
        argv = ["dpdk-test"] + eal.eal_args(
            lcores=f"0@{cpu(0)},1@{cpu(1)}", memory=eal.Memory("no-huge", megabytes),
            file_prefix=self.file_prefix, vdevs=vdevs, plugins=[plugin()])
        super().__init__(argv, name="dpdk-test", env=sanitizer_env())

    def run(self, test):
        """Run a test, which must go well; what it wrote."""
        self.wait_for("RTE>>", 120)
        mark = self.mark()
        self.write(test + "\n")
        found = self.wait_for(r"Test (OK|Failed)", 400, since=mark)
        if found.group(1) != "OK":
            self.fail(f"{test} failed")
        return self.log[mark:]

    def stop(self, timeout=60.0):
        self.write("quit\n")
        return self.wait(timeout)

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            eal.remove_leftovers(self.file_prefix)


@pytest.fixture(autouse=True)
def needs_dpdk_test():
    if shutil.which("dpdk-test") is None:
        pytest.skip("no dpdk-test; it is in the package dpdk-dev")


def needs_megabytes(megabytes):
    """Skip where these tests would push out others."""
    with open("/proc/meminfo", encoding="ascii") as f:
        free = int(re.search(r"^MemAvailable:\s+(\d+) kB", f.read(), re.M).group(1)) >> 10
    if free < megabytes:
        pytest.skip(f"{megabytes} MB of memory needed, {free} MB free")


def passed(text):
    """How many cases a suite says to have passed; none may have failed."""
    assert int(re.search(r"Tests Failed :\s+(\d+)", text).group(1)) == 0
    assert int(re.search(r"Tests Skipped :\s+(\d+)", text).group(1)) == 0
    return int(re.search(r"Tests Passed :\s+(\d+)", text).group(1))


@pytest.mark.parametrize("suite, cases", [
    pytest.param("event_eth_rx_adapter_autotest", 10, marks=pytest.mark.only_in_full),
    ("event_eth_rx_intr_adapter_autotest", 2)])
def test_event_eth_rx_adapter(make_bus, counts, suite, cases):
    """A port with 64 Rx queues, polled or by interrupts. Half a million mbufs."""
    needs_megabytes(4000)
    bus = make_bus(queues=64, ports=2, lane_size="64K")
    with DpdkTest([bus.vdev()], 4096) as autotest:
        n = passed(autotest.run(suite))
    assert n == cases
    counts(f"{n} cases")


def test_event_eth_tx_adapter(make_bus, counts):
    bus = make_bus(lane_size="64K")
    with DpdkTest([bus.vdev(0), bus.vdev(1)], 1024) as autotest:
        n = passed(autotest.run("event_eth_tx_adapter_autotest"))
    assert n == 7
    counts(f"{n} cases")


@pytest.mark.only_in_full
def test_pmd_perf(make_bus, counts):
    """A port that hears itself (lpbk_mode) passes some frames around, 300 million times."""
    if sanitize():
        pytest.skip("would take minutes with sanitizers")
    with DpdkTest([make_bus().vdev()], 512) as autotest:
        text = autotest.run("pmd_perf_autotest")
    packets, dropped = re.search(r"(\d+) packet, (\d+) drop", text).groups()
    assert int(packets) > 0 and int(dropped) == 0
    assert "free 2048 (expected 2048) mbuf left" in text
    counts(f"{packets} frames, {re.search(r'Result: .*', text).group(0)}")
