# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A port that a secondary process shares stays on its bus.

The port of dpdk-mover, the primary, does not go to another one, nor does it come back after its bus
was removed, as long as there is a secondary process with this port. Processes without this port do
not matter, nor do dead ones.
"""

import errno
import os
import re

import eal
import pytest
from apps import LOSSLESS, checker, cpu, plugin, sanitizer_env, testpmd
from checker import program_path
from process import Process
from rounds import rounds
from test_secondary_calls import Meddler

FRAMES = 100
ROUNDS = rounds(5, 3)
SHARED = r"a secondary process has this port"

both = pytest.mark.parametrize("fmt", ["lanes", "shmif"])


class Mover(Process):
    """dpdk-mover: a primary that goes where it is told."""

    def __init__(self, bus, shared):
        program = os.path.join(os.path.dirname(program_path()), "dpdk-mover")
        argv = [program] + eal.eal_args(
            lcores=f"0@{cpu(0)}", memory=shared["memory"], file_prefix=shared["file_prefix"],
            vdevs=[bus.vdev()], plugins=[plugin()], proc_type="primary",
            extra=shared["eal_extra"]) + ["--", plugin()]
        super().__init__(argv, name="mover", env=sanitizer_env())

    def start(self):
        super().start()
        self.wait_for(r"^ready", 120)
        return self

    def __call__(self, command):
        """What a command said: its status."""
        since = self.mark()
        self.write(command + "\n")
        name = command.split()[0]
        return int(self.wait_for(rf"^{name} (-?\d+)", since=since).group(1))

    def told(self, command, what):
        """A command that goes well, and one of the things that it told."""
        since = self.mark()
        assert self(command) == 0
        return self.wait_for(rf"^{what} (.*)", since=since).group(1)

    def times(self, pattern):
        """How often this is in the log."""
        return len(re.findall(pattern, self.log))

    def quit(self):
        """Close the port."""
        self.close_stdin()
        self.wait(60)


def devargs(fmt):
    """Arguments of a bus with enough queues for these tests; a shmif port has one queue."""
    return {"format": fmt, **(LOSSLESS if fmt == "lanes" else {})}


def send(bus):
    """From two queues, by another process."""
    with checker(bus.vdev(), send=True, on=1, count=FRAMES, queues=2) as tx:
        assert tx.result()["sent"] == FRAMES


def test_shared(make_bus, shared, counts):
    """-EBUSY, and why, while the secondary lives; nothing has changed. Killed, it does not matter."""
    bus, other = (make_bus(name, **LOSSLESS) for name in ("one", "two"))
    with Mover(bus, shared) as mover:
        with Meddler(bus, shared) as meddler:
            refused = 0
            for command in ("reset", f"set {other.path}", f"set {bus.path}", "unset"):
                assert mover(command) == -errno.EBUSY
                refused += 1
                assert mover.times(SHARED) == refused
            assert mover.told("get", "path") == bus.path
            assert not os.path.exists(other.path)
            # It goes on as before, and so does the secondary.
            assert mover("start") == 0
            assert mover.told("look", "link") == "1"
            send(bus)
            meddler.poll(lambda: meddler.received() > 0, "frames on its queue")
            assert mover("stop") == 0
            meddler.kill()
        assert mover(f"set {other.path}") == 0
        assert mover.told("get", "path") == other.path
        assert mover("reset") == 0
        assert mover("start") == 0
        assert mover.told("look", "link") == "1"
        assert mover("stop") == 0
        assert mover("unset") == 0
        assert mover.times(SHARED) == refused
        mover.quit()
    counts(f"{refused} refusals")


def test_removed(make_bus, shared):
    """After removal the port is not started, but may be asked; then it is, on a new bus."""
    bus, other = (make_bus(name, **LOSSLESS) for name in ("one", "two"))
    with Mover(bus, shared) as mover:
        assert mover("start") == 0
        with Meddler(bus, shared) as meddler:
            os.truncate(bus.path, 0)
            mover.wait_for(r"truncated")
            assert mover("stop") == 0
            for command in ("start", "reset", f"set {bus.path}", f"set {other.path}", "start"):
                assert mover(command) == -errno.EBUSY
                assert mover.told("look", "link") == "0"
            assert mover.told("get", "path") == bus.path
            assert not os.path.exists(other.path)
            assert mover.times(SHARED) == 5
            assert os.path.getsize(bus.path) == 0
            # What the secondary does with what is left.
            meddler.check_alive()
            meddler.kill()
        assert mover("start") == 0
        assert mover.told("look", "link") == "1"
        send(bus)
        mover.quit()


def test_removed_and_probed_again(make_bus, shared):
    """The way that is left while a secondary lives: close the port and probe it again."""
    bus = make_bus(**LOSSLESS)
    with testpmd(bus.vdev(), args=("--no-rmv-interrupt", "--rxq=2", "--txq=2"), **shared) as pmd:
        with Meddler(bus, shared) as meddler:
            os.truncate(bus.path, 0)
            pmd.wait_for(r"truncated")
            pmd.cmd("port stop 0")
            pmd.cmd("port start 0", check=False)
            pmd.wait_for(SHARED)
            meddler.kill()
        # The killed one is no obstacle to closing either.
        pmd.cmd("port close 0")
        pmd.cmd("device detach net_shmbus0")
        pmd.cmd(f"port attach {bus.vdev()}")
        pmd.cmd("port start 0")
        pmd.wait_link(up=True)


@both
def test_unrelated(make_bus, shared, fmt):
    """A secondary that has no port of this driver, at work or stopped, is not asked anything."""
    bus = make_bus(**devargs(fmt))
    with testpmd(bus.vdev(), args=("--no-rmv-interrupt",), **shared) as pmd:
        with testpmd(name="stranger", lcores=f"2@{cpu(1)},3@{cpu(1)}", plugins=[],
                     check_probe=False, proc_type="secondary",
                     **{**shared, "eal_extra": []}) as stranger:
            for frozen in (False, True):
                if frozen:
                    stranger.freeze()
                since = pmd.mark()
                os.truncate(bus.path, 0)
                pmd.wait_for(r"truncated", since=since)
                pmd.wait_link(up=False)
                pmd.cmds("port stop 0", "port start 0")
                pmd.wait_link(up=True)
                pmd.cmds("port stop 0", "port reset 0", "port start 0")
                pmd.wait_link(up=True)
            stranger.thaw()
            assert SHARED not in pmd.log


def test_comes_while_it_moves(make_bus, shared, counts):
    """A secondary comes as the port goes to and fro: it is on the bus where the port then stays."""
    one, two = (make_bus(name, **LOSSLESS) for name in ("one", "two"))
    moves = busy = 0
    with Mover(one, shared) as mover:
        for _ in range(ROUNDS):
            before = mover.mark()
            mover.write(f"dance {one.path} {two.path}\n")
            mover.wait_for(r"^dancing", since=before)
            with Meddler(one, shared) as meddler:
                mover.write("rest\n")
                assert mover.wait_for(r"^dance (-?\d+)", since=before).group(1) == "0"
                mover.wait_for(r"^rest 0", since=before)
                moves += int(mover.wait_for(r"^moves (\d+)", since=before).group(1))
                busy += int(mover.wait_for(r"^busy (\d+)", since=before).group(1))
                here = mover.told("get", "path")
                assert mover("start") == 0
                send(one if here == one.path else two)
                meddler.poll(lambda m=meddler: m.received() > 0, "frames on its queue")
                assert mover("stop") == 0
                meddler.quit()
        mover.quit()
    assert moves > ROUNDS and busy > ROUNDS
    counts(f"{moves} moves, {busy} refused while a secondary had the port")
