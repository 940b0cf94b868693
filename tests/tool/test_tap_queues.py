# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus tap --queues: a device with several queues, each with a thread and a ring of its own."""

import contextlib
import json
import os
import re
import signal

import netns
import pytest
from netns import Netns, Tap
from process import Process, poll
from test_tap import ADDRESSES, MB, fails, installed, ping, transfer
from tool import LIMIT_S, bridge_counters, shmbus

UDP_FLOWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "udp_flows.py")
FLOWS = 16  # so many that no two queues are without one

pytestmark = pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))


@pytest.fixture
def ns():
    with Netns() as one:
        yield one


@pytest.fixture
def pair():
    with Netns() as one, Netns() as two:
        yield one, two


def tap_in(path, pair, which, queues, *options):
    """The tap of one of the two namespaces."""
    v4, v6 = ADDRESSES[which]
    return Tap(path, "--netns", pair[which].name, "-a", f"{v4}/24", "-a", f"{v6}/64",
               "--queues", queues, *options)


@contextlib.contextmanager
def joined(path, pair, *queues):
    """A tap in each of the two namespaces, with so many queues."""
    with tap_in(path, pair, 0, queues[0]) as one, tap_in(path, pair, 1, queues[-1]) as two:
        yield one, two


def bus_info(path):
    return json.loads(shmbus("info", "--json", path)[0])


def port_of(path, tap):
    return next(port for port in bus_info(path)["ports"] if port["mac"] == tap.mac)


def carried(path, tap):
    """{queue: frames that the tap has sent through it}"""
    slot = port_of(path, tap)["slot"]
    return {lane["queue"]: lane["frames"] for lane in bus_info(path)["lanes"] if lane["slot"] == slot}


def device_queues(ns, device):
    return ns.run("ls", f"/sys/class/net/{device}/queues").split()


@contextlib.contextmanager
def iperf3_server(ns, *options):
    with Process(ns.argv(installed("iperf3"), "-s", "--forceflush", *options)) as server:
        server.wait_for("^Server listening")
        yield server
        server.kill()
        server.close(check=False)


def iperf3(ns, address, *options):
    told = json.loads(ns.run("iperf3", "-J", "-c", address, *options))
    assert "error" not in told
    return told["end"]


@pytest.mark.parametrize("queues", [1, 2, 5])
def test_device(bus, ns, queues):
    """The device, the port and the process have as many. A bus that is made for it has, too."""
    with Tap(bus.path, "-N", ns.name, "-u", "--queues", queues) as tap:
        assert device_queues(ns, tap.device) == [f"{way}-{i}" for way in ("rx", "tx") for i in range(queues)]
        port = port_of(bus.path, tap)
        assert (port["tx_queues"], port["rx_queues"]) == (queues, queues)
        assert len(os.listdir(f"/proc/{tap.pid}/task")) >= queues  # sanitizers have threads, too
        assert bus_info(bus.path)["queues"] == max(queues, 4)
        assert (f", {queues} queues\n" in tap.log) == (queues > 1)
        tap.signal(signal.SIGUSR1)
        tap.wait_for(r"^bus to \S+: .*\n", LIMIT_S)
        tap.signal(signal.SIGTERM)
        assert tap.wait() == 0
    assert len(re.findall(r"^\S+ to bus: ", tap.log, re.M)) == 2


def test_content(bus, pair):
    with joined(bus.path, pair, 2) as taps:
        ping(pair[0], "10.9.0.2")
        ping(pair[1], "fd09::1")
        transfer(pair, "10.9.0.2", 50 * MB)
        transfer(pair, "fd09::2", 10 * MB)
        for ns, tap in zip(pair, taps):
            ns.ip("link", "set", tap.device, "mtu", 9000)
        ping(pair[0], "10.9.0.2", "-M", "do", "-s", 9000 - 28)
        transfer(pair, "10.9.0.2", 10 * MB)
        for tap in taps:
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
            assert bridge_counters(tap.log)[1][2:] == (0, 0)


