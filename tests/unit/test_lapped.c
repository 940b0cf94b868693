/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A reader that the writer overtakes: nothing torn, and every frame accounted for. */

#include "check.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define CHUNK (LANE / SHMBUS_CHUNKS)

static void
assert_accounted(const struct receiver *rx, uint64_t sent)
{
	assert_int_equal(rx->r.missed, rx->missed);
	assert_int_equal(rx->frames + rx->missed, sent);
	assert_int_equal(rx->r.corrupt, 0);
}

static void
test_missed_exactly(void **state)
{
	struct wire *w = *state;
	uint64_t sent = 0;
	uint32_t n;

	wire_start(w, LANE, false, 0);
	for (n = 1; n < 3000; n += 61) {
		transmitter_send_many(&w->tx, n, 200);
		sent += n;
		receiver_drain(&w->rx);
		assert_accounted(&w->rx, sent);
	}
	assert_true(w->rx.r.overruns > 20);
}

/* A reader that begins with the oldest frame gets all frames that the ring holds. */
static void
test_from_the_oldest(void **state)
{
	struct wire *w = *state;
	struct shmbus_reader *r = &w->rx.r;
	uint64_t held;
	uint32_t n;

	wire_start(w, LANE, false, 0);
	shmbus_reader_start_oldest(&w->b.bus, r, r->lane);
	assert_int_equal(r->pos, r->tail);
	assert_int_equal(shmbus_reader_held(&w->b.bus, r->lane), 0);
	for (n = 1; n < 2000; n += 83) {
		transmitter_send_many(&w->tx, n, 200);
		held = shmbus_reader_held(&w->b.bus, r->lane);
		shmbus_reader_start_oldest(&w->b.bus, r, r->lane);
		w->rx.seq = w->tx.w.seq - held;
		assert_int_equal(receiver_drain(&w->rx), held);
		assert_int_equal(w->rx.seq, w->tx.w.seq);
		assert_int_equal(w->rx.missed, 0);
		assert_int_equal(r->missed, 0);
		assert_int_equal(r->corrupt, 0);
		assert_int_equal(r->overruns, 0);
		/* Before the ring was full once: everything. Later: all but two chunks. */
		if (w->tx.w.tail <= LANE)
			assert_int_equal(held, w->tx.w.seq);
		else
			assert_true(held * 320 >= LANE - 2 * CHUNK - 320);
	}
}

/* Nothing is missed while the writer is less than the whole ring ahead. */
static void
test_not_before_its_time(void **state)
{
	struct wire *w = *state;
	uint64_t lap;

	wire_start(w, LANE, false, 0);
	for (lap = 0; lap < 50; lap++) {
		/* All but the chunk that head may be in, and the one to be written. */
		while (w->tx.w.tail - w->rx.r.pos + 192 <= LANE - CHUNK)
			transmitter_send_many(&w->tx, 1, 128);
		receiver_drain(&w->rx);
		assert_int_equal(w->rx.missed, 0);
		assert_int_equal(w->rx.r.overruns, 0);
	}
}

static void
test_in_the_middle_of_a_record(void **state)
{
	struct wire *w = *state;
	uint32_t lens[40];
	uint64_t sent = 0;
	uint32_t i, part;

	wire_start(w, LANE, false, 0);
	for (i = 0; i < DIM(lens); i++)
		lens[i] = 60 + i;
	for (part = 1; part < DIM(lens); part++) {
		assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
		assert_int_equal(receiver_receive(&w->rx, part), part);
		transmitter_send_many(&w->tx, 1000, 60);
		sent += DIM(lens) + 1000;
		receiver_drain(&w->rx);
		assert_accounted(&w->rx, sent);
	}
}

