# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The messages that the troubleshooting tables quote are those that a program prints.

A quote is what stands in backticks in the first column of a table, if there is a blank in it. Three
dots in a quote stand for a value. The fixed parts of a quote must occur, in their order, in one
format string of the C sources. Quotes of other programs are looked for in those programs.
"""

import glob
import os
import re
import shutil

import eal
import pytest

VALUE = "\0"
README = "README.md"
PAGE = "docs/troubleshooting.rst"

DPDK = ("librte_eal.so.*", "librte_bus_vdev.so.*", "dpdk-testpmd")
OTHERS = {
    'failed to parse device "net_shmbus0"': DPDK,
    "Cannot initialize tailq": DPDK,
    "directory path ... is world-writable and insecure": DPDK,
    "Creation of mbuf pool ... failed": DPDK,
    "--legacy-mem is not compatible with --in-memory": DPDK,
    "nb_rx_queues=8 > 4": ("librte_ethdev.so.*",),
    "Cannot create lock on '...'. Is another primary process running?": DPDK,
    "Package shmbus was not found in the pkg-config search path": ("libpkgconf.so.*", "pkg-config"),
    "error while loading shared libraries": ("ld-linux-*.so.*", "ld-*.so"),
    "Bus error": ("libc.so.*",),
}


def read(path):
    with open(os.path.join(eal.ROOT, path), encoding="utf-8") as f:
        return f.read()


# ---- quotes


def first_column(page):
    """The first cell of each row of a page's tables; of README only of "When it does not work"."""
    text = read(page)
    if page.endswith(".rst"):
        return re.findall(r"^   \* - (.*(?:\n       .*)*)", text, flags=re.M)
    section = text.split("\n## When it does not work\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (.*?) \|", section, flags=re.M)


def quotes(page):
    found = []
    for cell in first_column(page):
        flat = " ".join(cell.split())
        found += [quote for quote in re.findall(r"(?<!`)`{1,2}([^`]+)`{1,2}", flat) if " " in quote]
    return found


# ---- what the programs can print


LITERAL = r'"((?:[^"\\\n]|\\.)*)"'
# Literals that the compiler joins, with macros such as PRIu64 between them.
JOINED = re.compile(rf"{LITERAL}(?:\s+(?:[A-Z]\w+\s+)?{LITERAL})*(?:\s+PRI\w+)?")
CONVERSION = re.compile(r"%[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?(?:[a-zA-Z]|$)")


def plain(text):
    """A literal with VALUE where it has a conversion; at its end a macro may hold the letters."""
    text = re.sub(r"\\(.)", r"\1", text).replace("%%", "\1")
    return CONVERSION.sub(VALUE, text).replace("\1", "%")


def our_formats():
    found = set()
    for folder in ("app", "drivers", "lib"):
        for path in glob.glob(f"{folder}/**/*.[ch]", root_dir=eal.ROOT, recursive=True):
            for match in JOINED.finditer(read(path)):
                found.add("".join(map(plain, re.findall(LITERAL, match.group()))))
    return found


def pattern(quote):
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\.\.\.", quote)), re.S)


def is_printed(quote, formats):
    """Whether one of the formats has the fixed parts of the quote."""
    assert len(quote.replace("...", "")) >= 8, f"{quote}: too short to tell anything"
    search = pattern(quote).search
    return any(search(text) for text in formats)


# ---- tests


@pytest.fixture(scope="module")
def formats():
    found = our_formats()
    assert len(found) > 500
    return found


@pytest.mark.parametrize("page", [README, PAGE])
def test_messages_are_printed(page, formats, counts):
    """Each quote is a message of this project, or is listed above as another program's."""
    quoted = quotes(page)
    assert len(quoted) >= (3 if page == README else 40)
    wrong = [quote for quote in quoted if quote not in OTHERS and not is_printed(quote, formats)]
    assert not wrong
    counts(f"{len(quoted)} messages quoted")


def test_others_are_quoted():
    """The list of other programs' messages has none that no page quotes."""
    quoted = set(quotes(README)) | set(quotes(PAGE))
    assert not set(OTHERS) - quoted


def binaries(names):
    """The files of these names, among the libraries and the programs of the system."""
    places = glob.glob("/lib*") + glob.glob("/usr/lib*") + glob.glob("/usr/lib/*-linux-gnu") + [
        os.path.dirname(path) for path in map(shutil.which, names) if path]
    found = {os.path.realpath(path) for place in places for name in names
             for path in glob.glob(os.path.join(place, name))}
    return sorted(path for path in found if os.path.isfile(path))


@pytest.mark.parametrize("quote", OTHERS)
def test_messages_of_others(quote):
    """The strings of the installed program have the message."""
    files = binaries(OTHERS[quote])
    if not files:
        pytest.skip(f"{OTHERS[quote][0]} is not installed")
    printed = set()
    for path in files:
        with open(path, "rb") as f:
            for text in re.findall(rb"[\t\n\x20-\x7e]{6,}", f.read()):
                printed.add(plain(text.decode("ascii")))
    # The name of the device or package is a value in the program's own string.
    wanted = re.sub(r"net_shmbus0|shmbus|\b[84]\b", "...", quote)
    assert is_printed(wanted, printed)


@pytest.mark.parametrize("quote", [
    "no free slot, all ports=... are taken by dead ports", "the bus has gone:",
    "are taken by live ports ... no free slot"])
def test_wrong_messages_are_found(quote, formats):
    """What no program prints is not taken for a message."""
    assert not is_printed(quote, formats)


def test_values_stand_for_anything(formats):
    """Conversions, and macros between literals, are values."""
    assert is_printed("ports=... is out of range, 1 to ... are possible", formats)
    assert plain("a %5.1f%% of %-20s, %zu") == f"a {VALUE}% of {VALUE}, {VALUE}"
