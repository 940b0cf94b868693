# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""How the tests run the command shmbus."""

import os
import re
import subprocess

import eal

# Far more than anything takes that does not hang.
LIMIT_S = 120

COMMANDS = ("create", "info", "tap", "top", "check", "bench", "dump", "replay")


def program():
    """The command of the build that is tested."""
    build = os.environ.get("SHMBUS_BUILDDIR", os.path.join(eal.ROOT, "build"))
    return os.path.abspath(os.path.join(build, "app", "shmbus", "shmbus"))


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


def help_options(command):
    """The long options that a subcommand's help shows."""
    out, _ = shmbus(command, "--help")
    return re.findall(r"^ .*?(--[a-z-]+)", out.partition("\noptions:\n")[2], re.MULTILINE)
