/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_STEPS_H
#define STRESS_STEPS_H

/* What the list of shmbus_step.h says of a step, and where a process can be made to visit it. */

#include "board.h"

enum step_kind { STEP_STORE, STEP_LOOK, STEP_REPAIR };

/* Where it is visited. */
enum step_place {
	PLACE_TRAFFIC, /* by any port in traffic, or coming and leaving */
	PLACE_GENESIS, /* where a bus is made, or removed */
	PLACE_HEIR,    /* by who comes after one that died, see scene.c */
	PLACE_FORGED,  /* where a stranger did something just then, see forged.c */
	PLACE_DRIVER,  /* only in the driver, not in the core */
};

const char *step_name(enum shmbus_step step);
enum step_kind step_kind(enum shmbus_step step);
bool step_is_of(enum shmbus_step step, enum stress_format format);
enum step_place step_place(enum shmbus_step step);

#endif /* STRESS_STEPS_H */
