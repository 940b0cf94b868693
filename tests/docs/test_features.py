# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The table that compares drivers says of ours what the driver's feature file says."""

import configparser
import os
import re

import eal

NICS = os.path.join(eal.ROOT, "docs", "nics")


def claimed():
    """The features of shmbus.ini: {name: "Y" or "P"}."""
    ini = configparser.ConfigParser(comment_prefixes=(";",))
    ini.optionxform = str
    ini.read(os.path.join(NICS, "features", "shmbus.ini"))
    return dict(ini["Features"])


def compared():
    """The rows of comparison.rst: [[feature, ours, memif, ...], ...], the heading first."""
    with open(os.path.join(NICS, "comparison.rst"), encoding="utf-8") as f:
        rows = re.split(r"^   \* - ", f.read(), flags=re.M)[1:]
    return [[cell.strip() for cell in re.split(r"^     -", row, flags=re.M)] for row in rows]


def test_table_agrees_with_feature_file(counts):
    """Each feature of ours is in the table with its letter, and the table has no other of ours."""
    heading, *rows = compared()
    assert heading[:2] == ["feature", "shmbus"]
    assert {len(row) for row in rows} == {len(heading)}
    names = [row[0] for row in rows]
    assert len(set(names)) == len(names)
    assert {row[0]: row[1] for row in rows if row[1]} == claimed()
    # A feature that nobody has is left out.
    assert all(any(row[1:]) for row in rows)
    counts(f"{len(rows)} features, of them {len(claimed())} ours")
