/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The end of a snapshot, whatever a sender claims and in whichever order its rings are read.
 * The rings are those of this file: shmbus_get_lanes() is not the library's.
 */

#include "check.h"
#include "snapshot.h"

#define SIZE 65536

static struct shmbus_lane_info rings[4];
static int n_rings;

int
shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n)
{
	(void)bus;
	assert_true(n >= (unsigned int)n_rings || n_rings < 0);
	if (n_rings > 0)
		memcpy(lanes, rings, (unsigned int)n_rings * sizeof(rings[0]));
	return n_rings;
}

static struct shmbus_lane_info
ring(uint32_t lane, uint64_t frames, uint64_t held)
{
	return (struct shmbus_lane_info){
		.lane = lane, .slot = lane / 2, .queue = lane % 2, .size = SIZE,
		.frames = frames, .held = held,
	};
}

static struct snapshot *
begin(enum shmbus_format format, int n)
{
	const struct shmbus_info info = { .format = format, .ports = 2, .queues = 2 };
	struct snapshot *s = snapshot_new(&info);

	assert_non_null(s);
	n_rings = n;
	return s;
}

static struct snapshot *
taken(enum shmbus_format format, int n)
{
	struct snapshot *s = begin(format, n);

	assert_int_equal(snapshot_take(s, NULL), 0);
	assert_true(snapshot_is_taken(s));
	return s;
}

/* Passes a frame. Returns whether it is in the snapshot. *missed: see snapshot_pass(). */
static bool
pass(struct snapshot *s, uint32_t lane, uint64_t seq, uint32_t len, uint32_t flags,
     uint64_t *missed)
{
	const struct shmbus_meta meta = {
		.slot = lane / 2, .queue = lane % 2, .seq = seq, .flags = flags,
	};

	return snapshot_pass(s, &meta, len, missed);
}

static bool
frame(struct snapshot *s, uint32_t lane, uint64_t seq)
{
	uint64_t missed = 0;

	return pass(s, lane, seq, 60, 0, &missed);
}

/* Each lane has its own end. The second one is read first, and goes on. */
static void
test_lanes_in_any_order(void **state)
{
	struct snapshot *s;

	(void)state;
	rings[0] = ring(0, 10, 10);
	rings[1] = ring(3, 3, 2);
	rings[2] = ring(2, 7, 0);
	s = taken(SHMBUS_FORMAT_LANES, 3);
	assert_true(frame(s, 3, 1));
	assert_true(frame(s, 3, 2));
	assert_false(frame(s, 3, 3));
	assert_false(snapshot_is_complete(s));
	assert_false(frame(s, 1, 0)); /* a lane that is used only now */
	assert_true(frame(s, 0, 8));
	assert_false(snapshot_is_complete(s));
	assert_true(frame(s, 0, 9));
	assert_true(snapshot_is_complete(s));
	snapshot_free(s);
}

static void
test_missed_at_the_end(void **state)
{
	struct snapshot *s;
	uint64_t missed;

	(void)state;
	rings[0] = ring(0, 10, 10);
	s = taken(SHMBUS_FORMAT_LANES, 1);
	missed = 4;
	assert_true(pass(s, 0, 4, 60, 0, &missed));
	assert_int_equal(missed, 4);
	/* 5 to 19 are missed, of which 5 to 9 are in the snapshot. */
	missed = 15;
	assert_false(pass(s, 0, 20, 60, 0, &missed));
	assert_int_equal(missed, 5);
	assert_true(snapshot_is_complete(s));
	missed = 2;
	assert_false(pass(s, 0, 23, 60, 0, &missed));
	assert_int_equal(missed, 0);
	snapshot_free(s);
}

