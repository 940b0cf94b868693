/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The reading end of a shmif bus: what it gets, and what it says that it missed. */

#include <errno.h>

#include "check.h"
#include "shmif_pair.h"
#include "tmpdir.h"

static void
test_nothing(void **state)
{
	struct pair *t = *state;

	assert_false(shmbus_shmif_pending(&t->rx.bus, &t->rx.r));
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	assert_false(shmbus_shmif_has_next(&t->rx.r));
	side_send_many(&t->tx, 3, 60);
	assert_true(shmbus_shmif_pending(&t->rx.bus, &t->rx.r));
	assert_int_equal(side_receive(&t->rx), 3);
	assert_false(shmbus_shmif_pending(&t->rx.bus, &t->rx.r));
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	assert_false(shmbus_shmif_has_next(&t->rx.r));
	assert_int_equal(t->rx.r.fetched, 3);
	assert_int_equal(t->rx.r.fetched_bytes, 3 * 84);
}

/* What is there before a reader starts is not for it. */
static void
test_start(void **state)
{
	struct pair *t = *state;
	struct side late;

	side_send_many(&t->tx, 10, 60);
	side_join(&late, t->path, 3);
	late.expect_sender = 1;
	late.seq = 10;
	assert_false(shmbus_shmif_pending(&late.bus, &late.r));
	side_send_many(&t->tx, 2, 60);
	assert_int_equal(side_receive(&late), 2);
	/* Started again: the counts stay. */
	side_send_many(&t->tx, 2, 60);
	shmbus_shmif_reader_start(&late.bus, &late.r, SHMBUS_SHMIF_START_MS);
	late.seq = 14;
	assert_false(shmbus_shmif_pending(&late.bus, &late.r));
	assert_int_equal(late.r.fetched, 2);
	side_send_many(&t->tx, 1, 60);
	assert_int_equal(side_receive(&late), 1);
	assert_int_equal(late.jumped + late.r.overruns, 0);
	side_leave(&late);
}

/* The lock is stuck: it starts with the newest frame, and gets it when the lock is free. */
static void
test_start_while_locked(void **state)
{
	struct pair *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);

	side_send_many(&t->tx, 10, 60);
	shmbus_store(&h->lock, 1);
	shmbus_shmif_reader_start(&t->rx.bus, &t->rx.r, 3);
	assert_true(shmbus_shmif_pending(&t->rx.bus, &t->rx.r));
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), -EBUSY);
	assert_true(shmbus_shmif_pending(&t->rx.bus, &t->rx.r));
	assert_int_equal(shmbus_load(&h->lock), 1);
	shmbus_store(&h->lock, 0);
	t->rx.seq = 9;
	assert_int_equal(side_receive(&t->rx), 1);
	assert_int_equal(t->rx.seq, 10);
	assert_int_equal(t->rx.jumped + t->rx.r.overruns, 0);
}

/* On a bus that makes no sense it begins with the newest record when it does. */
static void
test_start_on_damage(void **state)
{
	struct pair *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);

	side_send_many(&t->tx, 10, 60);
	shmbus_store(&h->first, DATA + 1);
	shmbus_shmif_reader_start(&t->rx.bus, &t->rx.r, 3);
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), -EILSEQ);
	assert_int_equal(t->rx.r.corrupt, 1);
	shmbus_store(&h->first, DATA);
	t->rx.seq = 9;
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	assert_int_equal(side_take(&t->rx), 1);
	assert_int_equal(t->rx.seq, 10);
}

static void
test_own_frames(void **state)
{
	struct pair *t = *state;

	t->tx.expect_sender = 1;
	side_send_many(&t->tx, 5, 100);
	side_send_many(&t->rx, 4, 100);
	assert_int_equal(side_receive(&t->tx), 5);
	assert_int_equal(t->tx.others, 4);
	assert_int_equal(side_receive(&t->rx), 5);
	assert_int_equal(t->rx.others, 4);
}

static void
test_uptime(void **state)
{
	struct shmbus_shmif_frame frame;
	struct pair *t = *state;

	shmbus_shmif_begin(&t->tx.w, UINT64_C(4294967295) * SECOND + 123456789);
	assert_true(side_add(&t->tx, 60));
	side_send(&t->tx);
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	shmbus_shmif_next(&t->rx.r, &frame);
	assert_int_equal(frame.len, 60);
	assert_int_equal(frame.sender, 1);
	assert_int_equal(frame.uptime_ns, UINT64_C(4294967295) * SECOND + 123456000);
}

