# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Rx interrupts in a primary and a secondary process that share a port, a queue each."""

import os
import re

import eal
from apps import LOSSLESS, checker, cpu, plugin, sanitizer_env
from checker import program_path
from process import Process

FRAMES = 40


class Sleeper(Process):
    """dpdk-sleeper: receives on a queue of its own, and polls never."""

    def __init__(self, bus, shared, on):
        program = os.path.join(os.path.dirname(program_path()), "dpdk-sleeper")
        argv = [program] + eal.eal_args(
            lcores=f"{on}@{cpu(on)}", memory=shared["memory"], file_prefix=shared["file_prefix"],
            vdevs=[bus.vdev()], plugins=[plugin()], proc_type="auto", extra=shared["eal_extra"])
        super().__init__(argv, name=f"sleeper{on}", env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(r"^ready", 120)
        return self

    def received(self):
        """Frames so far, and sleeps."""
        found = re.findall(r"^frames (\d+), sleeps (\d+)", self.log, re.M)
        return tuple(map(int, found[-1])) if found else (0, 0)


def send(bus, frames):
    """From two queues, one of which each of the sleepers reads."""
    with checker(bus.vdev(), send=True, on=1, count=frames, queues=2, burst=4) as tx:
        return tx.result()["sent"]


def test_both_sleep(make_bus, shared, counts):
    """Frames for its queue wake each process; the primary goes on without the secondary."""
    bus = make_bus(**LOSSLESS)
    with Sleeper(bus, shared, 0) as primary:
        with Sleeper(bus, {**shared, "eal_extra": []}, 1) as secondary:
            sent = 0
            for _ in range(5):
                sent += send(bus, FRAMES)
                both = primary, secondary
                primary.poll(lambda: sum(p.received()[0] for p in both) == sent,
                             f"{sent} frames to be received")
            got = [p.received() for p in both]
            # Those of a queue each, and never by looking without having been woken.
            assert min(frames for frames, _ in got) >= 5
            secondary.close_stdin()
            secondary.wait(60)
        before = primary.received()[0]
        # No process takes the other queue's frames any more; the ring has room for them.
        send(bus, FRAMES)
        primary.poll(lambda: primary.received()[0] > before, "the primary to be woken")
        primary.close_stdin()
        primary.wait(60)
    counts(f"frames and sleeps: {got}")
