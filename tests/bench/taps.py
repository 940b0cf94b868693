# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""TCP between the kernels of two network namespaces, each joined to the bus by shmbus tap."""

import contextlib
import json
import os
import sys
import tempfile

import builds
import netns
import tool
from netns import Netns
from process import Process

FORMATS = ("lanes", "shmif")
STREAMS = 4  # of iperf3 for each queue


@contextlib.contextmanager
def _tap(program, path, ns, address, options):
    command = [program, "tap", path, "--netns", ns.name, "--address", address, *options]
    with Process(command, name="tap") as tap:
        tap.wait_for(r"^\S+ up on ", netns.LIMIT_S)
        yield tap


def measure(program, seconds, options, streams=1):
    """Gbit/s that have arrived, once. options: of both taps."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, Netns() as one, Netns() as two:
        path = os.path.join(folder, "bus")
        with _tap(program, path, one, "10.9.0.1/24", options), \
                _tap(program, path, two, "10.9.0.2/24", options), \
                Process(two.argv("iperf3", "-s", "-1", "--forceflush")) as server:
            server.wait_for("^Server listening")
            # in whole seconds; 0 has no end
            told = json.loads(one.run("iperf3", "-J", "-t", max(1, round(seconds)), "-c", "10.9.0.2",
                                      "-P", streams))
            server.wait()
    return told["end"]["sum_received"]["bits_per_second"] / 1e9


def _cases(queues):
    """(name, options of the taps, streams) of what is measured."""
    if not queues:
        return [(fmt, ["--format", fmt], 1) for fmt in FORMATS]
    return [(f"lanes, {n} queue{'s' * (n > 1)}", ["--queues", str(n)], STREAMS * max(queues))
            for n in queues]


def run(args, progress):
    """Prints the medians, and returns all samples."""
    if netns.problem() is not None:
        sys.exit(f"bench: --tap: {netns.problem()}")
    samples = builds.alternate(
        args, progress, tool.program(),
        lambda program: [{"format": name, "gbits": measure(program, args.seconds, options, streams)}
                         for name, options, streams in _cases(args.queues)])
    print(f"iperf3 between two taps, medians of {args.rounds} runs of {args.seconds:g} s")
    builds.print_medians(samples, "format", "gbits", "format", "Gbit/s", ".2f")
    return samples
