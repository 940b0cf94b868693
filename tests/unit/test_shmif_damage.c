/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A peer writes nonsense into a shmif bus. No port crashes, or reads outside the ring. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "rounds.h"
#include "shmbus_shmif_repair.h"
#include "shmif_side.h"
#include "tmpdir.h"

#define POOL (4u << 20)

struct bus {
	struct side tx, rx;
	char *path;
	uint8_t *noise; /* bytes by chance */
	uint8_t *likely; /* words that could mostly be lengths */
	struct dice d;
	uint64_t sane; /* times that a fetch, or repair, made sense of the nonsense */
};

static int
setup(void **state)
{
	struct bus *t = calloc(1, sizeof(*t));
	uint64_t word;
	uint32_t i, len;

	assert_non_null(t);
	t->path = tmpdir_new_path();
	side_join(&t->tx, t->path, 1);
	side_join(&t->rx, t->path, 2);
	t->rx.expect_sender = 1;
	t->d.state = 77;
	t->noise = malloc(POOL);
	t->likely = malloc(POOL);
	assert_non_null(t->noise);
	assert_non_null(t->likely);
	for (i = 0; i < POOL; i += 8) {
		word = dice_throw(&t->d);
		memcpy(t->noise + i, &word, 8);
	}
	for (i = 0; i < POOL; i += 4) {
		/* Of one size as a rule, so that a walk goes far. */
		len = dice_range(&t->d, 0, 3000) == 0 ? dice_range(&t->d, 0, UINT32_MAX - 1) :
		      dice_range(&t->d, 0, 1500);
		memcpy(t->likely + i, &len, 4);
	}
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct bus *t = *state;

	side_leave(&t->tx);
	side_leave(&t->rx);
	unlink(t->path);
	free(t->path);
	free(t->noise);
	free(t->likely);
	free(t);
	return 0;
}

/* All that there is to read, by a reader that must keep within what it got. */
static void
read_nonsense(struct bus *t)
{
	struct shmbus_shmif_frame frame;
	unsigned int i;
	int ret;

	for (i = 0; i < 40 && shmbus_shmif_pending(&t->rx.bus, &t->rx.r); i++) {
		const uint64_t corrupt = t->rx.r.corrupt;

		ret = shmbus_shmif_fetch(&t->rx.bus, &t->rx.r);
		if (ret == -EILSEQ)
			assert_true(t->rx.r.corrupt > corrupt);
		else
			assert_true(ret == 0 || ret == -EBUSY);
		t->sane += ret == 0;
		while (shmbus_shmif_has_next(&t->rx.r)) {
			shmbus_shmif_next(&t->rx.r, &frame);
			assert_true(frame.len <= SHMBUS_SHMIF_FRAME_MAX);
			assert_true(frame.data >= t->rx.r.bytes + RECORD);
			assert_true(frame.data + frame.len <= t->rx.r.bytes + SHMBUS_SHMIF_PIECE);
		}
		if (ret == -EBUSY)
			break;
	}
}

static void
send_nonsense(struct bus *t)
{
	const uint64_t corrupt = t->tx.w.corrupt;
	int ret;

	assert_true(side_add(&t->tx, dice_range(&t->d, FRAME_MIN, 1514)));
	ret = shmbus_shmif_send(&t->tx.bus, &t->tx.w);
	if (ret == -EILSEQ)
		assert_true(t->tx.w.corrupt > corrupt);
	else
		assert_true(ret == 0 || ret == -EBUSY);
	shmbus_shmif_begin(&t->tx.w, 0);
}

