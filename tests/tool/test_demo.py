# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""scripts/demo.py: frames, and what the command shows of them."""

import os
import re
import subprocess

import eal
import pytest
from apps import sanitize

LIMIT_S = 300

pytestmark = pytest.mark.skipif(sanitize(), reason="it loads the plugin as it was built for users")


def test_demo():
    done = subprocess.run(["/usr/bin/python3", os.path.join(eal.ROOT, "scripts", "demo.py"),
                           "--seconds", "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout
    out = done.stdout
    assert int(re.search(r"^64 B: sent \d+, received (\d+), ", out, re.M).group(1)) > 0
    assert re.search(r"^\$ shmbus top --once .*\n.*: lanes, 2 ports, ", out, re.M)
    assert len(re.findall(r"^.* ethertype 0x0800, length 64$", out, re.M)) == 3
    assert "shmbus dump: 3 frames captured" in out
