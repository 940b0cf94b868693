# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus-vhost, with net_virtio_user as the guest, and with a front end that can be anything.

What real guests do is in test_vhost_guest.py.
"""

import contextlib
import glob
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

import eal
import pcaps
import process
import pytest
import vhost
import vhost_front as front
from apps import checker, sanitizer_env, scaled, testpmd
from busfile import Bus
from process import cpu_seconds
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from tcp_segments import tcp_segments
from tool import shmbus
from vhost import Vhost
from vhost_front import FrontEnd, Header

MACS = ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
pytestmark = pytest.mark.skipif(vhost.problem() is not None, reason=str(vhost.problem()))
VIRTIO_USER = eal.Memory("no-huge", 64)
LENGTHS = "14-1514"


@pytest.fixture
def sockets(folder):
    """Two paths for sockets."""
    return [os.path.join(folder, f"{name}.sock") for name in ("a", "b")]


def vhost_on(bus, *names, **kwargs):
    return Vhost(bus.path, *names, env=sanitizer_env(), **kwargs)


# Frames of net_virtio_user


def virtio_user(path, **devargs):
    every = {"path": path, "queues": 1, "queue_size": 256, **devargs}
    return "net_virtio_user0," + ",".join(f"{key}={value}" for key, value in every.items())


def test_frames_come_back(bus, sockets, counts):
    """10,000 frames at 20,000 a second reach a guest, and come back: none is lost."""
    with vhost_on(bus, sockets[0]) as bridge, \
            testpmd(virtio_user(sockets[0]), name="guest", on=1) as guest, \
            testpmd(bus.vdev(), args=["--burst=1", "--no-flush-rx"]) as host:
        bridge.wait_guest()
        # testpmd drops what it cannot send at once, unless it is told to be patient
        guest.cmds("set fwd io retry", "set burst tx delay 100 retry 1000000", "start")
        host.set_fwd("txonly")
        host.cmd("set port 0 queue 0 rate 10")  # Mbit/s: 20,000 frames of 64 bytes
        host.start_fwd()
        sent = host.wait_port_stat(0, "tx_packets", 10_000)
        host.stop_fwd()
        sent = host.port_stats()["tx_packets"]
        host.set_fwd("rxonly")
        host.start_fwd()
        host.wait_port_stat(0, "rx_packets", sent)
        assert host.wait_stable()["rx_packets"] == sent
        passed = guest.stop_fwd()["all"]
        assert (passed["rx_packets"], passed["tx_packets"], passed["tx_dropped"]) == (sent, sent, 0)
        told = bridge.counters()
    assert told["to_guest"] == (sent, 64 * sent, 0, 0)
    assert told["to_bus"] == (sent, 64 * sent, 0)
    counts(f"{sent} frames there and back, none lost")


@pytest.mark.parametrize("mergeable", [0, 1])
def test_content(bus, sockets, counts, mergeable):
    """As fast as it goes, in each direction: every frame is whole, in order, and none is lost."""
    n = scaled(500_000)
    device = virtio_user(sockets[0], cq=1, mrg_rxbuf=mergeable)
    with vhost_on(bus, sockets[0]) as bridge:
        with checker(device, receive=True, on=1, memory=VIRTIO_USER) as guest:
            bridge.wait_guest()
            with checker(bus.vdev(), send=True, count=n, lengths=LENGTHS) as host:
                sent = host.result()
            guest.wait_until(lambda r: r["received"] >= n, "all frames")
            got = guest.finish()
        assert (got["received"], got["received_bytes"]) == (n, sent["sent_bytes"])
        bridge.wait_gone()
        since = bridge.mark()
        with checker(bus.vdev(), receive=True) as host:
            # it goes on until all have come: what lies in the ring of a guest that ends is lost
            with checker(device, send=True, count=0, lengths=LENGTHS, on=1, wait=True,
                         memory=VIRTIO_USER) as guest:
                bridge.wait_guest(since=since)
                guest.go()
                host.wait_until(lambda r: r["received"] >= n, "the frames")
                sent = guest.finish()
            got = host.finish()
        assert n <= got["received"] <= sent["sent"] and got["missing"] == 0
    counts(f"{n} frames each way")


# What guest and library negotiate, with two front ends. A frame goes from one to the other.


def eth(**fields):
    return Ether(src=MACS[0], dst=MACS[1], **fields)


V4 = eth() / IP(src="192.0.2.1", dst="192.0.2.2", id=7)
V4_OPTIONS = eth() / IP(src="192.0.2.1", dst="192.0.2.2", options=b"\x01" * 8)
V4_VLAN = eth() / Dot1Q(vlan=5) / IP(src="192.0.2.1", dst="192.0.2.2")
V6 = eth() / IPv6(src="2001:db8::1", dst="2001:db8::2")
V6_OPTIONS = V6 / IPv6ExtHdrDestOpt()
BELOW = {"v4": V4, "v4 options": V4_OPTIONS, "v4 vlan": V4_VLAN, "v6": V6, "v6 options": V6_OPTIONS}


def request(packet, layer, gso_size=0):
    """A frame as a driver sends it that leaves the checksum to the device, and its header."""
    whole = Ether(bytes(packet))
    l4 = whole.getlayer(layer)
    start = len(bytes(whole)) - len(bytes(l4))
    where = 16 if layer is TCP else 6
    below = whole.getlayer(IP) or whole.getlayer(IPv6)
    frame = bytearray(bytes(whole))
    frame[start + where:start + where + 2] = struct.pack(">H", pseudo(below, layer, len(bytes(l4))))
    header = Header(flags=front.NEEDS_CSUM, csum_start=start, csum_offset=where)
    if gso_size:
        header.gso_type = front.GSO_TCPV4 if isinstance(below, IP) else front.GSO_TCPV6
        header.gso_size = gso_size
        header.hdr_len = start + 4 * (l4.dataofs or 5)
    return bytes(frame), header


def pseudo(ip, layer, length):
    """The sum of the pseudo-header, not complemented."""
    number = 6 if layer is TCP else 17
    if isinstance(ip, IP):
        data = socket.inet_aton(ip.src) + socket.inet_aton(ip.dst) + struct.pack(">HH", number, length)
    else:
        data = (socket.inet_pton(socket.AF_INET6, ip.src) + socket.inet_pton(socket.AF_INET6, ip.dst)
                + struct.pack(">IHBB", length, 0, 0, number))
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


@pytest.fixture(scope="module")
def bridges():
    """Two guests' sockets of one program, and one of another program, on one bus."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="shmbus-test-", dir=parent) as folder:
        bus = Bus(os.path.join(folder, "bus"))
        names = [os.path.join(folder, f"{name}.sock") for name in ("a", "b", "c")]
        with vhost_on(bus, *names[:2]) as bridge, vhost_on(bus, names[2], name="elsewhere") as other:
            yield bridge, other


