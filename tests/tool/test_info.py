# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus info: of live buses, of those that nobody is on any more, and of NetBSD's."""

import json
import os
import re
import subprocess
import sys

import eal
import pytest
from apps import checker
from tool import program, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import shmif_samples  # noqa: E402


def info(path):
    out, err = shmbus("info", "--json", path)
    assert err == ""
    return json.loads(out)


def port_of(told, pid):
    found = [port for port in told["ports"] if port["pid"] == pid]
    assert len(found) == 1, told
    return found[0]


def test_new_bus(make_bus):
    bus = make_bus()
    shmbus("create", "-p", "3", "-q", "2", "-s", "64K", "-m", "0640", bus.path)
    told = info(bus.path)
    assert told["path"] == bus.path
    assert (told["format"], told["version"], told["mode"]) == ("lanes", 1, "0640")
    assert (told["places"], told["queues"], told["lane_size"]) == (3, 2, 65536)
    assert told["file_size"] == os.stat(bus.path).st_size
    assert told["used"] == os.stat(bus.path).st_blocks * 512 < told["file_size"]
    assert told["ports"] == told["lanes"] == []
    assert (told["hugepages"], told["removed"]) == (False, False)
    out, _ = shmbus("info", bus.path)
    assert "3 ports with 2 queues, lanes of 64 KiB" in out and "no ports" in out


def test_live_bus_and_dead_port(bus):
    with checker(bus.vdev(mac="b2:a0:00:00:00:01"), receive=True) as rx:
        with checker(bus.vdev(mac="b2:a0:00:00:00:02"), send=True, count=1000, id=7) as tx:
            sent = tx.result()["sent"]
        rx.wait_until(lambda r: r["received"] == sent, "all frames")
        told = info(bus.path)
        assert len(told["ports"]) == 1
        port = port_of(told, rx.pid)
        assert (port["state"], port["alive"], port["pause"]) == ("up", True, True)
        assert port["mac"] == "b2:a0:00:00:00:01"
        assert (port["rx_frames"], port["rx_missed"], port["tx_frames"]) == (sent, 0, 0)
        assert (port["tx_queues"], port["rx_queues"]) == (0, 1)
        lane, = told["lanes"]
        assert lane["frames"] == sent and lane["slot"] != port["slot"]
        assert 0 < lane["held"] <= sent
        assert lane["generation"] == lane["tail"] // lane["size"]
        out, _ = shmbus("info", bus.path)
        columns = re.search(r"^ .* b2:a0:00:00:00:01 +0/1 +(.*)$", out, re.M).group(1)
        assert re.fullmatch(rf"up +on +0 +0 bytes +{sent} +[1-9][0-9.]* [KMG]iB +0", columns)
        rx.kill()
    dead = port_of(info(bus.path), port["pid"])
    assert (dead["state"], dead["alive"]) == ("dead", False)
    assert " dead " in shmbus("info", bus.path)[0]


@pytest.mark.parametrize("command", ["info", "top", "dump", "check"])
def test_no_file(folder, command):
    path = os.path.join(folder, "nowhere")
    _, err = shmbus(command, path, status=1)
    assert err == f"shmbus {command}: path={path}: no such file; a read-only port does not create it\n"


def test_shmif_with_a_port(make_bus):
    bus = make_bus(format="shmif")
    with checker(bus.vdev(), receive=True):
        told = info(bus.path)
        assert told["format"] == "shmif"
        assert [port["alive"] for port in told["ports"]] == [True]
    assert info(bus.path)["ports"] == []


def test_name_that_spoils_terminals(make_bus):
    bus = make_bus(ports=1)
    with checker(bus.vdev(), receive=True) as rx:
        pid = rx.pid
        with open(bus.path, "r+b") as f:
            name = port_of(info(bus.path), pid)["name"]
            f.seek(f.read(1 << 16).index(name.encode()))
            f.write(b"\x1b[2J\xff\xfe")
        assert port_of(info(bus.path), pid)["name"] == "?[2J??" + name[6:]
        assert "\x1b" not in shmbus("info", bus.path)[0]


@pytest.mark.parametrize("name", shmif_samples.SAMPLES)
def test_netbsd(folder, name):
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample(name, path)
    gen, first, last, records = shmif_samples.SAMPLES[name]
    told = info(path)
    assert (told["format"], told["version"]) == ("shmif", 3)
    assert (told["gen"], told["first"], told["last"], told["lock"]) == (gen, first, last, 0)
    # One record has no bytes.
    assert told["lanes"][0]["held"] == (records - 1 if name == "few" else records)


def test_version_2(folder):
    path = os.path.join(folder, "bus")
    shmif_samples.forge(path, shmif_samples.random_frames(77), start=999_000, version=2)
    told = info(path)
    assert (told["format"], told["version"], told["first"]) == ("shmif", 2, 999_000)
    assert told["lanes"][0]["held"] == 77
    assert "shmif (NetBSD), version 2" in shmbus("info", path)[0]


def test_changes_nothing(bus):
    shmbus("create", bus.path)
    os.chmod(bus.path, 0o400)
    before = os.stat(bus.path)
    with open(bus.path, "rb") as f:
        content = f.read(1 << 20)
    info(bus.path)
    after = os.stat(bus.path)
    assert (after.st_mtime_ns, after.st_blocks) == (before.st_mtime_ns, before.st_blocks)
    with open(bus.path, "rb") as f:
        assert f.read(1 << 20) == content


@pytest.mark.parametrize("content", [b"", b"no bus at all" * 100])
def test_no_bus(folder, content):
    path = os.path.join(folder, "file")
    _, err = shmbus("info", path, status=1)
    assert f"path={path}: " in err
    with open(path, "wb") as f:
        f.write(content)
    _, err = shmbus("info", path, status=1)
    assert f"path={path}: " in err


def test_full_disk(bus):
    shmbus("create", bus.path)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program(), "info", bus.path], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "cannot write to stdout: No space left on device" in done.stderr
