# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The library as others get it: installed, found by pkg-config, and nothing else of the project."""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

import builddir
import eal
import pcaps
import pytest
from apps import sanitizer_env
from process import poll
from tool import read_until, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
from lanes_file import Geometry  # noqa: E402
from lanes_port import Member  # noqa: E402

EXAMPLES = os.path.join(eal.ROOT, "examples")
BROADCAST = b"\xff" * 6
COMPILERS = {"c": ("cc", "gcc", "clang"), "c++": ("c++", "g++", "clang++")}


def run(command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, **kwargs)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}"
    return done.stdout


def ports(bus):
    return json.loads(shmbus("info", "--json", bus.path)[0])["ports"]


class Installed:
    """`meson install` into a folder of the test's own."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        run(["meson", "install", "-C", builddir.folder(), "--no-rebuild", "--destdir", self.root])
        for place, _, files in os.walk(self.root):
            if "shmbus.pc" in files:
                self.env = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": self.root,
                            "PKG_CONFIG_PATH": place}
                self.libdir = os.path.dirname(place)

    def flags(self, *options):
        found = run(["pkg-config", *options, "shmbus"], env=self.env)
        return shlex.split(found)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if sanitizer_env():
        pytest.skip("a library with sanitizers is for nobody but the tests")
    return Installed(str(tmp_path_factory.mktemp("installed")))


def compiler(language):
    for name in COMPILERS[language]:
        if shutil.which(name):
            return name
    pytest.skip(f"no compiler for {language}")


def compile_with(installed, folder, source, language, static):
    """An example, compiled as its own comment says, and with all warnings."""
    program = os.path.join(folder, "program")
    flags = installed.flags("--cflags")
    libs = installed.flags("--libs", "--static") if static else installed.flags("--libs")
    if static:
        # Where only the archive is there is no doubt which one is taken.
        shutil.copy(os.path.join(installed.libdir, "libshmbus.a"), folder)
        libs = [f"-L{folder}", *(lib for lib in libs if not lib.startswith("-L"))]
    run([compiler(language), "-Wall", "-Wextra", "-Werror", "-o", program,
         os.path.join(EXAMPLES, source), *flags, *libs], env=installed.env)
    env = dict(os.environ) if static else {**os.environ, "LD_LIBRARY_PATH": installed.libdir}
    assert ("libshmbus" in run(["ldd", program], env=env)) is not static
    return program, env


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_c(installed, tmp_path, bus, static):
    """Two processes of examples/hello: what one sends the other prints."""
    program, env = compile_with(installed, str(tmp_path), "hello/main.c", "c", static)
    with subprocess.Popen([program, "receive", bus.path, "3"], stdout=subprocess.PIPE, text=True,
                          env=env) as receiver:
        try:
            run([program, "send", bus.path, "3"], env=env)
            out, _ = receiver.communicate(timeout=60)
        finally:
            receiver.kill()
    assert receiver.returncode == 0
    assert [line.rsplit(": ")[1] for line in out.splitlines()] == ["hello 0", "hello 1", "hello 2"]


def test_hello_waits(installed, tmp_path, bus):
    """Who is on the bus and has not started yet receives nothing: that is not whom it waits for."""
    program, env = compile_with(installed, str(tmp_path), "hello/main.c", "c", True)
    with Member(bus.path, Geometry(ports=3, queues=1)) as member, \
            subprocess.Popen([program, "send", bus.path, "1"], env=env) as child:
        try:
            poll(lambda: len(ports(bus)) == 2, "the sender to be on the bus")
            begin = time.monotonic()
            poll(lambda: time.monotonic() - begin > 0.2, "some chances to send")
            assert child.poll() is None
            member.start(0, 1)
            assert child.wait(60) == 0
        finally:
            child.kill()


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_cxx(installed, tmp_path, bus, static):
    program, env = compile_with(installed, str(tmp_path), "cxx/main.cpp", "c++", static)
    assert run([program, bus.path], env=env) == "hello from C++\n"


def test_exports(installed):
    """Nothing leaves the library but what the header has, and all of that does."""
    with open(os.path.join(eal.ROOT, "lib", "shmbus.h"), encoding="utf-8") as f:
        header = f.read()
    symbols = run(["nm", "-D", "--defined-only", os.path.join(installed.libdir, "libshmbus.so")])
    versioned = {line.split()[-1] for line in symbols.splitlines()} - {"SHMBUS_0"}
    names = {symbol.removesuffix("@@SHMBUS_0") for symbol in versioned}
    assert not any("@" in name for name in names) and names.isdisjoint(versioned)
    declared = {word.split("(")[0].lstrip("*") for line in header.splitlines()
                if line[:1].isalpha() and "(" in line for word in line.split() if "shmbus_" in word
                and "(" in word}
    assert names == declared


def test_echo(installed, tmp_path, bus):
    """examples/echo answers examples/hello: each frame goes back, with the addresses swapped."""
    echo, env = compile_with(installed, str(tmp_path), "echo/main.c", "c", True)
    hello = os.path.join(tmp_path, "hello")
    os.rename(echo, hello + "-echo")
    program, env = compile_with(installed, str(tmp_path), "hello/main.c", "c", True)
    with subprocess.Popen([hello + "-echo", bus.path, "2"], env=env) as child:
        try:
            run([program, "send", bus.path, "2"], env=env)
            assert child.wait(60) == 0
        finally:
            child.kill()
    seen = os.path.join(tmp_path, "seen.pcapng")
    shmbus("dump", bus.path, "-w", seen)
    sent = [frame for frame in pcaps.read(seen) if frame[:6] == BROADCAST]
    answers = [frame for frame in pcaps.read(seen) if frame[6:12] == BROADCAST]
    assert len(sent) == 2
    assert answers == [frame[6:12] + frame[:6] + frame[12:] for frame in sent]


@contextlib.contextmanager
def talker(program, bus, env):
    """One of examples/epoll."""
    with subprocess.Popen([program, bus.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def test_epoll(installed, tmp_path, bus):
    """What is typed into one examples/epoll the other one prints, and counts."""
    program, env = compile_with(installed, str(tmp_path), "epoll/main.c", "c", False)
    shmbus("create", bus.path)
    with talker(program, bus, env) as one, talker(program, bus, env) as two:
        poll(lambda: [port["state"] for port in ports(bus)] == ["up", "up"], "both to be there")
        for sender, receiver, line in ((one, two, b"hello\n"), (two, one, b"hello yourself\n")):
            sender.stdin.write(line)
            sender.stdin.flush()
            assert read_until(receiver.stdout.fileno(), b"\n") == line
        read_until(two.stderr.fileno(), b"1 frames so far\n")
        for process in (one, two):
            process.stdin.close()
            assert process.wait(60) == 0


def test_manual(installed):
    """The manual page is where man(1) looks for it."""
    page, = pathlib.Path(installed.root).rglob("share/man/man1/shmbus.1")
    assert ".Nm shmbus\n" in page.read_text(encoding="utf-8")