@pytest.fixture
def pair(bridges):
    """Starts front ends on the first two sockets, with these features; the program between them."""
    bridge, _ = bridges
    with contextlib.ExitStack() as stack:
        def start(*features, **kwargs):
            ends = []
            for name, wanted in zip(bridge.sockets, features):
                since = bridge.mark()
                ends.append(stack.enter_context(FrontEnd(name, wanted, **kwargs)))
                bridge.wait_guest(name, since)
            return ends
        start.bridge = bridge
        yield start


def more(now, before):
    """How much counters have grown."""
    return tuple(a - b for a, b in zip(now, before))


def test_plain_frames(pair):
    """Whatever a frame is, it arrives as it was sent, with a header of zeros."""
    one, two = pair(front.TSO, front.PLAIN)
    frames = [frame for frame in pcaps.mixture(100) if len(frame) <= 1522]
    for frame in frames:
        one.send(frame)
        assert two.receive() == (Header(num_buffers=1), frame)
        two.send(frame)
        header, got = one.receive()
        assert got == frame and header.flags & front.NEEDS_CSUM == 0


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("layer", [TCP, UDP])
def test_checksums(pair, below, layer):
    """A checksum that the sender left out arrives as a request, or is in the packet."""
    one, two = pair(front.CHECKSUMS, front.CHECKSUMS)
    l4 = TCP(sport=1, dport=2, flags="PA") if layer is TCP else UDP(sport=1, dport=2)
    packet = BELOW[below] / l4 / Raw(os.urandom(999))
    frame, header = request(packet, layer)
    one.send(frame, header)
    header.num_buffers = 1
    assert two.receive() == (header, frame)
    two.close()
    since = pair.bridge.mark()
    with FrontEnd(two.path, front.PLAIN) as plain:
        pair.bridge.wait_guest(two.path, since)
        one.send(frame, header)
        assert plain.receive() == (Header(num_buffers=1), bytes(packet))


