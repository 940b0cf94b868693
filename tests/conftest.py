# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What all Python tests share: where the modules are, buses, hugepages, counts in the summary."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "lib"), os.path.join(HERE, "integration")]
sys.dont_write_bytecode = True

import eal  # noqa: E402
import rounds  # noqa: E402
from busfile import Bus  # noqa: E402
from process import clock  # noqa: E402

# A test that hangs is a failure; its children die with the thread that started them.
TEST_LIMIT_S = 600


def _terminated(_signum, _frame):
    pytest.exit("terminated", returncode=143)


def pytest_configure(config):
    """Mounts and hugepages are given back also when somebody's patience ends."""
    config.addinivalue_line("markers", "long: a test to begin with where several run at a time")
    config.addinivalue_line("markers", "only_in_full: only with SHMBUS_LONG=1, see rounds.py")
    signal.signal(signal.SIGTERM, _terminated)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """No test goes on for ever. The machine's own standstills do not count."""
    began = clock()

    def look(_signum, _frame):
        if clock() - began > TEST_LIMIT_S:
            raise TimeoutError(f"the test took more than {TEST_LIMIT_S} s")
        signal.alarm(60)

    before = signal.signal(signal.SIGALRM, look)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pytest_collection_modifyitems(config, items):
    """Leave out what runs in full only, and put the tests in order.

    Several tests may run at a time, with pytest-xdist (-n 3 --dist loadgroup).

    Those that want hugepages follow each other: two of them would want twice as many. They come
    first, with what takes long, so that it is not the last one for which all others wait.
    """
    if not rounds.are_long():
        left = [item for item in items if any(item.iter_markers("only_in_full"))]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        if "hugetlbfs" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("hugepages"))
    items.sort(key=lambda item: not any(item.iter_markers("xdist_group"))
               and not any(item.iter_markers("long")))


# What the tests tell goes with their reports, which also come from other processes.


@pytest.fixture
def counts(request):
    """counts("sent 5, received 5"): a line for the summary, whether the test passes or not."""
    return lambda line: request.node.user_properties.append(("counts", str(line)))


@pytest.fixture
def note(request):
    """note("what it said"): a line for the summary of a run with -v."""
    return lambda line: request.node.user_properties.append(("notes", str(line)))


def pytest_terminal_summary(terminalreporter, config):
    """What was counted, test by test."""
    reports = [report for found in terminalreporter.stats.values() for report in found
               if getattr(report, "when", None) == "teardown"]
    for title in ("counts", "notes"):
        lines = [f"{report.nodeid.rpartition('/')[2]}: {line}" for report in reports
                 for name, line in report.user_properties if name == title]
        if lines and (title == "counts" or config.option.verbose >= 1):
            terminalreporter.section(title)
            for line in sorted(lines):
                terminalreporter.write_line(line)


@pytest.fixture
def folder():
    """A folder of the test's own in shared memory, on the disk where there is none."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = tempfile.mkdtemp(prefix="shmbus-test-", dir=parent)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make_bus(folder):
    """make_bus("name", key=value...): a bus in the test's folder."""
    return lambda name="bus", **devargs: Bus(os.path.join(folder, name), **devargs)


@pytest.fixture
def bus(make_bus):
    """A bus with all defaults but one: no reader is ever given up."""
    from apps import LOSSLESS
    return make_bus(**LOSSLESS)


@pytest.fixture(scope="session")
def ordinary():
    """An ordinary user; see the class."""
    with contextlib.ExitStack() as stack:
        yield Ordinary(stack)


class Ordinary:
    """How to start programs as an ordinary user, whoever runs the tests.

    process  arguments for testpmd() and checker(): the wrapper that gives up root, a runtime
             folder, and copies of our files that this user may read
    wrapper  commands in front that give up root; empty for an ordinary user
    own(path)  make a file or folder this user's
    copy(path)  a copy of one of our programs that this user may run
    """

    UID = 65534

    def __init__(self, stack):
        from apps import plugin
        from checker import program_path
        self.is_root = os.getuid() == 0
        runtime = tempfile.mkdtemp(prefix="shmbus-user-")
        stack.callback(shutil.rmtree, runtime, ignore_errors=True)
        self.own(runtime)
        env = {"XDG_RUNTIME_DIR": runtime, "HOME": runtime}
        self.process = {"env": env}
        self.checker = {"env": env}
        self.wrapper = []
        self._copies = None
        if not self.is_root:
            return
        # EAL refuses plugins in folders that everybody may write to; root's own may be closed.
        copies = tempfile.mkdtemp(prefix="shmbus-test-", dir="/run")
        stack.callback(shutil.rmtree, copies, ignore_errors=True)
        os.chmod(copies, 0o755)
        self._copies = copies
        self.wrapper = ["setpriv", f"--reuid={self.UID}", f"--regid={self.UID}", "--clear-groups",
                        "--no-new-privs"]
        self.process.update(wrapper=self.wrapper, plugins=[self.copy(plugin())], cwd=runtime)
        self.checker.update(self.process, program=self.copy(program_path()))

    def copy(self, path):
        if not self.is_root:
            return path
        made = os.path.join(self._copies, os.path.basename(path))
        if not os.path.exists(made):
            shutil.copy(path, made)
            os.chmod(made, 0o755)
        return made

    def own(self, path):
        if self.is_root:
            os.chown(path, self.UID, self.UID)
        return path


@pytest.fixture(scope="session")
def hugetlbfs():
    """A hugetlbfs of our own with some pages for it; skips where that cannot be had.

    Only what was added is given back, so that others may reserve pages meanwhile.
    """
    megabytes = 512
    if os.getuid() != 0:
        pytest.skip("only root can reserve hugepages and mount a hugetlbfs")
    size = eal.hugepage_size()
    if size == 0:
        pytest.skip("the kernel has no hugepages")
    with contextlib.ExitStack() as stack:
        wanted = max((megabytes << 20) // size - eal.free_hugepages(), 0)
        try:
            added = eal.change_hugepages(wanted)
        except OSError as error:
            pytest.skip(f"cannot reserve hugepages: {error}")
        stack.callback(eal.change_hugepages, -added)
        if size * eal.free_hugepages() < megabytes << 20:
            pytest.skip(f"cannot reserve {megabytes} MB of hugepages")
        path = tempfile.mkdtemp(prefix="shmbus-huge-")
        stack.callback(os.rmdir, path)
        mounted = subprocess.run(["mount", "-t", "hugetlbfs", "none", path], check=False,
                                 stderr=subprocess.PIPE, text=True, timeout=60)
        if mounted.returncode != 0:
            pytest.skip(f"cannot mount a hugetlbfs: {mounted.stderr.strip()}")
        stack.callback(subprocess.run, ["umount", "-l", path], check=False, timeout=60)
        yield path


@pytest.fixture
def prefix():
    """A --file-prefix for a primary and its secondaries."""
    name = eal.unique_prefix("group")
    yield name
    eal.remove_leftovers(name)


@pytest.fixture
def shared(hugetlbfs, prefix):
    """Arguments that let testpmd have secondaries."""
    from apps import sanitizer_env
    extra = ["--huge-dir", hugetlbfs]
    if sanitizer_env():
        # Where EAL would map the shared memory the address sanitizer has its own.
        extra.append("--base-virtaddr=0x200000000000")
    return {"memory": eal.HUGE, "eal_extra": extra, "file_prefix": prefix}