/* Reading goes on far enough from head not to be lapped again at once. */
static void
test_resumes_with_room_to_spare(void **state)
{
	struct wire *w = *state;
	uint64_t head, ahead;
	uint32_t n;

	wire_start(w, LANE, false, 0);
	for (n = 900; n < 1300; n += 7) {
		transmitter_send_many(&w->tx, n, 60);
		assert_true(shmbus_reader_peek(&w->b.bus, &w->rx.r) != 0);
		head = shmbus_load(&station_entry(&w->a, 0)->head);
		ahead = w->rx.r.pos - head;
		assert_true(ahead >= LANE / 4);
		assert_true(ahead < LANE / 4 + 2 * CHUNK);
		receiver_drain(&w->rx);
	}
	assert_int_equal(w->rx.r.corrupt, 0);
}

/* Frames so long that most chunks have no mark; and more than half of the ring is one. */
static void
test_few_marks(void **state)
{
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int i;
	uint32_t max;

	wire_start(w, LANE, false, 0);
	max = shmbus_frame_max(&w->a.bus.geo);
	for (i = 0; i < 200; i++) {
		transmitter_send_many(&w->tx, i % 13, max - i);
		sent += i % 13;
		receiver_drain(&w->rx);
		assert_accounted(&w->rx, sent);
	}
	assert_true(w->rx.r.overruns != 0 && w->rx.frames > 100);
}

/* Copy what peek offers, with something happening before or after. */
static uint32_t
copy_all(struct wire *w, struct shmbus_walk *walk, uint8_t *to, size_t room)
{
	struct shmbus_reader *r = &w->rx.r;
	const uint8_t *frame;
	uint32_t n = 0;
	uint32_t len;

	while (n < r->left && (len = shmbus_reader_next(r, walk, &frame)) != 0) {
		if (len <= room)
			memcpy(to, frame, len);
		n++;
	}
	return n;
}

static void
test_overwritten_before_the_copy(void **state)
{
	static const uint32_t lens[] = { 60, 100, 1514, 60 };
	static uint8_t to[4096];
	struct wire *w = *state;
	struct shmbus_walk walk;

	wire_start(w, LANE, false, 0);
	assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
	assert_int_equal(shmbus_reader_peek(&w->b.bus, &w->rx.r), DIM(lens));
	shmbus_reader_walk(&w->b.bus, &w->rx.r, &walk);
	transmitter_send_many(&w->tx, 600, 150);
	copy_all(w, &walk, to, sizeof(to));
	assert_false(shmbus_reader_commit(&w->b.bus, &w->rx.r, &walk));
	assert_int_equal(w->rx.r.frames, 0);
	receiver_drain(&w->rx);
	assert_accounted(&w->rx, DIM(lens) + 600);
}

static void
overwrite(void *arg)
{
	struct wire *w = arg;

	w->rx.meanwhile = NULL;
	transmitter_send_many(&w->tx, 600, 150);
}

static void
test_overwritten_after_the_copy(void **state)
{
	static const uint32_t lens[] = { 60, 100, 1514, 60 };
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int i;

	wire_start(w, LANE, false, 0);
	w->rx.arg = w;
	for (i = 0; i < 50; i++) {
		assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
		assert_int_equal(receiver_receive(&w->rx, i % 4), i % 4);
		w->rx.meanwhile = overwrite;
		receiver_drain(&w->rx);
		sent += DIM(lens) + 600;
		assert_accounted(&w->rx, sent);
	}
	/* The copies were good, but nobody can know. */
	assert_true(w->rx.refused >= 50);
}

