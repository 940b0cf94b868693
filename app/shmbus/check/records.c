/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The records in the ring of a lane.
 *
 * Theory of operation
 *
 * The walk goes from the oldest mark up to the tail that was loaded first. It
 * reads as a port does: a record is copied, and the copy counts if head has not
 * passed the record by then. Behind a record that is wrong, the walk continues at
 * the next mark.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lane.h"
#include "shmbus_reader.h"
#include "shmbus_writer.h"

#define DESCS_OFF sizeof(struct shmbus_burst)

struct record {
	struct place place;
	uint64_t pos;
	uint32_t len;
	uint32_t count;
	uint32_t data_off;
	uint64_t seq;
	union {
		struct shmbus_burst burst;
		uint8_t bytes[sizeof(struct shmbus_burst) +
			      sizeof(uint32_t) * SHMBUS_BURST_FRAMES_MAX];
	};
};

enum verdict {
	FINE,
	WRONG,
	OVERTAKEN, /* the writer has overwritten it: nothing is known of it */
};

static bool
overtaken(const struct lane *l, uint64_t pos)
{
	/* H2: with H1 in the writer */
	shmbus_fence_acquire();
	return (int64_t)(shmbus_load(&l->entry->head) - pos) > 0;
}

/*
 * Copies the bytes at a position. System calls do that, because a hole or a file
 * that is too short would hurt an access through a mapping. False: the file is too
 * short.
 */
static bool
get(const struct lane *l, uint64_t pos, void *to, uint64_t len)
{
	const uint64_t start = shmbus_lane_off(&l->bus->geo, l->number);
	const uint64_t off = pos & (l->size - 1);
	const uint64_t part = len <= l->size - off ? len : l->size - off;
	const int fd = l->bus->file.fd;

	return pread(fd, to, part, (off_t)(start + off)) == (ssize_t)part &&
	       (part == len || pread(fd, (uint8_t *)to + part, len - part, (off_t)start) ==
				       (ssize_t)(len - part));
}

static enum verdict
look_at_header(const struct lane *l, struct record *r)
{
	const struct shmbus_geometry *geo = &l->bus->geo;
	const uint64_t shape = shmbus_load(&r->burst.shape);
	const uint64_t pos = shmbus_load(&r->burst.pos);
	const uint64_t avail = l->tail - r->pos;

	r->len = (uint32_t)shape;
	r->count = (uint32_t)(shape >> 32) & 0xffff;
	r->data_off = (uint32_t)(shape >> 48);
	r->seq = shmbus_load(&r->burst.seq);
	if (pos != r->pos)
		findings_add(l->f, &r->place, offsetof(struct shmbus_burst, pos), "pos", pos,
			     "%" PRIu64 ", where it lies", r->pos);
	else if (r->len % SHMBUS_LINE != 0 || r->len <= r->data_off || r->len > avail)
		findings_add(l->f, &r->place, 0, "len", r->len,
			     "a multiple of %d above data_off, %u, and up to the tail, %" PRIu64,
			     SHMBUS_LINE, r->data_off, avail);
	else if (r->len > SHMBUS_RECORD_MAX)
		findings_add(l->f, &r->place, 0, "len", r->len, "at most %u", SHMBUS_RECORD_MAX);
	else if (r->count < 1 || r->count > SHMBUS_BURST_FRAMES_MAX)
		findings_add(l->f, &r->place, 4, "count", r->count, "1 to %d",
			     SHMBUS_BURST_FRAMES_MAX);
	else if (r->data_off % SHMBUS_LINE != 0 || r->data_off < DESCS_OFF + 4 * r->count)
		findings_add(l->f, &r->place, 6, "data_off", r->data_off,
			     "a multiple of %d, at least %u", SHMBUS_LINE,
			     shmbus_burst_data_off(r->count));
	else if (r->count > 1 && r->len > shmbus_burst_max(geo))
		findings_add(l->f, &r->place, 0, "len of several frames", r->len, "at most %u",
			     shmbus_burst_max(geo));
	else
		return FINE;
	return WRONG;
}

/* Returns whether the request of a frame of len bytes is valid. end: where its lines end. */
static bool
request_fits(const struct lane *l, const struct record *r, uint64_t end, uint32_t len)
{
	struct shmbus_request req;

	return get(l, r->pos + end - sizeof(req), &req, sizeof(req)) &&
	       shmbus_request_valid(&req, len);
}

/* Returns whether the flags and the receiving slot of a descriptor are right. */
static bool
look_at_flags(const struct lane *l, const struct record *r, uint32_t desc, uint32_t desc_off)
{
	const struct shmbus_geometry *geo = &l->bus->geo;
	const bool directed = shmbus_geometry_directed(geo);
	const uint32_t known = SHMBUS_DESC_REQUEST | (directed ? SHMBUS_DESC_DIRECTED : 0);
	const uint32_t slot = (desc & SHMBUS_DESC_SLOT) >> SHMBUS_DESC_SLOT_SHIFT;

	if (desc & SHMBUS_DESC_FLAGS & ~known)
		findings_add(l->f, &r->place, desc_off, "flags of a frame", desc >> 24,
			     directed ? "0 to 3" : "0 or 1");
	else if (directed && (desc & SHMBUS_DESC_DIRECTED) && slot >= geo->ports)
		findings_add(l->f, &r->place, desc_off, "receiving slot of a frame", slot,
			     "0 to %u", geo->ports - 1);
	else if (directed && !(desc & SHMBUS_DESC_DIRECTED) && slot != 0)
		findings_add(l->f, &r->place, desc_off, "receiving slot of a frame for everybody",
			     slot, "0");
	else
		return true;
	return false;
}

