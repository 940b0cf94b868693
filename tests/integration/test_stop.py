# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""SIGSTOP: a stopped receiver delays the bus once, for pause_timeout_ms, and never blocks it."""

import contextlib

from apps import LOSSLESS, checker, scaled, testpmd
from checker import xstat

TIMEOUT_MS = 700
# On a busy machine another receiver may stand still as long, but not in three runs of three.
ATTEMPTS = 3


def one_stop(bus, counts):
    """Stop a receiver in full traffic, wait until the sender goes on without it, let it go on.

    Returns how long the sender stood still, and how often it gave a reader up.
    """
    with contextlib.ExitStack() as stack:
        stopped = stack.enter_context(checker(bus.vdev(), receive=True, on=0, name="stopped"))
        other = stack.enter_context(checker(bus.vdev(), receive=True, on=0, name="other"))
        sender = stack.enter_context(checker(bus.vdev(), send=True, on=1))
        for port, key in ((stopped, "received"), (other, "received"), (sender, "sent")):
            port.wait_more(key, 100_000)
        timeouts = xstat(sender.report(), "tx_pause_timeouts")
        before = stopped.report()["port"]["ipackets"]
        stopped.freeze()
        sender.wait_until(lambda r: xstat(r, "tx_pause_timeouts") > timeouts,
                          "the sender to give the stopped receiver up")
        # Many laps: each of them could wait for the stopped receiver once more.
        sender.wait_more("sent", 200_000)
        other.wait_more("received", 200_000)
        timeouts = xstat(sender.report(), "tx_pause_timeouts") - timeouts
        stopped.thaw()
        stopped.wait_until(lambda r: r["port"]["ipackets"] > before, "it to receive again")
        stopped.wait_more("received", 100_000)
        sent = sender.finish()
        got = [stopped.finish(), other.finish()]
    for r in got:
        assert r["received"] == r["port"]["ipackets"]
        assert r["received"] + r["port"]["imissed"] == sent["sent"]
        assert r["missing"] == r["port"]["imissed"]
        assert r["port"]["ierrors"] == 0
    # More than the ring holds was sent while it stood still.
    assert got[0]["port"]["imissed"] > 0
    counts(f"sent {sent['sent']}; stopped: received {got[0]['received']}, missed "
           f"{got[0]['port']['imissed']}; other: received {got[1]['received']}, missed "
           f"{got[1]['port']['imissed']}; the sender stood still for "
           f"{sent['longest_stall_us'] / 1000:.0f} ms of {TIMEOUT_MS}")
    return sent["longest_stall_us"] / 1000, timeouts


def test_stopped_receiver(make_bus, counts):
    """It holds the bus up for pause_timeout_ms, once, and counts what it missed."""
    timeouts = []
    for attempt in range(ATTEMPTS):
        bus = make_bus(f"bus{attempt}", pause_timeout_ms=TIMEOUT_MS)
        stall_ms, given_up = one_stop(bus, counts)
        assert stall_ms >= TIMEOUT_MS * 0.95, "the sender did not wait for the receiver"
        timeouts.append(given_up)
        if given_up == 1:
            return
    raise AssertionError(f"while one receiver was stopped the sender gave up {timeouts}")


def test_without_pause(make_bus, counts):
    """With pause=off a stopped receiver does not hold the sender up at all."""
    bus = make_bus(pause="off")
    with checker(bus.vdev(), receive=True, on=0) as rx, checker(bus.vdev(), send=True, on=1) as tx:
        rx.wait_more("received", 1000)
        rx.freeze()
        tx.wait_more("sent", 500_000)
        rx.thaw()
        sent = tx.finish()
        got = rx.finish()
    assert sent["full"] == 0
    assert got["received"] + got["port"]["imissed"] == sent["sent"]
    assert got["port"]["imissed"] > 0
    counts(f"sent {sent['sent']}, received {got['received']}, missed {got['port']['imissed']}")


def test_stopped_sender(bus, counts):
    """A sender that is stopped at any instant does not hold up the others."""
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(checker(bus.vdev(), receive=True, on=0))
        stopped = stack.enter_context(checker(bus.vdev(), send=True, on=1, id=1))
        other = stack.enter_context(checker(bus.vdev(), send=True, on=1, id=2))
        for number in range(scaled(20, least=3)):
            stopped.wait_more("sent", 1000 + number)
            stopped.freeze()
            other.wait_more("sent", 10_000)
            stopped.thaw()
        sent = [stopped.finish(), other.finish()]
        got = rx.finish()
    assert got["received"] == sum(s["sent"] for s in sent)
    assert got["port"]["imissed"] == 0
    counts(f"sent {[s['sent'] for s in sent]}, received {got['received']}")


def test_stopped_testpmd(make_bus, counts):
    """The same as test_stopped_receiver, with stock testpmd on both sides."""
    bus = make_bus(pause_timeout_ms=TIMEOUT_MS)
    with testpmd(bus.vdev(), name="rx") as rx, testpmd(bus.vdev(), name="tx", on=1) as tx:
        rx.set_fwd("rxonly")
        rx.start_fwd()
        tx.set_fwd("txonly")
        tx.start_fwd()
        rx.wait_port_stat(0, "rx_packets", 10_000)
        rx.freeze()
        tx.wait_port_stat(0, "tx_packets", tx.port_stats()["tx_packets"] + 300_000)
        rx.thaw()
        rx.wait_port_stat(0, "rx_packets", rx.port_stats()["rx_packets"] + 10_000)
        tx.stop_fwd()
        sent = tx.port_stats()["tx_packets"]

        def everything():
            stats = rx.port_stats()
            return stats if stats["rx_packets"] + stats["rx_missed"] >= sent else None
        rx.poll(everything, "received + missed to reach what was sent")
        got = rx.wait_stable()
    assert got["rx_packets"] + got["rx_missed"] == sent
    assert got["rx_missed"] > 0
    counts(f"sent {sent}, received {got['rx_packets']}, missed {got['rx_missed']}")


def test_started_and_not_polled(make_bus, counts):
    """A port that is started and never receives is as good as a stopped one."""
    bus = make_bus(pause_timeout_ms=TIMEOUT_MS)
    with testpmd(bus.vdev(), name="lazy") as lazy:
        with checker(bus.vdev(**LOSSLESS), receive=True, on=0) as rx:
            with checker(bus.vdev(), send=True, on=1, count=scaled(500_000, 100_000)) as tx:
                sent = tx.result()
            got = rx.finish()
        assert lazy.port_stats()["rx_packets"] == 0
        lazy.set_fwd("rxonly")
        lazy.start_fwd()

        def everything():
            stats = lazy.port_stats()
            return stats if stats["rx_packets"] + stats["rx_missed"] >= sent["sent"] else None
        late = lazy.poll(everything, "received + missed to reach what was sent")
    assert got["received"] + got["port"]["imissed"] == sent["sent"]
    assert late["rx_packets"] + late["rx_missed"] == sent["sent"]
    assert late["rx_missed"] > 0
    counts(f"sent {sent['sent']}, received {got['received']}; not polled: received "
           f"{late['rx_packets']} afterwards, missed {late['rx_missed']}")
