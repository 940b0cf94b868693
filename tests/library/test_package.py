# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The library as others get it: installed, found by pkg-config, and nothing else of the project."""

import contextlib
import glob
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import time

import builddir
import eal
import pcaps
import pytest
from apps import sanitizer_env
from process import poll
from rounds import rounds
from tool import read_until, shmbus

sys.path.append(os.path.join(eal.ROOT, "tests", "format"))
from lanes_file import Geometry  # noqa: E402
from lanes_port import Member  # noqa: E402

EXAMPLES = os.path.join(eal.ROOT, "examples")
BROADCAST = b"\xff" * 6
# all that gcc and clang both have
CXX_WARNINGS = ["-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Wold-style-cast",
                "-Wnon-virtual-dtor", "-Woverloaded-virtual", "-Wcast-qual", "-Wundef"]
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


def compile_with(installed, folder, source, language, static, *options):
    """An example, compiled as its own comment says, and with all warnings."""
    program = os.path.join(folder, "program")
    flags = installed.flags("--cflags")
    libs = installed.flags("--libs", "--static") if static else installed.flags("--libs")
    if static:
        # Where only the archive is there is no doubt which one is taken.
        shutil.copy(os.path.join(installed.libdir, "libshmbus.a"), folder)
        libs = [f"-L{folder}", *(lib for lib in libs if not lib.startswith("-L"))]
    run([compiler(language), "-Wall", "-Wextra", "-Werror", *options, "-o", program,
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


@pytest.mark.parametrize("standard, static", rounds(
    list(itertools.product(("c++17", "c++20"), (False, True))), [("c++17", False), ("c++20", True)]))
def test_cxx(installed, tmp_path, bus, standard, static):
    """The installed shmbus.hpp is all that the example in C++ needs."""
    program, env = compile_with(installed, str(tmp_path), "cxx/main.cpp", "c++", static,
                                f"-std={standard}", *CXX_WARNINGS)
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


def test_archive(installed):
    """The archive has the names of the map, and none of the core's."""
    with open(os.path.join(eal.ROOT, "lib", "libshmbus.map"), encoding="utf-8") as f:
        exported = set(re.findall(r"^\t(shmbus_\w+);$", f.read(), re.MULTILINE))
    symbols = run(["nm", "-g", "--defined-only", os.path.join(installed.libdir, "libshmbus.a")])
    assert {line.split()[-1] for line in symbols.splitlines() if len(line.split()) == 3} == exported
    assert len(exported) > 20


def core_objects():
    """The core as others have it: the archive for tests, and the objects of the driver."""
    core = os.path.join(builddir.folder(), "drivers", "libshmbus_base.a")
    driver = glob.glob(os.path.join(builddir.folder(), "drivers", "librte_net_shmbus.so.p", "*.o"))
    yield ["-Wl,--whole-archive", core, "-Wl,--no-whole-archive"]
    if driver:
        yield driver


def test_archive_beside_the_driver(installed, tmp_path):
    """A program may have the driver and the library, both linked statically."""
    archive = os.path.join(installed.libdir, "libshmbus.a")
    for number, objects in enumerate(core_objects()):
        together = os.path.join(tmp_path, f"together{number}.o")
        run([compiler("c"), "-r", "-nostdlib", "-o", together, *objects, "-Wl,--whole-archive",
             archive, "-Wl,--no-whole-archive"])
        names = run(["nm", "-g", "--defined-only", together])
        assert " shmbus_bus_open\n" in names and " shmbus_attach\n" in names


def code_in(page, heading):
    """The first block of C below a heading of a page, without its indentation."""
    with open(os.path.join(eal.ROOT, page), encoding="utf-8") as f:
        section = f.read().split(heading)[1]
    block = re.search(r"((?:^(?:    .*)?\n)*^    #include <shmbus.h>.*\n(?:^(?:    .*)?\n)*)",
                      section, re.M).group()
    return textwrap.dedent(block)


def test_guide(installed, tmp_path, bus):
    """The program that the guide begins with compiles, and prints what the guide says."""
    source = tmp_path / "first.c"
    source.write_text(code_in("docs/library.rst", "The first ten minutes\n---"), encoding="utf-8")
    program, env = compile_with(installed, str(tmp_path), str(source), "c", False)
    with subprocess.Popen([program, "receive", bus.path], stdout=subprocess.PIPE, text=True,
                          env=env) as receiver:
        try:
            assert read_until(receiver.stdout.fileno(), b"\n") == b"waiting for frames\n"
            assert run([program, "send", bus.path], env=env) == ""
            out, _ = receiver.communicate(timeout=60)
        finally:
            receiver.kill()
    assert receiver.returncode == 0
    with open(os.path.join(eal.ROOT, "docs", "library.rst"), encoding="utf-8") as f:
        assert textwrap.indent("waiting for frames\n" + out, "    ") in f.read()
    assert len(out.splitlines()) == 3
    # What the guide says of the time after it.
    assert ports(bus) == []
    assert len(shmbus("dump", "--no-tcpdump", bus.path)[0].splitlines()) == 3


def test_guide_says_what_is_wrong(installed, tmp_path, folder):
    """The same program on a bus that it cannot join."""
    source = tmp_path / "first.c"
    source.write_text(code_in("docs/library.rst", "The first ten minutes\n---"), encoding="utf-8")
    program, env = compile_with(installed, str(tmp_path), str(source), "c", True)
    done = subprocess.run([program, "send", folder], stderr=subprocess.PIPE, text=True, env=env,
                          timeout=60, check=False)
    assert done.returncode == 1
    assert "a directory; name a file" in done.stderr


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
