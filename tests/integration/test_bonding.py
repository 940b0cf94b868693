# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""DPDK's bonding driver above ports of two buses: each bus is a cable between two processes.

With carrier=peer both ends of a cable see its link. How long a fail-over takes is printed; it is no
reason to fail.
"""

import contextlib
import re
import time

import eal
import pytest
from apps import LOSSLESS, testpmd

MEMORY = eal.Memory("no-huge", 256)  # LACP has a pool of 8191 mbufs for each member
MEMBERS = (0, 1)
BOND = 2
# mode, whether LACP has queues of its own, and the members that send if all is well
MODES = [pytest.param(0, False, 2, id="round-robin"),
         pytest.param(1, False, 1, id="active-backup"),
         pytest.param(2, False, 2, id="balance"),
         pytest.param(4, False, 2, id="lacp"),
         pytest.param(4, True, 2, id="lacp-dedicated-queues"),
         pytest.param(5, False, 1, id="tlb"),
         pytest.param(6, False, 1, id="alb")]


@pytest.fixture
def buses(make_bus):
    return [make_bus(name, **LOSSLESS) for name in ("one", "two")]


def cables(buses):
    return [bus.vdev(i, carrier="peer") for i, bus in enumerate(buses)]


class Bond:
    """A testpmd whose first two ports are members of a bonded port, the third."""

    def __init__(self, pmd, mode, dedicated):
        self.pmd, self.mode = pmd, mode
        created = pmd.cmd(f"create bonded device {mode} 0")
        assert f"on (port {BOND})" in created
        for member in MEMBERS:
            pmd.cmd(f"add bonding slave {member} {BOND}")
        if mode == 1:
            pmd.cmd(f"set bonding primary 0 {BOND}")
        if mode in (2, 4):
            # testpmd's flows differ in their addresses of IP
            pmd.cmd(f"set bonding balance_xmit_policy {BOND} l34")
        if dedicated:
            enabled = pmd.cmd(f"set bonding lacp dedicated_queues {BOND} enable")
            assert "control packets enabled" in enabled
        self.start()
        pmd.cmd(f"set portlist {BOND}")

    def start(self):
        started = self.pmd.cmd(f"port start {BOND}")
        # bonding tells as an error that a rule was destroyed with "err (0)"
        assert "Done" in started and not re.search(r"err \((?!0\))|flow_set|flow_verify", started)

    def active(self):
        """The members that are in use."""
        found = re.search(r"Active Slaves \(\d+\): \[([\d ]*)\]",
                          self.pmd.cmd(f"show bonding config {BOND}"))
        return {int(member) for member in found.group(1).split()} if found else set()

    def is_agreed(self, members=MEMBERS):
        """Do these members collect and distribute, and their partners too, as far as LACP knows?"""
        info = self.pmd.cmd(f"show bonding lacp info {BOND}")
        for part in re.split(r"Slave Port: ", info)[1:]:
            states = re.findall(r"port state: (.*)", part)
            if int(part.split()[0]) in members and not all(
                    {"COLLECTING", "DISTRIBUTING"} <= set(state.split()) for state in states[:2]):
                return False
        return True

    def wait_ready(self, members=MEMBERS):
        """Wait until exactly these members are in use."""
        self.pmd.poll(lambda: self.active() == set(members), f"members {members}", 120)
        if self.mode == 4:
            self.pmd.poll(lambda: self.is_agreed(members), "LACP to collect and distribute", 120)

    def counts(self, what):
        return [self.pmd.port_stats(member)[what] for member in MEMBERS]


def begin(buses, stack, mode, dedicated):
    """Two processes with a bonded port each, ready; a sends and b receives."""
    # A bonded port of mode 5 sends by all members and receives by one: behind it is a switch, or a
    # port that receives by all.
    modes = (mode, 0 if mode == 5 else mode)
    a, b = [Bond(stack.enter_context(testpmd(*cables(buses), name=name, on=on, memory=MEMORY,
                                             mbufs=16384)), modes[on], dedicated)
            for on, name in enumerate("ab")]
    # Without queues of its own LACP sends when the application sends, and rxonly never does.
    b.pmd.set_fwd("flowgen" if mode == 4 and not dedicated else "rxonly")
    a.pmd.set_fwd("flowgen")
    for bond in (b, a):
        bond.pmd.start_fwd()
    for bond in (b, a):
        bond.wait_ready()
    return a, b


def wait_traffic(a, b, members):
    """These members, at least, carry frames from a to b."""
    before = b.counts("rx_packets")
    b.pmd.poll(lambda: all(b.counts("rx_packets")[m] > before[m] + 1000 for m in members),
               f"frames by members {members}", 120)
    assert a.active() >= set(members)


def assert_nothing_lost(a, b):
    """What a's members sent, b's members received."""
    a.pmd.stop_fwd()
    b.pmd.poll(lambda: b.counts("rx_packets") == a.counts("tx_packets"), "all frames to arrive")
    assert b.counts("rx_missed") == [0, 0]


@pytest.mark.parametrize("mode, dedicated, senders", MODES)
def test_modes(buses, counts, mode, dedicated, senders):
    """Each mode carries frames, by the members that it uses, and none is lost."""
    with contextlib.ExitStack() as stack:
        a, b = begin(buses, stack, mode, dedicated)
        if senders == 2:
            wait_traffic(a, b, MEMBERS)
        else:
            b.pmd.wait_port_stat(BOND, "rx_packets", 1000)
        if mode == 1:
            assert min(a.counts("tx_packets")) == 0
        assert_nothing_lost(a, b)
        received = b.counts("rx_packets")
    counts(f"mode {mode}: received by the members {received}")


@pytest.mark.parametrize("mode, dedicated", [p.values[:2] for p in MODES],
                         ids=[p.id for p in MODES])
def test_link_down(buses, counts, mode, dedicated):
    """The link of a member goes down at the other end: the other member carries all, and back."""
    with contextlib.ExitStack() as stack:
        a, b = begin(buses, stack, mode, dedicated)
        start = time.monotonic()
        b.pmd.cmd("set link-down port 0")
        a.pmd.poll(lambda: a.active() == {1}, "a to use the other member", 120, interval=0.01)
        took = time.monotonic() - start
        if mode == 4:
            b.wait_ready([1])
        wait_traffic(a, b, [1])
        b.pmd.cmd("set link-up port 0")
        for bond in (a, b):
            bond.wait_ready()
        if mode in (0, 1):
            # the primary is back
            wait_traffic(a, b, [0])
    counts(f"mode {mode}: fail-over in {took * 1000:.0f} ms after the link went down")


def test_killed(buses, counts):
    """kill -9 of the process behind the active member: the backup's peer receives."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(testpmd(bus.vdev(), name=f"peer{i}", on=1))
                 for i, bus in enumerate(buses)]
        for peer in peers:
            peer.set_fwd("rxonly")
            peer.start_fwd()
        a = Bond(stack.enter_context(testpmd(*cables(buses), name="a", memory=MEMORY,
                                             mbufs=16384)), 1, False)
        a.pmd.set_fwd("flowgen")
        a.pmd.start_fwd()
        a.wait_ready()
        peers[0].wait_port_stat(0, "rx_packets", 1000)
        assert peers[1].port_stats()["rx_packets"] == 0
        start = time.monotonic()
        peers[0].kill()
        peers[1].poll(lambda: peers[1].port_stats()["rx_packets"] > 0, "the backup's peer", 120,
                      interval=0.01)
        took = time.monotonic() - start
        assert a.active() == {1}
        a.pmd.stop_fwd()
        sent = a.counts("tx_packets")[1]
        peers[1].poll(lambda: peers[1].port_stats()["rx_packets"] == sent, "all frames to arrive")
    counts(f"fail-over in {took * 1000:.0f} ms after kill -9, {sent} frames by the backup")