@pytest.mark.parametrize("below", BELOW)
def test_segments(pair, below):
    """A TCP packet of 60 KB arrives whole at a guest that takes it, and in segments at another."""
    one, two = pair(front.TSO, front.TSO)
    payload = os.urandom(60_000)
    l4 = TCP(sport=1, dport=2, seq=100, flags="PA")
    packet = BELOW[below] / l4 / Raw(payload)
    frame, header = request(packet, TCP, gso_size=1400)
    one.send(frame, header)
    got, whole = two.receive()
    assert got.num_buffers > 20
    header.num_buffers = got.num_buffers
    assert (got, whole) == (header, frame)
    two.close()
    ip = BELOW[below].getlayer(IP) or BELOW[below].getlayer(IPv6)
    link = bytes(BELOW[below])[:-len(bytes(ip))]
    expected = [link + bytes(segment) for segment in tcp_segments(ip, l4, payload, 1400)]
    for features in (front.PLAIN, front.CHECKSUMS):
        since = pair.bridge.mark()
        with FrontEnd(two.path, features) as other:
            pair.bridge.wait_guest(two.path, since)
            one.send(frame, header)
            for segment in expected:
                wanted, left = segment, Header()
                if features == front.CHECKSUMS:
                    wanted, left = request(Ether(segment), TCP)
                left.num_buffers = 1
                assert other.receive() == (left, wanted)


def test_plain_port_gets_finished_frames(bus, sockets, folder):
    """A port without offloads receives frames of legal size, with right checksums."""
    payload = os.urandom(50_000)
    l4 = TCP(sport=1, dport=2, seq=5, flags="A")
    frame, header = request(V4 / l4 / Raw(payload), TCP, gso_size=1448)
    path = os.path.join(folder, "out.pcap")
    with vhost_on(bus, sockets[0]) as bridge, pcaps.sink(bus, path) as sink:
        sink.set_fwd("io")
        sink.start_fwd()
        with FrontEnd(sockets[0], front.TSO) as guest:
            bridge.wait_guest()
            guest.send(frame, header)
            expected = [bytes(eth() / segment)
                        for segment in tcp_segments(V4.getlayer(IP), l4, payload, 1448)]
            sink.wait_port_stat(pcaps.FILE, "tx_packets", len(expected))
    assert pcaps.read(path) == expected


def test_mtu_of_the_guest(pair):
    """The MTU that QEMU was given (host_mtu) is the port's; without one longer frames are dropped."""
    frame = bytes(eth(type=0x88b5)) + os.urandom(8900)
    one, two = pair(front.PLAIN | front.MTU, front.PLAIN | front.MTU, mtu=9000)
    one.send(frame)
    assert two.receive()[1] == frame
    two.close()
    since = pair.bridge.mark()
    with FrontEnd(two.path, front.PLAIN) as small:
        assert "MTU 1500" in pair.bridge.wait_guest(two.path, since)
        one.send(frame)
        one.send(frame[:1000])
        assert small.receive()[1] == frame[:1000]
        before = pair.bridge.counters(two.path)["to_bus"]
        small.send(frame)
        small.send(frame[:900])
        assert one.receive()[1] == frame[:900]
        assert more(pair.bridge.counters(two.path)["to_bus"], before)[2] == 1


