# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The library beside the driver: what one sends the other receives, every frame, whole, in order.

A program on the library carries all frames from one bus to another; ports of the driver send at one
end and check at the other.
"""

import contextlib

import pytest
from apps import LOSSLESS, checker, scaled
from bridge import bridge
from checker import stream


@pytest.mark.parametrize("form, way", [("lanes", "receive"), ("lanes", "peek"),
                                       ("shmif", "receive")])
def test_between_two_buses(make_bus, counts, form, way):
    """Driver, library, driver."""
    count = scaled(200_000 if form == "lanes" else 300, least=300)
    arguments = LOSSLESS if form == "lanes" else {"format": form, "lock_break_ms": 0}
    options = {"lengths": "14-9014", "mtu": 9000} if form == "lanes" else {"lengths": "14-1514"}
    left, right = make_bus("left", **arguments), make_bus("right", **arguments)
    with contextlib.ExitStack() as stack:
        # The bridge wants both to be there.
        rx = stack.enter_context(checker(right.vdev(), receive=True, on=0, **options))
        tx = stack.enter_context(checker(left.vdev(), send=True, on=1, id=7, count=count, wait=True,
                                         segments=8, **options))
        finish = stack.enter_context(bridge(left.path, right.path, way))
        tx.go()
        sent = tx.result()
        rx.wait_until(lambda r: r["received"] >= count, "all frames")
        carried = finish()
        got = rx.finish()
    assert sent["sent"] == count
    assert carried == {"received": count, "missed": 0, "told": 0, "corrupt": 0, "sent": count}
    assert got["received"] == count
    assert got["received_bytes"] == sent["sent_bytes"]
    s = stream(got, 7)
    assert (s["first"], s["next"], s["frames"]) == (0, count, count)
    counts(f"{count} frames through the library, {got['received_bytes']} bytes")
