# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""An application that contains DPDK: with the driver in it it works; it can load no plugin."""

import os
import subprocess

import builddir
import eal
import pytest
from apps import LOSSLESS, sanitize, testpmd
from test_examples import Example, across, ordinary_frames

LIMIT_S = 300

pytestmark = pytest.mark.skipif(sanitize(), reason="DPDK's libraries have no sanitizers")


@pytest.fixture(scope="module")
def source():
    """The folder of DPDK's example skeleton."""
    script = os.path.join(eal.ROOT, "scripts", "build-dpdk-examples")
    built = subprocess.run([script, "skeleton"], capture_output=True, text=True, check=False, timeout=500)
    assert built.returncode == 0, built.stderr
    program = built.stdout.strip()
    return os.path.dirname(os.path.dirname(os.path.realpath(program)))


def pkg_config(*args):
    return subprocess.run(["pkg-config", *args, "libdpdk"], capture_output=True, text=True, check=True,
                          timeout=LIMIT_S).stdout.split()


def link(source, output, *driver):
    """skeleton with all of DPDK in it."""
    done = subprocess.run(["cc", "-o", output, os.path.join(source, "basicfwd.c"),
                           *pkg_config("--cflags"), "-DALLOW_EXPERIMENTAL_API", *driver,
                           *pkg_config("--static", "--libs")],
                          capture_output=True, text=True, check=False, timeout=LIMIT_S)
    if done.returncode != 0 and "cannot find -l" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr
    return str(output)


@pytest.fixture(scope="module")
def with_driver(source, tmp_path_factory):
    archive = os.path.join(builddir.folder(), "drivers", "librte_net_shmbus.a")
    return link(source, tmp_path_factory.mktemp("static") / "skeleton-with-shmbus",
                "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive")


def test_driver_in_the_program(with_driver, make_bus, folder, counts):
    """It forwards between two buses, with ports of the plugin as its peers."""
    buses = [make_bus(name, **LOSSLESS) for name in ("one", "two")]
    frames = ordinary_frames(300, seed=21)
    with Example(with_driver, buses, [], "forwarding packets", own_driver=True) as program:
        assert "static linkage" in program.log
        assert across(folder, buses, frames) == frames
    counts(f"{len(frames)} frames through a program without plugins")


def test_plugin(source, make_bus, tmp_path):
    """Without the driver in it it does not know the device, and cannot load the plugin."""
    program = link(source, tmp_path / "skeleton")
    buses = [make_bus(name) for name in ("one", "two")]
    for own_driver, said in ((True, 'failed to parse device "net_shmbus0"'), (False, "Cannot initialize tailq")):
        example = Example(program, buses, [], said, own_driver=own_driver)
        try:
            assert example.start().wait(60) != 0
        finally:
            example.close(check=False)
