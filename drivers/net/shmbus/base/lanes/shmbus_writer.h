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
 * The writer writes a burst in place above tail, where no reader looks, and
 * publishes it by one store of tail. Before it overwrites anything below the
 * old tail, it raises head past those bytes. head moves by whole chunks (1/16
 * of the ring): every reader loads it after copying, so its line should stay
 * in the readers' caches. The writer never writes beyond head + lane_size.
 *
 * With pause, the writer does not raise head past the cursor of an active
 * reader. It looks at the cursors only when the credit of the last look is
 * used up. It ignores a cursor that has held the lane back for the pause
 * time-out without moving, or whose owner is dead or waits for this very lane
 * (shmbus_deadlock.h), until the cursor moves.
 *
 * Edges (the partner of each is in shmbus_reader.h):
 *   T1  tail, release    all of a burst is written before it is published
 *   H1  head, then a release fence, before the first byte is overwritten
 *   C2  cursor, acquire  the reader has done its copying: licence to overwrite
 *   A2  tail, then a full fence, then the cursors: with A1 either the writer
 *       sees a reader that begins, or that reader begins at the tail or above
 *   S1  a stamp's pos, then its seq, release: a reader that sees the new seq
 *       also sees the new pos
 *   D1  on a switch the same store as T1: the record's notices are stored before
 *   D3  on a switch a notice, release: the reader sees the tail before
 *
 * A writer holds no pointer into the mapping, so the processes that share a
 * port can share the writer, too.
 */

#include "shmbus_bus.h"
#include "shmbus_pollers.h"
#include "shmbus_step.h"

/* The stall of a writer at one cursor. */
struct shmbus_stall {
	uint64_t pos; /* highest position of the cursor so far */
	uint64_t since_ns;
	uint64_t asked_ns; /* time of the last question to the kernel whether its owner lives */
	uint32_t state;    /* enum in shmbus_writer.c */
};

/* Lanes whose threads wait for each other, see shmbus_deadlock.c. */
#define SHMBUS_CIRCLE_MAX 8
struct shmbus_circle {
	uint32_t cursor;   /* that holds this writer back: slot * queues + Rx queue */
	uint32_t n;        /* other lanes */
	uint64_t since_ns; /* of the stall at the cursor */
	uint32_t lanes[SHMBUS_CIRCLE_MAX];
	uint32_t counts[SHMBUS_CIRCLE_MAX]; /* when it was found */
};

struct shmbus_writer {
	uint64_t tail;  /* as published */
	uint64_t limit; /* head + lane_size */
	uint64_t seq;   /* of the next frame */
	uint64_t bytes; /* of frames, since the lane began */
	uint64_t size;  /* of the lane */
	uint64_t chunk_mask; /* lane_size / 16 - 1 */
	uint64_t mark_chunk; /* start of the chunk in which the last record begins */
	uint64_t credit;     /* head may rise so far without a look at the cursors */
	uint32_t stamp; /* the stamp that comes next: 0 or 1 */
	uint32_t lane;
	uint32_t slot;
	shmbus_a32 pause; /* any thread may change this word and the next */
	shmbus_a64 pause_timeout_ns;
	shmbus_a64 pauses;     /* bursts that were cut short */
	uint64_t blocked;      /* of these, since head last moved */
	uint64_t refused;      /* end of the last record for which there was no room */
	uint32_t holder;       /* number of the cursor that held it back at the last look */
	uint64_t room;         /* as in the lane's entry */
	shmbus_a64 timeouts;   /* cursors ignored: their owner has stopped */
	shmbus_a64 dead;       /* cursors ignored: their owner has died */
	shmbus_a64 deadlocks;  /* cursors ignored: their owner waits for this lane's */
	const struct shmbus_pollers *pollers; /* of the port; NULL: unknown */
	uint64_t waits;        /* as in the lane's entry */
	uint64_t polled;       /* the lane entry's polls */
	uint64_t polls;        /* of these Rx queues, at the last look */
	uint64_t polls_at_ns; /* time of the last look at them */
	struct shmbus_circle circle; /* the last that was found */
	struct shmbus_stall *stalls; /* [ports * queues] */
};

/* Returns the longest frame that a lane of this size carries. */
static inline uint32_t
shmbus_frame_max(const struct shmbus_geometry *geo)
{
	const uint64_t quarter = geo->lane_size / 4 - 2 * SHMBUS_LINE;

	return quarter < SHMBUS_FRAME_MAX ? (uint32_t)quarter : SHMBUS_FRAME_MAX;
}

/*
 * Returns the length at which a record of several frames is published and the
 * next record begins.
 */
static inline uint32_t
shmbus_burst_max(const struct shmbus_geometry *geo)
{
	const uint64_t chunk = geo->lane_size / SHMBUS_CHUNKS;

	return chunk < SHMBUS_RECORD_MAX ? (uint32_t)chunk : SHMBUS_RECORD_MAX;
}

/* Returns the bytes from the start of a record to its first frame. */
static inline uint32_t
shmbus_burst_data_off(uint32_t count)
{
	return (uint32_t)SHMBUS_ALIGN(sizeof(struct shmbus_burst) + count * sizeof(uint32_t));
}

/*
 * Begins to write a lane of a slot, behind what its last writer published. For
 * the slot's owner; the lane is mapped for writing. stalls has ports * queues
 * elements and stays as long as w.
 */
void shmbus_writer_start(const struct shmbus_bus *bus, struct shmbus_writer *w, uint32_t slot,
			 uint32_t queue, struct shmbus_stall *stalls, bool pause,
			 uint64_t pause_timeout_ns);

/* Turns waiting for slow readers on or off. Any thread may call this at any time. */
static inline void
shmbus_writer_set_pause(struct shmbus_writer *w, bool pause, uint64_t pause_timeout_ns)
{
	shmbus_store(&w->pause_timeout_ns, pause_timeout_ns);
	shmbus_store(&w->pause, pause);
}

/*
 * Raises head so that len bytes above tail may be written. Returns false if a
 * reader is too slow.
 */
bool shmbus_writer_credit(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len);

/*
 * The same, of a writer that waits: it does not count as a burst that was cut short. limit - tail
 * is less than len.
 */
bool shmbus_writer_look(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len);

/* Returns whether len bytes above tail may be written. If not, a reader is slow. */
static inline bool
shmbus_writer_room(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len)
{
	return w->limit - w->tail >= len || shmbus_writer_credit(bus, w, len);
}

/*
 * Returns the place of the next record. The lane is mapped twice: at least
 * lane_size bytes follow.
 */
static inline uint8_t *
shmbus_writer_record(const struct shmbus_bus *bus, const struct shmbus_writer *w)
{
	return shmbus_bus_lane_data(bus, w->lane) + (w->tail & (w->size - 1));
}

/*
 * Publishes the record at tail. Its count descriptors and its frames are in
 * place, the first frame at data_off; the record has len bytes in all, a
 * multiple of 64.
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
	/* S1 (writer_store_seq): with S2. The stamp's old pos is gone before its new seq can be
	 * seen.
	 */
	shmbus_step_store_release(writer_store_seq, &stamp->seq, w->seq);
	/* T1 (writer_publish), D1 (writer_publish) */
	shmbus_step_store_release(writer_publish, &lane->tail, w->tail);
	SHMBUS_STEP(writer_published);
}

#endif /* SHMBUS_WRITER_H */
