/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receiving on lanes, one record at a time: its frames are copied, or shown
 * where they lie, and are believed if the record is still whole afterwards.
 */

#include <string.h>

#include "shmbus_lib_lanes.h"

/* Records looked at in one call, should a hostile writer keep it busy with such as are nothing. */
#define TRIES 64

/* The cursor tells senders how far this station has come. */
static void
publish(struct shmbus_station *st, const struct shmbus_reader *r)
{
	if (!st->monitor)
		shmbus_reader_publish(r, shmbus_bus_cursor(&st->bus.lanes, st->bus.slot, 0, r->lane));
}

/* Of the frame that the walk has just passed. */
static struct shmbus_meta
meta_of(const struct shmbus_station *st, const struct shmbus_reader *r,
	const struct shmbus_walk *walk)
{
	return (struct shmbus_meta){
		.tstamp_ns = r->tstamp_ns,
		.seq = r->rec_seq + walk->next - 1,
		.slot = r->lane / st->bus.lanes.geo.queues,
		.queue = r->lane % st->bus.lanes.geo.queues,
	};
}

/* What was lost on the reader's lane and no frame's meta says yet. */
static uint64_t
newly_missed(struct shmbus_station *st, const struct shmbus_reader *r)
{
	const uint64_t missed = shmbus_counted(&r->missed);
	const uint64_t told = st->lanes.told[r->lane];

	st->lanes.told[r->lane] = missed;
	return missed - told;
}

static struct shmbus_offload
offload_of(const struct shmbus_request *req)
{
	if (req->flags == 0)
		return (struct shmbus_offload){ .flags = 0 };
	return (struct shmbus_offload){
		.flags = req->flags,
		.l4 = req->l4,
		.l3_off = req->l3_off,
		.l4_off = req->l4_off,
		.data_off = req->data_off,
		.segment = req->segment,
	};
}

/* Frames of one record, copied but not known to be whole. */
struct take {
	unsigned int n;
	uint64_t bytes;
	uint64_t filtered;
	bool unfinished; /* the one frame went to st->part */
	bool corrupt;    /* what comes next makes no sense */
};

static void
copy_unfinished(struct shmbus_station *st, const uint8_t *frame, uint32_t len,
		const struct shmbus_request *req, const struct shmbus_meta *meta)
{
	struct shmbus_unfinished *part = &st->part;

	memcpy(part->frame, frame, len);
	part->len = len;
	part->done = 0;
	part->offload = offload_of(req);
	part->meta = *meta;
	if (req->flags & SHMBUS_REQUEST_SEGMENT)
		part->meta.flags |= SHMBUS_META_SEGMENT;
}

static void
take_frames(struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct shmbus_rx *frames, unsigned int n, struct take *take)
{
	const uint32_t left = r->left;
	struct shmbus_walk before;
	struct shmbus_request req;
	struct shmbus_meta meta;
	const uint8_t *frame;
	uint32_t i, len;

	*take = (struct take){ .n = 0 };
	for (i = 0; i < left && take->n < n; i++) {
		before = *walk;
		len = shmbus_reader_next_any(r, walk, &frame, &req);
		if (len == 0 || len > SHMBUS_FRAME_MAX) {
			*walk = before;
			take->corrupt = true;
			return;
		}
		if (!shmbus_lib_wants(st, frame, len)) {
			take->filtered++;
			continue;
		}
		meta = meta_of(st, r, walk);
		if (req.flags != 0) {
			/* Alone: what is before it is delivered first. */
			if (take->n != 0) {
				*walk = before;
				return;
			}
			copy_unfinished(st, frame, len, &req, &meta);
			take->unfinished = true;
			return;
		}
		frames[take->n].meta = meta;
		shmbus_lib_take(st, &frames[take->n], frame, len);
		take->n++;
		take->bytes += len;
	}
}

