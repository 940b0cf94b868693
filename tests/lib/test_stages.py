# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""scripts/test: what --long changes, which stages run, and what the end says."""

import os
import re
import shutil
import subprocess

import eal
import pytest
import rounds

# Instead of scripts/setup: a build that takes no time, and says what tests would be told.
SETUP = "#!/bin/sh\necho \"setup $*; SHMBUS_LONG is '${SHMBUS_LONG-}'\"\n"


@pytest.fixture
def tree(tmp_path):
    """A copy of scripts/test with nothing to build."""
    for name in ("scripts/test", "scripts/lib.sh", "tests/lib/skip_table.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.join(eal.ROOT, name), path)
    setup = tmp_path / "scripts" / "setup"
    setup.write_text(SETUP)
    setup.chmod(0o755)
    return tmp_path


def run(tree, *args, status=0, **env):
    env = {**{key: value for key, value in os.environ.items() if key != "SHMBUS_LONG"}, **env}
    done = subprocess.run([tree / "scripts" / "test", *args], env=env, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == status, done.stdout
    return done.stdout


def test_short(tree):
    """The default; the end names each stage with its seconds."""
    out = run(tree, "clang")
    assert re.search(r"^build with clang: \d+ s$", out, re.M)
    assert re.search(r"^==== done .*\nclang \d+ s\n1 passed, 0 failed$", out, re.M)


def test_build_fails(tree):
    """What it said is told, and only of that which failed."""
    setup = tree / "scripts" / "setup"
    setup.write_text(SETUP + "[ $3 != --sanitize ] || exit 3\n")
    out = run(tree, "clang", "gcc-sanitize", status=1, SHMBUS_LONG="1")
    assert "setup --compiler clang --unoptimized" not in out
    assert "setup --compiler gcc --sanitize; SHMBUS_LONG is '1'" in out
    assert "FAILED: build with sanitizers" in out
    assert out.endswith("1 passed, 1 failed\n")


def test_no_cmocka_for_another_processor(tree):
    """A skip, with what the build said last."""
    setup = tree / "scripts" / "setup"
    setup.write_text(SETUP + "echo 'could not get it'\nexit 77\n")
    out = run(tree, "aarch64")
    assert "could not get it" in out
    assert out.endswith("0 passed, 0 failed, 1 skipped\n")


def test_built_ahead(tree):
    """Each stage once, in their order, also while an earlier one still runs."""
    (tree / "scripts" / "setup").write_text("#!/bin/sh\necho \"$*\" >>built\n")
    out = run(tree, "clang", "threads", "gcc-sanitize", status=1)
    assert (tree / "built").read_text().splitlines() == [
        "--compiler clang --unoptimized", "--compiler gcc --threads", "--compiler gcc --sanitize"]
    # there is nothing to test
    assert "FAILED: build" not in out


@pytest.mark.parametrize("args, env", [(["--long", "clang"], {}), (["clang", "--long"], {}),
                                       (["clang"], {"SHMBUS_LONG": "1"})])
def test_long(tree, args, env):
    """Everything that a stage runs is told, wherever the option stands."""
    setup = tree / "scripts" / "setup"
    setup.write_text(SETUP + "exit 1\n")
    out = run(tree, *args, status=1, **env)
    assert "SHMBUS_LONG is '1'" in out
    assert out.endswith("0 passed, 1 failed\n")


def test_usage(tree):
    """--long is listed; an unknown option runs nothing."""
    text = run(tree, "--help")
    assert re.search(r"^usage: scripts/test .*\[--long\]", text, re.M)
    out = run(tree, "--lang", "clang", status=2)
    assert "'--lang' is neither an option nor a stage" in out and "setup" not in out


def test_rounds(monkeypatch):
    for value, expected in ((None, 3), ("", 3), ("0", 3), ("1", 12)):
        if value is None:
            monkeypatch.delenv("SHMBUS_LONG", raising=False)
        else:
            monkeypatch.setenv("SHMBUS_LONG", value)
        assert rounds.rounds(12, 3) == expected