def test_streams_use_all_queues(bus, pair, counts):
    """Both directions; what the taps count is what the rings have carried."""
    with joined(bus.path, pair, 2) as taps, iperf3_server(pair[1]):
        for way in ([], ["-R"]):
            before = [carried(bus.path, tap) for tap in taps]
            told = iperf3(pair[0], "10.9.0.2", "-P", FLOWS, "-n", 64 * MB, *way)
            for tap, then in zip(taps, before):
                now = carried(bus.path, tap)
                # acknowledgements are much fewer than data
                assert all(now[queue] - then.get(queue, 0) > 50 for queue in range(2)), (then, now)
            counts(f"iperf3{' -R' if way else ''}: "
                   f"{told['sum_received']['bits_per_second'] / 1e9:.2f} Gbit/s")
        for tap in taps:
            pair[taps.index(tap)].ip("link", "set", tap.device, "down")
        sums = [sum(carried(bus.path, tap).values()) for tap in taps]
        for tap in taps:
            tap.signal(signal.SIGTERM)
            assert tap.wait() == 0
        assert [bridge_counters(tap.log)[0][0] for tap in taps] == sums


@pytest.mark.parametrize("queues", [(2, 2), (3, 3), (2, 4), (4, 2), (2, 1)])
@pytest.mark.parametrize("between", [0, 1])
def test_flow_keeps_its_queue(bus, pair, ns, queues, between):
    """One flow, whose answers the kernel follows: it stays where it is, whatever the slots are."""
    with contextlib.ExitStack() as stack:
        taps = [stack.enter_context(tap_in(bus.path, pair, 0, queues[0]))]
        for _ in range(between):  # it has a slot, and is down
            stack.enter_context(Tap(bus.path, "-N", ns.name))
        taps.append(stack.enter_context(tap_in(bus.path, pair, 1, queues[1])))
        ping(pair[0], "10.9.0.2")
        before = [carried(bus.path, tap) for tap in taps]
        transfer(pair, "10.9.0.2", 60 * MB)
        for tap, then in zip(taps, before):
            now = carried(bus.path, tap)
            sent = sorted(now[queue] - then.get(queue, 0) for queue in now)
            # besides the flow there are a few frames of the kernels' own accord
            assert sum(sent) > 100 and sum(sent[:-1]) < sum(sent) / 4, sent


def test_flows_keep_their_order(bus, pair, counts):
    """Datagrams of many flows at once, there and back over all queues."""
    argv = ["/usr/bin/python3", UDP_FLOWS]
    with joined(bus.path, pair, 2) as taps, Process(pair[1].argv(*argv, "serve", "10.9.0.2")) as server:
        server.wait_for("^listening")
        # the neighbour is known: a kernel that asks for it does not keep the order
        ping(pair[0], "10.9.0.2")
        got, sent = map(int, pair[0].run(*argv, "ask", "10.9.0.2", FLOWS, 40).split(" of "))
        assert sent == FLOWS * 40 * 16 and got > sent / 2
        for tap in taps:
            assert all(frames > got / 20 for frames in carried(bus.path, tap).values())
        counts(f"{got} of {sent} echoes")
        server.kill()
        server.close(check=False)


def test_switch(make_bus, pair):
    bus = make_bus()
    shmbus("create", "--deliver", "switch", bus.path)
    with joined(bus.path, pair, 2):
        ping(pair[0], "10.9.0.2")
        transfer(pair, "10.9.0.2", 10 * MB)


