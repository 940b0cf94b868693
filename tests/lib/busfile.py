# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A bus file, as the tests see it: the --vdev argument that leads to it, and its ports."""

import contextlib
import fcntl
import os
import struct

HEADER = struct.Struct("=QIIIIQQQQQQQ")  # up to file_size
MAGIC = b"SHMBUS1\n"
ENTRY_SIZE = 256
ENTRY = struct.Struct("=IIQ6s2xIIQ")  # state, pid, incarnation, mac, n_txq, n_rxq, attached_ns
ATTACHED = 1

F_OFD_GETLK = 36
FLOCK = struct.Struct("=hhxxxxqqixxxx")  # struct flock of 64-bit Linux

# Milliseconds after which no reader is given up, however long the machine stands still.
FOREVER = 4_000_000_000


class Slot:
    """One entry of the port table."""

    def __init__(self, number, fields, locked):
        self.number = number
        self.state, self.pid, self.incarnation, self.mac, self.n_txq, self.n_rxq = fields[:6]
        self.alive = locked

    @property
    def attached(self):
        return bool(self.state & ATTACHED)

    @property
    def dead(self):
        """The owner did not detach, and no other port has taken over the slot yet."""
        return self.attached and not self.alive


class Bus:
    """A bus file by its path. It need not exist yet."""

    def __init__(self, path, **devargs):
        self.path = str(path)
        self.devargs = devargs

    def vdev(self, index=0, **devargs):
        """`net_shmbus0,path=...,key=value`: the bus's own devargs, overridden by those given."""
        every = {"path": self.path, **self.devargs, **devargs}
        return ",".join([f"net_shmbus{index}"] + [f"{key}={value}" for key, value in every.items()])

    def exists(self):
        return os.path.exists(self.path)

    def remove(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def header(self):
        """{"ports": ..., "queues": ..., "lane_size": ..., offsets...}"""
        with open(self.path, "rb") as f:
            data = f.read(HEADER.size)
        names = ("magic", "version", "ports", "queues", "reserved", "lane_size", "roster_off",
                 "port_off", "lane_off", "cursor_off", "data_off", "file_size")
        return dict(zip(names, HEADER.unpack(data)))

    def slots(self):
        """Every slot of the port table."""
        header = self.header()
        with open(self.path, "rb+") as f:
            found = []
            for number in range(header["ports"]):
                off = header["port_off"] + number * ENTRY_SIZE
                f.seek(off)
                fields = ENTRY.unpack(f.read(ENTRY.size))
                found.append(Slot(number, fields, _locked(f, off)))
        return found

    def __str__(self):
        return self.path


def _locked(f, off):
    """Does a process hold the open-file-description lock of this byte?"""
    ask = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, off, 1, 0)
    answer = FLOCK.unpack(fcntl.fcntl(f, F_OFD_GETLK, ask))
    return answer[0] != fcntl.F_UNLCK
