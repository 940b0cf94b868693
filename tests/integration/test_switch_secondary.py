# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A port on a switch that two processes share: both receive and send, and both know what one has learned."""

import contextlib
import os

import tool
from apps import LOSSLESS, checker, receives_exactly, scaled, testpmd
from pcaps import write
from process import Process
from test_secondary import pair

SHARED, OWNER, OTHER = (f"b2:a0:00:00:00:{n:02x}" for n in (1, 2, 3))
STATION = "02:00:00:00:00:50"  # in no port's entry
EACH = 1000  # frames that each process sends at least


def packets(pmd, way):
    return [pmd.queue_stats()[(way, q)]["packets"] for q in range(2)]


def transmit(both, mac):
    """Both processes send to this address; their counts."""
    before = packets(both[0], "tx")
    for pmd in both:
        pmd.cmd(f"set eth-peer 0 {mac}")
        pmd.set_fwd("txonly")
        pmd.start_fwd()

    def sent():
        return [now - was for was, now in zip(before, packets(both[0], "tx"))]
    both[0].poll(lambda: min(sent()) > EACH, "both processes to send")
    for pmd in both:
        pmd.stop_fwd()
    return sent()


def hear(both):
    """One of the processes receives what the station says."""
    before = both[0].port_stats()["rx_packets"]
    for pmd in both:
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
    both[0].wait_port_stat(0, "rx_packets", before + 1)
    for pmd in both:
        pmd.stop_fwd()


def skips(pmd, n):
    """Waits until the port has stepped over n frames; more is a fault."""
    pmd.poll(lambda: pmd.port_xstats()["rx_skipped"] >= n, f"{n} skipped frames")
    assert pmd.port_xstats()["rx_skipped"] == n
    return n


def test_receives_and_sends(make_bus, shared, prefix, folder, counts):
    bus = make_bus(deliver="switch", **LOSSLESS)
    frames = scaled(100_000)
    with contextlib.ExitStack() as stack:
        owner, other = [stack.enter_context(testpmd(bus.vdev(mac=mac), name=name))
                        for mac, name in ((OWNER, "owner"), (OTHER, "other"))]
        bus.devargs["mac"] = SHARED
        both = pair(stack, bus, shared, prefix)
        for pmd in (owner, other, *both):
            pmd.set_fwd("rxonly")
            pmd.start_fwd()
        with checker(bus.vdev(mac="b2:a0:00:00:00:04"), send=True, on=1, count=frames, queues=2,
                     to=SHARED) as tx:
            tx.result()
        assert receives_exactly(both[0], 0, frames)["rx_missed"] == 0
        received = packets(both[0], "rx")
        assert sum(received) == frames and min(received) > 0
        skips(owner, frames)
        skipped = skips(other, frames)
        for pmd in both:
            pmd.stop_fwd()
        # A station speaks behind a port; one of the two processes hears it.
        path = os.path.join(folder, "station.pcap")
        write(path, [bytes.fromhex("ff" * 6 + STATION.replace(":", "") + "88b5") + bytes(46)])
        argv = [tool.program(), "replay", "--loop", "0", "--rate", "20pps", bus.path, path]
        with Process(argv, name="station") as station:
            hear(both)
            to_owner = transmit(both, OWNER)
            # After they have sent: a sender that finds a new port forgets what was behind its slot.
            hear(both)
            to_station = transmit(both, STATION)
            skips(owner, frames + sum(to_station))
            skipped = skips(other, skipped + sum(to_owner) + sum(to_station))
            owner.wait_port_stat(0, "rx_packets", sum(to_owner) + 1)
            station.kill()
        assert owner.port_stats()["rx_missed"] == other.port_stats()["rx_missed"] == 0
        # What the station said.
        heard = other.port_stats()["rx_packets"]
        assert 0 < heard < EACH
        assert owner.port_stats()["rx_packets"] == sum(to_owner) + heard
    counts(f"received {received}, sent {to_owner} to a port and {to_station} to a station; "
           f"another port stepped over {skipped}")
