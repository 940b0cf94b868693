/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A NetBSD peer dies with the lock, at each step of a frame, and one of ours breaks it. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmif_netbsd.h"
#include "tmpdir.h"

/* What NetBSD does, in this order. died_after: the last one that was done. */
enum step {
	STEP_LOCK,
	STEP_LAST,
	STEP_FIRST,
	STEP_HALF_HEADER,
	STEP_HEADER,
	STEP_HALF_PAYLOAD,
	STEP_PAYLOAD,
	STEP_GEN,
	STEPS,
};

#define LEN 700u

struct bus {
	struct side tx, rx, slow;
	struct netbsd kernel; /* it has read all, too */
	char *path;
};

/* A lap and more of frames, the newest of which ends at an offset. All but slow have read all. */
static void
bus_start(struct bus *b, uint32_t end)
{
	uint32_t at;

	b->path = tmpdir_new_path();
	side_join(&b->tx, b->path, 1);
	side_join(&b->rx, b->path, 2);
	side_join(&b->slow, b->path, 4);
	b->rx.expect_sender = 1;
	b->slow.expect_sender = 1;
	forge_ring(&b->tx, 8, (end + 2 * DATA - 1300 * 1000) % DATA);
	shmbus_shmif_reader_start(&b->rx.bus, &b->rx.r, SHMBUS_SHMIF_START_MS);
	for (at = 0; at < 1300; at++) {
		if (at == 1290) {
			side_receive(&b->rx);
			shmbus_shmif_reader_start(&b->slow.bus, &b->slow.r, SHMBUS_SHMIF_START_MS);
			b->slow.seq = b->tx.sent;
		}
		side_send_one(&b->tx, 1000 - RECORD);
		if (at % 100 == 0)
			side_receive(&b->rx);
	}
	side_receive(&b->rx);
	assert_int_equal(b->rx.seq, 1300);
	assert_int_equal(b->rx.jumped + b->rx.r.overruns, 0);
	b->rx.empty = 0;
	assert_int_equal(shmbus_shmif_header(&b->tx.bus)->last, (end + DATA - 1000) % DATA);
	netbsd_join(&b->kernel, &b->tx.bus, 50);
	assert_int_equal(netbsd_receive(&b->kernel), 1);
}

/* A bus to which no port has written yet. */
static void
bus_start_new(struct bus *b)
{
	b->path = tmpdir_new_path();
	side_join(&b->tx, b->path, 1);
	side_join(&b->rx, b->path, 2);
	side_join(&b->slow, b->path, 4);
	b->rx.expect_sender = 1;
	b->slow.expect_sender = 1;
	netbsd_join(&b->kernel, &b->tx.bus, 50);
	assert_int_equal(netbsd_receive(&b->kernel), 0);
}

/* Whatever was repaired, from then on all kinds of peers use the ring. */
static void
bus_stop(struct bus *b)
{
	netbsd_lap(&b->kernel, &b->tx, &b->rx);
	side_leave(&b->tx);
	side_leave(&b->rx);
	side_leave(&b->slow);
	unlink(b->path);
	free(b->path);
}

/* Store some of the bytes from an offset on, with the data's end. Reached it? */
static bool
store(uint8_t *data, uint32_t *off, const uint8_t *bytes, uint32_t len)
{
	bool reached = false;
	uint32_t i;

	for (i = 0; i < len; i++) {
		data[*off] = bytes[i];
		*off = (*off + 1) % DATA;
		reached |= *off == 0;
	}
	return reached;
}

static void
netbsd_dies(struct bus *b, enum step died_after)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&b->tx.bus);
	uint8_t *data = shmbus_shmif_data(&b->tx.bus);
	uint8_t record[RECORD + LEN] = { 0 };
	struct shmbus_shmif_state s;
	const uint32_t len = LEN;
	uint64_t sender = 99;
	uint32_t off, first;
	bool reached;

	memcpy(record, &len, 4);
	memcpy(record + 16, &sender, 8);
	side_fill(record + RECORD, LEN, sender, 1);
	assert_int_equal(shmbus_shmif_load(&b->tx.bus, &s), 0);
	off = (uint32_t)(s.end % DATA);
	shmbus_store(&h->lock, 1);
	if (died_after >= STEP_LAST)
		shmbus_store(&h->last, off);
	if (died_after >= STEP_FIRST) {
		/* All that this record needs; every one is of the same length. */
		first = shmbus_load(&h->first);
		while ((first + DATA - off) % DATA < RECORD + LEN + 1)
			first = (first + 1000) % DATA;
		shmbus_store(&h->first, first);
	}
	if (died_after == STEP_HALF_HEADER)
		store(data, &off, record, 2);
	if (died_after >= STEP_HEADER) {
		reached = store(data, &off, record, RECORD);
		if (died_after == STEP_HALF_PAYLOAD)
			store(data, &off, record + RECORD, LEN / 2);
		if (died_after >= STEP_PAYLOAD)
			reached |= store(data, &off, record + RECORD, LEN);
		if (died_after >= STEP_GEN && reached)
			shmbus_store(&h->gen, shmbus_load(&h->gen) + 1);
	}
}

