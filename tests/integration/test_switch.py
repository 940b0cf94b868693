# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Stock testpmd processes on a bus that is a switch."""

import contextlib

import pytest
from apps import LOSSLESS, receives_exactly, scaled, testpmd

FRAMES = 100_000
MACS = [f"02:00:00:00:00:0{i}" for i in range(1, 5)]
NOBODY = "02:00:00:00:00:99"


@pytest.fixture
def switch(make_bus):
    return make_bus("switch", deliver="switch", **LOSSLESS)


def start_receivers(stack, bus, devargs):
    """One receiving testpmd for each of these arguments, with the addresses from the second on."""
    found = []
    for i, more in enumerate(devargs, start=1):
        pmd = stack.enter_context(testpmd(bus.vdev(mac=MACS[i], **more), on=i, name=f"receiver{i}",
                                          args=("--no-flush-rx",)))
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        found.append(pmd)
    return found


def send_to(stack, bus, mac):
    """A testpmd that sends to this address until it has sent enough; its counters."""
    pmd = stack.enter_context(testpmd(bus.vdev(mac=MACS[0]), name="sender",
                                      args=("--no-flush-rx", f"--eth-peer=0,{mac}")))
    pmd.set_fwd("txonly")
    pmd.start_fwd()
    pmd.wait_port_stat(0, "tx_packets", scaled(FRAMES))
    pmd.stop_fwd()
    return pmd.port_stats()["tx_packets"]


def skipped(pmd, n):
    """Waits until the port has stepped over n frames, and no more follow."""
    pmd.poll(lambda: pmd.port_xstats()["rx_skipped"] >= n, f"{n} skipped frames")
    return pmd.port_xstats()["rx_skipped"]


def test_unicast(switch, counts):
    """Frames reach the owner of their address, and a mirror; a promiscuous port steps over them."""
    with contextlib.ExitStack() as stack:
        other, owner, mirror = start_receivers(stack, switch, ({}, {}, {"mirror": "on"}))
        sent = send_to(stack, switch, MACS[2])
        receives_exactly(owner, 0, sent)
        receives_exactly(mirror, 0, sent)
        assert skipped(other, sent) == sent
        assert other.port_stats()["rx_packets"] == 0
        assert owner.port_xstats()["rx_skipped"] == mirror.port_xstats()["rx_skipped"] == 0
        for pmd in (other, owner, mirror):
            assert pmd.port_stats()["rx_missed"] == 0
    counts(f"sent {sent}, each received or skipped")


@pytest.mark.parametrize("mac", [NOBODY, "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"])
def test_for_everybody(switch, mac):
    """Frames to an unknown address, to all, or to a group reach every port."""
    with contextlib.ExitStack() as stack:
        ports = start_receivers(stack, switch, ({}, {}))
        sent = send_to(stack, switch, mac)
        for pmd in ports:
            receives_exactly(pmd, 0, sent)
            assert pmd.port_xstats()["rx_skipped"] == 0


def test_address_is_changed(switch):
    """Frames follow an address that a running port takes."""
    with contextlib.ExitStack() as stack:
        first, second = start_receivers(stack, switch, ({}, {}))
        second.cmd(f"mac_addr set 0 {NOBODY}")
        sent = send_to(stack, switch, NOBODY)
        receives_exactly(second, 0, sent)
        assert skipped(first, sent) == sent
        assert first.port_stats()["rx_packets"] == 0


def test_owner_is_down(switch):
    """The frames for a port whose link is down go to everybody else, as those for nobody."""
    with contextlib.ExitStack() as stack:
        other, owner = start_receivers(stack, switch, ({}, {}))
        owner.cmd("set link-down port 0")
        sent = send_to(stack, switch, MACS[2])
        receives_exactly(other, 0, sent)
        assert owner.port_stats()["rx_packets"] == 0
