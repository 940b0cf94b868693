/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Frames from one port to another: all of them, whole, in order, and with what is said of each. */

#include <errno.h>
#include <unistd.h>
#include <time.h>

#include "segment.h"

static uint32_t
frame_max(struct shmbus_station *st)
{
	struct shmbus_self self;

	assert_int_equal(shmbus_get_self(st, &self), 0);
	return self.frame_max;
}

static void
test_all_lengths(void **state)
{
	struct segment *s = *state;
	const uint32_t most = s->format == SHMBUS_FORMAT_LANES ? 2000 : 1514;
	uint64_t bytes = 0;
	uint32_t len;

	segment_start(s, NULL);
	for (len = SEGMENT_FRAME_MIN; len <= most; len++) {
		segment_send(s, 1, len);
		bytes += len;
		if (len % 7 == 0)
			segment_receive(s);
	}
	segment_receive(s);
	assert_int_equal(s->received, s->sent);
	assert_int_equal(s->missed, 0);
	assert_int_equal(segment_stats(s->a).tx_frames, s->sent);
	assert_int_equal(segment_stats(s->a).tx_bytes, bytes);
	assert_int_equal(segment_stats(s->b).rx_frames, s->sent);
	assert_int_equal(segment_stats(s->b).rx_bytes, bytes);
	/* A port does not receive its own frames. */
	assert_int_equal(shmbus_receive(s->a, NULL, 0), 0);
	assert_int_equal(segment_stats(s->a).rx_frames, 0);
}

static void
test_lengths_refused(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[65536];
	struct shmbus_tx frames[3] = {
		{ .data = bytes, .len = 60 },
		{ .data = bytes, .len = 13 },
		{ .data = bytes, .len = 60 },
	};

	segment_start(s, NULL);
	/* One further back ends the burst before it. */
	assert_int_equal(shmbus_send(s->a, frames, 3), 1);
	assert_int_equal(shmbus_send(s->a, frames + 1, 2), -EMSGSIZE);
	assert_in_text(shmbus_error_text(), s->path);
	assert_in_text(shmbus_error_text(), "13 bytes");
	frames[0].len = frame_max(s->a) + 1;
	assert_int_equal(shmbus_send(s->a, frames, 1), -EMSGSIZE);
	assert_int_equal(shmbus_send_all(s->a, frames, 1, -1), -EMSGSIZE);
	frames[0].len = frame_max(s->a);
	assert_int_equal(shmbus_send(s->a, frames, 1), 1);
	frames[0].len = 14;
	assert_int_equal(shmbus_send(s->a, frames, 1), 1);
	assert_int_equal(shmbus_send(s->a, frames, 0), 0);
	assert_int_equal(segment_stats(s->a).tx_frames, 3);
}

/* The sender waits for b, and loses nothing. */
static void
test_pause(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .pause_timeout_ms = UINT32_MAX };
	unsigned int laps;

	segment_start(s, &conf);
	for (laps = 0; laps < 20; laps++) {
		assert_true(segment_try_send(s, 5000, 300) < 5000);
		segment_receive(s);
	}
	assert_int_equal(s->received, s->sent);
	assert_int_equal(s->missed, 0);
	assert_true(segment_stats(s->a).tx_pauses >= 20);
	assert_int_equal(segment_stats(s->b).rx_missed, 0);
}

static void
test_send_all(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .pause_timeout_ms = UINT32_MAX };
	static uint8_t bytes[1000];
	struct shmbus_tx frames[200];
	unsigned int i;
	int n;

	segment_start(s, &conf);
	for (i = 0; i < DIM(frames); i++)
		frames[i] = (struct shmbus_tx){ .data = bytes, .len = sizeof(bytes) };
	/* More frames than the lane holds, and no reader. */
	n = shmbus_send_all(s->a, frames, DIM(frames), 20);
	assert_in_range(n, 1, DIM(frames) - 1);
	assert_int_equal(segment_stats(s->a).tx_frames, n);
}

