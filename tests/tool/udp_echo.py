# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""One end of an exchange of datagrams: return each to its sender, or send some and compare what returns.

usage: udp_echo.py serve ADDRESS
       udp_echo.py ask ADDRESS COUNT

UDP may lose datagrams: what has not returned within a second is sent again, up to a limit.
"""

import os
import socket
import struct
import sys

PORT = 5007
TIMES = 60
# The shortest has its number only; the longest fills an Ethernet frame.
SIZES = (4, 100, 1000, 1472)


def serve(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, PORT))
        print("serving", flush=True)
        while True:
            data, sender = sock.recvfrom(65536)
            sock.sendto(data, sender)


def exchange(sock, data):
    """How often it was sent until it returned."""
    for times in range(1, TIMES + 1):
        sock.send(data)
        try:
            while True:
                returned = sock.recv(65536)
                if returned == data:
                    return times
                # An earlier one, which was late.
                assert returned[:4] < data[:4], f"{len(returned)} bytes instead of {len(data)}"
        except (TimeoutError, ConnectionRefusedError):
            pass
    sys.exit(f"a datagram of {len(data)} bytes was sent {TIMES} times, and has not returned")


def ask(address, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.connect((address, PORT))
        sent = 0
        for number in range(count):
            size = SIZES[number % len(SIZES)]
            sent += exchange(sock, struct.pack(">I", number) + os.urandom(size - 4))
    print(f"{count} datagrams returned, {sent} sent", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        ask(sys.argv[2], int(sys.argv[3]))
