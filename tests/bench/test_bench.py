# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The bench counts what it says it counts, and chooses samples by their labels alone.

No test here looks at a rate.
"""

import json
import os
import re
import subprocess
import sys

import builddir
import eal
import netns
import pytest
import tool
from rounds import rounds

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import links  # noqa: E402
import machine  # noqa: E402
import streams  # noqa: E402
import throughput  # noqa: E402

BENCH = os.path.join(eal.ROOT, "scripts", "bench")


def bench(*args, status=0):
    """Run scripts/bench; what it printed."""
    found = subprocess.run([BENCH, "--builddir", builddir.folder(), *map(str, args)], text=True,
                           check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=500)
    assert found.returncode == status, found.stdout + found.stderr
    if status == 0:
        assert found.stderr == "", "nobody is watching, so there is no progress to show"
    return found.stdout + found.stderr


class FakeDistance(machine.Distance):
    """Readings without a machine."""

    def __init__(self, *readings):
        super().__init__((0, 1), "/nonexistent")
        self.readings = list(readings)


def fake_bench(samples, distance, names=("shmbus", "memif")):
    result = throughput.Bench([links.LINKS[name] for name in names], [64], eal.NO_HUGE, (0, 1),
                              "/nonexistent", distance, 1, 1)
    result.samples = [throughput.Sample(link=link, memory="no-huge", size=64, round=i, mpps=mpps,
                                        sent=1000, lost=lost, missed=0, share=share, distance=dist)
                      for i, (link, mpps, lost, share, dist) in enumerate(samples)]
    return result


def test_median():
    assert machine.median([3, 1, 2]) == 2
    assert machine.median([4, 1, 3, 2]) == 2.5
    assert machine.median([7]) == 7


def test_near_is_what_is_usual_among_the_nearest():
    distance = FakeDistance(*[8.5] * 30, *[31.0] * 60, 2.5)
    assert distance.near == 8.5
    assert distance.is_near(8.3) and distance.is_near(9.9)
    assert not distance.is_near(31.0) and distance.is_far(31.0)
    # The two halves of one core are neither near nor far.
    assert not distance.is_near(2.5) and not distance.is_far(2.5)


def test_without_a_distance_everything_counts():
    distance = FakeDistance()
    assert not distance.available and distance.read() is None
    assert distance.is_near(None) and not distance.is_far(None)


def test_samples_are_chosen_by_their_labels():
    near, far = (8.5, 8.5), (31.0, 31.0)
    distance = FakeDistance(*[8.5] * 30, *[31.0] * 60)
    result = throughput.summary(fake_bench([
        ("shmbus", 40.0, 0, 0.99, near), ("shmbus", 44.0, 0, 0.99, near),
        ("shmbus", 42.0, 0, 1.00, near), ("shmbus", 14.0, 0, 1.00, far),
        ("shmbus", 99.0, 5, 0.50, near), ("shmbus", 98.0, 0, 1.00, (8.5, 31.0)),
        ("memif", 20.0, 0, 1.0, near), ("memif", 7.0, 2, 1.0, far),
    ], distance))
    shmbus, memif = result
    assert list(shmbus)[:5] == ["link", "frame_size", "rx_mpps", "lost", "ratio_to_memif"]
    assert (shmbus["link"], shmbus["frame_size"], shmbus["rx_mpps"]) == ("shmbus", 64, 42.0)
    assert (shmbus["chosen"], shmbus["chosen_samples"]) == ("good", 3)
    assert shmbus["lost"] == 5, "a lost frame counts in whatever sample it was lost"
    assert shmbus["ratio_to_memif"] == 2.1 and memif["ratio_to_memif"] == 1.0
    assert (shmbus["far_mpps"], shmbus["far_ratio_to_memif"]) == (14.0, 2.0)
    assert memif["lost"] == 2
    text = throughput.table(result, [links.LINKS["shmbus"], links.LINKS["memif"]])
    assert "2.10" in text and "good conditions" not in text


@pytest.mark.parametrize("memif, chosen, ratio, words", [
    # Only the other link has a good sample: both are judged by what they did far apart.
    ((5.0, 1.0, (31.0, 31.0)), "far", 2.8, "the CPUs were far apart"),
    ((5.0, 1.0, (8.5, 31.0)), "undisturbed", 5.4, "came near each other and parted again"),
    ((5.0, 0.5, (8.5, 8.5)), "all", 5.4, "something else ran on the CPUs"),
])
def test_like_is_compared_with_like(memif, chosen, ratio, words):
    distance = FakeDistance(*[8.5] * 30, *[31.0] * 60)
    mpps, share, labels = memif
    result = throughput.summary(fake_bench([
        ("shmbus", 40.0, 0, 1.0, (8.5, 8.5)), ("shmbus", 14.0, 0, 1.0, (31.0, 31.0)),
        ("memif", mpps, 0, share, labels)], distance))
    assert [entry["chosen"] for entry in result] == [chosen] * 2
    assert result[0]["ratio_to_memif"] == ratio
    text = throughput.table(result, [links.LINKS["shmbus"], links.LINKS["memif"]])
    assert "not under good conditions" in text and words in text


@pytest.mark.parametrize("vendor, family, model, name", [
    ("AuthenticAMD", 25, 0x01, "Zen 3"), ("AuthenticAMD", 25, 0x11, "Zen 4"),
    ("AuthenticAMD", 26, 0x02, "Zen 5"), ("AuthenticAMD", 23, 0x31, "Zen 2"),
    ("AuthenticAMD", 99, 0, ""), ("GenuineIntel", 6, 143, "")])
def test_generation(vendor, family, model, name):
    assert machine.generation(vendor, family, model) == name


def test_memif_devices_are_a_pair():
    for sender, first in (("client", "receiver"), ("server", "sender")):
        link = links.memif(sender=sender)
        devices = [link.vdev(side, dir="/d") for side in ("sender", "receiver")]
        assert f"role={sender}" in devices[0]
        assert devices[1] == devices[0].replace(
            f"role={sender}", f"role={'server' if sender == 'client' else 'client'}")
        assert link.order()[0] == first


def test_virtio_finds_the_socket_of_vhost():
    """The process that makes the socket is there first."""
    for name, maker in (("vhost", "receiver"), ("vhost-sends", "sender")):
        link = links.MORE_LINKS[name]
        other = link.order()[1]
        assert link.order()[0] == maker
        made = re.fullmatch(r"net_vhost0,iface=(/d/\S+),queues=1", link.vdev(maker, dir="/d"))
        assert link.vdev(other, dir="/d") == f"net_virtio_user0,path={made.group(1)},queues=1"


def test_each_link_is_described():
    with open(os.path.join(eal.ROOT, "docs", "testing.rst"), encoding="utf-8") as f:
        section = f.read().partition("\nMeasuring\n----")[2].partition("\n----")[0]
    rows = re.findall(r"^   \* - (``.*``)$", section, re.M)
    assert set(re.findall(r"``(\S+?)``", " ".join(rows))) == {*links.LINKS, *links.MORE_LINKS}


@pytest.mark.parametrize("link, name", [
    (links.LINKS["shmbus"], "before"), (links.LINKS["shmbus-filtered"], "before-filtered"),
    (links.LINKS["shmif"], "before-shmif"), (links.with_rules(10), "before-10-rules")])
def test_before_is_the_same_link(link, name):
    """Only the build and the file are others."""
    old = links.before("/old.so", link)
    assert (old.name, old.plugin, old.shmbus) == (name, "/old.so", False)
    for side in ("sender", "receiver"):
        assert old.vdev(side, dir="/d") == link.vdev(side, dir="/d").replace("=/d/", "=/d/before-")
    assert (old.filtered, old.rules, old.longest) == (link.filtered, link.rules, link.longest)


@pytest.mark.parametrize("rules, masks", [(1, 1), (10, 1), (5000, 1), (10, 10), (25, 4)])
def test_rules_match_only_the_last(rules, masks):
    """Of the rules that a receiver gets the last one matches, by itself."""
    found = [re.search(r"priority (\d+) .* dst spec (\d+) dst mask (\d+) ", line).groups()
             for line in links.with_rules(rules, masks).flow_commands()]
    found = [tuple(map(int, groups)) for groups in found]
    assert len(found) == len(set(found)) == rules
    assert len({mask for _, _, mask in found}) == masks
    assert found == sorted(found, key=lambda rule: rule[0]), "the worst priority is the last"
    assert [links.TXONLY_PORT & mask == port & mask for _, port, mask in found] == \
        [False] * (rules - 1) + [True]


@pytest.mark.parametrize("args, message", [
    (["--links", "nosuch"],
     "--links nosuch: expected some of shmbus,shmbus-filtered,shmif,shmif-wake,memif,null,vhost,"
     "vhost-sends,ring"),
    (["--rules", "--links", "memif"],
     "--links memif: expected some of shmbus,shmbus-10-rules,shmbus-5000-rules,shmbus-10-rules-10-masks"),
    (["--rules", "--latency"], "not allowed with argument"),
    (["--latency", "--links", "shmbus-filtered"], "nothing is left to measure"),
    (["--cpus", "0,0"], "expected two different CPUs"),
    (["--publish", "x", "--latency"], "--publish: expected no other measurement"),
    (["--publish", "x", "--switch"], "--publish: expected no other measurement"),
    (["--publish", "x", "--memif-tuned"], "--publish: expected no other measurement"),
    (["--publish", "x", "--json", "y"], "--publish: expected no other measurement"),
    (["--title", "x"], "--title: expected --publish"),
    (["--all-links", "--links", "null"], "not allowed with argument"),
    (["--latency", "--links", "vhost-sends"], "nothing is left to measure"),
    (["--latency", "--links", "null"], "nothing is left to measure"),
    (["--latency", "--pingpong", "/nonexistent"], "no /nonexistent"),
    (["--before", "/nonexistent"], "--before /nonexistent: no such file"),
    (["--memif-tuned", "--before", "/dev/null"], "--before: expected a measurement of net_shmbus"),
    (["--links", "memif", "--before", "/dev/null"],
     "--before: expected a link of net_shmbus among --links"),
])
def test_usage(args, message):
    assert message in bench(*args, status=2)


def run_json(tmp_path, *args):
    path = tmp_path / "out.json"
    # Long enough that both sides get a CPU meanwhile, whatever else runs.
    seconds = 0.1 if "--latency" in args else 0.4
    text = bench("--no-huge", "--rounds", 1, "--seconds", seconds, "--patience", 0, "--budget", 0,
                 "--json", path, *args)
    return text, json.loads(path.read_text())


@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
def test_throughput(tmp_path):
    """For real, but without net_memif, whose own troubles are not ours to judge."""
    # a plugin with sanitizers is not what anyone measures, and the bench does not load it
    own = eal.plugin_path() and not os.environ.get("SHMBUS_SANITIZE")
    names = ["null"] + (["shmbus", "shmbus-filtered"] if own else [])
    sizes = rounds([64, 1518], [64])
    text, entries = run_json(tmp_path, "--sizes", ",".join(map(str, sizes)), "--links",
                             ",".join(names))
    assert {(e["link"], e["frame_size"]) for e in entries} == {
        (name, size) for name in names for size in sizes}
    for entry in entries:
        assert list(entry)[:5] == ["link", "frame_size", "rx_mpps", "lost", "ratio_to_memif"]
        assert entry["rx_mpps"] > 0
        assert entry["sent"] > 0
        if entry["link"].startswith("shmbus"):
            assert entry["lost"] == 0 and entry["missed"] == 0
    assert "no-huge: Mpps received" in text
    facts = json.loads((tmp_path / "out.conditions.json").read_text())
    assert facts["cpu"] and set(facts["links"]) == set(names)


@pytest.mark.only_in_full
@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
def test_other_links(tmp_path):
    """The further links move frames, and net_ring, which cannot lose any, loses none."""
    names = list(links.MORE_LINKS)
    _, entries = run_json(tmp_path, "--sizes", 64, "--links", ",".join(names))
    assert [e["link"] for e in entries] == names
    for entry in entries:
        assert entry["rx_mpps"] > 0 and entry["sent"] > 0
        shares = [sample["share"] for sample in entry["samples"]]
        assert all(share is None or 0 < share <= 1 for share in shares)
    assert entries[-1]["link"] == "ring" and entries[-1]["lost"] == 0
    names.remove("vhost-sends")
    _, entries = run_json(tmp_path, "--latency", "--sizes", 64, "--bursts", 32, "--links",
                          ",".join(names))
    assert [e["link"] for e in entries] == names
    assert all(e["p50_ns"] > 0 and e["lost"] == e["corrupt"] == 0 for e in entries)


@pytest.mark.only_in_full
@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
@pytest.mark.skipif(not eal.plugin_path() or bool(os.environ.get("SHMBUS_SANITIZE")),
                    reason="no plugin without sanitizers")
def test_rules(tmp_path):
    names = ["shmbus", "shmbus-10-rules", "shmbus-10-rules-10-masks"]
    _, entries = run_json(tmp_path, "--rules", "--links", ",".join(names), "--before",
                          eal.plugin_path())
    before = [name.replace("shmbus", "before", 1) for name in names]
    assert [e["link"] for e in entries] == names + before
    for entry in entries:
        assert entry["rx_mpps"] > 0 and entry["lost"] == 0


@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
def test_latency(tmp_path):
    bursts = rounds([1, 32], [32])
    text, entries = run_json(tmp_path, "--latency", "--sizes", 64, "--bursts", ",".join(map(str, bursts)),
                             "--links", "memif,shmbus" if eal.plugin_path() else "memif")
    assert {(e["frame_size"], e["burst"]) for e in entries} == {(64, burst) for burst in bursts}
    for entry in entries:
        assert 0 < entry["min_ns"] <= entry["p50_ns"] <= entry["p99_ns"] <= entry["max_ns"]
        assert entry["lost"] == entry["corrupt"] == 0
    assert "p50/memif" in text


RESULT = ('{"min_ns": 1, "p50_ns": 2, "p90_ns": 3, "p99_ns": 4, "p99_9_ns": 5, "max_ns": 6, '
          '"lost": 0, "corrupt": 0, "misordered": 0}')


@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
@pytest.mark.parametrize("link, done, status", [
    ("memif", True, 0), ("memif", False, 1), ("shmbus", True, 1)])
def test_only_others_may_crash_when_they_are_done(tmp_path, link, done, status):
    if link == "shmbus" and not eal.plugin_path():
        pytest.skip("no plugin")
    program = tmp_path / "pingpong"
    say = f"echo '{RESULT}'\n" if done else ""
    program.write_text(f"#!/bin/sh\necho port 0 is ready\n{say}kill -s SEGV $$\n")
    program.chmod(0o755)
    args = ("--latency", "--no-huge", "--links", link, "--sizes", 64, "--bursts", 1, "--rounds", 1,
            "--patience", 0, "--budget", 0, "--pingpong", program, "--json", tmp_path / "out.json")
    text = bench(*args, status=status)
    assert status == 0 or "killed by SIGSEGV" in text


@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
@pytest.mark.parametrize("lost, status", [(3, 0), (0, 1)])
def test_lost_echoes_count(tmp_path, lost, status):
    """Losses do not end a run, but stand in the table; any other failure of dpdk-pingpong does."""
    program = tmp_path / "pingpong"
    said = RESULT.replace('"lost": 0', f'"lost": {lost}')
    program.write_text(f"#!/bin/sh\necho port 0 is ready\necho '{said}'\nexit 1\n")
    program.chmod(0o755)
    text = bench("--latency", "--no-huge", "--links", "ring", "--sizes", 64, "--bursts", 1, "--rounds",
                 1, "--patience", 0, "--budget", 0, "--pingpong", program, "--json",
                 tmp_path / "out.json", status=status)
    assert status == 1 or re.search(r" ring .* 3 +1$", text, re.M)


@pytest.mark.skipif(len(eal.allowed_cpus()) < 2, reason="it takes two CPUs")
@pytest.mark.skipif(not eal.plugin_path() or bool(os.environ.get("SHMBUS_SANITIZE")),
                    reason="no plugin without sanitizers")
@pytest.mark.only_in_full
def test_latency_before(tmp_path):
    """Another build takes part in the same run. That it is loaded shows in one that cannot be."""
    plugin = os.path.abspath(eal.plugin_path())
    # 1518: shmif has frames of up to 1514 bytes, as its description says
    text, entries = run_json(tmp_path, "--latency", "--sizes", 1518, "--bursts", 1, "--links",
                             "shmbus,shmif", "--before", plugin)
    assert [e["link"] for e in entries] == ["shmbus", "shmif", "before", "before-shmif"]
    assert all(e["lost"] == e["corrupt"] == 0 and e["p50_ns"] > 0 for e in entries)
    assert "p50/before" in text and f"the same as shmbus, by {plugin}" in text
    broken = tmp_path / "librte_net_shmbus.so"
    broken.write_bytes(b"")
    assert str(broken) in bench("--latency", "--quick", "--no-huge", "--links", "shmbus",
                                "--before", broken, status=1)


@pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))
def test_tap(tmp_path):
    """Each build and each format, in turns."""
    path = tmp_path / "tap.json"
    text = bench("--tap", "--quick", "--before", tool.program(), "--json", path)
    assert re.search(r"format +shmbus Gbit/s +before Gbit/s", text)
    samples = json.loads(path.read_text())
    assert [(s["build"], s["format"]) for s in samples] == \
        [(build, fmt) for build in ("shmbus", "before") for fmt in ("lanes", "shmif")]
    assert all(s["gbits"] > 0 for s in samples)


@pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))
def test_tap_queues(tmp_path):
    path = tmp_path / "tap.json"
    bench("--tap", "--quick", "--queues", "2,1", "--json", path)
    assert [s["format"] for s in json.loads(path.read_text())] == ["lanes, 2 queues", "lanes, 1 queue"]
    assert "--queues: expected --tap" in bench("--quick", "--queues", "2", status=2)


@pytest.mark.skipif(streams.problem() is not None, reason=str(streams.problem()))
@pytest.mark.only_in_full
def test_stream(tmp_path):
    """Each size and each kind of socket, a guest and a client each way; nothing is missed from bus to bus."""
    path = tmp_path / "stream.json"
    text = bench("--stream", "--quick", "--json", path)
    assert re.search(r"bytes +tcp Gbit/s +unix Gbit/s", text) and re.search(r"ratio +\d", text)
    samples = json.loads(path.read_text())
    assert [(s["size"], s["kind"]) for s in samples if "kind" in s] == \
        [(size, kind) for size in (64, 1500) for kind in ("tcp", "unix")]
    assert [s["way"] for s in samples if "way" in s] == ["gateway", "passt alone"]
    assert [(s["mtu"], s["client"]) for s in samples if "client" in s] == \
        [(mtu, way) for mtu in (1500, 65520) for way in ("gateway", "pasta alone")]
    assert all(s["missed"] == 0 and s["gbits"] > 0 for s in samples if "kind" in s)
    assert all(s["mbytes"] > 0 for s in samples if "mbytes" in s)


def test_idle(tmp_path):
    """Each number of peers is polled by each build, in turns."""
    path = tmp_path / "idle.json"
    text = bench("--idle", "--quick", "--before", eal.plugin_path(), "--json", path)
    assert re.search(r"idle peers +shmbus ns +before ns", text)
    samples = json.loads(path.read_text())
    assert [(s["build"], s["peers"]) for s in samples] == \
        [(build, peers) for build in ("shmbus", "before") for peers in (0, 1, 8, 31)]
    assert all(s["ns"] > 0 for s in samples)


def test_first(tmp_path):
    """The first 10 ms, of each build and length, in turns."""
    path = tmp_path / "first.json"
    bench("--first", "--quick", "--before", eal.plugin_path(), "--json", path)
    samples = json.loads(path.read_text())
    assert [(s["build"], s["frame_size"]) for s in samples] == \
        [(build, size) for build in ("shmbus", "before") for size in (64, 1514)]
    assert all(s["frames"] > 0 for s in samples)
