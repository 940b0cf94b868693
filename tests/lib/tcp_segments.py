# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The segments that a network card makes of a TCP packet. scapy makes their checksums and lengths."""

from scapy.layers.inet import IP
from scapy.packet import Raw

FIN, PSH, CWR = 0x01, 0x08, 0x80


def tcp_segments(ip, tcp, payload, segment):
    """IP packets with at most `segment` bytes of the payload each; ip: also what lies between."""
    chunks = [payload[i:i + segment] for i in range(0, len(payload), segment)] or [b""]
    for i, chunk in enumerate(chunks):
        ip_i, tcp_i = ip.copy(), tcp.copy()
        if isinstance(ip, IP):
            ip_i.id = (ip.id + i) & 0xffff
        tcp_i.seq = (tcp.seq + i * segment) & 0xffffffff
        if i != 0:
            tcp_i.flags = int(tcp_i.flags) & ~CWR
        if i != len(chunks) - 1:
            tcp_i.flags = int(tcp_i.flags) & ~(FIN | PSH)
        yield ip_i / tcp_i / Raw(chunk)
