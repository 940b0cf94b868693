# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What every DPDK process needs: its EAL arguments, its memory, its leftovers.

Two kinds of memory are used by tests and bench. NO_HUGE runs everywhere, also as an
ordinary user, but `-m` has to be chosen beforehand and big mbufs cost whole 4 KiB pages.
HUGE needs reserved hugepages; hugepage_problem() says in words why it cannot be used.
"""

import contextlib
import glob
import itertools
import os
import re
import shutil
import subprocess

import builddir
from builddir import ROOT

_serial = itertools.count()


def unique_prefix(name="shmbus"):
    """A --file-prefix that no other process of this machine uses."""
    return f"{name}-{os.getpid()}-{next(_serial)}"


class Memory:
    """Where a DPDK process gets its memory from: `no-huge` or `huge`, and how much."""

    def __init__(self, kind="no-huge", megabytes=256, in_memory=False):
        if kind not in ("no-huge", "huge"):
            raise ValueError(f"memory kind '{kind}': expected no-huge or huge")
        if kind == "no-huge" and in_memory:
            raise ValueError("EAL refuses --in-memory together with --no-huge")
        self.kind = kind
        self.megabytes = megabytes
        self.in_memory = in_memory

    def args(self):
        args = ["--no-huge"] if self.kind == "no-huge" else []
        # Hugepages are mapped on demand; -m would only pin down memory in advance.
        if self.kind == "no-huge":
            args += ["-m", str(self.megabytes)]
        if self.in_memory:
            args += ["--in-memory"]
        return args


NO_HUGE = Memory("no-huge")
HUGE = Memory("huge")


def eal_args(lcores=None, memory=NO_HUGE, file_prefix=None, vdevs=(), plugins=(),
             telemetry=False, log_level=None, proc_type=None, extra=()):
    """The part of a DPDK command line that stands before `--`.

    lcores: EAL's map, such as "0@0,1@0"; None lets EAL take every core it may use.
    log_level: one --log-level value or a list of them, such as "pmd.net.shmbus:debug".
    """
    args = []
    if lcores is not None:
        args += ["--lcores", lcores]
    args += memory.args()
    args += ["--no-pci"]
    if file_prefix is not None and not memory.in_memory:
        args += ["--file-prefix", file_prefix]
    if proc_type is not None:
        args += ["--proc-type", proc_type]
    if not telemetry:
        args += ["--no-telemetry"]
    for level in [log_level] if isinstance(log_level, str) else log_level or ():
        args += ["--log-level", level]
    for plugin in plugins:
        args += ["-d", plugin]
    for vdev in vdevs:
        args += ["--vdev", vdev]
    return args + [str(arg) for arg in extra]


def core_map(cpu, workers=1, main_cpu=None):
    """An --lcores map: lcore 0 is main, lcores 1.. forward, all on `cpu` unless told otherwise.

    testpmd's main lcore sleeps in read(2) while its commands are idle, so it may share the
    CPU of a forwarding lcore without costing it anything. `cpu` may be a list, one per worker.
    """
    cpus = list(cpu) if isinstance(cpu, (list, tuple)) else [cpu] * workers
    main = cpus[0] if main_cpu is None else main_cpu
    return ",".join([f"0@{main}"] + [f"{i + 1}@{c}" for i, c in enumerate(cpus)])


def allowed_cpus():
    """The CPUs this process may run on, in order."""
    return sorted(os.sched_getaffinity(0))


def plugin_path():
    """The net_shmbus plugin to load, or None where it has not been built.

    scripts/plugin-path makes a copy elsewhere when EAL would refuse the build folder.
    """
    override = os.environ.get("SHMBUS_PLUGIN")
    if override:
        return override
    script = os.path.join(ROOT, "scripts", "plugin-path")
    found = subprocess.run([script, "--builddir", builddir.folder()], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None


# Hugepages


def _hugepage_dir():
    """The kernel's bookkeeping of the default hugepage size."""
    with open("/proc/meminfo", encoding="ascii") as f:
        kib = re.search(r"^Hugepagesize:\s+(\d+) kB", f.read(), re.M)
    return f"/sys/kernel/mm/hugepages/hugepages-{kib.group(1)}kB" if kib else None


def hugepage_size():
    """The default hugepage size in bytes, 0 where the kernel has none."""
    folder = _hugepage_dir()
    return int(re.search(r"-(\d+)kB", folder).group(1)) * 1024 if folder else 0


def free_hugepages():
    """How many default-size hugepages are free now."""
    folder = _hugepage_dir()
    if folder is None:
        return 0
    with open(os.path.join(folder, "free_hugepages"), encoding="ascii") as f:
        return int(f.read())


def hugetlbfs_mounts():
    """Mount points of type hugetlbfs."""
    with open("/proc/mounts", encoding="utf-8") as f:
        fields = [line.split() for line in f]
    return [field[1] for field in fields if field[2] == "hugetlbfs"]


def hugepage_problem(megabytes=256):
    """Why hugepages cannot be used for `megabytes`, or None if they can."""
    size = hugepage_size()
    if size == 0:
        return "the kernel has no hugepages"
    mounts = hugetlbfs_mounts()
    if not mounts:
        return "no hugetlbfs is mounted"
    if not any(os.access(mount, os.W_OK) for mount in mounts):
        return f"no write permission in {' '.join(mounts)}"
    free = free_hugepages() * size >> 20
    if free < megabytes:
        return f"{free} MB of hugepages free, {megabytes} MB needed"
    return None


def change_hugepages(by):
    """Change the number of hugepages by `by`; return by how many it really changed."""
    with open(os.path.join(_hugepage_dir(), "nr_hugepages"), "r+", encoding="ascii") as f:
        before = int(f.read())
        f.seek(0)
        f.write(str(max(before + by, 0)))
        f.flush()
        f.seek(0)
        return int(f.read()) - before


@contextlib.contextmanager
def reserved_hugepages(megabytes):
    """Have `megabytes` of free hugepages, and a hugetlbfs, while the block runs.

    Only what was added is given back, so that others may reserve pages meanwhile.
    """
    with contextlib.ExitStack() as undo:
        missing = (megabytes << 20) // hugepage_size() - free_hugepages()
        if missing > 0:
            added = change_hugepages(missing)
            undo.callback(change_hugepages, -added)
        if not hugetlbfs_mounts():
            os.makedirs("/dev/hugepages", exist_ok=True)
            subprocess.run(["mount", "-t", "hugetlbfs", "hugetlbfs", "/dev/hugepages"], check=True)
            undo.callback(subprocess.run, ["umount", "/dev/hugepages"], check=False)
        yield


# Leftovers: a killed DPDK process leaves its runtime folder and its hugepage files behind.


def runtime_dir(file_prefix):
    """The folder in which EAL keeps the files of the process group `file_prefix`."""
    base = os.environ.get("RUNTIME_DIRECTORY")
    if not base:
        base = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    return os.path.join(base, "dpdk", file_prefix)


def remove_leftovers(file_prefix):
    """Remove what the dead processes of `file_prefix` left in the runtime folder and hugetlbfs."""
    shutil.rmtree(runtime_dir(file_prefix), ignore_errors=True)
    for mount in hugetlbfs_mounts():
        for path in glob.glob(os.path.join(glob.escape(mount), glob.escape(file_prefix) + "map_*")):
            with contextlib.suppress(OSError):
                os.unlink(path)
