# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What scripts/test prints at its end: a skip keeps its reason from the program to the table."""

import os
import subprocess
import sys

import eal
import junit_count
import skip_table

CMOCKA_TAP = os.path.join(eal.ROOT, "tests", "lib", "cmocka-tap")

# As mtest.py of meson 1.0 writes them.
MESON = """<testsuites><testsuite name="shmbus.shmbus:unit / wake">
<testcase name="1 - test_bell" classname="shmbus.shmbus:unit / wake" />
<testcase name="2 - test_hugetlbfs" classname="shmbus.shmbus:unit / wake"><skipped />
<system-out>no huge pages</system-out></testcase>
<testcase name="3 - test_ring" classname="shmbus.shmbus:unit / wake"><failure /></testcase>
</testsuite><testsuite name="shmbus">
<testcase name="other" classname="shmbus" time="0.1"><skipped />
<system-out>trying
not today
</system-out></testcase>
<testcase name="silent" classname="shmbus" time="0.1"><skipped /></testcase>
</testsuite></testsuites>
"""
PYTEST = """<testsuites><testsuite name="pytest" skipped="1">
<testcase classname="tests.tool.test_tap" name="test_curl" time="1.0" />
<testcase classname="tests.tool.test_tap" name="test_vlans" time="0.1">
<skipped type="pytest.skip" message="the kernel has&#10;no VLANs">/tests/tool/test_tap.py:147: the kernel has no VLANs</skipped></testcase>
</testsuite></testsuites>
"""


def run(command, status=0, text=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=False,
                          timeout=60)
    assert done.returncode == status, done.stdout
    return done.stdout


def count(tmp_path, *reports):
    paths = []
    for n, report in enumerate(reports):
        path = tmp_path / f"{n}.xml"
        path.write_text(report)
        paths.append(str(path))
    return run([sys.executable, junit_count.__file__, *paths]).splitlines()


def test_reports(tmp_path):
    assert count(tmp_path, MESON, PYTEST) == [
        "2 1 4",
        "wake::test_hugetlbfs\tno huge pages",
        "shmbus::other\tnot today",
        "shmbus::silent\tno reason given",
        "test_tap::test_vlans\tthe kernel has no VLANs",
    ]


def test_unreadable_report(tmp_path):
    assert count(tmp_path, "<testsuites>", PYTEST)[0] == "1 1 1"


def test_table():
    lines = ["gcc\ta::one\tno VLANs\n", "asan\ta::one\tno VLANs\n"]
    lines += [f"gcc\tb::{n}\tno spin\n" for n in range(5)]
    assert list(skip_table.table(lines)) == [
        "5 skipped in gcc: no spin: b::0, b::1, b::2 and 2 more",
        "2 skipped in gcc, asan: no VLANs: a::one",
    ]


def test_nothing_skipped():
    assert run([sys.executable, skip_table.__file__], text="") == ""


def test_reason_of_cmocka(tmp_path):
    """cmocka 1.1 writes `not ok` and no reason for a test that was skipped."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\ncat <<EOF\n1..3\nok 1 - test_bell\n# skipped: no huge pages\n"
                       "not ok 2 # SKIP test_hugetlbfs\nnot ok 3 # SKIP test_silent\nEOF\n")
    program.chmod(0o755)
    assert run([CMOCKA_TAP, str(program)]).split("\n")[:5] == [
        "1..3", "ok 1 - test_bell", "# skipped: no huge pages",
        "ok 2 - test_hugetlbfs # SKIP no huge pages", "ok 3 - test_silent # SKIP "]
