# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Files and tests that the documentation names exist."""

import glob
import json
import os
import re

import builddir
import eal

# Names of files of this repository: a path without blanks, or a name with one of these endings.
ENDINGS = "c cpp h hpp ini map pml py rst".split()
FOLDERS = "app base docs drivers examples lib scripts tests unit pmd".split()

# Files of DPDK.
ELSEWHERE = {"dts/tests", "dpdk-telemetry.py"}


def pages():
    """The paths of all pages, from the top of the repository."""
    found = glob.glob("docs/**/*.rst", root_dir=eal.ROOT, recursive=True)
    found += glob.glob("examples/**/*.md", root_dir=eal.ROOT, recursive=True)
    return sorted(found) + ["README.md"]


def text_of(page):
    """A page without its blocks of code."""
    with open(os.path.join(eal.ROOT, page), encoding="utf-8") as f:
        text = f.read()
    return re.sub(r"(?ms)^```.*?^```$", "", text) if page.endswith(".md") else text


def literals(text):
    """What is in backticks: `x` of Markdown, ``x`` of reStructuredText."""
    return re.findall(r"`{1,2}([^`\n]+)`{1,2}", text)


def looks_like_a_file(name):
    if not re.fullmatch(r"\w[\w./-]*\w", name) or name in ELSEWHERE:
        return False
    first, _, _ = name.partition("/")
    return name.rpartition(".")[2] in ENDINGS or (first != name and first in FOLDERS)


def repository():
    """All paths of files and folders, each with a slash before it."""
    found = []
    for folder, folders, files in os.walk(eal.ROOT):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        rel = os.path.relpath(folder, eal.ROOT)
        found += [os.path.normpath(os.path.join("/", rel, name)) for name in folders + files]
    return found


def test_files_exist(counts):
    paths = repository()
    named = {(page, name) for page in pages() for name in literals(text_of(page))
             if looks_like_a_file(name)}
    assert len(named) > 50
    missing = [f"{page}: {name}" for page, name in sorted(named)
               # a program is named as its source without the ending
               if not any(path.endswith(("/" + name, f"/{name}.c")) for path in paths)]
    assert not missing
    counts(f"{len(named)} files named")


def known_tests():
    """Names of the C tests and of the models."""
    with open(os.path.join(builddir.folder(), "meson-info", "intro-tests.json"), encoding="utf-8") as f:
        names = {test["name"] for test in json.load(f)}
    models = glob.glob("*.pml", root_dir=os.path.join(eal.ROOT, "tests", "model"))
    return names | {name.removesuffix(".pml") for name in models}


def test_tests_exist(counts):
    """The right column of "What is promised" names tests that there are."""
    with open(os.path.join(eal.ROOT, "docs", "testing.rst"), encoding="utf-8") as f:
        section = f.read().split("What is promised\n---")[1].split("\n\n\n")[0]
    cells = re.findall(r"^     - (.*(?:\n       .*)*)", section, flags=re.M)[1:]
    assert len(cells) > 8
    named = {name for cell in cells for name in re.findall(r"``([^`]+)``", cell)
             if "/" not in name}
    assert not named - known_tests()
    counts(f"{len(named)} tests named")
