# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Numbered datagrams of many flows at once, and their echoes; a flow's echoes come in order.

    udp_flows.py serve ADDRESS
    udp_flows.py ask ADDRESS FLOWS ROUNDS
"""

import select
import socket
import struct
import sys
import time

PORT = 7007
WINDOW = 16  # datagrams of a flow on their way
LIMIT_S = 60


def make_socket():
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        found.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
    return found


def payload(flow, number):
    """Its length and its bytes follow from the number."""
    return struct.pack("!II", flow, number) + bytes([number % 251]) * (number * 37 % 1200)


def serve(address):
    with make_socket() as s:
        s.bind((address, PORT))
        print("listening", flush=True)
        while True:
            data, sender = s.recvfrom(2048)
            s.sendto(data, sender)


class Flow:
    def __init__(self, address, index):
        self.index = index
        self.sent = self.received = 0
        self.last = -1
        self.socket = make_socket()
        self.socket.connect((address, PORT))

    def ask(self):
        for _ in range(WINDOW):
            self.socket.send(payload(self.index, self.sent))
            self.sent += 1

    def hear(self):
        data = self.socket.recv(2048)
        flow, number = struct.unpack_from("!II", data)
        assert flow == self.index and data == payload(flow, number), "it is not what was sent"
        assert number > self.last, f"flow {flow}: {number} after {self.last}"
        self.last = number
        self.received += 1


def ask(address, n_flows, rounds):
    flows = [Flow(address, index) for index in range(n_flows)]
    by_fd = {flow.socket.fileno(): flow for flow in flows}
    for _ in range(rounds):
        for flow in flows:
            flow.ask()
        limit = time.monotonic() + LIMIT_S
        while any(flow.last != flow.sent - 1 for flow in flows):
            # a datagram may be lost, as anywhere
            readable = select.select(by_fd, [], [], 0.5)[0]
            if not readable or time.monotonic() > limit:
                break
            for fd in readable:
                by_fd[fd].hear()
    print(sum(flow.received for flow in flows), "of", sum(flow.sent for flow in flows))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
