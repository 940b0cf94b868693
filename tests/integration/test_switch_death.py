# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""kill -9 of a port on a switch, and another port with another address in its slot."""

import contextlib

import pytest
from apps import LOSSLESS, checker
from checker import stream, xstat
from rounds import rounds

STAYS, DIES, COMES = (f"b2:a0:00:00:00:{n:02x}" for n in (1, 2, 3))
TO_DEAD, TO_STAYING, OF_DEAD = 1, 2, 100  # streams
SOME = 2000  # frames


@pytest.mark.long
def test_successor(make_bus, counts):
    """The frames for a dead port reach its slot's next owner as they reach everybody, and no others do.

    The senders to the dead port and to others go on all the time. A port that stays sees how many
    of the frames are for everybody: it receives these, and steps over all others.
    """
    bus = make_bus(ports=4, deliver="switch", lane_size="1M", **LOSSLESS)
    times = rounds(10, 2)
    found = []
    with contextlib.ExitStack() as stack:
        def start(**kwargs):
            port = checker(bus.vdev(mac=kwargs.pop("mac")), mbufs=1024, **kwargs)
            stack.callback(port.close, check=False, graceful=False)
            return port.start()

        stays = start(mac=STAYS, receive=True)
        senders = [start(mac=f"b2:a0:00:00:01:{i:02x}", send=True, on=1, id=i, to=to)
                   for i, to in ((TO_DEAD, DIES), (TO_STAYING, STAYS))]

        def for_everybody():
            return stream(stays.report(TO_DEAD), TO_DEAD)["frames"]

        for number in range(times):
            dies = start(mac=DIES, send=True, receive=True, id=OF_DEAD + number, to=STAYS)
            stays.wait_until(lambda r: xstat(r, "rx_skipped") > 0, "frames for the other port")
            dies.wait_more("received", SOME)
            sent = dies.wait_until(lambda r: r["sent"] > SOME, "the victim to send")
            dies.kill()
            dies.close(check=False)
            owned = [slot.incarnation for slot in bus.slots()]
            for sender in senders:
                sender.wait_more("sent", SOME)
            # Its frames go to its slot, in which nobody is.
            before = for_everybody()
            comes = start(mac=COMES, receive=True)
            assert sum(slot.incarnation for slot in bus.slots()) == sum(owned) + 1
            assert all(slot.alive for slot in bus.slots()), "it has taken the slot of the dead port"
            comes.wait_more("received", SOME)
            got = comes.report(TO_DEAD)
            own = stream(got, TO_DEAD)["frames"]
            stays.poll(lambda: for_everybody() - before >= own, "the frames that the successor got")
            assert got["port"]["imissed"] == got["port"]["ierrors"] == 0
            assert got["received"] == own and got["damaged"] == got["stale"] == 0
            comes.kill()
            comes.close(check=False)
            found.append((sent["sent"], own))
        # These first: what is for nobody goes to everybody then.
        last = start(mac=DIES, receive=True)
        to_dead, to_staying = (sender.finish()["sent"] for sender in senders)
        last.finish()
        end = stays.finish()
    told = stream(end, TO_STAYING)
    assert (told["first"], told["next"], told["frames"]) == (0, to_staying, to_staying)
    for number in range(times):
        told = stream(end, OF_DEAD + number)
        assert told["first"] == 0 and told["next"] == told["frames"] >= found[number][0]
    assert stream(end, TO_DEAD)["frames"] + xstat(end, "rx_skipped") == to_dead
    assert end["port"]["imissed"] == end["port"]["ierrors"] == end["damaged"] == end["stale"] == 0
    counts(f"{times} deaths; sent {to_dead} and {to_staying}, lost none; "
           f"successors received {[own for _, own in found]}")
