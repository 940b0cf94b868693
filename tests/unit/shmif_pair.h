/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_SHMIF_PAIR_H
#define TEST_SHMIF_PAIR_H

/* What most tests of shmif begin with: a bus in a file of its own, with a sender and a receiver. */

#include "shmif_side.h"

struct pair {
	struct side tx, rx;
	char *path;
};

/* The sender calls itself 1, and that is whom the receiver expects, which calls itself 2. */
void pair_start(struct pair *p);
void pair_stop(struct pair *p);

/* For cmocka: *state is a struct pair that has been started. */
int pair_setup(void **state);
int pair_teardown(void **state);

#endif /* TEST_SHMIF_PAIR_H */
