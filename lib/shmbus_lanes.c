/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A station on a bus of lanes: one lane to write, all others to read.
 *
 * A port that receives has a reader at the tail of each lane, and an active
 * cursor, from its beginning on, whether anybody owns the lane yet or not. The
 * list of active lanes only says which are worth a look; it follows the roster.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shmbus_clock.h"
#include "shmbus_copy.h"
#include "shmbus_lib.h"

/* Frames in one record at most: the header has room for them before it is known how many fit. */
#define RECORD_FRAMES 64u

/* Polls until the next look at who is on the bus; one that finds nothing looks, too. */
#define ROSTER_EVERY 256

/* Records looked at in one call, should a hostile writer keep it busy with such as are nothing. */
#define TRIES 64

static bool
is_mine(const struct shmbus_station *st, uint32_t lane)
{
	return lane / st->bus.lanes.geo.queues == st->bus.slot;
}

static int
allocate(struct shmbus_station *st)
{
	const struct shmbus_geometry *geo = &st->bus.lanes.geo;
	struct shmbus_lanes_side *s = &st->lanes;

	s->readers = calloc(geo->lanes, sizeof(*s->readers));
	s->told = calloc(geo->lanes, sizeof(*s->told));
	s->active = calloc(geo->lanes, sizeof(*s->active));
	s->roster = calloc(geo->ports, sizeof(*s->roster));
	s->ends = calloc(SHMBUS_PEEK_MAX, sizeof(*s->ends));
	s->watch = calloc(geo->lanes, sizeof(*s->watch));
	s->watched = calloc(geo->ports, sizeof(*s->watched));
	if (s->readers != NULL && s->told != NULL && s->active != NULL && s->roster != NULL &&
	    s->ends != NULL && s->watch != NULL && s->watched != NULL)
		return 0;
	return shmbus_lib_fail(-ENOMEM, "path=%s: out of memory", st->bus.lanes.file.path);
}

static void
free_lanes(struct shmbus_station *st)
{
	struct shmbus_lanes_side *s = &st->lanes;

	free(s->readers);
	free(s->told);
	free(s->active);
	free(s->roster);
	free(s->ends);
	free(s->watch);
	free(s->watched);
}

/* ---- begin and end */

static bool
receives(const struct shmbus_station *st)
{
	return !(st->flags & SHMBUS_SEND_ONLY);
}

static uint32_t
state_of(const struct shmbus_station *st)
{
	uint32_t state = SHMBUS_PORT_ATTACHED;

	if (receives(st) && !(st->flags & SHMBUS_NO_HOLD))
		state |= SHMBUS_PORT_RX_CURSORS;
	return state;
}

/* As it is once it has begun. */
static void
tell_state(struct shmbus_station *st)
{
	uint32_t state = state_of(st) | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP;

	if (st->watch_fd >= 0)
		state |= SHMBUS_PORT_RX_INTR;
	shmbus_port_set_state(&st->lanes.port, state);
}

/* Readers at the tails, and senders wait for them from now on. */
static void
begin_receiving(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		shmbus_reader_start(bus, &st->lanes.readers[lane], lane);
		if (!is_mine(st, lane))
			shmbus_reader_hold(bus, &st->lanes.readers[lane],
					   shmbus_bus_cursor(bus, st->bus.slot, 0, lane));
	}
	shmbus_port_roster_forget(bus, st->lanes.roster);
}

static void
begin_sending(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_lanes_side *s = &st->lanes;

	shmbus_writer_start(bus, &s->writer, st->bus.slot, 0, s->watch,
			    !(st->flags & SHMBUS_NO_PAUSE),
			    (uint64_t)conf->pause_timeout_ms * 1000 * 1000);
	shmbus_waker_start(bus, &s->waker, s->writer.lane, s->watched);
}

static int
begin_port(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_port *port = &st->lanes.port;
	struct shmbus_port_conf port_conf = { .numa_node = -1 };
	int ret;

	memcpy(port_conf.mac, st->mac, sizeof(port_conf.mac));
	memcpy(port_conf.name, conf->name, strnlen(conf->name, sizeof(port_conf.name) - 1));
	ret = shmbus_port_attach(port, bus, &port_conf, shmbus_lib_error());
	if (ret != 0)
		return ret;
	shmbus_file_unlock(&bus->file);
	st->bus.slot = port->slot;
	st->took_over = port->took_over;
	/* Senders heed the cursors of who says to have some. Say so before there are any. */
	shmbus_port_set_queues(port, 1, receives(st));
	shmbus_port_set_state(port, state_of(st));
	begin_sending(st, conf);
	if (receives(st))
		begin_receiving(st);
	tell_state(st);
	return 0;
}

static void
begin_monitor(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		if (st->flags & SHMBUS_OLDEST)
			shmbus_reader_start_oldest(bus, &st->lanes.readers[lane], lane);
		else
			shmbus_reader_start(bus, &st->lanes.readers[lane], lane);
	}
	shmbus_port_roster_forget(bus, st->lanes.roster);
}

