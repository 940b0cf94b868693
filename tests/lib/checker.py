# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Drive dpdk-checker: its frames tell the receiver whether they are whole.

    with Checker(bus.vdev(), receive=True) as rx:
        with Checker(bus.vdev(), send=True, count=1000, id=7) as tx:
            sent = tx.result()
        got = rx.finish()
    assert got["received"] == sent["sent"]

A sender ends by itself when it has sent `count` frames; with count=0 it goes on until stop(). All
results are dictionaries; see report() in tests/integration/checker.c for what is in them. A checker
that found a damaged frame, or one that came twice, ends with status 3, which close() refuses.
"""

import json

import builddir
import eal
from process import Process, ProcessError


def program_path():
    """The built dpdk-checker."""
    return builddir.program("tests", "integration", "dpdk-checker")


class Checker(Process):
    """One dpdk-checker on one port.

    vdev         the device, as --vdev takes it
    send, receive  what it does; one of them at least
    cpu          the CPU to run on
    program      another copy of it than program_path()
    Everything else that is not an argument of Process is an option of the program, with _ for -:
    lengths="14-9014", segments=8, slow_us=500, fast_free=True ...
    """

    PROCESS_ARGS = ("env", "cwd", "wrapper", "log_path")

    def __init__(self, vdev, *, send=False, receive=False, cpu=0, memory=eal.Memory(megabytes=32),
                 plugins=None, program=None, name=None, ready_timeout=120.0, **options):
        self.file_prefix = eal.unique_prefix("checker")
        self.ready_timeout = ready_timeout
        self.ready = None
        if plugins is None:
            plugins = [eal.plugin_path()]
        process = {key: options.pop(key) for key in self.PROCESS_ARGS if key in options}
        argv = [program or program_path()] + eal.eal_args(
            lcores=f"0@{cpu}", memory=memory, file_prefix=self.file_prefix, vdevs=[vdev],
            plugins=plugins)
        argv += ["--"] + ["--send"] * send + ["--receive"] * receive
        for key, value in options.items():
            option = "--" + key.replace("_", "-")
            argv += [option] if value is True else [option, str(value)]
        super().__init__(argv, name=name or ("sender" if send else "receiver"), **process)

    def begin(self):
        """Start it, and let start() or `with` wait until it is ready: for several at once."""
        return super().start()

    def __enter__(self):
        return self.start()

    def start(self):
        """Start and wait until the port is on the bus: it receives all frames sent from then on."""
        if self._popen is None:
            self.begin()
        try:
            self.ready = self._event("ready", self.ready_timeout)
        except ProcessError:
            self.close(check=False, graceful=False)
            raise
        return self

    def _event(self, event, timeout, since=0):
        # With its end: a line may come in pieces.
        found = self.wait_for(rf'^\{{"event": "{event}".*\}}\n', timeout, since)
        return json.loads(found.group(0))

    def report(self, *streams, timeout=60.0):
        """The results so far, with only the named streams."""
        since = self.mark()
        self.write("report " + " ".join(map(str, streams)) + "\n")
        return self._event("report", timeout, since)

    def go(self):
        """Let it send, if it was started with wait=True."""
        self.write("go\n")

    def wait_until(self, condition, what, timeout=120.0):
        """Poll report() until condition(report) is true; return that report."""
        def check():
            found = self.report()
            return found if condition(found) else None
        return self.poll(check, what, timeout)

    def wait_more(self, key, by, timeout=120.0):
        """Wait until a counter has grown by so much from now on."""
        goal = self.report()[key] + by
        return self.wait_until(lambda r: r[key] >= goal, f"{key} to reach {goal}", timeout)

    def result(self, timeout=300.0):
        """Wait until it ends by itself; what it found."""
        end = self._event("end", timeout)
        self.wait(timeout)
        return end

    def finish(self, timeout=300.0):
        """Tell it to stop; return its results. A receiver goes on until no frames come any more."""
        self.write("stop\n")
        return self.result(timeout)

    def tail(self, lines=12):
        """The end of the log; its lines are long."""
        return super().tail(lines)

    def stop(self, timeout=60.0):
        self.write("stop\n")
        return self.wait(timeout)

    def close(self, check=True, graceful=True):
        try:
            super().close(check, graceful)
        finally:
            if not self.alive():
                eal.remove_leftovers(self.file_prefix)


def stream(result, number):
    """One stream of a result."""
    for found in result["streams"]:
        if found["id"] == number:
            return found
    return {"id": number, "frames": 0, "stale": 0, "first": 0, "next": 0}


def xstat(result, name):
    """One extended counter of a result, 0 where it is not listed."""
    return result["xstats"].get(name, 0)