/* Records of all lengths where one piece ends and the next begins. */
static void
test_pieces(void **state)
{
	struct pair *t = *state;
	uint64_t sent = 0;
	uint64_t pieces = 0;
	uint32_t len;
	unsigned int i;

	for (len = FRAME_MIN; len <= 1514; len += 11) {
		for (i = 0; i < 200000 / (RECORD + len); i++) {
			side_push(&t->tx, len);
			sent++;
		}
		side_send(&t->tx);
		while (shmbus_shmif_pending(&t->rx.bus, &t->rx.r)) {
			assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
			assert_true(t->rx.r.len <= SHMBUS_SHMIF_PIECE);
			/* As many whole ones as go in. */
			assert_true(!t->rx.r.more ||
				    t->rx.r.len + RECORD + len > SHMBUS_SHMIF_PIECE);
			side_take(&t->rx);
			pieces++;
		}
	}
	assert_int_equal(t->rx.frames, sent);
	assert_int_equal(t->rx.jumped + t->rx.r.overruns + t->rx.r.missed, 0);
	assert_true(pieces > 400);
	assert_int_equal(t->rx.r.fetched, sent);
}

/* Just a piece, one byte less, one more; and a rest just too short for a header. */
static void
test_piece_to_the_byte(void **state)
{
	struct pair *t = *state;
	int rest;

	for (rest = -30; rest <= 30; rest++) {
		const uint32_t whole = (SHMBUS_SHMIF_PIECE - 2048) / 1024;
		const uint32_t left = SHMBUS_SHMIF_PIECE - whole * 1024 + (uint32_t)rest;
		unsigned int i, n = 0;

		for (i = 0; i < whole; i++) {
			assert_true(side_add(&t->tx, 1000));
			if (i % 50 == 49)
				side_send(&t->tx);
		}
		assert_true(side_add(&t->tx, left / 2 - RECORD));
		assert_true(side_add(&t->tx, left - left / 2 - RECORD));
		side_send(&t->tx);
		while (shmbus_shmif_pending(&t->rx.bus, &t->rx.r)) {
			assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
			side_take(&t->rx);
			n++;
		}
		assert_int_equal(n, rest <= 0 ? 1 : 2);
		assert_int_equal(t->rx.seq, t->tx.sent);
	}
	assert_int_equal(t->rx.jumped + t->rx.r.overruns, 0);
}

/* Lapped by all amounts: what was got and what was missed is all there was. */
static void
test_overrun(void **state)
{
	struct pair *t = *state;
	struct dice d = { .state = 5 };
	uint64_t sent_bytes = 0;
	uint64_t overruns = 0;
	unsigned int i, n;

	for (i = 0; i < 300; i++) {
		n = dice_range(&d, 1, i % 10 == 9 ? 6000 : 2500);
		sent_bytes += side_send_random(&t->tx, &d, n);
		side_receive(&t->rx);
		assert_int_equal(t->rx.r.fetched_bytes + t->rx.r.missed_bytes, sent_bytes);
		assert_int_equal(t->rx.frames + t->rx.jumped, t->tx.sent);
		if (t->rx.r.overruns != overruns) {
			/* There is a gap, and it is not a small one that nobody could see. */
			assert_int_equal(t->rx.r.overruns, overruns + 1);
			assert_true(t->rx.jumped != 0);
			overruns++;
		}
	}
	assert_true(overruns > 100);
	assert_int_equal(t->rx.r.corrupt, 0);
	/* The number of frames is an estimate. */
	assert_true(t->rx.r.missed > t->rx.jumped * 9 / 10 &&
		    t->rx.r.missed < t->rx.jumped * 11 / 10);
}

