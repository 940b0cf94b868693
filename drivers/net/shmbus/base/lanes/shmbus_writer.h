/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_WRITER_H
#define SHMBUS_WRITER_H

/*
 * The writing end of a lane: exactly one Tx queue.
 *
 * Theory of operation
 *
 * A burst is written in place above tail, where nobody reads, and published
 * by one store of tail. Before anything below the old tail is overwritten,
 * head is raised past it; head moves by whole chunks (1/16 of the ring), so
 * that its line, which every reader looks at after copying, stays in their
 * caches. head + lane_size is the limit that writing must not pass.
 *
 * With pause, head is not raised past the cursor of an active reader. Cursors
 * are looked at only when the credit that the last look gave is used up. A
 * cursor that has held the lane back for the pause time-out without moving,
 * or whose owner is dead, is ignored until it moves.
 *
 * Edges (the partner of each is in shmbus_reader.h):
 *   T1  tail, release    all of a burst is written before it is published
 *   H1  head, then a release fence, before the first byte is overwritten
 *   C2  cursor, acquire  the reader has done its copying: licence to overwrite
 *   A2  tail, then a full fence, then the cursors: against A1, either this sees
 *       a reader that begins, or that begins at the tail or above
 *   S1  a stamp's pos, then its seq, release: who sees the seq changed sees
 *       that the pos has
 *
 * A writer holds no pointer into the mapping, so that the processes that
 * share a port can share it too.
 */

#include "shmbus_bus.h"
#include "shmbus_step.h"

/* What a writer remembers of one cursor that holds it back. */
struct shmbus_stall {
	uint64_t pos; /* the highest that it was seen at */
	uint64_t since_ns;
	uint64_t asked_ns; /* when the kernel was last asked whether its owner lives */
	uint32_t state;    /* enum in shmbus_writer.c */
};

struct shmbus_writer {
	uint64_t tail;  /* as published */
	uint64_t limit; /* head + lane_size */
	uint64_t seq;   /* of the next frame */
	uint64_t bytes; /* of frames, ever */
	uint64_t size;  /* of the lane */
	uint64_t chunk_mask; /* lane_size / 16 - 1 */
	uint64_t mark_chunk; /* start of the chunk that the last record began in */
	uint64_t credit;     /* head may be raised so far without a look at the cursors */
	uint32_t stamp; /* which one comes next: 0 or 1 */
	uint32_t lane;
	uint32_t slot;
	shmbus_a32 pause; /* any thread may change this one and the next */
	shmbus_a64 pause_timeout_ns;
	shmbus_a64 pauses;     /* times that a burst was cut short */
	uint64_t blocked;      /* those since head was last raised */
	shmbus_a64 timeouts;   /* cursors given up: stopped */
	shmbus_a64 dead;       /* cursors given up: their owner died */
	struct shmbus_stall *stalls; /* [ports * queues] */
};

/* The longest frame that a lane of this size carries. */
static inline uint32_t
shmbus_frame_max(const struct shmbus_geometry *geo)
{
	const uint64_t quarter = geo->lane_size / 4 - 2 * SHMBUS_LINE;

	return quarter < SHMBUS_FRAME_MAX ? (uint32_t)quarter : SHMBUS_FRAME_MAX;
}

/* Bytes after which a burst of several frames is published and the next begun. */
static inline uint32_t
shmbus_burst_max(const struct shmbus_geometry *geo)
{
	const uint64_t chunk = geo->lane_size / SHMBUS_CHUNKS;

	return chunk < SHMBUS_RECORD_MAX ? (uint32_t)chunk : SHMBUS_RECORD_MAX;
}

/* Bytes from the start of a record to its first frame. */
static inline uint32_t
shmbus_burst_data_off(uint32_t count)
{
	return (uint32_t)SHMBUS_ALIGN(sizeof(struct shmbus_burst) + count * sizeof(uint32_t));
}

/*
 * Begin, or go on, writing a lane of slot. Only the slot's owner may; the lane
 * is mapped for writing. stalls has ports * queues elements and lives as long.
 */
void shmbus_writer_start(const struct shmbus_bus *bus, struct shmbus_writer *w, uint32_t slot,
			 uint32_t queue, struct shmbus_stall *stalls, bool pause,
			 uint64_t pause_timeout_ns);

/* Wait for slow readers from now on, or no longer. Any thread, any time. */
static inline void
shmbus_writer_set_pause(struct shmbus_writer *w, bool pause, uint64_t pause_timeout_ns)
{
	shmbus_store(&w->pause_timeout_ns, pause_timeout_ns);
	shmbus_store(&w->pause, pause);
}

/* Raise head so that len bytes above tail may be written. False: not now. */
bool shmbus_writer_credit(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len);

/* May len bytes above tail be written? If not so now, a reader is slow. */
static inline bool
shmbus_writer_room(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len)
{
	return w->limit - w->tail >= len || shmbus_writer_credit(bus, w, len);
}

/* Where the next record goes. Twice mapped: at least lane_size bytes follow. */
static inline uint8_t *
shmbus_writer_record(const struct shmbus_bus *bus, const struct shmbus_writer *w)
{
	return shmbus_bus_lane_data(bus, w->lane) + (w->tail & (w->size - 1));
}

static inline shmbus_a32 *
shmbus_burst_desc(uint8_t *record)
{
	return (shmbus_a32 *)(void *)(record + sizeof(struct shmbus_burst));
}

/*
 * Publish the record at tail: count frames, their descriptors and data in
 * place, the first at data_off, len bytes in all (a multiple of 64).
 */
static inline void
shmbus_writer_publish(const struct shmbus_bus *bus, struct shmbus_writer *w, uint8_t *record,
		      uint32_t count, uint32_t data_off, uint32_t len, uint64_t frame_bytes,
		      uint64_t tstamp_ns)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, w->lane);
	struct shmbus_burst *burst = (struct shmbus_burst *)(void *)record;
	struct shmbus_stamp *stamp = &lane->stamp[w->stamp];
	const uint64_t chunk = w->tail & ~w->chunk_mask;
	shmbus_a64 *mark;

	shmbus_step_store(writer_store_header, &burst->shape,
			  len | (uint64_t)count << 32 | (uint64_t)data_off << 48);
	shmbus_step_store(writer_store_header, &burst->seq, w->seq);
	shmbus_step_store(writer_store_header, &burst->tstamp_ns, tstamp_ns);
	shmbus_step_store(writer_store_header, &burst->pos, w->tail);
	if (chunk != w->mark_chunk) {
		w->mark_chunk = chunk;
		mark = &lane->mark[(w->tail & (w->size - 1)) / (w->chunk_mask + 1)];
		shmbus_step_store(writer_store_mark, mark, w->tail);
	}
	w->tail += len;
	w->seq += count;
	w->bytes += frame_bytes;
	w->stamp ^= 1;
	shmbus_step_store(writer_store_bytes, &lane->bytes, w->bytes);
	shmbus_step_store(writer_store_stamp, &stamp->pos, w->tail);
	/* S1 (writer_store_seq): its pos is no longer that of the tail it was for */
	shmbus_step_store_release(writer_store_seq, &stamp->seq, w->seq);
	/* T1 (writer_publish) */
	shmbus_step_store_release(writer_publish, &lane->tail, w->tail);
	SHMBUS_STEP(writer_published);
}

#endif /* SHMBUS_WRITER_H */