/* What is got from senders other than tx, each of which side_receive has checked. */
static uint64_t
receive_tail(struct side *s, struct side *tx)
{
	uint64_t got;

	got = side_receive(s);
	assert_int_equal(s->seq, tx->sent);
	return got;
}

/* The port that breaks the lock knows where the ring ended: no frame is lost or comes twice. */
static void
known_at(uint32_t end)
{
	struct shmbus_shmif_header *h;
	unsigned int step;
	struct bus b;

	for (step = 0; step < STEPS; step++) {
		bus_start(&b, end);
		h = shmbus_shmif_header(&b.tx.bus);
		netbsd_dies(&b, (enum step)step);
		b.rx.r.lock_wait.break_ns = MS;
		side_lock(&b.rx);
		assert_int_equal(b.rx.r.lock_wait.broken_foreign, 1);
		shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
		assert_int_equal(shmbus_load(&h->lock) | shmbus_load(&h->spare), 0);
		assert_true(ring_records(&b.tx.bus) > 1000);
		/* The dead one's frame is seen if it is whole beyond doubt, else not. */
		receive_tail(&b.rx, &b.tx);
		assert_true(b.rx.others <= (step >= STEP_PAYLOAD));
		assert_int_equal(receive_tail(&b.slow, &b.tx), 10);
		assert_int_equal(b.slow.others, b.rx.others);
		side_send_one(&b.tx, 333);
		side_send_one(&b.tx, 1514);
		assert_int_equal(receive_tail(&b.rx, &b.tx), 2);
		assert_int_equal(receive_tail(&b.slow, &b.tx), 2);
		assert_int_equal(b.rx.jumped + b.rx.r.overruns + b.rx.r.corrupt, 0);
		assert_int_equal(b.slow.jumped + b.slow.r.overruns + b.slow.r.corrupt, 0);
		assert_int_equal(b.rx.r.missed_bytes + b.slow.r.missed_bytes, 0);
		assert_int_equal(b.rx.frames, 1302);
		bus_stop(&b);
	}
}

static void
test_known(void **state)
{
	(void)state;
	known_at(300000);
	known_at(0);
	known_at(1);
}

/* The end of the data within the record of the dead one, or near it. */
static void
test_known_near_the_end(void **state)
{
	static const uint32_t before[] = {
		1, 3, 4, 12, 23, 24, 25, 300, RECORD + LEN - 1, RECORD + LEN, RECORD + LEN + 1,
		1000, 1537, 1538, 1539, 2000,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(before); i++)
		known_at(DATA - before[i]);
}

/*
 * A writer that does not know where the ring ended breaks the lock and sends at
 * once. Readers that had read all frames, and readers that had not, continue at
 * the right place; at most the newest frame is lost.
 */
static void
test_unknown(void **state)
{
	unsigned int step, len;
	struct bus b;

	(void)state;
	for (step = 0; step < 2 * STEPS; step++) {
		bus_start(&b, 300000);
		netbsd_dies(&b, (enum step)(step / 2));
		b.tx.w.lock_wait.break_ns = MS;
		b.tx.w.lock_wait.known_end = 0;
		len = step % 2 ? 17 : 1514;
		side_send_one(&b.tx, len);
		assert_int_equal(b.tx.w.lock_wait.broken_foreign, 1);
		assert_true(ring_records(&b.tx.bus) > 1000);
		assert_int_equal(receive_tail(&b.rx, &b.tx), 1);
		assert_int_equal(b.rx.jumped + b.rx.r.overruns + b.rx.r.corrupt, 0);
		assert_int_equal(b.rx.others, 0);
		/* Before it died, or so it looks, the newest was this one. */
		assert_int_equal(receive_tail(&b.slow, &b.tx), step / 2 == STEP_LOCK ? 10 : 11);
		assert_int_equal(b.slow.jumped, step / 2 == STEP_LOCK ? 1 : 0);
		assert_int_equal(b.slow.r.overruns + b.slow.r.corrupt + b.slow.others, 0);
		bus_stop(&b);
	}
}

