/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shmbus_clock.h"
#include "throttle.h"

/* While others need the CPU: work for this time, then sleep this many times as long. */
#define WORK_NS UINT64_C(1000000)
#define RESTS 49

/* The length of a measurement. The kernel counts idle time in steps of 10 ms. */
#define WINDOW_NS UINT64_C(100000000)

/* The time until the next measurement, after one that showed that others need the CPU. */
#define RETRY_NS UINT64_C(5000000000)

static uint64_t
cpu_ns(struct throttle *th)
{
	struct timespec t;

	/* After the fed process has ended, its last time remains. */
	if (th->fed && clock_gettime(th->fed_clock, &t) == 0)
		th->fed_cpu = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	return shmbus_clock_ns(CLOCK_THREAD_CPUTIME_ID) + th->fed_cpu;
}

/* Returns the idle time of one line, "cpu3 user nice system idle iowait ...", in ticks. */
static uint64_t
idle_of_line(const char *line, const cpu_set_t *cpus)
{
	unsigned long long idle, iowait;
	unsigned int cpu;

	if (sscanf(line, "cpu%u %*u %*u %*u %llu %llu", &cpu, &idle, &iowait) != 3 ||
	    cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, cpus))
		return 0;
	return idle + iowait;
}

/* Returns the idle time of all CPUs that this process may use. UINT64_MAX: unknown. */
static uint64_t
idle_ns(const struct throttle *th)
{
	char text[65536]; /* enough for a thousand CPUs; the rest of the file is not needed */
	uint64_t ticks = 0;
	cpu_set_t cpus;
	char *line, *next;
	ssize_t n;

	if (th->stat < 0 || sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return UINT64_MAX;
	n = pread(th->stat, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return UINT64_MAX;
	text[n] = '\0';
	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		ticks += idle_of_line(line, &cpus);
	}
	return ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void
begin_window(struct throttle *th, uint64_t now, uint64_t idle)
{
	th->window_ns = now;
	th->window_cpu = cpu_ns(th);
	th->window_idle = idle;
	th->work_cpu = th->window_cpu;
}

void
throttle_begin(struct throttle *th, pid_t fed)
{
	memset(th, 0, sizeof(*th));
	th->stat = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	th->fed = fed != 0 && clock_getcpuclockid(fed, &th->fed_clock) == 0;
	begin_window(th, shmbus_clock_mono_ns(), idle_ns(th));
}

void
throttle_end(struct throttle *th)
{
	if (th->stat >= 0)
		close(th->stat);
}

/* Evaluates a measurement that is over, and begins the next one. */
static void
end_window(struct throttle *th, uint64_t now)
{
	const uint64_t wall = now - th->window_ns;
	const uint64_t worked = cpu_ns(th) - th->window_cpu;
	const uint64_t idle = idle_ns(th);

	/*
	 * No CPU was idle, this process had less than nine tenths of one, and it did more
	 * than a throttled process does.
	 */
	if (idle != UINT64_MAX && idle - th->window_idle < wall / 10 && worked < wall - wall / 10 &&
	    worked > wall / (1 + RESTS))
		th->until_ns = now + RETRY_NS;
	begin_window(th, now, idle);
}

/* Work of the fed process during the sleep counts the next time. */
void
throttle_rest(struct throttle *th)
{
	const uint64_t worked = cpu_ns(th) - th->work_cpu;
	const struct timespec nap = {
		.tv_sec = (time_t)(worked * RESTS / 1000000000),
		.tv_nsec = (long)(worked * RESTS % 1000000000),
	};

	nanosleep(&nap, NULL); /* a signal ends it */
	th->work_cpu += worked;
	th->window_ns = 0;
	th->throttled = true;
}

bool
throttle_poll(struct throttle *th)
{
	const uint64_t now = shmbus_clock_mono_ns();

	if (now < th->until_ns)
		return cpu_ns(th) - th->work_cpu >= WORK_NS;
	if (th->window_ns == 0)
		begin_window(th, now, idle_ns(th));
	else if (now - th->window_ns >= WINDOW_NS)
		end_window(th, now);
	return false;
}
