# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Ports that come, go and change in a running testpmd, under traffic."""

import contextlib

import pytest
from apps import LOSSLESS, checker, receives_exactly, scaled, testpmd
from checker import xstat

NO_FLUSH = ("--no-flush-rx",)


def test_attach_and_detach(make_bus, counts):
    """A port is plugged in and out again and again while the first one is receiving."""
    one, two = make_bus("one", **LOSSLESS), make_bus("two", **LOSSLESS)
    rounds = scaled(6, least=2)
    received = 0
    with contextlib.ExitStack() as stack:
        pmd = stack.enter_context(testpmd(one.vdev(0), args=NO_FLUSH, name="plugged"))
        background = stack.enter_context(checker(one.vdev(), send=True, on=1))
        for number in range(rounds):
            port = pmd.attach(two.vdev(1))
            assert port == 1
            assert pmd.port_info(port)["driver"] == "net_shmbus"
            pmd.cmd("port start 1")
            pmd.wait_link(port)
            pmd.cmd("set portlist 0,1")
            pmd.set_fwd("rxonly")
            pmd.start_fwd()
            with checker(two.vdev(), send=True, on=1, count=5000, id=number) as sender:
                assert sender.result()["sent"] == 5000
            assert receives_exactly(pmd, port, 5000)["rx_missed"] == 0
            received += 5000
            before = pmd.port_stats(0)["rx_packets"]
            pmd.wait_port_stat(0, "rx_packets", before + 1000)
            pmd.stop_fwd()
            pmd.cmd("set portlist 0")
            pmd.detach(port)
            assert pmd.ports() == [0]
            assert not any(slot.attached for slot in two.slots())
            pmd.start_fwd()
            pmd.wait_port_stat(0, "rx_packets", before + 2000)
            pmd.stop_fwd()
        pmd.start_fwd()
        sent = background.finish()["sent"]
        got = receives_exactly(pmd, 0, sent)
        # Slots are given back: the first one is used over and over.
        assert [slot.incarnation for slot in two.slots()][:3] == [rounds, rounds, 0]
    assert got["rx_missed"] == 0
    counts(f"plugged {rounds} times, received {received} there, {got['rx_packets']} of {sent} on "
           "the port that stayed")


def test_stop_start_close(make_bus, counts):
    """stop, start, close and start again, with other queues: each start works as the first one."""
    bus = make_bus(**LOSSLESS)
    rounds = scaled(5, least=2)
    total = 0
    with testpmd(bus.vdev(), args=NO_FLUSH) as pmd:
        for number in range(rounds):
            # As many of both: testpmd polls no more Rx queues than there are Tx queues.
            pmd.cmds("port stop 0", f"port config all rxq {1 + number % 3}",
                     f"port config all txq {1 + number % 3}", "port start 0")
            pmd.wait_link(0)
            pmd.clear_stats(0)
            pmd.set_fwd("rxonly")
            pmd.start_fwd()
            with checker(bus.vdev(), send=True, on=1, count=20_000, queues=3) as sender:
                assert sender.result()["sent"] == 20_000
            got = receives_exactly(pmd, 0, 20_000)
            assert got["rx_missed"] == got["rx_errors"] == 0
            total += got["rx_packets"]
            pmd.stop_fwd()
        pmd.cmds("port stop 0", "port close 0")
        assert pmd.ports() == []
        assert not any(slot.attached for slot in bus.slots())
    counts(f"{rounds} starts, received {total}")


def test_what_was_sent_while_stopped(bus, counts):
    """A port that was stopped receives from its start on; earlier frames do not count as missed."""
    with testpmd(bus.vdev(), args=NO_FLUSH) as pmd:
        pmd.set_fwd("rxonly")
        pmd.cmd("port stop 0")
        with checker(bus.vdev(), send=True, on=1, count=50_000) as sender:
            # No port is there that could hold it up.
            assert sender.result()["full"] == 0
        pmd.cmd("port start 0")
        pmd.start_fwd()
        with checker(bus.vdev(), send=True, on=1, count=1000) as sender:
            sender.result()
        got = receives_exactly(pmd, 0, 1000)
    assert got["rx_missed"] == 0
    counts(f"received {got['rx_packets']} of the 1000 that were sent after the start")