/*
 * The same where gen is in doubt: all begin again with the oldest record. None
 * is left out but the newest, and no frame is torn.
 */
static void
test_unknown_near_the_end(void **state)
{
	static const uint32_t before[] = { 1, 12, 24, 300, RECORD + LEN, 1000, 1537 };
	unsigned int step, i;
	uint64_t sent, gen;
	struct bus b;

	(void)state;
	for (i = 0; i < DIM(before); i++) {
		for (step = 0; step < STEPS; step++) {
			bus_start(&b, DATA - before[i]);
			netbsd_dies(&b, (enum step)step);
			b.tx.w.lock_wait.break_ns = MS;
			b.tx.w.lock_wait.known_end = 0;
			gen = shmbus_load(&shmbus_shmif_header(&b.tx.bus)->gen);
			side_send_one(&b.tx, 1514);
			sent = b.tx.sent;
			/* More than one ahead, so that NetBSD's readers begin again, too. */
			if (step >= STEP_LAST)
				assert_true(shmbus_shmif_header(&b.tx.bus)->gen >= gen + 2);
			assert_true(ring_records(&b.tx.bus) > 1000);
			b.rx.seq = 0;
			b.slow.seq = 0;
			receive_tail(&b.rx, &b.tx);
			receive_tail(&b.slow, &b.tx);
			assert_int_equal(b.rx.others + b.slow.others + b.rx.r.corrupt, 0);
			assert_int_equal(b.rx.seq, sent);
			side_send_one(&b.tx, 60);
			assert_int_equal(side_receive(&b.rx), 1);
			assert_int_equal(side_receive(&b.slow), 1);
			bus_stop(&b);
		}
	}
}

/* The header was not written, and what lay there looks like one: up to the oldest record, or on. */
static void
test_stale_length(void **state)
{
	struct shmbus_shmif_header *h;
	uint32_t records, off, len, more;
	struct bus b;

	(void)state;
	for (more = 0; more < 30; more++) {
		bus_start(&b, 300000);
		h = shmbus_shmif_header(&b.tx.bus);
		records = ring_records(&b.tx.bus);
		off = 300000;
		len = (shmbus_load(&h->first) + DATA - off) % DATA - RECORD + more;
		assert_true(len > 60 && len <= 1514);
		netbsd_dies(&b, STEP_LAST);
		shmbus_shmif_put(&b.tx.bus, off, &len, sizeof(len));
		b.tx.r.lock_wait.break_ns = MS;
		b.tx.r.lock_wait.known_end = 0;
		side_lock(&b.tx);
		/* Up to it, some that are skipped; beyond, nothing. */
		if (more == 0)
			assert_true(ring_records(&b.tx.bus) > records);
		else
			assert_int_equal(ring_records(&b.tx.bus), records);
		shmbus_shmif_unlock(&b.tx.bus, &b.tx.r.lock_wait, 0);
		side_send_one(&b.tx, 60);
		assert_int_equal(receive_tail(&b.rx, &b.tx), 1);
		assert_int_equal(receive_tail(&b.slow, &b.tx), 11);
		assert_int_equal(b.rx.others + b.rx.jumped + b.rx.r.corrupt, 0);
		assert_int_equal(b.slow.others + b.slow.jumped + b.slow.r.corrupt, 0);
		bus_stop(&b);
	}
}

/* Nothing before the newest record, or nothing that makes sense: an empty ring, and all go on. */
static void
test_anew(void **state)
{
	static const uint32_t bad = 4000;
	unsigned int i;
	struct bus b;

	(void)state;
	for (i = 0; i < 2; i++) {
		bus_start(&b, 300000);
		if (i == 0)
			shmbus_shmif_header(&b.tx.bus)->first = 300000 - 1000;
		else
			shmbus_shmif_put(&b.tx.bus, 300000 - 3000, &bad, 4);
		shmbus_store(&shmbus_shmif_header(&b.tx.bus)->lock, 1);
		b.tx.w.lock_wait.break_ns = MS;
		b.tx.w.lock_wait.known_end = 0;
		side_send_one(&b.tx, 60);
		assert_int_equal(b.tx.w.lock_wait.broken_foreign, 1);
		assert_int_equal(ring_records(&b.tx.bus), 2);
		assert_int_equal(shmbus_shmif_header(&b.tx.bus)->first, DATA);
		assert_int_equal(shmbus_shmif_header(&b.tx.bus)->last, RECORD);
		assert_int_equal(receive_tail(&b.rx, &b.tx), 1);
		assert_int_equal(b.rx.jumped, 0);
		assert_int_equal(b.rx.empty, 1);
		receive_tail(&b.slow, &b.tx);
		side_send_one(&b.tx, 60);
		assert_int_equal(receive_tail(&b.slow, &b.tx), 1);
		bus_stop(&b);
	}
}

