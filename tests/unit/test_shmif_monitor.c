/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Reading a shmif bus without its lock, the file mapped for reading only: the
 * same frames as with it, whole ones, and nothing of what is being written.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "rounds.h"
#include "shmbus_clock.h"
#include "shmbus_shmif_monitor.h"
#include "shmbus_shmif_open.h"
#include "shmif_side.h"
#include "tmpdir.h"

struct fixture {
	struct side tx;
	struct side eye; /* its bus is opened for reading only; it never writes */
	char *path;
};

static void
eye_open(struct side *s, const char *path)
{
	struct shmbus_error e;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = shmbus_shmif_open_readonly(&s->bus, path, &e);
	if (ret != 0)
		fail_msg("cannot look on: %d, %s", ret, e.text);
	s->r.bytes = malloc(SHMBUS_SHMIF_PIECE);
	assert_non_null(s->r.bytes);
	s->expect_sender = 1;
}

static int
setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->path = tmpdir_new_path();
	side_join(&t->tx, t->path, 1);
	eye_open(&t->eye, t->path);
	assert_int_equal(shmbus_shmif_monitor_start(&t->eye.bus, &t->eye.r, false), 0);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *t = *state;

	side_leave(&t->tx);
	side_leave(&t->eye);
	unlink(t->path);
	free(t->path);
	free(t);
	return 0;
}

/* All there is; nobody else uses the bus. */
static uint64_t
see(struct side *s)
{
	uint64_t got = 0;

	while (shmbus_shmif_pending(&s->bus, &s->r)) {
		assert_int_equal(shmbus_shmif_monitor_fetch(&s->bus, &s->r), 0);
		got += side_take(s);
	}
	return got;
}

static void
test_sees(void **state)
{
	struct fixture *t = *state;

	assert_false(t->eye.bus.id);
	assert_int_equal(see(&t->eye), 0);
	side_send_many(&t->tx, 3, 60);
	assert_true(shmbus_shmif_pending(&t->eye.bus, &t->eye.r));
	assert_int_equal(see(&t->eye), 3);
	assert_false(shmbus_shmif_pending(&t->eye.bus, &t->eye.r));
	assert_int_equal(see(&t->eye), 0);
	assert_int_equal(shmbus_shmif_count_peers(&t->tx.bus), 0);
}

static void
test_begins(void **state)
{
	struct fixture *t = *state;
	struct side *s = &t->eye;

	side_send_many(&t->tx, 10, 60);
	assert_int_equal(shmbus_shmif_monitor_start(&s->bus, &s->r, false), 0);
	assert_int_equal(see(s), 0);
	assert_int_equal(shmbus_shmif_monitor_start(&s->bus, &s->r, true), 0);
	assert_int_equal(see(s), 10);
	assert_int_equal(s->empty, 1); /* what a new bus begins with */
	/* After wraps as well: all that the ring holds, and no overrun. */
	side_send_many(&t->tx, 5000, 1000);
	assert_int_equal(shmbus_shmif_monitor_start(&s->bus, &s->r, true), 0);
	s->jumped = 0;
	assert_int_equal(see(s), 1023);
	assert_int_equal(s->seq, t->tx.sent);
	assert_int_equal(s->r.overruns, 0);
}

/* Lapped by all amounts: what was seen and what was missed is all there was. */
static void
test_overrun(void **state)
{
	struct fixture *t = *state;
	struct dice d = { .state = 5 };
	uint64_t sent_bytes = 0;
	unsigned int i, n;

	for (i = 0; i < 100; i++) {
		n = dice_range(&d, 1, i % 10 == 9 ? 6000 : 2500);
		sent_bytes += side_send_random(&t->tx, &d, n);
		see(&t->eye);
		assert_int_equal(t->eye.r.fetched_bytes + t->eye.r.missed_bytes, sent_bytes);
		assert_int_equal(t->eye.frames + t->eye.jumped, t->tx.sent);
	}
	assert_true(t->eye.r.overruns > 30);
	assert_int_equal(t->eye.r.corrupt, 0);
}

