# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus create: geometry, format, mode, memory; refusals; and ports then take what it made."""

import json
import os
import stat

import pytest
from apps import checker
from tool import shmbus


@pytest.fixture
def path(folder):
    return os.path.join(folder, "bus")


@pytest.mark.parametrize("options, devargs", [
    ([], {"format": "lanes", "ports": 32, "queues": 4, "lane_size": "4M"}),
    (["-p", "3", "-q", "2", "-s", "64K"], {"ports": 3, "queues": 2, "lane_size": "64K"}),
    (["--format", "shmif"], {"format": "shmif"}),
])
def test_port_finds_it_as_ordered(path, options, devargs):
    out, err = shmbus("create", path, *options)
    assert out == err == ""
    before = os.stat(path)
    assert stat.S_IMODE(before.st_mode) == 0o600
    # A port whose arguments contradict such a bus makes a new file.
    vdev = ",".join([f"net_shmbus0,path={path}", *(f"{k}={v}" for k, v in devargs.items())])
    with checker(vdev, receive=True):
        pass
    assert os.stat(path).st_ino == before.st_ino


def test_mode_whatever_the_umask(path):
    shmbus("create", "-m", "0660", path, umask=0o077)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660


def test_on_hugetlbfs(hugetlbfs):
    path = os.path.join(hugetlbfs, f"create-{os.getpid()}")
    page = os.statvfs(hugetlbfs).f_bsize
    try:
        shmbus("create", "-p", "2", "-q", "1", "-s", page, "--numa", "0", path)
        told = json.loads(shmbus("info", "--json", path)[0])
        assert told["hugepages"] and told["lane_size"] == page
        assert told["used"] % page == 0
        with checker(f"net_shmbus0,path={path},lane_size={page}", receive=True):
            pass
    finally:
        if os.path.exists(path):
            os.unlink(path)


@pytest.mark.parametrize("node", ["0", "1023"])
def test_numa(path, node):
    """A wish, also where there is no such node; what comes of it test_numa.c looks at."""
    assert shmbus("create", path, "--numa", node) == ("", "")
    assert "no ports" in shmbus("info", path)[0]


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_existing_file_stays(path, content):
    with open(path, "wb") as f:
        f.write(content)
    _, err = shmbus("create", path, status=1)
    assert err == (f"shmbus create: path={path}: already exists and was not changed; "
                   "choose another name\n")
    with open(path, "rb") as f:
        assert f.read() == content


def test_existing_bus_and_link_stay(path, folder):
    shmbus("create", path)
    link = os.path.join(folder, "link")
    os.symlink(path + ".nowhere", link)
    for there in (path, link, folder):
        _, err = shmbus("create", there, status=1)
        assert f"path={there}: already exists" in err
    assert not os.path.exists(path + ".nowhere")


@pytest.mark.parametrize("options, said", [
    (["--ports", "0"], "--ports: '0' is not right; expected a number from 1 to 256"),
    (["--ports", "257"], "--ports: '257' is not right; expected a number from 1 to 256"),
    (["--queues", "65"], "--queues: '65' is not right; expected a number from 1 to 64"),
    (["--lane-size", "3Q"], "--lane-size: '3Q' is not right; expected a power of two"),
    (["--mode", "888"], "--mode: '888' is not right; expected permission bits in octal"),
    (["--format", "token-ring"], "--format: 'token-ring' is not right; expected lanes or shmif"),
    (["--numa", "1024"], "--numa: '1024' is not right; expected the number of a node, from 0"),
    (["-p"], "-p needs a value"),
    (["one", "two"], "'one' is one operand too many"),
])
def test_usage(path, options, said):
    _, err = shmbus("create", path, *options, status=2)
    assert said in err
    assert not os.path.exists(path)


@pytest.mark.parametrize("options, said", [
    (["--lane-size", "3M"], "lane_size"),
    (["--format", "shmif", "--numa", "0"], "a shmif bus has no ports, queues, lane_size, numa or deliver"),
])
def test_refused_geometry(path, options, said):
    _, err = shmbus("create", path, *options, status=1)
    assert said in err
    assert not os.path.exists(path)


def test_no_such_folder(folder):
    path = os.path.join(folder, "no", "bus")
    _, err = shmbus("create", path, status=1)
    assert f"path={path}: its directory does not exist" in err
