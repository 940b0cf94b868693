# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The library beside the driver: what one sends the other receives, every frame, whole, in order.

A program on the library carries all frames from one bus to another; ports of the driver send at one
end and check at the other.
"""

import contextlib
import os
import re
import subprocess

import builddir
import pytest
from apps import LOSSLESS, checker, sanitizer_env, scaled
from checker import stream


@contextlib.contextmanager
def bridge(left, right, way):
    """Yields a function that ends the bridge and returns its counters."""
    env = {**os.environ, **sanitizer_env()}
    command = [builddir.program("tests", "library", "library-bridge"), left, right, way]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=env) as child:
        def finish():
            out, _ = child.communicate(timeout=60)
            assert child.returncode == 0
            found = re.fullmatch(r"received (\d+) missed (\d+) (\d+) corrupt (\d+) sent (\d+)\n",
                                 out)
            return dict(zip(("received", "missed", "told", "corrupt", "sent"),
                            map(int, found.groups())))
        try:
            assert child.stdout.readline() == "ready\n"
            yield finish
        finally:
            child.kill()


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