@pytest.mark.parametrize("dedicated", [False, True], ids=["lacp", "lacp-dedicated-queues"])
def test_partner_comes_back(buses, counts, dedicated):
    """LACP's partner is killed: the bonded port has no link until a new process is the partner."""
    with contextlib.ExitStack() as stack:
        a, b = begin(buses, stack, 4, dedicated)
        start = time.monotonic()
        b.pmd.kill()
        a.pmd.poll(lambda: a.pmd.port_info(BOND)["link"] == "down", "no link", 120, interval=0.01)
        took = time.monotonic() - start
        b = Bond(stack.enter_context(testpmd(*cables(buses), name="again", on=1, memory=MEMORY,
                                             mbufs=16384)), 4, dedicated)
        b.pmd.set_fwd("flowgen")
        b.pmd.start_fwd()
        for bond in (a, b):
            bond.wait_ready()
        wait_traffic(a, b, MEMBERS)
        # The rule for LACP's queue is made anew at each start.
        b.pmd.stop_fwd()
        b.pmd.cmd(f"port stop {BOND}")
        b.start()
        b.pmd.start_fwd()
        for bond in (a, b):
            bond.wait_ready()
        wait_traffic(a, b, MEMBERS)
    counts(f"no link {took * 1000:.0f} ms after kill -9")
