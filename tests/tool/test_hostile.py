# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Commands that examine a bus end properly while a process writes nonsense into the bus."""

import os
import subprocess

import pcaps
import pytest
from apps import sanitizer_env
from liar import Liar
from rounds import rounds
from tool import LIMIT_S, program, shmbus

LOOKS = [["info"], ["info", "--json"], ["check"], ["check", "--json"], ["top", "--once", "-i", "0.01"],
         ["dump", "-w", os.devnull]]


@pytest.mark.parametrize("fmt, field", [("shmif", "header"), ("shmif", None), ("lanes", None)])
def test_looking_at_lies(make_bus, folder, counts, fmt, field):
    bus = make_bus()
    source = os.path.join(folder, "source.pcap")
    pcaps.write(source, [frame for frame in pcaps.mixture(2000) if len(frame) <= 1514])
    shmbus("create", bus.path, "--format", fmt)
    shmbus("replay", bus.path, source, "--fast")
    said = {0: 0, 1: 0}
    with Liar("any", bus, 7, field=field) as liar:
        for look in LOOKS * rounds(6, 2):
            done = subprocess.run([program(), *look, bus.path], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, check=False, timeout=LIMIT_S,
                                  env={**os.environ, **sanitizer_env()})
            assert done.returncode in said, (look, done.returncode, done.stderr[-2000:])
            assert len(done.stderr) < 10_000
            said[done.returncode] += 1
        assert liar.stop() == 0
    counts(f"{liar.lies} lies, {said[0]} times all was well, {said[1]} times it was not")
