# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A virtual machine on the bus, by QEMU's -netdev stream: ping, and TCP each way with its content."""

import os

import guest
import netns
import pytest
from frame_stream import Stream
from guest import Guest
from netns import Netns, Tap
from process import Process
from rounds import rounds
from tool import LIMIT_S

TRANSFER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tcp_transfer.py")
PROBLEM = guest.problem() or netns.problem()

pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))


@pytest.mark.long
def test_guest(folder, counts):
    """The host listens, and QEMU connects; also again after the guest has gone."""
    bus, sock = os.path.join(folder, "bus"), os.path.join(folder, "socket")
    length = rounds(100, 4) << 20
    card = ("-netdev", f"stream,id=n,addr.type=unix,addr.path={sock}",
            "-device", "virtio-net-pci,netdev=n,mac=02:00:00:00:00:02")
    with Netns() as ns, Tap(bus, "--netns", ns.name, "--address", "10.9.0.1/24"), \
            Stream(bus, sock, "--listen") as stream:
        for number in range(rounds(3, 1)):
            with Guest(folder, *card, memory=384) as vm:
                stream.wait_for(": connected\n", LIMIT_S)
                vm.run("ip address add 10.9.0.2/24 dev eth0 && ip link set eth0 up")
                assert " 0% packet loss" in vm.run("ping -c 3 -i 0.2 -W 60 10.9.0.1")
                assert " 0% packet loss" in ns.run("ping", "-c", 3, "-i", 0.2, "-W", 60, "10.9.0.2")
                to_guest(ns, vm, length)
                from_guest(ns, vm, length)
                told = stream.counters()
                assert told["from_bus"]["missed"] == 0
                # Only what the kernel sent while there was no guest.
                assert told["to_bus"]["dropped"] == 0 and told["from_bus"]["dropped"] <= 20 * (number + 1)
                vm.begin("poweroff -f")
                assert vm.wait(LIMIT_S) == 0
                stream.wait_for("the connection has ended", LIMIT_S)
    counts(f"{length} bytes over TCP each way, intact")


def to_guest(ns, vm, length):
    """The guest receives what was sent."""
    vm.run("nc -l -p 5001 | sha256sum >/tmp/sum &")
    vm.run("until netstat -lnt | grep -q :5001; do sleep 0.1; done")
    sent = ns.run("/usr/bin/python3", TRANSFER, "send", "10.9.0.2", length)
    assert vm.run("wait; cat /tmp/sum").split()[0] == sent.split()[1]


def from_guest(ns, vm, length):
    """The namespace receives what the guest sent."""
    with Process(ns.argv("/usr/bin/python3", TRANSFER, "receive", "10.9.0.1")) as receiver:
        receiver.wait_for("^listening", LIMIT_S)
        vm.run(f"head -c {length} /dev/urandom >/tmp/data")
        vm.run("nc 10.9.0.1 5001 </tmp/data")
        digest = vm.run("sha256sum /tmp/data; rm /tmp/data").split()[0]
        assert receiver.wait_for(r"^sha256 (\w+)\n", LIMIT_S).group(1) == digest
        receiver.wait()