def test_buffers_that_are_too_small(pair):
    """A frame that never fits the buffers of a guest does not hold up the frames behind it."""
    one, two = pair(front.PLAIN, front.PLAIN & ~front.MRG_RXBUF, buffers=(64, 512))
    long, short = bytes(eth(type=0x88b5)) + bytes(1000), bytes(eth(type=0x88b5)) + bytes(100)
    before = pair.bridge.counters(two.path)["to_guest"]
    for frame in (long, short, long, short):
        one.send(frame)
    assert [two.receive()[1] for _ in range(2)] == [short, short]
    assert more(pair.bridge.counters(two.path)["to_guest"], before) == (2, 2 * len(short), 2, 0)


def test_guest_without_buffers(pair, counts):
    """Frames wait for a guest that is slow. The bridge sleeps meanwhile, and loses none."""
    one, two = pair(front.PLAIN, front.PLAIN, buffers=(8, 2048))
    sent = pair.bridge.counters(one.path)["to_bus"]
    frames = [bytes(eth(type=0x88b5)) + struct.pack("<I", i) + bytes(50) for i in range(200)]
    for frame in frames:
        one.send(frame)
    pair.bridge.poll(lambda: two.rx.used_index() == 8, "the guest's buffers to be full")
    before = cpu_seconds(pair.bridge.pid)
    assert two.receives_nothing(0) is False
    pair.bridge.poll(lambda: more(pair.bridge.counters(one.path)["to_bus"], sent)[0] == 200,
                     "all frames")
    assert [two.receive()[1] for _ in frames] == frames
    counts(f"{cpu_seconds(pair.bridge.pid) - before:.2f} s of a processor")


@pytest.mark.parametrize("lossy", [True, False])
def test_who_waits(bus, sockets, lossy):
    """With --lossy senders do not wait for a guest, which misses frames; otherwise they wait."""
    bus.devargs["lane_size"] = "64K"
    shmbus("create", bus.path, "--lane-size", "64K")
    with vhost_on(bus, sockets[0], options=["--lossy"] if lossy else []) as bridge, \
            FrontEnd(sockets[0], front.PLAIN, buffers=(8, 2048)) as guest, \
            checker(bus.vdev(), send=True, count=1000, lengths="1000-1000", wait=True) as host:
        bridge.wait_guest()
        host.go()
        if lossy:
            host.result()
        else:
            host.wait_until(lambda r: r["full"] > 0, "the sender to be held back")
            assert host.report()["sent"] < 200
            for _ in range(1000):
                guest.receive()
            host.result()
            assert bridge.counters()["to_guest"][:1] == (1000,)
        assert guest.rx.used_index() > 0


# Lives


def workers_states(bridge):
    """The states of the threads that move packets: R of one that polls, S of one that sleeps."""
    states = []
    for path in glob.glob(f"/proc/{bridge.pid}/task/*/stat"):
        with open(path, encoding="ascii") as f:
            _, _, rest = f.read().partition("(vhost-q")
        if rest:
            states.append(rest.rpartition(")")[2].split()[0])
    return states


def test_sleeps_when_idle(pair):
    one, two = pair(front.PLAIN | front.EVENT_IDX, front.PLAIN)
    frame = bytes(eth(type=0x88b5)) + bytes(50)
    one.send(frame)
    two.receive()
    # One that polls never sleeps, however little of a processor it gets.
    for _ in range(20):
        pair.bridge.poll(lambda: workers_states(pair.bridge) == ["S", "S"], "both workers to sleep", 120,
                         0.01)
    one.send(frame)
    assert two.receive()[1] == frame
    two.send(frame)
    assert one.receive()[1] == frame


