# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The charts and tables of README and of the pages show what docs/figures/*.json holds."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import eal
import pytest

sys.path.insert(0, os.path.join(eal.ROOT, "tests", "bench"))

import charts  # noqa: E402
import figures  # noqa: E402

CHART = os.path.join(eal.ROOT, "scripts", "chart")
SVG = "{http://www.w3.org/2000/svg}"
MACHINES = figures.machines(eal.ROOT)


def chart(*args, status=0):
    done = subprocess.run([CHART, *map(str, args)], capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    """The documents with figures, to be changed."""
    shutil.copytree(os.path.join(eal.ROOT, figures.FOLDER), tmp_path / "root" / figures.FOLDER)
    for path, *_ in figures.BLOCKS:
        os.makedirs(os.path.dirname(tmp_path / "root" / path), exist_ok=True)
        shutil.copy(os.path.join(eal.ROOT, path), tmp_path / "root" / path)
    return tmp_path / "root"


@pytest.fixture
def bench(tmp_path):
    """What a run of the bench leaves behind: {file: content}, and a function that writes them."""
    conditions = {"date": "2031-02-03", "cpu": "Fast CPU", "model": "", "cpus": 4, "virtual": False,
                  "kernel": "7.1.2-custom", "dpdk": "31.11", "near_ns": 4.25, "rounds": 5,
                  "seconds": 2}
    rates = {"shmbus": (80.125, 20), "memif": (20, 10), "ring": (150.5, 150.25)}
    trips = {"shmbus": (200, 1500), "memif": (400, 90000.4)}
    files = {
        "throughput": [
            {"link": link, "memory": "no-huge", "frame_size": size, "rx_mpps": mpps, "lost": 0,
             "sent": 1000, "chosen": "good", "samples": [1, 2, 3]}
            for link, pair in rates.items() for size, mpps in zip((64, 1518), pair)],
        "latency": [
            {"link": link, "memory": "no-huge", "frame_size": 64, "burst": burst, "p50_ns": p50,
             "p99_ns": p99, "chosen": "good", "samples": [1, 2, 3]}
            for link, (p50, p99) in trips.items() for burst in (1, 32)],
        "throughput.conditions": conditions, "latency.conditions": dict(conditions)}
    folder = tmp_path / "bench"
    folder.mkdir()

    def save():
        for name, content in files.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
        return folder
    return files, save


def tables(text):
    """The Markdown tables of a text: [[{heading: cell}, ...], ...]."""
    result = []
    for table in re.findall(r"(?m)(?:^\|.*\n)+", text):
        head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")]
                          for line in table.splitlines())
        result.append([dict(zip(head, row)) for row in body])
    return result


def section(name):
    """What README shows of a machine, from its card to the next one."""
    with open(os.path.join(eal.ROOT, "README.md"), encoding="utf-8") as f:
        text = f.read()
    start = text.index(f"**{figures.card_text(MACHINES[name])}.**")
    return re.split(r"^(?:\*\*|<!-- figures end)", text[start + 2:], flags=re.M)[0]


def test_documents_are_up_to_date():
    assert MACHINES
    chart("--check")


@pytest.mark.parametrize("name", MACHINES)
def test_readme_has_the_figures(name, counts):
    """Each rate and each round trip of the file, read back from the tables."""
    machine = MACHINES[name]
    found = tables(section(name))
    n = 0
    for kind, rows in zip(figures.kinds(machine), found):
        by_size = {row["frame"]: row for row in rows}
        for row in machine["throughput"]:
            if row["memory"] == kind:
                cell = by_size[f"{row['frame_size']} B"][figures.TITLES[row["link"]]]
                assert abs(float(cell) - row["rx_mpps"]) <= 0.0501
                n += 1
    for kind, rows in zip(figures.kinds(machine, "latency"), found[len(figures.kinds(machine)):]):
        by_case = {row["frames"]: row for row in rows}
        for row in machine["latency"]:
            if row["memory"] == kind:
                cell = by_case[f"{row['burst']} × {row['frame_size']} B"][figures.TITLES[row["link"]]]
                us = float(cell.split()[0])
                assert abs(us - row["p50_ns"] / 1000) <= 0.0051 * max(1, us)
                n += 1
    assert n == len(machine["throughput"]) + len(machine["latency"])
    counts(f"{n} figures of {name}")


