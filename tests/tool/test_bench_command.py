# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus bench: what it prints can be read, its sums agree, it leaves nothing behind. No rates."""

import csv
import io
import json
import os
import re
import signal

import pytest
from process import poll
from tool import LIMIT_S, shmbus, start

SHORT = ("--seconds", "0.02", "--runs", "2")


def bench(*options):
    out, _ = shmbus("bench", *SHORT, "--json", *options)
    return json.loads(out)


def test_leaves_nothing():
    with start("bench", *SHORT, "--size", "64") as running:
        running.communicate(timeout=LIMIT_S)
        assert running.returncode == 0
    assert not os.path.exists(f"/dev/shm/shmbus-bench-{running.pid}")


@pytest.mark.parametrize("options", [
    (), ("--zero-copy",), ("--no-pause", "--lane-size", "64K"), ("-n", "2", "-m", "2"),
    ("--format", "shmif"), ("--zero-copy", "--no-pause", "--lane-size", "64K", "-b", "256"),
])
def test_sums_agree(options):
    """On shmif missed is a difference; that it may be one the bench itself finds out (test_account.c)."""
    senders_wait = "--no-pause" not in options and "shmif" not in options
    receivers = 2 if "-m" in options else 1
    told = bench("--check", "--size", "64,900", *options)
    assert [size["size"] for size in told["sizes"]] == [64, 900]
    for size in told["sizes"]:
        assert len(size["runs"]) == 2
        for run in size["runs"]:
            assert run["sent"] > 0 and run["received"] > 0
            assert run["received"] + run["missed"] == run["sent"] * receivers
            if senders_wait:
                assert run["missed"] == 0
        low, high = sorted(run["rx_pps"] for run in size["runs"])
        assert size["rx_pps"] == pytest.approx((low + high) / 2, rel=1e-6)
        assert size["rx_gbps"] == pytest.approx(size["rx_pps"] * size["size"] * 8 / 1e9, rel=1e-6)


def check_sums(told, rates):
    for run in rates["runs"]:
        assert run["sent"] > 0 and run["received"] + run["missed"] == run["sent"]
    low, high = sorted(run["rx_pps"] for run in rates["runs"])
    assert rates["rx_pps"] == pytest.approx((low + high) / 2, rel=1e-6)
    assert told["zero_copy"] is True


@pytest.mark.parametrize("options", [(), ("--format", "shmif"), ("-b", "256"), ("--no-pause", )])
def test_zero_copy(options):
    """Each run is made in both ways, and the ratio is that of the medians."""
    told = bench("--zero-copy", "--check", "--size", "64,900", *options)
    for size in told["sizes"]:
        copied = size["copied"]
        assert size["size"] == copied["size"] and len(size["runs"]) == len(copied["runs"]) == 2
        check_sums(told, size)
        check_sums(told, copied)
        assert size["in_place_to_copied"] == pytest.approx(size["rx_pps"] / copied["rx_pps"])
    plain = bench("--size", "64")
    assert plain["zero_copy"] is False and "copied" not in plain["sizes"][0]


def test_zero_copy_in_text():
    out, _ = shmbus("bench", *SHORT, "--zero-copy", "--size", "64,900")
    assert "frames written and read whole" in out and "in place : copied" in out
    row, = re.findall(r"^  900 +([\d.]+) +\(.*?\) +([\d.]+) +\(.*?\) +([\d.]+)$", out, re.MULTILINE)
    copied, in_place, ratio = map(float, row)
    assert ratio == pytest.approx(in_place / copied, abs=0.02)
    out, _ = shmbus("bench", *SHORT, "--zero-copy", "--csv", "--size", "64")
    head, *rows = csv.reader(io.StringIO(out))
    assert head == RUN + ["way"]
    assert [(row[5], row[-1]) for row in rows] == [
        ("1", "copied"), ("1", "in place"), ("2", "copied"), ("2", "in place")]


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_latency(fmt):
    # As long as it takes, should there be no CPU for one of them in a short run.
    for seconds in ("0.05", "0.5", "5", "50"):
        size, = bench("--latency", "--size", "64", "--format", fmt, "-t", seconds)["sizes"]
        if size["one_way"]["frames"] > 0 and size["round_trip"]["frames"] > 0:
            break
    for way in ("one_way", "round_trip"):
        found = size[way]
        assert found["frames"] > 0
        order = [found[key] for key in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "max_ns")]
        # A percentile may be too high by a step, not by more.
        assert order[0] <= 1.016 * order[1] and order[1:] == sorted(order[1:])
    assert size["round_trip"]["min_ns"] > size["one_way"]["min_ns"] > 0


