# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus tap: the kernel's own TCP/IP at both ends of a bus, at one end of it, and through testpmd."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import eal
import netns
import pytest
from apps import scaled, testpmd
from netns import Netns, Tap, WebServer
from process import Process, cpu_seconds, poll
from tool import LIMIT_S, program, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import lanes_file as lf  # noqa: E402
from lanes_port import Member  # noqa: E402

TRANSFER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tcp_transfer.py")
ADDRESSES = (("10.9.0.1", "fd09::1"), ("10.9.0.2", "fd09::2"))
MB = 1 << 20

pytestmark = pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))


@pytest.fixture
def ns():
    with Netns() as one:
        yield one


@pytest.fixture
def pair():
    """Two network namespaces."""
    with Netns() as one, Netns() as two:
        yield one, two


@contextlib.contextmanager
def taps_on(paths, pair, *options):
    """A tap in each of the two namespaces, each on its bus."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Tap(path, "--netns", ns.name, "-a", f"{v4}/24", "-a", f"{v6}/64",
                                       *options))
               for path, ns, (v4, v6) in zip(paths, pair, ADDRESSES)]


def joined(path, pair, *options):
    """A tap in each of the two namespaces, on one bus."""
    return taps_on((path, path), pair, *options)


@contextlib.contextmanager
def forwarded(make_bus, pair):
    """A tap in each of the two namespaces, on two buses, and between these testpmd; its port 0."""
    left, right = make_bus("left"), make_bus("right")
    with testpmd(left.vdev(0), right.vdev(1)) as pmd, taps_on((left.path, right.path), pair):
        pmd.set_fwd("io")
        pmd.start_fwd()
        yield lambda: pmd.port_stats(0)


def ping(ns, address, *options):
    out = ns.run("ping", "-c", 3, "-i", 0.2, "-W", 30, *options, address)
    assert " 0% packet loss" in out


def transfer(pair, address, length):
    """Send to the second of two namespaces; what arrives is what was sent."""
    argv = ["/usr/bin/python3", TRANSFER]
    with Process(pair[1].argv(*argv, "receive", address)) as receiver:
        receiver.wait_for("^listening")
        sent = pair[0].run(*argv, "send", address, length)
        assert receiver.wait_for("^sha256 .*\n", netns.LIMIT_S).group(0) == sent
        receiver.wait()


def test_background(make_bus, ns):
    """The command returns when the device can be used, and goes on; who deletes the device ends it."""
    bus = make_bus("quiet")
    # subprocess waits for the end of the output, too: nothing that goes on has it open
    out, err = shmbus("tap", bus.path, "--background", "--netns", ns.name, "--address", "10.9.0.1/24")
    assert re.fullmatch(r"tap0 up on .*, MAC .*, MTU 1500\n", out) and err == ""
    assert "10.9.0.1/24" in ns.ip("-4", "address", "show", "tap0")
    port, = json.loads(shmbus("info", "--json", bus.path)[0])["ports"]
    assert port["alive"] and port["state"] == "up"
    with open(f"/proc/{port['pid']}/stat", encoding="ascii") as f:
        session = int(f.read().rpartition(")")[2].split()[3])
    assert session == port["pid"] != os.getsid(0)
    assert {os.readlink(f"/proc/{port['pid']}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    ns.ip("link", "delete", "tap0")
    poll(lambda: not os.path.exists(f"/proc/{port['pid']}"), "the end of the command")
    assert "no ports" in shmbus("info", bus.path)[0]


def test_background_fails(folder, ns):
    """What goes wrong before the device is ready is told as in the foreground."""
    path = os.path.join(folder, "file")
    with open(path, "wb") as f:
        f.write(b"no bus at all" * 100)
    out, err = shmbus("tap", path, "-b", "--netns", ns.name, "--address", "10.9.0.1/24", status=1)
    assert out == "" and "not a shmbus bus file" in err


@pytest.mark.parametrize("fmt, megabytes", [("lanes", 100), ("shmif", 20)])
def test_two_kernels(make_bus, pair, counts, fmt, megabytes):
    path = make_bus().path
    length = scaled(megabytes * MB)
    with joined(path, pair, "--format", fmt) as taps:
        ping(pair[0], "10.9.0.2")
        ping(pair[1], "fd09::1")
        transfer(pair, "10.9.0.2", length)
        transfer(pair, "fd09::2", length // 10)
        if fmt == "lanes":
            for tap in taps:
                tap.signal(signal.SIGUSR1)
                told = tap.wait_for(r"^bus to \S+: .*\n").group(0)
                assert " 0 dropped, 0 missed" in told
        info, _ = shmbus("info", path)
        assert f"format   {fmt}" in info
    counts(f"{length} + {length // 10} bytes over TCP, intact")


def installed(name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def test_curl(make_bus, pair, folder):
    """Through testpmd to a web server, and a file back."""
    served = os.path.join(folder, "served")
    os.mkdir(served)
    content = os.urandom(MB)
    with open(os.path.join(served, "file"), "wb") as f:
        f.write(content)
    address = ADDRESSES[1][0]
    with forwarded(make_bus, pair) as stats, WebServer(served, wrapper=pair[1].argv()):
        fetched = os.path.join(folder, "fetched")
        pair[0].run(installed("curl"), "-sS", "-m", netns.LIMIT_S, "-o", fetched,
                    f"http://{address}:8080/file")
        assert stats()["tx_bytes"] > MB
    with open(fetched, "rb") as f:
        assert f.read() == content


def test_iperf3(make_bus, pair, counts):
    """Through testpmd. It says itself how many bytes have arrived; how fast is its own business."""
    iperf3 = installed("iperf3")
    with forwarded(make_bus, pair) as stats:
        with Process(pair[1].argv(iperf3, "-s", "-1", "--forceflush")) as server:
            server.wait_for("^Server listening")
            told = json.loads(pair[0].run(iperf3, "-J", "-n", 20 * MB, "-c", ADDRESSES[1][0]))
            server.wait()
        through = stats()["rx_bytes"]
    assert "error" not in told
    # it does not wait for the last of what was sent
    received = told["end"]["sum_received"]
    assert 0 < received["bytes"] < through
    assert told["end"]["sum_sent"]["bytes"] >= 20 * MB
    counts(f"iperf3: {received['bits_per_second'] / 1e9:.2f} Gbit/s")


def test_bridge(bus, pair):
    """The device is a port of a bridge, which has the address."""
    pair[1].ip("link", "add", "br0", "type", "bridge")
    pair[1].ip("address", "add", "10.9.0.2/24", "dev", "br0")
    pair[1].ip("link", "set", "br0", "up")
    with Tap(bus.path, "-N", pair[0].name, "-a", "10.9.0.1/24"), \
            Tap(bus.path, "-N", pair[1].name, "--bridge", "br0") as tap:
        assert " up on " in tap.log
        ping(pair[0], "10.9.0.2")
        transfer(pair, "10.9.0.2", MB)


def test_device_that_is_down(bus, ns):
    with Tap(bus.path, "-N", ns.name) as tap:
        tap.wait_for("^tap0 down on .*; it carries nothing while it is down [(]--address, ", LIMIT_S)
        ns.ip("link", "set", tap.device, "up")
        poll(lambda: ",UP" in ns.run("ip", "link", "show", tap.device), "the device", LIMIT_S)


def test_jumbo_frames(bus, pair):
    with joined(bus.path, pair, "--mtu", 9000):
        ping(pair[0], "10.9.0.2", "-M", "do", "-s", 9000 - 28)
        transfer(pair, "10.9.0.2", scaled(10 * MB))


def test_mtu_is_changed(bus, pair):
    """Longer frames pass as soon as both devices allow them."""
    with joined(bus.path, pair) as taps:
        ping(pair[0], "10.9.0.2", "-M", "do", "-s", 1500 - 28)
        for ns, tap in zip(pair, taps):
            ns.ip("link", "set", tap.device, "mtu", 9000)
        ping(pair[0], "10.9.0.2", "-M", "do", "-s", 9000 - 28)
        transfer(pair, "10.9.0.2", MB)


def test_vlans_over_a_tap(bus, pair):
    if not pair[0].has_vlans():
        pytest.skip("the kernel has no VLANs")
    with joined(bus.path, pair, "--mtu", 1504) as taps:
        inner = (("10.5.0.1", "fd05::1"), ("10.5.0.2", "fd05::2"))
        for ns, tap, (v4, v6) in zip(pair, taps, inner):
            ns.ip("link", "add", "link", tap.device, "name", "v5", "type", "vlan", "id", "5")
            ns.ip("address", "add", f"{v4}/24", "dev", "v5")
            ns.ip("address", "add", f"{v6}/64", "dev", "v5", "nodad")
            ns.ip("link", "set", "v5", "up")
        ping(pair[0], "10.5.0.2")
        transfer(pair, "10.5.0.2", MB)
        transfer(pair, "fd05::2", MB)


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_ping_testpmd(make_bus, ns, fmt):
    bus = make_bus(format=fmt)
    with testpmd(bus.vdev(), args=["--forward-mode=icmpecho"]) as pmd, \
            Tap(bus.path, "--netns", ns.name, "--address", "10.9.0.1/24"):
        pmd.start_fwd()
        ping(ns, "10.9.0.2")
        assert pmd.port_info()["mac"].lower() in ns.ip("neigh", "show", "10.9.0.2")
        pmd.stop_fwd()


# In the namespace: as many datagrams as the tap's queue takes, to all.
FLOOD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for i in range(int(sys.argv[1])):
    s.sendto(bytes(1000), ("10.9.0.255", 9))
"""


