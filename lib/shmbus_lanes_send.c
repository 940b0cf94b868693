/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sending on lanes: frames are copied into records of the station's own lane,
 * and each record is published when it is full or there are no more frames.
 */

#include "shmbus_clock.h"
#include "shmbus_copy.h"
#include "shmbus_lib_lanes.h"

/* Frames in one record at most: the header has room for them before it is known how many fit. */
#define RECORD_FRAMES 64u

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

unsigned int
shmbus_lib_lanes_send(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_writer *w = &st->lanes.writer;
	const uint64_t now = shmbus_clock_real_ns();
	unsigned int sent = 0;
	uint32_t part, data_off;
	struct record rec;
	uint8_t *at;

	if (shmbus_lib_sends_astray(st, now))
		return 0;
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
		shmbus_count(&st->stats.tx_frames, rec.count);
		shmbus_count(&st->stats.tx_bytes, rec.bytes);
		if (rec.full)
			break;
	}
	if (sent != 0)
		shmbus_waker_published(bus, &st->lanes.waker);
	return sent;
}