/* Readers for which no sender waits miss frames, and know how many and where. */
static void
missed(struct segment *s, const struct shmbus_conf *conf)
{
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	uint64_t next = 0, sum = 0;

	segment_start(s, conf);
	segment_send(s, 3000, 100);
	while (shmbus_receive(s->b, &rx, 1) == 1) {
		assert_int_equal(segment_number(bytes, rx.len), next + rx.meta.missed);
		assert_int_equal(rx.meta.seq, next + rx.meta.missed);
		next = rx.meta.seq + 1;
		sum += rx.meta.missed;
	}
	assert_int_equal(next, 3000);
	assert_true(sum > 1000);
	assert_int_equal(segment_stats(s->b).rx_missed, sum);
	assert_int_equal(segment_stats(s->b).rx_frames, 3000 - sum);
	assert_true(segment_stats(s->b).rx_overruns != 0);
}

static void
test_no_pause(void **state)
{
	const struct shmbus_conf conf = { .flags = SHMBUS_NO_PAUSE };

	missed(*state, &conf);
}

static void
test_no_hold(void **state)
{
	const struct shmbus_conf conf = { .flags = SHMBUS_NO_HOLD };

	missed(*state, &conf);
}

/* On shmif how many were missed is an estimate, from bytes; of one length it is right. */
static void
test_shmif_missed(void **state)
{
	struct segment *s = *state;

	segment_start(s, NULL);
	segment_send(s, 1, 1000);
	assert_int_equal(segment_receive(s), 1);
	segment_send(s, 3000, 1000);
	segment_receive(s);
	assert_int_equal(s->received + s->missed, 3001);
	assert_true(s->missed > 1000);
	assert_int_equal(segment_stats(s->b).rx_missed, s->missed);
}

static void
test_meta(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_self self;
	struct timespec now;

	segment_start(s, NULL);
	assert_int_equal(shmbus_get_self(s->a, &self), 0);
	segment_send(s, 2, 64);
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	assert_int_equal(rx.len, 64);
	assert_int_equal(rx.meta.missed, 0);
	if (s->format == SHMBUS_FORMAT_LANES) {
		assert_int_equal(rx.meta.seq, 1);
		assert_int_equal(rx.meta.slot, self.slot);
		assert_int_equal(rx.meta.queue, 0);
		assert_int_equal(rx.meta.flags, 0);
		clock_gettime(CLOCK_REALTIME, &now);
	} else {
		assert_int_equal(rx.meta.sender, self.sender);
		assert_int_equal(rx.meta.flags, SHMBUS_META_UPTIME);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	assert_in_range(rx.meta.tstamp_ns / 1000000000, now.tv_sec - 60, now.tv_sec);
}

static void
test_truncated(void **state)
{
	struct segment *s = *state;
	uint8_t bytes[65];
	struct shmbus_rx rx = { .data = bytes, .room = 64 };
	uint8_t whole[200];

	segment_start(s, NULL);
	segment_send(s, 2, 200);
	bytes[64] = 0x5a;
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	assert_int_equal(rx.len, 200);
	assert_int_equal(rx.meta.flags & SHMBUS_META_TRUNCATED, SHMBUS_META_TRUNCATED);
	segment_fill(whole, 200, 0);
	assert_memory_equal(bytes, whole, 64);
	assert_int_equal(bytes[64], 0x5a);
	rx = (struct shmbus_rx){ .room = 0 };
	assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
	assert_int_equal(rx.len, 200);
	assert_int_equal(segment_stats(s->b).rx_truncated, 2);
}

static void
test_filter(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .flags = SHMBUS_FILTER };
	static uint8_t bytes[4][64];
	static uint8_t got[64];
	struct shmbus_tx tx[4];
	struct shmbus_rx rx = { .data = got, .room = sizeof(got) };
	struct shmbus_view views[4];
	struct shmbus_self self;
	unsigned int i, round;

	segment_start(s, &conf);
	assert_int_equal(shmbus_get_self(s->b, &self), 0);
	for (i = 0; i < 4; i++) {
		bytes[i][20] = (uint8_t)i;
		tx[i] = (struct shmbus_tx){ .data = bytes[i], .len = 64 };
	}
	bytes[0][0] = 0x02;                 /* somebody else's */
	memcpy(bytes[1], self.mac, 6);      /* b's */
	bytes[2][0] = 0x04;                 /* somebody else's */
	bytes[3][0] = 0x01;                 /* multicast */
	for (round = 0; round < 10; round++) {
		assert_int_equal(shmbus_send(s->a, tx, 4), 4);
		assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
		assert_int_equal(got[20], 1);
		assert_int_equal(shmbus_receive(s->b, &rx, 1), 1);
		assert_int_equal(got[20], 3);
		assert_int_equal(shmbus_receive(s->b, &rx, 1), 0);
		assert_int_equal(segment_stats(s->b).rx_filtered, round * 4 + 2);
		assert_int_equal(shmbus_send(s->a, tx, 4), 4);
		for (i = 0; i < 2; i += shmbus_release(s->b, 1)) {
			assert_in_range(shmbus_peek(s->b, views, 4), 1, 2);
			assert_int_equal(((const uint8_t *)views[0].data)[20], 2 * i + 1);
		}
		assert_int_equal(shmbus_peek(s->b, views, 4), 0);
		assert_int_equal(segment_stats(s->b).rx_filtered, round * 4 + 4);
	}
}

