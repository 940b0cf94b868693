/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The histogram of bench and pingpong, beside the values themselves. */

#include <stdbool.h>
#include <stdlib.h>

#include "../../examples/pingpong/histogram.h"
#include "check.h"

#define VALUES 10000

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Is it right to the width of a bucket? */
static bool
is_near(uint64_t found, uint64_t right)
{
	const uint64_t off = found > right ? found - right : right - found;

	return off <= right / HIST_SUB;
}

/* Values of all sizes: a random number of bits, and these at random. */
static void
test_percentiles(void **state)
{
	static const double percents[] = { 0, 1, 50, 90, 99, 99.9 };
	static struct histogram h;
	static uint64_t values[VALUES];
	unsigned int i, bits, rank;
	uint64_t luck = 88172645463325252u;

	(void)state;
	for (i = 0; i < VALUES; i++) {
		luck ^= luck << 13;
		luck ^= luck >> 7;
		luck ^= luck << 17;
		bits = 1 + i % 64;
		values[i] = luck >> (64 - bits);
		histogram_add(&h, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
	assert_int_equal(h.n, VALUES);
	assert_true(h.min == values[0] && h.max == values[VALUES - 1]);
	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		rank = (unsigned int)(VALUES * percents[i] / 100);
		assert_true(is_near(histogram_percentile(&h, percents[i]), values[rank]));
	}
	assert_true(histogram_percentile(&h, 100) == h.max);
}

/* Small values have a bucket each, and the ends of the range have one. */
static void
test_edges(void **state)
{
	static const uint64_t edges[] = { 0, 1, 127, 128, 255, UINT64_MAX };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		static struct histogram h;

		h = (struct histogram){ .n = 0 };
		assert_true(histogram_percentile(&h, 50) == 0);
		histogram_add(&h, edges[i]);
		assert_true(histogram_percentile(&h, 50) == edges[i]);
		assert_true(histogram_percentile(&h, 100) == edges[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
