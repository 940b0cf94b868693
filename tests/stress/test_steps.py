# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Each store of the core into the shared file has a step right before it; see shmbus_step.h."""

import glob
import os
import re

import pytest

BASE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "../../drivers/net/shmbus/base")

# Into a word, or what changes the file itself. swap() is shmbus_shmif_lock.c's.
STORE = re.compile(r"\b(?:shmbus_(?:store|store_release|add|add_release)|swap|pwrite|ftruncate|"
                   r"posix_fallocate|futimens|unlink)\(([^,)]*)")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DIRECTIVE = re.compile(r"^#(?:.*\\\n)*.*$", re.MULTILINE)

# (file, first argument): why there is none
EXEMPT = {
    ("shmbus_bus.c", "&bus->lane_prot[lane]"): "the process's own",
    ("shmbus_guard.c", "&inside"): "the process's own",
    ("shmbus_guard.c", "&g->spoiled"): "the process's own",
    ("shmbus_guard.c", "&g->struck"): "the process's own",
    ("shmbus_guard.c", "&spent"): "the process's own",
    ("shmbus_guard.c", "&which"): "the process's own",
    ("shmbus_guard.c", "&g->next"): "the process's own",
    ("shmbus_guard.c", "&guards"): "the process's own",
    ("shmbus_guard.c", "&g->n_ranges"): "the process's own",
    ("shmbus_guard.c", "link"): "the process's own",
    ("shmbus_writer.h", "&w->pause_timeout_ns"): "the process's own",
    ("shmbus_writer.h", "&w->pause"): "the process's own",
    ("shmbus_request.h", "&to[0]"): "a part of the frame that writer_copy stands for",
    ("shmbus_request.h", "&to[1]"): "a part of the frame that writer_copy stands for",
    ("shmbus_shmif_lock.c", "shmbus_a32 *word"): "swap() itself; its callers have the steps",
    ("shmbus_file.c", "f->fd"): "for whoever calls it: create_truncate, *_allocate, or undoing",
}


def _blank(found):
    return re.sub(r"[^\n]", " ", found.group(0))


def statements(text):
    """The code without comments and directives, cut at ; and braces: (line, statement)."""
    text = DIRECTIVE.sub(_blank, COMMENT.sub(_blank, text))
    line = 1
    for piece in re.findall(r"[^;{}]+[;{}]?", text):
        body = piece.lstrip()
        yield line + piece[:len(piece) - len(body)].count("\n"), body
        line += piece.count("\n")


def stores(text):
    """(line, first argument, does a step stand before it) of each store."""
    before = ""
    for line, statement in statements(text):
        for found in STORE.finditer(statement):
            yield line, found.group(1).strip(), before.startswith("SHMBUS_STEP(")
        # A condition between the two, which stores nothing itself, is none.
        if not re.fullmatch(r"if .*\{", statement, re.DOTALL) or STORE.search(statement):
            before = statement


CODE = {}
for _path in sorted(glob.glob(os.path.join(BASE, "*.[ch]"))):
    with open(_path, encoding="ascii") as _file:
        CODE[os.path.basename(_path)] = _file.read()


def test_finds():
    """What this test is for is found, and nothing else."""
    stepless = "static void\nf(void)\n{\n\tg();\n\tshmbus_store(&h->last, 0);\n}\n"
    assert list(stores(stepless)) == [(5, "&h->last", False)]
    assert list(stores(stepless.replace("g()", "SHMBUS_STEP(a)"))) == [(5, "&h->last", True)]
    assert list(stores(stepless.replace("g();", "/* SHMBUS_STEP(a); */"))) == [
        (5, "&h->last", False)]
    nested = "SHMBUS_STEP(a);\nif (!swap(w, 0, 1)) {\n\tshmbus_store(&h->spare, 0);\n}\n"
    assert [has_step for _, _, has_step in stores(nested)] == [True, False]
    assert sum(len(list(stores(text))) for text in CODE.values()) > 60


@pytest.mark.parametrize("file", CODE)
def test_stores(file):
    """Each has a step, or is exempt."""
    found = [f"{file}:{line}: {word}" for line, word, has_step in stores(CODE[file])
             if not has_step and (file, word) not in EXEMPT]
    assert not found, "without a step"


def test_exempt():
    """Nothing is exempt that need not be."""
    needed = {(file, word) for file, text in CODE.items()
              for _, word, has_step in stores(text) if not has_step}
    assert set(EXEMPT) == needed
