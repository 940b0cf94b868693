# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The models are checked once, not for each build."""

import os

if os.environ.get("SHMBUS_SANITIZE"):
    collect_ignore_glob = ["test_*.py"]
