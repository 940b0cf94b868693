# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus info: of live buses, of buses without ports, and of NetBSD's buses."""

import contextlib
import json
import os
import re
import signal
import struct
import subprocess
import sys

import eal
import pytest
from apps import LOSSLESS, checker
from checker import xstat
from rounds import rounds
from tool import LIMIT_S, program, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import lanes_file as lf  # noqa: E402
import shmif_file as sf  # noqa: E402
import shmif_samples  # noqa: E402
from lanes_port import Member  # noqa: E402

MOST = (1 << 63) - 1  # the highest number in the JSON


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
        slot, columns = re.search(r"^ +(\d+) .* b2:a0:00:00:00:01 +0/1 +(.*)$", out, re.M).groups()
        assert re.fullmatch("up +on", columns)
        assert re.search(rf"^ +{slot} +0 +0 bytes +{sent} +[1-9][0-9.]* [KMG]iB +0$", out, re.M)
        assert max(map(len, out.splitlines()[1:])) <= 80
        rx.kill()
    dead = port_of(info(bus.path), port["pid"])
    assert (dead["state"], dead["alive"]) == ("dead", False)
    assert " dead " in shmbus("info", bus.path)[0]


@pytest.mark.parametrize("deliver", ["hub", "switch"])
def test_counters_go_on(make_bus, deliver):
    """The counters are the slot's, in both directions: its owners die or leave, and the next continue."""
    bus = make_bus(deliver=deliver, ports=3, **LOSSLESS)
    mac = "b2:a0:00:00:00:01"
    numbers = [("rx_frames", "rx_skipped", "tx_frames")]
    with contextlib.ExitStack() as stack:
        sender = stack.enter_context(checker(bus.vdev(), receive=True, send=True, id=7, to=mac))
        sender.wait_more("sent", 100)
        for number, leaves in enumerate((False, True, True)):
            with checker(bus.vdev(mac=mac), receive=True, send=True, on=1, count=500, id=number) as port:
                port.wait_until(lambda r: r["received"] >= 500 and r["sent"] == 500, "500 frames")
                own = port_of(info(bus.path), port.pid)
                numbers.append([own[key] for key in numbers[0]])
                slot = own["slot"]
                if leaves:
                    # it ends when no frames come any more
                    sender.signal(signal.SIGSTOP)
                    port.stop()
                    sender.signal(signal.SIGCONT)
                else:
                    port.kill()
        sender.stop()
    assert slot == 1
    for before, now in zip(numbers[1:], numbers[2:]):
        assert now[0] >= before[0] + 500 and now[2] == before[2] + 500, numbers


@pytest.mark.parametrize("deliver", ["hub", "switch"])
def test_eighty_columns(make_bus, deliver):
    """Also with large numbers, as after weeks of traffic; only a path may be longer."""
    bus = make_bus(ports=4, queues=1, lane_size="64K", deliver=deliver)
    geo = lf.Geometry(4, 1, 1 << 16, switch=deliver == "switch")
    with checker(bus.vdev(), receive=True) as rx:
        with checker(bus.vdev(), send=True, count=1000, id=7) as tx:
            sent = tx.result()["sent"]
        rx.wait_until(lambda r: r["received"] == sent, "all frames")
        lane, = info(bus.path)["lanes"]
        with open(bus.path, "r+b") as f:
            # frames, bytes, missed and skipped of the receiver's cursor, which only new frames change
            f.seek(geo.cursor_off + lf.CURSOR_SIZE * (rx_slot(bus, rx) * geo.lanes + lane["lane"]) + 16)
            f.write(struct.pack("=QQQQ", 10**14, 10**16, 10**14, 2 * 10**14))
        out, _ = shmbus("info", bus.path)
        assert str(10**14) in out
        assert max(map(len, out.splitlines()[1:])) <= 80, out
        assert (deliver == "switch") == (str(2 * 10**14) in out)
        out, _ = shmbus("top", "--once", "-i", "0.1", bus.path)
        assert max(map(len, out.splitlines()[1:])) <= 80, out


def rx_slot(bus, process):
    return port_of(info(bus.path), process.pid)["slot"]


def test_switch(make_bus):
    """Frames for another port are skipped, and received by that port alone."""
    bus = make_bus(deliver="switch", **LOSSLESS)
    macs = [f"b2:a0:00:00:00:{i:02x}" for i in range(2)]
    with contextlib.ExitStack() as stack:
        owner, other = [stack.enter_context(checker(bus.vdev(mac=mac), receive=True, on=i))
                        for i, mac in enumerate(macs)]
        with checker(bus.vdev(), send=True, count=1000, id=7, to=macs[0]) as tx:
            sent = tx.result()["sent"]
        owner.wait_until(lambda r: r["received"] == sent, "all frames")
        other.wait_until(lambda r: xstat(r, "rx_skipped") == sent, "the others' frames")
        told = info(bus.path)
        assert (told["version"], told["deliver"]) == (2, "switch")
        found = [(port["rx_frames"], port["rx_skipped"], port["rx_missed"])
                 for port in (port_of(told, owner.pid), port_of(told, other.pid))]
        assert found == [(sent, 0, 0), (0, sent, 0)]
        out, _ = shmbus("info", bus.path)
        assert "deliver  switch\n" in out
        table = out.partition("skipped    (frames for other ports)\n")[2].splitlines()[:2]
        assert table == [f"{rx_slot(bus, owner):4}  {0:15}", f"{rx_slot(bus, other):4}  {sent:15}"]


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


