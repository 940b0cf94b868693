# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The finisher against scapy: packets of new random numbers in every run, compared byte by byte."""

import dataclasses
import errno
import os
import random
import struct
import subprocess

import eal
import pytest
from rounds import rounds
from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.packet import Raw
from tcp_segments import tcp_segments

IP_CKSUM, L4_CKSUM, SEGMENT = 1, 2, 4
IPV6_LEN = 40
FRAME_MAX = 65535


@dataclasses.dataclass
class Request:
    """struct shmbus_request, and the kinds of it that are to be done."""

    flags: int
    l4: int
    l3_off: int
    l4_off: int
    data_off: int = 0
    segment: int = 0

    def __bytes__(self):
        return struct.pack("=BBHHHH6x", *dataclasses.astuple(self))


class Finisher:
    """The program of the build folder that runs the finisher."""

    def __init__(self):
        build = os.environ.get("SHMBUS_BUILDDIR", os.path.join(eal.ROOT, "build"))
        # pylint: disable=consider-using-with
        self.child = subprocess.Popen([os.path.abspath(os.path.join(build, "tests", "unit",
                                                                    "finisher"))],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        """The program ends with its input, and with no complaint of a sanitizer."""
        self.child.communicate(timeout=60)
        assert self.child.returncode == 0

    def _ask(self, function, frame, request, kinds, room=0):
        self.child.stdin.write(struct.pack("=cB16sII", function, kinds, bytes(request), room,
                                           len(frame)) + frame)
        self.child.stdin.flush()

    def _answer(self):
        number, = struct.unpack("=i", self.child.stdout.read(4))
        return self.child.stdout.read(number) if number > 0 else number

    def finish(self, frame, request, kinds, whole=False):
        """The finished frame, or a number below 0."""
        self._ask(b"w" if whole else b"f", frame, request, kinds)
        return self._answer()

    def segments(self, frame, request, kinds, way, room=FRAME_MAX):
        """All segments, and the number that ended them. way: "n" in one piece, "h" in two."""
        self._ask(way.encode(), frame, request, kinds, room)
        found = []
        while not isinstance(got := self._answer(), int):
            found.append(got)
        return found, got


def check(found, expected):
    """Compares frames, and says briefly where they differ; pytest's own way takes minutes."""
    if isinstance(found, int):
        pytest.fail(f"the finisher says {found}")
    if found != expected:
        off = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), None)
        pytest.fail(f"{len(found)} bytes for {len(expected)}, differ at {off}: "
                    f"{found[:160].hex()} for {expected[:160].hex()}")


def check_segments(found, expected):
    """Compares segments, which end with 0."""
    frames, end = found
    for one, other in zip(frames, expected):
        check(one, other)
    assert (len(frames), end) == (len(expected), 0)


@pytest.fixture
def finisher():
    """A running program."""
    program = Finisher()
    yield program
    program.close()


@pytest.fixture
def rng(note):
    """Random numbers; SHMBUS_SEED repeats those of another run."""
    seed = int(os.environ.get("SHMBUS_SEED", random.SystemRandom().randrange(1 << 32)))
    note(f"SHMBUS_SEED={seed}")
    print(f"SHMBUS_SEED={seed}")
    return random.Random(seed)


def make_ip(rng, v6):
    """An IP header of scapy's with options or extension headers."""
    if not v6:
        return IP(src=address(rng), dst=address(rng), tos=rng.randrange(256),
                  id=rng.choice((0xfffe, rng.randrange(1 << 16))), ttl=rng.randrange(256),
                  flags=rng.choice(("DF", 0)),
                  options=[IPOption_Router_Alert()] * rng.choice((0, 0, 1, 10)))
    ip = IPv6(src=address6(rng), dst=address6(rng), tc=rng.randrange(256),
              fl=rng.randrange(1 << 20), hlim=rng.randrange(256))
    for header in (IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt):
        if rng.randrange(3) == 0:
            ip = ip / header(options=[PadN(optdata=rng.randbytes(4 + 8 * rng.randrange(5)))])
    return ip


