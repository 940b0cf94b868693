# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""How often tests repeat: in full with SHMBUS_LONG=1, which scripts/test --long sets, else in short.

tests/unit/rounds.h is the same for C.
"""

import os


def are_long():
    """Do all tests run with all of their rounds?"""
    return os.environ.get("SHMBUS_LONG", "") not in ("", "0")


def rounds(in_full, in_short):
    """A number of rounds, or a list of cases, in its long or in its short form."""
    return in_full if are_long() else in_short
