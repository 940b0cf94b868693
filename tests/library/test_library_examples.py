# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The examples hello, echo and epoll: what they do, and how they end.

People copy them, so they are held to what a program must bear: odd frames, signals, a bus that goes.
"""

import contextlib
import os
import re
import signal
import shutil
import subprocess
import sys
import textwrap
import threading
import time

import builddir
import eal
import pytest
from apps import sanitizer_env
from liar import Liar
from process import cpu_seconds, poll
from tool import LIMIT_S, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
import lanes_file as lf  # noqa: E402
from lanes_port import Member  # noqa: E402

GEO = lf.Geometry(ports=4, queues=1, lane_size=1 << 16)
HEADER = bytes.fromhex("ffffffffffff" "020000000001" "88b5")
# An escape sequence that sets a terminal's title, one that clears it, and C1 controls.
SPOILING = b"\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x7f\xff"
ODD = [b"\x1b" * 14, HEADER, HEADER + SPOILING, SPOILING * 3]
TOO_SHORT = [bytes([27]), SPOILING[:5], b"\x1b" * 13]
RUN = {"hello send": ("hello", "send"), "hello receive": ("hello", "receive"), "echo": ("echo", ),
       "epoll": ("epoll", )}


@contextlib.contextmanager
def run(what, path, *args, **options):
    """An example with pipes. Whatever happens, it is gone afterwards."""
    name, *words = RUN[what]
    with subprocess.Popen([builddir.program("examples", name, f"shmbus-{name}"), *words, path,
                           *map(str, args)], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                          **{"stdout": subprocess.PIPE, **options},
                          env={**os.environ, **sanitizer_env()}) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process, status=0):
    """What it has written when it has ended."""
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == status, (process.args, process.returncode, out, err)
    return out, err.decode()


def is_started(path, pid):
    """Is this process a port on the bus that sends and receives?"""
    with lf.Bus(path) as bus:
        return any(port.pid == pid and port.state & lf.STARTED for port in bus.ports())


def wait_started(path, process):
    def started():
        assert process.poll() is None, process.communicate()
        with contextlib.suppress(OSError, lf.BusError, ValueError):
            return is_started(path, process.pid)
        return False
    poll(started, f"{process.args} on the bus", LIMIT_S)


def stop(process, how=signal.SIGINT):
    process.send_signal(how)
    out, err = finish(process)
    return out, err


@pytest.fixture
def path(folder):
    """A bus with small lanes: its longest frame is shorter than the buffers of some examples."""
    found = os.path.join(folder, "bus")
    shmbus("create", "-p", GEO.ports, "-q", GEO.queues, "-s", GEO.lane_size, found)
    return found


def is_printable(out):
    return all(byte == 10 or 32 <= byte <= 126 for byte in out)


@pytest.mark.parametrize("fmt", ["lanes", "shmif"])
def test_hello(folder, fmt):
    path = os.path.join(folder, "bus")
    shmbus("create", "--format", fmt, path)
    with run("hello receive", path, 3) as receiver:
        slot = 0 if fmt == "lanes" else (1 << 32) - 1

        def there():
            told, _ = shmbus("info", path)
            return re.search(r"^ +\d+  .*(up|alive)", told, re.M)
        poll(there, "the receiver", LIMIT_S)
        with run("hello send", path, 3) as sender:
            assert finish(sender) == (b"", "")
        out, err = finish(receiver)
    lines = out.decode().splitlines()
    assert err == "" and len(lines) == 3
    for number, line in enumerate(lines):
        found = re.fullmatch(rf"100 bytes from slot (\d+), 0 missed before: hello {number}", line)
        assert found and (int(found.group(1)) == slot) == (fmt == "shmif")
    assert "no ports" in shmbus("info", path)[0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("what", RUN)
def test_signal(path, what, how):
    """It leaves the bus, and says nothing."""
    with run(what, path) as process:
        wait_started(path, process)
        assert stop(process, how) == (b"", "")
    assert "no ports" in shmbus("info", path)[0]


@pytest.mark.parametrize("what", RUN)
def test_stopped_by_a_shell(path, what):
    """Ctrl-Z and fg, which are signals, too: it goes on."""
    with run(what, path) as process:
        wait_started(path, process)
        for _ in range(3):
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            process.send_signal(signal.SIGCONT)
            os.waitid(os.P_PID, process.pid, os.WCONTINUED)
            process.send_signal(signal.SIGWINCH)
        time.sleep(0.2)
        assert process.poll() is None and is_started(path, process.pid)
        assert stop(process) == (b"", "")


@pytest.mark.parametrize("what", RUN)
def test_truncated(path, what):
    """The bus is gone, also for a program that waits."""
    with run(what, path) as process:
        wait_started(path, process)
        os.truncate(path, 0)
        out, err = finish(process, status=1)
    assert out == b""
    assert f"path={path}: the bus is gone" in err and err.count("\n") == 1


def test_truncated_under_a_sender(path):
    """One that waits for nobody: there is a receiver."""
    with run("hello receive", path, stdout=subprocess.DEVNULL) as receiver:
        wait_started(path, receiver)
        with run("hello send", path) as sender:
            def sends():
                with lf.Bus(path) as bus:
                    return any(bus.tail(lane) for lane in range(GEO.lanes))
            poll(sends, "frames", LIMIT_S)
            os.truncate(path, 0)
            assert "the bus is gone" in finish(sender, status=1)[1]
        assert "the bus is gone" in finish(receiver, status=1)[1]


@pytest.mark.parametrize("what", RUN)
def test_removed(path, what):
    """The stations on a file without a name go on."""
    with run(what, path) as process:
        wait_started(path, process)
        with lf.Bus(path) as bus:
            os.unlink(path)
            assert stop(process) == (b"", "")
            assert not any(port.state for port in bus.ports())


@pytest.mark.parametrize("what", RUN)
def test_no_bus(folder, what):
    path = os.path.join(folder, "file")
    with open(path, "wb") as f:
        f.write(b"no bus at all" * 100)
    with run(what, path) as process:
        out, err = finish(process, status=1)
    assert out == b"" and f"path={path}: not a" in err


def longest(byte):
    """The longest frame of the bus."""
    return HEADER + byte * (GEO.frame_max - len(HEADER))


def test_receiver_of_odd_frames(path):
    """Frames of a header alone, or with bytes that would change the terminal; no shorter ones."""
    with run("hello receive", path, len(ODD) + 1) as process:
        wait_started(path, process)
        with Member(path) as member:
            member.start(1, 0)
            for frame in (*TOO_SHORT, *ODD, longest(b"\x9b")):
                member.lane(0).send([frame], forged=True)
            out, err = finish(process)
            slot = member.slot
    assert err == "" and is_printable(out)
    texts = ["", "", "?]0;owned??[2J?31m",
             (SPOILING * 3)[14:14 + 7].decode("latin1")]
    lines = out.decode().splitlines()
    assert [line.partition(" missed before: ")[0] for line in lines] == [
        f"{len(frame)} bytes from slot {slot}, 0" for frame in (*ODD, longest(b"."))]
    assert [line.partition(" missed before: ")[2] for line in lines[:3]] == texts[:3]
    assert lines[-1].endswith(": " + "?" * (GEO.frame_max - len(HEADER)))


def test_echo(path):
    """Frames that it can send back come back, with the addresses swapped; others do not hurt it."""
    frames = [HEADER, HEADER + SPOILING, HEADER + bytes(2048 - len(HEADER))]
    with Member(path) as member, run("echo", path, len(frames)) as process:
        wait_started(path, process)
        member.start(1, 1)
        reader = member.receiver(0, next(port.slot for port in member.bus.ports()
                                         if port.pid == process.pid) * GEO.queues)
        for frame in (*TOO_SHORT, longest(b"\x1b"), *frames):
            member.lane(0).send([frame], forged=True)
        assert finish(process) == (b"", "")
        assert [frame.data for frame in reader.receive_all()] == [
            frame[6:12] + frame[:6] + frame[12:] for frame in frames]


def test_epoll(path):
    """Lines go from one to the other; at the end of its input it ends."""
    with run("epoll", path) as one, run("epoll", path) as two:
        for process in (one, two):
            wait_started(path, process)
        one.stdin.write(b"a first line\n")
        one.stdin.flush()
        assert two.stdout.readline() == b"a first line\n"
        two.stdin.write(b"and one back\n")
        two.stdin.flush()
        assert one.stdout.readline() == b"and one back\n"
        one.stdin.close()
        one.wait(timeout=LIMIT_S)
        assert one.returncode == 0
        _, err = stop(two)
        assert re.fullmatch(r"(\d+ frames so far\n)*", err)


def test_epoll_and_a_slow_receiver(path):
    """A line that waits for room keeps the program from nothing, and costs no CPU time."""
    line = b"x" * 1000 + b"\n"
    with Member(path) as member, run("epoll", path) as process:
        member.start(1, 1)
        wait_started(path, process)
        receiver = member.receiver(0, GEO.queues)
        member.lane(0).send([HEADER + b"first\n"])
        assert process.stdout.readline() == b"first\n"
        writer = threading.Thread(target=lambda: [process.stdin.write(line) for _ in range(200)] and
                                  process.stdin.flush())
        writer.start()
        lane = GEO.queues  # of slot 1
        poll(lambda: member.bus.lane_word(lane, lf.L_ROOM) != 0, "epoll to wait for room", LIMIT_S)
        before = cpu_seconds(process.pid)
        for number in range(8):
            member.lane(0).send([HEADER + b"%d\n" % number])
            assert process.stdout.readline() == b"%d\n" % number
            time.sleep(0.01)
        assert cpu_seconds(process.pid) - before < 0.1
        got = b""
        while len(got) < 200 * len(line):
            got += b"".join(frame.data[14:] for frame in receiver.receive())
        writer.join()
        assert got == 200 * line
        assert receiver.missed == 0 and receiver.answerer.rings > 0
        stop(process)


def test_epoll_and_odd_frames(path):
    with run("epoll", path) as process:
        wait_started(path, process)
        with Member(path) as member:
            member.start(1, 0)
            for frame in (*TOO_SHORT, *ODD, longest(b"\x9b"), HEADER + b"the last\n"):
                member.lane(0).send([frame], forged=True)
            out = b""
            while not out.endswith(b"the last\n"):
                more = os.read(process.stdout.fileno(), 1 << 16)
                assert more, process.communicate()
                out += more
        assert is_printable(out)
        stop(process)


def test_epoll_and_a_file(path):
    """A regular file cannot be waited for."""
    with open(__file__, "rb") as f:
        done = subprocess.run([builddir.program("examples", "epoll", "shmbus-epoll"), path], stdin=f,
                              capture_output=True, check=False, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("epoll: stdin, which must be a terminal or a pipe: "
                           "Operation not permitted\n")
    assert "no ports" in shmbus("info", path)[0]


@pytest.mark.parametrize("what", ["hello receive", "epoll"])
def test_full_disk(path, what):
    with open("/dev/full", "wb") as full, run(what, path, stdout=full) as process:
        wait_started(path, process)
        with Member(path) as member:
            member.start(1, 0)
            member.lane(0).send([HEADER + b"text\n"])
            _, err = finish(process, status=1)
    assert "stdout: No space left on device\n" in err


@pytest.mark.parametrize("what, args", [("hello receive", ["x"]), ("hello send", ["-1"]),
                                        ("hello send", ["1", "2"]), ("echo", ["3x"])])
def test_usage(path, what, args):
    with run(what, path, *args) as process:
        assert "usage: shmbus-" in finish(process, status=2)[1]


@pytest.mark.parametrize("what", ["hello receive", "echo", "epoll"])
def test_beside_a_liar(path, counts, what):
    """It ends when it is asked to, or because the bus is gone, and prints no foreign byte."""
    lies = 0
    for seed in range(3):
        with Member(path) as member:
            member.start(1, 0)
            with open(f"{path}.out", "w+b") as out:
                with run(what, path, stdout=out) as process, Liar("any", path, seed) as liar:
                    for _ in range(2000):
                        member.lane(0).send([HEADER + SPOILING * 20] * 4)
                    liar.stop()
                    lies += liar.lies
                    process.send_signal(signal.SIGINT)
                    process.communicate(timeout=LIMIT_S)
                    assert process.returncode in (0, 1)
                out.seek(0)
                assert is_printable(out.read())
        os.unlink(path)
        shmbus("create", "-p", GEO.ports, "-q", GEO.queues, "-s", GEO.lane_size, path)
    counts(f"{lies} lies")


# The loops in the documents

AROUND = r"""
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <shmbus.h>

