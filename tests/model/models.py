# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The shmbus authors
"""What the models are checked with.

bounds     searched to the end, without an error
long       the same for SHMBUS_MODEL_LONG=1: takes minutes and gigabytes
mutations  the model without one fence or check, and the property that then fails
spare      edges whose absence the model does not notice

All of bounds, mutations and spare are searched with SHMBUS_LONG=1. Otherwise of each model the first
of bounds and of spare, and the first mutation for each property: the model keeps its properties, and
each of them can fail.
"""

from collections import namedtuple

Model = namedtuple("Model", "bounds long mutations spare", defaults=[()])

# When all stand still and somebody should not.
STUCK = "stands still"

MODELS = {
    "lanes_data": Model(
        bounds=["RECORDS=5", "RECORDS=4 DEATHS=1"],
        long=["RECORDS=6"],
        mutations={
            "RECORDS=4 NO_T1": "no corrupt",
            "RECORDS=4 NO_T2": "no corrupt",
            "RECORDS=4 NO_H1": "torn",
            "RECORDS=4 NO_H2": "torn",
            "RECORDS=4 NO_COMMIT": "torn",
            "RECORDS=4 NO_GAP": "counted",
            "RECORDS=4 BAD_MARK": "no corrupt",
            "RECORDS=4 NO_MARK_BOUND": "no corrupt",
            "RECORDS=4 DEATHS=1 BAD_TAKE_OVER": "torn",
        }),
    "lanes_stamp": Model(
        bounds=["RECORDS=2 DEATHS=1", "RECORDS=3 DEATHS=1"],
        long=["RECORDS=4 DEATHS=1"],
        mutations={
            "NO_T1": "fits",
            "NO_T2": "fits",
            "NO_S1": "fits",
            "NO_S2": "fits",
            "NO_SECOND_LOOK": "fits",
            "LOOK_AT_TAIL": "fits",
            "ONE_STAMP": "fits",
            "BAD_STAMP_CHOICE": "goes on",
        }),
    "lanes_pause": Model(
        bounds=["RECORDS=5", "RECORDS=4 READERS=2 SC"],
        long=["RECORDS=4 RESTARTS=1", "RECORDS=5 READERS=2 SC"],
        mutations={
            "RECORDS=5 NO_A1": "copied",
            "RECORDS=5 NO_A1_AGAIN": "copied",
            "RECORDS=5 NO_A2": "copied",
            "RECORDS=5 NO_C1": "copied",
            "RECORDS=5 NO_C2": "copied",
            "RECORDS=5 ONE_HOLD": "copied",
            "RECORDS=5 NO_TIMEOUT": "not stuck",
            "RECORDS=4 READERS=2 SC NO_TIMEOUT": "not stuck",
            "RECORDS=4 READERS=2 SC ONE_CURSOR": "kept",
        }),
    "lanes_wake": Model(
        bounds=["RECORDS=3", "RECORDS=2 DEATHS=1", "RECORDS=2 DIRECTED"],
        long=["RECORDS=1 SENDERS=2", "RECORDS=3 DEATHS=1", "RECORDS=3 DIRECTED", "RECORDS=2 DEATHS=1 DIRECTED"],
        mutations={
            "RECORDS=3 NO_W1": STUCK,
            "RECORDS=3 NO_W2": STUCK,
            "RECORDS=3 NO_W3": STUCK,
            "RECORDS=3 NO_W4": STUCK,
            "RECORDS=3 NO_W5": STUCK,
            "RECORDS=3 NO_MEMBARRIER": STUCK,
            "RECORDS=3 NO_SLEEPS": STUCK,
            "RECORDS=3 NO_LOOK": STUCK,
            "RECORDS=3 DIRECTED NO_W1": STUCK,
            "RECORDS=3 DIRECTED NO_W2": STUCK,
            "RECORDS=3 DIRECTED NO_LOOK": STUCK,
            "RECORDS=3 DIRECTED LAST_RECEIVER": STUCK,
            "RECORDS=2 DEATHS=1 NO_ASK": STUCK,
            "RECORDS=2 DEATHS=1 LOCK_LATE": STUCK,
            "RECORDS=2 DEATHS=1 QUIET_AT_NEWEST": STUCK,
        },
        # W1 and W2 order the count of sleeps, too.
        spare=["RECORDS=3 NO_W6", "RECORDS=3 NO_W7"]),
    "lanes_room": Model(
        bounds=["RECORDS=4", "RECORDS=4 READERS=2 SC"],
        long=["RECORDS=5"],
        mutations={
            "RECORDS=4 NO_Q1": STUCK,
            "RECORDS=4 NO_Q2": STUCK,
            "RECORDS=4 NO_W1": STUCK,
            "RECORDS=4 NO_IDLE_LOOK": STUCK,
            "RECORDS=4 NO_SLEEP_LOOK": STUCK,
            "RECORDS=4 DRAIN_LATE": STUCK,
            "RECORDS=4 ALWAYS": "once",
        },
        # The look after each record wakes the writer sooner; an idle reader's would do.
        spare=["RECORDS=4 NO_COMMIT_LOOK"]),
    "lanes_notice": Model(
        bounds=["RECORDS=4", "RECORDS=3 DEATHS=1"],
        long=["RECORDS=6", "RECORDS=4 DEATHS=2"],
        mutations={
            "RECORDS=4 NOTICE_LATE": "kept",
            "RECORDS=4 NO_D1": "kept",
            "RECORDS=4 NO_T2": "kept",
            "RECORDS=4 NO_D2": "kept",
            "RECORDS=4 NO_D3": "follows",
            "RECORDS=4 NO_D4": "follows",
            "RECORDS=4 EMPTY_ANYWAY": "arrives",
            "RECORDS=4 NO_QUARTERS": "follows",
            "RECORDS=4 NEWEST_NOTICE": "follows",
            "RECORDS=3 DEATHS=1 EMPTY_ANYWAY": "arrives",
        }),
    "lanes_restart": Model(
        bounds=["CYCLES=3 POLLS=4"],
        long=["CYCLES=4 POLLS=6"],
        mutations={
            "CYCLES=1 NO_R1": "in place",
            "CYCLES=1 NO_R2": "in place",
            "CYCLES=1 NO_R3": "fresh",
            "CYCLES=1 NO_R4": "fresh",
        }),
    "lanes_gate": Model(
        bounds=["POLLS=5"],
        long=["POLLS=7"],
        mutations={
            "POLLS=2 NO_MEMBARRIER": "alone",
            "POLLS=2 NO_WAIT": "alone",
            "POLLS=2 NO_R5": "whole",
            "POLLS=2 NO_R6": "whole",
        }),
    "shmif_lock": Model(
        bounds=["KERNEL_ROUNDS=1", "DEATHS=0"],
        long=["DEATHS=1", "DEATHS=2 KERNEL_DEATHS=0 KERNEL_ROUNDS=1"],
        mutations={
            "DEATHS=0 OLD_BREAK": "one holder",
            "KERNEL_DEATHS=0 OLD_CLAIM": "one holder",
            "LOCK_FIRST": "one holder",
            "UNLOCK_FIRST": "one holder",
            "NO_STEAL": STUCK,
            "NO_IDLE": STUCK,
            "NO_INHERIT": STUCK,
            "NO_REDO": "whole",
            "NO_INTENT": "whole",
            "NO_REPAIR": "repaired",
            "DEATHS=0 NO_L1": "whole",
            "DEATHS=0 NO_L2": "whole",
        }),
    "shmif_monitor": Model(
        bounds=["TURNS=2", "TURNS=2 STOPS=1", "TURNS=3"],
        long=["TURNS=3 STOPS=1"],
        mutations={
            "TURNS=2 NO_N1": "torn",
            "TURNS=2 NO_N2": "no corrupt",
            "TURNS=2 NO_N3": "torn",
            "TURNS=2 NO_L1": "no corrupt",
            "TURNS=2 NO_L2": "torn",
            "TURNS=2 NO_LOCK_LOOK": "torn",
            "TURNS=3 LAST_FIRST": "torn",
            "TURNS=3 OURS NO_N1_FENCE": "no corrupt",
            "TURNS=3 OURS NO_N2_FENCE": "no corrupt",
            "TURNS=3 NO_B1": "torn",
            "TURNS=3 OURS B1_IF_RAISED": "torn",
            "TURNS=3 NO_WHOLE": "torn",
            "TURNS=3 STOPS=1 OURS FIRST_LATE": "torn",
            "TURNS=3 STOPS=1 OURS BEGIN=4 NO_INTENT": "torn",
            "TURNS=3 STOPS=1 OURS NO_UNMOVED": "torn",
            "TURNS=2 STOPS=1 NO_LAP_END": "no corrupt",
            "TURNS=2 STOPS=1 READ_NEWEST": "torn",
        },
        # The second look has a fence of its own, behind N1.
        spare=["TURNS=3 OURS NO_B1_FENCE"]),
}