def test_guest_dies_and_comes_back(pair, counts):
    """The connection ends at any moment; the port goes down meanwhile, and the others go on."""
    one, two = pair(front.PLAIN, front.PLAIN)
    frame = bytes(eth(type=0x88b5)) + bytes(50)
    rounds = scaled(100, 10)
    for i in range(rounds):
        two.close()
        one.send(frame)  # to nobody, or it waits for the next guest
        since = pair.bridge.mark()
        two = FrontEnd(two.path, front.PLAIN)
        with two:
            pair.bridge.wait_guest(two.path, since)
            one.send(frame[:60] + struct.pack("<I", i))
            assert any(two.receive()[1][60:] == struct.pack("<I", i) for _ in range(2))
    counts(f"{rounds} times")


# Nonsense. `bad` is a front end that works up to here, and then does what no guest would do.

OUTSIDE = (0, front.BASE - 1, front.BASE + front.MEMORY, front.BASE + front.MEMORY - 8, 1 << 63,
           (1 << 64) - 1)


def each_ring(bad, nonsense):
    """Make descriptors of both rings available, until each nonsense was tried."""
    for ring in (bad.tx, bad.rx):
        for describe in nonsense:
            describe(ring)
            ring.offer(0)
            bad.kick(ring)
            time.sleep(0.01)


def outside(bad, _luck):
    def at(address, length):
        return lambda ring: ring.describe(0, address, length, front.WRITE if ring is bad.rx else 0)
    each_ring(bad, [at(address, length) for address in OUTSIDE for length in (12, 60, 1 << 20)])


def lengths(bad, _luck):
    def of(length):
        return lambda ring: ring.describe(0, front.BASE + ring.buffer(0), length,
                                          front.WRITE if ring is bad.rx else 0)
    each_ring(bad, [of(n) for n in (0, 1, 11, 12, 13, 25, 26, 70_000, 130_000, 1 << 31, (1 << 32) - 1)])


def chains(bad, _luck):
    """Loops, and descriptors that are not there."""
    def to(following):
        return lambda ring: ring.describe(0, front.BASE + ring.buffer(0), 100,
                                          front.NEXT | (front.WRITE if ring is bad.rx else 0), following)
    each_ring(bad, [to(n) for n in (0, 63, 255, 256, 65535)])


def indirect(bad, _luck):
    """Tables of descriptors that are in themselves, too long, too short, and outside."""
    def table(address, length):
        def describe(ring):
            ring.describe(0, address, length, front.INDIRECT_TABLE)
            at = ring.buffer(0)
            for i in range(64):
                bad.put(at + 16 * i, "<QIHH", front.BASE + at, 1 << 10, front.NEXT | (4 if i == 3 else 0),
                        (i + 1) % 64)
        return describe
    tables = [(front.BASE + bad.tx.buffer(0), n) for n in (0, 1, 16, 1024, 1 << 20)]
    each_ring(bad, [table(*one) for one in [*tables, *((address, 64) for address in OUTSIDE)]])


def indices(bad, luck):
    for ring in (bad.tx, bad.rx):
        for _ in range(50):
            bad.put(ring.avail + 2, "<H", luck.randrange(1 << 16))
            bad.put(ring.avail + 4 + 2 * luck.randrange(ring.size), "<H", luck.randrange(1 << 16))
            bad.kick(ring)
            time.sleep(0.005)


def headers(bad, luck):
    """Frames with any header in front."""
    l4 = TCP(sport=1, dport=2, flags="A")
    some = [bytes(below / l4 / Raw(bytes(3000))) for below in BELOW.values()] + pcaps.mixture(50)
    for _ in range(150):
        frame = luck.choice(some)[:luck.choice((0, 1, 13, 14, 33, 34, 53, 54, 60, 1514, 9014))]
        bad.send(frame, Header(luck.randrange(256), luck.choice((0, 1, 3, 4, 5, 0x81, 0x84, 255)),
                               luck.randrange(1 << 16), luck.choice((0, 1, 536, 1448, 65535)),
                               luck.choice((0, 14, 34, 54, 65535)), luck.choice((0, 6, 16, 65535))))


