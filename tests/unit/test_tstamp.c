/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Timestamps by the processor's counter, beside the clock of the system, which is set meanwhile. */

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "shmbus_tstamp.h"

#define MS INT64_C(1000000)
#define HOUR (3600 * 1000 * MS)
#define ERROR_NS 1000

/*
 * The clock of the system is off by this. Volatile, as the compiler knows that clock_gettime() of
 * the C library changes nothing here.
 */
static volatile int64_t set_by_ns;
static volatile unsigned int reads;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	const int ret = __real_clock_gettime(id, ts);
	int64_t ns;

	if (ret != 0 || id != CLOCK_REALTIME)
		return ret;
	reads++;
	ns = (int64_t)ts->tv_sec * 1000 * MS + ts->tv_nsec + set_by_ns;
	ts->tv_sec = (time_t)(ns / (1000 * MS));
	ts->tv_nsec = (long)(ns % (1000 * MS));
	return ret;
}

/* The clock of the system, without a count. */
static uint64_t
real_ns(void)
{
	const unsigned int before = reads;
	const uint64_t ns = shmbus_clock_real_ns();

	reads = before;
	return ns;
}

/* Asks for times for so long. Each is right, and none goes back. Returns the number. */
static unsigned int
ask(struct shmbus_tstamp *t, int64_t for_ns)
{
	const uint64_t start = shmbus_clock_mono_ns();
	uint64_t before, ns, after;
	unsigned int n = 0;

	do {
		before = real_ns();
		ns = shmbus_tstamp_ns(t);
		after = real_ns();
		n++;
		assert_true((int64_t)(ns - before) > -ERROR_NS);
		assert_true((int64_t)(ns - after) < ERROR_NS);
	} while ((int64_t)(shmbus_clock_mono_ns() - start) < for_ns);
	return n;
}

/* Asks until the counter is in use, or will not be. */
static void
settle(struct shmbus_tstamp *t)
{
	const uint64_t start = shmbus_clock_mono_ns();

	do
		shmbus_tstamp_ns(t);
	while (t->span == 0 && t->source != SHMBUS_TSTAMP_SYSTEM &&
	       shmbus_clock_mono_ns() - start < 20000 * (uint64_t)MS);
	assert_true(t->span != 0 || t->source == SHMBUS_TSTAMP_SYSTEM);
}

static void
test_right(void **state)
{
	struct shmbus_tstamp t = { .span = 0 };
	unsigned int n;

	(void)state;
	set_by_ns = 0;
	ask(&t, 10 * MS);
	settle(&t);
	reads = 0;
	n = ask(&t, 200 * MS);
	if (t.source == SHMBUS_TSTAMP_COUNTER)
		assert_true(reads < n / 2);
}

static void
test_never_back(void **state)
{
	struct shmbus_tstamp t = { .span = 0 };
	uint64_t last = 0;
	uint64_t ns;
	int i;

	(void)state;
	settle(&t);
	for (i = 0; i < 1000000; i++) {
		/* As a daemon does that steps the clock, by less than a millisecond each time. */
		if (i % 50000 == 0)
			set_by_ns -= MS / 2;
		ns = shmbus_tstamp_ns(&t);
		assert_true(ns >= last);
		last = ns;
	}
	set_by_ns = 0;
}

static void
test_clock_is_set(void **state)
{
	/* Back by far more than this thread may have to wait for a processor: see SHMBUS_TSTAMP_HOLD_NS. */
	static const int64_t steps[] = { HOUR, -HOUR, -HOUR, 40 * HOUR, -10000 * MS, 4 * MS };
	const struct timespec span = { .tv_nsec = SHMBUS_TSTAMP_SPAN_NS };
	struct shmbus_tstamp t = { .span = 0 };
	unsigned int i;

	(void)state;
	set_by_ns = 0;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		settle(&t);
		set_by_ns += steps[i];
		nanosleep(&span, NULL);
		ask(&t, 5 * MS);
	}
	set_by_ns = 0;
}

/* A counter that jumps or goes at another speed, as after a move to another machine. */
static void
test_counter_changes(void **state)
{
	struct shmbus_tstamp t = { .span = 0 };

	(void)state;
	settle(&t);
	if (t.source != SHMBUS_TSTAMP_COUNTER)
		skip();
	/* It was further on before. */
	t.base_ticks += UINT64_C(1) << 40;
	t.read_ticks += UINT64_C(1) << 40;
	ask(&t, 5 * MS);
	settle(&t);
	/* It was twice as fast: the scale of the past is not that of the present. */
	t.read_ticks -= (shmbus_ticks() - t.read_ticks) + 10 * t.span;
	t.span = 0;
	ask(&t, 5 * MS);
	settle(&t);
	/* The thread has not asked for long. */
	t.read_mono_ns -= UINT64_C(1) << 33;
	t.span = 0;
	ask(&t, 5 * MS);
	settle(&t);
	ask(&t, 5 * MS);
}

static void
test_counter_is_not_steady(void **state)
{
	struct shmbus_tstamp t = { .source = SHMBUS_TSTAMP_SYSTEM };
	unsigned int n;

	(void)state;
	reads = 0;
	n = ask(&t, 10 * MS);
	assert_true(reads >= n);
	assert_true(t.span == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_never_back),
		cmocka_unit_test(test_clock_is_set),
		cmocka_unit_test(test_counter_changes),
		cmocka_unit_test(test_counter_is_not_steady),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
