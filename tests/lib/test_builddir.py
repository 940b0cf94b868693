# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Programs come from the build folder that is named, wherever the plugin lies."""

import os

import builddir
import checker
import eal
import pytest
import tool


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A build folder with nothing but two programs and a plugin, below a folder for everybody."""
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o1777)
    folder = open_folder / "build"
    for name in ("app/shmbus/shmbus", "tests/integration/dpdk-checker",
                 "drivers/net/shmbus/librte_net_shmbus.so"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
    monkeypatch.setenv("shmbus_builddir", str(folder))
    monkeypatch.delenv("SHMBUS_PLUGIN", raising=False)
    return str(folder)


def test_programs_and_plugin(elsewhere):
    """EAL gets a copy of the plugin; the programs are those of the folder."""
    assert tool.program() == os.path.join(elsewhere, "app", "shmbus", "shmbus")
    assert checker.program_path() == os.path.join(elsewhere, "tests", "integration",
                                                  "dpdk-checker")
    plugin = eal.plugin_path()
    assert not plugin.startswith(elsewhere)
    os.unlink(plugin)
    os.rmdir(os.path.dirname(plugin))


def test_relative(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("shmbus_builddir", "build")
    assert builddir.folder() == str(tmp_path / "build")


def test_default(monkeypatch):
    monkeypatch.delenv("shmbus_builddir", raising=False)
    assert builddir.folder() == os.path.join(eal.ROOT, "build")


def test_missing_program(elsewhere):
    with pytest.raises(FileNotFoundError, match=f"no program {elsewhere}/tests/nothing: "):
        builddir.program("tests", "nothing")
