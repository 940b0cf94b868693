/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receiving on lanes, one record at a time: frames are copied, or shown where
 * they lie, and count if the record is still whole afterwards.
 *
 * A port reads the lanes by turns, a monitor in the order in which the senders
 * sent.
 *
 * A frame that its sender has not finished is copied to room_in, where nobody
 * can change it, and its record is let go. The final frames are made from
 * there, one at a time, in room_out. While there are any, nothing is read.
 */

#include "shmbus_lib.h"

/* Records that may yield nothing in one call: a hostile writer cannot keep a station busy. */
#define TRIES 64

/* ---- which lane is next */

/* Returns the reader of the lane to read next. NULL: no active lane has a record. */
static struct shmbus_reader *
find(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus.wire.lanes;
	struct shmbus_lanes_rx *rx = &st->lanes.rx;
	struct shmbus_reader *best = NULL;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < rx->n_active && (best == NULL || st->monitor); i++) {
		r = shmbus_lanes_rx_reader(bus, rx, shmbus_lanes_rx_turn(rx));
		if (r != NULL && shmbus_reader_peek(bus, r) != 0 &&
		    (best == NULL || r->tstamp_ns < best->tstamp_ns))
			best = r;
	}
	return best;
}

/* Returns the same. Reads the roster first when that is due, or when no lane has a record. */
static struct shmbus_reader *
next_reader(struct shmbus_station *st)
{
	struct shmbus_lanes_rx *rx = &st->lanes.rx;
	struct shmbus_reader *r = NULL;

	if (!shmbus_lanes_rx_due(rx))
		r = find(st);
	if (r == NULL) {
		rx->idle = 0;
		/* Another bus is in the file: its frames are for others; write nothing to it. */
		if (shmbus_lib_lost(&st->bus))
			return NULL;
		shmbus_lanes_rx_attend(&st->bus.wire.lanes, rx);
		r = find(st);
	}
	shmbus_lanes_rx_polled(rx, 1);
	return r;
}

/* ---- meta data of a frame */

/* Returns the meta data of the record's first frame; the others differ in seq only. */
static struct shmbus_meta
meta_of(const struct shmbus_station *st, const struct shmbus_reader *r)
{
	const uint32_t queues = st->bus.wire.lanes.geo.queues;

	return (struct shmbus_meta){
		.tstamp_ns = r->tstamp_ns,
		.seq = r->rec_seq,
		.slot = r->lane / queues,
		.queue = r->lane % queues,
	};
}

/* Returns the frames lost on the reader's lane that no frame's meta has reported yet. */
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

/* Steps over the next frame of a record. Returns its length; 0: the rest is invalid. */
static uint32_t
next_frame(const struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	   const uint8_t **frame, struct shmbus_request *req)
{
	const struct shmbus_walk before = *walk;
	const uint32_t len = shmbus_reader_next_any(r, walk, frame, req);

	if (len != 0 && len <= st->frame_max)
		return len;
	*walk = before;
	return 0;
}

/*
 * Commits the frames that the walk has passed. Returns false if the record was overwritten
 * meanwhile. corrupt: the record is invalid behind the walk.
 */
static bool
let_go(struct shmbus_station *st, struct shmbus_reader *r, const struct shmbus_walk *walk,
       uint64_t filtered, bool corrupt)
{
	const struct shmbus_bus *bus = &st->bus.wire.lanes;

	if (!shmbus_reader_commit(bus, r, walk))
		return false;
	shmbus_count(&st->stats.rx_filtered, filtered);
	if (corrupt)
		shmbus_reader_give_up(r);
	shmbus_lanes_rx_publish(bus, &st->lanes.rx, r);
	return true;
}

/* ---- frames to be finished */

/* False: the station does not want the frame. */
static bool
copy_unfinished(struct shmbus_station *st, const uint8_t *frame, uint32_t len,
		const struct shmbus_request *req, const struct shmbus_meta *meta)
{
	struct shmbus_lib_unfinished *part = &st->lanes.part;

	*part = (struct shmbus_lib_unfinished){
		.len = len,
		.offload = offload_of(req),
		.meta = *meta,
	};
	if (req->flags & SHMBUS_REQUEST_SEGMENT)
		part->meta.flags |= SHMBUS_META_SEGMENT;
	return shmbus_lib_copy(st, st->room_in, SHMBUS_LIB_ROOM, frame, len);
}

/* Returns whether room_out has a final frame. Makes the next one if there is none. */
static bool
has_final(struct shmbus_station *st)
{
	struct shmbus_lib_unfinished *part = &st->lanes.part;
	int ret;

	if (part->final_len != 0)
		return true;
	if (part->len == 0)
		return false;
	ret = shmbus_complete(st->room_in, part->len, &part->offload, &part->done, st->room_out,
			      SHMBUS_LIB_ROOM);
	if (ret < 0)
		shmbus_count(&st->stats.rx_corrupt, 1);
	if (ret <= 0)
		part->len = 0;
	else
		part->final_len = (uint32_t)ret;
	return part->final_len != 0;
}

/* The final frame was delivered. */
static void
drop_final(struct shmbus_station *st)
{
	st->lanes.part.final_len = 0;
	st->lanes.part.meta.missed = 0;
}

static unsigned int
receive_final(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	struct shmbus_lib_unfinished *part = &st->lanes.part;
	unsigned int got;

	for (got = 0; got < n && has_final(st); got++) {
		frames[got].meta = part->meta;
		shmbus_lib_take(st, &frames[got], st->room_out, part->final_len);
		drop_final(st);
	}
	return got;
}

/* ---- receive */

