/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A reader that begins to hold its writer up, while that runs laps between its steps. */

#include "check.h"
#include "shmbus_step.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define FOREVER_MS 100000
#define FRAME 1000
#define TWO_LAPS (2 * LANE / (SHMBUS_LINE + SHMBUS_ALIGN(FRAME)) + 1)

/* Who runs laps, before a step's first visits. */
static struct {
	struct wire *w;
	enum shmbus_step step[2];
	unsigned int n;
	unsigned int visits;
} lapper;

void
shmbus_step(enum shmbus_step step)
{
	struct wire *w = lapper.w;

	if (w == NULL || lapper.visits == lapper.n || lapper.step[lapper.visits] != step)
		return;
	lapper.visits++;
	lapper.w = NULL;
	transmitter_send_many(&w->tx, TWO_LAPS, FRAME);
	lapper.w = w;
}

static void
assert_held(struct wire *w)
{
	uint64_t sent = 0;

	assert_true(shmbus_load(&station_entry(&w->a, 0)->head) <= w->rx2.r.pos);
	while (transmitter_send_one(&w->tx, FRAME))
		assert_true(++sent <= TWO_LAPS);
	assert_int_equal(receiver_drain(&w->rx2), sent);
	assert_int_equal(w->rx2.r.missed + w->rx2.r.overruns + w->rx2.r.corrupt, 0);
}

static void
begin(struct wire *w, enum shmbus_step first, enum shmbus_step second, unsigned int n)
{
	wire_start(w, LANE, true, FOREVER_MS);
	receiver_stop(&w->rx);
	lapper.step[0] = first;
	lapper.step[1] = second;
	lapper.n = n;
	lapper.visits = 0;
	lapper.w = w;
	wire_second_receiver(w, true);
	lapper.w = NULL;
	assert_int_equal(lapper.visits, n);
	assert_held(w);
}

static void
test_lapped_before_it_holds(void **state)
{
	begin(*state, SHMBUS_STEP_reader_place_cursor, 0, 1);
}

/* The writer finds a cursor far behind, as that of a lapped reader, and does not wait for it. */
static void
test_lapped_while_it_begins(void **state)
{
	begin(*state, SHMBUS_STEP_reader_place_cursor, SHMBUS_STEP_reader_move_cursor, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lapped_before_it_holds),
		T(test_lapped_while_it_begins),
	};

	return cmocka_run_group_tests_name("hold", tests, tmpdir_create, tmpdir_remove);
}
