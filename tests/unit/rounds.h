/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_ROUNDS_H
#define TEST_ROUNDS_H

/*
 * How often a test repeats itself: in full with SHMBUS_LONG=1 in the environment,
 * which scripts/test --long sets, else in short. tests/lib/rounds.py is the same
 * for Python.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool
rounds_are_long(void)
{
	const char *text = getenv("SHMBUS_LONG");

	return text != NULL && strcmp(text, "") != 0 && strcmp(text, "0") != 0;
}

/* The number of rounds of a test. A variable of its own, if it is set, has the last word. */
static inline unsigned int
rounds(unsigned int in_full, unsigned int in_short, const char *variable)
{
	const char *text = variable != NULL ? getenv(variable) : NULL;

	if (text != NULL)
		return (unsigned int)strtoul(text, NULL, 10);
	return rounds_are_long() ? in_full : in_short;
}

#endif /* TEST_ROUNDS_H */