/* A release passes frames that are not for the station: they count as filtered, and that is all. */
static void
test_filter_peek_counts(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .flags = SHMBUS_FILTER };
	static uint8_t mine[70], others[100];
	const struct shmbus_tx tx[] = {
		{ .data = mine, .len = 70 },
		{ .data = others, .len = 100 },
		{ .data = mine, .len = 60 },
	};
	unsigned int released = 0;
	struct shmbus_view views[4];
	struct shmbus_self self;
	int n;

	segment_start(s, &conf);
	assert_int_equal(shmbus_get_self(s->b, &self), 0);
	memcpy(mine, self.mac, 6);
	assert_int_equal(shmbus_send(s->a, tx, 3), 3);
	while ((n = shmbus_peek(s->b, views, 4)) > 0)
		released += (unsigned int)shmbus_release(s->b, (unsigned int)n);
	assert_int_equal(n, 0);
	assert_int_equal(released, 2);
	assert_int_equal(segment_stats(s->b).rx_frames, 2);
	assert_int_equal(segment_stats(s->b).rx_bytes, 130);
	assert_int_equal(segment_stats(s->b).rx_filtered, 1);
}

/* A frame with a flag that nobody knows is refused as one of a wrong length is. */
static void
test_tx_flags(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[SEGMENT_FRAME_MIN];
	struct shmbus_tx tx[4];
	unsigned int i;

	segment_start(s, NULL);
	segment_fill(bytes, sizeof(bytes), 0);
	for (i = 0; i < 4; i++)
		tx[i] = (struct shmbus_tx){ .data = bytes, .len = sizeof(bytes) };
	for (i = 0; i < 32; i++) {
		tx[2].flags = 1u << i;
		assert_int_equal(shmbus_send(s->a, tx, 4), 2);
		assert_int_equal(shmbus_send_all(s->a, tx, 4, 0), 2);
		assert_int_equal(shmbus_send(s->a, tx + 2, 2), -EINVAL);
		assert_in_text(shmbus_error_text(), "flags");
		assert_int_equal(shmbus_send_all(s->a, tx + 2, 2, -1), -EINVAL);
	}
	tx[2].flags = 0;
	assert_int_equal(shmbus_send(s->a, tx, 4), 4);
	assert_int_equal(segment_stats(s->a).tx_frames, 32 * 4 + 4);
}

static void
test_send_only(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .flags = SHMBUS_SEND_ONLY, .pause_timeout_ms = UINT32_MAX };
	struct shmbus_view view;
	uint64_t next = 0, lost = 0;

	segment_start(s, &conf);
	/* Both are: nobody waits for anybody, and nobody hears anything. */
	segment_send(s, 5000, 300);
	assert_int_equal(segment_drain(s->b, &next, &lost), 0);
	assert_int_equal(shmbus_peek(s->b, &view, 1), 0);
	assert_int_equal(shmbus_wait(s->b, 0), 0);
	assert_int_equal(segment_stats(s->a).tx_pauses, 0);
}

static void
check_views(const struct shmbus_view *views, int n, uint64_t next)
{
	int i;

	for (i = 0; i < n; i++) {
		assert_int_equal(segment_number(views[i].data, views[i].len), next + (uint64_t)i);
		assert_int_equal(views[i].offload.flags, 0);
		assert_int_equal(views[i].meta.missed, 0);
	}
}

