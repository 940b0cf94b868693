# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Stock testpmd processes on one bus and between buses, sending and receiving at once.

testpmd's flowgen mode receives and sends; what its port does not take it drops before it is sent,
so the counters of the ports add up exactly on a bus that loses nothing.
"""

import contextlib

import pytest
from apps import LOSSLESS, receives_exactly, scaled, testpmd
from busfile import Bus
from rounds import rounds

FRAMES = 200_000  # at least, per sender


def start_all(stack, devices, args=("--no-flush-rx",), **kwargs):
    """One testpmd per list of devices, spread over the CPUs."""
    return [stack.enter_context(testpmd(*vdevs, on=i, name=f"testpmd{i}", args=args, **kwargs))
            for i, vdevs in enumerate(devices)]


def settle(ports):
    """Stop sending everywhere; each then receives all that the others sent. The ports' counters."""
    for pmd in ports:
        pmd.stop_fwd()
    for pmd in ports:
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
    sent = [pmd.port_stats()["tx_packets"] for pmd in ports]
    return [receives_exactly(pmd, 0, sum(sent) - sent[i]) for i, pmd in enumerate(ports)]


def run_flowgen(ports, size, frames):
    """Let all send and receive until each has sent so many frames and received some."""
    for pmd in ports:
        pmd.set_fwd("flowgen")
        pmd.set_txpkts(size)
    for pmd in ports:
        pmd.start_fwd()
    for pmd in ports:
        pmd.wait_port_stat(0, "tx_packets", frames)
        pmd.wait_port_stat(0, "rx_packets", frames // 10)


def check_no_loss(stats):
    for s in stats:
        assert s["rx_missed"] == s["rx_errors"] == s["rx_nombuf"] == s["tx_errors"] == 0


@pytest.mark.parametrize("n", rounds([2, 3, 5], [2, 5]))
def test_everyone_hears_everyone(bus, counts, n):
    """Each of n ports receives every frame that each of the others sent, and none of its own."""
    frames = scaled(FRAMES)
    with contextlib.ExitStack() as stack:
        ports = start_all(stack, [[bus.vdev()]] * n)
        run_flowgen(ports, 64, frames)
        stats = settle(ports)
    check_no_loss(stats)
    sent = [s["tx_packets"] for s in stats]
    for i, s in enumerate(stats):
        assert s["rx_packets"] == sum(sent) - sent[i]
        assert s["rx_bytes"] == s["rx_packets"] * 60  # flowgen leaves room for the FCS
    counts(f"sent {sent}, received {[s['rx_packets'] for s in stats]}")


@pytest.mark.parametrize("size", [60, 1514])
def test_txonly_to_rxonly(bus, counts, size):
    """One way, as fast as it goes, with the smallest and the largest usual frame."""
    with contextlib.ExitStack() as stack:
        tx, rx = start_all(stack, [[bus.vdev()]] * 2)
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_fwd("txonly")
        tx.set_txpkts(size)
        tx.start_fwd()
        rx.wait_port_stat(0, "rx_packets", scaled(1_000_000))
        tx.stop_fwd()
        sent = tx.port_stats()
        got = receives_exactly(rx, 0, sent["tx_packets"])
    check_no_loss([sent, got])
    assert got["rx_packets"] == sent["tx_packets"]
    assert got["rx_bytes"] == sent["tx_bytes"] == sent["tx_packets"] * size
    counts(f"{size} bytes: sent {sent['tx_packets']}, received {got['rx_packets']}")


@pytest.mark.parametrize("mode", ["io", "macswap"])
def test_forwarding_between_two_buses(make_bus, counts, mode):
    """A <-> forwarder <-> B, both directions at once; every frame is accounted for."""
    one, two = make_bus("one", **LOSSLESS), make_bus("two", **LOSSLESS)
    frames = scaled(FRAMES)
    with contextlib.ExitStack() as stack:
        ends = start_all(stack, [[one.vdev()], [two.vdev()]])
        middle = stack.enter_context(testpmd(one.vdev(0), two.vdev(1), name="forwarder", on=1))
        middle.set_fwd(mode)
        middle.start_fwd()
        run_flowgen(ends, 64, frames)
        for end in ends:
            end.stop_fwd()
        for port, end in enumerate(ends):
            receives_exactly(middle, port, end.port_stats()["tx_packets"])
        fwd = middle.stop_fwd()
        mid = [middle.port_stats(i) for i in range(2)]
        for end in ends:
            end.set_fwd("rxonly")
            end.start_fwd()
        got = [receives_exactly(end, 0, mid[port]["tx_packets"]) for port, end in enumerate(ends)]
    check_no_loss(got + mid)
    for here, there in ((0, 1), (1, 0)):
        dropped = fwd[there]["tx_dropped"]
        assert mid[there]["tx_packets"] + dropped == mid[here]["rx_packets"]
        assert mid[there]["tx_packets"] > 0
    counts(f"{mode}: sent {[s['tx_packets'] for s in got]}, "
           f"forwarded {[s['tx_packets'] for s in mid]}, "
           f"received {[s['rx_packets'] for s in got]}")


def test_several_queues(bus, counts):
    """Two Tx queues and three Rx queues per port, both directions at once."""
    frames = scaled(FRAMES)
    with contextlib.ExitStack() as stack:
        ports = start_all(stack, [[bus.vdev()]] * 2,
                          args=("--no-flush-rx", "--rxq=3", "--txq=3"))
        run_flowgen(ports, 64, frames)
        stats = settle(ports)
        queues = [pmd.queue_stats() for pmd in ports]
    check_no_loss(stats)
    for here, there in ((0, 1), (1, 0)):
        assert stats[here]["rx_packets"] == stats[there]["tx_packets"]
        got = [queues[here][("rx", q)]["packets"] for q in range(3)]
        sent = [queues[there][("tx", q)]["packets"] for q in range(3)]
        assert sum(got) == sum(sent) == stats[there]["tx_packets"]
        assert min(got) > 0 and min(sent) > 0
        counts(f"sent {sent} over 3 queues, received {got}")


def test_two_ports_of_one_process(bus, counts):
    """Two ports of one testpmd on one bus hear each other, and not themselves."""
    frames = scaled(FRAMES)
    with testpmd(bus.vdev(0), bus.vdev(1), args=("--no-flush-rx",)) as pmd:
        pmd.set_fwd("flowgen")
        pmd.start_fwd()
        for port in range(2):
            pmd.wait_port_stat(port, "tx_packets", frames)
        pmd.stop_fwd()
        pmd.set_fwd("rxonly")
        pmd.start_fwd()
        sent = [pmd.port_stats(port)["tx_packets"] for port in range(2)]
        stats = [receives_exactly(pmd, port, sent[1 - port]) for port in range(2)]
    check_no_loss(stats)
    assert min(sent) >= frames
    counts(f"sent {[s['tx_packets'] for s in stats]}, received {[s['rx_packets'] for s in stats]}")


def test_multi_segment_frames(bus, counts):
    """testpmd builds jumbo frames of several segments; the receiver chains them again."""
    frames = scaled(50_000)
    jumbo = ("--max-pkt-len=9022", "--no-flush-rx")
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(testpmd(bus.vdev(), name="rx", args=(*jumbo, "--enable-scatter")))
        tx = stack.enter_context(testpmd(bus.vdev(), name="tx", on=1, args=jumbo))
        assert rx.port_info()["mtu"] == tx.port_info()["mtu"] == 9000
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_fwd("txonly")
        tx.set_txpkts(2000, 2000, 2000, 2000, 1014)
        tx.start_fwd()
        tx.wait_port_stat(0, "tx_packets", frames)
        tx.stop_fwd()
        sent = tx.port_stats()
        got = receives_exactly(rx, 0, sent["tx_packets"])
    check_no_loss([sent, got])
    assert got["rx_packets"] == sent["tx_packets"]
    assert got["rx_bytes"] == sent["tx_bytes"] == sent["tx_packets"] * 9014
    counts(f"sent {sent['tx_packets']} of 9014 bytes in 5 segments, received {got['rx_packets']}")


@pytest.mark.parametrize("mode", ["rxonly", "io"])
def test_readonly(make_bus, counts, mode):
    """testpmd with its own defaults looks on; what it forwards is dropped, and counted."""
    bus = make_bus("looked-at", **LOSSLESS)
    with testpmd(bus.vdev()) as sender, \
            testpmd(Bus(bus.path, readonly="on").vdev(), on=1) as eye:
        eye.set_fwd(mode)
        eye.start_fwd()
        sender.set_fwd("txonly")
        sender.start_fwd()
        eye.wait_port_stat(0, "rx_packets", 10_000)
        sender.stop_fwd()
        seen = eye.wait_stable()
        eye.stop_fwd()
        assert sender.port_stats()["rx_packets"] == 0
    assert seen["tx_packets"] == 0
    assert seen["tx_errors"] == (seen["rx_packets"] if mode == "io" else 0)
    counts(f"{mode}: {seen['rx_packets']} seen, {seen['tx_errors']} dropped")
