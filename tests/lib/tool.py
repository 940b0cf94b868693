# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""How the tests run the command shmbus."""

import contextlib
import os
import pty
import re
import select
import subprocess
import time

import builddir

# Far more than anything takes that does not hang.
LIMIT_S = 120

COMMANDS = ("create", "info", "tap", "stream", "gateway", "top", "check", "bench", "dump", "replay")


def program():
    """The command of the build that is tested."""
    return builddir.program("app", "shmbus", "shmbus")


def shmbus(*args, status=0, text=True, **options):
    """Run it to its end, which must have this exit status; gives stdout, and stderr."""
    done = subprocess.run([program(), *map(str, args)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=text, check=False,
                          timeout=LIMIT_S, **options)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def start(*args, **options):
    """Start it and let it run: a subprocess.Popen with pipes for stdout and stderr."""
    return subprocess.Popen([program(), *map(str, args)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def read_until(fd, what):
    """A terminal's output up to these bytes, and what came with them."""
    found = b""
    limit = time.monotonic() + LIMIT_S
    while what not in found:
        ready = select.select([fd], [], [], max(0, limit - time.monotonic()))[0]
        assert ready, found
        found += os.read(fd, 4096)
    return found


def read_all(fd):
    """The rest of a terminal's output after its other end was closed."""
    found = b""
    with contextlib.suppress(OSError):  # that is how it ends
        while more := os.read(fd, 4096):
            found += more
    return found


@contextlib.contextmanager
def on_terminal(*args):
    """As start(), with stderr on a terminal: the process, and our end of that."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen([program(), *map(str, args)], stdout=subprocess.PIPE,
                              stderr=theirs) as process:
            os.close(theirs)
            try:
                yield process, ours
            finally:
                process.kill()
    finally:
        os.close(ours)


def help_options(command):
    """The long options that a subcommand's help shows."""
    out, _ = shmbus(command, "--help")
    return re.findall(r"^ .*?(--[a-z-]+)", out.partition("\noptions:\n")[2], re.MULTILINE)


def bridge_counters(log, name=r"\S+"):
    """The last counters that a bridge of this name (a pattern) has printed.

    From the device to the bus: frames, bytes, dropped; from the bus to it: the same, and missed.
    """
    to_bus = re.findall(rf"^{name} to bus: (\d+) frames, (\d+) bytes, (\d+) dropped$", log, re.M)
    from_bus = re.findall(rf"^bus to {name}: (\d+) frames, (\d+) bytes, (\d+) dropped, (\d+) missed$",
                          log, re.M)
    return tuple(map(int, to_bus[-1])), tuple(map(int, from_bus[-1]))
