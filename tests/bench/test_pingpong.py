# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""dpdk-pingpong: it measures what comes back, tells what does not, and says what it expects.

No test here looks at a time.
"""

import json
import os
import signal
import struct

import builddir
import eal
import pytest
from apps import plugin
from process import Process
from scapy.layers.l2 import Ether
from scapy.utils import PcapReader, wrpcap

MEMORY = eal.Memory("no-huge", 128)
PING, PONG, STOP = 1, 2, 3
SIZE = 100


def pingpong(vdev, *args, name="pingpong", plugins=(), lcores="0@0"):
    argv = [builddir.program("examples", "pingpong", "dpdk-pingpong")]
    vdevs = [vdev] if isinstance(vdev, str) else vdev or []
    argv += eal.eal_args(lcores=lcores, memory=MEMORY, vdevs=vdevs,
                         plugins=plugins, extra=["--no-shconf"])
    return Process(argv + ["--", *map(str, args)], name=name)


def finish(process, status=0):
    """Run to the end and return the log."""
    process.start()
    try:
        assert process.wait(120) == status, process.tail()
        return process.log
    finally:
        process.close(check=False)


def result(log):
    return json.loads(next(line for line in log.splitlines() if line.startswith("{")))


def frame(seq, kind=PONG, size=SIZE):
    """A frame as dpdk-pingpong makes it, built from its description."""
    head = struct.pack("!HIIQ", kind, 0x70696e67, size, seq)
    eth = bytes.fromhex("020000000001" "020000000002" "88b5")
    # The sequence number is aligned: nothing lies between length and it.
    start = eth + head
    assert len(start) == 32
    return start + bytes((seq * 37 + i) % 256 for i in range(size - 32))


@pytest.mark.parametrize("args, message", [
    (["--size", "59"], "--size 59: expected a number from 60 to 9600"),
    (["--size", "64k"], "--size 64k: expected a number from 60 to 9600"),
    (["--burst", "257"], "--burst 257: expected a number from 1 to 256"),
    (["--burst", "-1"], "--burst -1: expected a number from 1 to 256"),
    (["--count", "0"], "--count 0: expected a number from 1 to 4294967295"),
    (["--timeout-ms", ""], "--timeout-ms : expected a number from 1 to 3600000"),
    (["--role", "all"], "--role all: expected ping, pong or both"),
    (["--role", "ping", "more"], "'more': not an option"),
    (["--size", "64"], "--role is missing"),
    (["--role", "both"], "--role both: expected a --rx-port that is not --port 0"),
    (["--role", "both", "--rx-port", "0"], "--role both: expected a --rx-port that is not --port 0"),
    (["--role", "ping", "--rx-port", "x"], "--rx-port x: expected a number from 0 to"),
])
def test_usage(args, message):
    log = finish(pingpong("net_null0", *args), status=2)
    assert message in log
    assert "usage: dpdk-pingpong" in log


def test_help():
    assert "usage: dpdk-pingpong" in finish(pingpong("net_null0", "--help"))


def test_no_port():
    assert "--port 0: there are 0 ports" in finish(pingpong(None, "--role", "ping"), status=1)


def test_nobody_there(tmp_path):
    wrpcap(str(tmp_path / "empty.pcap"), [Ether(frame(0, STOP))])
    log = finish(pingpong(f"net_pcap0,rx_pcap={tmp_path}/empty.pcap,tx_pcap={tmp_path}/out.pcap",
                          "--role", "ping", "--wait-s", 1), status=1)
    assert "no echo on port 0 within 1 s" in log


def test_bad_echoes_are_told_apart(tmp_path):
    """A forged other side: a burst comes back with one frame lost, corrupt, doubled, overtaken."""
    junk = frame(10**6)
    # A batch is what one rx_burst returns: 32 frames. The first one answers the search for a peer.
    batch = [frame(0)] + [junk] * 31
    # The burst has the numbers 1..32.
    echoes = [frame(seq) for seq in range(1, 33)]
    echoes[4] = junk  # 5 is lost
    echoes[8] = echoes[8][:-1] + b"\xff"  # 9 is corrupt
    echoes[19], echoes[20] = echoes[20], echoes[19]  # 21 overtakes 20
    echoes[29] = frame(29)  # 29 twice, 30 lost
    wrpcap(str(tmp_path / "in.pcap"), [Ether(data) for data in batch + echoes])
    log = finish(pingpong(f"net_pcap0,rx_pcap={tmp_path}/in.pcap,tx_pcap={tmp_path}/out.pcap",
                          "--role", "ping", "--json", "--size", SIZE, "--burst", 32,
                          "--count", 1, "--warmup", 0, "--timeout-ms", 50), status=1)
    found = result(log)
    assert (found["lost"], found["corrupt"], found["misordered"]) == (2, 1, 2)
    assert found["count"] == 0 and "p50_ns" not in found


def test_frames_on_the_wire(tmp_path):
    """What ping sends, byte by byte: one frame to find its peer, the burst, and the stop."""
    wrpcap(str(tmp_path / "in.pcap"), [Ether(frame(n)) for n in [0] + [10**6] * 31 + [1, 2]])
    finish(pingpong(f"net_pcap0,rx_pcap={tmp_path}/in.pcap,tx_pcap={tmp_path}/out.pcap",
                    "--role", "ping", "--size", SIZE, "--burst", 2, "--count", 1, "--warmup", 0))
    with PcapReader(str(tmp_path / "out.pcap")) as reader:
        sent = [bytes(packet) for packet in reader]
    assert [data[12:] for data in sent[:3]] == [frame(n, PING)[12:] for n in (0, 1, 2)]
    assert sent[0][:6] == b"\xff" * 6, "the first frame looks for whoever is there"
    assert sent[1][:6] == frame(0)[6:12], "the others go to the one that answered"
    assert {data[12:] for data in sent[3:]} == {frame(0, STOP)[12:]}


def test_pong_answers_only_pings(tmp_path):
    """Pong turns pings round and ends at a stop; echoes of others and foreign frames it leaves."""
    foreign = bytes.fromhex("020000000001" "020000000002" "0800") + bytes(50)
    wrpcap(str(tmp_path / "in.pcap"), [Ether(data) for data in (
        foreign, frame(7, PING), frame(8, PONG), frame(9, PING), frame(0, STOP))])
    log = finish(pingpong(f"net_pcap0,rx_pcap={tmp_path}/in.pcap,tx_pcap={tmp_path}/out.pcap",
                          "--role", "pong", "--json"))
    assert result(log) == {"echoed": 3}
    with PcapReader(str(tmp_path / "out.pcap")) as reader:
        sent = [bytes(packet) for packet in reader]
    assert [data[14:] for data in sent] == [frame(7)[14:], frame(9)[14:], frame(0, 4)[14:]]
    assert all(data[:6] == frame(0)[6:12] for data in sent)


@pytest.mark.parametrize("size, burst", [(60, 1), (1518, 32), (64, 256)])
def test_round_trips(tmp_path, size, burst):
    """Two processes: all frames come back."""
    plugins = [plugin()]
    pong_dev = ping_dev = f"net_shmbus0,path={tmp_path}/bus"
    common = ["--size", size, "--burst", burst, "--json", "--timeout-ms", 20000]
    pong = pingpong(pong_dev, "--role", "pong", *common, name="pong", plugins=plugins)
    ping = pingpong(ping_dev, "--role", "ping", "--count", 200, "--warmup", 10, *common,
                    name="ping", plugins=plugins)
    with pong:
        pong.wait_for(r"^port 0 is ready")
        with ping:
            assert ping.wait(120) == 0, ping.tail()
            found = result(ping.log)
        assert pong.wait(60) == 0, pong.tail()
    assert (found["count"], found["lost"], found["corrupt"], found["misordered"]) == (200, 0, 0, 0)
    order = [found[key] for key in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns")]
    assert order == sorted(order) and order[0] > 0
    assert result(pong.log)["echoed"] >= 210 * burst + 1


RINGS = ("net_ring0", "net_ring1")


@pytest.mark.parametrize("size, burst", [(60, 1), (1518, 32), (9600, 256)])
def test_both_in_one_process(size, burst):
    """Two lcores, each with the ring that the other fills. Two may share a CPU: 200 trips only."""
    log = finish(pingpong(RINGS, "--role", "both", "--rx-port", 1, "--size", size, "--burst", burst,
                          "--count", 200, "--warmup", 10, "--json", "--timeout-ms", 20000,
                          lcores=f"0@0,1@{eal.allowed_cpus()[-1]}"))
    found = result(log)
    assert log.count("is ready") == 2
    assert (found["count"], found["lost"], found["corrupt"], found["misordered"]) == (200, 0, 0, 0)


def test_both_needs_two_lcores_and_two_ports():
    args = ("--role", "both", "--rx-port", 1)
    assert "--role both: expected two lcores" in finish(pingpong(RINGS, *args), status=1)
    assert "--port 1: there are 1 ports" in finish(pingpong("net_ring0", *args), status=1)


def test_pong_ends_at_sigint(tmp_path):
    pong = pingpong("net_null0", "--role", "pong", name="pong")
    with pong:
        pong.wait_for(r"^port 0 is ready")
        assert pong.stop() == 0
        assert "echoed 0 frames" in pong.log


def test_ping_is_interrupted(tmp_path):
    """What it has measured is told; not everything was, so it has failed. The pong ends with it."""
    plugins = [plugin()]
    vdev = f"net_shmbus0,path={tmp_path}/bus"
    with pingpong(vdev, "--role", "pong", name="pong", plugins=plugins) as pong:
        pong.wait_for(r"^port 0 is ready")
        ping = pingpong(vdev, "--role", "ping", "--json", "--count", 4_000_000_000, name="ping",
                        plugins=plugins).start()
        ping.wait_for(r"^port 0 is ready")
        ping.signal(signal.SIGINT)
        assert ping.wait(120) == 1, ping.tail()
        ping.close(check=False)
        assert result(ping.log)["lost"] == 0
        assert "stopped before all 4000000000 bursts were measured" in ping.log
        assert pong.wait(60) == 0, pong.tail()


@pytest.mark.parametrize("role", ["ping", "pong"])
def test_bus_is_gone(tmp_path, role):
    """A port that is gone is told of by an event; neither side waits for ever."""
    path = tmp_path / "bus"
    process = pingpong(f"net_shmbus0,path={path}", "--role", role, "--wait-s", 3600, "--count", 10**9,
                       plugins=[plugin()]).start()
    process.wait_for(r"^port 0 is ready")
    os.truncate(path, 0)
    assert process.wait(120) == 1, process.tail()
    process.close(check=False)
    assert "port 0 is gone" in process.log
