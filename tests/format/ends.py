# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The driver's ends of a bus: testpmds between it and capture files; what a bus must hold."""

import time

from apps import testpmd
from busfile import FOREVER
from lanes_reader import held_frames

CLOCK_SLACK_NS = 600 * 10 ** 9


def generator(path, pcaps, *, infinite=True, name="generator", on=1, devargs="", pause_ms=FOREVER,
              **options):
    """A testpmd that forwards capture files (port 0, one per queue) to the bus (port 1).

    `infinite`: over and over.
    """
    source = "net_pcap0," + ",".join(f"rx_pcap={pcap}" for pcap in pcaps)
    if infinite:
        source += ",infinite_rx=1"
    # `start` would throw away what can be received already, and so the first frames of the file.
    return testpmd(source, f"net_shmbus_{name},path={path},pause_timeout_ms={pause_ms}{devargs}",
                   on=on, name=name, queues=len(pcaps), args=["--no-flush-rx"], **options)


def capturer(path, pcap, devargs="", **options):
    """A testpmd that forwards what it receives from the bus (port 0) to a capture file (port 1)."""
    return testpmd(f"net_shmbus0,path={path}{devargs}", f"net_pcap0,tx_pcap={pcap}",
                   on=1, name="capturer", **options)


def send(pmd, at_least):
    """Let a generator send so many frames and stop; exactly how many it were."""
    before = pmd.port_stats(1)["tx_packets"]
    pmd.start_fwd()
    pmd.wait_port_stat(1, "tx_packets", before + at_least)
    pmd.stop_fwd()
    stats = pmd.port_stats(1)
    assert stats["tx_errors"] == 0
    return stats["tx_packets"] - before


def check_held(bus, lane, sent, inputs, base=0):
    """The lane holds the last of `sent` frames: inputs over and over, from number `base` on.

    Without inputs their content is not looked at.
    """
    held, reader = held_frames(bus, lane)
    assert held, f"lane {lane} holds nothing"
    assert (reader.corrupt, reader.overruns, reader.missed) == (0, 0, 0)
    assert held[-1].seq == base + sent - 1
    assert bus.stamp(lane) == (bus.tail(lane), base + sent)
    assert [frame.seq for frame in held] == list(range(held[0].seq, base + sent))
    for frame in held:
        if inputs and frame.seq >= base:
            assert frame.data == inputs[(frame.seq - base) % len(inputs)], f"frame {frame.seq}"
    times = [frame.tstamp_ns for frame in held]
    assert times == sorted(times)
    assert abs(time.time_ns() - times[-1]) < CLOCK_SLACK_NS
    return held


def laps(bus, lane):
    """How many times the lane's writer has been around."""
    return bus.tail(lane) // bus.geo.lane_size