static enum verdict
look_at_frames(const struct lane *l, const struct record *r)
{
	const uint32_t max = shmbus_frame_max(&l->bus->geo);
	uint64_t off = r->data_off;
	uint32_t i, desc, len, desc_off;
	uint64_t extent;

	for (i = 0; i < r->count; i++) {
		desc_off = (uint32_t)(DESCS_OFF + i * sizeof(desc));
		memcpy(&desc, r->bytes + desc_off, sizeof(desc));
		if (!look_at_flags(l, r, desc, desc_off))
			return WRONG;
		len = shmbus_desc_plain(desc, shmbus_geometry_directed(&l->bus->geo)) &
		      SHMBUS_DESC_LEN;
		extent = desc & SHMBUS_DESC_REQUEST ? shmbus_request_extent(len) : SHMBUS_ALIGN(len);
		if (len < SHMBUS_FRAME_MIN || len > max || extent > r->len - off) {
			findings_add(l->f, &r->place, desc_off, "length of a frame", len,
				     "%u to %u, and not more than the record has left, %" PRIu64,
				     SHMBUS_FRAME_MIN, max, r->len - off);
			return WRONG;
		}
		off += extent;
		if ((desc & SHMBUS_DESC_REQUEST) && !request_fits(l, r, off, len)) {
			findings_add(l->f, &r->place, off - sizeof(struct shmbus_request),
				     "request of a frame, which makes no sense: length", len,
				     "one that fits the request");
			return WRONG;
		}
	}
	return FINE;
}

static enum verdict
look_at_record(struct lane *l, struct record *r, uint64_t pos)
{
	uint64_t len = l->tail - pos;
	enum verdict verdict = WRONG;
	const unsigned int before = l->f->n;

	if (len > sizeof(r->bytes))
		len = sizeof(r->bytes);
	memset(r, 0, offsetof(struct record, bytes));
	r->pos = pos;
	r->place.slot = l->place.slot;
	r->place.off = shmbus_lane_off(&l->bus->geo, l->number) + (pos & (l->size - 1));
	snprintf(r->place.name, sizeof(r->place.name), "record at %" PRIu64 " of lane %u", pos,
		 l->number);
	if (get(l, pos, r->bytes, len))
		verdict = look_at_header(l, r);
	if (verdict == FINE)
		verdict = look_at_frames(l, r);
	if (!overtaken(l, pos))
		return verdict;
	l->f->n = before;
	return OVERTAKEN;
}

/* Returns the lowest mark at or above from, if it lies below the tail; else the tail. */
static uint64_t
next_mark(const struct lane *l, uint64_t from)
{
	uint64_t best = l->tail;
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++)
		if (!(l->bad_marks & (1u << i)) && l->mark[i] - from < best - from)
			best = l->mark[i];
	return best;
}

/* Adds a finding for each mark that points into the middle of this record. */
static void
look_for_marks_in(struct lane *l, const struct record *r)
{
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		if (l->mark[i] - r->pos - 1 >= r->len - 1u || (l->bad_marks & (1u << i)))
			continue;
		l->bad_marks |= 1u << i;
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, mark) + 8 * i,
			     "mark within a record", l->mark[i], "%" PRIu64 ", where it begins",
			     r->pos);
	}
}

/*
 * Returns where to go on after the writer has overtaken the walk: a mark that the
 * writer will not reach at once, or the tail if there is no such mark.
 */
static uint64_t
skip_overwritten(struct lane *l)
{
	uint64_t from;

	l->head = shmbus_load(&l->entry->head);
	from = l->head + l->size / 4;
	return (int64_t)(l->tail - from) > 0 ? next_mark(l, from) : l->tail;
}

bool
check_records_walk(struct lane *l, uint64_t *seq)
{
	bool follows = false; /* *seq is known, from the record before this one */
	struct record r;
	unsigned int skips = 0;
	enum verdict verdict;
	uint64_t pos = next_mark(l, l->head);

	while (pos != l->tail) {
		verdict = look_at_record(l, &r, pos);
		if (verdict == FINE && follows && r.seq != *seq) {
			findings_add(l->f, &r.place, offsetof(struct shmbus_burst, seq), "seq", r.seq,
				     "%" PRIu64 ", as the record before has it", *seq);
			verdict = WRONG;
		}
		follows = verdict == FINE;
		if (follows) {
			look_for_marks_in(l, &r);
			*seq = r.seq + r.count;
			pos += r.len;
			continue;
		}
		if (verdict == OVERTAKEN && ++skips > CHECK_LANE_TRIES)
			return false;
		pos = verdict == OVERTAKEN ? skip_overwritten(l) : next_mark(l, pos + SHMBUS_LINE);
	}
	return follows;
}
