# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Add up JUnit reports, as meson test and pytest write them: prints "passed failed skipped".

usage: junit_count.py REPORT.xml...

A line for each skipped test follows: its name, a tab, and the reason.

A report that is missing or cannot be read counts as one failure: its tests were not seen to pass.
"""

import re
import sys
import xml.etree.ElementTree as ET


def test_name(case):
    """The name of a test, with that of its file or program."""
    # pytest: tests.tool.test_tap, test_curl; meson: shmbus.shmbus:unit / wake, 7 - test_hugetlbfs
    group = re.split(r"\.| / ", case.get("classname", ""))[-1]
    return group + "::" + re.sub(r"^\d+ (- )?", "", case.get("name", ""))


def skip_reason(case):
    """Why a test was skipped: pytest's message, TAP's explanation, or a program's last line."""
    message = case.find("skipped").get("message")
    if not message:
        message = (case.findtext("system-out") or "").rstrip().rpartition("\n")[2]
    return " ".join(message.split()) or "no reason given"


def count(path):
    """(passed, failed, [(name, reason) of each skipped test])"""
    passed = failed = 0
    skips = []
    for case in ET.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skips.append((test_name(case), skip_reason(case)))
        else:
            passed += 1
    return passed, failed, skips


def main(paths):
    passed = failed = 0
    skips = []
    for path in paths:
        try:
            counts = count(path)
        except (OSError, ET.ParseError) as error:
            print("junit_count: %s: %s" % (path, error), file=sys.stderr)
            counts = (0, 1, [])
        passed += counts[0]
        failed += counts[1]
        skips += counts[2]
    print(passed, failed, len(skips))
    for skip in skips:
        print("\t".join(skip))


if __name__ == "__main__":
    main(sys.argv[1:])
