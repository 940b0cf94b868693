/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Sending in place: what is committed arrives, whole and in order; nothing else does. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "segment.h"

#define PLACES 64

static void
ask(struct shmbus_place *places, unsigned int n, uint32_t len)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		places[i] = (struct shmbus_place){ .len = len };
}

/* Writes the next frames of a's into the places, which are at least as long. */
static void
fill(struct segment *s, struct shmbus_place *places, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		segment_fill(places[i].data, places[i].len, s->sent + i);
}

static void
commit(struct segment *s, struct shmbus_place *places, unsigned int n)
{
	assert_int_equal(shmbus_commit(s->a, places, n), n);
	s->sent += n;
}

/* Returns whether an address of this process is in a mapping of the file. */
static bool
lies_in(const void *at, const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	bool found = false;
	char line[512];

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps) != NULL)
		found = strstr(line, path) != NULL && sscanf(line, "%lx-%lx", &from, &to) == 2 &&
			(uintptr_t)at >= from && (uintptr_t)at < to;
	fclose(maps);
	return found;
}

/* Laps of bursts, some of them by shmbus_send(). */
static void
test_in_place(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[PLACES];
	uint64_t bytes = 0;
	unsigned int i, turn;
	int n;

	segment_start(s, NULL);
	for (turn = 0; turn < 2000; turn++) {
		for (i = 0; i < 7; i++)
			places[i] = (struct shmbus_place){ .len = SEGMENT_FRAME_MIN + turn * (i + 3) % 450 };
		n = shmbus_reserve(s->a, places, 1 + turn % 7);
		assert_int_equal(n, 1 + turn % 7);
		for (i = 0; i < (unsigned int)n; i++) {
			bytes += places[i].len;
			assert_int_equal(lies_in(places[i].data, s->path),
					 s->format == SHMBUS_FORMAT_LANES);
			if (s->format == SHMBUS_FORMAT_LANES)
				assert_int_equal((uintptr_t)places[i].data % 64, 0);
		}
		fill(s, places, (unsigned int)n);
		commit(s, places, (unsigned int)n);
		if (turn % 3 == 0) {
			segment_send(s, 2, 100);
			bytes += 200;
		}
		if (turn % 5 == 0)
			segment_receive(s);
	}
	segment_receive(s);
	assert_int_equal(s->received, s->sent);
	assert_int_equal(s->missed, 0);
	assert_int_equal(segment_stats(s->a).tx_frames, s->sent);
	assert_int_equal(segment_stats(s->a).tx_bytes, bytes);
}

/* Nobody sees a frame before its commit, and no reservation keeps anybody. */
static void
test_unseen(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[8];
	struct shmbus_station *m;
	struct shmbus_view view;
	struct shmbus_rx rx = { .room = 0 };

	segment_start(s, NULL);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	ask(places, 8, 200);
	assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
	fill(s, places, 8);
	assert_int_equal(shmbus_wait(s->b, 5), 0);
	assert_int_equal(shmbus_peek(s->b, &view, 1), 0);
	assert_int_equal(shmbus_receive(m, &rx, 1), 0);
	commit(s, places, 8);
	assert_int_equal(shmbus_wait(s->b, 0), 1);
	assert_int_equal(shmbus_receive(m, &rx, 1), 1);
	assert_int_equal(segment_receive(s), 8);
	shmbus_detach(m);
}

/* Frames that become shorter, by any number of bytes and anywhere in the burst. */
static void
test_shrunk(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[PLACES];
	unsigned int i, turn;

	segment_start(s, NULL);
	for (turn = 0; turn < 3000; turn++) {
		ask(places, 5, 700);
		assert_int_equal(shmbus_reserve(s->a, places, 5), 5);
		for (i = 0; i < 5; i++)
			if ((turn + i) % 4 != 0)
				places[i].len = SEGMENT_FRAME_MIN + (turn * 7919 + i * 131) % 679;
		fill(s, places, 5);
		commit(s, places, 5);
		segment_receive(s);
		assert_int_equal(s->received, s->sent);
	}
	assert_int_equal(s->missed, 0);
}

/* Commits of fewer frames than are reserved; none at all is a way to end it. */
static void
test_fewer(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[8];
	unsigned int n;

	segment_start(s, NULL);
	for (n = 0; n <= 8; n++) {
		ask(places, 8, 150);
		assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
		fill(s, places, 8);
		commit(s, places, n);
		assert_int_equal(segment_receive(s), n);
		if (n != 0)
			assert_int_equal(shmbus_commit(s->a, places, 1), -EINVAL);
	}
	assert_int_equal(segment_stats(s->a).tx_frames, 36);
	ask(places, 8, 150);
	assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
	assert_int_equal(shmbus_commit(s->a, NULL, 0), 0);
	assert_int_equal(shmbus_commit(s->a, places, 8), -EINVAL);
}

