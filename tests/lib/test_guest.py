# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The virtual machine of guest.py: it boots, obeys, has its files and a network card."""

import guest
import process
import pytest
from guest import Guest

pytestmark = pytest.mark.skipif(guest.problem() is not None, reason=str(guest.problem()))


def test_guest(tmp_path):
    """Commands, their status and output; QEMU's own network, with its DHCP server."""
    card = ("-netdev", "user,id=n,restrict=on", "-device", "virtio-net-pci,netdev=n,mac=02:00:00:00:00:07")
    with Guest(tmp_path, *card, files={"/tools/hello": b"#!/bin/sh\necho hello $1; exit 3\n"}) as one:
        assert one.run("/tools/hello there", status=3) == "hello there\n"
        with pytest.raises(process.ProcessError, match="'false' ended with 1"):
            one.run("false")
        assert "02:00:00:00:00:07" in one.run("ip link show eth0")
        one.run("udhcpc -i eth0 -n -q -s /etc/udhcpc/default.script")
        assert "10.0.2.15/24" in one.run("ip -4 address show eth0")
        assert " 0% packet loss" in one.run("ping -c 1 -W 60 10.0.2.2")
        later = one.begin("sleep 0.1; echo done")
        assert one.finish(later) == "done\n"
        one.begin("poweroff -f")
        assert one.wait() == 0