/* Begun anew, and nothing sent since: the ring of a new bus, for which NetBSD's kernels care. */
static void
test_anew_is_new(void **state)
{
	static const struct shmbus_shmif_record nothing = { .len = 0 };
	struct shmbus_shmif_header *h;
	unsigned int i;
	uint64_t gen;
	struct bus b;

	(void)state;
	for (i = 0; i < 4; i++) {
		bus_start(&b, 300000);
		h = shmbus_shmif_header(&b.tx.bus);
		switch (i) {
		case 0:
			shmbus_store(&h->first, shmbus_load(&h->last));
			break;
		case 1: /* as if it were new, but there is a frame */
			shmbus_store(&h->first, 0);
			shmbus_store(&h->last, 0);
			break;
		case 2:
			shmbus_store(&h->first, DATA);
			shmbus_store(&h->last, DATA);
			break;
		default:
			shmbus_store(&h->last, UINT32_MAX);
			break;
		}
		gen = shmbus_load(&h->gen);
		shmbus_store(&h->lock, 1);
		b.rx.r.lock_wait.break_ns = MS;
		side_lock(&b.rx);
		shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
		assert_int_equal(shmbus_load(&h->first), DATA);
		assert_int_equal(shmbus_load(&h->last), 0);
		assert_int_equal(shmbus_load(&h->gen), gen + 2);
		assert_memory_equal(shmbus_shmif_data(&b.tx.bus), &nothing, RECORD);
		bus_stop(&b);
	}
}

/* gen is nonsense: running kernels cannot go on, but new ones can. */
static void
test_anew_without_gen(void **state)
{
	struct shmbus_shmif_header *h;
	struct bus b;

	(void)state;
	bus_start(&b, 300000);
	h = shmbus_shmif_header(&b.tx.bus);
	shmbus_store(&h->gen, UINT64_MAX);
	shmbus_store(&h->lock, 1);
	b.rx.r.lock_wait.break_ns = MS;
	side_lock(&b.rx);
	shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
	assert_int_equal(shmbus_load(&h->first), DATA);
	assert_int_equal(shmbus_load(&h->last), 0);
	assert_true(shmbus_load(&h->gen) != 0);
	netbsd_join(&b.kernel, &b.tx.bus, 50);
	b.kernel.gen = 0;
	bus_stop(&b);
}

/* A kernel died with the lock before anything was ever sent: the bus stays as it is. */
static void
test_new_bus(void **state)
{
	static uint8_t before[DATA];
	struct shmbus_shmif_header *h;
	unsigned int step, known;
	struct bus b;

	(void)state;
	for (step = STEP_LOCK; step <= STEP_LAST; step++) {
		for (known = 0; known < 2; known++) {
			bus_start_new(&b);
			h = shmbus_shmif_header(&b.tx.bus);
			memcpy(before, shmbus_shmif_data(&b.tx.bus), DATA);
			netbsd_dies(&b, (enum step)step);
			b.rx.r.lock_wait.break_ns = MS;
			if (!known)
				b.rx.r.lock_wait.known_end = 0;
			side_lock(&b.rx);
			assert_int_equal(b.rx.r.lock_wait.broken_foreign, 1);
			shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
			assert_int_equal(shmbus_load(&h->gen), 0);
			assert_int_equal(shmbus_load(&h->first), DATA);
			/* An empty record may take the place of a frame that was not begun. */
			assert_int_equal(shmbus_load(&h->last), step == STEP_LAST ? RECORD : 0);
			assert_memory_equal(before, shmbus_shmif_data(&b.tx.bus), DATA);
			bus_stop(&b);
		}
	}
}