/* As always, after a port has repaired the ring. */
static void
assert_recovers(struct bus *t)
{
	uint64_t corrupt, overruns, frames;
	unsigned int i;

	forge_ring(&t->tx, dice_range(&t->d, 0, 1000), dice_range(&t->d, 0, DATA - 1));
	side_send_one(&t->tx, 60);
	/* The reader may be anywhere; one frame, and it has found its way. */
	t->rx.seq = 0;
	side_receive(&t->rx);
	side_send_one(&t->tx, 60);
	t->rx.seq = 0;
	side_receive(&t->rx);
	t->rx.seq = t->tx.sent;
	t->rx.jumped = 0;
	corrupt = t->rx.r.corrupt + t->tx.w.corrupt;
	overruns = t->rx.r.overruns;
	frames = t->rx.frames;
	for (i = 0; i < 3; i++) {
		side_send_one(&t->tx, 1000);
		side_receive(&t->rx);
	}
	assert_int_equal(t->rx.frames - frames, 3);
	assert_int_equal(t->rx.jumped, 0);
	assert_int_equal(t->rx.r.corrupt + t->tx.w.corrupt, corrupt);
	assert_int_equal(t->rx.r.overruns, overruns);
	assert_int_equal(ring_records(&t->tx.bus), 6);
}

/* A word: small, near a limit, or anything. */
static uint64_t
any_word(struct bus *t)
{
	switch (dice_range(&t->d, 0, 4)) {
	case 0:
		return dice_range(&t->d, 0, 4000);
	case 1:
		return DATA - 30 + dice_range(&t->d, 0, 60);
	case 2:
		return dice_range(&t->d, 0, DATA);
	case 3:
		return UINT64_MAX / DATA - 6 + dice_range(&t->d, 0, 8);
	default:
		return dice_throw(&t->d);
	}
}

/* One field or more of the header, over a ring of honest records. */
static void
test_header(void **state)
{
	struct bus *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	uint32_t len, last;
	unsigned int i, k;
	uint64_t fields;

	for (i = 0; i < 3000; i++) {
		forge_ring(&t->tx, 5, dice_range(&t->d, 0, DATA - 1));
		for (k = 0; k < 5; k++)
			side_send_one(&t->tx, dice_range(&t->d, FRAME_MIN, 1514));
		fields = dice_range(&t->d, 1, 15);
		if (fields & 1)
			shmbus_store(&h->first, (uint32_t)any_word(t));
		if (fields & 2)
			shmbus_store(&h->last, (uint32_t)any_word(t));
		if (fields & 4)
			shmbus_store(&h->gen, any_word(t));
		if (fields & 8) {
			len = (uint32_t)any_word(t);
			last = shmbus_load(&h->last) % DATA;
			shmbus_shmif_put(&t->tx.bus, last, &len, sizeof(len));
		}
		read_nonsense(t);
		send_nonsense(t);
		read_nonsense(t);
		assert_true(shmbus_load(&h->lock) == 0 && shmbus_load(&h->spare) == 0);
		if (i % 10 == 0)
			assert_recovers(t);
	}
	assert_true(t->rx.r.corrupt > 100);
	assert_true(t->tx.w.corrupt > 100);
}

/* What each of the fields must be: one more is refused, and nothing changes. */
static void
test_refused(void **state)
{
	static const uint32_t too_long = 1515;
	struct bus *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	static uint8_t before[SHMBUS_SHMIF_SIZE];
	unsigned int i;

	for (i = 0; i < 5; i++) {
		forge_ring(&t->tx, 5, 5000);
		side_send_one(&t->tx, 60);
		switch (i) {
		case 0:
			shmbus_store(&h->first, DATA + 1);
			break;
		case 1:
			shmbus_store(&h->last, DATA + 1);
			break;
		case 2:
			shmbus_store(&h->gen, UINT64_MAX / DATA);
			break;
		case 3:
			shmbus_shmif_put(&t->tx.bus, 5000, &too_long, 4);
			break;
		default: /* in the middle of the newest record */
			shmbus_store(&h->first, 5000 + 30);
			break;
		}
		memcpy(before, t->tx.bus.map, sizeof(before));
		t->rx.r.corrupt = 0;
		t->tx.w.corrupt = 0;
		assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), -EILSEQ);
		assert_false(shmbus_shmif_has_next(&t->rx.r));
		/* Not again and again, until there is a change. */
		assert_false(shmbus_shmif_pending(&t->rx.bus, &t->rx.r));
		assert_true(side_add(&t->tx, 60));
		assert_int_equal(shmbus_shmif_send(&t->tx.bus, &t->tx.w), -EILSEQ);
		shmbus_shmif_begin(&t->tx.w, 0);
		assert_int_equal(t->rx.r.corrupt, 1);
		assert_int_equal(t->tx.w.corrupt, 1);
		assert_memory_equal(before, t->tx.bus.map, sizeof(before));
		assert_recovers(t);
	}
}

