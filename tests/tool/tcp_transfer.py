# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""One end of a TCP connection: send that many bytes, or receive to the end; prints their SHA-256.

usage: tcp_transfer.py receive ADDRESS
       tcp_transfer.py send ADDRESS BYTES
"""

import hashlib
import os
import socket
import sys

PORT = 5001
CHUNK = 1 << 20


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def receive(address):
    digest = hashlib.sha256()
    with socket.create_server((address, PORT), family=family(address)) as server:
        print("listening", flush=True)
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(CHUNK):
                digest.update(data)
    return digest


def send(address, length):
    digest = hashlib.sha256()
    with socket.create_connection((address, PORT)) as connection:
        while length > 0:
            data = os.urandom(min(length, CHUNK))
            digest.update(data)
            connection.sendall(data)
            length -= len(data)
    return digest


if __name__ == "__main__":
    RESULT = receive(sys.argv[2]) if sys.argv[1] == "receive" else send(sys.argv[2],
                                                                        int(sys.argv[3]))
    print("sha256", RESULT.hexdigest(), flush=True)
