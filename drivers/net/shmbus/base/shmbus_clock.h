/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CLOCK_H
#define SHMBUS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
shmbus_clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* For waiting: never jumps. */
static inline uint64_t
shmbus_clock_mono_ns(void)
{
	return shmbus_clock_ns(CLOCK_MONOTONIC);
}

/*
 * For timestamps that other processes read: the only clock that is the same
 * in every container (time namespaces shift the monotonic one), and the one
 * that captures are written in.
 */
static inline uint64_t
shmbus_clock_real_ns(void)
{
	return shmbus_clock_ns(CLOCK_REALTIME);
}

#endif /* SHMBUS_CLOCK_H */
