# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The map of the files has each file of the driver and of the bus core, and no other."""

import glob
import os
import re

import eal
import pytest

FOLDERS = ["drivers/net/shmbus" + below for below in ("", "/base", "/base/lanes", "/base/shmif", "/base/station")]


def sections():
    with open(os.path.join(eal.ROOT, "docs", "files.rst"), encoding="utf-8") as f:
        parts = re.split(r"\n(drivers/\S+)\n-+\n", f.read())
    return dict(zip(parts[1::2], parts[2::2]))


@pytest.mark.parametrize("folder", FOLDERS)
def test_files(folder):
    files = {os.path.basename(path)[:-2] for path in glob.glob(f"{folder}/*.[ch]", root_dir=eal.ROOT)}
    lines = re.findall(r"^   \* - ``(\w+)``\n     - (.+)$", sections()[folder], re.M)
    assert [name for name, _ in lines] == sorted(files)
    assert len({text for _, text in lines}) == len(lines)


def test_folders():
    """A new folder below the driver needs a section."""
    below = {os.path.dirname(path) for path in glob.glob("drivers/net/shmbus/**/*.[ch]", root_dir=eal.ROOT,
                                                         recursive=True)}
    assert below == set(FOLDERS) == set(sections())