static int
begin(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	int ret;

	st->created = st->bus.lanes.filled;
	st->frame_max = shmbus_frame_max(&st->bus.lanes.geo);
	ret = allocate(st);
	if (ret != 0)
		return ret;
	if (!st->monitor)
		return begin_port(st, conf);
	begin_monitor(st);
	return 0;
}

static void
leave(struct shmbus_station *st)
{
	struct shmbus_port *port = &st->lanes.port;
	const struct shmbus_file *file = &st->bus.lanes.file;
	int locked;

	/* The lock keeps newcomers away while the last one removes the file. */
	locked = shmbus_file_lock(file);
	shmbus_port_set_queues(port, 0, 0);
	shmbus_port_detach(port);
	if (st->watch_fd >= 0)
		shmbus_wake_tell(&st->bus.lanes, false);
	if (locked != 0)
		return;
	if ((st->flags & SHMBUS_UNLINK) && shmbus_port_count_peers(port) == 0)
		shmbus_file_unlink(file);
	shmbus_file_unlock(file);
}

/* ---- send */

struct record {
	uint32_t count;
	uint32_t len;
	uint64_t bytes; /* of frames */
	bool full;      /* the lane has no room for the next frame */
};

/* Write a record, but do not publish it. */
static void
fill_record(struct shmbus_station *st, uint8_t *at, uint32_t data_off,
	    const struct shmbus_tx *frames, uint32_t n, struct record *rec)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	const uint32_t max = shmbus_burst_max(&bus->geo);
	shmbus_a32 *desc = shmbus_burst_desc(at);
	uint32_t next;

	*rec = (struct record){ .len = data_off };
	for (; rec->count < n; rec->count++) {
		const struct shmbus_tx *frame = &frames[rec->count];

		next = rec->len + (uint32_t)SHMBUS_ALIGN(frame->len);
		if (next > max && rec->count != 0)
			return;
		if (!shmbus_writer_room(bus, &st->lanes.writer, next)) {
			rec->full = true;
			return;
		}
		shmbus_copy_exact(at + rec->len, frame->data, frame->len);
		shmbus_store(&desc[rec->count], frame->len);
		rec->bytes += frame->len;
		rec->len = next;
	}
}

static unsigned int
send_frames(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_writer *w = &st->lanes.writer;
	const uint64_t now = shmbus_clock_real_ns();
	unsigned int sent = 0;
	uint32_t part, data_off;
	struct record rec;
	uint8_t *at;

	while (sent < n) {
		part = shmbus_lib_min(n - sent, RECORD_FRAMES);
		data_off = shmbus_burst_data_off(part);
		/* The header of a record lies in what must not be overwritten yet, too. */
		if (!shmbus_writer_room(bus, w, data_off))
			break;
		at = shmbus_writer_record(bus, w);
		fill_record(st, at, data_off, frames + sent, part, &rec);
		if (rec.count != 0)
			shmbus_writer_publish(bus, w, at, rec.count, data_off, rec.len, rec.bytes, now);
		sent += rec.count;
		st->stats.tx_frames += rec.count;
		st->stats.tx_bytes += rec.bytes;
		if (rec.full)
			break;
	}
	if (sent != 0)
		shmbus_waker_published(bus, &st->lanes.waker);
	return sent;
}

/* ---- receive */

/* Lanes in use, and lanes that were in use and still hold what was not read. */
static void
list_active(struct shmbus_station *st)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t slot, queue, lane, n_txq;
	uint32_t n = 0;

	for (slot = 0; slot < geo->ports; slot++) {
		if (slot == st->bus.slot)
			continue;
		n_txq = shmbus_port_peer(bus, slot, &peer) ? peer.n_txq : 0;
		for (queue = 0; queue < geo->queues; queue++) {
			lane = slot * geo->queues + queue;
			if (queue < n_txq || st->lanes.readers[lane].pos !=
					     shmbus_load(&shmbus_bus_lane(bus, lane)->tail))
				st->lanes.active[n++] = lane;
		}
	}
	st->lanes.n_active = n;
	st->lanes.turn = 0;
}

static void
refresh(struct shmbus_station *st)
{
	st->lanes.idle = ROSTER_EVERY;
	if (shmbus_port_roster_changed(&st->bus.lanes, st->lanes.roster))
		list_active(st);
}

/* The reader of an active lane, if there is something to read. */
static struct shmbus_reader *
look(struct shmbus_station *st, uint32_t lane)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_reader *r = &st->lanes.readers[lane];

	if (shmbus_load(&bus->lane_prot[lane]) == SHMBUS_LANE_UNMAPPED &&
	    shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
		return NULL;
	return shmbus_reader_peek(bus, r) != 0 ? r : NULL;
}

/* By turns, so that no sender is left out. */
static struct shmbus_reader *
next_by_turn(struct shmbus_station *st)
{
	struct shmbus_lanes_side *s = &st->lanes;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < s->n_active; i++) {
		if (s->turn >= s->n_active)
			s->turn = 0;
		r = look(st, s->active[s->turn++]);
		if (r != NULL)
			return r;
	}
	return NULL;
}

