# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus gateway: an ordinary user's way to the outside, with passt, in namespaces of that user's.

world: the outside, with a web server and a name server. host: where gateway and passt run. client: a
tap on the bus, configured by a DHCP client.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal

import pytest
import tool
from frame_stream import counters
from netns import Tap, UserNetns, WebServer
from process import Process, children, poll
from rounds import rounds
from tool import LIMIT_S, shmbus

NEEDED = (("passt", "passt"), ("dnsmasq", "dnsmasq-base"), ("busybox", "busybox-static"),
          ("curl", "curl"))
MISSING = [package for program, package in NEEDED if shutil.which(program) is None]

pytestmark = pytest.mark.skipif(MISSING != [], reason=f"not installed: {' '.join(MISSING)}")

HERE = os.path.dirname(os.path.abspath(__file__))
ECHO = os.path.join(HERE, "udp_echo.py")
UDP_PORT = "5007"  # of udp_echo.py

WORLD = "10.77.0.1"
SERVER = "198.51.100.1"
HOST = "10.77.0.2"

DHCP_SCRIPT = """#!/bin/sh
case $1 in
deconfig) ip link set "$interface" up ;;
bound)
    ip address add "$ip/$mask" dev "$interface"
    ip route add default via "$router"
    echo "ip=$ip router=$router dns=$dns mtu=$mtu" ;;
esac
"""


class Gateway(Process):
    """shmbus gateway, ready."""

    def __init__(self, path, *options, program=None, **kwargs):
        super().__init__([program or tool.program(), "gateway", str(path), *options], name="gateway",
                         **kwargs)

    def start(self):
        super().start()
        self.passt = int(self.wait_for(r"^passt (\d+) joined to ", LIMIT_S).group(1))
        return self


@pytest.fixture
def place(folder, ordinary):
    """The folder, this user's."""
    return ordinary.own(folder)


@pytest.fixture
def host(ordinary):
    """A namespace without any route."""
    with UserNetns(ordinary.wrapper) as made:
        yield made


