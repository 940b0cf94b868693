# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""kill -9 in full traffic: the others go on, the slots are taken over, no frame is torn.

No reader is ever given up for being slow in these tests: that the senders go on after the death of
a receiver shows that they ask the kernel who is alive.
"""

import contextlib
import random
import time

import pytest
from apps import LOSSLESS, checker, scaled, testpmd
from checker import stream
from rounds import rounds

LONG = {"lengths": "14-1514", "segments": 2, "mbufs": 1024}
IN_TRAFFIC = 5_000  # frames that a victim has sent or received when it is killed


@pytest.mark.long
def test_200_times(make_bus, counts):
    """A sender and a receiver at a time, 100 times, while two others work on the same bus.

    Without SHMBUS_LONG=1 there are fewer rounds, and more than the bus has slots.
    """
    times = scaled(100, least=8)
    luck = random.Random(1)
    # One pair is killed while the next one starts: so many slots, if those of the dead are used.
    bus = make_bus(ports=6, **LOSSLESS)
    with contextlib.ExitStack() as stack:
        def start(**kwargs):
            return stack.enter_context(checker(bus.vdev(), **LONG, **kwargs))

        def begin(number):
            pair = [checker(bus.vdev(), on=0, send=True, id=number, name=f"victim {number} (tx)",
                            seed=number, **LONG),
                    checker(bus.vdev(), on=1, receive=True, name=f"victim {number} (rx)", **LONG)]
            for victim in pair:
                stack.callback(victim.close, check=False, graceful=False)
                victim.begin()
            return pair

        receiver = start(receive=True, on=0)
        sender = start(send=True, on=1, id=0)
        upcoming = begin(1)
        sent_by = {}
        longest = 0
        for number in range(1, times + 1):
            pair = upcoming
            if number < times:
                upcoming = begin(number + 1)
            for victim in pair:
                victim.start()
            tx, rx = pair
            known = tx.wait_until(lambda r: r["sent"] >= IN_TRAFFIC, "the victim to send")
            sent_by[number] = known["port"]["opackets"]
            found = rx.wait_until(lambda r: r["received"] >= IN_TRAFFIC, "the victim to receive")
            assert found["damaged"] == found["stale"] == 0
            time.sleep(luck.uniform(0, 0.005))
            luck.shuffle(pair)
            for victim in pair:
                victim.kill()
                victim.close(check=False)
            began = time.monotonic()
            sender.wait_more("sent", 1000)
            receiver.wait_more("received", 1000)
            longest = max(longest, time.monotonic() - began)
        sent = sender.finish()
        got = receiver.finish()
        slots = bus.slots()
    assert got["damaged"] == got["stale"] == 0
    holes = [s for s in got["streams"] if s["next"] - s["first"] != s["frames"]]
    assert not holes, "between two frames that were received there is none that was not"
    assert got["missing"] == 0
    assert got["port"]["imissed"] == got["port"]["ierrors"] == 0
    assert stream(got, 0)["frames"] == stream(got, 0)["next"] == sent["sent"]
    assert len(got["streams"]) == times + 1
    for number, frames in sent_by.items():
        assert stream(got, number)["frames"] >= frames > 0, "what a victim had sent is received"
    assert all(s["first"] == 0 for s in got["streams"]), "a lane's new owner is heard from the start"
    assert len(slots) == 6
    # The two that stayed, and every victim, has owned a slot once.
    assert sum(slot.incarnation for slot in slots) == 2 + 2 * times
    assert not any(slot.alive for slot in slots)
    counts(f"{2 * times} killed; the others sent {sent['sent']} and received {got['received']}; "
           f"longest until both had gone on: {longest:.2f} s; "
           f"owners of the slots: {[slot.incarnation for slot in slots]}")


@pytest.mark.long
def test_while_starting(make_bus, counts):
    """Killed at any moment of its start: whatever it leaves behind, the next ones get going."""
    luck = random.Random(2)
    times = scaled(20, least=5)
    creating = 0
    for number in range(times):
        bus = make_bus(f"bus{number % 4}", **LOSSLESS)
        if luck.random() < 0.5:
            bus.remove()
        fresh = not bus.exists()
        with contextlib.ExitStack() as stack:
            def begin(**kwargs):
                port = checker(bus.vdev(), mbufs=1024, **kwargs)
                stack.callback(port.close, check=False, graceful=False)
                return port.begin()

            victim = begin(receive=True, send=True, on=number)
            # EAL takes most of the time. A file that is new tells when the interesting part begins.
            deadline = time.monotonic() + luck.uniform(0.05, 0.3)
            while victim.alive() and time.monotonic() < deadline + fresh * 30 and \
                    not (fresh and bus.exists()):
                time.sleep(0.0002)
            time.sleep(luck.uniform(0, 0.002))
            victim.kill()
            creating += fresh
            rx, tx = begin(receive=True), begin(send=True, on=1, count=1000, wait=True)
            rx.start()
            tx.start()
            tx.go()
            assert tx.result()["sent"] == 1000
            assert rx.finish()["received"] == 1000
    counts(f"{times} killed while starting, {creating} of them when the file had just come up")


def test_testpmd(bus, counts):
    """The same with stock testpmd: a sender and a receiver die, two others go on."""
    with contextlib.ExitStack() as stack:
        def start(name, mode, on, **kwargs):
            pmd = testpmd(bus.vdev(), name=name, on=on, **kwargs)
            stack.callback(pmd.close, check=False, graceful=False)
            pmd.start()
            pmd.set_fwd(mode)
            pmd.start_fwd()
            return pmd

        receiver = start("receiver", "rxonly", 0)
        # Not txonly: a started port that never receives holds the others up.
        sender = start("sender", "flowgen", 1)
        for number in range(rounds(3, 2)):
            victims = [start(f"victim-rx{number}", "rxonly", 0),
                       start(f"victim-tx{number}", "flowgen", 1)]
            victims[0].wait_port_stat(0, "rx_packets", 1000)
            victims[1].wait_port_stat(0, "tx_packets", 1000)
            for victim in victims:
                victim.kill()
                victim.close()
            for pmd, stat in ((sender, "tx_packets"), (receiver, "rx_packets")):
                pmd.wait_port_stat(0, stat, pmd.port_stats()[stat] + 10_000)
        sender.stop_fwd()
        sent = sender.port_stats()["tx_packets"]
        # All of the sender's, and all that the victims had published.
        got = receiver.wait_stable()
        assert got["rx_packets"] > sent
        assert got["rx_missed"] == got["rx_errors"] == 0
        slots = bus.slots()
        assert sum(slot.attached for slot in slots) <= 4
        # One more comes and finds a place.
        late = start("late", "rxonly", 0)
        sender.start_fwd()
        late.wait_port_stat(0, "rx_packets", 10_000)
        sender.stop_fwd()
        for pmd in (late, receiver, sender):
            pmd.close()
    counts(f"sender sent {sent}, receiver received {got['rx_packets']} (with the victims')")
