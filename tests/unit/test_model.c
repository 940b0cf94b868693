/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Random traffic against a simple model of it: what was sent arrives in order,
 * once, whole, of the right length; what a reader did not get it has counted.
 */

#include <stdlib.h>

#include "check.h"
#include "tmpdir.h"
#include "wire.h"

#define READERS 4
#define BURST 64
/* Holds nobody up, also where the others do; reads seldom. */
#define MONITOR 3

static uint32_t frame_min, frame_max;

/* How long the frame of a number is, so that both ends know. */
static uint32_t
len_of(uint64_t seq)
{
	struct dice d = { .state = seq };

	return dice_range(&d, frame_min, frame_max);
}

struct reader {
	bool on;
	uint64_t from; /* the writer's number when it began */
	struct receiver rx;
};

struct scene {
	struct wire *w;
	struct dice dice;
	bool hold;
	struct station stations[2];
	struct reader readers[READERS];
};

static bool
holds(const struct scene *s, unsigned int i)
{
	return s->hold && i != MONITOR;
}

/* Two queues of each station. */
static void
begin(struct scene *s, unsigned int i)
{
	struct reader *reader = &s->readers[i];

	receiver_start(&reader->rx, &s->stations[i % 2], i / 2, station_lane(&s->w->a, 0),
		       holds(s, i));
	reader->rx.len_of = len_of;
	reader->from = s->w->tx.w.seq;
	reader->on = true;
	assert_int_equal(reader->rx.r.seq, reader->from);
}

/* All that the model knows must be so. */
static void
end(struct scene *s, unsigned int i)
{
	struct receiver *rx = &s->readers[i].rx;

	receiver_drain(rx);
	assert_int_equal(rx->frames + rx->missed, s->w->tx.w.seq - s->readers[i].from);
	assert_int_equal(rx->r.frames, rx->frames);
	assert_int_equal(rx->r.missed, rx->missed);
	assert_int_equal(rx->r.corrupt, 0);
	if (holds(s, i))
		assert_int_equal(rx->missed + rx->refused + rx->r.overruns, 0);
	receiver_stop(rx);
	s->readers[i].on = false;
}

static void
come_or_go(struct scene *s, unsigned int i)
{
	if (!s->readers[i].on)
		begin(s, i);
	else
		end(s, i);
}

static void
send(struct scene *s)
{
	const uint32_t n = dice_range(&s->dice, 1, BURST);
	uint32_t lens[BURST];
	uint32_t i, sent;

	for (i = 0; i < n; i++)
		lens[i] = len_of(s->w->tx.w.seq + i);
	sent = transmitter_burst(&s->w->tx, lens, n);
	assert_true(sent == n || s->hold);
}

static void
act(struct scene *s)
{
	const unsigned int i = dice_range(&s->dice, 0, READERS - 1);

	switch (dice_range(&s->dice, 0, 9)) {
	case 0:
		if (dice_range(&s->dice, 0, 50) == 0)
			come_or_go(s, i);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		if (s->readers[i].on && (i != MONITOR || dice_range(&s->dice, 0, 30) == 0))
			receiver_receive(&s->readers[i].rx, dice_range(&s->dice, 1, 200));
		break;
	default:
		send(s);
	}
}

/* Frames from min to max bytes, so many bytes in all. */
static void
play(struct wire *w, uint64_t lane_size, bool hold, uint32_t min, uint32_t max, uint64_t bytes)
{
	struct scene *s = calloc(1, sizeof(*s));
	unsigned int i;

	assert_non_null(s);
	s->w = w;
	s->hold = hold;
	s->dice.state = lane_size + max + hold;
	frame_min = min;
	frame_max = max;
	wire_start(w, lane_size, false, 0);
	transmitter_stop(&w->tx);
	transmitter_start(&w->tx, &w->a, 0, hold, 100000);
	for (i = 0; i < 2; i++) {
		station_join(&s->stations[i], w->path, 0, 0, 0);
		station_announce(&s->stations[i], 0, 2);
	}
	for (i = 0; i < READERS; i++)
		begin(s, i);
	while (w->tx.w.bytes < bytes)
		act(s);
	for (i = 0; i < READERS; i++)
		if (s->readers[i].on)
			end(s, i);
	for (i = 0; i < 2; i++)
		station_leave(&s->stations[i], false);
	wire_stop(w);
	free(s);
}

#define MB 1000000

static void
test_lossless(void **state)
{
	play(*state, 1 << 16, true, 14, 9014, 50 * MB);
	play(*state, 1 << 18, true, 14, 9014, 50 * MB);
	play(*state, 1 << 20, true, 14, 9014, 100 * MB);
}

static void
test_lossless_short(void **state)
{
	play(*state, 1 << 16, true, 14, 130, 10 * MB);
	play(*state, 1 << 20, true, 60, 60, 10 * MB);
}

static void
test_lossless_longest(void **state)
{
	play(*state, 1 << 16, true, 15000, (1 << 14) - 128, 50 * MB);
	play(*state, 1 << 18, true, 14, 65408, 50 * MB);
	play(*state, 1 << 20, true, 60000, 65535, 100 * MB);
}

static void
test_lossy(void **state)
{
	play(*state, 1 << 16, false, 14, 9014, 50 * MB);
	play(*state, 1 << 18, false, 14, 9014, 50 * MB);
	play(*state, 1 << 20, false, 14, 9014, 100 * MB);
}

static void
test_lossy_short(void **state)
{
	play(*state, 1 << 16, false, 14, 130, 10 * MB);
	play(*state, 1 << 18, false, 60, 60, 10 * MB);
}

static void
test_lossy_longest(void **state)
{
	play(*state, 1 << 16, false, 15000, (1 << 14) - 128, 50 * MB);
	play(*state, 1 << 18, false, 14, 65408, 50 * MB);
	play(*state, 1 << 20, false, 60000, 65535, 100 * MB);
}

#define T(name) cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lossless),
		T(test_lossless_short),
		T(test_lossless_longest),
		T(test_lossy),
		T(test_lossy_short),
		T(test_lossy_longest),
	};

	return cmocka_run_group_tests_name("model", tests, tmpdir_create, tmpdir_remove);
}
