/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_HOOK_H
#define STRESS_HOOK_H

/*
 * What a process does at the steps of the protocols (shmbus_step.h): what its
 * place on the board has been ordered, or something of the test's own.
 */

#include "board.h"

/* From now on this process has the place. NULL: it has none, and steps are nothing to it. */
void hook_set_member(struct member *m, uint64_t seed);

/* Call this at the next visit of a step, once: what another process does just then. */
void hook_call_at(enum shmbus_step step, void (*call)(void *arg), void *arg);

#endif /* STRESS_HOOK_H */
