# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The figures that README shows: a small file per machine, docs/figures/NAME.json, with medians and
with what the machine is. Everything that README says between its markers is made of these files.
"""

import glob
import json
import os
import re
import textwrap

from links import LINKS, MORE_LINKS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join("docs", "figures")
WIDTH = 110  # of README's lines
KINDS = {"no-huge": "without hugepages", "huge": "with hugepages"}
ALL_LINKS = LINKS | MORE_LINKS
TITLES = {name: link.title for name, link in ALL_LINKS.items()}
SAME_MACHINE = ("cpu", "model", "cpus", "kernel", "dpdk")  # of throughput and latency


class FiguresError(Exception):
    """What is wrong with the files, in words."""


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError) as error:
        raise FiguresError(f"{path}: {error}") from error


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


# From a run of the bench to the file of a machine


def _conditions(folder, what):
    facts = read(os.path.join(folder, f"{what}.conditions.json"))
    missing = [key for key in (*SAME_MACHINE, "date", "rounds", "seconds") if key not in facts]
    if missing:
        raise FiguresError(f"{folder}/{what}.conditions.json: no {', '.join(missing)}; measure anew")
    return facts


def collect(folder, title=None):
    """What a machine's file holds, from the files that the bench has written into `folder`."""
    facts = {what: _conditions(folder, what) for what in ("throughput", "latency")}
    for key in SAME_MACHINE:
        values = [facts[what][key] for what in facts]
        if values[0] != values[1]:
            raise FiguresError(f"{folder}: throughput and latency are of different machines: "
                               f"{key} {values[0]} and {values[1]}")
    card = {key: facts["throughput"][key] for key in SAME_MACHINE}
    card["kernel"] = re.match(r"[\d.]*\d|.*", card["kernel"]).group(0)  # 6.18.44 of 6.18.44-amd64
    card |= {"date": max(facts[what]["date"] for what in facts),
             "near_ns": facts["throughput"]["near_ns"],
             "rounds": {what: facts[what]["rounds"] for what in facts},
             "seconds": {what: facts[what]["seconds"] for what in facts}}
    return {
        "title": title or machine_title(facts["throughput"]),
        "card": card,
        "throughput": [
            {key: e[key] for key in ("link", "memory", "frame_size", "rx_mpps")}
            | {"lost_percent": round(100 * e["lost"] / e["sent"], 3) if e["sent"] else 0,
               "good": e["chosen"] == "good"}
            for e in read(os.path.join(folder, "throughput.json")) if e["link"] in ALL_LINKS],
        "latency": [
            {key: e[key] for key in ("link", "memory", "frame_size", "burst", "p50_ns", "p99_ns")}
            | {"good": e["chosen"] == "good"}
            for e in read(os.path.join(folder, "latency.json")) if e["link"] in ALL_LINKS],
    }


def machine_title(facts):
    model = facts["cpu"] + (f" ({facts['model']})" if facts["model"] else "")
    kind = "a virtual machine with " if facts["virtual"] else ""
    return f"{model}, {kind}{facts['cpus']} CPUs"


