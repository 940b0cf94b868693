# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What stock testpmd's telemetry socket tells of its ports and their bus."""

import contextlib
import json
import os
import socket

import eal
from apps import testpmd

TIMEOUT_S = 60


class Telemetry:
    """A connection to the telemetry socket of one DPDK process."""

    def __init__(self, pmd):
        path = os.path.join(eal.runtime_dir(pmd.file_prefix), "dpdk_telemetry.v2")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(path)
        # EAL introduces itself first
        self.max_len = json.loads(self.socket.recv(1024))["max_output_len"]

    def ask(self, command):
        self.socket.send(command.encode())
        answer = json.loads(self.socket.recv(self.max_len))
        return answer[command.split(",")[0]]

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def asked(*vdevs, **kwargs):
    """A testpmd with these devices, and its telemetry."""
    with testpmd(*vdevs, telemetry=True, args=("--no-flush-rx",), **kwargs) as pmd:
        with contextlib.closing(Telemetry(pmd)) as telemetry:
            yield pmd, telemetry


def test_commands_are_listed():
    with asked("net_null0") as (_, telemetry):
        assert {"/net_shmbus/info", "/net_shmbus/peers", "/net_shmbus/bus"} <= \
            set(telemetry.ask("/"))
        # a port that there is, but is none of ours
        assert telemetry.ask("/net_shmbus/info,0") == {"error": "not a port of net_shmbus: 0"}


def test_wrong_parameters(bus):
    """What is wrong stands in the answer."""
    with asked(bus.vdev()) as (_, telemetry):
        for command in ("info", "peers", "bus"):
            for params, error in ((
                    "", "expected PORT or PORT,FIRST behind the command"),
                    (",7", "no such port: 7"), (",99999", "no such port: 99999"),
                    (",7,1", "no such port: 7,1"),
                    *((f",{text}", f"expected PORT or PORT,FIRST, two numbers, not {shown}")
                      for text, shown in (("x", "x"), ("0x", "0x"), ("0,", "0,"), ("0,y", "0,y"),
                                          ("-1", "-1"), ('"\\\x1b', "???"),
                                          ("9" * 30, "9" * 30)))):
                assert telemetry.ask(f"/net_shmbus/{command}{params}") == {"error": error}


def test_lanes(make_bus, counts):
    """Two processes, one of them sending a known number of frames."""
    bus = make_bus("told", lane_size="64K", ports=8, queues=2)
    mac = "b2:a0:00:00:00:07"
    with contextlib.ExitStack() as stack:
        one, telemetry = stack.enter_context(asked(bus.vdev(0, mac=mac), name="one"))
        two = stack.enter_context(testpmd(bus.vdev(1), on=1, name="two",
                                          args=("--no-flush-rx",)))
        info = telemetry.ask("/net_shmbus/info,0")
        assert info["name"] == "net_shmbus0"
        assert info["path"] == str(bus.path)[:127]
        assert (info["format"], info["version"], info["slot"]) == ("lanes", 1, 0)
        assert info["mac"].lower() == mac
        assert (info["started"], info["readonly"]) == ("yes", "no")
        assert (info["rx_queues"], info["tx_queues"], info["mtu"]) == (1, 1, 1500)

        peers = telemetry.ask("/net_shmbus/peers,0")
        assert sorted(peers) == ["count", "slot0", "slot1"]
        assert peers["count"] == 1
        mine, other = peers["slot0"], peers["slot1"]
        assert (mine["self"], other["self"]) == ("yes", "no")
        assert (mine["alive"], other["alive"]) == ("yes", "yes")
        assert (mine["pid"], other["pid"]) == (one.pid, two.pid)
        assert (mine["name"], other["name"]) == ("net_shmbus0", "net_shmbus1")
        assert (other["link"], other["tx_queues"], other["rx_queues"]) == ("up", 1, 1)
        assert sorted(telemetry.ask("/net_shmbus/peers,0,1")) == ["count", "slot1"]

        two.set_txpkts(64)
        two.set_fwd("txonly")
        two.start_fwd(tx_first=0)
        two.wait_port_stat(0, "tx_packets", 100)
        two.stop_fwd()
        sent = two.port_stats()["tx_packets"]
        told = telemetry.ask("/net_shmbus/bus,0")
        assert (told["ports"], told["queues"], told["lane_size"]) == (8, 2, 65536)
        assert told["file_size"] == os.stat(bus.path).st_size
        assert told["memory"] == os.stat(bus.path).st_blocks * 512
        assert sorted(name for name in told if name.startswith("lane") and name != "lane_size") \
            == ["lane0", "lane2"]
        lane = told["lane2"]
        assert (lane["slot"], lane["queue"], lane["owned"]) == (1, 0, "yes")
        assert lane["bytes"] == 64 * sent
        assert lane["tail"] > 0 and lane["tail"] - lane["head"] <= 65536

        two.kill()
        two.close(check=False)
        peers = telemetry.ask("/net_shmbus/peers,0")
        assert peers["count"] == 0
        assert peers["slot1"]["alive"] == "no"
        counts(f"{sent} frames sent, {lane['bytes']} bytes told")


def test_many(make_bus):
    """More ports than fit into an answer are told in parts."""
    bus = make_bus("many", lane_size="64K", ports=64, queues=1)
    vdevs = [bus.vdev(i) for i in range(31)]  # EAL's default is 32 ports
    with asked(*vdevs) as (_, telemetry), testpmd(*[bus.vdev(100 + i) for i in range(31)], on=1):
        first = telemetry.ask("/net_shmbus/peers,0")
        assert first.pop("count") == 61
        rest = telemetry.ask("/net_shmbus/peers,0,48")
        assert rest.pop("count") == 61
        assert len(first) == 48 and not set(first) & set(rest)
        assert set(first) | set(rest) == {f"slot{i}" for i in range(62)}
        lanes = [name for start in (0, 48) for name in telemetry.ask(f"/net_shmbus/bus,0,{start}")
                 if name.startswith("lane") and name != "lane_size"]
        assert sorted(lanes) == sorted(f"lane{i}" for i in range(62))


def test_shmif(make_bus):
    bus = make_bus("netbsd", format="shmif")
    with asked(bus.vdev(), name="one") as (_, telemetry), \
            testpmd(bus.vdev(1), on=1, name="two"):
        info = telemetry.ask("/net_shmbus/info,0")
        assert (info["format"], info["version"], info["max_frame"]) == ("shmif", 3, 1514)
        assert telemetry.ask("/net_shmbus/peers,0") == {"count": 1}
        told = telemetry.ask("/net_shmbus/bus,0")
        assert (told["file_size"], told["memory"], told["lock"]) == (1 << 20, 1 << 20, 0)


def test_detached_port(bus):
    with asked(bus.vdev()) as (pmd, telemetry):
        assert telemetry.ask("/net_shmbus/info,0")["name"] == "net_shmbus0"
        pmd.cmd("port stop 0")
        assert telemetry.ask("/net_shmbus/info,0")["started"] == "no"
        pmd.detach(0)
        assert telemetry.ask("/net_shmbus/info,0") == {"error": "no such port: 0"}
