# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""The models of the protocols, searched to the end; and each of their fences and checks left out.

SHMBUS_LONG=1 takes all that models.py lists for it; SHMBUS_MODEL_LONG=1 the larger bounds as well.
"""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from models import MODELS  # noqa: E402
from rounds import are_long  # noqa: E402
from spin import check  # noqa: E402

LONG = bool(os.environ.get("SHMBUS_MODEL_LONG"))
ALL = LONG or are_long()


def mutations(model):
    """Those to search: all, or the first for each property."""
    first = {violated: bounds for bounds, violated in reversed(model.mutations.items())}
    return {bounds: violated for bounds, violated in model.mutations.items()
            if ALL or first[violated] == bounds}


WHOLE = [(name, bounds) for name, model in MODELS.items()
         for bounds in model.bounds[:None if ALL else 1] + (model.long if LONG else [])]
MUTATED = [(name, bounds, violated) for name, model in MODELS.items()
           for bounds, violated in mutations(model).items()]
SPARE = [(name, bounds) for name, model in MODELS.items()
         for bounds in model.spare[:None if ALL else 1]]

pytestmark = [
    pytest.mark.skipif(not shutil.which("spin"), reason="there is no spin (Debian package spin)"),
    # One worker of pytest-xdist does all the searches, on all processors.
    pytest.mark.xdist_group("models"),
]


@pytest.fixture(scope="session")
def searches(request):
    """All that was asked for, on all processors at once."""
    wanted = {(item.callspec.params["model"], item.callspec.params["bounds"])
              for item in request.session.items
              if "searches" in getattr(item, "fixturenames", ())}
    # The long searches take gigabytes.
    with ThreadPoolExecutor(1 if LONG else len(os.sched_getaffinity(0))) as pool:
        # Counterexamples are found at once: compiling takes longer than searching.
        yield {run: pool.submit(check, *run, whole=run in WHOLE) for run in sorted(wanted)}


@pytest.mark.parametrize("model, bounds", WHOLE)
def test_holds(searches, counts, model, bounds):
    """No state violates a property, and there is none that was not looked at."""
    result = searches[model, bounds].result()
    counts(f"{result.states} states, depth {result.depth}, {result.seconds:.1f} s")
    assert result.errors == 0, result.violated
    assert result.complete, result.output
    assert result.states > 1000


@pytest.mark.parametrize("model, bounds, violated", MUTATED)
def test_needed(searches, counts, model, bounds, violated):
    """Without this fence or check there is a counterexample."""
    result = searches[model, bounds].result()
    assert result.errors != 0, "nobody misses it"
    counts(f"violated: {result.violated}, after {result.states} states")
    assert result.violated == violated


@pytest.mark.parametrize("model, bounds", SPARE)
def test_spare(searches, model, bounds):
    """Not needed for any property of the model; docs/design.rst says why it is there."""
    result = searches[model, bounds].result()
    assert result.errors == 0 and result.complete, result.violated
