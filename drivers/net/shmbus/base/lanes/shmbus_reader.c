/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <string.h>

#include "shmbus_notice.h"
#include "shmbus_reader.h"

/* Attempts of one call to catch up with a writer that is faster than the reader. */
#define RESYNC_TRIES 4

#define STAMP_TRIES 16

/* Attempts of a reader to begin, if it is lapped at once, before it counts as a lapped reader. */
#define HOLD_TRIES 16

/*
 * Reads the lane's tail and the sequence number that belongs to it. Returns
 * false if the writer is too fast or corrupt; then *tail is right and *seq is
 * not known.
 *
 * The writer alternates between two stamps. It writes a stamp before it
 * publishes the tail of the stamp: first pos, then seq. So a second look at
 * pos shows whether seq belongs to another tail already. (A second look at
 * tail would not: both stamps of a new lane are for tail 0, and the first of
 * them is written again before any other tail is published.)
 */
static bool
read_stamp(struct shmbus_lane_entry *lane, uint64_t *tail, uint64_t *seq)
{
	struct shmbus_stamp *stamp;
	unsigned int i, s;

	for (i = 0; i < STAMP_TRIES; i++) {
		*tail = shmbus_load_acquire(&lane->tail);
		for (s = 0; s < 2; s++) {
			stamp = &lane->stamp[s];
			if (shmbus_load(&stamp->pos) != *tail)
				continue;
			*seq = shmbus_load(&stamp->seq);
			/* S2 (reader_look_at_stamp): with S1 in the writer */
			SHMBUS_STEP(reader_look_at_stamp);
			shmbus_fence_acquire();
			if (shmbus_load(&stamp->pos) == *tail)
				return true;
			break;
		}
	}
	return false;
}

/*
 * Returns the position where a record can begin. A correct tail is such a
 * position already; the lane's next owner rounds in the same way.
 */
static uint64_t
line_of(uint64_t tail)
{
	return tail & ~(uint64_t)(SHMBUS_LINE - 1);
}

/* Goes to the tail. The records in between are lost, and counted if their number is known. */
static void
go_to_tail(const struct shmbus_bus *bus, struct shmbus_reader *r)
{
	uint64_t tail, seq;

	if (read_stamp(shmbus_bus_lane(bus, r->lane), &tail, &seq)) {
		r->rec_seq = seq;
		r->next = 0;
		if (seq != r->seq)
			shmbus_reader_gap(r);
	}
	r->pos = line_of(tail);
	r->tail = r->pos;
	r->left = 0;
}

void
shmbus_reader_start(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t lane)
{
	uint64_t tail;

	memset(r, 0, sizeof(*r));
	r->lane = lane;
	/* If this fails, the writer was faster each time. The reader begins at the record at
	 * tail; its header will tell the number, and until then there is nothing to miss.
	 */
	r->seq_unknown = !read_stamp(shmbus_bus_lane(bus, lane), &tail, &r->seq);
	r->alone = r->seq;
	r->pos = line_of(tail);
	r->tail = r->pos;
	/* The writer may sleep since before this reader began. */
	r->room_answered = r->pos - bus->geo.lane_size;
}

void
shmbus_reader_start_oldest(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t lane)
{
	struct shmbus_lane_entry *entry = shmbus_bus_lane(bus, lane);
	uint64_t best, head, mark;
	unsigned int i;

	shmbus_reader_start(bus, r, lane);
	head = shmbus_load(&entry->head);
	if (r->tail - head > bus->geo.lane_size)
		return;
	/* head is the start of a chunk, and a mark is the position of its chunk's first record. */
	best = r->tail;
	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		mark = shmbus_load(&entry->mark[i]);
		if (mark - head < best - head && mark % SHMBUS_LINE == 0)
			best = mark;
	}
	if (best == r->tail)
		return;
	r->pos = best;
	r->seq = UINT64_MAX; /* no record's number: the first record will tell */
	r->alone = r->seq;
	r->seq_unknown = true;
}

uint64_t
shmbus_reader_held(const struct shmbus_bus *bus, uint32_t lane)
{
	struct shmbus_reader r;

	shmbus_reader_start_oldest(bus, &r, lane);
	if (r.pos == r.tail || shmbus_reader_peek(bus, &r) == 0)
		return 0;
	r.seq = r.rec_seq;
	r.seq_unknown = false;
	return shmbus_reader_waiting(bus, &r);
}

/* Counts n frames from seq on. alone: the count of those that are this reader's alone. */
static void
count(const struct shmbus_reader *r, shmbus_a64 *all, shmbus_a64 *alone, uint64_t seq, uint64_t n)
{
	uint64_t below = r->alone - seq;

	if ((int64_t)below < 0)
		below = 0;
	shmbus_count(all, n);
	shmbus_count(alone, below < n ? below : n);
}

/* Counts n lost frames. */
static void
count_missed(struct shmbus_reader *r, uint64_t n)
{
	count(r, &r->missed, &r->missed_alone, r->seq, n);
}

void
shmbus_reader_count_skipped(struct shmbus_reader *r, uint64_t seq, uint64_t n)
{
	count(r, &r->skipped, &r->skipped_alone, seq, n);
}

void
shmbus_reader_gap(struct shmbus_reader *r)
{
	const uint64_t seq = r->rec_seq + r->next;

	if (r->seq_unknown) { /* see shmbus_reader_start */
		r->seq_unknown = false;
		r->alone = seq;
	} else if (seq - r->seq <= SHMBUS_MISSED_MAX) {
		count_missed(r, seq - r->seq);
	} else {
		shmbus_count(&r->corrupt, 1);
	}
	r->seq = seq;
}

