# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""A child process whose output is always drained, can be waited for, and is always cleaned up.

The child writes to a pseudo terminal, so that stdio gives its lines away one by one, and reads
from a pipe, so that it sees end of file when the parent dies. A thread drains the terminal into
a buffer: the child never blocks on its own output, whatever the parent is doing meanwhile.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tty

POLL_S = 0.05
TAIL_LINES = 60
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\x00")


class ProcessError(Exception):
    """A child did not do what was asked of it; the message ends with the tail of its log."""


class Timeout(ProcessError):
    """Something did not happen within its limit."""


class Exited(ProcessError):
    """The child ended where it should have gone on."""


def status_text(code):
    """An exit status in words."""
    if code is None:
        return "still running"
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit status {code}"


class _Clock:
    """time.monotonic() less the time for which the whole machine stood still.

    The host of a virtual machine may stop it for a minute; a limit that ran on meanwhile would
    blame the child for it. A thread that wakes up much too late tells of such a time.
    """

    TICK_S = 0.2
    STILL_S = 2.0

    def __init__(self):
        self._lock = threading.RLock()  # a signal handler may ask, too
        self._last = None
        self._lost = 0.0

    def _pending(self, now):
        gap = now - self._last
        return gap - self.TICK_S if gap > self.STILL_S else 0.0

    def _run(self):
        while True:
            time.sleep(self.TICK_S)
            with self._lock:
                now = time.monotonic()
                self._lost += self._pending(now)
                self._last = now

    def __call__(self):
        with self._lock:
            now = time.monotonic()
            if self._last is None:
                self._last = now
                threading.Thread(target=self._run, daemon=True, name="clock").start()
            return now - self._lost - self._pending(now)


clock = _Clock()  # for limits; not for measurements


def open_files(pid):
    """What a process has open besides its standard streams."""
    folder = f"/proc/{pid}/fd"
    files = []
    for fd in os.listdir(folder):
        # It may be closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if int(fd) > 2:
                files.append(os.readlink(f"{folder}/{fd}"))
    return files


def children(pid):
    """The processes that this process, of one thread, has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def cpu_seconds(pid):
    """User and system time that a process has had so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def poll(condition, what, timeout=60.0, interval=POLL_S):
    """Call `condition` until it returns something true, and return that."""
    deadline = clock() + timeout
    while True:
        value = condition()
        if value:
            return value
        if clock() >= deadline:
            raise Timeout(f"{what}: did not happen within {timeout:g} s")
        time.sleep(interval)