/* Nothing is read while the lock is held, and nothing is lost by that. */
static void
test_locked(void **state)
{
	struct fixture *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);

	side_send_many(&t->tx, 10, 60);
	shmbus_store(&h->lock, 1);
	assert_int_equal(shmbus_shmif_monitor_fetch(&t->eye.bus, &t->eye.r), -EBUSY);
	assert_false(shmbus_shmif_has_next(&t->eye.r));
	assert_true(shmbus_shmif_pending(&t->eye.bus, &t->eye.r));
	assert_true(t->eye.r.lock_wait.busy > 0);
	shmbus_store(&h->lock, 0);
	assert_int_equal(see(&t->eye), 10);
	/* To begin it takes such a moment, too; else it is the newest one. */
	shmbus_store(&h->lock, 1);
	assert_int_equal(shmbus_shmif_monitor_start(&t->eye.bus, &t->eye.r, false), -EBUSY);
	shmbus_store(&h->lock, 0);
	t->eye.seq--;
	assert_int_equal(see(&t->eye), 1);
}

/* Wait for the lock to be taken for stuck: fetch until something else than -EBUSY. */
static int
fetch_stuck(struct side *s)
{
	const uint64_t start = shmbus_clock_mono_ns();
	int ret;

	while ((ret = shmbus_shmif_monitor_fetch(&s->bus, &s->r)) == -EBUSY) {
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
		nap_ms(1);
	}
	return ret;
}

/* As if the words had been as they are for long. */
static void
long_watched(struct side *s)
{
	s->r.lock_wait.since_ns = 1;
	s->r.lock_wait.ring = shmbus_shmif_words(&s->bus);
}

/*
 * A NetBSD peer is stopped when it has moved last and written half of its
 * record. All the others can be read, and when it goes on the last one.
 */
static void
test_stuck(void **state)
{
	struct fixture *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	uint32_t len = 0xffffffff;
	struct side late;
	uint32_t last;

	side_send_many(&t->tx, 5000, 1000);
	last = shmbus_load(&h->last);
	shmbus_store(&h->lock, 1);
	memcpy(shmbus_shmif_data(&t->tx.bus) + last, &len, sizeof(len));
	assert_int_equal(fetch_stuck(&t->eye), 0);
	side_take(&t->eye);
	while (shmbus_shmif_monitor_fetch(&t->eye.bus, &t->eye.r) == 0)
		side_take(&t->eye);
	assert_int_equal(t->eye.seq, 4999);
	assert_true(t->eye.frames > 1000);
	/* One that comes to look now. */
	eye_open(&late, t->path);
	assert_int_equal(shmbus_shmif_monitor_start(&late.bus, &late.r, true), -EBUSY);
	late.r.lock_wait.since_ns = 1;
	assert_int_equal(shmbus_shmif_monitor_start(&late.bus, &late.r, true), 0);
	while (shmbus_shmif_monitor_fetch(&late.bus, &late.r) == 0)
		side_take(&late);
	assert_int_equal(late.seq, 4999);
	assert_int_equal(late.frames, t->eye.frames);
	side_leave(&late);
	/* It goes on. */
	len = 1000;
	memcpy(shmbus_shmif_data(&t->tx.bus) + last, &len, sizeof(len));
	shmbus_store(&h->lock, 0);
	assert_int_equal(see(&t->eye), 1);
	assert_int_equal(t->eye.seq, 5000);
	assert_int_equal(t->eye.r.overruns, 1);
	/* Held by one that has written nothing: what was read is not read again. */
	shmbus_store(&h->lock, 1);
	t->eye.r.more = true;
	long_watched(&t->eye);
	assert_int_equal(shmbus_shmif_monitor_fetch(&t->eye.bus, &t->eye.r), -EBUSY);
	shmbus_store(&h->lock, 0);
	assert_int_equal(see(&t->eye), 0);
	assert_int_equal(t->eye.r.overruns, 1);
}

/* Whether gen has counted the newest record, the words do not say; or one of ours is at it. */
static void
test_stuck_at_the_end(void **state)
{
	struct fixture *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	struct shmbus_shmif_reader *r = &t->eye.r;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (i == 0)
			forge_ring(&t->tx, 3, 0);
		else
			side_send_many(&t->tx, 10, 60);
		assert_int_equal(shmbus_shmif_monitor_start(&t->eye.bus, r, true), 0);
		shmbus_store(&h->lock, 1);
		if (i == 1)
			shmbus_store(&h->spare, INTENT | HELD | 1);
		long_watched(&t->eye);
		assert_int_equal(shmbus_shmif_monitor_fetch(&t->eye.bus, r), -EBUSY);
		shmbus_store(&h->spare, 0);
		if (i == 1)
			assert_int_equal(shmbus_shmif_monitor_fetch(&t->eye.bus, r), 0);
		shmbus_store(&h->lock, 0);
	}
}

