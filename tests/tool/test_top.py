# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus top: rates of live ports, in a pipe and on a terminal."""

import json
import os
import pty
import re
import signal
import subprocess

import pytest
from apps import LOSSLESS, checker
from process import poll
from tool import LIMIT_S, program, read_until, shmbus, start


def top(path, *options):
    out, err = shmbus("top", "--once", "--json", "--interval", "0.5", *options, path)
    assert err == ""
    return json.loads(out)


def test_rates_are_what_the_port_counts(bus):
    with checker(bus.vdev(), receive=True) as rx, checker(bus.vdev(), send=True, id=1) as tx:
        rx.wait_until(lambda r: r["received"] > 0, "the first frames")
        before = tx.report()["sent"]
        told = top(bus.path)
        after = tx.report()["sent"]
        sender, = [port for port in told["ports"] if port["pid"] == tx.pid]
        receiver, = [port for port in told["ports"] if port["pid"] == rx.pid]
        seconds = told["interval_ns"] / 1e9
        assert 0 < sender["tx_pps"] * seconds <= after - before
        assert sender["tx_bps"] > 8 * 14 * sender["tx_pps"]
        assert receiver["rx_pps"] > 0 and receiver["rx_bps"] > 0
        assert sender["rx_pps"] == receiver["tx_pps"] == receiver["missed_pps"] == 0
        out, _ = shmbus("top", "--once", "-i", "0.2", bus.path)
        assert "lanes, 2 ports" in out
        heading, *rows = out.splitlines()[2:]
        assert heading.split() == "port name pid state tx pps bit/s rx pps bit/s missed".split()
        row, = [row for row in rows if f" {tx.pid} " in row]
        assert re.search(r" (up|dead) +[1-9][0-9.]*( [kMG])? +[1-9][0-9.]*( [kMG])? +0 +0 +0$", row)
        assert max(map(len, [heading, *rows])) <= 80
        assert "\x1b" not in out
        tx.stop()


def test_switch(make_bus):
    """What a port steps over has a column of its own, and a rate."""
    bus = make_bus(deliver="switch", **LOSSLESS)
    mac = "b2:a0:00:00:00:01"
    with checker(bus.vdev(mac=mac), receive=True) as owner, checker(bus.vdev(), receive=True) as other, \
            checker(bus.vdev(), send=True, on=1, to=mac) as tx:
        owner.wait_more("received", 1000)
        told = {port["pid"]: port for port in top(bus.path)["ports"]}
        assert told[owner.pid]["rx_pps"] > 0 and told[owner.pid]["skipped_pps"] == 0
        assert told[other.pid]["rx_pps"] == 0 and told[other.pid]["skipped_pps"] > 0
        # On a busy machine the receiver may not run at all during one interval.
        for _ in range(100):
            out, _ = shmbus("top", "--once", "-i", "0.2", bus.path)
            heading, *rows = out.splitlines()[2:]
            row, = [row for row in rows if f" {other.pid} " in row]
            shown = re.search(r" up +0 +0 +0 +0 +0 +[1-9][0-9.]*( [kMG])?$", row)
            if shown:
                break
        assert shown, row
        assert heading.split()[-3:] == ["bit/s", "missed", "skipped"]
        assert {len(line) for line in (heading, *rows)} == {80}
        tx.stop()


def test_quiet_bus(bus):
    with checker(bus.vdev(), receive=True) as rx:
        port, = top(bus.path)["ports"]
        assert (port["pid"], port["state"], port["rx_pps"]) == (rx.pid, "up", 0)


def test_shmif(make_bus):
    bus = make_bus(format="shmif")
    with checker(bus.vdev(), receive=True), checker(bus.vdev(), send=True, id=1) as tx:
        tx.wait_until(lambda r: r["sent"] > 0, "the first frames")
        assert top(bus.path)["ring_bps"] > 0
        assert "ring  " in shmbus("top", "-1", "-i", "0.2", bus.path)[0]
        tx.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ends_when_asked(bus, how):
    shmbus("create", bus.path)
    with start("top", "--json", "-i", "0.01", bus.path) as running:
        for _ in range(3):
            json.loads(running.stdout.readline())
        running.send_signal(how)
        _, err = running.communicate(timeout=LIMIT_S)
        assert (running.returncode, err) == (0, b"")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_once_is_stopped(bus, how):
    """It has printed nothing, and so has failed."""
    shmbus("create", bus.path)
    with start("top", "--once", "--interval", "3600", bus.path) as running:
        def catches():
            with open(f"/proc/{running.pid}/status", encoding="ascii") as f:
                caught = int(re.search(r"^SigCgt:\s*(\S+)$", f.read(), re.M).group(1), 16)
            return caught >> (how - 1) & 1
        poll(catches, "the signal's handler")
        running.send_signal(how)
        out, err = running.communicate(timeout=LIMIT_S)
    assert (running.returncode, out) == (1, b"")
    assert b"stopped before the end of the interval" in err


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_cut_bus(make_bus, fmt):
    """A bus that becomes shorter is gone, and nothing more is told of it."""
    bus = make_bus()
    shmbus("create", bus.path, "--format", fmt)
    with start("top", "--json", "-i", "0.01", bus.path) as running:
        json.loads(running.stdout.readline())
        os.truncate(bus.path, 0)
        _, err = running.communicate(timeout=LIMIT_S)
    assert running.returncode == 1
    assert f"path={bus.path}: the bus is gone: its file was truncated to 0 of " in err.decode()


def test_nobody_reads(bus):
    shmbus("create", bus.path)
    with start("top", "-i", "0.01", bus.path) as running:
        running.stdout.readline()
        running.stdout.close()
        running.wait(timeout=LIMIT_S)
        assert running.returncode in (1, -signal.SIGPIPE)


def test_terminal(bus):
    shmbus("create", bus.path)
    ours, theirs = pty.openpty()
    with subprocess.Popen([program(), "top", "-i", "0.05", bus.path], stdin=theirs, stdout=theirs,
                          stderr=theirs) as running:
        os.close(theirs)
        read_until(ours, b"\x1b[H\x1b[J")
        read_until(ours, b"\x1b[H\x1b[J")  # refreshed in place
        os.write(ours, b"q")
        running.wait(timeout=LIMIT_S)
        assert running.returncode == 0
    os.close(ours)


@pytest.mark.parametrize("interval", ["0", "-1", "x", "1e9"])
def test_wrong_interval(bus, interval):
    _, err = shmbus("top", f"--interval={interval}", bus.path, status=2)
    assert f"--interval: '{interval}' is not right; expected seconds from 0.01 to 3600" in err
