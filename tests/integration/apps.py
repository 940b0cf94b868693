# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The programs that the tests start, with what they all have in common.

Environment:
  SHMBUS_LONG=1       all frames and rounds, see rounds.py
  SHMBUS_FRAMES=N     how many frames the content tests send (10000000 with SHMBUS_LONG=1)
  SHMBUS_SANITIZE=1   fewer frames and rounds; set by itself where the plugin was built with
                      sanitizers, whose run-time library then goes into every program
  shmbus_builddir     the build folder
"""

import functools
import os
import subprocess

import eal
from busfile import FOREVER
from checker import Checker
from checker import program_path as checker_path
from process import ProcessError
from rounds import rounds
from testpmd import Testpmd

SMALL = eal.Memory("no-huge", 64)

# A port on a bus that loses nothing, however long the machine stands still.
LOSSLESS = {"pause_timeout_ms": FOREVER}


@functools.lru_cache(maxsize=None)
def plugin():
    """The plugin to load with -d."""
    path = eal.plugin_path()
    if path is None:
        raise ProcessError("the net_shmbus plugin is not built: run scripts/setup")
    return path


@functools.lru_cache(maxsize=None)
def _sanitizer_env():
    script = f'. "{eal.ROOT}/scripts/lib.sh"; shmbus_sanitizer_env'
    found = subprocess.run(["bash", "-c", script, "test"], stdout=subprocess.PIPE, text=True,
                           check=True, timeout=60)
    return dict(line.split("=", 1) for line in found.stdout.splitlines())


def sanitizer_env():
    """What a program needs in its environment to load the plugin of a sanitizer build."""
    return dict(_sanitizer_env())


def preloaded(library):
    """The environment of a process with this library of tests/integration in front."""
    path = os.path.join(os.path.dirname(checker_path()), f"lib{library}.so")
    assert os.path.exists(path)
    return {"LD_PRELOAD": ":".join(filter(None, [sanitizer_env().get("LD_PRELOAD"), path]))}


def sanitize():
    """Is this a run with sanitizers?"""
    return bool(sanitizer_env()) or os.environ.get("SHMBUS_SANITIZE", "") not in ("", "0")


def scaled(number, least=1):
    """A number of frames or rounds: all with SHMBUS_LONG=1, less otherwise and with sanitizers."""
    return max(number // (rounds(20, 40) if sanitize() else rounds(1, 5)), least)


def content_frames():
    """How many frames the big content tests send."""
    return int(os.environ.get("SHMBUS_FRAMES") or scaled(10_000_000))


def _common(kwargs):
    kwargs.setdefault("plugins", [plugin()])
    kwargs["env"] = {**sanitizer_env(), **kwargs.get("env", {})}
    return kwargs


@functools.lru_cache(maxsize=None)
def cpus():
    """The CPUs to use; tests that run beside each other begin with different ones."""
    every = eal.allowed_cpus()
    first = 2 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % len(every)
    return every[first:] + every[:first]


def cpu(n):
    """The n-th CPU, counted round and round where there are not so many."""
    return cpus()[n % len(cpus())]


def testpmd(*vdevs, on=0, **kwargs):
    """Stock testpmd with these devices, on the n-th CPU."""
    kwargs.setdefault("memory", SMALL)
    kwargs.setdefault("mbufs", 4096)
    kwargs.setdefault("lcores", eal.core_map(cpu(on)))
    return Testpmd(list(vdevs), **_common(kwargs))


testpmd.__test__ = False  # whatever pytest thinks of the name


def checker(vdev, on=0, **kwargs):
    """dpdk-checker, on the n-th CPU."""
    return Checker(vdev, cpu=cpu(on), **_common(kwargs))


def receives_exactly(pmd, port, frames):
    """Wait until the port has received so many frames and no more come; its counters."""
    pmd.wait_port_stat(port, "rx_packets", frames)
    stats = pmd.wait_stable(port)
    if stats["rx_packets"] != frames:
        pmd.fail(f"port {port}: {frames} frames expected, {stats['rx_packets']} received")
    return stats
