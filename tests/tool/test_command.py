# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What all subcommands have: help, usage errors; help, manual and completion say the same."""

import os
import re
import shutil
import subprocess

import eal
import netns
import pcaps
import pytest
from tool import COMMANDS, LIMIT_S, help_options, program, shmbus

SOURCES = os.path.join(eal.ROOT, "app", "shmbus")
MANUAL = os.path.join(SOURCES, "shmbus.1")
COMPLETION = os.path.join(SOURCES, "shmbus.bash-completion")


def test_list_of_commands():
    out, err = shmbus("--help")
    listed = re.findall(r"^  (\w+) ", out.partition("\ncommands:\n")[2], re.MULTILINE)
    assert tuple(listed) == COMMANDS
    assert err == ""


def test_version():
    out, _ = shmbus("--version")
    assert re.fullmatch(r"shmbus \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("args, said", [
    ((), "usage: shmbus COMMAND"),
    (("frobnicate",), "unknown command 'frobnicate'"),
])
def test_wrong_command(args, said):
    out, err = shmbus(*args, status=2)
    assert said in err
    assert out == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_errors(command):
    if command != "bench":  # which makes a bus of its own
        _, err = shmbus(command, status=2)
        assert f"shmbus {command}: PATH" in err and "is missing" in err
    _, err = shmbus(command, "--frobnicate", "/nowhere", status=2)
    assert f"shmbus {command}: unknown option '--frobnicate'" in err
    _, err = shmbus(command, "--help=3", status=2)
    assert f"shmbus {command}: '--help=3': this option takes no value" in err
    _, err = shmbus(command, "-?", "/nowhere", status=2)
    assert f"shmbus {command}: unknown option '-?'" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_tells_of_every_option(command):
    with open(MANUAL, encoding="utf-8") as f:
        section = f.read().partition(f"\n.Ss {command}\n")[2]
    section = re.split(r"^\.S[sh] ", section, maxsplit=1, flags=re.MULTILINE)[0]
    assert re.findall(r"^\.It .*?Fl Fl ([a-z-]+)", section, re.MULTILINE) == [
        option.removeprefix("--") for option in help_options(command)]


def test_manual_is_well_formed():
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", MANUAL], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def complete(*words):
    """What bash offers for the last of these words."""
    if not os.path.exists("/usr/share/bash-completion/bash_completion"):
        pytest.skip("bash-completion is not installed")
    script = """
        . /usr/share/bash-completion/bash_completion
        . "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        _shmbus
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", COMPLETION, program(), *words],
                          check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return done.stdout.split()


def test_completion_of_commands():
    assert set(complete("")) == {*COMMANDS, "--help", "--version"}
    assert complete("cr") == ["create"]


@pytest.mark.parametrize("command", COMMANDS)
def test_completion_of_options(command):
    assert set(complete(command, "--")) == set(help_options(command))


def test_completion_of_files(folder):
    path = os.path.join(folder, "bus")
    open(path, "wb").close()
    assert complete("create", path[:-1]) == [path]
    for words in (("dump", "-w"), ("dump", "--write"), ("replay", "--fast"), ("replay", path)):
        assert complete(*words, path[:-1]) == [path]


def values(command):
    """Its options that take a value, short and long: [(option, what the help calls the value)]"""
    out, _ = shmbus(command, "--help")
    found = re.findall(r"^ +(?:(-\w), )?(--[a-z-]+) (\S+)", out.partition("\noptions:\n")[2], re.M)
    return [(option, value) for short, long, value in found for option in (short, long) if option]


@pytest.mark.parametrize("command", COMMANDS)
def test_completion_of_values(command):
    """Formats are offered, files only where one is wanted."""
    for option, value in values(command):
        if value == "FORMAT":
            formats = {"pcapng", "pcap"} if command == "dump" else {"lanes", "shmif"}
            assert set(complete(command, option, "")) == formats, option
        elif value not in ("FILE", "NETNS"):
            assert complete(command, option, "/") == [], option


# What prints something on stdout; create does not. {} is the path of a bus.
PRINTERS = {
    "--help": ["--help"],
    "--version": ["--version"],
    "help of a command": ["create", "--help"],
    "info": ["info", "{}"],
    "info --json": ["info", "--json", "{}"],
    "top": ["top", "-i", "0.01", "{}"],
    "top --once": ["top", "--once", "-i", "0.01", "{}"],
    "top --json": ["top", "--json", "-i", "0.01", "{}"],
    "check": ["check", "{}"],
    "check --json": ["check", "--json", "{}"],
    "bench": ["bench", "-t", "0.01", "-r", "1", "-s", "64"],
    "bench --json": ["bench", "-t", "0.01", "-r", "1", "-s", "64", "--json"],
    "bench --csv": ["bench", "-t", "0.01", "-r", "1", "-s", "64", "--csv"],
    "dump": ["dump", "--no-tcpdump", "{}"],
    "dump -w -": ["dump", "-w", "-", "{}"],
    "replay": ["replay", "{}", "{}.pcap"],
}


def on_full_disk(bus, *args, wrapper=()):
    """What it says when stdout is a full disk, for which it fails."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*wrapper, program(), *(arg.format(bus) for arg in args)], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 1, (args, done)
    return done.stderr


@pytest.mark.parametrize("what", PRINTERS)
def test_full_disk(make_bus, what):
    bus = make_bus().path
    pcaps.write(f"{bus}.pcap", [bytes(60)] * 3)
    shmbus("create", bus)
    shmbus("replay", bus, f"{bus}.pcap")
    said = on_full_disk(bus, *PRINTERS[what])
    assert said.count("cannot write to stdout: No space left on device\n") == 1, said


def test_full_disk_with_more_than_a_buffer(folder):
    """Most of the output fails before the end; the exit status tells it all the same."""
    path = os.path.join(folder, "bus")
    shmbus("create", path)
    with open(path, "r+b") as f:
        f.seek(16448 + 0x4000)
        f.write(bytes([7]) * 0x1000)
    out, _ = shmbus("check", "--json", path, status=1)
    assert len(out) > 8192
    assert "cannot write to stdout: No space left on device\n" in on_full_disk(path, "check", "--json", path)


@pytest.mark.skipif(netns.problem() is not None, reason=str(netns.problem()))
def test_full_disk_under_tap(make_bus):
    """Scripts wait for its first line: it ends at once when that cannot be written."""
    bus = make_bus().path
    with netns.Netns() as ns:
        assert on_full_disk(bus, "tap", bus, "--netns", ns.name) == (
            "shmbus tap: cannot write to stdout: No space left on device\n")
    assert not os.path.exists(bus)
