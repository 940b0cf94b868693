# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The bus file is truncated in full traffic: all processes live and say so; start joins anew."""

import contextlib
import os
import re

import pytest
from apps import checker, testpmd

TOLD = r"path=\S+: truncated by somebody, \d+ bytes of \d+ are left"


def in_traffic(stack, bus, *args):
    """A sender and a receiver at work."""
    rx = stack.enter_context(testpmd(bus.vdev(), name="rx", args=args))
    rx.set_fwd("rxonly")
    rx.start_fwd()
    tx = stack.enter_context(testpmd(bus.vdev(), name="tx", on=1, args=args))
    tx.set_fwd("txonly")
    tx.start_fwd()
    rx.wait_port_stat(0, "rx_packets", 10_000)
    return tx, rx


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_truncated(make_bus, fmt, counts):
    """Link down and an event; with stop and start both are on a new bus."""
    bus = make_bus(format=fmt)
    with contextlib.ExitStack() as stack:
        tx, rx = in_traffic(stack, bus, "--no-rmv-interrupt")
        os.truncate(bus.path, 0)
        for pmd in (tx, rx):
            pmd.wait_for(TOLD)
            pmd.wait_link(up=False)
            pmd.stop_fwd()
            assert len(re.findall(TOLD, pmd.log)) == 1
        # A sender may have woken others meanwhile, which writes; then it is no empty file.
        os.remove(bus.path)
        for pmd in (tx, rx):
            pmd.cmds("port stop 0", "port start 0")
            pmd.wait_link(up=True)
        before = rx.port_stats()["rx_packets"]
        rx.start_fwd()
        tx.start_fwd()
        rx.wait_port_stat(0, "rx_packets", before + 10_000)
    counts(f"after {before} frames a new bus")


def test_removed(make_bus):
    """testpmd as it is closes and detaches a port whose device was removed."""
    bus = make_bus()
    with contextlib.ExitStack() as stack:
        for pmd in in_traffic(stack, bus):
            os.truncate(bus.path, 0)
            pmd.wait_for(TOLD)
            pmd.wait_for(r"Port 0: device removal event")
            pmd.wait_for(r"Port 0 is closed")
            assert pmd.alive()


def test_checker(make_bus, counts):
    """One that knows nothing of removal goes on polling."""
    bus = make_bus()
    with checker(bus.vdev(), receive=True, on=0) as rx, checker(bus.vdev(), send=True, on=1) as tx:
        rx.wait_more("received", 10_000)
        os.truncate(bus.path, 0)
        for process in (rx, tx):
            process.wait_for(TOLD)
            process.check_alive()
        sent = tx.finish()
        got = rx.finish()
    assert got["damaged"] == 0
    counts(f"sent {sent['sent']}, received {got['received']}, none of them damaged")