@pytest.mark.parametrize("when", ["stopped", "running"])
def test_mtu(bus, counts, when):
    """The MTU limits received and sent frames; longer frames are dropped and counted."""
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(testpmd(bus.vdev(), name="rx", mbuf_size=9344, mbufs=2048,
                                         args=NO_FLUSH))
        tx = stack.enter_context(testpmd(bus.vdev(), name="tx", mbuf_size=9344, mbufs=2048, on=1,
                                         args=NO_FLUSH))
        assert rx.port_info()["mtu"] == 1500

        def set_mtu(pmd, mtu):
            if when == "stopped":
                pmd.cmds("port stop 0", f"port config mtu 0 {mtu}", "port start 0")
            else:
                pmd.cmd(f"port config mtu 0 {mtu}")
            assert pmd.port_info()["mtu"] == mtu

        def send(length, frames=2000):
            """What that did to the two ports' counters."""
            before = tx.port_stats(), rx.port_stats()
            rx.set_fwd("rxonly")
            rx.start_fwd()
            tx.set_fwd("txonly")
            tx.set_txpkts(length)
            tx.start_fwd()
            tx.poll(lambda: sum(tx.port_stats()[k] - before[0][k]
                                for k in ("tx_packets", "tx_errors")) >= frames, "frames to be sent")
            tx.stop_fwd()
            after_tx = tx.port_stats()
            sent = after_tx["tx_packets"] - before[0]["tx_packets"]
            rx.poll(lambda: sum(rx.port_stats()[k] - before[1][k]
                                for k in ("rx_packets", "rx_errors")) >= sent, "frames to arrive")
            rx.stop_fwd()
            after_rx = rx.port_stats()
            assert after_rx["rx_missed"] == 0
            return {"sent": sent, "too_long_tx": after_tx["tx_errors"] - before[0]["tx_errors"],
                    "received": after_rx["rx_packets"] - before[1]["rx_packets"],
                    "too_long_rx": after_rx["rx_errors"] - before[1]["rx_errors"]}

        found = send(1514)
        assert found["received"] == found["sent"] >= 2000
        assert found["too_long_tx"] == found["too_long_rx"] == 0
        found = send(9014)
        assert found["sent"] == 0 and found["too_long_tx"] >= 2000
        set_mtu(tx, 9000)
        found = send(9014)
        assert found["received"] == 0 and found["too_long_rx"] == found["sent"] >= 2000
        set_mtu(rx, 9000)
        found = send(9014)
        assert found["received"] == found["sent"] >= 2000
        assert found["too_long_tx"] == found["too_long_rx"] == 0
        counts(f"{when}: 9014 bytes with MTU 9000: sent {found['sent']}, "
               f"received {found['received']}")
        set_mtu(rx, 1500)
        found = send(1522)
        assert found["received"] == found["sent"] >= 2000, "two VLAN tags more than the MTU"
        found = send(1523)
        assert found["received"] == 0 and found["too_long_rx"] == found["sent"]


def test_link_down(bus, counts):
    """A port whose link is down receives nothing and holds up no sender; link up, it goes on."""
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(testpmd(bus.vdev(), name="rx", args=NO_FLUSH))
        rx.set_fwd("rxonly")
        rx.start_fwd()
        rx.cmd("set link-down port 0")
        rx.wait_link(up=False)
        with checker(bus.vdev(), send=True, on=1, count=100_000) as tx:
            assert tx.result()["full"] == 0
        assert rx.port_stats()["rx_packets"] == 0
        rx.cmd("set link-up port 0")
        rx.wait_link(up=True)
        # The queue begins anew at its next poll, which is its lcore's.
        tx = stack.enter_context(checker(bus.vdev(), send=True, on=1))
        rx.wait_port_stat(0, "rx_packets", 10_000)
        sent = tx.finish()["sent"]
        got = rx.poll(lambda: rx.port_stats()["rx_packets"] == sent and rx.port_stats(),
                      f"{sent} frames to arrive")
    assert got["rx_missed"] == 0
    counts(f"down: received none of 100000; up again: {got['rx_packets']} of {sent}")


def test_carrier_peer(bus, counts):
    """With carrier=peer the link follows the others: their life, kill -9 included, and their link."""
    with testpmd(bus.vdev(carrier="peer")) as pmd:
        assert pmd.port_info()["link"] == "down"
        with checker(bus.vdev(), receive=True, on=1):
            pmd.wait_link(up=True)
        pmd.wait_link(up=False)
        victim = checker(bus.vdev(), receive=True, on=1)
        with victim:
            pmd.wait_link(up=True)
            victim.kill()
            pmd.wait_link(up=False)
        with testpmd(bus.vdev(carrier="peer"), name="other", on=1) as other:
            for down, up in (("set link-down port 0", "set link-up port 0"),
                             ("port stop 0", "port start 0")):
                pmd.wait_link(up=True)
                other.wait_link(up=True)
                other.cmd(down)
                pmd.wait_link(up=False)
                other.cmd(up)
            pmd.wait_link(up=True)
        pmd.wait_link(up=False)
        assert len(pmd.log.split("link state change event")) > 10, "an event for every change"
    counts("link: down, and five times up and down")


def test_lanes_of_a_port_that_left(bus, counts):
    """What a port had sent before it was detached is received, also by one that is slow to read."""
    with checker(bus.vdev(), receive=True, on=0) as rx:
        rx.freeze()
        with checker(bus.vdev(), send=True, on=1, count=1000, id=1) as tx:
            tx.result()
        with checker(bus.vdev(), send=True, on=1, count=1000, id=2) as tx:
            tx.result()
        rx.thaw()
        got = rx.finish()
        assert xstat(got, "rx_overruns") == 0
    assert got["received"] == 2000
    assert [s["frames"] for s in got["streams"]] == [1000, 1000]
    counts(f"received {got['received']} of 2000 of two senders that had left")
