/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receiving on lanes, one record at a time. Frames are copied, or shown in place.
 * They count only if the record is still whole afterwards.
 *
 * A port reads the lanes by turns, a monitor in the order in which the senders
 * sent (shmbus_lib_merge.c).
 *
 * A frame that its sender has not finished is copied to room_in, where no other
 * process can change it, and its record is released. The final frames are made
 * from this copy in room_out, one at a time. The next record is read after the
 * last of them.
 */

#include "shmbus_lib.h"

/* Limit of records without a frame in one call: a hostile writer cannot keep a station busy. */
#define TRIES 64

/* ---- which lane is next */

/* Returns the reader of the next lane that has a record, by turns. NULL: no active lane has one. */
static struct shmbus_reader *
take_turn(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_rx *rx = &st->lanes.rx;
	uint32_t left = rx->n_active;
	struct shmbus_lanes_rx_active *a;
	struct shmbus_reader *r;
	bool found;

	while ((a = shmbus_lanes_rx_next(bus, rx, &left)) != NULL) {
		r = shmbus_lanes_rx_reader(bus, rx, a->lane);
		if (r == NULL)
			continue;
		found = shmbus_reader_peek(bus, r) != 0;
		shmbus_lanes_rx_leave(bus, rx, a);
		if (found)
			return r;
	}
	return NULL;
}

static struct shmbus_reader *
find(struct shmbus_station *st)
{
	return st->monitor ? shmbus_lib_merge_next(st) : take_turn(st);
}

