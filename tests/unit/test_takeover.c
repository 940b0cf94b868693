/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A lane whose writer died at some instant, or wrote nonsense, and the writer's successor. */

#include <stdlib.h>

#include "check.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define CHUNK (LANE / SHMBUS_CHUNKS)

/* The station dies, and another one gets its slot and lane. */
static void
take_over(struct wire *w)
{
	transmitter_stop(&w->tx);
	station_die(&w->a);
	station_join(&w->a, w->path, 0, 0, 0);
	assert_int_equal(w->a.port.slot, 0);
	assert_true(w->a.port.took_over);
	station_announce(&w->a, 1, 0);
	transmitter_start(&w->tx, &w->a, 0, w->rx.cursor != NULL, 1000);
}

static void
test_between_bursts(void **state)
{
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int i;

	wire_start(w, LANE, true, 1000);
	for (i = 0; i < 30; i++) {
		transmitter_send_many(&w->tx, i, 1000);
		sent += i;
		if (i & 1)
			receiver_drain(&w->rx);
		take_over(w);
		assert_int_equal(w->tx.w.seq, sent);
	}
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.frames, sent);
	assert_int_equal(w->rx.r.missed + w->rx.r.corrupt + w->rx.r.overruns, 0);
}

/* What a publication stores, in this order; died_before: the first that is not. */
enum step {
	STEP_HEAD,
	STEP_DATA,
	STEP_MARK,
	STEP_BYTES,
	STEP_STAMP_POS,
	STEP_STAMP_SEQ,
	STEP_TAIL,
	STEPS,
};

/* Send a record, and take back what had not been stored at that step. */
static void
die_at(struct wire *w, enum step died_before)
{
	static const uint32_t lens[] = { 1514, 60, 700 };
	struct shmbus_lane_entry *entry = station_entry(&w->a, 0);
	struct shmbus_lane_entry before;
	uint8_t *ring = shmbus_bus_lane_data(&w->a.bus, 0);
	uint8_t *data = malloc(LANE);
	unsigned int i;

	assert_non_null(data);
	memcpy(&before, entry, sizeof(before));
	memcpy(data, ring, LANE);
	assert_true(transmitter_send(&w->tx, lens, DIM(lens)));
	shmbus_store(&entry->tail, before.tail);
	for (i = 0; i < 2; i++) {
		if (died_before <= STEP_STAMP_SEQ)
			shmbus_store(&entry->stamp[i].seq, before.stamp[i].seq);
		if (died_before <= STEP_STAMP_POS)
			shmbus_store(&entry->stamp[i].pos, before.stamp[i].pos);
	}
	if (died_before <= STEP_BYTES)
		shmbus_store(&entry->bytes, before.bytes);
	for (i = 0; i < SHMBUS_CHUNKS && died_before <= STEP_MARK; i++)
		shmbus_store(&entry->mark[i], before.mark[i]);
	if (died_before <= STEP_DATA)
		memcpy(ring, data, LANE);
	if (died_before <= STEP_HEAD)
		shmbus_store(&entry->head, before.head);
	free(data);
}

/* Wherever it dies: nothing of its last burst is seen, and no number is lost. */
static void
at_each_step(struct wire *w, bool hold)
{
	uint64_t sent = 0;
	unsigned int i, round;
	uint64_t got;

	wire_start(w, LANE, hold, 1000);
	for (round = 0; round < 50; round++) {
		for (i = STEP_HEAD; i <= STEP_TAIL; i++) {
			transmitter_send_many(&w->tx, 3, 60 + round * 30);
			sent += 3;
			die_at(w, (enum step)i);
			/* Also before anybody takes over. */
			got = receiver_drain(&w->rx);
			assert_true(got == 3 || !hold);
			take_over(w);
			assert_int_equal(w->tx.w.seq, sent);
			if (!hold && round % 10 == 9) {
				transmitter_send_many(&w->tx, 500, 200);
				sent += 500;
			}
		}
	}
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.frames + w->rx.r.missed, sent);
	assert_int_equal(w->rx.r.missed, w->rx.missed);
	assert_int_equal(w->rx.r.corrupt, 0);
	if (hold)
		assert_int_equal(w->rx.r.missed, 0);
}

static void
test_at_each_step_lossless(void **state)
{
	at_each_step(*state, true);
}

static void
test_at_each_step_lossy(void **state)
{
	at_each_step(*state, false);
}

/* Near the end of the numbers as well. */
static void
test_at_each_step_at_2_64(void **state)
{
	struct wire *w = *state;
	uint64_t sent = 0;
	unsigned int i, round;

	wire_start_at(w, LANE, true, 1000, -(uint64_t)(LANE / 2), (uint64_t)-100);
	for (round = 0; round < 20; round++) {
		for (i = STEP_HEAD; i <= STEP_TAIL; i++) {
			transmitter_send_many(&w->tx, 1, 1000);
			sent++;
			die_at(w, (enum step)i);
			take_over(w);
			assert_int_equal(receiver_drain(&w->rx), 1);
		}
	}
	assert_int_equal(w->rx.frames, sent);
	assert_int_equal(w->rx.r.missed + w->rx.r.corrupt, 0);
}

