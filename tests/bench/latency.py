# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Latency: examples/pingpong in two processes on two CPUs, over one link after the other; in one
process where the link is one between two of its lcores."""

import contextlib
import json
import re
import time
from dataclasses import asdict, dataclass

import eal
import machine
from process import Process
from throughput import align

ATTEMPTS = 3
TIMEOUT_MS = 5000  # a busy machine holds a process up for longer than a second
SIDES = {"sender": "ping", "receiver": "pong", "both": "both"}


@dataclass
class Sample:
    link: str
    memory: str
    size: int
    burst: int
    round: int
    distance: tuple
    result: dict  # what dpdk-pingpong --json printed


class PingPong(Process):
    """One side, or both in one process."""

    def __init__(self, program, link, side, cpus, memory, folder, args):
        name = f"{link.name}-{SIDES[side]}"
        self.file_prefix = eal.unique_prefix(name)
        plugins = [link.plugin or eal.plugin_path()] if link.shmbus or link.plugin else []
        vdevs = link.vdevs(dir=folder) if side == "both" else [link.vdev(side, dir=folder)]
        argv = [program] + eal.eal_args(
            lcores=",".join(f"{i}@{cpu}" for i, cpu in enumerate(cpus)), memory=memory,
            file_prefix=self.file_prefix, vdevs=vdevs, plugins=plugins, extra=link.eal_extra)
        argv += ["--", "--role", SIDES[side], "--json", *map(str, args)]
        super().__init__(argv, name=name)
        self.may_crash_at_end = link.foreign

    def start(self):
        super().start()
        self.wait_for(r"^port \d+ is ready")
        return self

    def result(self, timeout=60.0):
        """The line of JSON that it prints at its end."""
        return json.loads(self.wait_for(r"^\{.*\}$", timeout).group(0))

    def lossy(self):
        """It ended with 1 because frames were lost or changed: they count in the table."""
        if self.returncode() != 1 or not re.search(r"^\{.*p50_ns.*\}$", self.log, re.M):
            return False
        result = self.result()
        return result["lost"] + result["corrupt"] + result["misordered"] > 0

    def close(self, check=True, graceful=True):
        try:
            super().close(check and not self.lossy(), graceful)
        finally:
            eal.remove_leftovers(self.file_prefix)


class Bench:
    """A run over links, sizes and bursts with one kind of memory."""

    def __init__(self, program, links, sizes, bursts, memory, cpus, folder, distance, seconds,
                 patience, progress=lambda text: None):
        self.program = program
        self.links = [link for link in links if link.receiver]
        self.sizes = sizes
        self.bursts = bursts
        self.memory = memory
        self.cpus = cpus
        self.folder = folder
        self.distance = distance
        self.seconds = seconds
        self.patience = patience
        self.progress = progress
        self.samples = []

    def near(self, sample):
        return all(self.distance.is_near(value) for value in sample.distance)

    def good(self, link, size, burst):
        return [s for s in self.samples
                if (s.link, s.size, s.burst) == (link, size, burst) and self.near(s)]

    def cases(self):
        return [(size, burst) for size in self.sizes for burst in self.bursts]

    def run(self, rounds, budget_s):
        """As in throughput: the rounds, then more of them where good samples are missing."""
        for number in range(rounds):
            self._round(number, self.cases(), rounds)
        deadline = time.monotonic() + budget_s
        number = rounds
        while time.monotonic() < deadline:
            missing = [case for case in self.cases()
                       if any(len(self.good(link.name, *case)) < rounds for link in self.links)]
            if not missing:
                break
            self.progress(f"{self.memory.kind}: too few good samples of {missing}")
            self.distance.gave_up = False
            if not self.distance.wait_good(deadline - time.monotonic())[1]:
                break
            self._round(number, missing, rounds)
            number += 1
        return self.samples

    def _round(self, number, cases, rounds):
        links = self.links if number % 2 == 0 else self.links[::-1]
        for size, burst in cases:
            for link in links:
                self.progress(f"{self.memory.kind}: round {number + 1} of {rounds}, {size} B, "
                              f"burst {burst}, {link.name}")
                for _ in range(ATTEMPTS):
                    before, ready = self.distance.wait_good(self.patience)
                    sample = self._sample(link, size, burst, number, before)
                    self.samples.append(sample)
                    if not ready or self.near(sample):
                        break

    def _sample(self, link, size, burst, number, before):
        # Roughly the wished time: a round trip takes about half a microsecond, and a frame of a
        # burst a few hundred nanoseconds on top of it.
        count = max(1000, int(self.seconds * 1e9 / (600 + 300 * burst)))
        args = ["--size", min(size, link.longest), "--burst", burst]
        ping = ["--count", count, "--warmup", count // 10, "--wait-s", 60,
                "--timeout-ms", TIMEOUT_MS]
        if link.one_process:
            result = self._run({"both": (self.cpus, args + ping + ["--rx-port", 1])}, link)
        else:
            sides = {"sender": (self.cpus[:1], args + ping), "receiver": (self.cpus[1:], args)}
            result = self._run({side: sides[side] for side in link.order()}, link)
        return Sample(link=link.name, memory=self.memory.kind, size=size, burst=burst,
                      round=number, distance=(before, self.distance.read()), result=result)

    def _run(self, sides, link):
        """Start the sides, {side: (cpus, arguments)}, in this order; return what was measured."""
        with contextlib.ExitStack() as stack:
            running = {}
            for side, (cpus, args) in sides.items():
                running[side] = stack.enter_context(PingPong(
                    self.program, link, side, cpus, self.memory, self.folder, args))
            # A stopped pong is done as well: both end by themselves, with a line of JSON each.
            for process in running.values():
                process.wait(120)
            measured = running.get("sender") or running["both"]
            return measured.result()


def summary(bench, reference="memif"):
    """Medians per link, size and burst as the JSON file has them."""
    def far(sample):
        return all(map(bench.distance.is_far, sample.distance))

    result = []
    for size, burst in bench.cases():
        groups = {link.name: [s for s in bench.samples
                              if (s.link, s.size, s.burst) == (link.name, size, burst)]
                  for link in bench.links}
        chosen, used = machine.choose(groups, [("good", bench.near), ("far", far)])
        for name, mine in groups.items():
            far_medians = [s.result["p50_ns"] for s in mine if far(s)]
            entry = {"link": name, "frame_size": size, "burst": burst}
            for key in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns"):
                entry[key] = round(machine.median([s.result[key] for s in used[name]]))
            entry |= {
                "lost": sum(s.result["lost"] for s in mine),
                "corrupt": sum(s.result["corrupt"] + s.result["misordered"] for s in mine),
                "ratio_to_memif": None, "memory": bench.memory.kind,
                "chosen": chosen, "chosen_samples": len(used[name]),
                "far_p50_ns": round(machine.median(far_medians)) if far_medians else None,
                "far_samples": len(far_medians), "samples": [asdict(s) for s in mine],
            }
            result.append(entry)
    for entry in result:
        base = next((e for e in result if e["link"] == reference and
                     (e["frame_size"], e["burst"]) == (entry["frame_size"], entry["burst"])), None)
        if base:
            entry["ratio_to_memif"] = round(entry["p50_ns"] / base["p50_ns"], 3)
    return result


def table(entries, columns_against=("memif",)):
    """The summary as text: a row per case and link; p50 against that of each of the named links."""
    p50 = {(e["frame_size"], e["burst"], e["link"]): e["p50_ns"] for e in entries}
    bases = [name for name in columns_against if any(e["link"] == name for e in entries)]
    rows = [["bytes", "burst", "link", "min us", "p50", "p90", "p99", "p99.9",
             *(f"p50/{base}" for base in bases), "lost", "samples"]]
    far_rows = [["bytes", "burst", "link", "p50"]]
    for e in entries:
        case = [str(e["frame_size"]), str(e["burst"]), e["link"]]
        rows.append(case + [f"{e[k] / 1000:.2f}" for k in (
            "min_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns")]
            + [f"{e['p50_ns'] / p50[e['frame_size'], e['burst'], base]:.2f}" for base in bases]
            + [str(e["lost"] + e["corrupt"]), str(e["chosen_samples"])])
        if e["far_samples"]:
            far_rows.append(case + [f"{e['far_p50_ns'] / 1000:.2f} ({e['far_samples']})"])
    text = align(rows)
    for chosen, why in (("far", "the CPUs were far apart"),
                        ("all", "the CPUs came near each other and parted again")):
        cases = sorted({(e["frame_size"], e["burst"]) for e in entries if e["chosen"] == chosen})
        if cases:
            text += f"\n  not under good conditions, {why}: "
            text += ", ".join(f"{size} B burst {burst}" for size, burst in cases)
    if len(far_rows) > 1:
        text += "\n  while the CPUs were far apart (number of samples):\n" + align(far_rows)
    return text