def text_at(svg):
    """{text: [(x, y), ...]}"""
    result = {}
    for element in svg.iter(SVG + "text"):
        result.setdefault(element.text, []).append((float(element.get("x")), float(element.get("y"))))
    return result


@pytest.mark.parametrize("theme", charts.THEMES)
@pytest.mark.parametrize("name", MACHINES)
def test_lines_are_where_the_axis_says(name, theme):
    """The throughput chart, measured with its own axis, has the medians of each link."""
    machine = MACHINES[name]
    kind = figures.kinds(machine)[0]
    svg = ET.fromstring(charts.throughput(machine, theme))
    axis = {float(text): y - 4.5 for text, places in text_at(svg).items() for x, y in places
            if x == charts.LEFT - 8}
    zero, top = axis[0], max(axis)
    paths = [[float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path.get("d"))]
             for path in svg.iter(SVG + "path") if path.get("stroke-linejoin")]
    drawn = sorted([(zero - y) / (zero - axis[top]) * top for y in line] for line in paths)
    links = [link for link in figures.links(machine, "throughput", kind)
             if figures.ALL_LINKS[link].charted]
    known = sorted([value for value in (figures.rate(machine, kind, link, size) for size in
                                        figures.cases(machine, "throughput", kind))
                    if value is not None] for link in links)
    assert len(drawn) == len(known) == len(links)
    for line, values in zip(drawn, known):
        assert line == pytest.approx(values, abs=top / 1000)
    assert all(figures.TITLES[link] in text_at(svg) for link in links)


@pytest.mark.parametrize("name", MACHINES)
def test_bars_are_as_long_as_the_axis_says(name):
    machine = MACHINES[name]
    kind = figures.kinds(machine, "latency")[0]
    svg = ET.fromstring(charts.latency(machine, "light"))
    bars = [rect for rect in svg.iter(SVG + "rect") if rect.get("x")]
    # A panel's axis stands below its bars; its zero is where the bars begin.
    axes = {}
    for text, places in text_at(svg).items():
        for x, y in places:
            if re.fullmatch(r"[\d.]+( µs)?", text) and charts.BARS <= x < charts.VALUES - 1:
                axes.setdefault(y, {})[float(text.split()[0])] = x
    drawn = []
    for bar in bars:
        axis = axes[min(y for y in axes if y > float(bar.get("y")))]
        top = max(axis)
        drawn.append(float(bar.get("width")) / (axis[top] - axis[0]) * top)
    known = [row["p50_ns"] / 1000 for row in machine["latency"]
             if row["memory"] == kind and figures.ALL_LINKS[row["link"]].charted]
    assert sorted(drawn) == pytest.approx(sorted(known), rel=0.01, abs=0.02)


@pytest.mark.parametrize("theme", charts.THEMES)
def test_nothing_is_cut_off(theme):
    """Even a narrow font is wider than half of its size; the charts end at their edges."""
    for machine in MACHINES.values():
        for draw in charts.CHARTS.values():
            svg = ET.fromstring(draw(machine, theme))
            height = float(svg.get("height"))
            for text in svg.iter(SVG + "text"):
                x, y = float(text.get("x")), float(text.get("y"))
                wide = 0.5 * float(text.get("font-size")) * len(text.text or "")
                left = x - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor")]
                assert 0 <= left and left + wide <= charts.WIDTH and 0 < y < height, text.text


def test_spread():
    assert charts.spread([10, 11, 50], 20, 0, 100) == [10, 30, 50]
    assert charts.spread([98, 99, 5], 20, 0, 100) == [80, 100, 5]
    for low in (0, 40):
        places = charts.spread([60, 60, 60, 60], 10, low, 100)
        assert all(abs(a - b) >= 10 for a in places for b in places if a is not b)


