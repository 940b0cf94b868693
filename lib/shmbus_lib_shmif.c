/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A station on a bus in NetBSD's format. Frames are read and written through memory
 * of the station, so no other process can change the frames that a peek shows.
 */

#include "shmbus_clock.h"
#include "shmbus_copy.h"
#include "shmbus_lib.h"

static int
begin(struct shmbus_lib_port *port, const struct shmbus_conf *conf,
      const struct shmbus_wire_conf *wire_conf)
{
	struct shmbus_station *st = port->queues[0];
	const struct shmbus_shmif_rx_conf rx_conf = {
		.monitor = st->monitor,
		.loopback = st->monitor,
		.oldest = st->flags & SHMBUS_OLDEST,
		.lock_break_ns = (uint64_t)conf->lock_break_ms * 1000 * 1000,
	};
	int ret = 0;

	/* The file may have become a shmif bus since shmbus_attach() looked at it. */
	if (port->n_queues != 1)
		return shmbus_lib_refuse_queues(shmbus_lib_path(st->bus), port->n_queues);
	if (!st->monitor)
		ret = shmbus_wire_join(&st->bus->wire, wire_conf, shmbus_lib_error());
	if (ret != 0)
		return ret;
	st->shmif.writer.bytes = st->room_out;
	st->shmif.writer.lock_wait.break_ns = rx_conf.lock_break_ns;
	shmbus_shmif_rx_init(&st->shmif.rx, st->room_in);
	shmbus_shmif_rx_start(&st->bus->wire.shmif, &st->shmif.rx, &rx_conf,
			      st->monitor ? 0 : SHMBUS_SHMIF_START_MS);
	return 0;
}

/* ---- send */

/* Copies frames to the writer's memory until the burst is full. Returns their number. */
static unsigned int
fill(struct shmbus_station *st, uint64_t now, const struct shmbus_tx *frames, unsigned int n,
     uint64_t *bytes)
{
	struct shmbus_shmif_writer *w = &st->shmif.writer;
	unsigned int i;
	uint8_t *at;

	*bytes = 0;
	shmbus_shmif_begin(w, now);
	for (i = 0; i < n; i++) {
		at = shmbus_shmif_add(w, st->bus->wire.shmif.sender, frames[i].len);
		if (at == NULL)
			break;
		shmbus_copy_exact(at, frames[i].data, frames[i].len);
		*bytes += frames[i].len;
	}
	return i;
}

static void
count_sent(struct shmbus_station *st, unsigned int n, uint64_t bytes)
{
	shmbus_count(&st->stats.tx_frames, n);
	shmbus_count(&st->stats.tx_bytes, bytes);
}

/* Sends the writer's burst. Returns false if the lock was not available. */
static bool
send_burst(struct shmbus_station *st)
{
	const bool sent = shmbus_shmif_send(&st->bus->wire.shmif, &st->shmif.writer) == 0;

	if (sent)
		st->refused = 0;
	else if (st->refused != UINT32_MAX)
		st->refused++;
	return sent;
}

static unsigned int
send_frames(struct shmbus_station *st, const struct shmbus_tx *frames,
	    const struct shmbus_offload *offloads, unsigned int n)
{
	const struct shmbus_shmif *bus = &st->bus->wire.shmif;
	unsigned int sent = 0;
	unsigned int part;
	uint64_t bytes, now;

	(void)offloads; /* all frames are final */
	while (sent < n) {
		now = shmbus_clock_mono_ns();
		if (shmbus_lib_sends_astray(st, now))
			break;
		part = fill(st, now, frames + sent, n - sent, &bytes);
		if (!send_burst(st))
			break;
		sent += part;
		count_sent(st, part, bytes);
	}
	if (sent != 0 && !(st->flags & SHMBUS_QUIET))
		shmbus_shmif_wake(bus);
	return sent;
}

/* ---- send in place */

static unsigned int
reserve(struct shmbus_station *st, unsigned int n)
{
	struct shmbus_lib_reserved *reserved = &st->reserved;
	struct shmbus_shmif_writer *w = &st->shmif.writer;
	unsigned int i;

	shmbus_shmif_begin(w, 0);
	for (i = 0; i < n; i++) {
		reserved->at[i] = shmbus_shmif_add(w, st->bus->wire.shmif.sender, reserved->len[i]);
		if (reserved->at[i] == NULL)
			break;
	}
	return i;
}

/*
 * Puts the burst together once more, with the final lengths. A frame only moves down, and the
 * record in front of it ends where the frame began or below, so nothing is overwritten that is
 * still to move.
 */
static uint64_t
settle(struct shmbus_station *st, uint64_t now, const struct shmbus_place *places, unsigned int n)
{
	struct shmbus_lib_reserved *reserved = &st->reserved;
	struct shmbus_shmif_writer *w = &st->shmif.writer;
	uint64_t bytes = 0;
	unsigned int i;
	uint8_t *at;

	shmbus_shmif_begin(w, now);
	for (i = 0; i < n; i++) {
		at = shmbus_shmif_add(w, st->bus->wire.shmif.sender, places[i].len);
		if (at != reserved->at[i])
			memmove(at, reserved->at[i], places[i].len);
		/* If the lock is not available, the next commit begins here. */
		reserved->at[i] = at;
		reserved->len[i] = places[i].len;
		bytes += places[i].len;
	}
	return bytes;
}