def test_slow_receiver(folder, ns):
    """The bus takes no frames for a while: tap sleeps until it does, and goes on receiving."""
    path = os.path.join(folder, "bus")
    geo = lf.Geometry(ports=4, queues=1, lane_size=1 << 16)
    with Member(path, geo) as member:
        member.start(1, 1)
        receiver = member.receiver(0, 1)  # the lane of slot 1
        with Tap(path, "-N", ns.name, "--address", "10.9.0.1/24", "--up") as tap:
            ns.run(sys.executable, "-c", FLOOD, 300)
            poll(lambda: member.bus.lane_word(1, lf.L_ROOM) != 0, "tap to wait for room", LIMIT_S)
            before = cpu_seconds(tap.pid)
            # Less than a second, after which tap would give us up.
            for _ in range(10):
                member.lane(0).send([b"\xff" * 6 + bytes(54)])
                time.sleep(0.03)
            assert cpu_seconds(tap.pid) - before < 0.15, "it spins"
            got = receiver.receive_all()
            assert len(got) > 40 and receiver.answerer.rings > 0
            poll(lambda: not receiver.receive() and member.bus.lane_word(1, lf.L_ROOM) == 0,
                 "tap to send the rest", LIMIT_S)
            assert receiver.missed == 0
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
        assert int(re.search(r"^bus to \S+: (\d+) frames", tap.log, re.M).group(1)) == 10