/* Of all that is there, what was sent first, by the senders' clocks. */
static struct shmbus_reader *
next_by_time(struct shmbus_station *st)
{
	struct shmbus_reader *best = NULL;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < st->lanes.n_active; i++) {
		r = look(st, st->lanes.active[i]);
		if (r != NULL && (best == NULL || r->tstamp_ns < best->tstamp_ns))
			best = r;
	}
	return best;
}

static struct shmbus_reader *
find(struct shmbus_station *st)
{
	return st->monitor ? next_by_time(st) : next_by_turn(st);
}

static struct shmbus_reader *
next_reader(struct shmbus_station *st)
{
	struct shmbus_reader *r;

	if (!receives(st))
		return NULL;
	if (st->lanes.idle-- == 0)
		refresh(st);
	r = find(st);
	if (r != NULL || st->lanes.idle == ROSTER_EVERY)
		return r;
	refresh(st);
	return find(st);
}

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
	const uint64_t missed = r->missed - st->lanes.told[r->lane];

	st->lanes.told[r->lane] = r->missed;
	return missed;
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
	const uint64_t truncated = st->stats.rx_truncated;
	struct shmbus_walk walk;
	struct take take;

	shmbus_reader_walk(bus, r, &walk);
	take_frames(st, r, &walk, frames, n, &take);
	if (!shmbus_reader_commit(bus, r, &walk)) {
		st->part.len = 0;
		st->stats.rx_truncated = truncated;
		return 0;
	}
	if (take.n != 0)
		frames[0].meta.missed = newly_missed(st, r);
	else if (take.unfinished)
		st->part.meta.missed = newly_missed(st, r);
	st->stats.rx_frames += take.n;
	st->stats.rx_bytes += take.bytes;
	st->stats.rx_filtered += take.filtered;
	if (take.corrupt)
		shmbus_reader_give_up(r);
	publish(st, r);
	return take.n;
}

static unsigned int
receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	unsigned int tries = TRIES;
	struct shmbus_reader *r;
	unsigned int got = 0;

	while (got < n && st->part.len == 0 && tries-- != 0) {
		r = next_reader(st);
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

static unsigned int
peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	unsigned int tries = TRIES;
	struct shmbus_walk walk;
	struct shmbus_reader *r;
	unsigned int found;
	uint32_t passed;
	bool corrupt;

	while (tries-- != 0) {
		r = next_reader(st);
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
		st->stats.rx_filtered += passed;
		if (corrupt)
			shmbus_reader_give_up(r);
		publish(st, r);
	}
	return 0;
}

static bool
release(struct shmbus_station *st, unsigned int n)
{
	const struct shmbus_walk *walk = &st->lanes.ends[n - 1];
	struct shmbus_reader *r = st->lanes.peeked;
	const uint32_t frames = walk->next - r->next;

	if (!shmbus_reader_commit(&st->bus.lanes, r, walk))
		return false;
	newly_missed(st, r);
	st->stats.rx_frames += n;
	st->stats.rx_filtered += frames - n;
	st->stats.rx_bytes += walk->bytes;
	publish(st, r);
	return true;
}

/* ---- sleep */

static bool
pending(struct shmbus_station *st)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	uint32_t lane;

	if (!receives(st))
		return false;
	/* Not only the active ones: the list may be older than what was sent. */
	for (lane = 0; lane < bus->geo.lanes; lane++)
		if (!is_mine(st, lane) && st->lanes.readers[lane].pos !=
					  shmbus_load_acquire(&shmbus_bus_lane(bus, lane)->tail))
			return true;
	return false;
}

static void
set_asleep(struct shmbus_station *st, bool asleep)
{
	if (!receives(st))
		return;
	/* Who wakes it may be new: look who is on the bus before the next receive. */
	st->lanes.idle = 0;
	if (asleep)
		shmbus_wake_sleep(&st->bus.lanes, st->bus.slot, 0);
	else
		shmbus_wake_rise(&st->bus.lanes, st->bus.slot, 0);
}

static void
will_sleep(struct shmbus_station *st)
{
	tell_state(st);
	shmbus_wake_tell(&st->bus.lanes, true);
}

static void
count(struct shmbus_station *st, struct shmbus_stats *stats)
{
	const struct shmbus_lanes_side *s = &st->lanes;
	uint32_t lane;

	for (lane = 0; lane < st->bus.lanes.geo.lanes; lane++) {
		stats->rx_missed += s->readers[lane].missed;
		stats->rx_overruns += s->readers[lane].overruns;
		stats->rx_corrupt += s->readers[lane].corrupt;
	}
	stats->tx_pauses = s->writer.pauses;
	stats->pause_timeouts = s->writer.timeouts;
	stats->pause_dead = s->writer.dead;
}

const struct shmbus_wire_ops shmbus_lib_lanes = {
	.begin = begin,
	.leave = leave,
	.free = free_lanes,
	.send = send_frames,
	.receive = receive,
	.peek = peek,
	.release = release,
	.pending = pending,
	.sleep = set_asleep,
	.will_sleep = will_sleep,
	.count = count,
};