def any_bytes(bad, luck):
    """All of the rings is written over and over, while frames come and go."""
    end = bad.tx.buffers
    for _ in range(300):
        for ring in (bad.tx, bad.rx):
            off = luck.randrange(ring.desc, min(ring.buffers, end) - 64)
            bad.memory[off:off + 64] = luck.randbytes(64)
            bad.put(ring.avail + 2, "<H", luck.randrange(1 << 16))
            bad.kick(ring)
        time.sleep(0.001)


def truncated_memory(bad, _luck):
    """The memory goes away under the program."""
    bad.words = bad.memory = bytearray(front.MEMORY)
    os.ftruncate(bad.fd, 0)
    for ring in (bad.tx, bad.rx):
        bad.kick(ring)
    time.sleep(0.1)


def foreign_descriptors(bad, _luck):
    """Files, pipes and nothing in place of eventfds."""
    reading, writing = os.pipe()
    with open("/dev/null", "rb") as null, open("/proc/self/exe", "rb") as file:
        for fd in (reading, writing, null.fileno(), file.fileno()):
            for request in (front.SET_VRING_KICK, front.SET_VRING_CALL):
                for number in range(2):
                    bad.message(request, struct.pack("<Q", number), [fd])
        for request in (front.SET_VRING_KICK, front.SET_VRING_CALL):
            bad.message(request, struct.pack("<Q", 0x100))
    os.close(reading)
    os.close(writing)


def rings_anew(bad, _luck):
    """Sizes and addresses that rings cannot have, on a device that runs."""
    for size in (0, 3, 32768, 65535):
        bad.set_ring(bad.tx, size=size)
    for address in (0, bad.user - 16, bad.user + front.MEMORY - 8, (1 << 64) - 16):
        bad.set_ring(bad.tx, addresses=(address, address, address))
        bad.enable(bad.tx)


def memory_tables(bad, _luck):
    """Memory that is not there: on a device that begins, and on one that runs."""
    size = front.MEMORY
    for regions in ([], [(0, 0, 0, 0)], [(0, 1 << 62, 0, 0)], [(0, size, bad.user, 1 << 40)],
                    [(0, size, (1 << 64) - 4096, 0)], [(0, 4 * size, bad.user, 0)],
                    [(0, size, bad.user, 2 * size)]):
        with FrontEnd(bad.path, bad.wanted, start=False) as other, \
                contextlib.suppress(ConnectionError):
            other.negotiate()
            other.set_memory(regions)
            for ring in (other.rx, other.tx):
                other.set_ring(ring)
                other.enable(ring)
            time.sleep(0.05)
            other.kick(other.tx)
            time.sleep(0.05)
    bad.set_memory([(0, 1 << 62, 0, 0)])


def messages(bad, luck):
    """Any request with any payload."""
    for _ in range(100):
        bad.message(luck.randrange(50), luck.randbytes(8 * luck.randrange(32)),
                    [bad.fd] * luck.randrange(3))


NONSENSE = (outside, lengths, chains, indirect, indices, headers, any_bytes, truncated_memory,
            foreign_descriptors, rings_anew, memory_tables, messages)


def reaches(one, two):
    """Send a frame until it arrives: of what the hostile guest sends to all, some may have to go."""
    frame = bytes(eth(type=0x88b5)) + os.urandom(100)
    for _ in range(100):
        one.send(frame)
        with contextlib.suppress(process.Timeout):
            while two.receive(limit=1)[1] != frame:
                pass
            return
    pytest.fail("a frame does not arrive")


def exchange(one, two):
    """Two guests still reach each other."""
    reaches(one, two)
    reaches(two, one)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda function: function.__name__)
