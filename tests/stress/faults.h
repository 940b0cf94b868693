/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_FAULTS_H
#define STRESS_FAULTS_H

/*
 * What happens to the processes, and when. By chance, the same chances for the
 * same seed (but no two runs are the same: the kernel takes part); or every
 * step in turn.
 */

#include "board.h"

/* By chance, for so long, and until a reader was overrun and a dead port's remains were taken over. */
void faults_run(uint64_t ns, bool show);

/* Kills a port at every step of the format; a step that no port reached is a failure. */
void faults_walk(bool show);

#endif /* STRESS_FAULTS_H */
