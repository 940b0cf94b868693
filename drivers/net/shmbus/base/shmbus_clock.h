/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_CLOCK_H
#define SHMBUS_CLOCK_H

#include <stdbool.h>
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

/*
 * The processor's own counter, where it has one that every program may read:
 * half the price of a clock. For spans of time within one thread; how many
 * ticks make a second is the caller's knowledge. Never 0.
 */
static inline uint64_t
shmbus_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc() | 1;
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks | 1;
#else
	return shmbus_clock_mono_ns() | 1;
#endif
}

/*
 * Have span ticks passed since then? By difference: a counter that was set
 * back, as in a machine that was restored, ends every span.
 */
static inline bool
shmbus_ticks_passed(uint64_t since, uint64_t span)
{
	return shmbus_ticks() - since >= span;
}

#endif /* SHMBUS_CLOCK_H */
