# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Writes tables of frames for the C tests: scapy makes the frames and all that is expected of them.

vectors.py HEADER..., where test_NOUN.c includes NOUN_vectors.h. Every run writes the same bytes.
"""

import os
import random
import sys

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Padding, Raw

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tcp_segments import CWR, FIN, PSH, tcp_segments  # noqa: E402

SRC, DST = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
PAYLOAD = random.Random(11).randbytes(66000)
IP_GOOD, IP_BAD = "RTE_MBUF_F_RX_IP_CKSUM_GOOD", "RTE_MBUF_F_RX_IP_CKSUM_BAD"
L4_GOOD, L4_BAD = "RTE_MBUF_F_RX_L4_CKSUM_GOOD", "RTE_MBUF_F_RX_L4_CKSUM_BAD"
ACK = 0x10
C, S, OLD = 0x8100, 0x88a8, 0x9100  # types of tags


class Header:
    """The header file. A frame is bytes of its own, and behind them a piece of PAYLOAD."""

    def __init__(self):
        self.heads, self.offs, self.used = bytearray(), {}, 1
        self.frames = []
        self.tables = []

    def frame(self, data):
        """Initializer of a struct vector_frame."""
        end = PAYLOAD.find(data[-8:]) + 8 if len(data) >= 8 else 0
        n, most = 0, min(len(data), end) if end >= 8 else 0
        while n < most:
            middle = (n + most + 1) // 2
            if data[-middle:] == PAYLOAD[end - middle:end]:
                n = middle
            else:
                most = middle - 1
        self.used = max(self.used, end)
        head = data[:len(data) - n]
        off = self.offs.setdefault(head, len(self.heads))
        if off == len(self.heads):
            self.heads += head
        return f"{{ vector_heads + {off}, {len(head)}, vector_payload + {end - n}, {n} }}"

    def more(self, frames):
        """Initializers of the members more and n_more: frames in an array."""
        at = len(self.frames)
        if not frames:
            return "NULL, 0"
        self.frames += [self.frame(f) for f in frames]
        return f"vector_frames + {at}, {len(self.frames) - at}"

    def table(self, name, struct, rows):
        """An array with one initializer for each row."""
        self.tables.append(array(f"struct {struct} {name}", rows))

    def write(self, path):
        """The file as a whole."""
        with open(path, "w", encoding="ascii") as file:
            file.write('/* Made by vectors.py. */\n#include "vectors.h"\n')
            for name, data in (("payload", PAYLOAD[:self.used]), ("heads", self.heads)):
                file.write(array(f"uint8_t vector_{name}", [",".join(map(str, data[i:i + 64]))
                                                            for i in range(0, len(data), 64)]))
            if self.frames:
                file.write(array("struct vector_frame vector_frames", self.frames))
            file.writelines(self.tables)


def array(name, rows):
    """Definition of an array."""
    return f"static const {name}[] = {{\n" + "".join(f"\t{row},\n" for row in rows) + "};\n"


def replaced(data, off, value):
    """The bytes with others in one place."""
    return data[:off] + value + data[off + len(value):]


def flipped(data, off, bits):
    """The bytes with other bits in one of them."""
    return replaced(data, off, bytes([data[off] ^ bits]))


def tagged(tags, inner, src=SRC, dst=DST, ethertype=0x0800):
    """An Ethernet frame with tags of (type, TCI) before what scapy calls inner."""
    types = [t for t, _ in tags] + [0x86dd if isinstance(inner, IPv6) else ethertype]
    frame = Ether(src=src, dst=dst, type=types[0])
    for (_, tci), following in zip(tags, types[1:]):
        frame /= Dot1Q(prio=tci >> 13, id=tci >> 12 & 1, vlan=tci & 0xfff, type=following)
    return bytes(frame / inner)


class Packet:
    """A packet of TCP or UDP, and where its parts begin."""

    # pylint: disable=too-many-arguments,too-many-instance-attributes
    def __init__(self, l4, payload, *, v6=False, options=0, tcp_options=0, tags=(), padding=0,
                 seq=0, flags=ACK, off=0):
        self.v6, self.tcp, self.tags = v6, l4 == "tcp", tags
        self.payload = PAYLOAD[off:off + payload] if isinstance(payload, int) else payload
        self.padding = PAYLOAD[-padding:] if padding else b""
        if v6:
            self.ip = IPv6(src="fd00::1", dst=f"fd00::{seq:x}")
            for _ in range(options):
                self.ip /= IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
        else:
            self.ip = IP(src="10.0.0.1", dst=f"10.1.0.{seq % 256}", id=(0xfffd + seq) & 0xffff,
                         options=[IPOption_NOP()] * 4 * options)
        ports = {"sport": 1000, "dport": 2000}
        self.l4 = UDP(**ports) if l4 == "udp" else TCP(
            **ports, seq=0xfffff000 + seq, ack=77, flags=flags, window=4096,
            options=[("NOP", None)] * 4 * tcp_options)
        self.name = (f"{l4}{6 if v6 else 4} {len(self.payload)}"
                     + f" {len(tags)} tags" * bool(tags) + f" {options} options" * bool(options))
        self.l3 = 14 + 4 * len(tags)
        self.l4_off = self.l3 + len(bytes(self.ip))
        self.data = self.l4_off + len(bytes(self.l4))
        self.ip_sum = self.l3 + 10
        self.l4_sum = self.l4_off + (16 if self.tcp else 6)
        self.wishes = [f"RTE_MBUF_F_TX_{l4.upper()}_CKSUM", f"RTE_MBUF_F_TX_IPV{6 if v6 else 4}"]
        if not v6:
            self.wishes.append("RTE_MBUF_F_TX_IP_CKSUM")

    def right(self, **ip):
        """The frame with all checksums; ip: other fields of the IP header."""
        header = self.ip.copy()
        for name, value in ip.items():
            setattr(header, name, value)
        return tagged(self.tags, header / self.l4 / Raw(self.payload) / Padding(self.padding))

    def segments(self, segment, tags=()):
        """The frames that a network card makes of it."""
        for packet in tcp_segments(self.ip, self.l4, self.payload, segment):
            yield tagged(tags or self.tags, packet)

    def vector(self, header, more=(), segment=0, name=""):
        """Initializer of a struct vector."""
        wishes = self.wishes + ["RTE_MBUF_F_TX_TCP_SEG"] * (segment != 0)
        return (f'{{ "{name or self.name}", {" | ".join(wishes)}, {self.l3}, '
                f"{self.l4_off - self.l3}, {self.data - self.l4_off}, {segment}, "
                f"{len(self.padding)}, {header.frame(self.right())}, {header.more(more)} }}")

    def judge(self, frame):
        """What scapy says of its two checksums, in flags of an mbuf."""
        ip = (IPv6 if self.v6 else IP)(frame[self.l3:])
        fresh = ip.copy()
        if not self.v6:
            del fresh.chksum
        l4 = TCP if self.tcp else UDP
        del fresh[l4].chksum
        fresh = type(ip)(bytes(fresh))
        return (IP_GOOD if self.v6 or fresh.chksum == ip.chksum else IP_BAD,
                L4_GOOD if fresh[l4].chksum == ip[l4].chksum else L4_BAD)


def kinds():
    """Packets of each kind."""
    c, s = (0x8100, 7), (0x88a8, 5)
    return [
        Packet("tcp", 100), Packet("udp", 100), Packet("tcp", 0, tcp_options=3), Packet("udp", 0),
        Packet("udp", 1, padding=17), Packet("tcp", 1399, tcp_options=10),
        Packet("tcp", 333, options=10, tags=[c]), Packet("udp", 12, options=1, tags=[s, c]),
        Packet("tcp", 100, v6=True), Packet("udp", 101, v6=True, padding=3),
        Packet("tcp", 7, v6=True, options=2, tags=[c]),
        Packet("udp", 1001, v6=True, options=1, tags=[s, c]),
        udp_zero(False), udp_zero(True),
    ]


def udp_zero(v6):
    """A datagram of which the checksum comes out as 0, and so is 0xffff."""
    packet = Packet("udp", b"\0\0" + PAYLOAD[:30], v6=v6)
    field = packet.right()[packet.l4_sum:packet.l4_sum + 2]
    packet.payload = field + packet.payload[2:]
    assert packet.right()[packet.l4_sum:packet.l4_sum + 2] == b"\xff\xff"
    packet.name += " with the sum 0"
    return packet


class Verdicts:
    """Frames, and what the receiver is to say of them."""

    def __init__(self, header):
        self.header, self.rows = header, []

    def add(self, name, frame, *flags):
        """One of which a receiver says this with all offloads."""
        self.rows.append(f'{{ "{name}", {self.header.frame(frame)}, {" | ".join(flags) or 0} }}')

    def judged(self, packet, what, frame, *flags):
        """One that is well-formed: scapy must say the same."""
        assert packet.judge(frame) == flags, (packet.name, what)
        self.add(f"{packet.name}, {what}", frame, *flags)


def judged_verdicts(v):
    """Single wrong bits."""
    for packet in kinds():
        right = packet.right()
        v.judged(packet, "right", right, IP_GOOD, L4_GOOD)
        v.judged(packet, "wrong L4 sum", flipped(right, packet.l4_sum, 2), IP_GOOD, L4_BAD)
        v.judged(packet, "wrong port", flipped(right, packet.l4_off + 1, 0x80), IP_GOOD, L4_BAD)
        if packet.payload:
            v.judged(packet, "wrong last byte",
                     flipped(right, len(right) - len(packet.padding) - 1, 0x10), IP_GOOD, L4_BAD)
        if packet.v6:
            v.judged(packet, "wrong address", flipped(right, packet.l3 + 39, 1), IP_GOOD, L4_BAD)
            continue
        wrong = flipped(right, packet.ip_sum + 1, 4)
        v.judged(packet, "wrong IP sum", wrong, IP_BAD, L4_GOOD)
        v.judged(packet, "both sums wrong", flipped(wrong, packet.l4_off, 4), IP_BAD, L4_BAD)
    for outer in (0x8100, 0x88a8, 0x9100):
        for inner in (0, 0x8100, 0x88a8, 0x9100):
            packet = Packet("udp", 40, tags=[(t, 5) for t in (outer, inner) if t])
            packet.name += f" {outer:x} {inner:x}"
            right = packet.right()
            v.judged(packet, "right", right, IP_GOOD, L4_GOOD)
            v.judged(packet, "wrong",
                     flipped(flipped(right, packet.ip_sum, 1), len(right) - 1, 1), IP_BAD, L4_BAD)


def told_verdicts(v):
    """Frames that are no whole packets, or lie of it: nothing is said of what is not there."""
    udp4, udp6 = Packet("udp", 64), Packet("udp", 64, v6=True)
    v.add("udp4 without a checksum", replaced(udp4.right(), udp4.l4_sum, b"\0\0"), IP_GOOD)
    v.add("udp6 without a checksum", replaced(udp6.right(), udp6.l4_sum, b"\0\0"), IP_GOOD, L4_BAD)
    v.add("first fragment", udp4.right(flags="MF"), IP_GOOD)
    v.add("last fragment", udp4.right(frag=2), IP_GOOD)
    v.add("udp4 not to be fragmented", udp4.right(flags="DF"), IP_GOOD, L4_GOOD)
    v.add("fragment of IPv6", tagged((), IPv6(src="fd00::1", dst="fd00::2") /
                                     IPv6ExtHdrFragment(m=1, id=1) / udp4.l4 / Raw(b"x" * 64)),
          IP_GOOD)
    for length in (93, 0xffff, 0, 27):
        v.add(f"IP length {length}", udp4.right(len=length), IP_GOOD)
    v.add("options that reach into the data", replaced(udp4.right(), 14, b"\x4f"), IP_BAD)
    for first in (0x44, 0x65):
        v.add(f"first byte {first:x}", replaced(udp4.right(), 14, bytes([first])))
    v.add("first byte 45 of IPv6", replaced(udp6.right(), 14, b"\x45"))
    for length in (7, 73):
        v.add(f"UDP length {length}", replaced(udp4.right(), 38, length.to_bytes(2, "big")),
              IP_GOOD)
    for length in (73, 0):
        v.add(f"IPv6 length {length}", udp6.right(plen=length), IP_GOOD)
    v.add("no IP", replaced(udp4.right(), 12, b"\xff" * 94))


def checksum(header):
    """Checksums: what a sender leaves to others, and what a receiver says."""
    header.table("kinds", "vector", [
        p.vector(header, [] if p.v6 or p.tags else [p.right(ttl=63)]) for p in kinds()])
    header.table("lengths", "vector", [
        Packet(l4, n, v6=v6, seq=n % 256).vector(header)
        for l4 in ("tcp", "udp") for v6 in (False, True)
        for n in [*range(320), *range(320, 1401, 7), 1400]])
    inner = Packet("tcp", 77)
    outer = IP(src="10.0.0.1", dst="10.1.0.0", proto=4)
    header.table("tunnels", "vector", [
        inner.vector(header, [tagged((), outer / inner.ip / inner.l4 / Raw(inner.payload))])])
    tags = [(0x88a8, 5), (0x8100, 7)]
    header.table("inserted", "vector", [
        Packet("tcp", 55).vector(header, [Packet("tcp", 55, tags=t).right() for t in
                                          (tags[1:], tags)])])
    verdicts = Verdicts(header)
    judged_verdicts(verdicts)
    told_verdicts(verdicts)
    header.table("verdicts", "verdict", verdicts.rows)


def tso(header):
    """TCP packets, and the segments of them."""
    def rows(cases, whole=False):
        for payload, segment, conf in cases:
            packet = Packet("tcp", payload, **conf)
            name = f"{packet.name}/{segment}"
            if "flags" in conf:
                name += f" {conf['flags']:02x}"
            more = [] if whole else list(packet.segments(segment))
            yield packet.vector(header, more, segment, name)

    shapes = [{}, {"v6": True}, {"tcp_options": 3, "tags": [(0x8100, 7)]},
              {"v6": True, "options": 1, "tcp_options": 10}, {"options": 10, "seq": 4000}]
    header.table("plain", "vector", rows(
        [(n, segment, {**shape, "flags": ACK | PSH}) for shape in shapes
         for n in (0, 1, 999, 1000, 1001, 2000, 10001, 60000) for segment in (100, 1000, 1392)
         if n < 60000 or segment > 100 or "options" not in shape]
        + [(5000, 1200, {"flags": f}) for f in (ACK, ACK | FIN, ACK | PSH | CWR, 0xff)]))
    header.table("whole", "vector", rows(
        [(n, 1000, {**shape, "flags": ACK | FIN}) for shape in shapes
         for n in (1, 1000, 1001, 30000, 65000)], whole=True))
    header.table("single", "vector", rows(
        [(n, segment, {}) for n, segment in
         ((20000, 333), (20000, 500), (9946, 1000), (9947, 1000), (1994, 1000), (1995, 1000),
          (16202, 1448), (16203, 1448), (3000, 1000), (3000, 1460), (3000, 1468), (5000, 1000),
          (5000, 900), (10000, 1000))]))
    header.table("mixed", "vector", rows(
        [(i * 997 % 16000 + 1, 1400, {"v6": bool(i & 1), "seq": i}) for i in range(100)]))
    packet = Packet("tcp", 5000)
    header.table("inserted", "vector", [
        packet.vector(header, list(packet.segments(1400, [(0x8100, 7)])), 1400)])


# Published by Microsoft to verify RSS: destination, source, and the hashes without and with ports.
MS_HASHES = [
    ("161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178),
    ("65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea),
    ("12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a),
    ("209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f),
    ("202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2),
    ("3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d),
    ("ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf),
    ("fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985,
     0x02d1feef),
]
TAGGINGS = ([[(t, 5)] for t in (C, S, OLD)] +
            [[(t, 5), (u, 6)] for u in (C, S, OLD) for t in (C, S, OLD)])


def rss(header):
    """Packets with the hashes that were published, and for which types of RSS each is."""
    rows = []

    def add(name, tags, ip, l4, proto, hashes):
        number = 6 if isinstance(ip, IPv6) else 4
        l3 = [f"IPV{number}"] + ["IPV6_EX"] * (number == 6)
        more = []
        if proto == "frag":
            l3.append(f"FRAG_IPV{number}")
        elif proto == "other":
            l3.append(f"NONFRAG_IPV{number}_OTHER")
        else:
            more = [f"NONFRAG_IPV{number}_{proto}"]
            if number == 6 and proto != "SCTP":
                more.append(f"IPV6_{proto}_EX")
        frame = header.frame(tagged(tags, ip / l4 / Raw(PAYLOAD[:60])))
        types = [" | ".join("RTE_ETH_RSS_" + t for t in each) or "0" for each in (l3, more)]
        rows.append(f'{{ "{name}", {frame}, {types[0]}, {types[1]}, {hashes[0]}u, {hashes[1]}u }}')

    for dst, dport, src, sport, *hashes in MS_HASHES:
        ip = (IPv6 if ":" in dst else IP)(src=src, dst=dst)
        ports = {"sport": sport, "dport": dport}
        for l4 in (TCP(**ports), UDP(**ports), SCTP(**ports)):
            for tags in TAGGINGS + [[]] if isinstance(l4, UDP) else ([], [(C, 9)]):
                name = f"{dst}, {l4.name}, tags {[f'{t:x}' for t, _ in tags]}"
                add(name.replace("'", ""), tags, ip, l4, l4.name.upper(), hashes)
            cut = (ip / IPv6ExtHdrFragment(m=1, id=1) if ":" in dst else
                   IP(src=src, dst=dst, flags="MF"))
            add(f"{dst}, fragment of {l4.name}", [], cut, l4, "frag", hashes)
        other = ip.copy()
        setattr(other, "nh" if ":" in dst else "proto", 200)
        add(f"{dst}, protocol 200", [], other, Raw(b"\0\0"), "other", hashes)
    rows.append(f'{{ "no IP", {header.frame(tagged((), Raw(PAYLOAD[:60]), ethertype=0x88b5))}, '
                "0, 0, 0, 0 }")
    header.table("hashes", "hashed", rows)


# Tags, and what becomes of them if tags of C, of S, or of both are stripped: how many are, what is
# said of it, and the TCIs.
ONE = "RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED"
OUTER = "RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED"
TWO = OUTER + " | RTE_MBUF_F_RX_VLAN_STRIPPED"
NO = (0, 0, 0, 0)
SHAPES = [
    ([], NO, NO, NO),
    ([(C, 0x2123)], (1, ONE, 0x2123, 0), NO, (1, ONE, 0x2123, 0)),
    ([(C, 0)], (1, ONE, 0, 0), NO, (1, ONE, 0, 0)),
    ([(C, 0xffff)], (1, ONE, 0xffff, 0), NO, (1, ONE, 0xffff, 0)),
    ([(C, 100), (C, 200)], (1, ONE, 100, 0), NO, (1, ONE, 100, 0)),
    ([(C, 0x2001), (C, 0x4002)], (1, ONE, 0x2001, 0), NO, (1, ONE, 0x2001, 0)),
    ([(C, 100), (S, 200)], (1, ONE, 100, 0), NO, (1, ONE, 100, 0)),
    ([(S, 0x6010)], NO, (1, ONE, 0x6010, 0), (1, ONE, 0x6010, 0)),
    ([(S, 0x6010), (C, 0x7020)], NO, (1, OUTER, 0x7020, 0x6010), (2, TWO, 0x7020, 0x6010)),
    ([(S, 1), (C, 2), (C, 3)], NO, (1, OUTER, 2, 1), (2, TWO, 2, 1)),
    ([(S, 1), (S, 2)], NO, (1, ONE, 1, 0), (1, ONE, 1, 0)),
    ([(OLD, 1), (C, 2)], NO, NO, NO),
    ([(0x0800, 1), (C, 2)], NO, NO, NO),
]


def vlan(header):
    """Tags: stripped, filtered, inserted."""
    def frame(tags, length):
        return tagged(tags, Raw(PAYLOAD[:length - 14]))

    def text(tags):
        return " ".join(f"{t:x}:{tci:x}" for t, tci in tags) or "untagged"

    rows = []
    for tags, *outcomes in SHAPES:
        for length in range(14, 1500, 37):
            of = [f"{{ {header.frame(frame(tags[n:], length))}, {flags}, {tci}, {outer} }}"
                  for n, flags, tci, outer in (NO, *outcomes)]
            rows.append(f'{{ "{text(tags)}, {length} bytes", '
                        f'{header.frame(frame(tags, length))}, {{ {", ".join(of)} }} }}')
    # A frame that ends in the middle of a tag: an incomplete tag is no tag.
    for tags in ([(S, 0x10), (C, 0x20)], [(C, 0x20)]):
        whole = frame(tags, 30)
        for length in range(14, 25):
            n = min((length - 14) // 4, len(tags))
            said = {0: NO, 1: (1, ONE, tags[0][1], 0), 2: (2, TWO, 0x20, 0x10)}
            outer = said[min(n, 1)] if tags[0][0] == S else NO
            if n == 2:
                outer = (1, OUTER, 0x20, 0x10)
            inner = said[n] if tags[0][0] == C else NO
            of = [f"{{ {header.frame(whole[:12] + whole[12 + 4 * k:length])}, {flags}, {tci}, "
                  f"{o} }}" for k, flags, tci, o in (NO, inner, outer, said[n])]
            rows.append(f'{{ "{text(tags)}, cut at {length}", {header.frame(whole[:length])}, '
                        f'{{ {", ".join(of)} }} }}')
    header.table("strips", "stripped", rows)

    rows = [(text([(t, n)]), frame([(t, n)], 60), n & 0xfff) for t in (C, S)
            for n in (0, 1, 2, 63, 64, 99, 100, 101, 4095, 0xe064, 0x1064)]
    rows += [("untagged", frame([], 60), "VLAN_ANY"),
             ("no tag", frame([(0x0800, 7)], 60), "VLAN_ANY"),
             ("two tags", frame([(C, 0x2001), (C, 0x4002)], 60), 1)]
    rows += [(f"cut at {n}", frame([(C, 0)], 30)[:n], 0 if n >= 18 else "VLAN_NEVER")
             for n in range(14, 21)]
    header.table("members", "member", [f'{{ "{name}", {header.frame(data)}, {of} }}'
                                       for name, data, of in rows])

    rows = []
    for length in [*range(14, 80), *range(80, 1522, 131)]:
        # Some have a tag already: it becomes the inner one.
        old = [(C, 0x2001)] * (length % 2)
        for flags, new in (("0", []), ("RTE_MBUF_F_TX_VLAN", [(C, 0x6033)]),
                           ("RTE_MBUF_F_TX_QINQ", [(S, 0x44), (C, 0x6033)])):
            rows.append(f'{{ "{length} bytes and {len(new)} tags", {flags}, 0, 0, 0, 0, 0, '
                        f"{header.frame(frame(old, length))}, "
                        f"{header.more([frame(new + old, length)])} }}")
    header.table("inserts", "vector", rows)


def flow_packets():
    """Packets that patterns are tried on: name, tags, addresses, IP and what is in it."""
    def four(**ip):
        return IP(**{"src": "10.0.0.1", "dst": "10.0.0.2", **ip})

    tcp, udp6 = TCP(sport=1000, dport=80), UDP(sport=1000, dport=53)
    six, tag = IPv6(src="fd00::1", dst="fd00::2"), [(C, 0x2007)]
    yield "model4", tag, DST, four(), tcp
    yield "other VLAN", [(C, 0x2008)], DST, four(), tcp
    yield "other PCP", [(C, 0x4007)], DST, four(), tcp
    yield "no VLAN", [], DST, four(), tcp
    yield "two tags", [(S, 9), (C, 7)], DST, four(), tcp
    yield "other net", tag, DST, four(src="10.0.1.1"), tcp
    yield "other host", tag, DST, four(dst="10.0.0.3"), tcp
    yield "other port", tag, DST, four(), TCP(sport=1000, dport=81)
    yield "UDP", tag, DST, four(), UDP(sport=1000, dport=80)
    yield "SCTP", tag, DST, four(), SCTP(sport=1000, dport=80)
    yield "fragment", tag, DST, four(flags="MF"), tcp
    yield "addressed", tag, "02:00:00:00:00:09", four(), tcp
    yield "model6", [], DST, six, udp6
    yield "other host6", [], DST, IPv6(src="fd00::1", dst="fd00::3"), udp6
    yield "other port6", [], DST, six, UDP(sport=1001, dport=53)
    yield "TCP6", [], DST, six, TCP(sport=1000, dport=53)
    for tags in TAGGINGS:
        for port in (80, 81):
            yield (f"{port} in " + " ".join(f"{t:x}" for t, _ in tags), tags, DST, four(),
                   TCP(sport=1000, dport=port))


def vid(tags, n, value):
    """Has the n-th tag this VLAN?"""
    return len(tags) > n and tags[n][1] & 0xfff == value


def flow_patterns():
    """Patterns by the names that they have in C, and what they are to match."""
    def is4(ip):
        return isinstance(ip, IP)

    def holds(ip, l4, kind, **ports):
        whole = not (is4(ip) and ip.flags.MF)
        return whole and isinstance(l4, kind) and all(getattr(l4, k) == v
                                                      for k, v in ports.items())

    return {
        "any": lambda tags, dst, ip, l4: True,
        "eth": lambda tags, dst, ip, l4: True,
        "eth from": lambda tags, dst, ip, l4: True,
        "eth to": lambda tags, dst, ip, l4: dst.endswith("09"),
        "eth with VLAN": lambda tags, dst, ip, l4: bool(tags),
        "eth without VLAN": lambda tags, dst, ip, l4: not tags,
        "vlan": lambda tags, dst, ip, l4: bool(tags),
        "vlan 7": lambda tags, dst, ip, l4: vid(tags, 0, 7),
        "vlan PCP 1": lambda tags, dst, ip, l4: bool(tags) and tags[0][1] >> 13 == 1,
        "vlan, vlan 7": lambda tags, dst, ip, l4: vid(tags, 1, 7),
        "vlan 5, ipv4, tcp": lambda tags, dst, ip, l4: vid(tags, 0, 5) and is4(ip) and
        holds(ip, l4, TCP, sport=1000, dport=80),
        "vlan 5, vlan, ipv4, tcp": lambda tags, dst, ip, l4: vid(tags, 0, 5) and
        len(tags) == 2 and is4(ip) and holds(ip, l4, TCP, sport=1000, dport=80),
        "ipv4": lambda tags, dst, ip, l4: is4(ip),
        "ipv4 net": lambda tags, dst, ip, l4: is4(ip) and ip.src.startswith("10.0.0."),
        "ipv4, tcp": lambda tags, dst, ip, l4: is4(ip) and
        holds(ip, l4, TCP, sport=1000, dport=80),
        "vlan 7, host, tcp 80": lambda tags, dst, ip, l4: vid(tags, 0, 7) and is4(ip) and
        ip.dst == "10.0.0.2" and holds(ip, l4, TCP, dport=80),
        "tcp": lambda tags, dst, ip, l4: holds(ip, l4, TCP),
        "ipv6": lambda tags, dst, ip, l4: not is4(ip),
        "ipv6 host, udp": lambda tags, dst, ip, l4: not is4(ip) and ip.dst == "fd00::2" and
        holds(ip, l4, UDP, sport=1000, dport=53),
        "sctp": lambda tags, dst, ip, l4: holds(ip, l4, SCTP),
    }


def rte_flow(header):
    """Packets, and for each pattern one letter a packet: y if it matches."""
    packets = list(flow_packets())
    header.table("packets", "packet", [
        f'{{ "{name}", {header.frame(tagged(tags, ip / l4 / Raw(PAYLOAD[:80]), dst=dst))} }}'
        for name, tags, dst, ip, l4 in packets])
    header.table("matches", "match", [
        f'{{ "{name}", "{"".join("y" if says(*p[1:]) else "n" for p in packets)}" }}'
        for name, says in flow_patterns().items()])


def ptypes(header):
    """Packets of each type, behind all sorts of tags, and where their headers end."""
    rows = []

    def add(tags, ip, l4, third="", fourth=""):
        second = "L2_ETHER" + ("_VLAN" if tags[0][0] == C else "_QINQ") if tags else "L2_ETHER"
        types = [second, *filter(None, (third, fourth))]
        l3 = 14 + 4 * len(tags)
        ends = (0, 0)
        if fourth not in ("", "L4_FRAG"):
            # DPDK takes UDP and SCTP from the number in IP, and TCP only with its header.
            ends = l3 + len(bytes(ip)), l3 + len(bytes(ip / l4 if isinstance(l4, TCP) else ip))
        name = " ".join([f"{t:x}" for t, _ in tags] + types)
        frame = header.frame(tagged(tags, ip / l4 / Raw(PAYLOAD[:60]),
                                    ethertype=0x0800 if third or len(tags) > 2 else 0x88b5))
        rows.append(f'{{ "{name}", {frame}, {" | ".join("RTE_PTYPE_" + t for t in types)}, '
                    f"{ends[0]}, {ends[1]} }}")

    four, six = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")
    add([], Raw(b"no"), Raw(b"IP"))
    for tags in [[], *TAGGINGS]:
        for l4, name in ((TCP(), "L4_TCP"), (UDP(), "L4_UDP"), (SCTP(), "L4_SCTP")):
            add(tags, four, l4, "L3_IPV4", name)
            add(tags, six, l4, "L3_IPV6", name)
        add(tags, IP(src="10.0.0.1", dst="10.0.0.2", flags="MF"), UDP(), "L3_IPV4", "L4_FRAG")
        add(tags, six / IPv6ExtHdrFragment(m=1, id=1), TCP(), "L3_IPV6_EXT", "L4_FRAG")
        if len(tags) == 2:
            # What two tags leave is a third one.
            add(tags + [(C, 7)], four, UDP())
    header.table("types", "packet_type", rows)


def hostile(header):
    """The packet that a liar's requests are about."""
    header.table("honest", "vector", [Packet("tcp", 100).vector(header)])


def count(header):
    """A packet of 29 segments."""
    header.table("big", "vector", [Packet("tcp", 28500).vector(header, segment=1000)])


def main():
    """The headers; to load scapy takes longer than to make most of them."""
    nouns = {noun.__name__: noun for noun in (checksum, tso, rss, vlan, ptypes, rte_flow, hostile, count)}
    for path in sys.argv[1:]:
        header = Header()
        nouns[os.path.basename(path).removesuffix("_vectors.h")](header)
        header.write(path)


if __name__ == "__main__":
    main()
