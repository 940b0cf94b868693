# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""DPDK's dpdk-test-flow-perf makes and destroys 50,000 rules on a port of ours.

A walk through all rules at each change would take minutes. The rates are printed; none is asserted.
"""

import re
import shutil

import eal
import pytest
from apps import cpu, plugin, sanitizer_env
from process import Process

RULES = 50000
PROGRAM = "dpdk-test-flow-perf"


class FlowPerf(Process):
    """The program with one port and these patterns and actions."""

    def __init__(self, bus, options, rules):
        self.file_prefix = eal.unique_prefix("flow-perf")
        # It insists on two lcores; their CPUs may be the same.
        argv = [PROGRAM] + eal.eal_args(
            lcores=f"0@{cpu(0)},1@{cpu(1)}", memory=eal.Memory("no-huge", 512),
            file_prefix=self.file_prefix, vdevs=[bus.vdev()], plugins=[plugin()])
        argv += ["--", "--ingress", *options, f"--rules-count={rules}", f"--rules-batch={rules}",
                 "--deletion-rate"]
        super().__init__(argv, name="flow-perf", env=sanitizer_env())

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            eal.remove_leftovers(self.file_prefix)


@pytest.fixture(autouse=True)
def needs_flow_perf():
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"no {PROGRAM}; it is in the package dpdk-dev")


@pytest.mark.parametrize("options", [
    ["--ether", "--ipv4", "--queue"],
    ["--ether", "--ipv6", "--udp", "--rss", "--random-priority=255,1"],
    # Rules that are all alike, in the order of their priorities.
    ["--ether", "--mark", "--queue", "--random-priority=200,2"],
    ["--ether", "--vlan", "--ipv4", "--tcp", "--count", "--drop"],
], ids=lambda options: options[1].strip("-") + "-" + options[-1].strip("-").partition("=")[0])
def test_many_rules(make_bus, counts, options):
    with FlowPerf(make_bus(), options, RULES) as perf:
        assert perf.wait(300) == 0
    times = []
    for what in ("creating", "deleting"):
        found = re.search(rf"All Cores :: Port 0 :: The time for {what} {RULES} rules is (\S+) seconds",
                          perf.log)
        assert found, perf.log
        times.append(float(found.group(1)))
    counts(f"{RULES} rules made in {times[0]:.2f} s, destroyed in {times[1]:.2f} s")


def test_more_rules_than_a_port_has(make_bus):
    """The program ends with the driver's reason."""
    perf = FlowPerf(make_bus(), ["--ether", "--ipv4", "--drop"], 70000).start()
    try:
        assert perf.wait(300) != 0
    finally:
        perf.close(check=False)
    assert "at most 65536 rules" in perf.log