/* As find(). Reads the roster first when that is due, or when no lane has a record. */
static struct shmbus_reader *
next_reader(struct shmbus_station *st)
{
	struct shmbus_lanes_rx *rx = &st->lanes.rx;
	struct shmbus_reader *r = NULL;

	if (!shmbus_lanes_rx_due(rx))
		r = find(st);
	if (r == NULL) {
		rx->idle = 0;
		/* If the file has another bus, this station is not on it: write nothing there. */
		if (shmbus_lib_lost(st->bus))
			return NULL;
		shmbus_lanes_rx_attend(&st->bus->wire.lanes, rx);
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
	const uint32_t queues = st->bus->wire.lanes.geo.queues;

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
	const uint64_t reported = st->lanes.reported[r->lane];

	st->lanes.reported[r->lane] = missed;
	return missed - reported;
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

/* Steps over frames for other ports. Returns whether the record has more frames. */
static bool
pass_others(const struct shmbus_station *st, const struct shmbus_reader *r,
	    struct shmbus_walk *walk)
{
	if (!st->lanes.directed)
		return walk->next < r->next + r->left;
	return shmbus_reader_pass(r, walk, shmbus_lanes_rx_reads_for(&st->lanes.rx, r->lane));
}

/* Notes the source of a frame that was copied out of the bus. */
static void
learn(struct shmbus_station *st, const struct shmbus_reader *r, const uint8_t *frame, uint32_t len)
{
	if (st->port->fdb != NULL && len >= SHMBUS_FRAME_MIN)
		shmbus_fdb_learn(st->port->fdb, shmbus_address(frame + 6),
				 r->lane / st->bus->wire.lanes.geo.queues, shmbus_fdb_now());
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
commit_frames(struct shmbus_station *st, struct shmbus_reader *r, const struct shmbus_walk *walk,
	      uint64_t filtered, bool corrupt)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;

	if (!shmbus_reader_commit(bus, r, walk))
		return false;
	shmbus_count(&st->stats.rx_filtered, filtered);
	if (corrupt)
		shmbus_reader_give_up(r);
	if (walk->skipped != 0)
		shmbus_lanes_rx_publish_skipped(bus, &st->lanes.rx, r);
	shmbus_lanes_rx_publish(bus, &st->lanes.rx, r);
	return true;
}

/* ---- frames to be finished */

/* Copies an unfinished frame to room_in. Returns false if the station's filter rejects it. */
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
	ret = shmbus_lib_complete(st->room_in, part->len, &part->offload, &part->done,
				  st->room_out, SHMBUS_LIB_ROOM);
	if (ret < 0)
		shmbus_count(&st->stats.rx_corrupt, 1);
	if (ret <= 0)
		part->len = 0;
	else
		part->final_len = (uint32_t)ret;
	return part->final_len != 0;
}

/* Drops the final frame after its delivery. */
static void
drop_final(struct shmbus_station *st)
{
	st->lanes.part.final_len = 0;
	st->lanes.part.meta.missed = 0;
}

static unsigned int
receive_final(struct shmbus_station *st, struct shmbus_rx *frames,
	      struct shmbus_offload *offloads, unsigned int n)
{
	struct shmbus_lib_unfinished *part = &st->lanes.part;
	unsigned int got;

	for (got = 0; got < n && has_final(st); got++) {
		frames[got].meta = part->meta;
		shmbus_lib_take(st, &frames[got], st->room_out, part->final_len);
		if (offloads != NULL)
			offloads[got] = (struct shmbus_offload){ .flags = 0 };
		drop_final(st);
	}
	return got;
}

/* ---- receive */

/* Frames of one record that are copied, but may have been overwritten meanwhile. */
struct take {
	unsigned int n;
	uint64_t filtered;
	bool unfinished; /* there is one frame, and it is in room_in */
	bool corrupt;    /* the rest of the record is invalid */
};

/* Copies a frame. Returns false if the station's filter rejects it. offload: as below. */
static bool
take_frame(struct shmbus_station *st, struct shmbus_rx *rx, const uint8_t *frame, uint32_t len,
	   const struct shmbus_request *req, struct shmbus_offload *offload)
{
	const bool wanted = shmbus_lib_take(st, rx, frame, len);

	if (offload != NULL)
		*offload = len <= rx->room ? offload_of(req) : (struct shmbus_offload){ .flags = 0 };
	return wanted;
}

/* offloads: where the work goes that is left to the caller; NULL: the frames are to be final. */
static void
take_frames(struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct shmbus_rx *frames, struct shmbus_offload *offloads, unsigned int n,
	    struct take *take)
{
	struct shmbus_meta meta = meta_of(st, r);
	struct shmbus_walk before;
	struct shmbus_request req;
	const uint8_t *frame;
	uint32_t len;
	bool wanted;

	*take = (struct take){ .n = 0 };
	while (take->n < n && !take->unfinished && pass_others(st, r, walk)) {
		before = *walk;
		len = next_frame(st, r, walk, &frame, &req);
		if (len == 0) {
			take->corrupt = true;
			return;
		}
		meta.seq = r->rec_seq + walk->next - 1;
		if (req.flags == 0 || offloads != NULL) {
			frames[take->n].meta = meta;
			wanted = take_frame(st, &frames[take->n], frame, len, &req,
					    offloads != NULL ? &offloads[take->n] : NULL);
			take->n += wanted;
		} else if (take->n == 0) {
			wanted = copy_unfinished(st, frame, len, &req, &meta);
			take->unfinished = wanted;
		} else {
			/* An unfinished frame is taken alone, after the frames before it. */
			*walk = before;
			return;
		}
		take->filtered += !wanted;
	}
}

/* Receives frames of one record. Returns their number, 0 for an unfinished frame in room_in. */
static unsigned int
receive_record(struct shmbus_station *st, struct shmbus_reader *r, struct shmbus_rx *frames,
	       struct shmbus_offload *offloads, unsigned int n)
{
	struct shmbus_lib_unfinished *part = &st->lanes.part;
	struct shmbus_walk walk;
	struct take take;
	unsigned int i;
	bool whole;

	shmbus_reader_walk(&st->bus->wire.lanes, r, &walk);
	take_frames(st, r, &walk, frames, offloads, n, &take);
	whole = commit_frames(st, r, &walk, take.filtered, take.corrupt);
	if (!whole || !take.unfinished)
		part->len = 0;
	if (!whole)
		return 0;
	for (i = 0; i < take.n; i++)
		learn(st, r, frames[i].data, shmbus_lib_min(frames[i].len, frames[i].room));
	if (take.unfinished)
		learn(st, r, st->room_in, part->len);
	if (take.n != 0)
		frames[0].meta.missed = newly_missed(st, r);
	else if (take.unfinished)
		part->meta.missed = newly_missed(st, r);
	return take.n;
}

unsigned int
shmbus_lib_lanes_receive(struct shmbus_station *st, struct shmbus_rx *frames,
			 struct shmbus_offload *offloads, unsigned int n)
{
	unsigned int tries = TRIES;
	struct shmbus_offload *at;
	struct shmbus_reader *r;
	unsigned int got, more;

	got = receive_final(st, frames, offloads, n);
	while (got < n && tries != 0) {
		r = next_reader(st);
		if (r == NULL)
			break;
		at = offloads != NULL ? offloads + got : NULL;
		more = receive_record(st, r, frames + got, at, n - got);
		more += receive_final(st, frames + got + more, at != NULL ? at + more : NULL,
				      n - got - more);
		got += more;
		tries -= more == 0;
	}
	return got;
}

/* ---- peek */

/* Shows up to n frames of the record. Moves *walk behind the last frame that was read. */
static unsigned int
show_frames(struct shmbus_station *st, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct shmbus_view *frames, unsigned int n, bool *corrupt)
{
	struct shmbus_meta meta = meta_of(st, r);
	struct shmbus_request req;
	unsigned int found = 0;
	const uint8_t *frame;
	uint8_t dst[6];
	uint32_t len;

	*corrupt = false;
	while (found < n && pass_others(st, r, walk)) {
		len = next_frame(st, r, walk, &frame, &req);
		if (len == 0) {
			*corrupt = true;
			break;
		}
		shmbus_lib_destination(dst, frame);
		if (!shmbus_lib_wants(st, dst, len))
			continue;
		meta.seq = r->rec_seq + walk->next - 1;
		/* If the frame is torn, so is the address: no more than a lie of the sender. */
		learn(st, r, frame, len);
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
		shmbus_reader_walk(&st->bus->wire.lanes, r, &walk);
		found = show_frames(st, r, &walk, frames, n, &corrupt);
		st->lanes.peeked = r;
		if (found != 0)
			return found;
		/* The filter rejects all frames of the record: release it at once. */
		commit_frames(st, r, &walk, walk.next - r->next - walk.skipped, corrupt);
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
	if (!commit_frames(st, r, walk, walk->next - r->next - n - walk->skipped, false))
		return false;
	newly_missed(st, r);
	return true;
}

bool
shmbus_lib_lanes_pending(struct shmbus_station *st)
{
	const struct shmbus_lib_unfinished *part = &st->lanes.part;

	return part->final_len != 0 || part->len != 0 ||
	       shmbus_lanes_rx_pending(&st->bus->wire.lanes, &st->lanes.rx);
}
