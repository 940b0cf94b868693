/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Positions and sequence numbers where 32 and 64 bits end. */

#include "check.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define LAPS 12

static const uint64_t limits[] = {
	UINT64_C(1) << 31, UINT64_C(1) << 32, UINT64_C(1) << 63, 0 /* 2^64 */,
};

/* From some laps before a limit to some laps behind it. */
static void
traffic(struct wire *w, uint64_t pos, uint64_t seq, bool hold)
{
	struct dice dice = { .state = pos ^ seq };
	uint64_t sent = 0;
	uint32_t lens[8];
	uint32_t i, n;

	wire_start_at(w, LANE, hold, 1000, pos, seq);
	assert_int_equal(w->rx.r.seq, seq);
	assert_int_equal(w->rx.r.pos, pos);
	while (w->tx.w.tail - pos < 2 * LAPS * LANE) {
		n = dice_range(&dice, 1, DIM(lens));
		for (i = 0; i < n; i++)
			lens[i] = dice_range(&dice, 14, 700);
		if (transmitter_send(&w->tx, lens, n))
			sent += n;
		else
			assert_true(hold);
		if (dice_range(&dice, 0, hold ? 4 : 40) == 0)
			receiver_receive(&w->rx, dice_range(&dice, 1, hold ? 64 : 200));
	}
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.frames + w->rx.missed, sent);
	assert_int_equal(w->rx.r.frames, w->rx.frames);
	assert_int_equal(w->rx.r.missed, w->rx.missed);
	assert_int_equal(w->rx.r.corrupt, 0);
	if (hold)
		assert_int_equal(w->rx.missed, 0);
	else
		assert_true(w->rx.missed != 0 && w->rx.frames > 1000);
	wire_stop(w);
}

static void
around_positions(struct wire *w, bool hold)
{
	unsigned int i;

	for (i = 0; i < DIM(limits); i++) {
		traffic(w, limits[i] - LAPS * LANE, 5, hold);
		traffic(w, limits[i] - LAPS * LANE + 64, 5, hold);
		traffic(w, limits[i] - LAPS * LANE - 64 * 7, 5, hold);
	}
}

static void
test_positions_lossless(void **state)
{
	around_positions(*state, true);
}

static void
test_positions_lossy(void **state)
{
	around_positions(*state, false);
}

static void
test_numbers_lossless(void **state)
{
	unsigned int i;

	for (i = 0; i < DIM(limits); i++)
		traffic(*state, 64, limits[i] - 1500, true);
}

static void
test_numbers_lossy(void **state)
{
	unsigned int i;

	for (i = 0; i < DIM(limits); i++)
		traffic(*state, 64, limits[i] - 1500, false);
}

/* A loss that begins at each of the last and the first numbers. */
static void
test_loss_at_the_last_number(void **state)
{
	struct wire *w = *state;
	uint64_t before;
	int first;

	for (first = -6; first <= 6; first++) {
		wire_start_at(w, LANE, false, 0, 128 * 100, (uint64_t)-10);
		before = (uint64_t)(10 + first);
		transmitter_send_many(&w->tx, before, 60);
		assert_int_equal(receiver_drain(&w->rx), before);
		assert_int_equal(w->rx.r.seq, (uint64_t)first);
		transmitter_send_many(&w->tx, 2000, 60);
		receiver_drain(&w->rx);
		assert_true(w->rx.missed > 0);
		assert_int_equal(w->rx.r.missed, w->rx.missed);
		assert_int_equal(w->rx.frames + w->rx.r.missed, before + 2000);
		wire_stop(w);
	}
}

/* The end of the ring and the end of the numbers in one record. */
static void
test_all_ends_at_once(void **state)
{
	static const uint32_t lens[] = { 60, 60, 1514, 60, 1514 };
	struct wire *w = *state;
	unsigned int lines;

	for (lines = 1; lines < 60; lines++) {
		wire_start_at(w, LANE, true, 1000, -(uint64_t)lines * SHMBUS_LINE, (uint64_t)-3);
		assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
		assert_int_equal(receiver_receive(&w->rx, 2), 2);
		assert_int_equal(receiver_receive(&w->rx, 64), 3);
		assert_int_equal(w->rx.r.seq, 2);
		transmitter_send_many(&w->tx, 3, 60);
		assert_int_equal(receiver_drain(&w->rx), 3);
		assert_int_equal(w->rx.r.missed + w->rx.r.corrupt, 0);
		wire_stop(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_positions_lossless, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_positions_lossy, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_numbers_lossless, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_numbers_lossy, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_loss_at_the_last_number, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_all_ends_at_once, wire_setup, wire_teardown),
	};

	return cmocka_run_group_tests_name("position", tests, tmpdir_create, tmpdir_remove);
}
