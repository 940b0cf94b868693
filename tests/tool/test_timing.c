/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* When frames of a capture are due, by their recorded times: no clock is asked. */

#include <errno.h>

#include "check.h"
#include "timing.h"

#define MS UINT64_C(1000000)
#define DAY (86400000 * MS)

/* Captures begin somewhere. */
#define BEGIN (20000 * DAY)

struct frame {
	int64_t recorded_ms; /* after BEGIN */
	uint64_t due_ms;
};

static uint64_t
recorded(const struct frame *frame)
{
	return BEGIN + (uint64_t)frame->recorded_ms * MS;
}

static void
expect(struct timing *timing, const struct frame *frames, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(timing_next(timing, recorded(&frames[i]), 60), frames[i].due_ms * MS);
}

static struct timing
as_recorded(double speed)
{
	return (struct timing){ .kind = TIMING_RECORDED, .rate = speed };
}

static void
test_in_order(void **state)
{
	const struct frame frames[] = { { 5, 0 }, { 5, 0 }, { 6, 1 }, { 1006, 1001 }, { 9006, 9001 } };
	struct timing timing = as_recorded(1);

	(void)state;
	expect(&timing, frames, DIM(frames));
}

/* The span of the capture is the span of the replay. */
static void
test_out_of_order(void **state)
{
	const struct frame frames[] = {
		{ 10, 0 }, { 0, 0 }, { 15, 5 }, { 5, 5 }, { 20, 10 }, { 10, 10 }, { 25, 15 },
		{ 24, 15 }, { 23, 15 }, { 22, 15 }, { 30, 20 },
	};
	struct timing timing = as_recorded(1);
	uint64_t due_ns = 0;
	unsigned int i;

	(void)state;
	expect(&timing, frames, DIM(frames));

	/* two interfaces, one of them late by 10 ms */
	timing = as_recorded(1);
	for (i = 0; i < 200; i++) {
		timing_next(&timing, BEGIN + (10 + 5 * i) * MS, 60);
		due_ns = timing_next(&timing, BEGIN + 5 * i * MS, 60);
	}
	assert_int_equal(due_ns, 5 * 199 * MS);
}

/* A frame with a wrong time is no reason to wait for the others' again. */
static void
test_one_frame_of_long_ago(void **state)
{
	const int64_t days = -10 * (int64_t)(DAY / MS);
	const struct frame frames[] = {
		{ 0, 0 }, { 10, 10 }, { days, 10 }, { 20, 20 }, { days, 20 }, { 19, 20 }, { 30, 30 },
	};
	struct timing timing = as_recorded(1);

	(void)state;
	expect(&timing, frames, DIM(frames));
}

/* Set back by an hour: what comes then is as far apart as it was recorded. */
static void
test_clock_set_back(void **state)
{
	const int64_t hour = 3600 * 1000;
	const struct frame frames[] = {
		{ 0, 0 }, { 100, 100 }, { 200 - hour, 100 }, { 300 - hour, 200 }, { 290 - hour, 200 },
		{ 400 - hour, 300 },
		/* and again */
		{ 500 - 2 * hour, 300 }, { 499 - 2 * hour, 300 }, { 600 - 2 * hour, 400 },
		/* and to rights: an hour passed */
		{ 700 - hour, 400 + 100 + 3600 * 1000 },
	};
	struct timing timing = as_recorded(1);

	(void)state;
	expect(&timing, frames, DIM(frames));
}

static void
test_looped(void **state)
{
	const struct frame first[] = { { 100, 0 }, { 90, 0 }, { 150, 50 }, { 140, 50 } };
	const struct frame second[] = { { 100, 50 }, { 90, 50 }, { 150, 100 }, { 140, 100 } };
	struct timing timing = as_recorded(1);

	(void)state;
	expect(&timing, first, DIM(first));
	timing_again(&timing);
	expect(&timing, second, DIM(second));
}

