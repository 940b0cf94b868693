# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus-vhost, as the tests start it."""

import re
import signal

import builddir
import tool
from process import Process

LIMIT_S = 120


def program():
    """The program of the build that is tested."""
    return builddir.program("app", "shmbus-vhost", "shmbus-vhost")


def problem():
    """Why the program cannot be tested, or None."""
    try:
        program()
    except FileNotFoundError:
        return "shmbus-vhost is not built: DPDK's vhost library was not found"
    return None


def counters(text, socket):
    """The last counters of a socket: {"to_bus": (frames, bytes, dropped), "to_guest": (..., missed)}."""
    to_bus, to_guest = tool.bridge_counters(text, re.escape(socket))
    return {"to_bus": to_bus, "to_guest": to_guest}


class Vhost(Process):
    """shmbus-vhost, ready: it waits for guests on these sockets.

    eal  words in front of "--"; none: the program's own
    """

    def __init__(self, path, *sockets, options=(), eal=(), name="vhost", **kwargs):
        self.sockets = sockets
        argv = [program(), *(map(str, (*eal, "--")) if eal else ()), str(path)]
        for socket in sockets:
            argv += ["--socket", str(socket)]
        super().__init__(argv + list(map(str, options)), name=name, **kwargs)

    def start(self):
        super().start()
        for socket in self.sockets:
            self.wait_for(rf"^{re.escape(socket)} waits for a guest, ", LIMIT_S)
        return self

    def wait_guest(self, socket=None, since=0):
        """Wait until a guest is there; the line that says so."""
        name = re.escape(socket or self.sockets[0])
        return self.wait_for(rf"^{name}: the guest is there, .*$", LIMIT_S, since).group(0)

    def wait_gone(self, socket=None, since=0):
        name = re.escape(socket or self.sockets[0])
        self.wait_for(rf"^{name}: the guest is gone$", LIMIT_S, since)

    def counters(self, socket=None):
        """What it counts at the moment."""
        name = socket or self.sockets[0]
        since = self.mark()
        self.signal(signal.SIGUSR1)
        self.wait_for(rf"^bus to {re.escape(name)}: .* missed$", LIMIT_S, since)
        return counters(self.log[since:], name)
