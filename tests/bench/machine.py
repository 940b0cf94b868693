# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What the machine is, and what it is doing to the measurements at the moment.

Two things spoil a comparison of links without being a property of any link:

- another process runs on one of the two CPUs. The forwarding threads' own run time shows it;
- the host moves a virtual CPU, so that the two are near each other or far apart on the chip, or
  even the two halves of one core, which makes every link several times faster or slower, for
  seconds or minutes. core-distance shows it, with plain memcpy and no link involved.

Samples are labelled with both, and chosen by these labels alone, whatever their value is.
"""

import os
import platform
import re
import subprocess
import time

import eal

# A sample during which a forwarding thread had less of its CPU than this is measured again.
MIN_SHARE = 0.97
# "Near" is what the nearest tenth of the run's readings is like, give or take this factor. Not the
# single nearest one: that may have been the rare moment when the CPUs were halves of one core.
FAR_FACTOR = 1.6
NEAREST = 0.1


def median(values):
    values = sorted(values)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


class Distance:
    """The distance of two CPUs in ns per cache line, over the course of a run."""

    def __init__(self, cpus, builddir):
        self.cpus = cpus
        self.program = os.path.join(builddir, "tests", "bench", "core-distance")
        self.available = os.access(self.program, os.X_OK)
        self.readings = []
        self.gave_up = False

    def read(self):
        """The distance now, None where it cannot be measured."""
        if not self.available:
            return None
        result = subprocess.run([self.program, *map(str, self.cpus), "20"], check=True,
                                stdout=subprocess.PIPE, text=True)
        self.readings.append(float(result.stdout))
        return self.readings[-1]

    @property
    def near(self):
        """What counts as near, judged by all readings up to now."""
        if not self.readings:
            return None
        return sorted(self.readings)[int(len(self.readings) * NEAREST)]

    def is_near(self, value):
        """Whether a value that was read at any time of the run counts as near."""
        near = self.near
        return value is None or near is None or near / FAR_FACTOR <= value <= near * FAR_FACTOR

    def is_far(self, value):
        near = self.near
        return value is not None and near is not None and value > near * FAR_FACTOR

    def idle(self, seconds=0.1):
        """Whether nothing else runs on the two CPUs."""
        before = self._idle_ticks()
        time.sleep(seconds)
        ticks = [now - then for now, then in zip(self._idle_ticks(), before)]
        return min(ticks) >= 0.8 * seconds * os.sysconf("SC_CLK_TCK")

    def _idle_ticks(self):
        with open("/proc/stat", encoding="ascii") as f:
            idle = {fields[0]: int(fields[4]) for fields in map(str.split, f)
                    if fields[0].startswith("cpu")}
        return [idle[f"cpu{cpu}"] for cpu in self.cpus]

    def wait_good(self, patience):
        """Wait until the CPUs are idle and near each other, for `patience` seconds at most.

        Returns the distance, and whether the wait was worth it. After one in vain the next ones
        are short: a machine that is busy, or far apart, for hours is measured as it is.
        """
        deadline = time.monotonic() + (min(patience, 1.0) if self.gave_up else patience)
        while True:
            if self.idle():
                value = self.read()
                if self.is_near(value):
                    self.gave_up = False
                    return value, True
            if time.monotonic() >= deadline:
                self.gave_up = True
                return self.read(), False
            time.sleep(0.3)

    def calibrate(self, seconds=3.0):
        """Look for a while, so that it is known what near is when the samples begin."""
        deadline = time.monotonic() + seconds
        while self.available and time.monotonic() < deadline:
            if self.idle():
                self.read()


def choose(groups, classes):
    """Samples to compare with each other: {link: samples} -> (name of the class, {link: samples}).

    classes: [(name, predicate)], the best first. The first class in which every link has a sample
    is taken for all of them, so that no link is compared with another one's bad moments.
    """
    for name, belongs in classes:
        found = {link: [s for s in samples if belongs(s)] for link, samples in groups.items()}
        if all(found.values()):
            return name, found
    return "all", groups


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return found.group(1) if found else platform.machine()


# AMD's family and model -> generation: virtual machines often say only "AMD EPYC".
GENERATIONS = (
    (23, range(0x00, 0x30), "Zen"), (23, range(0x30, 0x100), "Zen 2"),
    (25, range(0x10, 0x20), "Zen 4"), (25, range(0x60, 0x80), "Zen 4"),
    (25, range(0xa0, 0xb0), "Zen 4"), (25, range(0x00, 0x100), "Zen 3"),
    (26, range(0x00, 0x100), "Zen 5"))


def generation(vendor, family, model):
    """The generation of a CPU where it is known and its name may not tell it, or ""."""
    if vendor != "AuthenticAMD":
        return ""
    return next((name for known, models, name in GENERATIONS
                 if family == known and model in models), "")


def cpu_generation():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        text = f.read()
    found = [re.search(rf"^{key}\s*:\s*(\S+)$", text, re.M)
             for key in ("vendor_id", "cpu family", "model")]
    if not all(found):
        return ""
    vendor, family, model = (match.group(1) for match in found)
    return generation(vendor, int(family), int(model))


def dpdk_version():
    found = subprocess.run(["pkg-config", "--modversion", "libdpdk"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False)
    return found.stdout.strip() or "unknown"


def conditions(cpus):
    """Everything about the machine that a figure should be quoted with."""
    with open("/proc/uptime", encoding="ascii") as f:
        uptime = float(f.read().split()[0])
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": cpu_model(),
        "model": cpu_generation(),
        "cpus": os.cpu_count(),
        "cpus_used": list(cpus),
        "virtual": os.path.exists("/sys/hypervisor/type") or "hypervisor" in _cpu_flags(),
        "kernel": platform.release(),
        "dpdk": dpdk_version(),
        "uptime_s": round(uptime),
        "load": [round(load, 2) for load in os.getloadavg()],
        "hugepages_free": eal.free_hugepages(),
    }


def _cpu_flags():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = re.search(r"^flags\s*:\s*(.*)$", f.read(), re.M)
    return found.group(1).split() if found else []


def conditions_text(facts):
    hours, minutes = divmod(facts["uptime_s"] // 60, 60)
    return "\n".join((
        f"{facts['cpu']}, {facts['cpus']} CPUs{' (virtual machine)' if facts['virtual'] else ''}, "
        f"using {facts['cpus_used'][0]} and {facts['cpus_used'][1]}",
        f"Linux {facts['kernel']}, DPDK {facts['dpdk']}, up {hours}:{minutes:02d}, "
        f"load {' '.join(map(str, facts['load']))}, {facts['hugepages_free']} hugepages free"))
