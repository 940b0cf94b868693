# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Time goes wrong: clocks that are set, clocks that differ, processes that stand still."""

import contextlib
import ctypes
import os
import subprocess
import sys

import pytest
from apps import LOSSLESS, checker, preloaded, scaled
from checker import xstat

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "format"))

from shmif_file import Shmif  # noqa: E402

TIMEOUT_MS = 300


@pytest.mark.parametrize("who", ["sender", "receiver"])
def test_clock_is_set(bus, counts, who):
    """Timestamps jump by years, back and forth; no frame is lost or held up by that."""
    count = scaled(300_000, least=20_000)
    env = {"sender": {}, "receiver": {}}
    env[who] = {"env": preloaded("clock-jumper")}
    with checker(bus.vdev(), receive=True, **env["receiver"]) as rx, \
            checker(bus.vdev(), send=True, on=1, count=count, **env["sender"]) as tx:
        assert tx.result()["sent"] == count
        got = rx.finish()
    assert got["received"] == got["port"]["ipackets"] == count
    counts(f"sent and received {count}")


def stopped_in_turn(bus, stop, go_on, kwargs):
    """A receiver stands still longer than it is waited for, then the sender does."""
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(checker(bus.vdev(), receive=True, on=0, **kwargs))
        other = stack.enter_context(checker(bus.vdev(), receive=True, on=0))
        tx = stack.enter_context(checker(bus.vdev(), send=True, on=1))
        rx.wait_more("received", 10_000)
        timeouts = xstat(tx.report(), "tx_pause_timeouts")
        stop(rx)
        tx.wait_until(lambda r: xstat(r, "tx_pause_timeouts") > timeouts,
                      "the sender to give the stopped receiver up")
        other.wait_more("received", 10_000)
        go_on(rx)
        rx.wait_more("received", 10_000)
        stop(tx)
        go_on(tx)
        tx.wait_more("sent", 10_000)
        sent = tx.finish()
        got = [rx.finish(), other.finish()]
    for r in got:
        assert r["received"] + r["port"]["imissed"] == sent["sent"]
        # between frames that it received, and before the first of them
        assert r["missing"] + r["streams"][0]["first"] == r["port"]["imissed"]
        assert r["port"]["ierrors"] == 0
    return f"sent {sent['sent']}, received {[r['received'] for r in got]}"


def test_clocks_of_containers(make_bus, counts):
    """A receiver in a time namespace, whose monotonic clock is days ahead."""
    ahead = ["unshare", "--time", "--monotonic", "1000000"]
    probe = subprocess.run([*ahead, "cat", "/proc/uptime", "/proc/self/timens_offsets"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                           timeout=60)
    if probe.returncode != 0 or " 1000000 " not in probe.stdout:
        pytest.skip(f"no time namespace can be had: {probe.stderr.strip() or probe.stdout}")
    bus = make_bus(pause_timeout_ms=TIMEOUT_MS)
    counts(stopped_in_turn(bus, lambda p: p.freeze(), lambda p: p.thaw(), {"wrapper": ahead}))


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


class Debugger:
    """Stops all threads of a process as a debugger does, without a signal."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.threads = []

    def _ptrace(self, request, tid):
        if self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(tid), None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace request {request:#x}")

    def stop(self, process):
        for tid in map(int, os.listdir(f"/proc/{process.pid}/task")):
            try:
                self._ptrace(PTRACE_SEIZE, tid)
            except PermissionError:
                pytest.skip("no process may be traced here")
            self.threads.append(tid)
            self._ptrace(PTRACE_INTERRUPT, tid)
            os.waitpid(tid, WALL)

    def go_on(self, _process):
        while self.threads:
            self._ptrace(PTRACE_DETACH, self.threads.pop())


def test_debugger(make_bus, counts):
    """A port in the hands of a debugger is a stopped one like any other."""
    debugger = Debugger()
    bus = make_bus(pause_timeout_ms=TIMEOUT_MS)
    counts(stopped_in_turn(bus, debugger.stop, debugger.go_on, {}))


def freeze_without_lock(port, path, number):
    """Stop the port of this number at a moment when it does not have the lock of the bus."""
    with Shmif(path) as bus:
        for _ in range(100):
            port.freeze()
            if bus.spare & 0xff != number:
                return
            port.thaw()
    port.fail("had the lock whenever it was stopped")


def test_stopped_on_shmif(make_bus, counts):
    """On a shmif bus nobody waits for a stopped port, unless it stopped with the lock."""
    bus = make_bus(format="shmif", lock_break_ms=0)
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(checker(bus.vdev(), receive=True, on=0))
        stopped = stack.enter_context(checker(bus.vdev(), send=True, on=1, id=1, lengths="60-1514"))
        other = stack.enter_context(checker(bus.vdev(), send=True, on=0, id=2, lengths="60-1514"))
        rx.wait_more("received", 1000)
        freeze_without_lock(rx, bus.path, number=1)  # the first port on the bus
        other.wait_more("sent", 5000)
        rx.thaw()
        rx.wait_more("received", 1000)
        for number in range(scaled(20, least=3)):
            stopped.wait_more("sent", 100 + number)
            stopped.freeze()
            stopped.thaw()
            other.wait_more("sent", 500)
        for port in (stopped, other):
            port.write("stop\n")
        sent = [stopped.result(), other.result()]
        got = rx.finish()
    assert got["received"] + got["missing"] <= sum(s["sent"] for s in sent)
    assert (got["damaged"], got["stale"], got["port"]["ierrors"]) == (0, 0, 0)
    for end in (*sent, got):
        assert xstat(end, "lock_broken_own_kind") == xstat(end, "lock_broken_foreign") == 0
    counts(f"sent {[s['sent'] for s in sent]}, received {got['received']}")


PORTS = 8


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_more_ports_than_cpus(make_bus, counts, fmt):
    """Eight that never sleep on two CPUs: slower, and as right as ever."""
    lanes = fmt == "lanes"
    # all that is sent fits into a shmif ring
    count = scaled(20_000, least=2000) if lanes else 500
    bus = make_bus(format=fmt, **(LOSSLESS if lanes
                                          else {"lock_break_ms": 0}))
    with contextlib.ExitStack() as stack:
        ports = []
        for i in range(PORTS):
            port = checker(bus.vdev(), send=True, receive=True, on=i % 2, id=i, count=count,
                           lengths="60-120", mbufs=1024, wait=True)
            stack.callback(port.close, check=False, graceful=False)
            ports.append(port.begin())
        for port in ports:
            port.start()
        for port in ports:
            port.go()
        for i, port in enumerate(ports):
            port.wait_until(lambda r: r["sent"] == count and r["received"] == (PORTS - 1) * count,
                            f"port {i} to send and hear everything", timeout=300)
        got = [port.finish() for port in ports]
    for i, r in enumerate(got):
        assert [s["id"] for s in r["streams"]] == [j for j in range(PORTS) if j != i]
        for s in r["streams"]:
            assert (s["first"], s["next"], s["frames"]) == (0, count, count)
        assert r["damaged"] == r["stale"] == r["port"]["imissed"] == r["port"]["ierrors"] == 0
    counts(f"each of {PORTS} sent {count} and received {(PORTS - 1) * count}")