/* What was read before the snapshot is in it, and counts for its end. */
static void
test_taken_later(void **state)
{
	struct snapshot *s;

	(void)state;
	rings[0] = ring(0, 5, 5);
	s = begin(SHMBUS_FORMAT_LANES, 1);
	assert_int_equal(snapshot_skip(s, NULL), 0);
	assert_false(snapshot_is_complete(s));
	assert_true(frame(s, 0, 5));
	assert_true(frame(s, 0, 6));
	rings[0] = ring(0, 8, 8);
	rings[1] = ring(1, 0, 0);
	n_rings = 2;
	assert_int_equal(snapshot_take(s, NULL), 0);
	assert_false(snapshot_is_complete(s));
	assert_true(frame(s, 0, 7));
	assert_true(snapshot_is_complete(s));
	snapshot_free(s);

	rings[0] = ring(0, 5, 5);
	s = begin(SHMBUS_FORMAT_LANES, 1);
	assert_int_equal(snapshot_skip(s, NULL), 0);
	assert_int_equal(snapshot_take(s, NULL), 0);
	assert_true(snapshot_is_complete(s));
	snapshot_free(s);
}

/* A packet that is cut into segments is in the snapshot to its last segment. */
static void
test_segments(void **state)
{
	struct snapshot *s;
	uint64_t missed = 0;

	(void)state;
	rings[0] = ring(0, 1, 1);
	s = taken(SHMBUS_FORMAT_LANES, 1);
	assert_true(pass(s, 0, 0, 1514, SHMBUS_META_SEGMENT, &missed));
	assert_false(snapshot_is_complete(s));
	assert_true(pass(s, 0, 0, 600, 0, &missed));
	assert_true(snapshot_is_complete(s));
	snapshot_free(s);
}

/* Of a sender that claims any number of frames there are as many as its ring can hold. */
static void
test_claims(void **state)
{
	const uint64_t claims[] = { 1000000, UINT64_MAX - 1, UINT64_MAX };
	struct snapshot *s;
	uint64_t seq, n;
	size_t i;

	(void)state;
	for (i = 0; i < DIM(claims); i++) {
		rings[0] = ring(0, claims[i], 1);
		rings[1] = ring(1, 1, 1);
		s = taken(SHMBUS_FORMAT_LANES, 2);
		for (n = 0, seq = 0; frame(s, 0, seq); seq++)
			n++;
		assert_in_range(n, SIZE / 64, SIZE / 61 + 1);
		assert_false(snapshot_is_complete(s));
		/* The same number again and again does not help. */
		assert_false(frame(s, 0, 0));
		assert_true(frame(s, 1, 0));
		assert_true(snapshot_is_complete(s));
		snapshot_free(s);
	}
}

/* Frames have no numbers: as many bytes as the ring has, even if it seems to hold nothing. */
static void
test_shmif(void **state)
{
	struct snapshot *s;
	uint64_t missed = 7;
	unsigned int n;

	(void)state;
	rings[0] = ring(0, 0, 0);
	s = begin(SHMBUS_FORMAT_SHMIF, 1);
	assert_true(pass(s, 0, 0, 60, 0, &missed));
	assert_int_equal(missed, 7);
	assert_int_equal(snapshot_take(s, NULL), 0);
	for (n = 0; !snapshot_is_complete(s); n++)
		assert_true(pass(s, 0, 0, 60, 0, &missed));
	assert_in_range(n, SIZE / (60 + 24), SIZE / 60); /* a record has 24 bytes besides the frame */
	assert_int_equal(missed, 7);
	snapshot_free(s);
}

static void
test_bus_that_is_gone(void **state)
{
	struct snapshot *s = begin(SHMBUS_FORMAT_LANES, -5);

	(void)state;
	assert_int_equal(snapshot_skip(s, NULL), -5);
	assert_int_equal(snapshot_take(s, NULL), -5);
	assert_false(snapshot_is_taken(s));
	snapshot_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes_in_any_order),
		cmocka_unit_test(test_missed_at_the_end),
		cmocka_unit_test(test_taken_later),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_shmif),
		cmocka_unit_test(test_bus_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
