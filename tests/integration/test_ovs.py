# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Ports of Open vSwitch with DPDK, between two buses: docs/ovs.rst."""

import signal

import ovs
import pytest
from apps import LOSSLESS, checker, scaled
from busfile import Bus
from process import poll

PAUSE = ("options:rx-flow-ctrl=true", "options:tx-flow-ctrl=true")
NOTICE = r"net_shmbus{}: the application has switched pause \(flow control\) off: "

pytestmark = pytest.mark.skipif(ovs.problem() is not None, reason=str(ovs.problem()))


@pytest.fixture
def switch(folder):
    with ovs.Ovs(folder) as found:
        yield found


def between(one, two, frames, number=0):
    """Frames go from one bus to the other, whole, in their order, and none is lost."""
    with checker(two.vdev(9), receive=True) as rx, \
            checker(one.vdev(9), send=True, on=1, count=frames, id=number) as tx:
        assert tx.result()["sent"] == frames
        got = rx.finish()
    assert got["received"] == frames and got["missing"] == got["stale"] == got["damaged"] == 0


def slots(bus):
    """The states of the bus's ports: alive or dead."""
    return ["dead" if slot.dead else "alive" for slot in bus.slots() if slot.attached]


def test_ports(switch, folder, counts):
    buses = [Bus(f"{folder}/{name}", **LOSSLESS) for name in ("one", "two", "lossy")]
    one, two, lossy = buses
    frames = scaled(100_000)
    for i, bus in enumerate((one, two)):
        switch.add_port(f"port{i}", bus.vdev(i, unlink="on"), *PAUSE)
    switch.forward(1, 2)
    between(one, two, frames)
    assert "pause (flow control)" not in switch.switch.log
    # Without the two options the driver says what that means, once.
    switch.add_port("port2", lossy.vdev(2, unlink="on"))
    switch.switch.wait_for(NOTICE.format(2))
    switch.vsctl("del-port", "port2")
    poll(lambda: not lossy.exists(), "the bus to be removed with its last port")
    for number in range(3):
        switch.vsctl("del-port", "port0")
        poll(lambda: not one.exists(), "the bus to be removed with its last port")
        switch.add_port("port0", one.vdev(0, unlink="on"), *PAUSE, "ofport_request=1")
        between(one, two, 1000, number)
    restart(switch, signal.SIGKILL, one, two)
    restart(switch, signal.SIGTERM, one, two)
    counts(f"{frames} frames through Open vSwitch, none lost; 3 times removed and added; killed; ended")


def restart(switch, how, one, two):
    """Neither end removes the bus: the next switch takes over the slots of the dead ports."""
    switch.switch.signal(how)
    switch.switch.wait(60)
    switch.switch.close(check=False)
    assert slots(one) == slots(two) == ["dead"]
    switch.start()
    poll(lambda: slots(one) == slots(two) == ["alive"], "the ports to come back")
    switch.forward(1, 2)
    between(one, two, 1000)