/* Head may be raised long before the byte at the reader's place changes. */
static void
test_head_exactly_at_the_reader(void **state)
{
	struct shmbus_lane_entry *entry;
	struct wire *w = *state;
	struct shmbus_walk walk;
	static uint8_t to[4096];
	uint64_t pos;

	wire_start(w, LANE, false, 0);
	entry = station_entry(&w->a, 0);
	transmitter_send_many(&w->tx, 50, 60);
	assert_int_equal(receiver_receive(&w->rx, 30), 30);
	pos = w->rx.r.pos;
	assert_int_equal(shmbus_reader_peek(&w->b.bus, &w->rx.r), 1);
	shmbus_reader_walk(&w->b.bus, &w->rx.r, &walk);
	copy_all(w, &walk, to, sizeof(to));
	shmbus_store(&entry->head, pos);
	assert_true(shmbus_reader_commit(&w->b.bus, &w->rx.r, &walk));
	/* The next one, with head one line into it. */
	assert_int_equal(shmbus_reader_peek(&w->b.bus, &w->rx.r), 1);
	shmbus_reader_walk(&w->b.bus, &w->rx.r, &walk);
	copy_all(w, &walk, to, sizeof(to));
	shmbus_store(&entry->head, w->rx.r.pos + SHMBUS_LINE);
	assert_false(shmbus_reader_commit(&w->b.bus, &w->rx.r, &walk));
}

/*
 * Whole laps: at the place where the reader goes on, a record begins again,
 * of the same size, that looks right but for its position.
 */
static void
test_whole_laps(void **state)
{
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int lap;

	wire_start(w, LANE, false, 0);
	for (lap = 1; lap < 5; lap++) {
		transmitter_send_many(&w->tx, 10, 192); /* 256 bytes each */
		assert_int_equal(receiver_receive(&w->rx, 1), 1);
		transmitter_send_many(&w->tx, lap * (LANE / 256), 192);
		sent += 10 + lap * (LANE / 256);
		receiver_drain(&w->rx);
		assert_accounted(&w->rx, sent);
	}
}

/* What was lost is known also when nothing comes after it. */
static void
test_counted_at_the_tail(void **state)
{
	struct wire *w = *state;
	uint32_t max;

	wire_start(w, LANE, false, 0);
	max = shmbus_frame_max(&w->a.bus.geo);
	/* The last record begins less than a quarter above head: no mark will do. */
	transmitter_send_many(&w->tx, 100, 60);
	transmitter_send_many(&w->tx, 4, max);
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.r.frames + w->rx.r.missed, 104);
	assert_int_equal(w->rx.r.seq, 104);
	transmitter_send_many(&w->tx, 1, 60);
	assert_int_equal(receiver_drain(&w->rx), 1);
	assert_accounted(&w->rx, 105);
}

/* Two readers of one lane do not know of each other. */
static void
test_two_readers(void **state)
{
	struct dice dice = { .state = 3 };
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int i;

	wire_start(w, LANE, false, 0);
	wire_second_receiver(w, false);
	for (i = 0; i < 50000; i++) {
		transmitter_send_many(&w->tx, 1, dice_range(&dice, 14, 1000));
		sent++;
		if (dice_range(&dice, 0, 40) == 0)
			receiver_receive(&w->rx, dice_range(&dice, 1, 64));
		if (dice_range(&dice, 0, 120) == 0)
			receiver_receive(&w->rx2, dice_range(&dice, 1, 64));
	}
	receiver_drain(&w->rx);
	receiver_drain(&w->rx2);
	assert_accounted(&w->rx, sent);
	assert_accounted(&w->rx2, sent);
	assert_true(w->rx2.missed > w->rx.missed && w->rx.missed > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_missed_exactly, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_from_the_oldest, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_not_before_its_time, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_in_the_middle_of_a_record, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_resumes_with_room_to_spare, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_few_marks, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_overwritten_before_the_copy, wire_setup,
						wire_teardown),
		cmocka_unit_test_setup_teardown(test_overwritten_after_the_copy, wire_setup,
						wire_teardown),
		cmocka_unit_test_setup_teardown(test_head_exactly_at_the_reader, wire_setup,
						wire_teardown),
		cmocka_unit_test_setup_teardown(test_whole_laps, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_counted_at_the_tail, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_two_readers, wire_setup, wire_teardown),
	};

	return cmocka_run_group_tests_name("lapped", tests, tmpdir_create, tmpdir_remove);
}