def address(rng):
    """An IPv4 address as text."""
    return ".".join(map(str, rng.randbytes(4)))


def address6(rng):
    """An IPv6 address as text."""
    return ":".join(f"{rng.randrange(1 << 16):x}" for _ in range(8))


def make_l4(rng, tcp):
    """A header of TCP with options, or of UDP."""
    ports = {"sport": rng.randrange(1 << 16), "dport": rng.randrange(1 << 16)}
    if not tcp:
        return UDP(**ports)
    options = rng.choice(([], [("NOP", None)] * rng.randrange(41),
                          [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)],
                          [("NOP", None), ("NOP", None),
                           ("Timestamp", (rng.randrange(1 << 32), 7))]))
    return TCP(**ports, seq=rng.choice((0xffffff00, rng.randrange(1 << 32))),
               ack=rng.randrange(1 << 32), flags=rng.randrange(512), window=rng.randrange(1 << 16),
               urgptr=rng.randrange(1 << 16), options=options)


def make_prefix(rng):
    """What is before the IP header: of no interest to the finisher, but for its length."""
    return rng.randbytes(rng.choice((0, 14, 18, 22, rng.randrange(80))))


def replaced(frame, off, value):
    """The frame with other bytes in one place."""
    return frame[:off] + value + frame[off + len(value):]


class Packet:
    """A packet as scapy makes it, and where its parts begin."""

    def __init__(self, rng, v6, tcp, payload):
        self.v6, self.tcp = v6, tcp
        self.prefix, self.ip, self.l4 = make_prefix(rng), make_ip(rng, v6), make_l4(rng, tcp)
        self.payload = payload
        self.l3_off = len(self.prefix)
        self.l4_off = self.l3_off + len(bytes(self.ip))
        self.data_off = self.l4_off + len(bytes(self.l4))
        self.ip_sum = None if v6 else self.l3_off + 10
        self.l4_sum = self.l4_off + (16 if tcp else 6)

    def right(self):
        """All of it with all checksums."""
        return self.prefix + bytes(self.ip / self.l4 / Raw(self.payload))

    def request(self, flags):
        """A request for it."""
        return Request(flags, (6 if self.tcp else 17) if flags & L4_CKSUM else 0, self.l3_off,
                       self.l4_off)

    def spoiled(self, rng, frame):
        """The frame with any numbers for checksums."""
        if self.ip_sum:
            frame = replaced(frame, self.ip_sum, rng.randbytes(2))
        return replaced(frame, self.l4_sum, rng.randbytes(2))

    def expected(self, frame, right, kinds):
        """The frame after the checksums of some kinds were put right."""
        if kinds & IP_CKSUM and self.ip_sum:
            frame = replaced(frame, self.ip_sum, right[self.ip_sum:self.ip_sum + 2])
        if kinds & L4_CKSUM:
            frame = replaced(frame, self.l4_sum, right[self.l4_sum:self.l4_sum + 2])
        return frame

    def segments(self, segment):
        """The segments that scapy makes of it, put together by hand."""
        for packet in tcp_segments(self.ip, self.l4, self.payload, segment):
            yield self.prefix + bytes(packet)