/* Any words whatever: it comes back, reads nothing beside the ring, and writes nothing. */
static void
test_hostile(void **state)
{
	static const uint64_t odd[] = {
		0, 1, 2, DATA - 1, DATA, DATA + 1, DATA - RECORD, UINT32_MAX, INT32_MAX,
		UINT64_MAX / DATA - 4, UINT64_MAX / DATA, UINT64_MAX, UINT64_MAX - 1,
	};
	struct fixture *t = *state;
	struct shmbus_shmif_header *h = shmbus_shmif_header(&t->tx.bus);
	struct dice d = { .state = 77 };
	unsigned int i, got = 0;
	uint32_t len;
	int ret;

	side_send_many(&t->tx, 5000, 300);
	for (i = 0; i < 20000; i++) {
		if (i % 3 != 0)
			shmbus_store(&h->gen, odd[dice_range(&d, 0, DIM(odd) - 1)]);
		if (i % 3 != 1)
			shmbus_store(&h->last, (uint32_t)(i & 8 ? odd[dice_range(&d, 0, DIM(odd) - 1)] :
							  dice_range(&d, 0, DATA)));
		if (i % 3 != 2)
			shmbus_store(&h->first, (uint32_t)(i & 16 ? odd[dice_range(&d, 0, DIM(odd) - 1)] :
							   dice_range(&d, 0, DATA)));
		shmbus_store(&h->lock, dice_range(&d, 0, 7) == 0 ? dice_range(&d, 1, 3) : 0);
		shmbus_store(&h->spare, (uint32_t)dice_throw(&d));
		len = i % 2 != 0 ? (uint32_t)odd[dice_range(&d, 0, DIM(odd) - 1)] :
		      dice_range(&d, 0, 1600);
		memcpy(shmbus_shmif_data(&t->tx.bus) + dice_range(&d, 0, DATA - 4), &len, sizeof(len));
		if (i % 5 == 0)
			shmbus_shmif_monitor_start(&t->eye.bus, &t->eye.r, i % 2 != 0);
		if (i % 7 == 0) /* stuck for long */
			t->eye.r.lock_wait.since_ns = 1;
		ret = shmbus_shmif_monitor_fetch(&t->eye.bus, &t->eye.r);
		assert_true(ret == 0 || ret == -EBUSY || ret == -EILSEQ);
		while (shmbus_shmif_has_next(&t->eye.r)) {
			struct shmbus_shmif_frame frame;

			shmbus_shmif_next(&t->eye.r, &frame);
			assert_true(frame.len <= SHMBUS_SHMIF_FRAME_MAX);
			assert_true(frame.data + frame.len <= t->eye.r.bytes + SHMBUS_SHMIF_PIECE);
			got++;
		}
	}
	assert_true(got != 0);
	assert_true(t->eye.r.corrupt > 1000);
}

struct flood {
	const char *path;
	bool as_netbsd;
	shmbus_a32 stop;
	shmbus_a64 sent;
};

/* In the order of stores of a NetBSD peer, one frame at a time. */
static void
write_as_netbsd(struct side *s, uint32_t len)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&s->bus);
	struct shmbus_shmif_state state;
	struct shmbus_shmif_record record = { .len = len, .sender = 1 };
	uint8_t frame[SHMBUS_SHMIF_FRAME_MAX];
	uint64_t end, clear, first;
	uint32_t old;

	side_fill(frame, len, 1, ++s->sent);
	side_lock(s);
	assert_int_equal(shmbus_shmif_load(&s->bus, &state), 0);
	end = state.end + RECORD + len;
	clear = end + (end % DATA == 0);
	shmbus_store_release(&h->last, (uint32_t)(state.end % DATA));
	for (first = state.first; clear - first > DATA; first += RECORD + old)
		shmbus_shmif_get(&s->bus, first, &old, sizeof(old));
	shmbus_store(&h->first, (uint32_t)(first % DATA));
	shmbus_fence_release();
	shmbus_shmif_put(&s->bus, state.end, &record, RECORD);
	shmbus_shmif_put(&s->bus, state.end + RECORD, frame, len);
	if (end / DATA != state.end / DATA)
		shmbus_store_release(&h->gen, shmbus_load(&h->gen) + 1);
	shmbus_shmif_unlock(&s->bus, &s->r.lock_wait, end);
}