/* The same on a ring that was begun anew, where old bytes lie behind the first record. */
static void
test_new_ring(void **state)
{
	static const uint32_t lens[] = { 0, 100, 1514, 1515, UINT32_MAX };
	struct shmbus_shmif_header *h;
	unsigned int step, i;
	uint64_t gen;
	struct bus b;

	(void)state;
	for (step = STEP_LOCK; step <= STEP_LAST; step++) {
		for (i = 0; i < DIM(lens); i++) {
			bus_start(&b, 300000);
			h = shmbus_shmif_header(&b.tx.bus);
			shmbus_store(&h->first, shmbus_load(&h->last));
			shmbus_store(&h->lock, 1);
			b.rx.r.lock_wait.break_ns = MS;
			side_lock(&b.rx);
			shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
			gen = shmbus_load(&h->gen);
			memcpy(shmbus_shmif_data(&b.tx.bus) + RECORD, &lens[i], 4);
			netbsd_dies(&b, (enum step)step);
			b.rx.r.lock_wait.known_end = 0;
			side_lock(&b.rx);
			shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
			assert_int_equal(shmbus_load(&h->gen), gen);
			assert_int_equal(shmbus_load(&h->first), DATA);
			if (step == STEP_LOCK || lens[i] > 1514)
				assert_int_equal(shmbus_load(&h->last), 0);
			bus_stop(&b);
		}
	}
}

/* Two records, and the newest cannot be whole: the oldest must not be left alone. */
static void
test_two_records(void **state)
{
	static const uint32_t ends[] = { 300000, DATA - 100, DATA - 10, 0 };
	static const uint32_t too_long = 1515;
	struct shmbus_shmif_header *h;
	unsigned int i;
	struct bus b;

	(void)state;
	for (i = 0; i < DIM(ends); i++) {
		bus_start(&b, 300000);
		h = shmbus_shmif_header(&b.tx.bus);
		forge_ring(&b.tx, 20, ends[i]);
		side_send_one(&b.tx, 700);
		if (i == 0)
			shmbus_shmif_put(&b.tx.bus, 300000, &too_long, 4);
		if (i == 3)
			netbsd_dies(&b, STEP_LAST);
		shmbus_store(&h->lock, 1);
		b.rx.r.lock_wait.break_ns = MS;
		b.rx.r.lock_wait.known_end = 0;
		side_lock(&b.rx);
		shmbus_shmif_unlock(&b.rx.bus, &b.rx.r.lock_wait, 0);
		bus_stop(&b);
	}
}

/* The record in doubt has any length: readers before and after it both find the next record. */
static void
test_doubt_of_all_lengths(void **state)
{
	uint32_t len;
	struct bus b;

	(void)state;
	bus_start(&b, 300000);
	b.tx.w.lock_wait.break_ns = 1;
	side_receive(&b.slow);
	for (len = FRAME_MIN + 8; len <= 1514; len++) {
		side_send_one(&b.tx, len);
		side_receive(&b.rx);
		shmbus_store(&shmbus_shmif_header(&b.tx.bus)->lock, 1);
		b.tx.w.lock_wait.known_end = 0;
		side_send_one(&b.tx, len / 2 + 9);
		assert_true(ring_records(&b.tx.bus) != 0);
		assert_int_equal(side_receive(&b.rx), 1);
		assert_int_equal(side_receive(&b.slow), 1);
		/* Not near the end of the data, where gen would be in doubt. */
		if (shmbus_shmif_header(&b.tx.bus)->last > DATA - 10000) {
			forge_ring(&b.tx, 3, 5000);
			shmbus_shmif_reader_start(&b.rx.bus, &b.rx.r, 100);
			shmbus_shmif_reader_start(&b.slow.bus, &b.slow.r, 100);
			side_send_one(&b.tx, 60);
			side_receive(&b.rx);
			side_receive(&b.slow);
		}
	}
	assert_int_equal(b.rx.jumped + b.rx.r.overruns + b.rx.r.corrupt, 0);
	assert_int_equal(b.slow.jumped, 1514 - FRAME_MIN - 8 + 1);
	assert_int_equal(b.slow.r.overruns + b.slow.r.corrupt, 0);
	/* The ring was forged since, in an older generation. */
	netbsd_join(&b.kernel, &b.tx.bus, 50);
	bus_stop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_known_near_the_end),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_unknown_near_the_end),
		cmocka_unit_test(test_stale_length),
		cmocka_unit_test(test_anew),
		cmocka_unit_test(test_anew_is_new),
		cmocka_unit_test(test_anew_without_gen),
		cmocka_unit_test(test_new_bus),
		cmocka_unit_test(test_new_ring),
		cmocka_unit_test(test_two_records),
		cmocka_unit_test(test_doubt_of_all_lengths),
	};

	return cmocka_run_group_tests_name("shmif_repair", tests, tmpdir_create, tmpdir_remove);
}