static volatile sig_atomic_t stop;
static unsigned char frame[60], buf[100];

static void on_signal(int signal) { (void)signal; stop = 1; }

static void on_other(int signal) { (void)signal; }

static void use(const void *data, unsigned int len)
{
	if (len > sizeof(buf) || data != buf)
		abort();
	printf("%u\n", len);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_other }, NULL);
	(void)frame, (void)argc;
@
	return ret < 0 && !stop;
}
"""


def indented(text, begin, end):
    """The lines of code from one that contains `begin` to the next that is just `end`."""
    lines = text[text.rindex("\n", 0, text.index(begin)) + 1:].splitlines()
    return textwrap.dedent("\n".join(lines[:[line.strip(" *\t") for line in lines].index(end) + 1]))


def loop_of(document):
    """The loop that a document shows, as the body of a program whose bus is argv[1]."""
    with open(os.path.join(eal.ROOT, document), encoding="utf-8") as f:
        text = f.read()
    if document == "lib/shmbus.h":
        code = indented(text, "struct pollfd on = {", "shmbus_detach(st);")
        code = "\n".join(line.lstrip().removeprefix("*") for line in code.splitlines())
        return ("struct shmbus_station *st; int ret;\n"
                "struct shmbus_rx rx = { .data = buf, .room = sizeof(buf) };\n"
                "if (shmbus_attach(&st, argv[1], NULL) != 0) errx(1, \"%s\", shmbus_error_text());\n"
                + code)
    code = indented(text, "struct shmbus_station *st;\n", "shmbus_detach(st);")
    assert code.count('"/dev/shm/wire"') == 1
    return code.replace('"/dev/shm/wire"', "argv[1]")


@pytest.fixture(scope="module", params=["README.md", "lib/shmbus.h"])
def loop(request, tmp_path_factory):
    """The loop as a program."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("loop")
    source, made = folder / "loop.c", folder / "loop"
    source.write_text(AROUND.replace("@", loop_of(request.param)), encoding="utf-8")
    library = os.path.join(builddir.folder(), "lib")
    with open(os.path.join(library, "libshmbus.so"), "rb") as f:
        sanitized = b"__asan_init" in f.read()
    done = subprocess.run([compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I",
                           os.path.join(eal.ROOT, "lib"), "-o", made, source,
                           *(["-fsanitize=address,undefined"] if sanitized else []),
                           os.path.join(library, "libshmbus.so"), f"-Wl,-rpath,{library}"],
                          capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("goes", [False, True])
def test_loop_of_a_document(path, loop, goes):
    """It receives frames of any length, ends at SIGINT, and ends with a message when the bus goes."""
    with subprocess.Popen([loop, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            wait_started(path, process)
            with Member(path) as member:
                member.start(1, 0)
                for frame in (TOO_SHORT[0], HEADER, longest(b"x"), HEADER):
                    member.lane(0).send([frame], forged=True)
                assert [int(process.stdout.readline()) for _ in range(3)] == [14, 100, 14]
                # A signal that is no request to stop, while it waits.
                for _ in range(20):
                    process.send_signal(signal.SIGUSR1)
                    time.sleep(0.01)
                member.lane(0).send([HEADER])
                assert process.stdout.readline() == b"14\n", finish(process)
            if goes:
                os.truncate(path, 0)
                assert "the bus is gone" in finish(process, status=1)[1]
            else:
                assert stop(process) == (b"", "")
                assert "no ports" in shmbus("info", path)[0]
        finally:
            process.kill()