static void
test_speed(void **state)
{
	const struct frame frames[] = { { 0, 0 }, { 100, 25 }, { 50, 25 }, { 200, 50 } };
	const struct frame slow[] = { { 0, 0 }, { 100, 400 }, { 50, 400 }, { 200, 800 } };
	struct timing timing = as_recorded(4);

	(void)state;
	expect(&timing, frames, DIM(frames));
	timing = as_recorded(0.25);
	expect(&timing, slow, DIM(slow));
}

/* Long gaps become short ones, as they are waited for: behind the speed. */
static void
test_gap_max(void **state)
{
	const int64_t day = (int64_t)(DAY / MS);
	const struct frame frames[] = {
		{ 0, 0 }, { 100, 100 }, { 100 + day, 600 }, { 150 + day, 650 }, { 0, 650 },
		{ 650 + day, 1150 }, { 1151 + day, 1650 },
	};
	const struct frame fast[] = { { 0, 0 }, { 1000, 250 }, { 3000, 750 }, { 6000, 1250 } };
	struct timing timing = as_recorded(1);

	(void)state;
	timing.gap_max_s = 0.5;
	expect(&timing, frames, DIM(frames));
	timing = as_recorded(4);
	timing.gap_max_s = 0.5;
	expect(&timing, fast, DIM(fast));
}

/* By a rate, the recorded times do not matter. */
static void
test_rates(void **state)
{
	struct timing timing;
	unsigned int i;

	(void)state;
	assert_int_equal(timing_parse("0.1kpps", &timing), 0);
	timing = (struct timing){ .kind = timing.kind, .rate = timing.rate };
	for (i = 0; i < 10; i++)
		assert_int_equal(timing_next(&timing, BEGIN - i * DAY, 60), i * 10 * MS);
	assert_int_equal(timing_parse("48kbps", &timing), 0);
	timing = (struct timing){ .kind = timing.kind, .rate = timing.rate };
	for (i = 0; i < 10; i++)
		assert_int_equal(timing_next(&timing, BEGIN + i * DAY, 60), i * 10 * MS);
	timing = (struct timing){ .kind = TIMING_FAST };
	assert_int_equal(timing_next(&timing, BEGIN, 60), 0);
	assert_int_equal(timing_next(&timing, BEGIN + DAY, 60), 0);
}

/* Further off than a clock counts, and as far back as a file can say. */
static void
test_limits(void **state)
{
	struct timing timing = as_recorded(1e-6);

	(void)state;
	assert_int_equal(timing_next(&timing, 0, 60), 0);
	assert_int_equal(timing_next(&timing, UINT64_MAX, 60), UINT64_C(9000000000000000000));
	timing = as_recorded(1);
	assert_int_equal(timing_next(&timing, UINT64_MAX, 60), 0);
	assert_int_equal(timing_next(&timing, 0, 60), 0);
	assert_int_equal(timing_next(&timing, UINT64_MAX, 60), 0);
}

static void
test_what_is_a_rate(void **state)
{
	static const char *const wrong[] = {
		"", "10", "pps", "-1pps", "0pps", "1e16pps", "10 pps", "10xpps", "10kk", "nanpps",
		"infbps", "1e999bps", "0x10pps", "0X1bps",
	};
	struct timing timing;
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(wrong); i++)
		assert_int_equal(timing_parse(wrong[i], &timing), -EINVAL);
	assert_int_equal(timing_parse("2.5Mpps", &timing), 0);
	assert_int_equal(timing.kind, TIMING_PPS);
	assert_true(timing.rate == 2.5e6);
	assert_int_equal(timing_parse("1GBPS", &timing), 0);
	assert_int_equal(timing.kind, TIMING_BPS);
	assert_true(timing.rate == 1e9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_one_frame_of_long_ago),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_looped),
		cmocka_unit_test(test_speed),
		cmocka_unit_test(test_gap_max),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_what_is_a_rate),
	};

	return cmocka_run_group_tests_name("timing", tests, NULL, NULL);
}
