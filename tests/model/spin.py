# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Run spin over a model: check(model, "NAME=VALUE NAME ...") -> Result."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
# Deeper than any of the searches goes.
DEPTH = 1000000
# Where a counterexample is expected; to clear the memory for a full search takes longer than to find it.
SHALLOW = ["-m100000", "-w20"]
MEGABYTES = 12000
LIMIT_S = 600
FLAGS = ["-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=4096", f"-DMEMLIM={MEGABYTES}"]

# errors     0, or 1: the search ends with the first one
# violated   the property that does not hold, by the name that it has in the model
# complete   all states that there are were seen
Result = namedtuple("Result", "errors violated complete states depth seconds output")


def _run(args, folder):
    return subprocess.run(args, cwd=folder, check=False, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S)


def _property(model, trail):
    """The name in the comment at the assertion that the trail ends with."""
    found = re.search(r"([\w.]+\.pml):(\d+), Error: assertion violated", trail)
    if not found:
        return None
    with open(os.path.join(HERE, found.group(1)), encoding="ascii") as source:
        lines = source.read().splitlines()
    # An assertion over several lines is named where it ends.
    for line in lines[int(found.group(2)) - 1:]:
        name = re.search(r"/\* ([\w ]+) \*/", line)
        if name:
            return name.group(1)
        if line.endswith(";"):
            break
    return f"{model}, line {found.group(2)}"


def _number(pattern, text, kind=int):
    found = re.search(pattern, text)
    return kind(found.group(1)) if found else 0


def check(model, bounds, standstill="stands still", whole=True):
    """Search all states of the model. Bounds: preprocessor definitions, separated by spaces.

    whole: expect many states
    """
    defines = ["-D" + name for name in bounds.split()]
    folder = tempfile.mkdtemp(prefix="shmbus-model-")
    try:
        name = model + ".pml"
        for file in os.listdir(HERE):
            if file.endswith(".pml"):
                shutil.copy(os.path.join(HERE, file), folder)
        made = _run(["spin", "-a", *defines, name], folder)
        if made.returncode != 0 or "Error" in made.stdout:
            raise AssertionError(f"spin -a {name}: {made.stdout}")
        made = _run(["gcc", "-O1" if whole else "-O0", *FLAGS, "-o", "pan", "pan.c"], folder)
        if made.returncode != 0:
            raise AssertionError(f"gcc: {made.stdout}")
        ran = _run(["./pan", *([f"-m{DEPTH}"] if whole else SHALLOW)], folder)
        out = ran.stdout
        found = re.search(r"errors: (\d+)", out)
        if ran.returncode != 0 or not found:
            raise AssertionError(f"pan of {model} {bounds}: {out}")
        errors = int(found.group(1))
        violated = None
        if re.search(r"pan:\d+: invalid end state", out):
            violated = standstill
        elif errors:
            violated = _property(model, _run(["spin", "-t", *defines, name], folder).stdout)
        return Result(
            errors, violated,
            not re.search(r"too small|truncated|out of memory|interrupted|not complet", out),
            _number(r"(\d+) states, stored", out), _number(r"depth reached (\d+)", out),
            _number(r"elapsed time ([\d.]+)", out, float), out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
