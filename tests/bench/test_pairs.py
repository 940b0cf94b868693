# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""scripts/bench --switch counts all frames, on a hub, on a switch and on buses of their own."""

import json
import os
import subprocess

import builddir
import eal
import pytest
from apps import sanitizer_env


@pytest.mark.only_in_full
def test_pairs(folder):
    if sanitizer_env():
        pytest.skip("valgrind cannot run a program with sanitizers")
    path = os.path.join(folder, "pairs.json")
    found = subprocess.run(
        [os.path.join(eal.ROOT, "scripts", "bench"), "--switch", "--quick", "--json", path,
         "--builddir", builddir.folder()], text=True, check=False, capture_output=True, timeout=500)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "of own buses" in found.stdout
    with open(path, encoding="utf-8") as file:
        kinds = json.load(file)
    assert set(kinds) == {"hub", "switch", "buses"}
    assert all(len(kind["samples"]) == 1 and kind["mpps"] > 0 for kind in kinds.values())
    counts = {name: kind["instructions"] for name, kind in kinds.items()}
    if None in counts.values():
        pytest.skip("no valgrind")
    assert counts["buses"] < counts["switch"] < counts["hub"]
