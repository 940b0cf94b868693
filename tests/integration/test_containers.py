# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Containers on one bus: namespaces of their own, users of a common group, a read-only mount."""

import os
import shlex
import shutil
import subprocess

import eal
import pytest
from apps import LOSSLESS, checker
from busfile import Bus
from process import Exited

GROUP = 4242
EXAMPLES = os.path.join(eal.ROOT, "examples", "containers")
# The volume is at /mnt, /dev/shm has 64 MB as in Docker, and the rest is the host's.
BEGIN = ('mount --bind "$1" /mnt && mount -o remount,bind,"$2" /mnt && '
         'mount -t tmpfs -o size=64m,mode=1777 none /dev/shm && shift 2 && exec "$@"')


def container(volume, user, mode="rw"):
    return ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child",
            "--mount-proc", "sh", "-c", BEGIN, "sh", volume, mode,
            "setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={GROUP}", "--no-new-privs"]


def possible():
    return os.getuid() == 0 and subprocess.run(
        [*container("/tmp", 4001), "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0


pytestmark = pytest.mark.skipif(not possible(), reason="namespaces and users take root")


@pytest.fixture
def volume(folder):
    """A folder of the common group: what its members make there is the group's."""
    path = os.path.join(folder, "wires")
    os.mkdir(path)
    os.chmod(folder, 0o755)
    os.chown(path, 0, GROUP)
    os.chmod(path, 0o2770)
    return path


def inside(ordinary, volume, user, mode="rw"):
    """Arguments for checker(): a container with this user, and a runtime folder of its own."""
    return ordinary.checker | {"wrapper": container(volume, user, mode), "cwd": "/",
                               "env": {"XDG_RUNTIME_DIR": "/dev/shm", "HOME": "/dev/shm"}}


def test_two_users_and_a_monitor(ordinary, volume, counts):
    bus = Bus("/mnt/bus", mode="0660", **LOSSLESS)
    with checker(bus.vdev(), receive=True, **inside(ordinary, volume, 4001)) as rx:
        found = os.stat(os.path.join(volume, "bus"))
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4001, GROUP, 0o660)
        looker = inside(ordinary, volume, 4003, "ro")
        with checker("net_shmbus0,path=/mnt/bus,readonly=on", receive=True, on=1, **looker) as seen:
            with checker(bus.vdev(), send=True, count=10_000, on=1,
                         **inside(ordinary, volume, 4002)) as tx:
                tx.result()
            assert rx.finish()["received"] == 10_000
            assert seen.finish()["received"] == 10_000
    counts("10000 frames between two containers, seen by a third")


def test_read_only_mount(ordinary, volume):
    """A port that would write is told what would do."""
    with checker("net_shmbus0,path=/mnt/bus,mode=0660", receive=True,
                 **inside(ordinary, volume, 4001)):
        said = "path=/mnt/bus: the filesystem is mounted read-only; a port with readonly=on looks on"
        with pytest.raises(Exited, match=said):
            checker("net_shmbus0,path=/mnt/bus", receive=True, on=1,
                    **inside(ordinary, volume, 4002, "ro")).start()


def test_shm_of_64_mb(ordinary, volume):
    """The default bus has room in a container's own /dev/shm."""
    first = inside(ordinary, volume, 4001)
    with checker("net_shmbus0", receive=True, **first) as rx:
        root = f"/proc/{rx.pid}/root/dev/shm"
        assert shutil.disk_usage(root).total == 64 << 20
        assert os.path.exists(os.path.join(root, "shmbus"))


def commands(found):
    """The command lines of an example."""
    return [shlex.split(entry["command"]) if isinstance(entry["command"], str) else entry["command"]
            for entry in found]


def test_examples():
    """What the examples start are commands with arguments that we know, on one volume of memory."""
    yaml = pytest.importorskip("yaml")
    with open(os.path.join(EXAMPLES, "compose.yaml"), encoding="utf-8") as f:
        compose = yaml.safe_load(f)
    with open(os.path.join(EXAMPLES, "kubernetes.yaml"), encoding="utf-8") as f:
        pod = yaml.safe_load(f)
    services, containers = compose["services"], pod["spec"]["containers"]
    assert list(services) == [c["name"] for c in containers] == ["sender", "receiver", "monitor"]
    assert commands(services.values()) == commands(containers)
    assert compose["volumes"]["wires"]["driver_opts"]["type"] == "tmpfs"
    assert pod["spec"]["volumes"][0]["emptyDir"]["medium"] == "Memory"
    for service, entry in zip(services.values(), containers):
        user, group = map(int, service["user"].split(":"))
        assert user == entry["securityContext"]["runAsUser"]
        assert group == GROUP == pod["spec"]["securityContext"]["fsGroup"]
        assert service["volumes"][0].endswith(":ro") == entry["volumeMounts"][0].get("readOnly", False)