def test_device_is_as_asked_for(bus, ns):
    with Tap(bus.path, "-N", f"/run/netns/{ns.name}", "--name", "wire0",
             "--mac", "02:00:00:00:00:0a", "--mtu", 1400) as tap:
        assert "wire0 down on " + bus.path + ", MAC 02:00:00:00:00:0a, MTU 1400; " in tap.log
        link = ns.ip("link", "show", "wire0")
        assert "02:00:00:00:00:0a" in link and "mtu 1400" in link and ",UP" not in link
        info, _ = shmbus("info", bus.path)
        assert re.search(r"^ +0  wire0 .* 02:00:00:00:00:0a ", info, re.M)
    assert "wire0" not in ns.ip("link", "show")


def test_stops_when_asked(bus, ns):
    tap = Tap(bus.path, "-N", ns.name, "--up").start()
    tap.signal(signal.SIGTERM)
    assert tap.wait() == 0
    assert re.search(rf"^{tap.device} to bus: \d+ frames", tap.log, re.M)
    tap.close()


def test_device_of_somebody_elses_making(bus, ns):
    """A user who owns the device needs no privileges."""
    ns.ip("tuntap", "add", "dev", "wire0", "mode", "tap", "user", "0")
    ns.ip("link", "set", "wire0", "mtu", "1300", "up")
    with Tap(bus.path, "--name", "wire0",
             wrapper=ns.argv("setpriv", "--bounding-set=-all", "--inh-caps=-all")) as tap:
        assert "MTU 1300" in tap.log
    assert "wire0" in ns.ip("link", "show")


def fails(path, *options, wrapper=()):
    """It ends with status 1; what it says."""
    tap = Process([program(), "tap", str(path), *map(str, options)], wrapper=wrapper).start()
    assert tap.wait() == 1
    tap.close(check=False)
    return tap.log


def test_device_is_deleted(bus, ns):
    tap = Tap(bus.path, "-N", ns.name, "--up").start()
    ns.ip("link", "del", tap.device)
    assert tap.wait() == 1
    assert f"name={tap.device}: the device is gone: it was deleted" in tap.log
    tap.close(check=False)