/* A port attaches: the ring begins anew, and the attached ports go on. */
static void
test_mended_by_who_comes(void **state)
{
	struct bus *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	struct side late;
	uint64_t frames;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		forge_ring(&t->tx, 5, 5000);
		side_send_one(&t->tx, 60);
		switch (i) {
		case 0:
			shmbus_store(&h->first, DATA + 1);
			break;
		case 1:
			shmbus_store(&h->last, UINT32_MAX);
			break;
		case 2:
			shmbus_store(&h->gen, UINT64_MAX);
			break;
		default: /* in the middle of the newest record */
			shmbus_store(&h->first, 5000 + 30);
			break;
		}
		assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), -EILSEQ);
		side_join(&late, t->path, 9);
		side_leave(&late);
		/* Which may bring the oldest of the new ring once more, or not. */
		side_send_one(&t->tx, 60);
		t->rx.seq = 0;
		side_receive(&t->rx);
		assert_int_equal(t->rx.seq, t->tx.sent);
		frames = t->rx.frames;
		side_send_one(&t->tx, 60);
		side_receive(&t->rx);
		assert_int_equal(t->rx.frames, frames + 1);
	}
}

/* One length in the middle is wrong: readers get the frames before it, and later frames. */
static void
test_chain_broken(void **state)
{
	static const uint32_t bad[] = { 1515, 65536, UINT32_MAX, UINT32_MAX - 23, 1u << 31 };
	struct bus *t = *state;
	unsigned int i, k, where;

	for (i = 0; i < DIM(bad); i++) {
		for (where = 0; where < 9; where++) {
			forge_ring(&t->tx, 5, 5000);
			shmbus_shmif_reader_start(&t->rx.bus, &t->rx.r, SHMBUS_SHMIF_START_MS);
			for (k = 0; k < 10; k++)
				side_send_one(&t->tx, 100);
			t->rx.seq = t->tx.sent - 10;
			shmbus_shmif_put(&t->tx.bus, 5000 + where * 124, &bad[i], 4);
			assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), -EILSEQ);
			assert_int_equal(side_take(&t->rx), where);
			side_send_one(&t->tx, 100);
			assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), 0);
			assert_int_equal(side_take(&t->rx), 1);
		}
	}
	assert_int_equal(t->rx.r.corrupt, DIM(bad) * 9);
}

/* The first thing that a reader ever gets is broken, and then it is lapped. */
static void
test_broken_then_lapped(void **state)
{
	static const uint32_t bad = 4000;
	struct bus *t = *state;
	unsigned int i;

	for (i = 0; i < 10; i++)
		side_send_one(&t->tx, 1500);
	shmbus_shmif_put(&t->tx.bus, RECORD + 1524, &bad, 4);
	assert_int_equal(shmbus_shmif_fetch(&t->rx.bus, &t->rx.r), -EILSEQ);
	assert_int_equal(side_take(&t->rx), 1);
	/* Past what is broken, too. */
	for (i = 0; i < 2000; i++)
		side_send_one(&t->tx, 1500);
	side_receive(&t->rx);
	assert_int_equal(t->rx.r.overruns, 1);
	assert_int_equal(t->rx.seq, 2010);
	assert_true(t->rx.r.missed >= 1300 && t->rx.r.missed <= 1330);
}

/* The oldest records are broken, where a writer needs room: it makes it by letting all go. */
static void
test_writer_meets_broken_chain(void **state)
{
	static const uint32_t bad = UINT32_MAX;
	struct bus *t = *state;
	unsigned int i;

	for (i = 0; i < 680; i++)
		side_send_one(&t->tx, 1500);
	side_receive(&t->rx);
	shmbus_shmif_put(&t->tx.bus, RECORD + 3 * 1524, &bad, 4);
	for (i = 0; i < 100; i++) {
		side_send_one(&t->tx, 1500);
		assert_true(ring_records(&t->tx.bus) != 0 || t->tx.w.corrupt == 0);
		assert_int_equal(side_receive(&t->rx), 1);
	}
	assert_int_equal(t->tx.w.corrupt, 1);
	assert_int_equal(t->rx.jumped + t->rx.r.overruns + t->rx.r.corrupt, 0);
}