def test_hostile_guest(bridges, nonsense, counts):
    """A front end of nonsense harms neither the program, nor another guest of it, nor the bus."""
    seed = int(os.environ.get("SHMBUS_SEED", random.randrange(1 << 32)))
    counts(f"SHMBUS_SEED={seed}")
    bridge, elsewhere = bridges
    hostile, other = bridge.sockets
    marks = bridge.mark(), elsewhere.mark()
    with FrontEnd(other) as good, FrontEnd(elsewhere.sockets[0]) as peer:
        bridge.wait_guest(other, marks[0])
        elsewhere.wait_guest(since=marks[1])
        for features in (front.TSO | front.INDIRECT, front.PLAIN & ~front.MRG_RXBUF | front.EVENT_IDX):
            since = bridge.mark()
            with FrontEnd(hostile, features) as bad:
                bridge.wait_guest(hostile, since)
                exchange(good, peer)
                # the program may hang up
                with contextlib.suppress(ConnectionError, process.Timeout):
                    nonsense(bad, random.Random(seed))
                bridge.check_alive()
                exchange(good, peer)
        since = bridge.mark()
        with FrontEnd(hostile) as better:
            bridge.wait_guest(hostile, since)
            exchange(better, peer)
            exchange(good, better)


def test_half_a_message(bus, sockets, folder):
    """While the library waits for the rest of a message guests go on, and the program can be ended."""
    other = os.path.join(folder, "other.sock")
    with vhost_on(bus, *sockets) as bridge, vhost_on(bus, other) as elsewhere, \
            FrontEnd(sockets[1]) as good, FrontEnd(other) as peer, \
            FrontEnd(sockets[0], start=False) as bad:
        bridge.wait_guest(sockets[1])
        elsewhere.wait_guest()
        bad.socket.sendall(struct.pack("<III", front.SET_FEATURES, 1, 8))
        exchange(good, peer)
        bridge.signal(signal.SIGTERM)
        assert bridge.wait() == 0
        assert not os.path.exists(sockets[0])


# The program itself


def test_client(bus, sockets):
    """The program connects to a socket on which QEMU listens, whoever comes first, and again."""
    with Vhost(bus.path, sockets[0], options=["--client"], env=sanitizer_env()) as bridge:
        for _ in range(2):
            since = bridge.mark()
            with FrontEnd(sockets[0], listen=True):
                bridge.wait_guest(since=since)
            bridge.wait_gone(since=since)


def test_socket_of_a_dead_program(bus, sockets):
    """kill -9 leaves a socket, which the next one replaces; one that lives is left alone."""
    first = vhost_on(bus, sockets[0]).start()
    first.kill()
    first.close()
    assert os.path.exists(sockets[0])
    with vhost_on(bus, sockets[0]) as second:
        assert "another program listens on it" in fails(bus.path, "--socket", sockets[0])
        with FrontEnd(sockets[0]):
            second.wait_guest()
    assert not os.path.exists(sockets[0])


def test_bus_is_gone(bus, sockets):
    bridge = vhost_on(bus, sockets[0]).start()
    with FrontEnd(sockets[0]):
        bridge.wait_guest()
        os.truncate(bus.path, 0)
        assert bridge.wait() == 1
    bridge.close(check=False)
    assert f"shmbus-vhost: path={bus.path}: the bus is gone" in bridge.log
    assert not os.path.exists(sockets[0])


def test_queues(bus, sockets):
    """A guest with one pair of rings behind a port with three queues: flows of all of them arrive."""
    with vhost_on(bus, *sockets, options=["--queues", "3"]) as bridge, \
            FrontEnd(sockets[0], front.PLAIN) as one, FrontEnd(sockets[1], front.PLAIN) as two:
        for name in sockets:
            bridge.wait_guest(name)
        port = json.loads(shmbus("info", "--json", bus.path)[0])["ports"][0]
        assert (port["rx_queues"], port["tx_queues"]) == (3, 3)
        sent = {bytes(eth() / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=i, dport=9) / Raw(bytes(20)))
                for i in range(100)}
        for frame in sent:
            one.send(frame)
        assert {two.receive()[1] for _ in sent} == sent


