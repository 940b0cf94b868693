# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Frames that dpdk-checker believes, and a bus's traffic with no sender too far ahead.

Nobody on a shmif bus waits for slow receivers, so whoever wants to lose nothing has to know how
far they have come before it sends more.
"""

import contextlib
import random
import struct
import time

from process import clock
from shmif_file import DATA_SIZE, FRAME_MAX, FRAME_MIN, RECORD, check
from shmif_peer import Peer

LIMIT_S = 120
IN_FLIGHT = DATA_SIZE // 4 // (RECORD.size + FRAME_MAX)  # the longest frames fill a quarter


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = _table()


def _checksum(frame):
    crc = len(frame)
    for byte in frame[:8] + frame[12:]:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 255]
    return crc


def checker_frame(stream, seq, noise):
    """See tests/integration/checker_frame.h."""
    number = struct.pack(">I", seq)
    frame = b"\2" + struct.pack(">H", stream) + number[:3] + b"\2" + number[3:]
    frame += bytes(4) + b"\x88\xb5" + noise
    return frame[:8] + struct.pack(">I", _checksum(frame)) + frame[12:]


def parse_checker_frame(frame):
    """(stream, sequence number) of a frame that is whole."""
    assert len(frame) >= 14 and frame[0] == frame[6] == 2 and frame[12:14] == b"\x88\xb5"
    assert struct.unpack(">I", frame[8:12])[0] == _checksum(frame)
    return struct.unpack(">H", frame[1:3])[0], struct.unpack(">I", frame[3:6] + frame[7:8])[0]


def send_paced(peer, frames, received, batch=32):
    """Send all frames; received(): how many of them the others have for sure."""
    sent = 0
    deadline = clock() + LIMIT_S
    while sent < len(frames):
        free = min(received() + IN_FLIGHT - sent, batch)
        if free > 0:
            peer.send(frames[sent:sent + free])
            sent += len(frames[sent:sent + free])
            deadline = clock() + LIMIT_S
        elif clock() > deadline:
            raise TimeoutError(f"only {received()} of {sent} frames were received")
        else:
            time.sleep(0.001)


def receive_until(peer, enough):
    """Receive, asleep in between, until enough(frames) is true; return the frames."""
    frames = []
    while True:
        frames += peer.receive()
        if enough(frames):
            return frames
        if not peer.wait_for_wake(LIMIT_S):
            raise TimeoutError(f"nobody woke us behind {len(frames)} frames")


def exchange_lap(path, *olds):
    """New peers and those already on the bus exchange more frames than the data area holds.

    None is lost, and in the end all of the ring is in good order.
    """
    luck = random.Random(path)
    with contextlib.ExitStack() as stack:
        peers = [*olds, *(stack.enter_context(Peer(path, lock_limit=LIMIT_S)) for _ in range(2))]
        bus = peers[-1].bus
        assert bus.first != bus.last
        for peer in peers:
            peer.receive()
        overruns = [peer.overruns for peer in peers]
        sent = number = 0
        while sent <= DATA_SIZE + FRAME_MAX:
            # Many short ones take their time, and are no harder.
            frame = luck.randbytes(luck.choice((FRAME_MIN, 60, 1000, FRAME_MAX)))
            sender = peers[number % len(peers)]
            sender.send([frame])
            for peer in peers:
                assert peer.receive() == ([] if peer is sender else [frame])
            assert bus.first != bus.last
            sent += RECORD.size + len(frame)
            number += 1
        check(bus)
        assert [peer.overruns for peer in peers] == overruns