def test_bus_is_gone(bus, ns):
    tap = Tap(bus.path, "-N", ns.name, "--up").start()
    os.truncate(bus.path, 0)
    assert tap.wait() == 1
    assert f"path={bus.path}: the bus is gone" in tap.log
    tap.close(check=False)


def test_what_cannot_be(bus, ns):
    here = ["-N", ns.name]
    assert "shmbus tap: cannot make a tap device: this needs CAP_NET_ADMIN" in fails(
        bus.path, wrapper=["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"])
    assert "netns=nowhere: cannot open /run/netns/nowhere" in fails(bus.path, "-N", "nowhere")
    assert "name=lo: cannot be a tap" in fails(bus.path, *here, "--name", "lo")
    assert "at most 15 bytes" in fails(bus.path, *here, "--name", "sixteen-letters-")
    assert fails(bus.path, "-N", ns.name, "-m", 1000, "-a", "10.0.0.1/24", "-a", "fd00::1/64") == (
        "shmbus tap: address=fd00::1/64: IPv6 takes an MTU of 1280 at least; here it is 1000\n")
    assert "so 65521 at most" in fails(bus.path, *here, "--mtu", 65522)
    assert "bridge=br9: " in fails(bus.path, *here, "--bridge", "br9")
    assert "cannot make it a port of the bridge lo" in fails(bus.path, *here, "--bridge", "lo")
    shmbus("create", bus.path)
    os.truncate(bus.path, 100)
    assert f"path={bus.path}: " in fails(bus.path, *here)


@pytest.mark.parametrize("options", [("--mtu", 65522), ("--format", "shmif", "--mtu", 9000)])
def test_leaves_no_bus_when_it_fails(folder, ns, options):
    """Of a file or a bus that was there before it leaves what there was."""
    path = os.path.join(folder, "wire")
    assert " at most" in fails(path, "-N", ns.name, *options)
    assert not os.path.exists(path)
    with open(path, "xb"):
        pass
    for _ in range(2):  # empty, then a bus
        fails(path, "-N", ns.name, *options)
        assert "no ports" in shmbus("info", path)[0]


@pytest.mark.parametrize("option, value", [
    ("address", "10.0.0.1"), ("address", "10.0.0.1/33"), ("address", "fd00::1/129"),
    ("address", "x/24"), ("mtu", "67"), ("mtu", "1k"), ("mac", "01:00:00:00:00:01"),
    ("mac", "00:00:00:00:00:00"), ("mac", "02:00:00:00:00:01:"), ("mac", "2"),
    ("mac", "-2:0:0:0:0:1"), ("mac", "0x:0:0:0:0:1"), ("mac", "2: 0:0:0:0:1"), ("name", ""),
    ("netns", ""), ("format", "pcap")])
def test_usage(bus, option, value):
    _, err = shmbus("tap", bus.path, f"--{option}={value}", status=2)
    assert f"--{option}: '{value}' is not right; expected " in err


def writes_to_stdout(pid):
    """Is a process in write(2) to its stdout? True only while that blocks."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
        number, *arguments = f.read().split()
    return number in ("1", "64") and arguments[0] == "0x1"  # x86-64, aarch64


@pytest.mark.parametrize("how", [signal.SIGUSR1, signal.SIGTERM])
def test_signal_at_the_first_line(bus, ns, how):
    """A script may send a signal as soon as it sees the line. Here the line is just being written."""
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        os.set_blocking(writer, False)
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += os.write(writer, bytes(1 << 12))
        os.set_blocking(writer, True)
        tap = subprocess.Popen([program(), "tap", bus.path, "-N", ns.name, "--up"], stdout=writer,
                               stderr=subprocess.PIPE)
        stack.callback(tap.communicate)
        stack.callback(tap.kill)
        os.close(writer)
        poll(lambda: writes_to_stdout(tap.pid), "the first line to be written")
        tap.send_signal(how)
        out = b""
        with open(reader, "rb", closefd=False) as lines:
            assert lines.read(filled) == bytes(filled)
            out = lines.readline()
            assert re.fullmatch(rb"tap\d+ up on .*\n", out)
            # The counters come at once, for either signal.
            assert re.fullmatch(rb"tap\d+ to bus: .*\n", lines.readline())
            assert re.fullmatch(rb"bus to tap\d+: .*\n", lines.readline())
        if how == signal.SIGUSR1:
            tap.send_signal(signal.SIGTERM)
        assert tap.wait(timeout=netns.LIMIT_S) == 0
