# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Network namespaces, taps that join them to a bus, and a web server for one."""

import ctypes
import functools
import itertools
import os
import socket
import subprocess

import pytest
import tool
from process import Exited, Process

LIMIT_S = 120

CLONE_NEWNET = 0x40000000

_serial = itertools.count()


def problem():
    """Why there can be no taps here, or None."""
    if os.getuid() != 0:
        return "only root makes network namespaces"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    return None


@functools.cache
def problem_of_users():
    """Why no user namespace can be made here, by passt or by an ordinary user, or None."""
    made = subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True, text=True)
    return made.stderr.strip() or None if made.returncode else None


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

    def packet_socket(self, device):
        """A socket of this process that sends whole frames through a device in it."""
        def enter(fd):
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter the namespace {self.name}")

        with open(f"/run/netns/{self.name}", "rb") as there, \
                open("/proc/thread-self/ns/net", "rb") as here:
            enter(there.fileno())
            try:
                found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                found.bind((device, 0))
            finally:
                enter(here.fileno())
        return found

    def _makes(self, *device):
        """Does this kernel know such devices?"""
        made = subprocess.run(self.argv("ip", "link", "add", *device), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=LIMIT_S)
        if made.returncode == 0:
            self.ip("link", "del", "probe")
        return made.returncode == 0

    def has_vlans(self):
        return self._makes("link", "lo", "name", "probe", "type", "vlan", "id", "1")

    def has_bridges(self):
        return self._makes("name", "probe", "type", "bridge")

    def silence(self):
        """From now on the kernel sends nothing of its own accord: no IPv6."""
        for device in ("all", "default"):
            path = f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6"
            self.run("sh", "-c", f"test ! -e {path} || echo 1 >{path}")


class UserNetns:
    """A network namespace that an ordinary user has made: as root in it, and nobody outside.

    wrapper: commands in front that make the user an ordinary one, where the tests run as root.
    inside: another UserNetns, for a namespace of its user.
    """

    HOLD = "echo held; exec sleep infinity"

    def __init__(self, wrapper=(), inside=None):
        self._wrapper = inside._wrapper if inside else [*wrapper]
        make = ["--net"] if inside else ["--map-root-user", "--net"]
        self._holder = Process(["unshare", *make, "sh", "-c", self.HOLD], name="namespace",
                               wrapper=inside.argv() if inside else self._wrapper)

    def __enter__(self):
        self._holder.start()
        try:
            self._holder.wait_for("^held", LIMIT_S)
        except Exited:
            reason = self._holder.log.strip()
            self._holder.close(check=False)
            pytest.skip(f"an ordinary user makes no namespaces here: {reason}")
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        self._holder.kill()
        self._holder.close()

    @property
    def pid(self):
        """A process in it."""
        return self._holder.pid

    def argv(self, *command):
        """What runs a command in it."""
        return [*self._wrapper, "nsenter", f"--target={self._holder.pid}", "--user", "--net",
                "--preserve-credentials", *map(str, command)]

    def run(self, *command, status=0):
        """Run a command in it to its end; its output."""
        done = subprocess.run(self.argv(*command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        assert done.returncode == status, (command, done.returncode, done.stdout)
        return done.stdout


class Tap(Process):
    """shmbus tap, ready."""

    def __init__(self, path, *options, program=None, **kwargs):
        super().__init__([program or tool.program(), "tap", str(path), *map(str, options)], name="tap",
                         **kwargs)

    def start(self):
        super().start()
        ready = self.wait_for(r"^(\S+) (up|down) on .*, MAC (\S+), .*\n", LIMIT_S)
        self.device, self.mac = ready.group(1), ready.group(3)
        return self


class WebServer(Process):
    """Python's web server, ready: the files of a folder."""

    PORT = 8080

    def __init__(self, folder, *options, **kwargs):
        super().__init__(["/usr/bin/python3", "-u", "-m", "http.server", "-d", folder, *options,
                          str(self.PORT)], name="web", **kwargs)

    def start(self):
        super().start()
        self.wait_for("^Serving HTTP", LIMIT_S)
        return self
