# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Programs of the host through the application: ping and scapy, from one network namespace to another."""

import contextlib
import os
import subprocess
import sys

import pytest
from conftest import LIMIT_S, MACS, SHMBUS

pytestmark = pytest.mark.skipif(os.getuid() != 0 or not os.path.exists("/dev/net/tun"),
                                reason="tap devices need root and /dev/net/tun")


@contextlib.contextmanager
def host(name, bus, address, mac):
    """A network namespace with an address on a bus."""
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=LIMIT_S)
    try:
        with subprocess.Popen([SHMBUS, "tap", bus.path, "--netns", name, "--address", address,
                               "--mac", mac], stdout=subprocess.PIPE, text=True) as tap:
            try:
                assert " up on " in tap.stdout.readline()
                yield
            finally:
                tap.terminate()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, timeout=LIMIT_S)


@pytest.fixture
def hosts(left, right):
    """The names of two namespaces with the forwarder between them. Their MAC addresses are those
    that the forwarder sends to."""
    one, two = f"left-{os.getpid()}", f"right-{os.getpid()}"
    with host(one, left, "10.0.0.1/24", "02:00:00:00:00:00"), \
            host(two, right, "10.0.0.2/24", "02:00:00:00:00:01"):
        yield one, two


def run(name, *command):
    subprocess.run(["ip", "netns", "exec", name, *command], check=True, timeout=LIMIT_S)


@pytest.mark.usefixtures("forwarder")
def test_ping(hosts, right):
    run(hosts[0], "ping", "-c", "3", "-i", "0.2", "-W", "30", "10.0.0.2")
    assert len(right.frames("icmp")) == 6  # three requests, three replies


@pytest.mark.usefixtures("forwarder")
def test_scapy(hosts, right):
    """A frame that scapy makes, and the answer to it."""
    run(hosts[0], sys.executable, "-c", f"""
from scapy.all import ICMP, IP, Ether, srp1
request = Ether(dst="{MACS[0]}") / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(id=7) / b"hello"
reply = srp1(request, iface="tap0", filter="icmp", timeout=30)
assert reply[IP].src == "10.0.0.2" and reply[ICMP].load == b"hello"
""")
    assert len(right.frames("icmp[4:2] == 7")) == 2
