/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A station on a bus of NetBSD's. What is read and written goes by way of
 * memory of the station's own, so a peek shows what nobody can change. A
 * monitor reads without the bus's lock (base/shmbus_shmif_monitor.h).
 */

#include <errno.h>
#include <stdlib.h>

#include "shmbus_clock.h"
#include "shmbus_copy.h"
#include "shmbus_lib.h"
#include "shmbus_shmif_monitor.h"

/* Pieces looked through in one call, should none of it be for us. */
#define FETCHES 8

/*
 * If it cannot be known yet where to begin, as the lock is held, reading begins
 * as soon as it is: with the newest frame by itself, with the oldest one here.
 */
static void
begin_monitor(struct shmbus_station *st)
{
	const bool oldest = st->flags & SHMBUS_OLDEST;

	st->shmif.start_later = shmbus_shmif_monitor_start(&st->bus.shmif, &st->shmif.reader,
							   oldest) == -EBUSY && oldest;
}

static int
prepare(struct shmbus_station *st)
{
	struct shmbus_shmif_side *s = &st->shmif;

	s->reader.bytes = malloc(SHMBUS_SHMIF_PIECE);
	s->writer.bytes = malloc(SHMBUS_SHMIF_BURST);
	s->ends = calloc(SHMBUS_PEEK_MAX, sizeof(*s->ends));
	return s->reader.bytes != NULL && s->writer.bytes != NULL && s->ends != NULL ? 0 : -ENOMEM;
}

static int
begin(struct shmbus_station *st, const struct shmbus_conf *conf)
{
	struct shmbus_shmif *bus = &st->bus.shmif;
	struct shmbus_shmif_side *s = &st->shmif;
	const uint64_t break_ns = (uint64_t)conf->lock_break_ms * 1000 * 1000;

	st->frame_max = SHMBUS_SHMIF_FRAME_MAX;
	if (st->monitor) {
		begin_monitor(st);
		return 0;
	}
	st->created = bus->filled;
	st->bus.slot = bus->id;
	s->reader.watch.break_ns = break_ns;
	s->writer.watch.break_ns = break_ns;
	shmbus_shmif_reader_start(bus, &s->reader, SHMBUS_SHMIF_START_MS);
	return 0;
}

static void
leave(struct shmbus_station *st)
{
	const struct shmbus_shmif *bus = &st->bus.shmif;
	struct shmbus_error why;

	if (!(st->flags & SHMBUS_UNLINK) || shmbus_file_lock(&bus->file) != 0)
		return;
	/* What somebody has made of the file is not this port's to remove. */
	if (shmbus_fate_of_shmif(bus, &why) != SHMBUS_FATE_GONE &&
	    shmbus_shmif_count_peers(bus) == 0)
		shmbus_file_unlink(&bus->file);
	shmbus_file_unlock(&bus->file);
}

static void
free_shmif(struct shmbus_station *st)
{
	free(st->shmif.reader.bytes);
	free(st->shmif.writer.bytes);
	free(st->shmif.ends);
}

/* ---- send */

/* As many as a burst takes, into memory of the writer's. */
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
		at = shmbus_shmif_add(w, st->bus.shmif.sender, frames[i].len);
		if (at == NULL)
			break;
		shmbus_copy_exact(at, frames[i].data, frames[i].len);
		*bytes += frames[i].len;
	}
	return i;
}

static unsigned int
send_frames(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n)
{
	const struct shmbus_shmif *bus = &st->bus.shmif;
	unsigned int sent = 0;
	unsigned int part;
	uint64_t bytes, now;

	while (sent < n) {
		now = shmbus_clock_mono_ns();
		if (shmbus_lib_sends_astray(st, now))
			break;
		part = fill(st, now, frames + sent, n - sent, &bytes);
		if (shmbus_shmif_send(bus, &st->shmif.writer) != 0)
			break;
		sent += part;
		shmbus_count(&st->stats.tx_frames, part);
		shmbus_count(&st->stats.tx_bytes, bytes);
	}
	if (sent != 0 && !(st->flags & SHMBUS_QUIET))
		shmbus_shmif_wake(bus);
	return sent;
}

/* ---- receive */

static int
fetch(struct shmbus_station *st)
{
	const struct shmbus_shmif *bus = &st->bus.shmif;
	struct shmbus_shmif_reader *r = &st->shmif.reader;

	if (st->monitor)
		return shmbus_shmif_monitor_fetch(bus, r);
	return shmbus_shmif_fetch(bus, r);
}

