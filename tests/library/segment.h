/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_SEGMENT_H
#define TEST_SEGMENT_H

/*
 * What most tests of the library begin with: a bus in a file of its own, in
 * one of the two formats, two ports on it, and frames with running numbers.
 */

#include "check.h"
#include "frame.h"
#include "shmbus.h"
#include "tmpdir.h"

#define PATIENCE_MS 60000

/* Frames at once. */
#define BURST 32

struct segment {
	enum shmbus_format format;
	char *path;
	struct shmbus_station *a, *b;
	uint64_t sent;     /* frames of a's */
	uint64_t received; /* by b, each checked; numbers follow on */
	uint64_t missed;   /* numbers left out */
};

/* For cmocka: *state becomes a segment of that format, with a file name only. */
int segment_setup_lanes(void **state);
int segment_setup_shmif(void **state);
int segment_teardown(void **state);

/* Both ports on it, in a small bus. conf: of both, or NULL. */
void segment_start(struct segment *s, const struct shmbus_conf *conf);

/*
 * Both ports leave. A test with a handler of SIGBUS calls it before it ends: cmocka handles
 * SIGBUS itself in each test, anew, and a guard's handler leaves a later one alone.
 */
void segment_leave(struct segment *s);

/* A broadcast frame with its number in it, and back; that it is whole is checked. */
#define SEGMENT_FRAME_MIN 22u
void segment_fill(uint8_t *frame, uint32_t len, uint64_t seq);
uint64_t segment_number(const uint8_t *frame, uint32_t len);

/* n more frames of a's of this length; the number taken. */
unsigned int segment_try_send(struct segment *s, unsigned int n, uint32_t len);
/* The same, all of which must be taken. */
void segment_send(struct segment *s, unsigned int n, uint32_t len);

/* All that is there for b, checked; how many. */
uint64_t segment_receive(struct segment *s);
/* The same for any station; *next is the number that comes next. */
uint64_t segment_drain(struct shmbus_station *st, uint64_t *next, uint64_t *missed);

struct shmbus_stats segment_stats(const struct shmbus_station *st);

/* Stores a value into the lock of a shmif bus, as a peer that holds it (1) or releases it (0). */
void segment_lock(const struct segment *s, uint32_t value);

/* A test for each format. */
#define BOTH_FORMATS(test) \
	{ #test " (lanes)", test, segment_setup_lanes, segment_teardown, NULL }, \
	{ #test " (shmif)", test, segment_setup_shmif, segment_teardown, NULL }
#define LANES_ONLY(test) { #test, test, segment_setup_lanes, segment_teardown, NULL }
#define SHMIF_ONLY(test) { #test, test, segment_setup_shmif, segment_teardown, NULL }

#endif /* TEST_SEGMENT_H */
