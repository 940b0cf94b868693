/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Preloaded into a process: its clock is set all the time, by
 * years, back and forth. The monotonic clock goes on as always.
 */

#include <dlfcn.h>
#include <time.h>

#define CALLS 1000 /* between two jumps */
#define YEAR (365 * 24 * 3600)

int clock_gettime(clockid_t id, struct timespec *ts);

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t id, struct timespec *ts);
	static _Thread_local unsigned int calls;
	int ret;

	if (real == NULL)
		*(void **)(&real) = dlsym(RTLD_NEXT, "clock_gettime");
	ret = real(id, ts);
	if (ret == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += (long)(calls++ / CALLS * 7 % 31 - 15) * YEAR;
	return ret;
}
