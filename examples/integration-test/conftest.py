# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Buses, frames onto them and off them, and the application under test: copy it as a start.

Environment variables:
  SHMBUS          the command shmbus
  SHMBUS_PLUGIN   the driver, if it is not in DPDK's plugin folder
  L2FWD           DPDK's example l2fwd; without it dpdk-testpmd, which does the same, is tested
  WRAPPER         a command that runs the application, such as valgrind or taskset
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap, wrpcap

LIMIT_S = 60  # only a program that hangs takes longer
SHMBUS = os.environ.get("SHMBUS", "shmbus")

# The application's own addresses, on the left and on the right.
MACS = ("02:aa:00:00:00:00", "02:aa:00:00:00:01")


def wait_until(condition, what):
    """Poll for a condition. A sleep of fixed length makes tests slow, and fails now and then."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s"
        time.sleep(0.05)


class Bus:
    """An Ethernet segment that belongs to one test."""

    def __init__(self, path):
        self.path = path
        subprocess.run([SHMBUS, "create", path], check=True, timeout=LIMIT_S)

    def send(self, frames):
        """Become a port, send these frames of scapy, leave. The sender waits for slow receivers."""
        wrpcap(f"{self.path}.in.pcap", frames)
        subprocess.run([SHMBUS, "replay", "--fast", self.path, f"{self.path}.in.pcap"], check=True,
                       stdout=subprocess.DEVNULL, timeout=LIMIT_S)

    def frames(self, *pcap_filter):
        """The frames that the bus holds: all that were sent, unless these are megabytes."""
        capture = f"{self.path}.out.pcap"
        subprocess.run([SHMBUS, "dump", "-w", capture, self.path, *pcap_filter], check=True,
                       stderr=subprocess.DEVNULL, timeout=LIMIT_S)
        return [bytes(frame) for frame in rdpcap(capture)]

    def wait_frames(self, n, *pcap_filter):
        """The frames, as soon as there are at least n."""
        wait_until(lambda: len(self.frames(*pcap_filter)) >= n, f"{n} frames on {self.path}")
        return self.frames(*pcap_filter)


class Application:
    """A DPDK application with a port on each of these buses."""

    def __init__(self, command, buses, args, ready, log):
        cpu = min(os.sched_getaffinity(0))
        self.log, self.ready = log, ready
        # stdbuf: the application writes to a file, and would keep the line that says that it is
        # ready in its buffer
        self.argv = [*shlex.split(os.environ.get("WRAPPER", "")), "stdbuf", "-oL",
                     *shlex.split(command),
                     "--no-huge", "-m", "128", "--no-pci", "--no-telemetry",
                     "--lcores", f"0@{cpu},1@{cpu}",
                     "--file-prefix", os.path.basename(os.path.dirname(log))]
        if "SHMBUS_PLUGIN" in os.environ:
            self.argv += ["-d", os.environ["SHMBUS_PLUGIN"]]
        for i, bus in enumerate(buses):
            self.argv += ["--vdev", f"net_shmbus{i},path={bus.path},mac={MACS[i]}"]
        self.argv += ["--", *args]

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def is_ready(self):
        assert self.process.poll() is None, f"{self.argv} ended:\n{self.output()}"
        return self.ready in self.output()

    def __enter__(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=out,
                                            stderr=subprocess.STDOUT)
        try:
            wait_until(self.is_ready, "the application to be ready")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(LIMIT_S)
        finally:
            self.process.kill()
        if kind is not None:
            print(self.output(), file=sys.stderr)


@pytest.fixture
def folder():
    """A folder in shared memory."""
    path = tempfile.mkdtemp(prefix="integration-", dir="/dev/shm")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def left(folder):
    return Bus(os.path.join(folder, "left"))


@pytest.fixture
def right(folder):
    return Bus(os.path.join(folder, "right"))


@pytest.fixture
def forwarder(folder, left, right):
    """The application under test, running. Put your application here."""
    log = os.path.join(folder, "application.log")
    if "L2FWD" in os.environ:
        app = Application(os.environ["L2FWD"], (left, right),
                          ["-p", "3", "-q", "2", "-P", "-T", "0"], "entering main loop", log)
    else:
        app = Application("dpdk-testpmd", (left, right),
                          ["--forward-mode=mac", "--total-num-mbufs=4096"],
                          "Press enter to exit", log)
    with app:
        yield app


def as_forwarded(frame, port):
    """The frame as the application sends it out of a port."""
    frame = Ether(bytes(frame))
    frame.src, frame.dst = MACS[port], f"02:00:00:00:00:{port:02x}"
    return bytes(frame)
