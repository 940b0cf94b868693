# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""shmbus top as a job of a shell: it never takes the terminal from others, nor leaves it changed."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios

import pytest
from process import poll
from tool import LIMIT_S, program, read_until, shmbus

SHELL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "job_shell.py")
REFRESH = b"\x1b[H\x1b[J"


class Job:
    """A process with a terminal of its own, in the foreground or the background."""

    def __init__(self, stack, how, *command, stdout=None):
        self.terminal, theirs = pty.openpty()
        stack.callback(os.close, self.terminal)
        self.shell = subprocess.Popen([sys.executable, SHELL, how, *map(str, command)], stdin=theirs,
                                      stdout=stdout or theirs, stderr=subprocess.PIPE, text=True)
        os.close(theirs)
        stack.callback(self._end)

    def _end(self):
        for pid in (*self.pids(), self.shell.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.shell.communicate(timeout=LIMIT_S)

    def pids(self):
        try:
            with open(f"/proc/{self.shell.pid}/task/{self.shell.pid}/children",
                      encoding="ascii") as f:
                return [int(pid) for pid in f.read().split()]
        except FileNotFoundError:
            return []

    def is_cooked(self):
        """Does the terminal deliver lines, and echo? That is how it was."""
        return termios.tcgetattr(self.terminal)[3] & (termios.ICANON | termios.ECHO) == (
            termios.ICANON | termios.ECHO)

    def told(self):
        """The next change of the job's state."""
        assert select.select([self.shell.stderr], [], [], LIMIT_S)[0], "the job's state is the same"
        word, number = self.shell.stderr.readline().split()
        return word, int(number)

    def type(self, keys):
        os.write(self.terminal, keys)


@pytest.fixture
def stack():
    with contextlib.ExitStack() as one:
        yield one


@pytest.fixture
def path(make_bus):
    bus = make_bus()
    shmbus("create", bus.path)
    return bus.path


def on_terminal(stack, path, interval="0.05"):
    """top in the foreground, which has set the terminal."""
    job = Job(stack, "fg", program(), "top", "-i", interval, path)
    read_until(job.terminal, REFRESH)
    assert not job.is_cooked()
    return job


def test_keys_are_shown(stack, path):
    """On a terminal in the foreground, and only there."""
    job = Job(stack, "fg", program(), "top", "-i", "0.05", path)
    out = read_until(job.terminal, b"reads the bus at once")
    assert b"q ends top" in out
    job.type(b"q")
    assert job.told() == ("ended", 0)


@pytest.mark.parametrize("how", ["fg", "bg"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_output_to_a_file(stack, folder, path, how, options):
    """top PATH > log &, and the same in the foreground: it is not stopped."""
    log = os.path.join(folder, "log")
    with open(log, "wb") as out:
        job = Job(stack, how, program(), "top", "-i", "0.01", *options, path, stdout=out)

    def lines():
        assert job.shell.poll() is None
        with open(f"/proc/{job.pids()[0]}/stat", encoding="ascii") as stat:
            assert stat.read().rpartition(")")[2].split()[0] not in "Tt", "the job was stopped"
        with open(log, "rb") as f:
            return f.read().count(b"\n") > 20
    poll(lambda: job.pids() and lines(), "output in the file", LIMIT_S)
    assert job.is_cooked()
    os.kill(job.pids()[0], signal.SIGTERM)
    assert job.told() == ("ended", 0)


def test_json_on_a_terminal(stack, path):
    """It is for programs: no key is read, and lines are echoed."""
    job = Job(stack, "fg", program(), "top", "-i", "0.05", "--json", path)
    read_until(job.terminal, b"\n")
    assert job.is_cooked()
    os.kill(job.pids()[0], signal.SIGTERM)
    assert job.told() == ("ended", 0)


def test_background_on_the_terminal(stack, path):
    """It shows its table, and leaves the keys to the shell until it is in the foreground."""
    job = Job(stack, "bg", program(), "top", "-i", "0.05", path)
    read_until(job.terminal, REFRESH)
    assert job.is_cooked()
    job.shell.send_signal(signal.SIGUSR1)
    poll(lambda: not job.is_cooked(), "the terminal to be set", LIMIT_S)
    job.type(b"q")
    assert job.told() == ("ended", 0)
    assert job.is_cooked()


def test_stop_and_continue(stack, path):
    job = on_terminal(stack, path)
    for _ in range(3):
        job.type(b"\x1a")  # ^Z
        assert job.told() == ("stopped", signal.SIGTSTP)
        assert job.is_cooked()
        job.shell.send_signal(signal.SIGUSR1)
        assert job.told() == ("continued", signal.SIGCONT)
        poll(lambda: not job.is_cooked(), "the terminal to be set", LIMIT_S)
        read_until(job.terminal, REFRESH)
    job.type(b"q")
    assert job.told() == ("ended", 0)
    assert job.is_cooked()


def test_stopped_from_outside(stack, path):
    """SIGSTOP cannot be caught. What the terminal was before is not forgotten."""
    job = on_terminal(stack, path)
    os.kill(job.pids()[0], signal.SIGSTOP)
    assert job.told() == ("stopped", signal.SIGSTOP)
    job.shell.send_signal(signal.SIGUSR1)
    assert job.told() == ("continued", signal.SIGCONT)
    read_until(job.terminal, REFRESH)
    job.type(b"q")
    assert job.told() == ("ended", 0)
    assert job.is_cooked()


@pytest.mark.parametrize("key, what", [(b"\x03", ("ended", 0)), (b"q", ("ended", 0)),
                                       (b"\x1c", ("killed", signal.SIGQUIT))])
def test_end(stack, path, key, what):
    job = on_terminal(stack, path)
    job.type(key)
    assert job.told() == what
    assert job.is_cooked()


def test_hangup(stack, path):
    job = on_terminal(stack, path)
    os.kill(job.pids()[0], signal.SIGHUP)
    assert job.told() == ("killed", signal.SIGHUP)
    assert job.is_cooked()


def test_second_signal(stack, path):
    """Nobody reads the terminal, so top waits in a write: the first ^C does not end that."""
    job = on_terminal(stack, path, interval="0.01")
    pid, = job.pids()

    def is_blocked():
        with open(f"/proc/{pid}/wchan", encoding="ascii") as f:
            return f.read() in ("n_tty_write", "wait_woken")
    if not os.access(f"/proc/{pid}/wchan", os.R_OK):
        pytest.skip("this kernel does not tell where a process waits")
    poll(is_blocked, "a terminal that is full", LIMIT_S)
    os.kill(pid, signal.SIGINT)
    poll(job.is_cooked, "the terminal to be set back", LIMIT_S)
    os.kill(pid, signal.SIGINT)
    assert job.told() == ("killed", signal.SIGINT)
    assert job.is_cooked()
