# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What goes wrong at attach is said in one line that names file, key and value; nothing is changed.

Each case is tried in a running testpmd with `port attach`, and those that its command line cannot
carry at its start.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile

import pytest
from apps import checker, testpmd
from busfile import Bus
from process import ProcessError


def ours(text):
    """The lines that the driver wrote."""
    return [line for line in text.splitlines() if line.startswith("SHMBUS: ")]


def fingerprint(path):
    """All that an attach could change about a file or folder, but for the time of a look at it."""
    try:
        st = os.lstat(path)
    except FileNotFoundError:
        return None
    found = [st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_blocks]
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            found.append(hashlib.file_digest(f, "sha256").hexdigest())
    elif stat.S_ISLNK(st.st_mode):
        found += [os.readlink(path), fingerprint(os.path.realpath(path))]
    elif stat.S_ISDIR(st.st_mode):
        found.append(sorted(os.listdir(path)))
    return found


@pytest.fixture(scope="module")
def pmd():
    """A testpmd whose only port has nothing to do with us."""
    with testpmd("net_null0") as running:
        yield running


@pytest.fixture
def template(make_bus):
    """A small bus that nobody is on."""
    bus = make_bus("template", ports=2, queues=1, lane_size="64K")
    with checker(bus.vdev(), receive=True):
        pass
    return bus


def refused(pmd, vdev, *words):
    """The attach fails with one line of ours that has all of these words; that line."""
    output = pmd.cmd(f"port attach {vdev}")
    lines = ours(output)
    assert len(lines) == 1, f"expected one line, got {lines} in:\n{output}"
    for word in words:
        assert word in lines[0], f"'{word}' is not in '{lines[0]}'"
    assert "is attached" not in output
    assert pmd.ports() == [0]
    return lines[0]


# Device arguments: key, value, what the line says besides these.

DEVARGS = [
    ("ports", "0", "from 1 to 256"),
    ("ports", "-1", "from 1 to 256"),
    ("ports", "many", "from 1 to 256"),
    ("ports", "257", "256"),
    ("ports", "4294967297", "256"),
    ("queues", "0", "from 1 to 64"),
    ("queues", "65", "64"),
    ("queues", "2x", "from 1 to 64"),
    ("lane_size", "3M", "power of two"),
    ("lane_size", "4K", "power of two"),
    ("lane_size", "2G", "power of two"),
    ("lane_size", "1T", "power of two"),
    ("lane_size", "1MB", "power of two"),
    ("lane_size", "18446744073709551616", "power of two"),
    ("mode", "0999", "octal"),
    ("mode", "0200", "octal"),
    ("mode", "01600", "octal"),
    ("mode", "rw", "octal"),
    ("pause", "maybe", "on or off"),
    ("pause_timeout_ms", "-1", "milliseconds"),
    ("pause_timeout_ms", "1s", "milliseconds"),
    ("pause_timeout_ms", "4294967296", "milliseconds"),
    ("carrier", "pigeon", "bus or peer"),
    ("numa", "9999", "node"),
    ("numa", "here", "node"),
    ("unlink", "2", "on or off"),
    ("format", "tar", "auto, lanes or shmif"),
    ("mac", "b2:a0:00:00:00", "unicast address"),
    ("mac", "01:00:5e:00:00:01", "unicast address"),
    ("mac", "00:00:00:00:00:00", "unicast address"),
    ("colour", "blue", "no such device argument"),
    ("pth", "x", "there are path, format, mac, ports"),
    ("ports", "", "from 1 to 256"),
]


@pytest.mark.parametrize("key, value, words", DEVARGS,
                         ids=[f"{key}={value}" for key, value, _ in DEVARGS])
def test_devargs(pmd, make_bus, note, key, value, words):
    """A key that does not exist, or a value that makes no sense."""
    bus = make_bus()
    # numbers out of range are written as numbers, whatever unit they came in
    shown = "lane_size=" if key == "lane_size" else f"{key}={value}"
    note(refused(pmd, bus.vdev(9, **{key: value}), shown, words))
    assert not bus.exists(), "nothing may be created"


def test_key_twice(pmd, make_bus, note):
    bus = make_bus()
    note(refused(pmd, bus.vdev(9) + ",pause=on,pause=off", "pause=off", "twice"))
    assert not bus.exists()


def test_lanes_in_all(pmd, make_bus, note):
    """Each number may be right and their product too large."""
    bus = make_bus()
    note(refused(pmd, bus.vdev(9, ports=256, queues=64), bus.path, "ports=256", "queues=64",
                   "4096"))
    assert not bus.exists()


# Files


def a_text(path, _template):
    with open(path, "w", encoding="ascii") as f:
        f.write("all work and no play\n" * 100)


def three_bytes(path, _template):
    with open(path, "w", encoding="ascii") as f:
        f.write("SHM")


def zeros(path, _template):
    with open(path, "wb") as f:
        f.write(bytes(1 << 20))


