# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What an empty poll costs with idle peers on the bus: idle-poll in one process."""

import os
import subprocess

import eal
import machine
from throughput import align

PEERS = (0, 1, 8, 31)


def measure(program, plugin, cpu):
    """Nanoseconds per poll by number of peers, once."""
    found = subprocess.run(["taskset", "-c", str(cpu), program, plugin, *map(str, PEERS)],
                           check=True, stdout=subprocess.PIPE, text=True)
    return {int(peers): float(ns) for peers, ns in map(str.split, found.stdout.splitlines())}


def run(args, progress):
    """Alternates the builds; prints the medians, and returns all samples."""
    program = os.path.join(args.builddir, "tests", "bench", "idle-poll")
    builds = {"shmbus": eal.plugin_path()}
    if args.before:
        builds["before"] = os.path.abspath(args.before)
    samples = []
    for number in range(args.rounds):
        for build, plugin in builds.items():
            progress(f"round {number + 1} of {args.rounds}, {build}")
            samples += [{"build": build, "peers": peers, "ns": ns} for peers, ns in
                        measure(program, plugin, args.cpus[0]).items()]
    progress("")
    rows = [["idle peers", *(f"{build} ns" for build in builds)]]
    for peers in PEERS:
        rows.append([str(peers)] + [
            f"""{machine.median([s['ns'] for s in samples
                                 if (s['build'], s['peers']) == (build, peers)]):.1f}"""
            for build in builds])
    print(f"an empty poll, medians of {args.rounds} runs")
    print(align(rows))
    return samples
