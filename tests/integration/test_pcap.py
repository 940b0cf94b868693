# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Frames made with scapy cross a bus, between stock testpmd processes, bit by bit as they were."""

import pytest
from apps import LOSSLESS, testpmd
from pcaps import JUMBO, carry, mixture, sink, source


def test_unmodified(make_bus, folder, counts):
    """From a pcap file to the bus and into another pcap file: the same frames in the same order."""
    bus = make_bus(lane_size="4M", **LOSSLESS)
    frames = mixture(1000)
    got = carry(folder, frames, lambda path: source(bus, path, on=1), lambda path: sink(bus, path))
    assert got == frames
    counts(f"{len(frames)} frames of {min(map(len, frames))} to {max(map(len, frames))} bytes, "
           f"received {len(got)}")


def test_macswap_between_two_buses(make_bus, folder, counts):
    """A testpmd in between swaps the addresses, and changes nothing else."""
    one = make_bus("one", lane_size="4M", **LOSSLESS)
    two = make_bus("two", lane_size="4M", **LOSSLESS)
    frames = mixture(500, seed=2)
    with testpmd(one.vdev(0), two.vdev(1), **JUMBO, name="macswap", on=1) as middle:
        middle.set_fwd("macswap")
        middle.start_fwd()
        got = carry(folder, frames, lambda path: source(one, path, on=1),
                    lambda path: sink(two, path))
    assert got == [f[6:12] + f[0:6] + f[12:] for f in frames]
    counts(f"{len(frames)} frames sent, received {len(got)}")


OWN = "b2:a0:00:00:00:07"
OTHER = "b2:a0:00:00:00:08"
BROADCAST = "ff:ff:ff:ff:ff:ff"
MULTICAST = "33:33:00:00:00:01"


@pytest.mark.parametrize("promisc, allmulti, wanted", [
    ("off", "off", {OWN, BROADCAST}),
    ("off", "on", {OWN, BROADCAST, MULTICAST}),
    ("on", "off", {OWN, BROADCAST, MULTICAST, OTHER}),
])
def test_filter(make_bus, folder, counts, promisc, allmulti, wanted):
    """A port that is not promiscuous takes its own address, broadcast, and multicast if asked."""
    bus = make_bus(lane_size="4M", **LOSSLESS)
    frames = [f for i, dst in enumerate([OWN, OTHER, BROADCAST, MULTICAST] * 10)
              for f in mixture(8, seed=100 + i, dst=dst)]

    def leave(path):
        pmd = testpmd(bus.vdev(mac=OWN), f"net_pcap0,tx_pcap={path}", **JUMBO, name="sink")
        pmd.start()
        pmd.cmds(f"set promisc 0 {promisc}", f"set allmulti 0 {allmulti}")
        return pmd

    expected = [f for f in frames if ":".join(f"{b:02x}" for b in f[:6]) in wanted]
    got = carry(folder, frames, lambda path: source(bus, path, on=1), leave, len(expected))
    assert got == expected
    counts(f"promiscuous {promisc}, all multicast {allmulti}: {len(frames)} frames sent, "
           f"received {len(got)}")
