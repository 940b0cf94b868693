/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef THROTTLE_H
#define THROTTLE_H

/*
 * Who only looks on gives way.
 *
 * Ports poll: they always want their CPUs. A program that keeps up with them
 * and has no CPU of its own takes its time from theirs, and what it looks at
 * becomes slower by looking. So it asks now and then: has no CPU been idle,
 * and did others have what it left of its own? Then it rests forty-nine times
 * as long as it has worked, a millisecond or more; from time to time it tries
 * whether it is so still. Who needs no more time than that is never held up.
 *
 * Its work is also that of a process which it feeds: a burst for the one may be
 * ten times as much for the other.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct throttle {
	int stat;             /* /proc/stat; -1: there is none */
	bool fed;             /* there is such a process */
	bool throttled;      /* at any time */
	clockid_t fed_clock;  /* its CPU time */
	uint64_t fed_cpu;     /* the last that was known of it */
	uint64_t window_ns;   /* the beginning of the time that is looked at: clock */
	uint64_t window_cpu;  /* CPU time of this thread, and of the process that is fed */
	uint64_t window_idle; /* idle time of all CPUs that it may use */
	uint64_t until_ns;    /* until when others are taken to want the CPU */
	uint64_t work_cpu;    /* CPU time that has been rested for */
};

/* fed: the process that is fed; 0: there is none. */
void throttle_begin(struct throttle *th, pid_t fed);
void throttle_end(struct throttle *th);

/* In the midst of work: rest if others want the CPU. To be called often. */
void throttle_poll(struct throttle *th);

#endif /* THROTTLE_H */
