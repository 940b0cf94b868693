# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A process that writes nonsense into a bus; see tests/stress/liar.c."""

import json

import builddir
from process import Process


class Liar(Process):
    """One liar, lying from start() to stop()."""

    def __init__(self, whose, bus, seed, pause_us=0, field=None):
        argv = [builddir.program("tests", "stress", "liar"), whose, str(bus), str(seed),
                str(pause_us)] + [field] * (field is not None)
        super().__init__(argv, name=f"liar {whose} {seed}")

    def start(self):
        super().start()
        self.wait_for(r"^lying\n", 60)
        return self

    def stop(self, timeout=60.0):
        self.write("\n")
        found = self.wait_for(r"^\{\"lies\".*\}\n", timeout)
        self.lies = json.loads(found.group(0))["lies"]
        return self.wait(timeout)
