# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""List skipped tests by reason: one line for each reason, with its stages and its tests.

usage: skip_table.py <LINES

Each line of stdin is a stage, a test and a reason, separated by tabs.
"""

import sys

# How many tests a line names.
NAMED = 3


def table(lines):
    """The lines to print, the most frequent reason first."""
    reasons = {}
    for line in lines:
        stage, test, reason = line.rstrip("\n").split("\t")
        reasons.setdefault(reason, []).append((stage, test))
    for reason, found in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])):
        # dict.fromkeys: without repetitions, in order
        stages = dict.fromkeys(stage for stage, _ in found)
        tests = list(dict.fromkeys(test for _, test in found))
        names = ", ".join(tests[:NAMED])
        if len(tests) > NAMED:
            names += f" and {len(tests) - NAMED} more"
        yield f"{len(found)} skipped in {', '.join(stages)}: {reason}: {names}"


if __name__ == "__main__":
    for text in table(sys.stdin):
        print(text)
