/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "courtesy.h"
#include "shmbus_clock.h"

/* While others want the CPU: work for so long at a time, and rest so many times as long. */
#define WORK_NS UINT64_C(1000000)
#define RESTS 49

/* The time that is looked at: the kernel counts idle time in steps of 10 ms. */
#define WINDOW_NS UINT64_C(100000000)

/* After so long it is tried again. */
#define RETRY_NS UINT64_C(5000000000)

static uint64_t
cpu_ns(struct courtesy *c)
{
	struct timespec t;

	/* When it has ended it takes no more. */
	if (c->fed && clock_gettime(c->fed_clock, &t) == 0)
		c->fed_cpu = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	return shmbus_clock_ns(CLOCK_THREAD_CPUTIME_ID) + c->fed_cpu;
}

/* Of one line: "cpu3 user nice system idle iowait ...", in ticks. */
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

/* Idle time of all CPUs that may be used. UINT64_MAX: it is not known. */
static uint64_t
idle_ns(const struct courtesy *c)
{
	char text[65536]; /* for a thousand CPUs; the rest of the file is of no use */
	uint64_t ticks = 0;
	cpu_set_t cpus;
	char *line, *next;
	ssize_t n;

	if (c->stat < 0 || sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return UINT64_MAX;
	n = pread(c->stat, text, sizeof(text) - 1, 0);
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
begin_window(struct courtesy *c, uint64_t now, uint64_t idle)
{
	c->window_ns = now;
	c->window_cpu = cpu_ns(c);
	c->window_idle = idle;
	c->work_cpu = c->window_cpu;
}

void
courtesy_begin(struct courtesy *c, pid_t fed)
{
	memset(c, 0, sizeof(*c));
	c->stat = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	c->fed = fed != 0 && clock_getcpuclockid(fed, &c->fed_clock) == 0;
	begin_window(c, shmbus_clock_mono_ns(), idle_ns(c));
}

void
courtesy_end(struct courtesy *c)
{
	if (c->stat >= 0)
		close(c->stat);
}

/* The window is over: what was it like? */
static void
look_back(struct courtesy *c, uint64_t now)
{
	const uint64_t wall = now - c->window_ns;
	const uint64_t worked = cpu_ns(c) - c->window_cpu;
	const uint64_t idle = idle_ns(c);

	/* Others had more than a tenth of its CPU, and not because they lacked one. */
	if (idle != UINT64_MAX && idle - c->window_idle < wall / 10 && worked < wall - wall / 10 &&
	    worked > wall / (1 + RESTS))
		c->until_ns = now + RETRY_NS;
	begin_window(c, now, idle);
}

/* What the fed process does meanwhile is rested for the next time. */
static void
rest(struct courtesy *c)
{
	const uint64_t worked = cpu_ns(c) - c->work_cpu;
	const struct timespec nap = {
		.tv_sec = (time_t)(worked * RESTS / 1000000000),
		.tv_nsec = (long)(worked * RESTS % 1000000000),
	};

	if (worked < WORK_NS)
		return;
	nanosleep(&nap, NULL); /* a signal ends it */
	c->work_cpu += worked;
	c->window_ns = 0;
	c->rested = true;
}

void
courtesy_give_way(struct courtesy *c)
{
	const uint64_t now = shmbus_clock_mono_ns();

	if (now < c->until_ns)
		rest(c);
	else if (c->window_ns == 0)
		begin_window(c, now, idle_ns(c));
	else if (now - c->window_ns >= WINDOW_NS)
		look_back(c, now);
}