/* Frames of one record. Returns how many; some may have gone to st->part. */
static unsigned int
receive_record(struct shmbus_station *st, struct shmbus_reader *r, struct shmbus_rx *frames,
	       unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	const uint64_t truncated = shmbus_counted(&st->stats.rx_truncated);
	struct shmbus_walk walk;
	struct take take;

	shmbus_reader_walk(bus, r, &walk);
	take_frames(st, r, &walk, frames, n, &take);
	if (!shmbus_reader_commit(bus, r, &walk)) {
		st->part.len = 0;
		shmbus_store(&st->stats.rx_truncated, truncated);
		return 0;
	}
	if (take.n != 0)
		frames[0].meta.missed = newly_missed(st, r);
	else if (take.unfinished)
		st->part.meta.missed = newly_missed(st, r);
	shmbus_count(&st->stats.rx_frames, take.n);
	shmbus_count(&st->stats.rx_bytes, take.bytes);
	shmbus_count(&st->stats.rx_filtered, take.filtered);
	if (take.corrupt)
		shmbus_reader_give_up(r);
	publish(st, r);
	return take.n;
}

unsigned int
shmbus_lib_lanes_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	unsigned int tries = TRIES;
	struct shmbus_reader *r;
	unsigned int got = 0;

	while (got < n && st->part.len == 0 && tries-- != 0) {
		r = shmbus_lib_lanes_next(st);
		if (r == NULL)
			break;
		got += receive_record(st, r, frames + got, n - got);
	}
	return got;
}

/* ---- peek */

/* Up to n frames of the record. *walk: behind the last one that was looked at. */
static unsigned int
view_frames(struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct shmbus_view *frames, unsigned int n, bool *corrupt)
{
	const uint32_t left = r->left;
	struct shmbus_walk before;
	struct shmbus_request req;
	unsigned int found = 0;
	const uint8_t *frame;
	uint32_t i, len;

	*corrupt = false;
	for (i = 0; i < left && found < n; i++) {
		before = *walk;
		len = shmbus_reader_next_any(r, walk, &frame, &req);
		if (len == 0 || len > SHMBUS_FRAME_MAX) {
			*walk = before;
			*corrupt = true;
			break;
		}
		if (!shmbus_lib_wants(st, frame, len))
			continue;
		frames[found] = (struct shmbus_view){
			.data = frame,
			.len = len,
			.offload = offload_of(&req),
			.meta = meta_of(st, r, walk),
		};
		st->lanes.ends[found++] = *walk;
	}
	return found;
}

unsigned int
shmbus_lib_lanes_peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	unsigned int tries = TRIES;
	struct shmbus_walk walk;
	struct shmbus_reader *r;
	unsigned int found;
	uint32_t passed;
	bool corrupt;

	while (tries-- != 0) {
		r = shmbus_lib_lanes_next(st);
		if (r == NULL)
			break;
		shmbus_reader_walk(bus, r, &walk);
		found = view_frames(st, r, &walk, frames, n, &corrupt);
		st->lanes.peeked = r;
		if (found != 0)
			return found;
		/* Nothing that anybody wants: let go of it at once. */
		passed = walk.next - r->next;
		if (!shmbus_reader_commit(bus, r, &walk))
			continue;
		shmbus_count(&st->stats.rx_filtered, passed);
		if (corrupt)
			shmbus_reader_give_up(r);
		publish(st, r);
	}
	return 0;
}

bool
shmbus_lib_lanes_release(struct shmbus_station *st, unsigned int n)
{
	const struct shmbus_walk *walk = &st->lanes.ends[n - 1];
	struct shmbus_reader *r = st->lanes.peeked;
	const uint32_t frames = walk->next - r->next;

	if (!shmbus_reader_commit(&st->bus.lanes, r, walk))
		return false;
	newly_missed(st, r);
	shmbus_count(&st->stats.rx_frames, n);
	shmbus_count(&st->stats.rx_filtered, frames - n);
	shmbus_count(&st->stats.rx_bytes, walk->bytes);
	publish(st, r);
	return true;
}
