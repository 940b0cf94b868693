# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""scripts/demo: its steps; scripts/demo.py: frames, what the command shows of them, and losses."""

import contextlib
import glob
import os
import re
import signal
import subprocess
import time

import eal
import pytest
from apps import sanitize
from process import Process

LIMIT_S = 300

pytestmark = pytest.mark.skipif(sanitize(), reason="it loads the plugin as it was built for users")


def run(*args):
    return subprocess.run(["/usr/bin/python3", os.path.join(eal.ROOT, "scripts", "demo.py"), *args],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=LIMIT_S)


def test_demo():
    done = run("--seconds", "1")
    assert done.returncode == 0, done.stdout
    out = done.stdout
    sent, received = map(int, re.search(r"^64 B: sent (\d+), received (\d+), ", out, re.M).groups())
    assert received > 0
    assert ("frames were missed" in out) == (sent != received)
    assert re.search(r"^\$ shmbus top --once .*\n.*: lanes, 2 ports, ", out, re.M)
    assert re.search(r"^ +\d+  net_shmbus_rx .*\n +\d+  net_shmbus_tx ", out, re.M)
    assert len(re.findall(r"^.* ethertype 0x0800, length 64$", out, re.M)) == 3
    assert "shmbus dump: 3 frames captured" in out


def receiver_of(pid):
    """The process of the receiver that belongs to a demo."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            with open(path, "rb") as f:
                argv = f.read().split(b"\0")
            if argv[0].endswith(b"dpdk-testpmd") and f"receiver-{pid}-0".encode() in argv:
                return int(path.split("/")[2])
    return None


def test_losses_are_explained():
    """The last line says why frames are missing, and what to set."""
    with Process(["/usr/bin/python3", os.path.join(eal.ROOT, "scripts", "demo.py"), "--seconds", "3",
                  "--pause-timeout-ms", "50"]) as demo:
        demo.wait_for(r"^ +1 s ", timeout=LIMIT_S)
        receiver = receiver_of(demo.pid)
        os.kill(receiver, signal.SIGSTOP)
        time.sleep(1.0)  # many times what the sender waits for
        os.kill(receiver, signal.SIGCONT)
        assert demo.wait(LIMIT_S) == 0
        last = demo.log.rstrip().splitlines()[-1]
    assert re.fullmatch(r"\d+ frames were missed: .* over pause_timeout_ms \(50 ms\).*"
                        r" --pause-timeout-ms 500 .*", last.rstrip("\r")), last
