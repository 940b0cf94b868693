/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef THROTTLE_H
#define THROTTLE_H

/*
 * Limits the CPU time of a monitor while the ports need all CPUs.
 *
 * Theory of operation
 *
 * Ports poll, so they always need their CPUs. A monitor that keeps up with the
 * ports, but has no CPU of its own, takes its time from the ports, and slows down
 * the traffic that it observes. The monitor therefore measures from time to time
 * whether a CPU was idle, and whether other processes used the CPU when it did
 * not. If no CPU was idle, the monitor sleeps forty-nine times as long as it has
 * worked, in steps of a millisecond of work or more. After five seconds it
 * measures again. A monitor that needs less than a fiftieth of a CPU is never
 * throttled.
 *
 * A low priority is no substitute. The scheduler divides a CPU between sessions
 * (autogroups) or control groups first, and by priority only within each of them.
 * With SCHED_IDLE in another session than the ports, a monitor takes a fifth of a
 * CPU, and a pair of ports at full speed keeps 0.75 of its rate.
 *
 * The work of the process that the monitor feeds counts as work of the monitor: a
 * burst may cost tcpdump ten times as much.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct throttle {
	int stat;             /* /proc/stat; -1: not available */
	bool fed;             /* there is a fed process */
	bool throttled;       /* has slept at least once */
	clockid_t fed_clock;  /* the CPU time of the fed process */
	uint64_t fed_cpu;     /* its last known value */
	uint64_t window_ns;   /* the beginning of the measurement; 0: none runs */
	uint64_t window_cpu;  /* CPU time of this thread and the fed process at the beginning */
	uint64_t window_idle; /* idle time of all usable CPUs at the beginning */
	uint64_t until_ns;    /* the end of the time in which others need the CPU */
	uint64_t work_cpu;    /* CPU time up to which sleep has paid for the work */
};

/* Begins the first measurement. fed: the id of the fed process; 0: there is none. */
void throttle_begin(struct throttle *th, pid_t fed);
void throttle_end(struct throttle *th);

/*
 * Measures. Returns whether others need the CPU: then throttle_rest() is due. Call it often
 * while working.
 */
bool throttle_poll(struct throttle *th);

/* Sleeps. Write out buffers before. */
void throttle_rest(struct throttle *th);

#endif /* THROTTLE_H */