/* Frames of one length: the estimate is exact. Overrun between two pieces as well. */
static void
test_overrun_between_pieces(void **state)
{
	struct pair *t = *state;

	side_send_many(&t->tx, 600, 1000);
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	assert_true(t->rx.r.more);
	assert_int_equal(side_take(&t->rx), 64);
	side_send_many(&t->tx, 3000, 1000);
	side_receive(&t->rx);
	assert_int_equal(t->rx.seq, 3600);
	assert_int_equal(t->rx.r.overruns, 1);
	assert_true(t->rx.jumped > 2400);
	assert_int_equal(t->rx.r.missed, t->rx.jumped);
	assert_int_equal(t->rx.r.missed_bytes, t->rx.jumped * 1024);
}

/* Lapped just not, and just so: the oldest record is the next one to read, or the one after. */
static void
test_overrun_by_one(void **state)
{
	struct pair *t = *state;
	unsigned int i;

	/* A multiple of 1024 less 32 is the data: first is never exactly the end. */
	for (i = 1022; i <= 1024; i++) {
		side_receive(&t->rx);
		t->rx.r.overruns = 0;
		t->rx.jumped = 0;
		side_send_many(&t->tx, i, 1000);
		side_receive(&t->rx);
		assert_int_equal(t->rx.seq, t->tx.sent);
		assert_int_equal(t->rx.jumped, i - (i < 1023 ? i : 1023));
		assert_int_equal(t->rx.r.overruns, i > 1023);
	}
}

/* The file is another bus now, that has not come so far. */
static void
test_begun_anew(void **state)
{
	struct pair *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);

	side_send_many(&t->tx, 5000, 1000);
	side_receive(&t->rx);
	memset(shmbus_shmif_data(&t->tx.bus), 0, DATA);
	shmbus_store(&h->gen, 0);
	shmbus_store(&h->first, DATA);
	shmbus_store(&h->last, 0);
	t->rx.jumped = 0;
	t->rx.r.overruns = 0;
	side_send_many(&t->tx, 30, 1000);
	assert_int_equal(side_receive(&t->rx), 30);
	assert_int_equal(t->rx.jumped, 0);
	assert_int_equal(t->rx.empty, 1);
	assert_int_equal(t->rx.r.overruns, 1);
	side_send_many(&t->tx, 30, 1000);
	assert_int_equal(side_receive(&t->rx), 30);
	assert_int_equal(t->rx.r.overruns, 1);
}

/* A generation far ahead is damage, and not frames without number that were missed. */
static void
test_generation_jumps(void **state)
{
	struct pair *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);

	side_send_many(&t->tx, 10, 60);
	side_receive(&t->rx);
	shmbus_store(&h->gen, UINT64_C(1) << 43);
	t->rx.seq = 0;
	side_receive(&t->rx);
	assert_int_equal(t->rx.r.corrupt, 1);
	assert_int_equal(t->rx.r.missed_bytes + t->rx.r.missed, 0);
	side_send_many(&t->tx, 10, 60);
	assert_int_equal(side_receive(&t->rx), 10);
	/* And back. */
	shmbus_store(&h->gen, 0);
	t->rx.seq = 0;
	assert_int_equal(side_receive(&t->rx), 20);
	side_send_many(&t->tx, 10, 60);
	assert_int_equal(side_receive(&t->rx), 10);
	assert_int_equal(t->rx.r.corrupt, 1);
}

/* Records that no peer of NetBSD's sends, but that are well formed. */
static void
test_odd_lengths(void **state)
{
	struct pair *t = *state;
	struct shmbus_shmif_frame frame;
	uint32_t len, n = 0;

	for (len = 0; len < FRAME_MIN; len++)
		assert_non_null(shmbus_shmif_add(&t->tx.w, 9, len));
	side_send(&t->tx);
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
	for (len = 0; shmbus_shmif_has_next(&t->rx.r); len++, n++) {
		shmbus_shmif_next(&t->rx.r, &frame);
		assert_int_equal(frame.len, len);
		assert_int_equal(frame.sender, 9);
	}
	assert_int_equal(n, FRAME_MIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_start, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_start_while_locked, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_start_on_damage, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_own_frames, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_uptime, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_pieces, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_piece_to_the_byte, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_overrun, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_overrun_between_pieces, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_overrun_by_one, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_begun_anew, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_generation_jumps, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_odd_lengths, pair_setup, pair_teardown),
	};

	return cmocka_run_group_tests_name("shmif_reader", tests, tmpdir_create, tmpdir_remove);
}