def patched(off, data):
    def make(path, template):
        shutil.copyfile(template.path, path)
        with open(path, "r+b") as f:
            f.seek(off)
            f.write(data)
    return make


def truncated(path, template):
    shutil.copyfile(template.path, path)
    os.truncate(path, template.header()["file_size"] - 4096)


def header_only(path, template):
    with open(template.path, "rb") as f, open(path, "wb") as copy:
        copy.write(f.read(256))


def folder_there(path, _template):
    os.mkdir(path)


def link(path, template):
    os.symlink(template.path, path)


def dangling_link(path, _template):
    os.symlink(path + ".nowhere", path)


def fifo(path, _template):
    os.mkfifo(path)


FILES = [
    (a_text, ["not a shmbus bus file"]),
    (three_bytes, ["not a shmbus bus file", "3 bytes"]),
    (zeros, ["not a shmbus bus file"]),
    (patched(0, b"SHMBUS9\n"), ["not a shmbus bus file"]),
    (patched(8, struct.pack("=I", 7)), ["version 7", "versions 1 and 2"]),
    (patched(12, struct.pack("=I", 100000)), ["damaged", "100000"]),
    (patched(16, struct.pack("=I", 0)), ["damaged"]),
    (patched(24, struct.pack("=Q", 65537)), ["damaged", "65537"]),
    (patched(32, struct.pack("=Q", 1 << 63)), ["damaged"]),
    (patched(64, struct.pack("=Q", 0)), ["damaged"]),
    (patched(72, struct.pack("=Q", 1)), ["damaged"]),
    (truncated, ["truncated"]),
    (header_only, ["truncated", "256 bytes"]),
    (folder_there, ["directory"]),
    (link, ["symbolic link"]),
    (dangling_link, ["symbolic link"]),
    (fifo, ["not a regular file"]),
]


@pytest.mark.parametrize("make, words", FILES, ids=[
    "text", "3-bytes", "zeros", "magic", "version", "ports", "queues", "lane_size", "roster_off",
    "data_off", "file_size", "truncated", "header-only", "directory", "link", "dangling-link",
    "fifo"])
def test_file(pmd, folder, template, note, make, words):
    """The path leads to something that is not a bus, or not a whole one."""
    path = os.path.join(folder, "victim")
    make(path, template)
    before = fingerprint(path)
    note(refused(pmd, Bus(path).vdev(9), f"path={path}", *words).replace(folder, "..."))
    assert fingerprint(path) == before


@pytest.mark.parametrize("key, asked, found", [
    ("ports", "5", "ports=2"), ("queues", "3", "queues=1"), ("lane_size", "1M", "lane_size=65536")])
def test_contradiction(pmd, folder, template, note, key, asked, found):
    """A bus that has carried frames keeps its geometry; the line says that it may be removed."""
    with checker(template.vdev(), send=True, count=10) as tx:
        tx.result()
    before = fingerprint(template.path)
    wanted = f"{key}={asked}" if key != "lane_size" else "lane_size=1048576"
    note(refused(pmd, Bus(template.path).vdev(9, **{key: asked}), f"path={template.path}", wanted,
                 found, "no port is alive on it", "remove it").replace(folder, "..."))
    assert fingerprint(template.path) == before


def test_more_queues(pmd, folder):
    """What a user does who wants eight queues: the run that fails is no hindrance for the next one."""
    bus = Bus(os.path.join(folder, "bus"))
    with pytest.raises(ProcessError) as failed, testpmd(bus.vdev(), queues=8):
        pass
    assert re.search(r"nb_rx_queues=8 > 4|input rxq \(8\) can't be greater than max_rx_queues \(4\)", str(failed.value))
    # The same with the file that is there now: the driver says what it takes from it.
    with pytest.raises(ProcessError) as failed, testpmd(bus.vdev(), queues=8):
        pass
    assert f"4 queues: from the existing bus {bus.path}; no other port is alive on it" in str(failed.value)
    with testpmd(bus.vdev(0, queues=8), queues=8):
        output = pmd.cmd(f"port attach {bus.vdev(9)}")
        assert f"8 queues: from the existing bus {bus.path}; 1 other port is alive on it" in output
        pmd.detach(1)
        refused(pmd, bus.vdev(9, queues=4), "queues=4 contradicts", "1 port is alive on it")


def test_no_free_slot(pmd, template, note, folder):
    """As many live ports as there are slots; one goes, and there is room again."""
    with checker(template.vdev(), receive=True):
        with checker(template.vdev(), receive=True, on=1):
            note(refused(pmd, template.vdev(9), f"path={template.path}", "no free slot",
                           "ports=2").replace(folder, "..."))
        assert pmd.attach(template.vdev(9)) == 1
        pmd.detach(1)
    assert pmd.ports() == [0]


def test_no_directory(pmd, folder, note):
    path = os.path.join(folder, "missing", "bus")
    note(refused(pmd, Bus(path).vdev(9), f"path={path}", "directory does not exist")
           .replace(folder, "..."))
    assert not os.path.exists(os.path.dirname(path))


