/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * core-distance CPU CPU [MS]: what it costs to move a cache line from one CPU to the other, in ns.
 *
 * In a virtual machine the host may move a virtual CPU to another part of the chip, or to another
 * chip, at any moment: what two CPUs share may then come out of a common cache or from far away,
 * and every link in shared memory becomes several times slower or faster. No figure means much
 * without this one. One thread fills a buffer, the other copies it; the two take turns, and the
 * median over all turns is printed, so that a moment of preemption does not matter.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE 64
#define BUFFER (256 * 1024)
#define MAX_TURNS 20000
#define LAST_TURN UINT32_MAX

/* Which turn has been written (by the main thread) and which has been read (by the reader). */
static _Alignas(2 * LINE) _Atomic uint32_t written;
static _Alignas(2 * LINE) _Atomic uint32_t copied;
static _Alignas(LINE) uint8_t wire[BUFFER];
static _Alignas(LINE) uint8_t source[BUFFER];
static _Alignas(LINE) uint8_t sink[BUFFER];

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	errno = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (errno != 0) {
		fprintf(stderr, "core-distance: CPU %d: %s\n", cpu, strerror(errno));
		exit(1);
	}
}

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *
reader(void *cpu)
{
	uint32_t turn, done = 0;

	pin(*(const int *)cpu);
	do {
		/* Acquire: the buffer's contents of this turn; pairs with the release in main(). */
		while ((turn = atomic_load_explicit(&written, memory_order_acquire)) == done)
			;
		memcpy(sink, wire, sizeof(sink));
		done = turn;
		/* Release: the writer's licence to overwrite the buffer. */
		atomic_store_explicit(&copied, done, memory_order_release);
	} while (done != LAST_TURN);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static double turns[MAX_TURNS];
	double start, before, limit_ns;
	pthread_t thread;
	uint32_t n = 0;
	int cpu[2];

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: core-distance CPU CPU [MILLISECONDS]\n");
		return 2;
	}
	cpu[0] = atoi(argv[1]);
	cpu[1] = atoi(argv[2]);
	limit_ns = (argc > 3 ? atof(argv[3]) : 20) * 1e6;
	memset(source, 1, sizeof(source));
	memset(wire, 1, sizeof(wire));
	memset(sink, 1, sizeof(sink));
	pin(cpu[0]);
	errno = pthread_create(&thread, NULL, reader, &cpu[1]);
	if (errno != 0) {
		perror("core-distance: pthread_create");
		return 1;
	}
	start = now_ns();
	do {
		before = now_ns();
		memcpy(wire, source, sizeof(wire));
		atomic_store_explicit(&written, n + 1, memory_order_release);
		while (atomic_load_explicit(&copied, memory_order_acquire) != n + 1)
			;
		turns[n++] = (now_ns() - before) / (BUFFER / LINE);
	} while (n < MAX_TURNS && now_ns() - start < limit_ns);
	atomic_store_explicit(&written, LAST_TURN, memory_order_release);
	pthread_join(thread, NULL);
	qsort(turns, n, sizeof(turns[0]), compare);
	printf("%.2f\n", turns[n / 2]);
	return 0;
}
