# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""Code, list of steps and models name the same edges and steps."""

import glob
import os
import re

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVER = os.path.join(HERE, "../../drivers/net/shmbus")
BASE = os.path.join(DRIVER, "base")
LIST = "shmbus_step.h"

EDGE = r"(?<![\w.])([ABCDGHMNPQRSTW][1-9]|L[12])(?!\w)"  # L3 is a cache
# "T2 (reader_look_at_tail)", and in a model also "wake_ring" alone or STEP(shmif_lock, ...)
LABEL = re.compile(EDGE + r" \((\w+)\)")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

PAIRS = [("T1", "T2"), ("H1", "H2"), ("C1", "C2"), ("A1", "A2"), ("S1", "S2"), ("P1", "P2"),
         ("L1", "L2"), ("M1", "M2"), ("G1", "G2"), ("W1", "W2"), ("W4", "W5"), ("W6", "W7"),
         ("Q1", "Q2"), ("D1", "D2"), ("D3", "D4"), ("R1", "R2"), ("R3", "R4"), ("R5", "R6")]
# Edges within one process, at words of its own. A label has the name of the word, as a store
# outside the file has no step.
AT_WORDS = [("R1", "R2"), ("R3", "R4"), ("R5", "R6")]
# Edges without another end of their own.
SINGLE = {
    "W3": "two looks at a counter that membarrier(2) stands between",
    "B1": "both ends are called so: make_room, and the monitor's second look",
    "N1": "N1 and N2 are two looks at the same words",
    "N2": "N1 and N2 are two looks at the same words",
    "N3": "with the acquire fence between N1 and N2",
}
# Edges of no model, and where the reason stands.
NOT_MODELLED = {
    "P1": "as T1 (docs/design.rst)",
    "P2": "as T2 (docs/design.rst)",
    "M1": "as T1 (docs/design.rst)",
    "M2": "as T2, with system calls for loads (docs/design.rst)",
    "G1": "as A1, between threads of one process (docs/design.rst)",
    "G2": "as A2, between threads of one process (docs/design.rst)",
}


def _read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def _comments(text):
    return "\n".join(COMMENT.findall(text))


CODE = {os.path.basename(path): _read(path)
        for path in glob.glob(os.path.join(BASE, "**", "*.[ch]"), recursive=True)
        if os.path.basename(path) != LIST}
# R3 and R4 are in the driver, whose other comments have L2 and the like for layers.
AT_WORDS_CODE = dict(CODE, **{os.path.basename(path): _read(path)
                              for path in glob.glob(os.path.join(DRIVER, "*.[ch]"))})
MODELS = {os.path.basename(path): _read(path) for path in glob.glob(os.path.join(HERE, "*.pml"))}
# Step: what the list says of it.
STEPS = dict(re.findall(r'X\((\w+), \w+, \w+, "([^"]*)"\)', _read(os.path.join(BASE, LIST))))
EDGES = {edge for text in CODE.values() for edge in re.findall(EDGE, _comments(text))}


def _labels(texts, at_words=False):
    ends = {end for pair in AT_WORDS for end in pair}
    return [(name, edge, where) for name, text in texts.items()
            for edge, where in LABEL.findall(_comments(text)) if (edge in ends) == at_words]


EDGES |= {edge for _, edge, _ in _labels(AT_WORDS_CODE, at_words=True)}


def test_there_are_some():
    """The expressions above find what they are for."""
    assert len(STEPS) > 80
    assert {"T1", "H1", "W7", "L2", "B1"} <= EDGES
    assert len(_labels(CODE)) >= 20 and len(_labels(MODELS)) >= 10


@pytest.mark.parametrize("file, edge, step", _labels(CODE) + _labels(MODELS))
def test_label(file, edge, step):
    """An edge is at a step, and the list of the steps says so, if it says whose the step is."""
    assert step in STEPS, f"{file}: {edge} is at no step"
    said = re.findall(EDGE, STEPS[step].partition(":")[0])
    assert not said or edge in said, f"{file}: {step} is {said} in {LIST}"


@pytest.mark.parametrize("store, load", AT_WORDS)
def test_at_word(store, load):
    """Both ends of an edge within one process are at the same words."""
    words = {end: {word for _, edge, word in _labels(AT_WORDS_CODE, at_words=True) if edge == end}
             for end in (store, load)}
    assert words[store] and words[store] == words[load]


@pytest.mark.parametrize("step", [step for step in STEPS if re.match(EDGE, STEPS[step])])
def test_listed(step):
    """What the list says is an edge has its label in the code."""
    for edge in re.findall(EDGE, STEPS[step].partition(":")[0]):
        assert edge in EDGES, f"{step} is {edge} in {LIST}, which no comment names"


def test_both_ends():
    """Every edge has two ends in the code, or is known to have one."""
    ends = {end for pair in PAIRS for end in pair}
    assert ends <= EDGES, "nowhere in the code"
    assert EDGES - ends == set(SINGLE)


def test_steps_of_models():
    """Every step that a model names is one."""
    families = "|".join(sorted({step.partition("_")[0] for step in STEPS}))
    for name, text in MODELS.items():
        taken = re.findall(r"STEP\((?!name)(\w+)[,)]", text)
        for word in re.findall(rf"\b(?:{families})_\w+", _comments(text)):
            if word in STEPS or word + "()" in text:
                taken.append(word)
        if name != "c11.pml":
            assert taken, f"{name} names no step"
        assert set(taken) <= set(STEPS), name


def test_edges_of_models():
    """Every edge is in a model, or there is a reason."""
    modelled = {edge for text in MODELS.values() for edge in re.findall(EDGE, _comments(text))}
    modelled |= {edge for text in MODELS.values() for edge in re.findall(r"NO_([A-Z]\d)\b", text)}
    assert modelled - EDGES == set()
    assert EDGES - modelled == set(NOT_MODELLED)