static int
flood_body(struct child *c, void *arg)
{
	struct dice d = { .state = 3 };
	struct flood *t = arg;
	struct side s;
	unsigned int n;

	side_join(&s, t->path, 1);
	child_tell(c, 0);
	while (!shmbus_load(&t->stop)) {
		if (t->as_netbsd) {
			/* Now and then of such a length that laps look like each other. */
			write_as_netbsd(&s, s.sent / 8000 % 2 ? 200 : dice_range(&d, FRAME_MIN, 1514));
		} else {
			for (n = dice_range(&d, 1, 64); n != 0; n--)
				if (!side_add(&s, dice_range(&d, FRAME_MIN, 400)))
					break;
			side_send(&s);
		}
		shmbus_store(&t->sent, s.sent);
	}
	side_leave(&s);
	return 0;
}

/* So many frames are read while they are being overwritten; each of them is whole. */
static void
watch_flood(struct fixture *f, bool as_netbsd, uint64_t frames)
{
	struct side *s = &f->eye;
	uint64_t expected, pieces = 0;
	struct flood *t;
	struct child c;
	int ret;

	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(t != MAP_FAILED);
	t->path = f->path;
	t->as_netbsd = as_netbsd;
	child_start(&c, flood_body, t);
	child_answer(&c);
	while (s->frames < frames) {
		ret = shmbus_shmif_monitor_fetch(&s->bus, &s->r);
		assert_true(ret == 0 || ret == -EBUSY);
		side_take(s);
		pieces += ret == 0;
		/* It is lapped now and then, as it is to be. */
		if (pieces % 64 == 63 && ret == 0)
			nap_ms(2);
		else if (ret != 0 || !s->r.more)
			sched_yield();
	}
	shmbus_store(&t->stop, 1);
	assert_int_equal(child_wait(&c), 0);
	see(s);
	expected = shmbus_load(&t->sent);
	assert_int_equal(s->seq, expected);
	assert_int_equal(s->frames + s->jumped, expected);
	assert_int_equal(s->r.corrupt, 0);
	assert_true(s->jumped == 0 || s->r.overruns != 0);
	munmap(t, sizeof(*t));
}

static void
test_flood(void **state)
{
	watch_flood(*state, false, rounds(1000000, 200000, NULL));
}

static void
test_flood_as_netbsd(void **state)
{
	watch_flood(*state, true, 100000);
}

static void
expect_refused(const char *path, int ret, const char *text)
{
	struct shmbus_shmif bus;
	struct shmbus_error e;

	assert_int_equal(shmbus_shmif_open_readonly(&bus, path, &e), ret);
	assert_in_text(e.text, text);
}

static void
test_open(void **state)
{
	struct fixture *t = *state;
	char *path = tmpdir_new_path();
	struct snapshot snap;
	struct side s;

	expect_refused(path, -ENOENT, "no such file");
	file_write(path, 0, "", 0);
	expect_refused(path, -ENODATA, "no bus yet");
	file_write(path, 0, "nonsense", 8);
	expect_refused(path, -EMEDIUMTYPE, "not a shmif bus");
	unlink(path);
	free(path);
	/* Nothing of the file changes, and a file that may only be read will do. */
	side_send_many(&t->tx, 10, 60);
	assert_int_equal(chmod(t->path, 0400), 0);
	snapshot_take(&snap, t->path);
	eye_open(&s, t->path);
	assert_int_equal(shmbus_shmif_monitor_start(&s.bus, &s.r, true), 0);
	assert_int_equal(see(&s), 10);
	side_leave(&s);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sees, setup, teardown),
		cmocka_unit_test_setup_teardown(test_begins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overrun, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood_as_netbsd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
	};

	return cmocka_run_group_tests_name("shmif_monitor", tests, tmpdir_create, tmpdir_remove);
}