/* A reader that begins while a stamp is half-written must know its number, too. */
static void
test_reader_begins_at_each_step(void **state)
{
	struct wire *w = *state;
	unsigned int i;

	for (i = STEP_HEAD; i <= STEP_TAIL; i++) {
		wire_start(w, LANE, true, 1000);
		transmitter_send_many(&w->tx, 5, 60);
		die_at(w, (enum step)i);
		wire_second_receiver(w, true);
		assert_int_equal(w->rx2.r.seq, 5);
		take_over(w);
		transmitter_send_many(&w->tx, 2, 60);
		assert_int_equal(receiver_drain(&w->rx2), 2);
		assert_int_equal(w->rx2.r.missed, 0);
		wire_stop(w);
	}
}

/* The first record of each chunk has a mark, also when its writer is new. */
static void
test_marks(void **state)
{
	struct shmbus_lane_entry *entry;
	struct wire *w = *state;

	/* In the middle of a chunk: another record has been its first. */
	wire_start_at(w, LANE, false, 0, 5 * LANE + 3 * CHUNK + 640, 7);
	entry = station_entry(&w->a, 0);
	shmbus_store(&entry->mark[3], 5 * LANE + 3 * CHUNK + 64);
	transmitter_send_many(&w->tx, 1, 60);
	assert_int_equal(shmbus_load(&entry->mark[3]), 5 * LANE + 3 * CHUNK + 64);
	wire_advance_to(w, 4 * CHUNK - 128);
	take_over(w);
	transmitter_send_many(&w->tx, 1, 60);
	assert_int_equal(w->tx.w.tail, 5 * LANE + 4 * CHUNK);
	/* Just where a chunk begins. */
	take_over(w);
	entry = station_entry(&w->a, 0);
	transmitter_send_many(&w->tx, 2, 60);
	assert_int_equal(shmbus_load(&entry->mark[3]), 5 * LANE + 3 * CHUNK + 64);
	assert_int_equal(shmbus_load(&entry->mark[4]), 5 * LANE + 4 * CHUNK);
	/* Two chunks on, over one that no record begins in. */
	transmitter_send_many(&w->tx, 1, 2 * CHUNK - 256);
	transmitter_send_many(&w->tx, 2, 60);
	assert_int_equal(shmbus_load(&entry->mark[5]), 0);
	assert_int_equal(shmbus_load(&entry->mark[6]), 5 * LANE + 6 * CHUNK + 64);
}

/* States that no honest owner leaves. The successor repairs the lane. */
struct lie {
	const char *what;
	uint64_t tail, head, stamp_pos, seq;
};

static void
test_lies(void **state)
{
	static const struct lie lies[] = {
		{ "tail not on a line", 4096 + 1, 4096, 4096, 7 },
		{ "tail below head", 4096, 8192, 4096, 7 },
		{ "head far behind", LANE * 5, 0, LANE * 5, 7 },
		{ "head far ahead", 4096, LANE * 5, 4096, 7 },
		{ "head not on a chunk", 8192, 64, 8192, 7 },
		{ "head not on a line", 8192, 4097, 8192, 7 },
		{ "no stamp", 8192, 0, 1, 7 },
		{ "all ones", UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
		{ "tail all ones", UINT64_MAX, 0, 0, 0 },
		{ "head all ones", 0, UINT64_MAX, 0, 0 },
	};
	struct shmbus_lane_entry *entry;
	struct wire *w = *state;
	const struct lie *lie;
	uint64_t before;
	unsigned int i, k;

	for (i = 0; i < DIM(lies); i++) {
		lie = &lies[i];
		wire_start(w, LANE, false, 0);
		transmitter_send_many(&w->tx, 20, 60);
		receiver_drain(&w->rx);
		entry = station_entry(&w->a, 0);
		shmbus_store(&entry->tail, lie->tail);
		shmbus_store(&entry->head, lie->head);
		shmbus_store(&entry->stamp[0].pos, lie->stamp_pos);
		shmbus_store(&entry->stamp[0].seq, lie->seq);
		shmbus_store(&entry->stamp[1].pos, lie->stamp_pos + 1);
		shmbus_store(&entry->stamp[1].seq, lie->seq + 1);
		w->rx.trusting = true;
		receiver_drain(&w->rx);
		take_over(w);
		assert_int_equal(w->tx.w.tail % SHMBUS_LINE, 0);
		assert_int_equal((w->tx.w.limit - LANE) % CHUNK, 0);
		assert_true(w->tx.w.limit - w->tx.w.tail <= LANE);
		/* One burst to find the way again; then all is as always. */
		assert_true(transmitter_send_one(&w->tx, 60));
		receiver_drain(&w->rx);
		w->rx.trusting = false;
		w->rx.seq = w->rx.r.seq;
		w->rx.missed = 0;
		w->rx.r.missed = 0;
		before = w->rx.frames;
		for (k = 0; k < 10; k++) {
			transmitter_send_many(&w->tx, 100, 100);
			receiver_drain(&w->rx);
		}
		if (w->rx.frames - before != 1000 || w->rx.r.missed != 0)
			fail_msg("%s: %llu of 1000 frames, %llu missed", lie->what,
				 (unsigned long long)(w->rx.frames - before),
				 (unsigned long long)w->rx.r.missed);
		wire_stop(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_between_bursts, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_at_each_step_lossless, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_at_each_step_lossy, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_at_each_step_at_2_64, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_reader_begins_at_each_step, wire_setup,
						wire_teardown),
		cmocka_unit_test_setup_teardown(test_marks, wire_setup, wire_teardown),
		cmocka_unit_test_setup_teardown(test_lies, wire_setup, wire_teardown),
	};

	return cmocka_run_group_tests_name("takeover", tests, tmpdir_create, tmpdir_remove);
}