@pytest.mark.parametrize("path, old, new", [
    ("README.md", r"\| 64 B \| (\S+) \|", "99.9"),
    ("README.md", r"\*\*Fast\.\*\* Two processes exchange (\d+)", "99"),
    ("docs/nics/comparison.rst", r"(?m)^\.\. image:: (\S+)", "elsewhere.svg"),
])
def test_a_change_by_hand_is_found_and_undone(copy, path, old, new):
    chart("--check", "--root", copy)
    text = (copy / path).read_text()
    found = re.search(old, text)
    (copy / path).write_text(text[:found.start(1)] + new + text[found.end(1):])
    assert path in chart("--check", "--root", copy, status=1)
    chart("--redraw", "--root", copy)
    assert (copy / path).read_text() == text


def test_publish(copy, bench):
    """Another machine, which comes first as it was measured last; and it goes with its file."""
    files, save = bench
    before = {path: (copy / path).read_text() for path, *_ in figures.BLOCKS}
    chart("--root", copy, "--bench", save(), "--publish", "fast")
    chart("--check", "--root", copy)
    readme = (copy / "README.md").read_text()
    card = ("Fast CPU, 4 CPUs, Linux 7.1.2, DPDK 31.11, the CPUs 4.2 ns per cache line from each "
            "other, 2031-02-03")
    assert readme.index(f"**{card}.**") < readme.index(figures.card_text([*MACHINES.values()][0]))
    rates, trips = tables(readme[readme.index(card):])[:2]
    assert rates[0] == {"frame": "64 B", "net_shmbus": "80.1", "net_memif": "20.0", "ratio": "4.01",
                        "net_ring (one process)": "150.5"}
    assert trips[0] == {"frames": "1 × 64 B", "net_shmbus": "0.20 (1.50)", "ratio": "0.50",
                        "net_memif": "0.40 (90.0)"}
    assert "80 million frames of 64 bytes" in readme
    assert f"{card}:" in (copy / "docs/nics/comparison.rst").read_text()
    stored = (copy / figures.FOLDER / "fast.json").read_text()
    assert "samples" not in json.loads(stored)["throughput"][0]
    made = sorted(path.name for path in (copy / figures.FOLDER).glob("fast-*.svg"))
    assert made == sorted(f"fast-{what}-{theme}.svg" for what in charts.CHARTS for theme in charts.THEMES)
    os.remove(copy / figures.FOLDER / "fast.json")
    chart("--redraw", "--root", copy)
    assert before == {path: (copy / path).read_text() for path in before}
    assert not list((copy / figures.FOLDER).glob("fast*"))
    assert files


def test_conditions_are_told(copy, bench):
    """What was lost, and what was not measured under good conditions, stands beside the figures."""
    files, save = bench
    files["throughput"][0] |= {"lost": 25, "chosen": "all"}
    files["latency"][1] |= {"chosen": "far"}
    chart("--root", copy, "--bench", save(), "--publish", "fast", "--title", "My machine")
    text = " ".join((copy / "README.md").read_text().split())
    assert "**My machine, Linux 7.1.2" in text
    assert "lost: net_shmbus up to 2.5 % of the frames" in text
    assert "Not under good conditions (other programs ran, or the CPUs moved): 64 B." in text
    assert "or the CPUs moved): 64 B in bursts of 32." in text


def test_own_charts(bench):
    """Without --publish the charts lie beside the files of the bench."""
    _, save = bench
    folder = save()
    chart("--bench", folder)
    for what in charts.CHARTS:
        for theme in charts.THEMES:
            assert "Fast CPU" in (folder / f"chart-{what}-{theme}.svg").read_text()


@pytest.mark.parametrize("break_it, message", [
    (lambda files: files.pop("latency"), "latency.json"),
    (lambda files: files["latency.conditions"].update(kernel="6.1"),
     "throughput and latency are of different machines: kernel 7.1.2-custom and 6.1"),
    (lambda files: files["throughput.conditions"].pop("date"), "no date; measure anew"),
])
def test_wrong_files(bench, break_it, message):
    files, save = bench
    break_it(files)
    assert message in chart("--bench", save(), status=1)


@pytest.mark.parametrize("args, message", [
    (["--publish", "../x"], "--publish ../x: expected small letters"),
    (["--title", "x"], "--title: expected --publish"),
])
def test_usage(args, message):
    assert message in chart(*args, status=2)