class Process:
    """One child. Use it as a context manager: leaving the block ends it, however the block ends.

    wrapper: commands put in front (`["setpriv", "--reuid=65534", ...]`, `["numactl", ...]`).
    env: variables added for the child alone (LD_PRELOAD reaches no wrapper).
    may_crash_at_end: a foreign program that has done its work, and then dies of a signal while it
    cleans up, is no error.
    Start it from a thread that lives as long as the child is to live: the kernel kills the child
    when the starting thread ends, so that an interrupted test run leaves nothing behind.
    """

    def __init__(self, argv, name=None, env=None, cwd=None, wrapper=(), log_path=None):
        self.name = name or os.path.basename(argv[0])
        # Behind the wrapper: a change of user would undo the death signal. A test run in the
        # background ignores SIGINT, which a child would inherit.
        self.argv = [*wrapper, "setpriv", "--pdeathsig", "KILL", "env", "--default-signal",
                     *(f"{key}={value}" for key, value in (env or {}).items()), *argv]
        self.cwd = cwd
        self.log_path = log_path
        self.frozen = False
        self._popen = None
        self._master = None
        self._text = ""
        self._closed = False
        self._changed = threading.Condition()
        self._thread = None
        self._killed = False
        self.may_crash_at_end = False

    # Starting and the log

    def start(self):
        """Start the child and the thread that drains it."""
        if self._popen is not None:
            raise ProcessError(f"{self.name}: started twice")
        self._master, slave = os.openpty()
        tty.setraw(slave)
        try:
            self._popen = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=slave,
                                           stderr=slave, cwd=self.cwd, start_new_session=True)
        except OSError:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._thread = threading.Thread(target=self._drain, daemon=True,
                                        name=f"drain {self.name}")
        self._thread.start()
        return self

    def _drain(self):
        log = open(self.log_path, "ab") if self.log_path else None
        try:
            while True:
                try:
                    data = os.read(self._master, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                if log:
                    log.write(data)
                    log.flush()
                with self._changed:
                    # An escape sequence cut in two by read(2) is rare and only cosmetic.
                    self._text += ESCAPES.sub("", data.decode("utf-8", "replace"))
                    self._changed.notify_all()
        finally:
            if log:
                log.close()
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def log(self):
        """Everything the child has written so far."""
        with self._changed:
            return self._text

    def mark(self):
        """The log's present length, to be handed to wait_for() as `since`."""
        return len(self.log)

    def tail(self, lines=TAIL_LINES):
        """The end of the log, headed by the command line: what an exception should show."""
        text = self.log.splitlines()
        head = f"--- {self.name} ({status_text(self.returncode())}): {' '.join(self.argv)}\n"
        cut = f"[{len(text) - lines} lines before these]\n" if len(text) > lines else ""
        return head + cut + "\n".join(text[-lines:]) + f"\n--- end of {self.name}\n"

    def fail(self, message, kind=ProcessError):
        """Raise `kind` with the message and the tail of the log."""
        raise kind(f"{self.name}: {message}\n{self.tail()}")

    # Waiting

    def returncode(self):
        """None while the child runs, else its status as subprocess has it."""
        return self._popen.poll() if self._popen else None

    def alive(self):
        return self._popen is not None and self._popen.poll() is None

    def check_alive(self):
        """Raise Exited, with the log, if the child is gone."""
        if not self.alive():
            self._thread.join(5)
            self.fail(f"ended unexpectedly: {status_text(self.returncode())}", Exited)

    def wait_for(self, pattern, timeout=60.0, since=0, what=None):
        """Wait until the log, from `since` on, matches `pattern`; return the match.

        `what` says in words what is waited for.
        """
        what = what or f"'{pattern}'"
        compiled = re.compile(pattern, re.M)
        deadline = clock() + timeout
        with self._changed:
            while True:
                found = compiled.search(self._text, since)
                if found:
                    return found
                left = deadline - clock()
                if self._closed or left <= 0:
                    break
                self._changed.wait(min(left, 1.0))
        if self._closed:
            self._wait_quietly(5)
            self.fail(f"ended while waiting for {what}: {status_text(self.returncode())}",
                      Exited)
        self.fail(f"no {what} within {timeout:g} s", Timeout)

    def wait(self, timeout=60.0):
        """Wait for the end of the child and of its output; return its status."""
        deadline = clock() + timeout
        while self._popen.poll() is None:
            left = deadline - clock()
            if left <= 0:
                self.fail(f"did not end within {timeout:g} s", Timeout)
            self._wait_quietly(min(left, 1.0))
        self._thread.join(5)
        return self._popen.returncode

    def poll(self, condition, what, timeout=60.0, interval=POLL_S):
        """poll() that also notices the child's death and shows its log."""
        def alive_and_true():
            self.check_alive()
            return condition()
        try:
            return poll(alive_and_true, what, timeout, interval)
        except Timeout as error:
            self.fail(str(error), Timeout)

    # Input and signals

    def write(self, text):
        """Type `text`."""
        try:
            self._popen.stdin.write(text.encode())
            self._popen.stdin.flush()
        except (BrokenPipeError, ValueError):
            self._wait_quietly(5)
            self.check_alive()
            self.fail("does not read its input any more")

    def close_stdin(self):
        """Let the child see end of file."""
        try:
            self._popen.stdin.close()
        except BrokenPipeError:
            pass

    def signal(self, number):
        """Send a signal; a child that is already gone is not an error."""
        if self.alive():
            self._popen.send_signal(number)

    def kill(self):
        """kill -9, and wait until the kernel has cleaned up: locks are free after this."""
        self._killed = True
        self.signal(signal.SIGKILL)
        self.frozen = False
        return self.wait(30)

    def freeze(self):
        """SIGSTOP, and wait until every thread of the child stands still."""
        self.signal(signal.SIGSTOP)
        self.frozen = True
        self.poll(lambda: all(s in "Tt" for s in self._thread_states()), "SIGSTOP to take effect")

    def thaw(self):
        """SIGCONT."""
        self.signal(signal.SIGCONT)
        self.frozen = False

    def _thread_states(self):
        states = []
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/stat", encoding="utf-8") as f:
                    states.append(f.read().rpartition(")")[2].split()[0])
            except FileNotFoundError:
                pass
        return states

    def thread_cpu_ns(self):
        """{thread name: ns it has run}: shows whether a spinning thread had its CPU for itself.

        Empty where the kernel does not count (CONFIG_SCHED_INFO).
        """
        result = {}
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/comm", encoding="utf-8") as f:
                    name = f.read().strip()
                with open(f"/proc/{self.pid}/task/{tid}/schedstat", encoding="utf-8") as f:
                    result[name] = result.get(name, 0) + int(f.read().split()[0])
            except FileNotFoundError:
                pass
        return result

    # The end

    def _wait_quietly(self, timeout):
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            pass

    def stop(self, timeout=30.0):
        """Ask the child to end as a user would; here: SIGINT."""
        self.signal(signal.SIGINT)
        return self.wait(timeout)

    def close(self, check=True, graceful=True):
        """End the child in any case. With `check`, a bad exit status is an error."""
        if self._popen is None:
            return
        try:
            if self.alive() and graceful and not self.frozen:
                self.stop()
            elif self.alive():
                self.kill()
            crashed = self.returncode() < 0 and self.may_crash_at_end
            if check and not self._killed and self.returncode() != 0 and not crashed:
                self.fail(f"ended with {status_text(self.returncode())}", Exited)
        finally:
            if self.alive():
                self.kill()
            self._thread.join(5)
            self.close_stdin()
            if not self._thread.is_alive() and self._master is not None:
                os.close(self._master)
                self._master = None

    def __enter__(self):
        return self if self._popen else self.start()

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.close()
            return
        # The block failed: its exception counts, and the log helps to understand it.
        try:
            if issubclass(kind, Exception) and f"--- {self.name} (" not in str(error):
                sys.stderr.write(self.tail())
        finally:
            try:
                self.close(check=False, graceful=False)
            except ProcessError as second:
                sys.stderr.write(f"{second}\n")