def dump(machine):
    """The file of a machine as text: a line per figure."""
    lines = []
    for key, value in machine.items():
        if isinstance(value, list):
            rows = ",\n".join("  " + json.dumps(row) for row in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def machines(root=ROOT):
    """{name: file's content}, the machine measured last first."""
    paths = glob.glob(os.path.join(root, FOLDER, "*.json"))
    found = {os.path.splitext(os.path.basename(path))[0]: read(path) for path in paths}
    return dict(sorted(found.items(), key=lambda item: (item[1]["card"]["date"], item[0]),
                       reverse=True))


# Asking a machine's file


def kinds(machine, what="throughput"):
    """The kinds of memory that were measured."""
    return [kind for kind in KINDS if any(row["memory"] == kind for row in machine[what])]


def links(machine, what, kind):
    """The links that were measured, in the order of the bench."""
    there = {row["link"] for row in machine[what] if row["memory"] == kind}
    return [name for name in ALL_LINKS if name in there]


def cases(machine, what, kind):
    """The frame sizes, or pairs of size and burst, that were measured."""
    rows = [row for row in machine[what] if row["memory"] == kind]
    if what == "throughput":
        return sorted({row["frame_size"] for row in rows})
    return sorted({(row["frame_size"], row["burst"]) for row in rows})


def rate(machine, kind, link, size):
    return next((row["rx_mpps"] for row in machine["throughput"] if (
        row["memory"], row["link"], row["frame_size"]) == (kind, link, size)), None)


def trip(machine, kind, link, size, burst, key="p50_ns"):
    """A round trip in microseconds."""
    ns = next((row[key] for row in machine["latency"] if (
        row["memory"], row["link"], row["frame_size"], row["burst"]) == (
            kind, link, size, burst)), None)
    return ns / 1000 if ns is not None else None


def ratio(value, base):
    return f"{value / base:.2f}" if value is not None and base else "–"


def number(value, digits):
    return f"{value:.{digits}f}" if value is not None else "–"


def microseconds(value):
    """Three digits or so."""
    return number(value, 2 if value is None or value < 9.995 else 1 if value < 99.95 else 0)


def near_text(machine):
    near = machine["card"]["near_ns"]
    return f"the CPUs {near:.1f} ns per cache line from each other" if near else ""


def card_text(machine):
    """The machine and its conditions, one line."""
    card = machine["card"]
    parts = [machine["title"], f"Linux {card['kernel']}", f"DPDK {card['dpdk']}", near_text(machine),
             card["date"]]
    return ", ".join(filter(None, parts))


def samples_text(machine, what):
    """How often it was measured, where the file says so."""
    card = machine["card"]
    if not card["rounds"]:
        return "medians"
    return f"medians of {card['rounds'][what]} or more samples of {card['seconds'][what]:g} s"


# README


def markdown_table(rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def throughput_table(machine, kind):
    names = links(machine, "throughput", kind)
    rows = [["frame"]]
    for name in names:
        rows[0] += [TITLES[name]] + (["ratio"] if name == "memif" and "shmbus" in names else [])
    for size in cases(machine, "throughput", kind):
        row = [f"{size} B"]
        for name in names:
            value = rate(machine, kind, name, size)
            row.append(number(value, 1))
            if len(rows[0]) > len(row) and rows[0][len(row)] == "ratio":
                row.append(ratio(rate(machine, kind, "shmbus", size), value))
        rows.append(row)
    return markdown_table(rows)


def latency_table(machine, kind):
    names = links(machine, "latency", kind)
    rows = [["frames"]]
    for name in names:
        rows[0] += [TITLES[name]] + (["ratio"] if name == "memif" and "shmbus" in names else [])
    for size, burst in sorted(cases(machine, "latency", kind), key=lambda case: (case[1], case)):
        row = [f"{burst} × {size} B"]
        for name in names:
            p50, p99 = (trip(machine, kind, name, size, burst, key) for key in ("p50_ns", "p99_ns"))
            row.append(microseconds(p50) + (f" ({microseconds(p99)})" if p99 is not None else ""))
            if len(rows[0]) > len(row) and rows[0][len(row)] == "ratio":
                row.append(ratio(trip(machine, kind, "shmbus", size, burst), p50))
        rows.append(row)
    return markdown_table(rows)


def losses(machine, kind):
    """Which links lost frames, in words."""
    worst = {}
    for row in machine["throughput"]:
        if row["memory"] == kind and row["lost_percent"]:
            worst[row["link"]] = max(worst.get(row["link"], 0), row["lost_percent"])
    if not worst:
        return "no frame was lost"
    return "lost: " + ", ".join(f"{TITLES[name]} up to {worst[name]:.2g} %"
                                for name in ALL_LINKS if name in worst) + " of the frames"


def bad_conditions(machine, what, kind):
    """The cases that were not measured under good conditions, as a sentence or nothing."""
    bad = sorted({(row["frame_size"], row.get("burst")) for row in machine[what]
                  if row["memory"] == kind and not row["good"]})
    if not bad:
        return ""
    names = [f"{size} B" + (f" in bursts of {burst}" if burst and burst > 1 else "")
             for size, burst in bad]
    return f" Not under good conditions (other programs ran, or the CPUs moved): {', '.join(names)}."


def wrapped(text):
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False,
                         break_on_hyphens=False)


def picture(name, what, alt):
    """A chart for light and dark pages."""
    base = f"{FOLDER}/{name}-{what}"
    return (f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{base}-dark.svg">\n'
            f'  <img alt="{alt}" src="{base}-light.svg" width="640">\n</picture>')


def alt_throughput(machine):
    kind = kinds(machine)[0]
    sizes = cases(machine, "throughput", kind)
    parts = [f"{TITLES[name]} {number(rate(machine, kind, name, sizes[0]), 1)} and "
             f"{number(rate(machine, kind, name, sizes[-1]), 1)}"
             for name in links(machine, "throughput", kind) if ALL_LINKS[name].charted]
    return (f"Millions of frames per second at {sizes[0]} B and {sizes[-1]} B: " + ", ".join(parts))


def alt_latency(machine):
    kind = kinds(machine, "latency")[0]
    size, burst = cases(machine, "latency", kind)[0]
    parts = [f"{TITLES[name]} {number(trip(machine, kind, name, size, burst), 2)}"
             for name in links(machine, "latency", kind) if ALL_LINKS[name].charted]
    return (f"Median round trip of {size} B, bursts of {burst}, in microseconds: " +
            ", ".join(parts))


def pictures(name, machine):
    return [picture(name, "throughput", alt_throughput(machine)),
            picture(name, "latency", alt_latency(machine))]


def machine_block(name, machine):
    """What README shows of one machine."""
    parts = [f"**{card_text(machine)}.**"]
    parts += pictures(name, machine)
    for kind in kinds(machine):
        parts.append(wrapped(
            f"Millions of frames received per second, {KINDS[kind]}, "
            f"{samples_text(machine, 'throughput')}; {losses(machine, kind)}."
            f"{bad_conditions(machine, 'throughput', kind)}"))
        parts.append(throughput_table(machine, kind))
    for kind in kinds(machine, "latency"):
        p99 = any(row["p99_ns"] is not None for row in machine["latency"])
        parts.append(wrapped(
            f"Round trips in microseconds, {KINDS[kind]}, {samples_text(machine, 'latency')}: half of "
            f"them take no longer{' (in brackets: 99 of 100)' * p99}."
            f"{bad_conditions(machine, 'latency', kind)}"))
        parts.append(latency_table(machine, kind))
    return "\n\n".join(parts)


def fast_bullet(found):
    """The result in a sentence, for all machines."""
    parts = []
    for machine in found.values():
        kind = kinds(machine)[0]
        sizes = cases(machine, "throughput", kind)
        ours, theirs = ([rate(machine, kind, link, size) for size in (sizes[0], sizes[-1])]
                        for link in ("shmbus", "memif"))
        small, large = map(ratio, ours, theirs)
        if not parts:
            parts.append(
                f"Two processes exchange {number(ours[0], 0)} million frames of {sizes[0]} bytes per "
                f"second, {small} times as many as over net_memif (`rsize=10,bsize=2048,zero-copy=no`, "
                f"its defaults), and at {sizes[-1]} bytes {large} times as many, on {machine['title']}")
        else:
            parts.append(f"on {machine['title']}, {number(ours[0], 0)} million, {small} times and "
                         f"{large} times as many")
    return textwrap.fill(f"- **Fast.** {'; '.join(parts)} ([all figures](#how-fast)).", WIDTH,
                         subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def all_blocks(found):
    return "\n\n".join(machine_block(name, machine) for name, machine in found.items())


def rst_block(found):
    """The charts of all machines, for the pages, which are light."""
    parts = []
    for name, machine in found.items():
        parts.append(card_text(machine) + ":")
        for what, alt in (("throughput", alt_throughput), ("latency", alt_latency)):
            parts.append(f".. image:: ../figures/{name}-{what}-light.svg\n   :width: 640\n"
                         f"   :alt: {alt(machine)}")
    return "\n\n".join(parts)


# (file, comment that begins a block, comment that ends it, what is between them)
BLOCKS = (
    ("README.md", "<!-- figures: short -->", "  <!-- figures end -->", fast_bullet),
    ("README.md", "<!-- figures: all -->", "<!-- figures end -->", all_blocks),
    (os.path.join("docs", "nics", "comparison.rst"), ".. figures", ".. figures end", rst_block),
)


def replaced(text, begin, end, new, path):
    """`text` with something new between two lines."""
    found = re.search(rf"^{re.escape(begin)}\n(.*?)^{re.escape(end)}$", text, re.M | re.S)
    if not found:
        raise FiguresError(f"{path}: no lines '{begin}' and '{end}'")
    gap = "\n" if path.endswith(".rst") or "all" in begin else ""
    return text[:found.start(1)] + gap + new + "\n" + gap + text[found.end(1):]


def documents(root=ROOT):
    """{path: text} of the documents as the machines' files ask for."""
    found = machines(root)
    texts = {}
    for path, begin, end, make in BLOCKS:
        full = os.path.join(root, path)
        if path not in texts:
            with open(full, encoding="utf-8") as f:
                texts[path] = f.read()
        texts[path] = replaced(texts[path], begin, end, make(found), path)
    return texts
