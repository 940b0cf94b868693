# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""examples/integration-test, as a user would run it, on testpmd and on DPDK's l2fwd."""

import os
import re
import shlex
import subprocess

import eal
import pytest
from apps import plugin, sanitizer_env
from tool import program

EXAMPLE = os.path.join(eal.ROOT, "examples", "integration-test")
LIMIT_S = 500


@pytest.fixture
def l2fwd():
    """The path of l2fwd; it is built if it is not there yet."""
    script = os.path.join(eal.ROOT, "scripts", "build-dpdk-examples")
    built = subprocess.run([script, "l2fwd"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=LIMIT_S, check=False)
    assert built.returncode == 0, f"{script} failed:\n{built.stderr}"
    return built.stdout.strip()


def run(*tests, **variables):
    """How many of the example's tests passed; none may fail."""
    wrapper = shlex.join(["env", *(f"{k}={v}" for k, v in sanitizer_env().items())])
    env = {**os.environ, "SHMBUS": program(), "SHMBUS_PLUGIN": plugin(), "WRAPPER": wrapper,
           "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "-p", "no:xdist", *tests], cwd=EXAMPLE, env=env, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout
    return int(re.search(r"(\d+) passed", done.stdout).group(1))


@pytest.mark.only_in_full  # docs/test_recipes.py runs the same
def test_testpmd():
    assert run() >= 3  # without root there is no tap


@pytest.mark.only_in_full
def test_l2fwd(l2fwd):
    assert run("test_forwarder.py", L2FWD=l2fwd) == 3