/* Every other way to send ends a reservation, and so does another one. */
static void
test_ended(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[8], others[8];
	struct shmbus_rx rx = { .room = 0 };
	uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };

	segment_start(s, NULL);
	ask(places, 8, 100);
	assert_int_equal(shmbus_commit(s->a, places, 1), -EINVAL);
	assert_in_text(shmbus_error_text(), "0 are reserved");
	assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
	segment_send(s, 1, 100);
	assert_int_equal(shmbus_commit(s->a, places, 8), -EINVAL);
	assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
	segment_fill(bytes, sizeof(bytes), s->sent++);
	assert_int_equal(shmbus_send_all(s->a, &tx, 1, -1), 1);
	assert_int_equal(shmbus_commit(s->a, places, 8), -EINVAL);
	assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
	ask(others, 3, 90);
	assert_int_equal(shmbus_reserve(s->a, others, 3), 3);
	assert_int_equal(shmbus_commit(s->a, places, 8), -EINVAL);
	assert_in_text(shmbus_error_text(), "3 are reserved");
	fill(s, others, 3);
	commit(s, others, 3);
	/* The receiving side is another matter. */
	assert_int_equal(shmbus_reserve(s->a, others, 3), 3);
	fill(s, others, 3);
	assert_int_equal(shmbus_receive(s->a, &rx, 1), 0);
	commit(s, others, 3);
	assert_int_equal(segment_receive(s), 8);
}

static void
test_errors(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[3];
	struct shmbus_station *m;
	struct shmbus_self self;

	segment_start(s, NULL);
	assert_int_equal(shmbus_get_self(s->a, &self), 0);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	ask(places, 3, 60);
	assert_int_equal(shmbus_reserve(m, places, 3), -EROFS);
	assert_in_text(shmbus_error_text(), "monitor");
	assert_int_equal(shmbus_commit(m, places, 1), -EINVAL);
	shmbus_detach(m);
	assert_int_equal(shmbus_reserve(s->a, places, 0), 0);
	places[1].len = 13;
	assert_int_equal(shmbus_reserve(s->a, places, 3), 1);
	assert_int_equal(shmbus_reserve(s->a, places + 1, 2), -EMSGSIZE);
	assert_in_text(shmbus_error_text(), "13 bytes");
	places[1].len = self.frame_max + 1;
	assert_int_equal(shmbus_reserve(s->a, places + 1, 2), -EMSGSIZE);
	places[1].len = self.frame_max;
	assert_int_equal(shmbus_reserve(s->a, places + 1, 1), 1);
	places[2].flags = 4;
	assert_int_equal(shmbus_reserve(s->a, places + 2, 1), -EINVAL);
	assert_in_text(shmbus_error_text(), "0x4");
	assert_int_equal(shmbus_commit(s->a, places + 2, 1), -EINVAL);
	/* What a commit refuses stays reserved. */
	ask(places, 3, 100);
	assert_int_equal(shmbus_reserve(s->a, places, 3), 3);
	fill(s, places, 3);
	places[2].len = 101;
	assert_int_equal(shmbus_commit(s->a, places, 3), -EMSGSIZE);
	assert_in_text(shmbus_error_text(), "more than the 100");
	places[2].len = 13;
	assert_int_equal(shmbus_commit(s->a, places, 3), -EMSGSIZE);
	places[2].len = 100;
	places[0].flags = 1;
	assert_int_equal(shmbus_commit(s->a, places, 3), -EINVAL);
	places[0].flags = 0;
	commit(s, places, 3);
	assert_int_equal(segment_receive(s), 3);
	assert_int_equal(segment_stats(s->a).tx_frames, 3);
}

/* How many places there are: of a record, of a burst, and always one of the longest frame. */
static void
test_limits(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[1000];
	struct shmbus_self self;

	segment_start(s, NULL);
	assert_int_equal(shmbus_get_self(s->a, &self), 0);
	/* On the small lanes of this test a burst has 4096 bytes. */
	ask(places, 1000, 60);
	assert_int_equal(shmbus_reserve(s->a, places, 1000),
			 s->format == SHMBUS_FORMAT_LANES ? (4096 - 320) / 64 : 64);
	ask(places, 1000, self.frame_max);
	assert_in_range(shmbus_reserve(s->a, places, 1000), 1, 40);
	ask(places, 1, self.frame_max);
	fill(s, places, 0);
	assert_int_equal(shmbus_reserve(s->a, places, 1), 1);
}

