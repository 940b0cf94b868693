/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What bench makes of its receivers' counts: what it must find wrong, and what it must not. */

#include "bench.h"
#include "check.h"

static struct bench_result
account(uint32_t format, struct bench_receipt receipt)
{
	struct bench_result result = { .sent = 100 };

	bench_account(&result, format, &receipt);
	assert_int_equal(result.sent, 100);
	assert_int_equal(result.received, receipt.received);
	return result;
}

static struct bench_result
lanes(uint64_t received, uint64_t missed)
{
	return account(SHMBUS_FORMAT_LANES,
		       (struct bench_receipt){ .received = received, .missed = missed, .overruns = 1 });
}

static struct bench_result
shmif(uint64_t received, uint64_t overruns)
{
	return account(SHMBUS_FORMAT_SHMIF,
		       (struct bench_receipt){ .received = received, .missed = 7, .overruns = overruns });
}

/* Each station says what it missed, and must be right. */
static void
test_lanes(void **state)
{
	(void)state;
	assert_int_equal(lanes(100, 0).unaccounted, 0);
	assert_int_equal(lanes(60, 40).unaccounted, 0);
	assert_int_equal(lanes(60, 40).missed, 40);
	assert_int_equal(lanes(60, 39).unaccounted, 1);
	assert_int_equal(lanes(60, 41).unaccounted, 1);
	assert_int_equal(lanes(101, 0).unaccounted, 1);
	assert_int_equal(lanes(0, 0).unaccounted, 100);
}

/* Missed is what an overrun station has not received; its own number is an estimate. */
static void
test_shmif(void **state)
{
	(void)state;
	assert_int_equal(shmif(100, 0).unaccounted, 0);
	assert_int_equal(shmif(100, 0).missed, 0);
	assert_int_equal(shmif(60, 2).unaccounted, 0);
	assert_int_equal(shmif(60, 2).missed, 40);
	assert_int_equal(shmif(99, 0).unaccounted, 1);
	assert_int_equal(shmif(99, 0).missed, 0);
	assert_int_equal(shmif(101, 0).unaccounted, 1);
	assert_int_equal(shmif(101, 2).unaccounted, 1);
	assert_int_equal(shmif(101, 2).missed, 0);
}

/* What one has too few another one's too many do not make good. */
static void
test_several(void **state)
{
	const struct bench_receipt few = { .received = 98, .bad = 1 };
	const struct bench_receipt many = { .received = 102, .bad = 2 };
	static const uint32_t formats[] = { SHMBUS_FORMAT_LANES, SHMBUS_FORMAT_SHMIF };
	struct bench_result result;
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(formats); i++) {
		result = (struct bench_result){ .sent = 100 };
		bench_account(&result, formats[i], &few);
		bench_account(&result, formats[i], &many);
		assert_int_equal(result.received, 200);
		assert_int_equal(result.unaccounted, 4);
		assert_int_equal(result.bad, 3);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_shmif),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
