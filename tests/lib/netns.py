# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Network namespaces, and taps that join them to a bus."""

import itertools
import os
import subprocess

import pytest
import tool
from process import Process

LIMIT_S = 120

_serial = itertools.count()


def problem():
    """Why there can be no taps here, or None."""
    if os.getuid() != 0:
        return "only root makes network namespaces"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    return None


class Netns:
    """A network namespace of the test's own."""

    def __init__(self):
        self.name = f"shmbus-{os.getpid()}-{next(_serial)}"

    def __enter__(self):
        made = subprocess.run(["ip", "netns", "add", self.name], stderr=subprocess.PIPE, text=True,
                              check=False, timeout=LIMIT_S)
        if made.returncode != 0:
            pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
        self.ip("link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], check=True, timeout=LIMIT_S)

    def argv(self, *command):
        """What runs a command in it."""
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command, status=0):
        """Run a command in it to its end; its output."""
        done = subprocess.run(self.argv(*command), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=LIMIT_S)
        assert done.returncode == status, (command, done.returncode, done.stdout)
        return done.stdout

    def ip(self, *command):
        return self.run("ip", *command)

    def has_vlans(self):
        """Does this kernel know them?"""
        made = subprocess.run(self.argv("ip", "link", "add", "link", "lo", "name", "probe", "type",
                                        "vlan", "id", "1"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=LIMIT_S)
        if made.returncode == 0:
            self.ip("link", "del", "probe")
        return made.returncode == 0


class Tap(Process):
    """shmbus tap, ready."""

    def __init__(self, path, *options, **kwargs):
        super().__init__([tool.program(), "tap", str(path), *map(str, options)], name="tap",
                         **kwargs)

    def start(self):
        super().start()
        self.device = self.wait_for(r"^(\S+) (up|down) on ", LIMIT_S).group(1)
        return self