def integers(told):
    """All integers of a JSON value."""
    if isinstance(told, dict):
        told = list(told.values())
    if isinstance(told, list):
        return [number for one in told for number in integers(one)]
    return [told] if isinstance(told, int) and not isinstance(told, bool) else []


def top(path):
    return json.loads(shmbus("top", "--once", "-i", "0.01", "--json", path)[0])


@pytest.mark.parametrize("look", [info, top])
def test_counters_beyond_63_bits(folder, look):
    """Whoever may write the file may write any 64 bits; the JSON ends at 2^63 - 1, and is never negative."""
    path = os.path.join(folder, "bus")
    with Member(path, lf.Geometry(ports=2, queues=1, lane_size=1 << 16)) as one:
        one.start(1, 1)
        one.lane(0).send([bytes(60)])
        geo, slot = one.geo, one.slot
        for off in (geo.port(slot) + lf.P_INCARNATION, geo.port(slot) + lf.P_ATTACHED,
                    geo.lane(slot) + lf.L_BYTES, geo.lane(slot) + lf.L_PAUSES,
                    geo.cursor(slot, 0, 1 - slot) + lf.C_FRAMES,
                    geo.cursor(slot, 0, 1 - slot) + lf.C_MISSED):
            one.bus.u64[off // 8] = (1 << 64) - 5
        told = look(path)
    port, = told["ports"]
    lane, = told["lanes"]
    assert [port[key] for key in ("owners", "attached_ns", "tx_bytes", "tx_pauses", "rx_frames",
                                  "rx_missed")] + [lane["bytes"], lane["pauses"]] == [MOST] * 8
    assert min(integers(told)) >= 0


@pytest.mark.parametrize("look", [info, top])
def test_shmif_words_beyond_63_bits(folder, look):
    path = os.path.join(folder, "bus")
    shmif_samples.write_sample("wrapped", path)
    with open(path, "r+b") as f:
        f.seek(sf.O_GEN)
        f.write(struct.pack("=Q", (1 << 64) - 1))
    told = look(path)
    assert told["gen"] == MOST and min(integers(told)) >= 0


@pytest.mark.parametrize("name, told", [
    (b"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8c", "caf\u00e9 \u20ac \U0001f40c"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    (b"caf\xe9", "caf\ufffd"),
    (b"\xe2\x82", "\ufffd\ufffd"),
    (b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf", "\ufffd" * 9),  # not the shortest form
    (b"\xed\xa0\x80\xed\x9f\xbf\xf4\x90\x80\x80\xf4\x8f\xbf\xbf", "\ufffd\ufffd\ufffd\ud7ff"
     "\ufffd\ufffd\ufffd\ufffd\U0010ffff"),
    (b"\x1b[2J\"\\", "\x1b[2J\"\\"),
])
def test_path_of_any_bytes(folder, name, told):
    """JSON is UTF-8, which a path need not be."""
    path = os.path.join(os.fsencode(folder), name)
    shmbus("create", path.decode("utf-8", "surrogateescape"))
    for command in (["info"], ["check"], ["top", "--once", "-i", "0.01"]):
        done = subprocess.run([program(), *command, "--json", path], capture_output=True, check=True,
                              timeout=LIMIT_S)
        assert json.loads(done.stdout.decode())["path"] == f"{folder}/{told}"
        assert done.stderr == b"" and b"\x1b" not in done.stdout


def test_file_is_replaced(folder):
    """By a bus of the other format, again and again: each look finds one bus or the other.

    Unless the file is always replaced before the command has looked at it, which is said.
    """
    path = os.path.join(folder, "bus")
    for fmt in ("lanes", "shmif"):
        shmbus("create", "--format", fmt, f"{path}.{fmt}")
    os.link(f"{path}.lanes", path)
    script = (f"import itertools, os\nfor fmt in itertools.cycle(('shmif', 'lanes')):\n"
              f"    os.link('{path}.' + fmt, '{path}.next')\n"
              f"    os.replace('{path}.next', '{path}')\n")
    found = set()
    with subprocess.Popen([sys.executable, "-c", script]) as other:
        try:
            looks = 0
            while looks < rounds(300, 60) or (len(found) < 2 and looks < 1000):
                looks += 1
                done = subprocess.run([program(), "info", "--json", path], text=True, check=False,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      timeout=LIMIT_S)
                if done.returncode == 1:
                    assert done.stderr.endswith("create and remove it too fast; try again\n")
                else:
                    assert (done.returncode, done.stderr) == (0, "")
                    found.add(json.loads(done.stdout)["format"])
        finally:
            other.kill()
    assert found == {"lanes", "shmif"}