def test_bridge_in_the_background(bus, pair):
    pair[1].ip("link", "add", "br0", "type", "bridge")
    pair[1].ip("address", "add", "10.9.0.2/24", "dev", "br0")
    pair[1].ip("link", "set", "br0", "up")
    with tap_in(bus.path, pair, 0, 2):
        shmbus("tap", bus.path, "-b", "-N", pair[1].name, "--bridge", "br0", "--queues", 2)
        pid, = (port["pid"] for port in bus_info(bus.path)["ports"] if port["slot"] == 1)
        ping(pair[0], "10.9.0.2")
        transfer(pair, "10.9.0.2", MB)
        pair[1].ip("link", "delete", "tap0")
        poll(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the command")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_end_in_full_flow(bus, pair, how):
    """The other one goes on, and so does the next owner of the slot."""
    with tap_in(bus.path, pair, 1, 2) as stays, iperf3_server(pair[1]):
        goes = tap_in(bus.path, pair, 0, 2).start()
        with Process(pair[0].argv("iperf3", "-c", "10.9.0.2", "-P", FLOWS, "-t", 600)) as client:
            poll(lambda: min([0, 0, *carried(bus.path, goes).values()][-2:]) > 100, "traffic", LIMIT_S)
            goes.signal(how)
            assert goes.wait() == (0 if how == signal.SIGTERM else -how)
            client.kill()
            client.close(check=False)
        goes.close(check=False)
        assert goes.device not in pair[0].ip("link", "show")
        if how == signal.SIGTERM:
            assert min(bridge_counters(goes.log)[0][:2]) > 100
        with tap_in(bus.path, pair, 0, 4) as again:
            pair[1].ip("neigh", "flush", "dev", stays.device)  # it has another address
            ping(pair[0], "10.9.0.2")
            transfer(pair, "10.9.0.2", 10 * MB)
            assert port_of(bus.path, again)["slot"] == 1
        stays.signal(signal.SIGTERM)
        assert stays.wait() == 0


@pytest.mark.parametrize("end, message", [
    (lambda path, tap, ns: ns.ip("link", "del", tap.device), "the device is gone: it was deleted"),
    (lambda path, tap, ns: os.truncate(path, 0), "the bus is gone")])
def test_device_or_bus_is_gone(bus, ns, end, message):
    """All threads end with the first one that notices."""
    tap = Tap(bus.path, "-N", ns.name, "--up", "-q", 3).start()
    end(bus.path, tap, ns)
    assert tap.wait() == 1
    assert message in tap.log and "bus to " in tap.log
    tap.close(check=False)


@pytest.mark.parametrize("number", ["0", "65", "-1", "two", ""])
def test_usage(bus, number):
    _, err = shmbus("tap", bus.path, f"--queues={number}", status=2)
    assert f"--queues: '{number}' is not right; expected a number from 1 to 64" in err


def test_what_cannot_be(make_bus, ns):
    bus = make_bus()
    shmbus("create", "--queues", 2, bus.path)
    with Tap(bus.path, "-N", ns.name, "-u", "-q", 2):
        assert "a port with 3 queues contradicts the existing bus, which has queues=2" in fails(
            bus.path, "-N", ns.name, "-q", 3)
    path = bus.path + "-shmif"
    assert "a port with 2 queues cannot be on a shmif bus, where each port has one" in fails(
        path, "-N", ns.name, "-q", 2, "-f", "shmif")
    assert not os.path.exists(path)
    ns.ip("tuntap", "add", "dev", "single", "mode", "tap", "user", "0")
    assert "name=single: cannot be a tap device with several queues" in fails(
        bus.path, "-N", ns.name, "-n", "single", "-q", 2)


def test_device_of_somebody_elses_making(bus, ns):
    """A user who owns the device needs no privileges."""
    ns.ip("tuntap", "add", "dev", "wire0", "mode", "tap", "multi_queue", "user", "0")
    ns.ip("link", "set", "wire0", "up")
    with Tap(bus.path, "--name", "wire0", "--queues", 2,
             wrapper=ns.argv("setpriv", "--bounding-set=-all", "--inh-caps=-all")) as tap:
        assert "2 queues" in tap.log
        assert device_queues(ns, "wire0") == ["rx-0", "rx-1", "tx-0", "tx-1"]
    assert "cannot be a tap device with one queue" in fails(bus.path, "-N", ns.name, "-n", "wire0")