static unsigned int
commit(struct shmbus_station *st, const struct shmbus_place *places, unsigned int n)
{
	const struct shmbus_shmif *bus = &st->bus->wire.shmif;
	const uint64_t now = shmbus_clock_mono_ns();
	uint64_t bytes;

	if (shmbus_lib_sends_astray(st, now))
		return 0;
	bytes = settle(st, now, places, n);
	if (!send_burst(st))
		return 0;
	count_sent(st, n, bytes);
	if (!(st->flags & SHMBUS_QUIET))
		shmbus_shmif_wake(bus);
	return n;
}

/* ---- receive */

static struct shmbus_meta
meta_of(const struct shmbus_shmif_frame *frame)
{
	return (struct shmbus_meta){
		.tstamp_ns = frame->uptime_ns,
		.sender = frame->sender,
		.slot = SHMBUS_NO_SLOT,
		.flags = SHMBUS_META_UPTIME,
	};
}

static uint64_t
newly_missed(struct shmbus_lib_shmif *s)
{
	const uint64_t missed = shmbus_counted(&s->rx.reader.missed);
	const uint64_t reported = s->reported;

	s->reported = missed;
	return missed - reported;
}

/* Returns whether the piece has a frame. If not, checks whether the bus is gone. */
static bool
has_next(struct shmbus_station *st, unsigned int *fetches)
{
	if (shmbus_shmif_rx_has_next(&st->bus->wire.shmif, &st->shmif.rx, fetches))
		return true;
	shmbus_lib_lost(st->bus);
	return false;
}

static unsigned int
receive(struct shmbus_station *st, struct shmbus_rx *frames, struct shmbus_offload *offloads,
	unsigned int n)
{
	const struct shmbus_shmif *bus = &st->bus->wire.shmif;
	unsigned int fetches = SHMBUS_SHMIF_FETCHES;
	struct shmbus_shmif_frame frame;
	unsigned int got = 0;

	while (got < n && has_next(st, &fetches)) {
		if (!shmbus_shmif_rx_next(bus, &st->shmif.rx, &frame))
			continue;
		frames[got].meta = meta_of(&frame);
		if (!shmbus_lib_take(st, &frames[got], frame.data, frame.len)) {
			shmbus_count(&st->stats.rx_filtered, 1);
			continue;
		}
		if (offloads != NULL)
			offloads[got] = (struct shmbus_offload){ .flags = 0 };
		frames[got++].meta.missed = newly_missed(&st->shmif);
		fetches = SHMBUS_SHMIF_FETCHES;
	}
	return got;
}

/*
 * Shows frames that are adjacent in the piece, so that release only moves behind the
 * last of them. Frames for other stations before the first one are released at once.
 */
static unsigned int
show_row(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	struct shmbus_shmif_reader *r = &st->shmif.rx.reader;
	struct shmbus_walk walk = { .off = r->off };
	struct shmbus_shmif_frame frame;
	uint32_t begin_off = r->off;
	unsigned int found = 0;
	bool seen;

	while (found < n && shmbus_shmif_has_next(r)) {
		seen = shmbus_shmif_rx_next(&st->bus->wire.shmif, &st->shmif.rx, &frame);
		walk.off = r->off;
		if (seen && shmbus_lib_wants(st, frame.data, frame.len)) {
			frames[found] = (struct shmbus_view){
				.data = frame.data,
				.len = frame.len,
				.meta = meta_of(&frame),
			};
			shmbus_lib_show(st, found, &frames[found], &walk);
			found++;
		} else if (found != 0) {
			break;
		} else {
			shmbus_count(&st->stats.rx_filtered, seen);
			begin_off = r->off;
		}
	}
	r->off = begin_off;
	return found;
}

static unsigned int
peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	unsigned int fetches = SHMBUS_SHMIF_FETCHES;
	unsigned int found = 0;

	while (found == 0 && has_next(st, &fetches))
		found = show_row(st, frames, n);
	return found;
}

static bool
release(struct shmbus_station *st, unsigned int n)
{
	st->shmif.rx.reader.off = st->shown[n - 1].walk.off;
	newly_missed(&st->shmif);
	return true;
}

static bool
pending(struct shmbus_station *st)
{
	return shmbus_shmif_rx_pending(&st->bus->wire.shmif, &st->shmif.rx);
}

static void
count_lock(const struct shmbus_shmif_lock_wait *w, struct shmbus_stats *stats)
{
	stats->lock_busy += shmbus_counted(&w->busy);
	stats->lock_broken += shmbus_counted(&w->broken_ours) +
			      shmbus_counted(&w->broken_foreign);
}

static void
count(const struct shmbus_station *st, struct shmbus_stats *stats)
{
	const struct shmbus_shmif_reader *r = &st->shmif.rx.reader;

	stats->rx_missed += shmbus_counted(&r->missed);
	stats->rx_overruns += shmbus_counted(&r->overruns);
	stats->rx_corrupt += shmbus_counted(&r->corrupt);
	count_lock(&r->lock_wait, stats);
	count_lock(&st->shmif.writer.lock_wait, stats);
}

const struct shmbus_lib_ops shmbus_lib_shmif_ops = {
	.begin = begin,
	.send = send_frames,
	.reserve = reserve,
	.commit = commit,
	.receive = receive,
	.peek = peek,
	.pending = pending,
	.release = release,
	.count = count,
};
