# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""This build beside another one: they take turns, and a table shows the medians of both."""

import os

import machine
from throughput import align


def alternate(args, progress, own, measure):
    """Samples of this build, which is own, and of --before.

    measure(build) gives some samples, dicts; each gets the name of its build.
    """
    builds = {"shmbus": own}
    if args.before:
        builds["before"] = os.path.abspath(args.before)
    samples = []
    for number in range(args.rounds):
        for name, build in builds.items():
            progress(f"round {number + 1} of {args.rounds}, {name}")
            samples += [{"build": name, **sample} for sample in measure(build)]
    progress("")
    return samples


def print_medians(samples, key, value, head, unit, form):
    """A line for each value of key, a column for each build. form: how a median is written."""
    names = list(dict.fromkeys(s["build"] for s in samples))
    rows = [[head, *(f"{name} {unit}" for name in names)]]
    for case in dict.fromkeys(s[key] for s in samples):
        rows.append([str(case)] + [
            format(machine.median([s[value] for s in samples
                                   if (s["build"], s[key]) == (name, case)]), form)
            for name in names])
    print(align(rows))
