# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""scripts/test: what --long changes, which stages run, and what the end says."""

import glob
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
    out = run(tree, "--long", "clang", "threads", "gcc-sanitize", status=1)
    assert (tree / "built").read_text().splitlines() == [
        "--compiler clang --unoptimized", "--compiler gcc --threads", "--compiler gcc --sanitize"]
    # there is nothing to test
    assert "FAILED: build" not in out


def test_below_tmp_itself(tree):
    """The stage gcc has run there what below-tmp would run."""
    (tree / "scripts" / "setup").write_text(SETUP + "exit 1\n")
    tree.chmod(0o777)
    said = f"this tree lies in {tree.resolve()}, "
    out = run(tree, "gcc", "below-tmp", status=1)
    assert said in out and "FAILED: build below /tmp" not in out
    assert said not in run(tree, "below-tmp", status=1)


def array(name):
    """The words of an array of scripts/test."""
    with open(os.path.join(eal.ROOT, "scripts", "test"), encoding="utf-8") as f:
        return re.search(rf"^{name}=\(\n(.*?)^\)$", f.read(), re.M | re.S).group(1).split()


def test_lists():
    """They name what is there, and what is skipped with sanitizers runs without them."""
    arrays = {name: array(name) for name in ("never_sanitized", "seldom_sanitized", "also_plain")}
    listed = [word for words in arrays.values() for word in words]
    assert len(listed) == len(set(listed)) > 40
    for word in listed:
        path, _, test = word.partition("::")
        assert os.path.exists(os.path.join(eal.ROOT, path)), word
        if test:
            with open(os.path.join(eal.ROOT, path), encoding="utf-8") as f:
                assert f"def {test}(" in f.read(), word
    plain = tuple(arrays["never_sanitized"] + arrays["seldom_sanitized"])
    skips = re.compile(r"skipif\((sanitize|ovs\.problem)\(\)|if sanitizer_env\(\):\n +pytest\.skip")
    for path in glob.glob("tests/**/test_*.py", root_dir=eal.ROOT, recursive=True):
        with open(os.path.join(eal.ROOT, path), encoding="utf-8") as f:
            assert not skips.search(f.read()) or path.startswith(plain), path


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
