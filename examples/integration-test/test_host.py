# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Programs of the host through the application: ping, from one network namespace to another."""

import contextlib
import os
import subprocess

import pytest
from conftest import LIMIT_S, SHMBUS

pytestmark = pytest.mark.skipif(os.getuid() != 0 or not os.path.exists("/dev/net/tun"),
                                reason="taps want root and /dev/net/tun")


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


@pytest.mark.usefixtures("forwarder")
def test_ping(left, right):
    # The forwarder sends to these addresses, whatever is asked for.
    one, two = f"left-{os.getpid()}", f"right-{os.getpid()}"
    with host(one, left, "10.0.0.1/24", "02:00:00:00:00:00"), \
            host(two, right, "10.0.0.2/24", "02:00:00:00:00:01"):
        subprocess.run(["ip", "netns", "exec", one, "ping", "-c", "3", "-i", "0.2", "-W", "30",
                        "10.0.0.2"], check=True, timeout=LIMIT_S)
    assert len(right.frames("icmp")) == 6  # three requests, three replies