def test_address(bus, sockets):
    """With --mac the port is found by it, and takes frames for it and for groups alone."""
    with vhost_on(bus, sockets[0], options=["--mac", MACS[1]]) as bridge, \
            vhost_on(bus, sockets[1]), FrontEnd(sockets[0]) as guest, FrontEnd(sockets[1]) as peer:
        bridge.wait_guest()
        info, _ = shmbus("info", bus.path)
        assert re.search(rf"net_shmbus0 .* up +{MACS[1]} ", info)
        for dst in (MACS[0], "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", MACS[1]):
            peer.send(bytes(Ether(dst=dst, src=MACS[0], type=0x88b5)) + bytes(46))
        assert [guest.receive()[1][:1].hex() for _ in range(3)] == ["ff", "01", "02"]


def fails(*arguments, status=1):
    """It ends with this status; what it says."""
    done = subprocess.run([vhost.program(), *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=vhost.LIMIT_S,
                          env={**os.environ, **sanitizer_env()})
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.mark.parametrize("arguments, said", [
    ((), "PATH is missing"),
    (("wire",), "--socket is missing"),
    (("wire", "--socket", ""), "--socket: '' is not right; expected the path of a Unix socket"),
    (("wire", "--socket", "s" * 108), "is not right; expected the path of a Unix socket, of at most 107"),
    (("wire", "-s", "a", "-s", "a"), "--socket: 'a' is not right; expected the path of a Unix socket"),
    (("wire", "--mac", MACS[0], "-s", "a"), f"--mac: '{MACS[0]}' is not right; expected a unicast"),
    (("wire", "-s", "a", "--mac", "01:00:00:00:00:01"), "--mac: '01:00:00:00:00:01' is not right"),
    (("wire", "-s", "a", "--mac", "2"), "--mac: '2' is not right"),
    (("wire", "-s", "a", "-M", MACS[0], "-M", MACS[1]), f"--mac: '{MACS[1]}' is not right"),
    (("wire", "-s", "a", "--queues", "0"), "--queues: '0' is not right; expected a number from 1 to 64"),
    (("wire", "-s", "a", "--queues", "x"), "--queues: 'x' is not right"),
    (("wi,re", "-s", "a"), "path=wi,re: a path with a comma"),
    (("wire", "-s", "a", "--fast"), "unknown option '--fast'"),
    (("--", "wire", "more", "-s", "a"), "'more' is one operand too many")])
def test_usage(arguments, said):
    assert said in fails(*arguments, status=2)


def test_help():
    out = fails("--help", status=0)
    for option in ("socket", "mac", "client", "queues", "lossy", "help"):
        assert f"--{option}" in out
    with open(os.path.join(eal.ROOT, "app", "shmbus-vhost", "shmbus-vhost.1"), encoding="utf-8") as f:
        manual = f.read()
    assert set(re.findall(r"^ .*?--([a-z]+)", out.partition("options:\n")[2], re.M)) == \
        set(re.findall(r"^\.It Fl \w , Fl Fl (\w+)", manual, re.M))


def test_what_cannot_be(bus, sockets, folder):
    file = os.path.join(folder, "file")
    with open(file, "wb") as f:
        f.write(b"no bus at all" * 100)
    assert f"path={file}: cannot join the bus" in fails(file, "-s", sockets[0])
    assert "it is there, and is no socket" in fails(bus.path, "-s", file)
    nowhere = os.path.join(folder, "nowhere", "socket")
    assert f"--socket: cannot use '{nowhere}': " in fails(bus.path, "-s", nowhere)
    assert "--queues: '5' is not right; a port of the bus" in fails(bus.path, "-q", 5, "-s", sockets[0])
    assert "cannot start EAL" in fails("--no-such-option", "--", bus.path, "-s", sockets[0])
    # nothing of it is left on the bus
    assert "no ports" in shmbus("info", bus.path)[0]