static void
put_garbage(struct bus *t, bool header)
{
	const uint8_t *pool = dice_range(&t->d, 0, 1) ? t->noise : t->likely;
	const uint32_t from = dice_range(&t->d, 0, (POOL - SHMBUS_SHMIF_SIZE) / 4) * 4;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);

	memcpy(t->tx.bus.map + SHMBUS_SHMIF_HEADER, pool + from, DATA);
	if (header)
		memcpy(t->tx.bus.map, pool + from / 2, SHMBUS_SHMIF_HEADER);
	if (dice_range(&t->d, 0, 3) == 0) {
		shmbus_store(&h->lock, dice_range(&t->d, 0, 2));
		shmbus_store(&h->spare, dice_range(&t->d, 0, UINT32_MAX - 1));
	} else {
		shmbus_store(&h->lock, 0);
		shmbus_store(&h->spare, 0);
	}
	if (dice_range(&t->d, 0, 3) != 0) {
		shmbus_store(&h->gen, dice_range(&t->d, 0, 10));
		shmbus_store(&h->first, dice_range(&t->d, 0, DATA));
		shmbus_store(&h->last, dice_range(&t->d, 0, DATA));
	}
}

/* Over the whole file, many times; with the lock's words as well. */
static void
test_garbage(void **state)
{
	struct bus *t = *state;
	const unsigned int times = rounds(10000, 2500, NULL);
	unsigned int i;

	t->rx.r.lock_wait.break_ns = 1;
	t->tx.w.lock_wait.break_ns = 1;
	for (i = 0; i < times; i++) {
		put_garbage(t, i % 2);
		read_nonsense(t);
		send_nonsense(t);
		read_nonsense(t);
		if (i % 100 == 0)
			assert_recovers(t);
	}
	assert_true(t->rx.r.corrupt > times / 10);
	assert_true(t->sane > times / 100);
}

/* Whatever is in the file: after a repair the ring is one. */
static void
test_repair_of_garbage(void **state)
{
	struct bus *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	struct shmbus_shmif_state s;
	uint64_t known;
	uint32_t off, len, records;
	unsigned int i, walked = 0;

	for (i = 0; i < 5000; i++) {
		put_garbage(t, false);
		if (i % 2) {
			/* Records that chain, and a newest one that may be anything. */
			off = shmbus_load(&h->first) % DATA;
			for (records = dice_range(&t->d, 1, 900); records != 0; records--) {
				len = dice_range(&t->d, 0, 1514);
				shmbus_shmif_put(&t->tx.bus, off, &len, sizeof(len));
				off = (off + RECORD + len) % DATA;
			}
			shmbus_store(&h->last, off);
		}
		shmbus_store(&h->gen, dice_range(&t->d, 0, 5));
		/* Unknown, near, or anything; or just where the newest begins. */
		switch (dice_range(&t->d, 0, 3)) {
		case 0:
			known = 0;
			break;
		case 1:
			known = dice_throw(&t->d);
			break;
		case 2:
			known = shmbus_load(&h->gen) * DATA + shmbus_load(&h->last) % DATA;
			break;
		default:
			known = (shmbus_load(&h->gen) + 1) * DATA + shmbus_load(&h->last) % DATA;
			break;
		}
		shmbus_shmif_repair(&t->tx.bus, known);
		assert_int_equal(shmbus_shmif_load(&t->tx.bus, &s), 0);
		records = ring_records(&t->tx.bus);
		assert_true(records != 0);
		walked += records > 1;
	}
	assert_true(walked > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mended_by_who_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_then_lapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer_meets_broken_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repair_of_garbage, setup, teardown),
	};

	return cmocka_run_group_tests_name("shmif_damage", tests, tmpdir_create, tmpdir_remove);
}