/* A slow receiver delays a reservation as it delays a send; a commit it does not. */
static void
test_held(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .pause_timeout_ms = UINT32_MAX };
	struct shmbus_place places[3];
	unsigned int turn, full = 0;
	int n;

	segment_start(s, &conf);
	for (turn = 0; turn < 300; turn++) {
		ask(places, 3, 1000);
		n = shmbus_reserve(s->a, places, 3);
		assert_in_range(n, 0, 3);
		fill(s, places, (unsigned int)n);
		commit(s, places, (unsigned int)n);
		if (n == 3)
			continue;
		full++;
		assert_int_equal(shmbus_reserve(s->a, places, 1), 0);
		assert_int_equal(shmbus_commit(s->a, places, 1), -EINVAL);
		segment_receive(s);
		assert_int_equal(s->received, s->sent);
	}
	assert_int_equal(s->missed, 0);
	assert_true(full > 5);
	assert_true(segment_stats(s->a).tx_pauses >= 2 * full);
}

/* A reservation may take as long as it likes, and the receiver as well. */
static void
test_late(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .flags = SHMBUS_NO_PAUSE };
	struct shmbus_place places[3];

	segment_start(s, &conf);
	segment_send(s, 500, 200);
	ask(places, 3, 1000);
	assert_int_equal(shmbus_reserve(s->a, places, 3), 3);
	segment_receive(s);
	assert_true(s->missed > 0);
	fill(s, places, 3);
	commit(s, places, 3);
	assert_int_equal(segment_receive(s), 3);
	assert_int_equal(s->received + s->missed, s->sent);
	assert_int_equal(segment_stats(s->b).rx_corrupt, 0);
}

/* A port that dies with a reservation, half of it written, leaves nothing of it. */
static int
reserve_and_wait(struct child *c, void *arg)
{
	struct segment *s = arg;
	struct shmbus_place places[8];
	struct shmbus_station *st;
	uint64_t number;

	shmbus_forget(s->a);
	shmbus_forget(s->b);
	if (shmbus_attach(&st, s->path, NULL) != 0)
		return 1;
	ask(places, 8, 150);
	if (shmbus_reserve(st, places, 8) != 8)
		return 2;
	memset(places[0].data, 0xee, 150);
	child_tell(c, 1);
	return child_hear(c, &number) ? 0 : 3;
}

static void
test_death(void **state)
{
	struct segment *s = *state;
	struct child c;

	segment_start(s, NULL);
	shmbus_detach(s->a);
	s->a = NULL;
	child_start(&c, reserve_and_wait, s);
	child_answer(&c);
	child_kill(&c);
	assert_int_equal(segment_receive(s), 0);
	assert_int_equal(shmbus_attach(&s->a, s->path, NULL), 0);
	segment_send(s, 200, 200);
	assert_int_equal(segment_receive(s), 200);
	assert_int_equal(s->missed, 0);
	assert_int_equal(segment_stats(s->b).rx_corrupt, 0);
}

/* The lock of a shmif bus is not available: the frames stay, and go later. */
static void
test_shmif_lock(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .lock_break_ms = 3600 * 1000 };
	struct shmbus_place places[5];
	uint32_t lock = 1;
	unsigned int i;

	segment_start(s, &conf);
	ask(places, 5, 300);
	assert_int_equal(shmbus_reserve(s->a, places, 5), 5);
	for (i = 0; i < 5; i++)
		places[i].len = 300 - 50 * i;
	fill(s, places, 5);
	segment_lock(s, lock);
	assert_int_equal(shmbus_commit(s->a, places, 5), 0);
	assert_int_equal(shmbus_commit(s->a, places, 5), 0);
	lock = 0;
	segment_lock(s, lock);
	commit(s, places, 5);
	assert_int_equal(segment_receive(s), 5);
	assert_true(segment_stats(s->a).lock_busy >= 2);
}

/* The file is cut off: writing into the places does no harm, and the commit says so. */
static void
test_gone(void **state)
{
	struct segment *s = *state;
	struct shmbus_place places[8];

	segment_start(s, NULL);
	ask(places, 8, 200);
	assert_int_equal(shmbus_reserve(s->a, places, 8), 8);
	assert_int_equal(truncate(s->path, 0), 0);
	fill(s, places, 8);
	assert_int_equal(shmbus_commit(s->a, places, 8), -ENODEV);
	assert_int_equal(shmbus_reserve(s->a, places, 8), -ENODEV);
	segment_leave(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_in_place),
		BOTH_FORMATS(test_unseen),
		BOTH_FORMATS(test_shrunk),
		BOTH_FORMATS(test_fewer),
		BOTH_FORMATS(test_ended),
		BOTH_FORMATS(test_errors),
		BOTH_FORMATS(test_limits),
		LANES_ONLY(test_held),
		LANES_ONLY(test_late),
		BOTH_FORMATS(test_death),
		SHMIF_ONLY(test_shmif_lock),
		BOTH_FORMATS(test_gone),
	};

	return cmocka_run_group_tests_name("library_reserve", tests, tmpdir_create, tmpdir_remove);
}
