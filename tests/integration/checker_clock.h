/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECKER_CLOCK_H
#define CHECKER_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Not the cycle counter: a machine that is restored from a snapshot may set that back. */
static inline uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif /* CHECKER_CLOCK_H */
