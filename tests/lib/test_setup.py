# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""scripts/setup and scripts/demo: steps, their log, and the compiler that a folder was configured for."""

import os
import subprocess

import eal
import pytest

SCRIPTS = os.path.join(eal.ROOT, "scripts")


def run(argv, status=0, **env):
    done = subprocess.run(argv, env={**os.environ, **env}, text=True, check=False, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    assert done.returncode == status, done.stdout
    return done.stdout


def shell(text, status=0):
    """What bash prints that has read scripts/lib.sh."""
    return run(["bash", "-euc", f". '{SCRIPTS}/lib.sh'\n{text}"], status)


def test_steps(tmp_path):
    """The terminal gets the steps alone, the log the output of programs."""
    log = tmp_path / "log"
    out = shell(f"begin_steps 3 '{log}'; step 'first thing' 7; echo noise; step second; echo more >&2")
    assert out == "1 of 3: first thing, about 7 s\n2 of 3: second\n"
    assert "noise\n" in log.read_text() and "more\n" in log.read_text()


@pytest.mark.parametrize("failure", ["false", "die 'this is why'", "no-such-program"])
def test_failed_step(tmp_path, failure):
    """The end of the log, and its name."""
    log = tmp_path / "log"
    status = 127 if failure.startswith("no-") else 1
    out = shell(f"begin_steps 3 '{log}'; step one; echo noise; {failure}; step two", status)
    assert "two" not in out
    assert "step 1 failed (one)" in out and "    noise\n" in out
    assert out.endswith(f": all output is in {log}\n")
    assert ("this is why" in out) == failure.startswith("die")


def test_no_steps():
    """Whoever has not begun any sees all output."""
    assert shell("step one; echo noise") == "noise\n"


def test_compilers(tmp_path):
    """A link to a compiler is that compiler; ccache is none; options count."""
    (tmp_path / "mygcc-1").write_text("#!/bin/sh\n")
    (tmp_path / "mygcc-1").chmod(0o755)
    for name in ("mycc", "mygcc"):
        (tmp_path / name).symlink_to("mygcc-1")

    def called(words):
        return shell(f"PATH={tmp_path}:$PATH; compiler_called '{words}'").strip()
    assert {called(words) for words in ("mycc", "mygcc", "mygcc-1", f"{tmp_path}/mycc", "ccache mycc")} == {"mygcc-1"}
    assert called("mycc -m32") == "mygcc-1 -m32"
    assert called("absent") == "absent"
    assert called("ccache") == "ccache"


def test_not_configured_anew(tmp_path):
    """scripts/test, which names gcc, keeps what scripts/demo configured with the name cc."""
    if shell("compiler_called cc") != shell("compiler_called gcc"):
        pytest.skip("cc is not gcc here")
    env = {"shmbus_builddir": str(tmp_path / "build")}
    setup = [os.path.join(SCRIPTS, "setup"), "--threads", "--no-build"]
    run(setup, CC="cc", **env)
    before = os.stat(tmp_path / "build" / "build.ninja").st_mtime_ns
    out = run([*setup, "--compiler", "gcc"], **env)
    assert os.stat(tmp_path / "build" / "build.ninja").st_mtime_ns == before
    assert "configured otherwise" not in out
    # tests that were left out get their packages: the same folder, looked at again
    (tmp_path / "build" / ".packages").write_text("gcc-of-old\n")
    out = run([*setup, "--compiler", "gcc"], **env)
    assert os.stat(tmp_path / "build" / "build.ninja").st_mtime_ns != before
    assert "configured otherwise" not in out


@pytest.mark.parametrize("args, message", [
    (["--bogus"], "unknown argument '--bogus'"), (["--seconds"], "--seconds wants a number above 0"),
    (["--size", "big"], "--size wants a number above 0")])
def test_demo_arguments(args, message):
    """They are looked at before anything is installed or built."""
    out = run([os.path.join(SCRIPTS, "demo"), *args], status=2)
    assert f"demo: {message}" in out and "usage: scripts/demo" in out and " of 4" not in out
