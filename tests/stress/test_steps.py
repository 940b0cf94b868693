# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Each store of the core into the shared file has a step; see shmbus_step.h.

A word is stored by shmbus_step_store() and its kin, which name the step at once. The plain
shmbus_store() is for words of one process, which are listed here. A call that changes the file has
SHMBUS_STEP() right before it.
"""

import glob
import os
import re

import pytest

BASE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "../../drivers/net/shmbus/base")

# Into a word, without a step.
PLAIN = re.compile(r"\b(?:shmbus_(?:store|store_release|add|add_release|swap_acquire)|atomic_\w+)"
                   r"\(([^,)]*)")
STEPPED = re.compile(r"\bshmbus_step_(?:store|store_release|add|add_release|swap_acquire)\((\w+), ")
# What changes the file.
CALL = re.compile(r"\b(?:pwrite|ftruncate|posix_fallocate|futimens|unlink)\(([^,)]*)")
# Where the macros come from.
ATOMICS = "shmbus_atomic.h"
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DIRECTIVE = re.compile(r"^#(?:.*\\\n)*.*$", re.MULTILINE)

# (file, first argument) of plain stores: words of one process
PRIVATE = {
    ("shmbus_bus.c", "&bus->lane_prot[lane]"),
    ("shmbus_prefault.c", "&bus->lane_ready[lane]"),
    ("shmbus_guard.c", "&inside"),
    ("shmbus_guard.c", "&g->spoiled"),
    ("shmbus_guard.c", "&g->struck"),
    ("shmbus_guard.c", "&spent"),
    ("shmbus_guard.c", "&which"),
    ("shmbus_guard.c", "&g->next"),
    ("shmbus_guard.c", "&guards"),
    ("shmbus_guard.c", "&g->n_ranges"),
    ("shmbus_guard.c", "link"),
    ("shmbus_lanes_rx.c", "&r->missed"),
    ("shmbus_lanes_rx.c", "&r->overruns"),
    ("shmbus_lanes_rx.c", "&r->corrupt"),
    ("shmbus_fdb.c", "&fdb->owner[slot]"),
    ("shmbus_fdb.c", "&fdb->swept"),
    ("shmbus_fdb.c", "&bucket[i]"),
    ("shmbus_fdb.c", "at"),
    ("shmbus_fdb.c", "to"),
    ("shmbus_gate.h", "&gate->busy"),
    ("shmbus_lanes_rx.c", "&r->missed_alone"),
    ("shmbus_lanes_rx.c", "&r->skipped"),
    ("shmbus_lanes_rx.c", "&r->skipped_alone"),
    ("shmbus_lanes_rx.c", "&rx->restart"),
    ("shmbus_lanes_rx.c", "&conf->pollers->rx[conf->queue].thread"),
    ("shmbus_pollers.h", "&rx->thread"),
    ("shmbus_shmif_rx.c", "&rx->restart"),
    ("shmbus_writer.h", "&w->pause_timeout_ns"),
    ("shmbus_writer.h", "&w->pause"),
}
# (file, first argument) of what needs no step of its own: why
EXEMPT = {
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


def stepless(text):
    """(line, first argument) of each plain store, and of each call without a step before it."""
    before = ""
    for line, statement in statements(text):
        has_step = before.startswith("SHMBUS_STEP(")
        for found in PLAIN.finditer(statement):
            yield line, found.group(1).strip()
        for found in CALL.finditer(statement):
            if not has_step:
                yield line, found.group(1).strip()
        # A condition between the two, which stores nothing itself, is none.
        if not re.fullmatch(r"if .*\{", statement, re.DOTALL) or CALL.search(statement):
            before = statement


CODE = {}
for _path in sorted(glob.glob(os.path.join(BASE, "**", "*.[ch]"), recursive=True)):
    if os.path.basename(_path) != ATOMICS:
        with open(_path, encoding="ascii") as _file:
            CODE[os.path.basename(_path)] = _file.read()


def test_finds():
    """What this test is for is found, and nothing else."""
    plain = "static void\nf(void)\n{\n\tg();\n\tshmbus_store(&h->last, 0);\n}\n"
    assert list(stepless(plain)) == [(5, "&h->last")]
    # The two are one macro.
    assert list(stepless(plain.replace("g()", "SHMBUS_STEP(a)"))) == [(5, "&h->last")]
    assert not list(stepless(plain.replace("store(", "step_store(a, ")))
    assert list(stepless("atomic_store_explicit(&h->last, 0, order);")) == [(1, "&h->last")]
    call = "g();\nif (!pwrite(a, 0, 1)) {\n\tpwrite(b, 0);\n}\n"
    assert list(stepless(call)) == [(2, "a"), (3, "b")]
    assert list(stepless(call.replace("g()", "SHMBUS_STEP(a)"))) == [(3, "b")]
    assert list(stepless(call.replace("g();", "/* SHMBUS_STEP(a); */"))) == [(2, "a"), (3, "b")]
    assert sum(len(STEPPED.findall(text)) for text in CODE.values()) > 60


@pytest.mark.parametrize("file", CODE)
def test_stores(file):
    """Each has a step, or is of one process, or is exempt."""
    found = [f"{file}:{line}: {word}" for line, word in stepless(CODE[file])
             if (file, word) not in PRIVATE and (file, word) not in EXEMPT]
    assert not found, "without a step"


def test_exempt():
    """Nothing is listed that need not be."""
    needed = {(file, word) for file, text in CODE.items() for _, word in stepless(text)}
    assert PRIVATE | set(EXEMPT) == needed