/* Frames of one record, copied but not known to be whole. */
struct take {
	unsigned int n;
	uint64_t filtered;
	bool unfinished; /* the one frame is in room_in */
	bool corrupt;    /* what comes next makes no sense */
};

static void
take_frames(struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct shmbus_rx *frames, unsigned int n, struct take *take)
{
	const uint32_t left = r->left;
	struct shmbus_meta meta = meta_of(st, r);
	struct shmbus_walk before;
	struct shmbus_request req;
	const uint8_t *frame;
	uint32_t i, len;
	bool wanted;

	*take = (struct take){ .n = 0 };
	for (i = 0; i < left && take->n < n && !take->unfinished; i++) {
		before = *walk;
		len = next_frame(st, r, walk, &frame, &req);
		if (len == 0) {
			take->corrupt = true;
			return;
		}
		meta.seq = r->rec_seq + walk->next - 1;
		if (req.flags == 0) {
			frames[take->n].meta = meta;
			wanted = shmbus_lib_take(st, &frames[take->n], frame, len);
			take->n += wanted;
		} else if (take->n == 0) {
			wanted = copy_unfinished(st, frame, len, &req, &meta);
			take->unfinished = wanted;
		} else {
			/* It comes alone: the frames before it are delivered first. */
			*walk = before;
			return;
		}
		take->filtered += !wanted;
	}
}

/* Frames of one record. Returns how many; instead of any there may be an unfinished one. */
static unsigned int
receive_record(struct shmbus_station *st, struct shmbus_reader *r, struct shmbus_rx *frames,
	       unsigned int n)
{
	struct shmbus_lib_unfinished *part = &st->lanes.part;
	struct shmbus_walk walk;
	struct take take;
	bool whole;

	shmbus_reader_walk(&st->bus.wire.lanes, r, &walk);
	take_frames(st, r, &walk, frames, n, &take);
	whole = let_go(st, r, &walk, take.filtered, take.corrupt);
	if (!whole || !take.unfinished)
		part->len = 0;
	if (!whole)
		return 0;
	if (take.n != 0)
		frames[0].meta.missed = newly_missed(st, r);
	else if (take.unfinished)
		part->meta.missed = newly_missed(st, r);
	return take.n;
}

unsigned int
shmbus_lib_lanes_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	unsigned int tries = TRIES;
	struct shmbus_reader *r;
	unsigned int got, more;

	got = receive_final(st, frames, n);
	while (got < n && tries != 0) {
		r = next_reader(st);
		if (r == NULL)
			break;
		more = receive_record(st, r, frames + got, n - got);
		more += receive_final(st, frames + got + more, n - got - more);
		got += more;
		tries -= more == 0;
	}
	return got;
}

/* ---- peek */

/* Up to n frames of the record. *walk: behind the last one that was looked at. */
static unsigned int
show_frames(struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct shmbus_view *frames, unsigned int n, bool *corrupt)
{
	const uint32_t left = r->left;
	struct shmbus_meta meta = meta_of(st, r);
	struct shmbus_request req;
	unsigned int found = 0;
	const uint8_t *frame;
	uint8_t dst[6];
	uint32_t i, len;

	*corrupt = false;
	for (i = 0; i < left && found < n; i++) {
		len = next_frame(st, r, walk, &frame, &req);
		if (len == 0) {
			*corrupt = true;
			break;
		}
		shmbus_lib_destination(dst, frame);
		if (!shmbus_lib_wants(st, dst, len))
			continue;
		meta.seq = r->rec_seq + walk->next - 1;
		frames[found] = (struct shmbus_view){
			.data = frame,
			.len = len,
			.offload = offload_of(&req),
			.meta = meta,
		};
		shmbus_lib_show(st, found, &frames[found], walk);
		found++;
	}
	return found;
}

static void
show_final(struct shmbus_station *st, struct shmbus_view *view)
{
	static const struct shmbus_walk none;

	*view = (struct shmbus_view){
		.data = st->room_out,
		.len = st->lanes.part.final_len,
		.meta = st->lanes.part.meta,
	};
	view->meta.missed = 0;
	shmbus_lib_show(st, 0, view, &none);
}

unsigned int
shmbus_lib_lanes_peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	unsigned int tries = TRIES;
	struct shmbus_walk walk;
	struct shmbus_reader *r;
	unsigned int found;
	bool corrupt;

	if (has_final(st)) {
		show_final(st, &frames[0]);
		return 1;
	}
	while (tries-- != 0) {
		r = next_reader(st);
		if (r == NULL)
			break;
		shmbus_reader_walk(&st->bus.wire.lanes, r, &walk);
		found = show_frames(st, r, &walk, frames, n, &corrupt);
		st->lanes.peeked = r;
		if (found != 0)
			return found;
		/* The filter rejects all frames of the record: release it at once. */
		let_go(st, r, &walk, walk.next - r->next, corrupt);
	}
	return 0;
}

bool
shmbus_lib_lanes_release(struct shmbus_station *st, unsigned int n)
{
	const struct shmbus_walk *walk = &st->shown[n - 1].walk;
	struct shmbus_reader *r = st->lanes.peeked;

	if (st->lanes.part.final_len != 0) {
		drop_final(st);
		return true;
	}
	if (!let_go(st, r, walk, walk->next - r->next - n, false))
		return false;
	newly_missed(st, r);
	return true;
}

bool
shmbus_lib_lanes_pending(struct shmbus_station *st)
{
	const struct shmbus_lib_unfinished *part = &st->lanes.part;

	return part->final_len != 0 || part->len != 0 ||
	       shmbus_lanes_rx_pending(&st->bus.wire.lanes, &st->lanes.rx);
}