/* Is there a record in the piece? If not, get the next piece. */
static bool
has_record(struct shmbus_station *st, unsigned int *fetches)
{
	const struct shmbus_shmif *bus = &st->bus.shmif;
	struct shmbus_shmif_reader *r = &st->shmif.reader;

	if (st->flags & SHMBUS_SEND_ONLY)
		return false;
	if (st->shmif.start_later)
		begin_monitor(st);
	if (st->shmif.start_later)
		return false;
	while (!shmbus_shmif_has_next(r)) {
		if (*fetches == 0)
			return false;
		--*fetches;
		if (!shmbus_shmif_pending(bus, r)) {
			if (!shmbus_lib_lost(&st->bus) && !st->monitor)
				shmbus_shmif_lock_watch(bus, &r->watch);
			return false;
		}
		if (fetch(st) == -EBUSY)
			return false;
	}
	return true;
}

enum verdict {
	TAKE,
	SKIP,
	FILTERED,
};

/* Of a record that was taken out of the piece. */
static enum verdict
judge(const struct shmbus_station *st, const struct shmbus_shmif_frame *frame)
{
	/* Receivers skip short ones, the first record of a new bus among them. */
	if (frame->len < SHMBUS_SHMIF_FRAME_MIN)
		return SKIP;
	if (!st->monitor && frame->sender == st->bus.shmif.sender)
		return SKIP;
	return shmbus_lib_wants(st, frame->data, frame->len) ? TAKE : FILTERED;
}

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
newly_missed(struct shmbus_shmif_side *s)
{
	const uint64_t missed = shmbus_counted(&s->reader.missed);
	const uint64_t told = s->told;

	s->told = missed;
	return missed - told;
}

static unsigned int
receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	unsigned int fetches = FETCHES;
	struct shmbus_shmif_frame frame;
	enum verdict verdict;
	unsigned int got = 0;

	while (got < n && has_record(st, &fetches)) {
		shmbus_shmif_next(&st->shmif.reader, &frame);
		verdict = judge(st, &frame);
		shmbus_count(&st->stats.rx_filtered, verdict == FILTERED);
		if (verdict != TAKE)
			continue;
		frames[got].meta = meta_of(&frame);
		frames[got].meta.missed = newly_missed(&st->shmif);
		shmbus_lib_take(st, &frames[got], frame.data, frame.len);
		shmbus_count(&st->stats.rx_frames, 1);
		shmbus_count(&st->stats.rx_bytes, frame.len);
		got++;
	}
	return got;
}

/* Frames that lie in a row, in one piece, so that to release some is to move on behind the last. */
static unsigned int
peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	struct shmbus_shmif_reader *r = &st->shmif.reader;
	unsigned int fetches = FETCHES;
	struct shmbus_shmif_frame frame;
	unsigned int found = 0;
	enum verdict verdict;
	uint32_t begin_off;

	while (found == 0 && has_record(st, &fetches)) {
		begin_off = r->off;
		while (found < n && shmbus_shmif_has_next(r)) {
			shmbus_shmif_next(r, &frame);
			verdict = judge(st, &frame);
			if (verdict != TAKE && found != 0)
				break;
			if (verdict != TAKE) {
				shmbus_count(&st->stats.rx_filtered, verdict == FILTERED);
				begin_off = r->off;
				continue;
			}
			frames[found] = (struct shmbus_view){
				.data = frame.data,
				.len = frame.len,
				.meta = meta_of(&frame),
			};
			st->shmif.ends[found++] = r->off;
		}
		r->off = begin_off;
	}
	return found;
}

static bool
release(struct shmbus_station *st, unsigned int n)
{
	struct shmbus_shmif_reader *r = &st->shmif.reader;
	const uint32_t before = r->off;

	r->off = st->shmif.ends[n - 1];
	newly_missed(&st->shmif);
	shmbus_count(&st->stats.rx_frames, n);
	shmbus_count(&st->stats.rx_bytes, r->off - before - n * st->bus.shmif.record);
	return true;
}

static bool
pending(struct shmbus_station *st)
{
	return !(st->flags & SHMBUS_SEND_ONLY) &&
	       (shmbus_shmif_has_next(&st->shmif.reader) ||
		shmbus_shmif_pending(&st->bus.shmif, &st->shmif.reader));
}

static void
count_watch(const struct shmbus_shmif_watch *watch, struct shmbus_stats *stats)
{
	stats->lock_busy += shmbus_counted(&watch->busy);
	stats->lock_broken += shmbus_counted(&watch->broken_ours) +
			      shmbus_counted(&watch->broken_foreign);
}

static void
count(struct shmbus_station *st, struct shmbus_stats *stats)
{
	const struct shmbus_shmif_side *s = &st->shmif;

	stats->rx_missed += shmbus_counted(&s->reader.missed);
	stats->rx_overruns += shmbus_counted(&s->reader.overruns);
	stats->rx_corrupt += shmbus_counted(&s->reader.corrupt);
	count_watch(&s->reader.watch, stats);
	count_watch(&s->writer.watch, stats);
}

const struct shmbus_wire_ops shmbus_lib_shmif = {
	.prepare = prepare,
	.begin = begin,
	.leave = leave,
	.free = free_shmif,
	.send = send_frames,
	.receive = receive,
	.peek = peek,
	.release = release,
	.pending = pending,
	.count = count,
};