@pytest.fixture
def world(host):
    """The outside of the host, which has a default route now."""
    with UserNetns(inside=host) as made:
        host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        host.run("ip", "link", "set", "eth1", "netns", made.pid)
        host.run("ip", "address", "add", f"{HOST}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        made.run("ip", "address", "add", f"{WORLD}/24", "dev", "eth1")
        made.run("ip", "address", "add", f"{SERVER}/32", "dev", "lo")
        made.run("ip", "link", "set", "eth1", "up")
        host.run("ip", "route", "add", "default", "via", WORLD)
        yield made


def uids(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return set(re.search(r"^Uid:\s+(.*)$", f.read(), re.M).group(1).split())


@pytest.fixture
def script(place):
    """What the DHCP client calls."""
    path = os.path.join(place, "dhcp")
    with open(path, "w", encoding="ascii") as f:
        f.write(DHCP_SCRIPT)
    os.chmod(path, 0o755)
    return path


@contextlib.contextmanager
def client_of(host, bus, script, program):
    """A namespace with a tap on the bus, configured by DHCP; and what it was told."""
    with UserNetns(inside=host) as client, \
            Tap(bus, "--up", program=program, wrapper=client.argv()) as tap:
        yield client, client.run("busybox", "udhcpc", "-i", tap.device, "-n", "-q", "-t", "20",
                                 "-O", "mtu", "-s", script)


def test_gateway(place, host, world, ordinary, script):
    """DHCP, DNS, a download of known content, and all of that without root."""
    bus = os.path.join(place, "bus")
    content = os.urandom(rounds(100, 8) << 20)
    with open(os.path.join(place, "file"), "wb") as f:
        f.write(content)
    program = ordinary.copy(tool.program())
    web = WebServer(place, "-b", SERVER, wrapper=world.argv())
    names = Process(["dnsmasq", "--no-daemon", "--no-hosts", "--no-resolv", "--user=root", "--group=root",
                     f"--listen-address={SERVER}", "--bind-interfaces", "--conf-file=/dev/null",
                     f"--address=/known.test/{SERVER}"], wrapper=world.argv())
    with web, names, Gateway(bus, "--", "-D", SERVER, program=program, wrapper=host.argv()) as gateway:
        names.wait_for("started", LIMIT_S)
        keeper, = children(gateway.pid)
        assert {uid for pid in (gateway.pid, keeper, gateway.passt) for uid in uids(pid)} == \
            {str(ordinary.UID if ordinary.is_root else os.getuid())}
        with client_of(host, bus, script, program) as (client, told):
            assert f"ip={HOST} router={WORLD} dns={SERVER} mtu=1500" in told
            assert f"Address: {SERVER}" in re.sub(r"Address \d", "Address", client.run(
                "busybox", "nslookup", "-type=a", "known.test", SERVER))
            fetched = os.path.join(place, "fetched")
            client.run("curl", "-sS", "-m", LIMIT_S, "-o", fetched, f"http://{SERVER}:8080/file")
            with open(fetched, "rb") as f:
                assert hashlib.sha256(f.read()).digest() == hashlib.sha256(content).digest()
        names.kill()  # its own status would be 5
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        poll(lambda: not os.path.exists(f"/proc/{gateway.passt}"), "the end of passt", LIMIT_S)
    told = counters(gateway.log)
    assert told["to_bus"]["bytes"] > len(content)
    assert (told["to_bus"]["dropped"], told["from_bus"]["dropped"], told["from_bus"]["missed"]) == (0, 0, 0)


def limit_of_a_buffer():
    """What an ordinary user's socket may hold."""
    with open("/proc/sys/net/core/wmem_max", encoding="ascii") as f:
        return int(f.read())


@pytest.mark.skipif(limit_of_a_buffer() < 4 << 20, reason="net.core.wmem_max is less than a window of TCP")
def test_room_for_a_window(place, host, world, ordinary):
    """passt's socket, the only large one of this namespace, holds a window of TCP: see app/shmbus/gateway/passt.c."""
    bus = os.path.join(place, "bus")
    with Gateway(bus, program=ordinary.copy(tool.program()), wrapper=host.argv()):
        sizes = [int(size) for size in re.findall(r"\btb(\d+)", host.run("ss", "-x", "-m"))]
        assert max(sizes) >= 4 << 20


def test_udp(place, host, world, ordinary, script, counts):
    """Datagrams of all sizes to the outside and back; and from there to a port that passt passes in.

    There the sender is the router, whose answers passt would keep on the host without --no-map-gw.
    """
    bus = os.path.join(place, "bus")
    number = rounds(10000, 500)
    program, echo_or_ask = ordinary.copy(tool.program()), ordinary.copy(ECHO)
    with Gateway(bus, "--", "--no-map-gw", "-u", UDP_PORT, program=program, wrapper=host.argv()), \
            client_of(host, bus, script, program) as (client, _):
        told = []
        for here, there, address in ((client, world, SERVER), (world, client, HOST)):
            with Process(["/usr/bin/python3", echo_or_ask, "serve", address], name="echo",
                         wrapper=there.argv()) as echo:
                echo.wait_for("^serving", LIMIT_S)
                told.append(here.run("/usr/bin/python3", echo_or_ask, "ask", address, number).strip())
                echo.kill()
    counts(f"out: {told[0]}; in: {told[1]}")


def fails(wrapper, bus, *options, program, env=None):
    """It ends with status 1; what it says."""
    gateway = Process([program, "gateway", bus, *options], wrapper=wrapper, env=env).start()
    assert gateway.wait() == 1
    gateway.close(check=False)
    assert not os.path.exists(bus)
    return gateway.log


def test_what_cannot_be(place, host, ordinary):
    """No passt, no route, wrong options: what is missing is said, and no bus is left."""
    bus = os.path.join(place, "bus")
    program = ordinary.copy(tool.program())
    assert fails(host.argv(), bus, program=program, env={"PATH": "/nowhere"}) == (
        "shmbus gateway: cannot start passt: it is not installed (Debian: apt-get install passt), or "
        "not in PATH\n")
    said = fails(host.argv(), bus, program=program)
    assert "passt: No external routable interface for IPv4\n" in said
    assert "passt has ended before it was ready. If it found no interface" in said
    assert "passt has ended with status 1\n" in said and "syslog" not in said
    assert "passt: passt: unrecognized option '--frobnicate'\n" in fails(
        host.argv(), bus, "--", "--frobnicate", program=program)


def test_the_advice(place, host, ordinary):
    """What the message says helps where there is no route."""
    bus = os.path.join(place, "bus")
    host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    for device in ("eth0", "eth1"):
        host.run("ip", "link", "set", device, "up")
    program = ordinary.copy(tool.program())
    said = fails(host.argv(), bus, program=program)
    advice = re.search(r"tell it all, as: (-- .*)\n", said).group(1).split()
    with Gateway(bus, *advice, program=program, wrapper=host.argv()):
        pass


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_end_of_passt(place, host, world, ordinary, fmt):
    """The command ends with it. The frames of a shmif bus are short, and passt is told."""
    bus = os.path.join(place, "bus")
    gateway = Gateway(bus, "--format", fmt, program=ordinary.copy(tool.program()),
                      wrapper=host.argv()).start()
    assert f"passt {gateway.passt} joined to {bus}, MTU 1500\n" in gateway.log
    with open(f"/proc/{gateway.passt}/cmdline", "rb") as f:
        assert b"\0--mtu\0001500\0" in f.read()
    os.kill(gateway.passt, signal.SIGKILL)
    assert gateway.wait() == 1
    assert "passt was killed by signal 9\n" in gateway.log
    gateway.close(check=False)


def test_background_and_kill(place, host, world, ordinary):
    """It returns when passt is ready; passt also ends with a command that is killed."""
    bus = os.path.join(place, "bus")
    out = host.run(ordinary.copy(tool.program()), "gateway", "--background", bus, "--", "--mtu", "9000")
    passt = int(re.search(r"^passt (\d+) joined", out, re.M).group(1))
    with open(f"/proc/{passt}/cmdline", "rb") as f:
        assert f.read().count(b"--mtu\0") == 1
    port, = json.loads(shmbus("info", "--json", bus)[0])["ports"]
    assert port["alive"] and port["name"] == "passt"
    os.kill(port["pid"], signal.SIGKILL)
    poll(lambda: not os.path.exists(f"/proc/{passt}"), "the end of passt", LIMIT_S)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_end_of_a_passt_that_does_not_look(place, host, world, ordinary, how):
    """A stopped passt sees neither the end of its stream nor SIGTERM. It ends with its gateway all the same."""
    bus = os.path.join(place, "bus")
    gateway = Gateway(bus, program=ordinary.copy(tool.program()), wrapper=host.argv()).start()
    keeper = children(gateway.pid)[0]
    assert children(keeper) == [gateway.passt]
    os.kill(gateway.passt, signal.SIGSTOP)
    gateway.signal(how)
    assert gateway.wait() == (0 if how == signal.SIGTERM else -how)
    gateway.close(check=False)
    for pid in (gateway.passt, keeper):
        poll(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), f"the end of process {pid}", LIMIT_S)
