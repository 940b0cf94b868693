# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Throughput: stock testpmd txonly -> rxonly in two processes on two CPUs.

In every round each link gets new processes, because the memory that a process happens to get
matters; within a round the links take turns at every frame size, so that the machine's moods meet
them all alike. Forwarding is stopped in all processes but those being measured, and they sleep.

A rate is the difference of two readings of the receiver's counter. What was lost is the sender's
counter minus the receiver's, after the sender has stopped and the receiver has drained the link.
"""

import contextlib
import os
import time
from dataclasses import asdict, dataclass

import eal
import machine
from testpmd import Testpmd

ATTEMPTS = 3
WARMUP_S = 0.3


@dataclass
class Sample:
    link: str
    memory: str
    size: int
    round: int
    mpps: float
    sent: int
    lost: int
    missed: int  # what the receiver itself says it missed
    share: float | None  # of its CPU that the worse off of the two forwarding threads had
    distance: tuple  # before and after

    def disturbed(self):
        return self.share is not None and self.share < machine.MIN_SHARE


def workers_cpu_ns(pmds):
    """{(process, thread): ns}, None where the kernel does not count."""
    found = [((i, name), ns) for i, pmd in enumerate(pmds)
             for name, ns in pmd.workers_cpu_ns().items()]
    return dict(found) or None


def worst_share(before, after, seconds):
    """The part of its CPU that the worst off of the forwarding threads had."""
    if not before or not after:
        return None
    return min(min((after[thread] - ns) / 1e9 / seconds, 1.0) for thread, ns in before.items())


class Pair:
    """The running processes of one link."""

    def __init__(self, link, stack, bench, size):
        self.link = link
        self.sides = {}
        for side in link.order():
            pmd = Testpmd([link.vdev(side, dir=bench.folder, size=size)],
                          lcores=eal.core_map(bench.cpus[0 if side == "sender" else 1]),
                          memory=bench.memory, shmbus=link.shmbus,
                          plugins=[link.plugin] if link.plugin else (), eal_extra=link.eal_extra,
                          args=bench.testpmd_args, name=f"{link.name}-{side}")
            pmd.may_crash_at_end = link.foreign
            self.sides[side] = stack.enter_context(pmd)
        for side, pmd in self.sides.items():
            pmd.wait_link()
            pmd.set_fwd("txonly" if side == "sender" else "rxonly")
        if link.filtered:
            self._filter()
        if link.rules:
            self._add_rules(os.path.join(bench.folder, f"{link.name}.rules"))

    def _filter(self):
        """Let the receiver take what has its address, and give that address to the frames."""
        rx = self.sides["receiver"]
        rx.cmd("set promisc all off")
        info = rx.port_info()
        if "Promiscuous mode: disabled" not in info["text"]:
            rx.fail("'set promisc all off' was refused")
        self.sides["sender"].cmd(f"set eth-peer 0 {info['mac']}")

    def _add_rules(self, path):
        """Give the receiver its flow rules, by a file, as it would echo each letter typed."""
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{command}\n" for command in self.link.flow_commands())
        rx = self.sides["receiver"]
        if rx.cmd(f"load {path}", timeout=1200).count("created") != self.link.rules:
            rx.fail("a flow rule was refused")

    def measure(self, size, seconds):
        """One sample, without its labels."""
        tx = self.sides["sender"]
        rx = self.sides.get("receiver")
        meter, stat = (rx, "rx_packets") if rx else (tx, "tx_packets")
        tx.set_txpkts(min(size, self.link.longest))
        tx_before = tx.port_stats()["tx_packets"]
        rx_before = rx.port_stats() if rx else None
        if rx:
            rx.start_fwd()
        tx.start_fwd()
        time.sleep(WARMUP_S)
        cpu_before = workers_cpu_ns(self.sides.values())
        start, first = meter.port_stats_at()
        time.sleep(seconds)
        end, second = meter.port_stats_at()
        cpu_after = workers_cpu_ns(self.sides.values())
        tx.stop_fwd()
        sent = tx.port_stats()["tx_packets"] - tx_before
        lost = missed = 0
        if rx:
            rx_after = rx.wait_stable()
            rx.stop_fwd()
            lost = sent - (rx_after["rx_packets"] - rx_before["rx_packets"])
            missed = rx_after["rx_missed"] - rx_before["rx_missed"]
        return {"mpps": (second[stat] - first[stat]) / (end - start) / 1e6, "sent": sent,
                "lost": lost, "missed": missed,
                "share": worst_share(cpu_before, cpu_after, end - start)}


class Circle:
    """Two lcores of one process that pass mbufs round: each receives from the device that the other
    one sends to, a device that hears itself."""

    PRIMED = 8  # bursts of testpmd's 32 mbufs for each device, whose ring holds 1024

    def __init__(self, link, stack, bench):
        self.link = link
        pmd = Testpmd(link.vdevs(dir=bench.folder), lcores=eal.core_map(bench.cpus),
                      memory=bench.memory, eal_extra=link.eal_extra,
                      args=(*bench.testpmd_args, "--nb-cores=2"), name=link.name)
        pmd.may_crash_at_end = link.foreign
        self.pmd = stack.enter_context(pmd)
        self.pmd.set_fwd("io")

    def _read(self):
        """[(moment, counters)] of the two ports."""
        return [self.pmd.port_stats_at(port) for port in range(2)]

    def measure(self, size, seconds):
        """As for a pair. What has been sent and not received lies in the rings, or is lost."""
        pmd = self.pmd
        pmd.set_txpkts(size)
        before = self._read()
        pmd.start_fwd(tx_first=self.PRIMED)
        time.sleep(WARMUP_S)
        cpu_before = workers_cpu_ns([pmd])
        first = self._read()
        time.sleep(seconds)
        second = self._read()
        cpu_after = workers_cpu_ns([pmd])
        pmd.stop_fwd()
        end = self._read()
        # A start empties the rings, so that nothing is in them that was there before.
        sent, received = (sum(stats[stat] for _, stats in end) for stat in
                          ("tx_packets", "rx_packets"))
        rates = [(b["rx_packets"] - a["rx_packets"]) / (t1 - t0) / 1e6
                 for (t0, a), (t1, b) in zip(first, second)]
        return {"mpps": sum(rates), "sent": sent - sum(stats["tx_packets"] for _, stats in before),
                "lost": 2 * 32 * self.PRIMED - (sent - received), "missed": 0,
                "share": worst_share(cpu_before, cpu_after, second[0][0] - first[0][0])}


class Bench:
    """A run over links and sizes with one kind of memory."""

    testpmd_args = ()  # the same for every link

    def __init__(self, links, sizes, memory, cpus, folder, distance, seconds, patience,
                 progress=lambda text: None):
        self.links = links
        self.sizes = sizes
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

    def good(self, link, size):
        """The samples that count: undisturbed, on near CPUs."""
        return [s for s in self.samples if s.link == link and s.size == size
                and not s.disturbed() and self.near(s)]

    def run(self, rounds, budget_s):
        """`rounds` rounds, and more of them, within the budget, where good samples are missing."""
        for number in range(rounds):
            self._round(number, self.sizes, rounds)
        deadline = time.monotonic() + budget_s
        number = rounds
        while time.monotonic() < deadline:
            missing = [size for size in self.sizes
                       if any(len(self.good(link.name, size)) < rounds for link in self.links)]
            if not missing:
                break
            self.progress(f"{self.memory.kind}: too few good samples of {missing}")
            self.distance.gave_up = False
            if not self.distance.wait_good(deadline - time.monotonic())[1]:
                break
            self._round(number, missing, rounds)
            number += 1
        return self.samples

    def _round(self, number, sizes, rounds):
        # Every other round goes backwards, so that no link is always the first.
        links = self.links if number % 2 == 0 else self.links[::-1]
        with contextlib.ExitStack() as stack:
            pairs = {link.name: Circle(link, stack, self) if link.one_process else
                     Pair(link, stack, self, None) for link in links if not link.per_size}
            for size in sizes:
                for link in links:
                    self.progress(f"{self.memory.kind}: round {number + 1} of {rounds}, "
                                  f"{size} B, {link.name}")
                    if link.per_size:
                        with contextlib.ExitStack() as own:
                            self._sample(Pair(link, own, self, size), size, number)
                    else:
                        self._sample(pairs[link.name], size, number)

    def _sample(self, pair, size, number):
        for _ in range(ATTEMPTS):
            before, ready = self.distance.wait_good(self.patience)
            values = pair.measure(size, self.seconds)
            sample = Sample(link=pair.link.name, memory=self.memory.kind, size=size, round=number,
                            distance=(before, self.distance.read()), **values)
            self.samples.append(sample)
            if not ready or (not sample.disturbed() and self.near(sample)):
                break


def summary(bench, reference="memif"):
    """Medians per link and size as the JSON file has them.

    The good samples count. Where not all links of a size have any, those count that were made
    while the CPUs were far apart, then all the undisturbed ones, then all: see "chosen".
    """
    def far(sample):
        return not sample.disturbed() and all(map(bench.distance.is_far, sample.distance))

    classes = [("good", lambda s: not s.disturbed() and bench.near(s)), ("far", far),
               ("undisturbed", lambda s: not s.disturbed())]
    result = []
    for size in bench.sizes:
        groups = {link.name: [s for s in bench.samples if s.link == link.name and s.size == size]
                  for link in bench.links}
        chosen, used = machine.choose(groups, classes)
        for name, mine in groups.items():
            rates = [s.mpps for s in used[name]]
            far_rates = [s.mpps for s in mine if far(s)]
            result.append({
                "link": name, "frame_size": size, "rx_mpps": round(machine.median(rates), 3),
                "lost": sum(s.lost for s in mine), "ratio_to_memif": None,
                "memory": bench.memory.kind, "min_mpps": round(min(rates), 3),
                "max_mpps": round(max(rates), 3), "chosen": chosen, "chosen_samples": len(rates),
                "sent": sum(s.sent for s in mine), "missed": sum(s.missed for s in mine),
                "far_mpps": round(machine.median(far_rates), 3) if far_rates else None,
                "far_samples": len(far_rates),
                "samples": [asdict(s) for s in mine],
            })
    for entry in result:
        base = next((e for e in result if e["link"] == reference
                     and e["frame_size"] == entry["frame_size"]), None)
        if base and base["rx_mpps"]:
            entry["ratio_to_memif"] = round(entry["rx_mpps"] / base["rx_mpps"], 3)
        if base and base["far_mpps"] and entry["far_mpps"]:
            entry["far_ratio_to_memif"] = round(entry["far_mpps"] / base["far_mpps"], 3)
    return result


def table(entries, links, columns_against=("memif", "null")):
    """The summary as text: a row per frame size, a column per link, and below it the ratios."""
    names = [link.name for link in links]
    ratios = [(name, base) for base in columns_against for name in names
              if base in names and name not in columns_against]
    rows = [["bytes"] + names + ["lost", "samples"]]
    ratio_rows = [["bytes"] + [f"{name}/{base}" for name, base in ratios]]
    far_rows = [["bytes"] + names]
    notes = []
    for size in sorted({entry["frame_size"] for entry in entries}):
        mine = {e["link"]: e for e in entries if e["frame_size"] == size}
        row = [str(size)]
        row += [f"{mine[n]['rx_mpps']:.2f} ({mine[n]['min_mpps']:.1f}-{mine[n]['max_mpps']:.1f})"
                for n in names]
        ratio_rows.append([str(size)] + [
            f"{mine[name]['rx_mpps'] / mine[base]['rx_mpps']:.2f}"
            if mine[base]["rx_mpps"] else "-" for name, base in ratios])
        row += [str(sum(e["lost"] for e in mine.values())),
                "/".join(str(mine[n]["chosen_samples"]) for n in names)]
        rows.append(row)
        if any(mine[n]["far_samples"] for n in names):
            far_rows.append([str(size)] + [
                f"{mine[n]['far_mpps']:.2f} ({mine[n]['far_samples']})"
                if mine[n]["far_samples"] else "-" for n in names])
    for chosen, why in (("far", "the CPUs were far apart"),
                        ("undisturbed", "the CPUs came near each other and parted again"),
                        ("all", "something else ran on the CPUs")):
        cases = sorted({e["frame_size"] for e in entries if e["chosen"] == chosen})
        if cases:
            notes.append(f"not under good conditions, {why}: {', '.join(map(str, cases))} B")
    text = align(rows)
    if ratios:
        text += "\n" + align(ratio_rows)
    text +="".join(f"\n  {note}" for note in notes)
    if len(far_rows) > 1:
        text += "\n  while the CPUs were far apart (number of samples):\n" + align(far_rows)
    return text


def align(rows):
    """Columns of the width they need, right-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths))
                     for row in rows)