def to_be_segmented(rng, v6, length, segment):
    """A packet, and the frame that is to become the segments: no checksum, no length in it."""
    packet = Packet(rng, v6, True, rng.randbytes(length))
    frame = packet.spoiled(rng, packet.right())
    frame = replaced(frame, packet.l3_off + (4 if v6 else 2),
                     rng.choice((b"\0\0", b"\xff\xff", rng.randbytes(2))))
    request = packet.request(SEGMENT | L4_CKSUM | (0 if v6 or rng.randrange(2) else IP_CKSUM))
    request.data_off, request.segment = packet.data_off, segment
    return packet, frame, request


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_checksums(finisher, rng, v6, tcp):
    """Each kind alone and both; odd lengths, options, extension headers, and what pads a frame."""
    for i in range(rounds(120, 60)):
        length = i if i < 40 else rng.choice((rng.randrange(200), rng.randrange(200), 1501, 60000))
        payload = rng.randbytes(length)
        packet = Packet(rng, v6, tcp, payload)
        right = packet.right()
        flags = L4_CKSUM if v6 else rng.choice((IP_CKSUM, L4_CKSUM, IP_CKSUM | L4_CKSUM))
        kinds = flags & rng.choice((IP_CKSUM, L4_CKSUM, 7, 7))
        padding = rng.choice((b"", rng.randbytes(rng.randrange(50))))
        frame = packet.spoiled(rng, right) + padding
        check(finisher.finish(frame, packet.request(flags), kinds),
              packet.expected(frame, right + padding, kinds))


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_udp_zero(finisher, rng, v6):
    """A sum that comes out as 0 is sent as 0xffff in UDP."""
    for _ in range(20):
        packet = Packet(rng, v6, False, b"\0\0" + rng.randbytes(rng.randrange(100)))
        off = packet.l4_sum
        packet.payload = packet.right()[off:off + 2] + packet.payload[2:]
        right = packet.right()
        assert right[off:off + 2] == b"\xff\xff"
        frame = packet.spoiled(rng, right)
        check(finisher.finish(frame, packet.request(L4_CKSUM), L4_CKSUM),
              packet.expected(frame, right, L4_CKSUM))


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_udp_in_longer_ip(finisher, rng, v6):
    """Bytes that IP has behind a datagram are in no sum."""
    for _ in range(20):
        packet = Packet(rng, v6, False, rng.randbytes(rng.randrange(100)))
        right = packet.right()
        more = rng.randbytes(rng.randrange(1, 20))
        if v6:
            packet.ip.plen = len(right) - packet.l3_off - IPV6_LEN + len(more)
        else:
            packet.ip.len = len(right) - packet.l3_off + len(more)
        # The pseudo header has the length of UDP; scapy takes that of IPv4 if it is given.
        field = right[packet.l4_sum:packet.l4_sum + 2]
        right = replaced(packet.right(), packet.l4_sum, field) + more
        frame = packet.spoiled(rng, right)
        flags = L4_CKSUM | (0 if v6 else IP_CKSUM)
        check(finisher.finish(frame, packet.request(flags), flags),
              packet.expected(frame, right, flags))


@pytest.mark.parametrize("way", ["n", "h"], ids=["one-piece", "two-pieces"])
@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_segments(finisher, rng, v6, way):
    """Every segment, with its checksum of TCP and without."""
    for i in range(rounds(60, 20)):
        segment = rng.choice((1, 7, 536, 1448, 9000, 65535))
        length = rng.choice((0, 1, segment - 1, segment, segment + 1, 2 * segment,
                             rng.randrange(12 * segment + 1)))
        packet, frame, request = to_be_segmented(rng, v6, min(length, 64000), segment)
        kinds = L4_CKSUM if i % 3 else 0
        expected = list(packet.segments(segment))
        if not kinds:
            field = slice(packet.l4_sum, packet.l4_sum + 2)
            expected = [replaced(one, packet.l4_sum, frame[field]) for one in expected]
        check_segments(finisher.segments(frame, request, kinds, way), expected)


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_whole(finisher, rng, v6):
    """A packet that is not cut gets the lengths of the frame it came in."""
    for i in range(rounds(60, 20)):
        packet, frame, request = to_be_segmented(rng, v6, rng.choice((0, 1, 3000, 60000)), 1448)
        expected = packet.right()
        if i % 3 == 0:
            expected = replaced(expected, packet.l4_sum, frame[packet.l4_sum:packet.l4_sum + 2])
        check(finisher.finish(frame, request, L4_CKSUM if i % 3 else 0, whole=True), expected)


def test_too_small(finisher, rng):
    """A room that does not do for the first segment, and one that just does."""
    packet, frame, request = to_be_segmented(rng, False, 100, 40)
    need = packet.data_off + 40
    expected = list(packet.segments(40))
    for way in ("n", "h"):
        assert finisher.segments(frame, request, 7, way, need - 1) == ([], -errno.EMSGSIZE)
        check_segments(finisher.segments(frame, request, 7, way, need), expected)
