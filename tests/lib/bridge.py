# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The program library-bridge, which carries all frames from one bus to another with libshmbus."""

import contextlib
import os
import re
import subprocess

import builddir
from apps import sanitizer_env


@contextlib.contextmanager
def bridge(left, right, way):
    """Yields a function that ends the bridge and returns its counters."""
    env = {**os.environ, **sanitizer_env()}
    command = [builddir.program("tests", "library", "library-bridge"), left, right, way]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=env) as child:
        def finish():
            out, _ = child.communicate(timeout=60)
            assert child.returncode == 0
            found = re.fullmatch(r"received (\d+) missed (\d+) (\d+) corrupt (\d+) sent (\d+)\n",
                                 out)
            return dict(zip(("received", "missed", "told", "corrupt", "sent"),
                            map(int, found.groups())))
        try:
            assert child.stdout.readline() == "ready\n"
            yield finish
        finally:
            child.kill()