/* Goes to a tail, with the sequence number that belongs to it: all frames below are for others. */
static void
pass_to(struct shmbus_reader *r, uint64_t tail, uint64_t seq)
{
	const uint64_t n = seq - r->seq;

	if (r->seq_unknown) { /* see shmbus_reader_start */
		r->seq_unknown = false;
		r->alone = seq;
	} else if (n <= SHMBUS_MISSED_MAX) {
		shmbus_reader_count_skipped(r, r->seq, n);
	} else {
		shmbus_count(&r->corrupt, 1);
	}
	r->seq = seq;
	r->pos = tail;
	r->tail = tail;
}

bool
shmbus_reader_pass_lane(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t slot)
{
	uint64_t tail, seq;

	if (r->left != 0 || !read_stamp(shmbus_bus_lane(bus, r->lane), &tail, &seq) ||
	    tail % SHMBUS_LINE != 0)
		return false;
	/* D2 (reader_look_at_notice): with T1 in the writer, which is D1 for its notices */
	SHMBUS_STEP(reader_look_at_notice);
	if (!shmbus_notice_is_below(shmbus_load(&shmbus_bus_notice(bus, slot, r->lane)->word), r->pos))
		return false;
	pass_to(r, tail, seq);
	return true;
}

void
shmbus_reader_give_up(struct shmbus_reader *r)
{
	shmbus_count(&r->corrupt, 1);
	r->seq += r->left;
	shmbus_reader_skip(r);
}

/*
 * Returns the lowest mark above pos that is at least a quarter of the ring
 * above head, so that there is time to read from it. Returns the tail if there
 * is none.
 */
static uint64_t
find_mark(struct shmbus_lane_entry *lane, uint64_t size, uint64_t head, uint64_t tail, uint64_t pos)
{
	const uint64_t from = head + size / 4;
	uint64_t best = tail;
	uint64_t mark;
	unsigned int i;

	if (tail - from > size || tail - head > size)
		return tail;
	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		mark = shmbus_load(&lane->mark[i]);
		if (mark - from < best - from && mark % SHMBUS_LINE == 0 &&
		    (int64_t)(mark - pos) > 0)
			best = mark;
	}
	return best;
}

bool
shmbus_reader_resync(const struct shmbus_bus *bus, struct shmbus_reader *r)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, r->lane);
	const uint64_t size = bus->geo.lane_size;
	uint64_t head, tail, mark;
	unsigned int i;

	for (i = 0; i < RESYNC_TRIES; i++) {
		r->left = 0;
		shmbus_fence_acquire();
		head = shmbus_load(&lane->head);
		tail = shmbus_load_acquire(&lane->tail);
		if ((int64_t)(head - r->pos) > 0)
			shmbus_count(&r->overruns, 1);
		else
			shmbus_count(&r->corrupt, 1);
		if (tail % SHMBUS_LINE != 0) {
			/* No correct writer stores this; wait until the tail is correct again. */
			r->tail = r->pos;
			return false;
		}
		mark = find_mark(lane, size, head, tail, r->pos);
		if (mark == tail) {
			go_to_tail(bus, r);
			return false;
		}
		r->pos = mark;
		r->tail = tail;
		if (shmbus_reader_open(bus, r))
			return true;
	}
	return false;
}

uint64_t
shmbus_reader_waiting(const struct shmbus_bus *bus, const struct shmbus_reader *r)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, r->lane);
	uint64_t tail, seq;

	if (shmbus_load(&lane->tail) == r->pos)
		return 0;
	if (!read_stamp(lane, &tail, &seq) || r->seq_unknown)
		return 1;
	if (tail == r->pos)
		return 0;
	seq -= r->seq;
	/* A reader that is polled regularly never lags this far; treat the value as corrupt. */
	if (seq == 0 || seq > SHMBUS_MISSED_MAX)
		return 1;
	return seq;
}

static struct shmbus_cursor_counts
counts_of(struct shmbus_cursor *cursor)
{
	return (struct shmbus_cursor_counts){
		.frames = shmbus_load(&cursor->frames),
		.bytes = shmbus_load(&cursor->bytes),
		.missed = shmbus_load(&cursor->missed),
		.skipped = shmbus_load(&cursor->skipped),
	};
}

void
shmbus_reader_hold(const struct shmbus_bus *bus, struct shmbus_reader *r,
		   struct shmbus_cursor *cursor)
{
	uint64_t before, head;
	unsigned int i;

	shmbus_step_store(reader_place_cursor, &cursor->pos, r->pos);
	shmbus_step_store_release(reader_hold, &cursor->state, SHMBUS_CURSOR_ACTIVE);
	/* A1 (reader_hold): with A2 in the writer. Either the writer sees this cursor at its
	 * next look, or it has published more before: then the reader begins there.
	 */
	shmbus_fence_full();
	for (i = 0; i < HOLD_TRIES; i++) {
		before = r->pos;
		shmbus_reader_start(bus, r, r->lane);
		shmbus_step_store_release(reader_move_cursor, &cursor->pos, r->pos);
		/* A1 again. A writer that ran a whole lap meanwhile has taken the cursor for
		 * that of a lapped reader, and has not waited.
		 */
		shmbus_fence_full();
		head = shmbus_load(&shmbus_bus_lane(bus, r->lane)->head);
		if ((int64_t)(head - before) <= 0)
			break;
	}
	r->before = counts_of(cursor);
}

void
shmbus_reader_release(struct shmbus_cursor *cursor)
{
	shmbus_step_store_release(reader_release, &cursor->state, 0);
}