static void
test_peek(void **state)
{
	struct segment *s = *state;
	struct shmbus_view views[40];
	uint64_t next = 0;
	unsigned int use;
	int n;

	segment_start(s, NULL);
	assert_int_equal(shmbus_peek(s->b, views, DIM(views)), 0);
	assert_int_equal(shmbus_release(s->b, 0), 0);
	while (s->sent < 390)
		segment_send(s, 30, 100);
	while ((n = shmbus_peek(s->b, views, 1 + next % DIM(views))) != 0) {
		check_views(views, n, next);
		/* Without a release they come again; released are some of them. */
		n = shmbus_peek(s->b, views, DIM(views));
		assert_true(n > 0);
		check_views(views, n, next);
		assert_int_equal(shmbus_release(s->b, (unsigned int)n + 1), -EINVAL);
		use = ((unsigned int)n + 1) / 2;
		assert_int_equal(shmbus_release(s->b, use), use);
		assert_int_equal(shmbus_release(s->b, 1), -EINVAL);
		next += use;
	}
	assert_int_equal(next, 390);
	assert_int_equal(segment_stats(s->b).rx_frames, 390);
	assert_int_equal(segment_stats(s->b).rx_bytes, 390 * 100);
}

/* What is peeked at and not released is received. */
static void
test_peek_then_receive(void **state)
{
	struct segment *s = *state;
	struct shmbus_view views[40];

	segment_start(s, NULL);
	segment_send(s, 20, 100);
	assert_int_equal(shmbus_peek(s->b, views, DIM(views)), 20);
	assert_int_equal(shmbus_release(s->b, 5), 5);
	assert_int_equal(shmbus_peek(s->b, views, DIM(views)), 15);
	s->received = 5;
	assert_int_equal(segment_receive(s), 15);
	assert_int_equal(s->missed, 0);
	assert_int_equal(shmbus_release(s->b, 1), -EINVAL);
}

/* What is overwritten while it is looked at is not released as intact, and counts as missed. */
static void
test_peek_overwritten(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .flags = SHMBUS_NO_PAUSE };
	struct shmbus_view views[8];
	int n;

	segment_start(s, &conf);
	segment_send(s, 8, 100);
	n = shmbus_peek(s->b, views, 8);
	assert_int_equal(n, 8);
	segment_send(s, 3000, 100);
	assert_int_equal(shmbus_release(s->b, 8), 0);
	segment_receive(s);
	assert_int_equal(s->received + s->missed, s->sent);
	assert_true(s->missed > 8);
	assert_int_equal(segment_stats(s->b).rx_missed, s->missed);
}

/* The sender waits for peeked frames as for any others. */
static void
test_peek_holds(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .pause_timeout_ms = UINT32_MAX };
	struct shmbus_view views[8];

	segment_start(s, &conf);
	segment_send(s, 8, 100);
	assert_int_equal(shmbus_peek(s->b, views, 8), 8);
	segment_try_send(s, 3000, 100);
	assert_int_equal(segment_number(views[0].data, views[0].len), 0);
	assert_int_equal(shmbus_release(s->b, 8), 8);
	s->received = 8;
	segment_receive(s);
	assert_int_equal(s->received, s->sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_all_lengths),
		BOTH_FORMATS(test_lengths_refused),
		LANES_ONLY(test_pause),
		LANES_ONLY(test_send_all),
		LANES_ONLY(test_no_pause),
		LANES_ONLY(test_no_hold),
		SHMIF_ONLY(test_shmif_missed),
		BOTH_FORMATS(test_meta),
		BOTH_FORMATS(test_truncated),
		BOTH_FORMATS(test_filter),
		BOTH_FORMATS(test_filter_peek_counts),
		BOTH_FORMATS(test_tx_flags),
		BOTH_FORMATS(test_send_only),
		BOTH_FORMATS(test_peek),
		BOTH_FORMATS(test_peek_then_receive),
		LANES_ONLY(test_peek_overwritten),
		LANES_ONLY(test_peek_holds),
	};

	return cmocka_run_group_tests_name("library_traffic", tests, tmpdir_create, tmpdir_remove);
}