RUN = ["format", "senders", "receivers", "burst", "size", "run", "tx_pps", "rx_pps", "rx_gbps",
       "sent", "received", "missed"]
TIMES = ["frames", "min_ns", "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "max_ns"]


@pytest.mark.parametrize("ways", [(), ("one_way", "round_trip")])
def test_csv(ways):
    """One table, whatever was measured; the latencies of a size stand with each of its runs."""
    out, _ = shmbus("bench", *SHORT, "--csv", "--size", "64,128", *(["--latency"] if ways else []))
    head, *rows = csv.reader(io.StringIO(out))
    assert head == RUN + [f"{way}_{key}" for way in ways for key in TIMES]
    assert {len(row) for row in rows} == {len(head)}
    rows = [dict(zip(head, row)) for row in rows]
    assert [(row["size"], row["run"]) for row in rows] == [
        ("64", "1"), ("64", "2"), ("128", "1"), ("128", "2")]
    assert all(int(row["received"]) + int(row["missed"]) == int(row["sent"]) for row in rows)
    for first, second in (rows[:2], rows[2:]):
        for way in ways:
            keys = [f"{way}_{key}" for key in TIMES]
            assert [int(first[key]) for key in keys] == [int(second[key]) for key in keys]


def test_table():
    out, _ = shmbus("bench", *SHORT, "--size", "64", "--latency")
    assert "lanes, 1 sender, 1 receiver, bursts of 32, copying receive; medians of 2 runs" in out
    assert "   64  " in out and "Mpps" in out and "one way" in out and "round trip" in out


def test_more_processes_than_cpus_is_told():
    cpu = min(os.sched_getaffinity(0))
    _, err = shmbus("bench", *SHORT, "--size", "64", "--cpus", cpu)
    assert err == ("shmbus bench: 2 processes share 1 CPU, so the scheduler affects the "
                   "results\n")


def test_path_of_ones_own(folder):
    path = os.path.join(folder, "bus")
    shmbus("bench", *SHORT, "--size", "64", path)
    assert not os.path.exists(path)
    with open(path, "w", encoding="ascii") as f:
        f.write("mine")
    _, err = shmbus("bench", path, status=1)
    assert f"path={path}: already exists and was not changed" in err
    with open(path, encoding="ascii") as f:
        assert f.read() == "mine"


def wait_for_workers(running, path):
    """Their process numbers, when both have opened the bus: then its file goes."""
    def workers():
        with open(f"/proc/{running.pid}/task/{running.pid}/children", encoding="ascii") as f:
            found = [int(pid) for pid in f.read().split()]
        return found if len(found) == 2 and not os.path.exists(path) else None
    # Between the two there may be a moment before the file is made.
    poll(lambda: os.path.exists(path) or workers(), "the bus")
    return poll(workers, "the workers to begin")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped(folder, how):
    path = os.path.join(folder, "bus")
    with start("bench", "--seconds", "3600", path) as running:
        children = wait_for_workers(running, path)
        running.send_signal(how)
        _, err = running.communicate(timeout=LIMIT_S)
        assert running.returncode == (-how if how == signal.SIGKILL else 1)
        assert how == signal.SIGKILL or b"stopped" in err
    poll(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), "the workers' end")
    assert not os.path.exists(path)


def test_worker_that_dies(folder):
    path = os.path.join(folder, "bus")
    with start("bench", "--seconds", "3600", path) as running:
        os.kill(wait_for_workers(running, path)[1], signal.SIGKILL)
        _, err = running.communicate(timeout=LIMIT_S)
        assert running.returncode == 1
        assert b"process 1 died: Killed" in err


@pytest.mark.parametrize("options, said", [
    (("--senders", "0"), "--senders: '0'"),
    (("--size", "64,13"), "--size: '64,13'"),
    (("--cpus", "100000"), "--cpus: '100000'"),
    (("--burst", "257"), "--burst: '257'"),
    (("--json", "--csv"), "--json and --csv are two formats; expected one of them"),
    (("--json=3",), "'--json=3': this option takes no value"),
])
def test_usage(options, said):
    _, err = shmbus("bench", *options, status=2)
    assert said in err


def test_frame_too_long_for_the_format():
    _, err = shmbus("bench", *SHORT, "--format", "shmif", "--size", "1515", status=1)
    assert "a frame of 1515 bytes; from 14 to 1514 are possible" in err
