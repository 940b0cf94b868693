# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Read pcapng with all that our captures have besides frames, which scapy does not show.

    capture = pcapng.read(path)
    capture.frames[0].data, capture.interfaces[0].options[pcapng.IF_NAME]
"""

import struct
from dataclasses import dataclass, field

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6
COMMENT, IF_NAME, IF_DESCRIPTION, IF_MACADDR, IF_TSRESOL = 1, 2, 3, 6, 9
EPB_DROPCOUNT = 4
ISB_IFRECV, ISB_IFDROP, ISB_FILTERACCEPT = 4, 5, 6


@dataclass
class Interface:
    linktype: int
    snaplen: int
    options: dict
    statistics: dict = field(default_factory=dict)

    @property
    def name(self):
        return self.options[IF_NAME].decode()


@dataclass
class Frame:
    interface: int
    tstamp_ns: int
    data: bytes
    length: int
    dropped: int


@dataclass
class Capture:
    interfaces: list
    frames: list

    def data(self):
        return [frame.data for frame in self.frames]


def _blocks(content):
    off = 0
    while off < len(content):
        kind, total = struct.unpack_from("<II", content, off)
        assert total % 4 == 0 and total >= 12, (off, total)
        again, = struct.unpack_from("<I", content, off + total - 4)
        assert again == total, off
        yield kind, content[off + 8:off + total - 4]
        off += total
    assert off == len(content)


def _options(content):
    found = {}
    off = 0
    while off < len(content):
        code, length = struct.unpack_from("<HH", content, off)
        off += 4
        if code == 0:
            assert length == 0
            break
        found[code] = content[off:off + length]
        off += (length + 3) & ~3
    assert off == len(content)
    return found


def _numbers(options, *codes):
    return {code: struct.unpack("<Q", options[code])[0] for code in codes if code in options}


def read(path):
    """All of a capture in one section, of the byte order that all our machines have."""
    with open(path, "rb") as f:
        blocks = _blocks(f.read())
    kind, body = next(blocks)
    assert kind == SECTION and struct.unpack_from("<IHH", body) == (0x1a2b3c4d, 1, 0)
    _options(body[16:])
    capture = Capture([], [])
    for kind, body in blocks:
        if kind == INTERFACE:
            linktype, _, snaplen = struct.unpack_from("<HHI", body)
            capture.interfaces.append(Interface(linktype, snaplen, _options(body[8:])))
            assert capture.interfaces[-1].options[IF_TSRESOL] == b"\x09"
        elif kind == PACKET:
            number, high, low, captured, length = struct.unpack_from("<IIIII", body)
            assert number < len(capture.interfaces)
            options = _options(body[20 + ((captured + 3) & ~3):])
            dropped = _numbers(options, EPB_DROPCOUNT).get(EPB_DROPCOUNT, 0)
            capture.frames.append(Frame(number, high << 32 | low, body[20:20 + captured], length,
                                        dropped))
        else:
            assert kind == STATISTICS
            number, = struct.unpack_from("<I", body)
            capture.interfaces[number].statistics = _numbers(
                _options(body[12:]), ISB_IFRECV, ISB_IFDROP, ISB_FILTERACCEPT)
    return capture