def test_not_a_directory(pmd, folder, template, note):
    path = os.path.join(template.path, "bus")
    note(refused(pmd, Bus(path).vdev(9), f"path={path}").replace(folder, "..."))


def test_device(pmd, note):
    """A device is not a file, and opening it does no harm."""
    note(refused(pmd, "net_shmbus9,path=/dev/null", "path=/dev/null", "not a regular file"))


def test_empty_path(pmd, note):
    note(refused(pmd, "net_shmbus9,path=", "path="))


def test_no_permission(folder, ordinary, template, note):
    """The file is somebody else's, and closed; or the folder is, and there is no file yet."""
    os.chmod(folder, 0o755)
    os.chmod(template.path, 0o400)
    if not ordinary.is_root:
        os.chmod(folder, 0o555)
    absent = os.path.join(folder, "absent")
    before = fingerprint(template.path)
    try:
        with testpmd("net_null0", **ordinary.process) as pmd:
            for path in (template.path, absent):
                note(refused(pmd, Bus(path).vdev(9), f"path={path}", "no permission")
                     .replace(folder, "..."))
    finally:
        os.chmod(folder, 0o755)
    assert fingerprint(template.path) == before
    assert not os.path.exists(absent)


@contextlib.contextmanager
def small_filesystem(kilobytes):
    """A tmpfs of this size, mounted; skips where that cannot be done."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small filesystem")
    path = tempfile.mkdtemp(prefix="shmbus-small-")
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", path],
                              stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        if done.returncode != 0:
            pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
        try:
            yield path
        finally:
            subprocess.run(["umount", path], check=True, timeout=60)
    finally:
        os.rmdir(path)


@pytest.mark.parametrize("kilobytes", [16, 256, 2048],
                         ids=["not-even-the-tables", "not-the-cursors", "not-the-lane"])
def test_no_space(pmd, note, kilobytes):
    """A full filesystem is an error at attach, not a crash later; the new file is gone again."""
    with small_filesystem(kilobytes) as path:
        bus = Bus(os.path.join(path, "bus"), lane_size="4M")
        note(refused(pmd, bus.vdev(9), f"path={bus.path}", "no space").replace(path, "..."))
        assert os.listdir(path) == []


def test_no_space_on_an_existing_bus(pmd, note):
    """The filesystem has no room for one more port: the bus goes on without it."""
    with small_filesystem(3 << 10) as path:
        bus = Bus(os.path.join(path, "bus"), ports=4, queues=1, lane_size="1M")
        with checker(bus.vdev(), receive=True) as rx, checker(bus.vdev(), receive=True, on=1):
            before = [slot.incarnation for slot in bus.slots()]
            note(refused(pmd, bus.vdev(9), f"path={bus.path}", "no space").replace(path, "..."))
            assert [slot.incarnation for slot in bus.slots()] == before
            assert rx.report()["port"]["ierrors"] == 0


def test_file_prepared_empty(pmd, folder, note):
    """An empty file is no bus yet; if it cannot become one it is empty afterwards."""
    path = os.path.join(folder, "empty")
    with open(path, "wb"):
        pass
    os.chmod(path, 0o640)
    note(refused(pmd, Bus(path).vdev(9, lane_size=100), f"path={path}", "lane_size=100")
           .replace(folder, "..."))
    assert os.stat(path).st_size == 0 and stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert pmd.attach(Bus(path).vdev(9)) == 1
    pmd.detach(1)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640, "whoever made the file chose its mode"


# At the start of an application


def fails_at_start(vdev, *words):
    """testpmd goes on without the port, after one line of ours that has all these words."""
    with testpmd(vdev, "net_null0", check_probe=False) as pmd:
        lines = ours(pmd.log)
        assert len(lines) == 1, f"expected one line, got {lines} in:\n{pmd.log}"
        for word in words:
            assert word in lines[0], f"'{word}' is not in '{lines[0]}'"
        assert re.search(r"probe failed|cannot be probed|Driver cannot attach|failed to (probe|init)",
                         pmd.log), pmd.log
        assert "net_shmbus" not in pmd.cmd("show port summary all")
    return lines[0]


def test_at_start(folder, template, note):
    """The same where the device is given on the command line."""
    path = os.path.join(folder, "text")
    a_text(path, template)
    before = fingerprint(path)
    note(fails_at_start(Bus(path).vdev(), f"path={path}", "not a shmbus bus file")
           .replace(folder, "..."))
    assert fingerprint(path) == before


@pytest.mark.parametrize("name", [
    pytest.param("x" * 300, id="name"), pytest.param("y/" * 2100 + "bus", id="path")])
def test_path_too_long(folder, note, name):
    path = os.path.join(folder, name)
    line = fails_at_start(Bus(path).vdev(), "path=" + path[:32])
    assert re.search(r"too long|less than \S+ bytes", line)
    assert len(line) < 400, "a long name is not repeated at length"
    note(line.replace(folder, "..."))
