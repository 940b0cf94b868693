# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""One segment over two hosts, by Open vSwitch with DPDK and VXLAN: docs/hosts.rst."""

import contextlib
import os
import re

import netns
import ovs
import pytest
from netns import Netns, Tap, WebServer

PAUSE = ("options:rx-flow-ctrl=true", "options:tx-flow-ctrl=true")
BYTES = 1 << 20

pytestmark = [
    pytest.mark.skipif(ovs.problem() is not None, reason=str(ovs.problem())),
    pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem())),
]


def host(stack, folder, ns, number, bus):
    """A switch with a port on a bus and a VXLAN port to the other host."""
    os.mkdir(folder)
    ns.ip("link", "set", "eth0", "up")
    switch = stack.enter_context(ovs.Ovs(folder, ns))
    switch.vsctl("add-br", "br-phys", "--", "set", "bridge", "br-phys", "datapath_type=netdev",
                 "--", "add-port", "br-phys", "eth0")
    ns.ip("address", "add", f"192.0.2.{number}/24", "dev", "br-phys")
    ns.ip("link", "set", "br-phys", "mtu", 1600, "up")
    switch.vsctl("add-port", "br0", "vx0", "--", "set", "interface", "vx0", "type=vxlan",
                 f"options:remote_ip=192.0.2.{3 - number}", "options:key=42")
    switch.add_port("wire0", f"net_shmbus0,path={bus}", *PAUSE)
    return switch


def test_two_hosts(folder, counts):
    """TCP between kernels, whose checksums and segmentation their taps leave to Open vSwitch's ports."""
    with contextlib.ExitStack() as stack:
        one, two, alice, bob = (stack.enter_context(Netns()) for _ in range(4))
        one.ip("link", "add", "eth0", "mtu", 1600, "type", "veth", "peer", "name", "eth0", "mtu",
               1600, "netns", two.name)
        for number, (ns, app) in enumerate(((one, alice), (two, bob)), 1):
            bus = os.path.join(folder, f"bus{number}")
            host(stack, os.path.join(folder, f"host{number}"), ns, number, bus)
            stack.enter_context(Tap(bus, "-N", app.name, "-a", f"10.9.0.{number}/24"))
        out = alice.run("ping", "-c", 3, "-i", 0.2, "-W", 30, "10.9.0.2")
        assert " 0% packet loss" in out
        served = os.path.join(folder, "served")
        os.mkdir(served)
        content = os.urandom(BYTES)
        with open(os.path.join(served, "file"), "wb") as f:
            f.write(content)
        stack.enter_context(WebServer(served, wrapper=bob.argv()))
        fetched = os.path.join(folder, "fetched")
        alice.run("curl", "-sS", "-m", netns.LIMIT_S, "-o", fetched, "http://10.9.0.2:8080/file")
        with open(fetched, "rb") as f:
            assert f.read() == content
        again = int(re.search(r"TcpRetransSegs +(\d+)", bob.run("nstat", "-az")).group(1))
    counts(f"{BYTES} bytes of TCP over Open vSwitch and VXLAN, {again} segments sent again")
