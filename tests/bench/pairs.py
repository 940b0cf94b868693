# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What a port pays for the frames of others: pairs of ports on a hub, on a switch, on own buses."""

import json
import os
import re
import shutil
import subprocess
import sys

import builds
import eal
import machine

KINDS = ("hub", "switch", "buses")
ABOUT = {"hub": "all pairs on one bus, which is a hub",
         "switch": "all pairs on one bus, which is a switch",
         "buses": "each pair on a bus of its own"}
PAIRS, LENGTH = 4, 512
COUNTED_ROUNDS = 100
# The function of pairs.c whose instructions count. fair-sched: each thread gets its turn.
CALLGRIND = ("valgrind", "--tool=callgrind", "--fair-sched=yes", "--toggle-collect=exchange",
             "--callgrind-out-file=/dev/null")


def _run(program, kind, rounds, prefix=()):
    command = [*prefix, program, eal.plugin_path(), kind, str(PAIRS), str(LENGTH),
               str(rounds)]
    found = subprocess.run(command, text=True, check=False, capture_output=True)
    if found.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: {found.stderr[-2000:]}")
    frames, ns = map(int, found.stdout.split())
    return frames, ns, found.stderr


def rate(program, kind, rounds):
    """Delivered frames per second, in millions."""
    frames, ns, _ = _run(program, kind, rounds)
    return frames * 1000 / ns


def instructions(program, kind):
    """Instructions for each delivered frame, of sender and receiver together; None: no valgrind."""
    if shutil.which("valgrind") is None:
        return None
    frames, _, said = _run(program, kind, COUNTED_ROUNDS, CALLGRIND)
    return int(re.search(r"Collected : (\d+)", said).group(1)) / frames


def measure(builddir, rounds, samples):
    """The medians of the rates, and the instructions, by kind. The kinds take turns."""
    program = os.path.join(builddir, "tests", "bench", "pairs")
    rates = {kind: [] for kind in KINDS}
    for _ in range(samples):
        for kind in KINDS:
            rates[kind].append(rate(program, kind, rounds))
    counted = {kind: instructions(program, kind) for kind in KINDS}
    return {kind: {"mpps": machine.median(rates[kind]), "samples": rates[kind],
                   "instructions": counted[kind]} for kind in KINDS}


def table(found):
    best = found["buses"]["mpps"]
    lines = [f"{2 * PAIRS} ports, {PAIRS} pairs, frames of {LENGTH} B, one thread",
             "", "| bus | Mpps in all | of own buses | instructions per frame |", "|---|---|---|---|"]
    for kind in KINDS:
        count = found[kind]["instructions"]
        lines.append(f"| {ABOUT[kind]} | {found[kind]['mpps']:.2f} "
                     f"| {found[kind]['mpps'] / best:.2f} "
                     f"| {'-' if count is None else f'{count:.0f}'} |")
    return "\n".join(lines)


def first(args, progress):
    """Frames of the first 10 ms, by length; prints the medians, and returns all samples."""
    program = os.path.join(args.builddir, "tests", "bench", "pairs")

    def measure(plugin):
        for length in (64, 1514):
            found = subprocess.run([program, plugin, "buses", "1", str(length), "0"], text=True,
                                   check=True, stdout=subprocess.PIPE)
            yield {"frame_size": length, "frames": int(found.stdout.split()[0])}

    samples = builds.alternate(args, progress, eal.plugin_path(), measure)
    print(f"the first 10 ms of two ports, in one thread, medians of {args.rounds} runs")
    builds.print_medians(samples, "frame_size", "frames", "frame size", "frames", ".0f")
    return samples


def main(args):
    found = measure(args.builddir, 200 if args.quick else 20000, args.rounds)
    print(table(found))
    if args.json:
        os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
