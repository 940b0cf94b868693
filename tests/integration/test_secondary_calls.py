# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What a secondary process may do with its primary's port, and what it is refused.

A port that was refused something is as it was: ethdev does a part of some calls by itself before it
asks the driver. So all that the processes share is compared before and after each call.
"""

import errno
import os
import re

import eal
from apps import LOSSLESS, checker, cpu, plugin, receives_exactly, sanitizer_env, testpmd
from checker import program_path
from process import Process
from test_secondary_sleep import Sleeper

FRAMES = 400

ALLOWED = {
    "info_get", "numa_node", "link_get", "get_mtu", "stats_get", "stats_reset", "xstats_get",
    "xstats_reset",
    "rx_queue_info_get", "tx_queue_info_get", "rx_burst_mode_get", "tx_burst_mode_get",
    "flow_ctrl_get", "rss_hash_conf_get", "rss_reta_query", "read_clock", "fw_version_get",
    "get_reg_info", "priv_dump", "promiscuous_disable", "promiscuous_enable",
    "allmulticast_enable", "allmulticast_disable", "macaddr_get", "supported_ptypes",
    "get_vlan_offload", "promiscuous_get", "allmulticast_get", "queue_count",
    "rx_descriptor_status", "tx_descriptor_status", "tx_done_cleanup", "xstats_names", "xstat_id",
    # of a queue of its own
    "rx_queue_stop", "rx_queue_start", "tx_queue_stop", "tx_queue_start",
}
# Where ethdev would act before the driver could refuse it. All else is refused as a primary's.
NOT_THERE = {"configure", "rx_queue_setup", "tx_queue_setup", "stop", "reset", "mac_addr_remove"}

# What a secondary may change, call by call. dpdk-dumpcap and dpdk-proc-info rely on it.
CHANGES = {
    "stats_reset": {"priv0"}, "xstats_reset": {"priv0"},
    **dict.fromkeys(("promiscuous_disable", "promiscuous_enable"), {"data0", "rxq0", "rxq1"}),
    **dict.fromkeys(("allmulticast_enable", "allmulticast_disable"), {"data0"}),
    # of a queue of its own
    **dict.fromkeys(("rx_queue_stop", "rx_queue_start"), {"data0", "rxq1", "rx_memory1"}),
    **dict.fromkeys(("tx_queue_stop", "tx_queue_start"), {"data0", "txq1", "tx_memory1"}),
}


class Meddler(Process):
    """dpdk-meddler: tries all calls, then receives on queue 1."""

    def __init__(self, bus, shared):
        program = os.path.join(os.path.dirname(program_path()), "dpdk-meddler")
        argv = [program] + eal.eal_args(
            lcores=f"2@{cpu(1)}", memory=shared["memory"], file_prefix=shared["file_prefix"],
            vdevs=[bus.vdev()], plugins=[plugin()], proc_type="secondary")
        super().__init__(argv, name="meddler", env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(r"^ready", 120)
        return self

    def calls(self):
        """What each call said."""
        return {name: int(status)
                for name, status in re.findall(r"^call (\w+) (-?\d+)", self.log, re.M)}

    def changes(self):
        """What other parts of the shared memory each call changed than it may."""
        told = re.findall(r"^changed (\w+) (\w+) (\d+)", self.log, re.M)
        return [(call, part, int(offset)) for call, part, offset in told
                if part not in CHANGES.get(call, ())]

    def missing(self):
        """After which calls ethdev has no function to call for a queue."""
        return re.findall(r"^missing (\w+)", self.log, re.M)

    def refusal(self):
        """The number that DPDK has for what only a primary may do."""
        return -int(re.search(r"^secondary (\d+)", self.log, re.M).group(1))

    def received(self):
        """Frames so far."""
        found = re.findall(r"^frames (\d+)", self.log, re.M)
        return int(found[-1]) if found else 0

    def quit(self):
        """Leave the port."""
        self.close_stdin()
        self.wait(60)


def expected(meddler, names):
    """What each of these calls should have said."""
    return {name: 0 if name in ALLOWED else -errno.ENOTSUP if name in NOT_THERE else
            meddler.refusal() for name in names}


def primary(bus, shared, *args):
    """A testpmd that polls queue 0 of two, and leaves the other to the secondary."""
    return testpmd(bus.vdev(), args=("--rxq=2", "--txq=2", "--num-procs=2", "--proc-id=0",
                                     "--no-flush-rx", *args), **{**shared, "proc_type": "auto"})


def port_state(pmd):
    """What a secondary might have changed."""
    info = pmd.port_info()
    return {key: info[key] for key in ("mac", "mtu", "link") if key in info}


def share(pmd, meddler, bus):
    """Frames from two queues: both processes get theirs, and none is lost."""
    pmd.set_fwd("rxonly")
    pmd.start_fwd()
    with checker(bus.vdev(), send=True, on=1, count=FRAMES, queues=2) as tx:
        sent = tx.result()["sent"]
    got = receives_exactly(pmd, 0, sent)
    queues = [pmd.queue_stats()[("rx", q)]["packets"] for q in range(2)]
    assert got["rx_missed"] == 0 and min(queues) > 0
    meddler.poll(lambda: meddler.received() == queues[1], f"{queues[1]} frames on queue 1")
    return queues


def test_started(make_bus, shared, counts):
    """While the port runs: it goes on, and the secondary receives on its own queue."""
    bus = make_bus(**LOSSLESS)
    with primary(bus, shared, "--disable-rss") as pmd:
        before = port_state(pmd)
        with Meddler(bus, shared) as meddler:
            calls = meddler.calls()
            assert meddler.changes() == [] and meddler.missing() == []
            # ethdev itself: to start what runs is no error, and queues that run are not set up.
            assert calls.pop("start") == 0
            for name in ("rx_queue_setup", "tx_queue_setup"):
                assert calls.pop(name) in (-errno.EBUSY, -errno.ENOTSUP)
            # Nor is there a filter to be changed.
            assert calls.pop("vlan_filter") in (-errno.ENOSYS, -errno.ENOTSUP)
            # And there is no RSS to be changed.
            for name in ("rss_reta_update", "rss_hash_update"):
                assert calls.pop(name) == -errno.ENOTSUP
            assert calls == expected(meddler, calls)
            assert port_state(pmd) == before
            queues = share(pmd, meddler, bus)
            meddler.quit()
    counts(f"{len(calls)} calls; frames per queue: {queues}")


def test_stopped(make_bus, shared, counts):
    """While it is stopped: its queues and what was configured are there when it starts."""
    bus = make_bus(**LOSSLESS)
    with primary(bus, shared) as pmd:
        before = port_state(pmd)
        pmd.cmd("port stop 0")
        with Meddler(bus, shared) as meddler:
            calls = meddler.calls()
            assert meddler.changes() == []
            assert calls.pop("vlan_filter") in (-errno.ENOSYS, -errno.ENOTSUP)
            # ethdev itself: no queue of a stopped port is started.
            for name in ("rx_queue_start", "tx_queue_start"):
                assert calls.pop(name) == -errno.EINVAL
            assert calls == expected(meddler, calls)
            meddler.quit()
        pmd.cmd("port start 0")
        assert port_state(pmd) == before
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        # By RSS, of which these frames are not: all go to queue 0.
        with checker(bus.vdev(), send=True, on=1, count=FRAMES, queues=2) as tx:
            sent = tx.result()["sent"]
        got = receives_exactly(pmd, 0, sent)
        assert got["rx_missed"] == 0
    counts(f"{len(calls)} calls, {got['rx_packets']} frames")


def test_primary_that_never_asked(make_bus, shared, counts):
    """testpmd chooses its packet types when it starts. A primary that does not has none.

    A secondary that asks which there are does not make the primary look for them.
    """
    bus = make_bus(**LOSSLESS)
    with Sleeper(bus, shared, 0) as primary:
        with Meddler(bus, shared) as meddler:
            changes = [change for change in meddler.changes()
                       # The primary is woken by this, and polls.
                       if not re.match("[rt]x_queue_", change[0])]
            assert changes == []
            calls = meddler.calls()
            assert calls["supported_ptypes"] == 0
            assert calls["set_ptypes"] == meddler.refusal()
            meddler.quit()
        primary.close_stdin()
        primary.wait(60)
    counts(f"{len(calls)} calls")
