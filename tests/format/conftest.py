# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What the tests of the independent implementation share."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture
def path(folder):
    """Where the test's bus is to be."""
    return os.path.join(folder, "bus")
