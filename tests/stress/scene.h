/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_SCENE_H
#define STRESS_SCENE_H

/*
 * Deaths that traffic does not bring about, or not soon: on a bus of their own,
 * by processes that do just what is needed. Afterwards that bus must be as good
 * as new. Each returns false if nobody came to die at the step.
 */

#include "board.h"

/* The process that makes, uses and removes a bus dies; with a rival two do so at once. */
bool scene_genesis(enum shmbus_step step, uint32_t visit, bool rival);

/* A port dies, and then the port that finds its remains; shmif only. */
bool scene_heir(enum shmbus_step step);

/* The bus is damaged, and the port that finds the damage dies over it. */
bool scene_forged(enum shmbus_step step);

/* What they have in common, for scene.c and forged.c: */

/* Start a process in an extra place, with an order to die at a step. */
void scene_start(struct member *m, void (*body)(void *arg), void *arg, enum shmbus_step step,
		 uint32_t visit);
/* Is the bus as good as new? A process that does not die finds out, and removes it. */
void scene_probe(const char *path);
/* The bus of scenes, removed. */
const char *scene_path(void);
/* Did it die at the step? Then see that its bus is as good as new. */
bool scene_end(struct member *m, enum shmbus_step step);

#endif /* STRESS_SCENE_H */
