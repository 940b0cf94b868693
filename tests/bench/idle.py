# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What an empty poll costs with idle peers on the bus: idle-poll in one process."""

import os
import subprocess

import builds
import eal

PEERS = (0, 1, 8, 31)


def measure(program, plugin, cpu):
    """Nanoseconds per poll, for each number of peers once."""
    found = subprocess.run(["taskset", "-c", str(cpu), program, plugin, *map(str, PEERS)],
                           check=True, stdout=subprocess.PIPE, text=True)
    return [{"peers": int(peers), "ns": float(ns)}
            for peers, ns in map(str.split, found.stdout.splitlines())]


def run(args, progress):
    """Prints the medians, and returns all samples."""
    program = os.path.join(args.builddir, "tests", "bench", "idle-poll")
    samples = builds.alternate(args, progress, eal.plugin_path(),
                               lambda plugin: measure(program, plugin, args.cpus[0]))
    print(f"an empty poll, medians of {args.rounds} runs")
    builds.print_medians(samples, "peers", "ns", "idle peers", "ns", ".1f")
    return samples
