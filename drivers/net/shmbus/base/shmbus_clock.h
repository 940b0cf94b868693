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

/* Returns a time for waiting: this clock never jumps. */
static inline uint64_t
shmbus_clock_mono_ns(void)
{
	return shmbus_clock_ns(CLOCK_MONOTONIC);
}

/*
 * Returns a time for timestamps that other processes read. Only this clock is
 * the same in every container (time namespaces shift the monotonic clock), and
 * captures use it.
 */
static inline uint64_t
shmbus_clock_real_ns(void)
{
	return shmbus_clock_ns(CLOCK_REALTIME);
}

/*
 * Returns the processor's own counter, or a clock on a processor without a
 * counter that every program may read. A counter takes half the time of a
 * clock. For spans of time within one thread; the caller knows the ticks per
 * second. Never 0.
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
 * Returns whether span ticks have passed since then. The comparison is by
 * difference: a counter that was set back, as in a restored virtual machine,
 * ends every span.
 */
static inline bool
shmbus_ticks_passed(uint64_t since, uint64_t span)
{
	return shmbus_ticks() - since >= span;
}

#endif /* SHMBUS_CLOCK_H */
