/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LANES_TX_H
#define SHMBUS_LANES_TX_H

/*
 * The sending half of a station on lanes: one Tx queue and its lane.
 *
 * Theory of operation
 *
 *   shmbus_record_begin()      a record for up to n frames, above tail
 *   shmbus_record_add()        the place of the next frame, or NULL
 *   (copy)                     the caller copies the frame there
 *   shmbus_record_direct()     on a switch: the receiver of the frame that was copied
 *   shmbus_record_added()      the frame is in the record
 *   shmbus_record_publish()    all readers see the record; on a switch
 *                              shmbus_record_publish_directed()
 *   shmbus_lanes_tx_sent()     sleepers wake up
 *
 * The caller may leave out a frame after shmbus_record_add(): the next
 * shmbus_record_add() returns the same place again. A record that is not
 * published has no effect.
 *
 * Frames that are written in place, whose lengths may still shrink:
 *
 *   shmbus_record_begin()
 *   shmbus_record_reserve() x n   the places of n frames, one behind the other
 *   (write)                       in any order, for as long as it takes
 *   shmbus_record_rewind()        the record is empty again
 *   shmbus_record_settle() x m    the first m frames, m <= n, with their final lengths
 *   shmbus_record_publish() or _publish_directed(), shmbus_lanes_tx_sent()
 *
 * The format leaves no gap between frames, so frames behind one that has shrunk by a cache
 * line or more move down.
 *
 * As in shmbus_lanes_rx.h, the memory of a queue holds no pointer into the
 * mapping.
 */

#include <string.h>

#include "shmbus_director.h"
#include "shmbus_request.h"
#include "shmbus_tstamp.h"
#include "shmbus_room.h"
#include "shmbus_wake.h"
#include "shmbus_writer.h"

/* Most frames of one record: its header gets its room before the number of frames is known. */
#define SHMBUS_RECORD_FRAMES 64u

struct shmbus_lanes_tx_counts {
	uint64_t pauses;
	uint64_t timeouts;
	uint64_t dead;
	uint64_t deadlocks;
};

/* Only the queue's thread writes these fields, except the writer's pause settings. */
struct shmbus_lanes_tx {
	uint32_t burst_max; /* length at which a record is published and the next begins */
	struct shmbus_waker waker;
	struct shmbus_writer writer;
	struct shmbus_tstamp clock; /* for timestamps */
	uint64_t asked; /* the lines below this position have been asked for, for writing */
	struct shmbus_lanes_tx_counts past; /* counters of the writers of earlier starts */
	struct shmbus_director director;
};

/* Returns the bytes of memory that shmbus_lanes_tx_init() needs for a bus of this geometry. */
size_t shmbus_lanes_tx_size(const struct shmbus_geometry *geo);

/* Initialises tx. memory: zeros; the caller's, and in use until the last call for tx. */
void shmbus_lanes_tx_init(struct shmbus_lanes_tx *tx, const struct shmbus_geometry *geo,
			  void *memory);

/* Lets the queue use what the port has learned. Before shmbus_lanes_tx_start(). NULL: nothing. */
static inline void
shmbus_lanes_tx_use_fdb(struct shmbus_lanes_tx *tx, struct shmbus_fdb *fdb)
{
	tx->director.fdb = fdb;
}

/*
 * Continues in the lane of the slot's queue. The calling process has the lane
 * mapped for writing. pollers: of the port, in use until the last call for tx;
 * NULL: no deadlock is found.
 */
void shmbus_lanes_tx_start(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx, uint32_t slot,
			   uint32_t queue, const struct shmbus_pollers *pollers, bool pause,
			   uint64_t pause_timeout_ns);

/* Adds the counters of all starts of the queue to counts. Any thread may call it. */
void shmbus_lanes_tx_count(const struct shmbus_lanes_tx *tx, struct shmbus_lanes_tx_counts *counts);

/* A record that is being filled. */
struct shmbus_record {
	uint8_t *at;
	uint32_t data_off;
	uint32_t len;   /* so far */
	uint32_t count; /* frames so far */
	uint64_t bytes; /* of frames */
	uint32_t to;    /* bits of the next frame's descriptor; 0: it is for everybody */
	bool full;      /* the lane has no room for the next frame */
};

/*
 * Returns whether the queue's lane is mapped for writing in this process. Maps
 * it at the first call.
 */
static inline bool
shmbus_lanes_tx_is_mapped(struct shmbus_bus *bus, const struct shmbus_lanes_tx *tx)
{
	return shmbus_load(&bus->lane_prot[tx->writer.lane]) == SHMBUS_LANE_WRITE ||
	       shmbus_bus_map_lane(bus, tx->writer.lane, SHMBUS_LANE_WRITE) == 0;
}

/*
 * Begins a record of at most n frames, n at most SHMBUS_RECORD_FRAMES. Returns
 * false if the lane has no room.
 */
static inline bool
shmbus_record_begin(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
		    struct shmbus_record *rec, uint32_t n)
{
	const uint32_t data_off = shmbus_burst_data_off(n);

	*rec = (struct shmbus_record){
		.at = shmbus_writer_record(bus, &tx->writer),
		.data_off = data_off,
		.len = data_off,
	};
	/* The header needs room as well: readers may not be done with the bytes there. */
	return shmbus_writer_room(bus, &tx->writer, data_off);
}

/*
 * Asks for the lines up to a position, which the queue is to write soon.
 *
 * The lines of a new lap have been read by others, so each first store to one
 * of them waits for the line. A sender asks for the lines behind a burst when
 * the burst is published: there is time then. During a long burst it asks as
 * soon as fewer than SHMBUS_AHEAD_LOW bytes are on the way. Shorter windows
 * were slower with all frame sizes, and so were requests at each frame.
 */
#define SHMBUS_AHEAD (80 * SHMBUS_LINE)
#define SHMBUS_AHEAD_LOW (40 * SHMBUS_LINE)

static inline void
shmbus_lanes_tx_ask(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx, uint64_t to)
{
	uint8_t *data = shmbus_bus_lane_data(bus, tx->writer.lane);
	const uint64_t mask = tx->writer.size - 1;

	for (; (int64_t)(to - tx->asked) > 0; tx->asked += SHMBUS_LINE)
		shmbus_prefetch_write(data + (tx->asked & mask));
}

/*
 * Returns the place of the next frame, which takes extent bytes in whole
 * lines. NULL: the lane is full (rec->full is true), or the record is long
 * enough.
 */
static inline uint8_t *
shmbus_record_add(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
		  struct shmbus_record *rec, uint32_t extent)
{
	const uint32_t next = rec->len + extent;

	if (next > tx->burst_max && rec->count != 0)
		return NULL;
	if (!shmbus_writer_room(bus, &tx->writer, next)) {
		rec->full = true;
		return NULL;
	}
	if ((int64_t)(tx->writer.tail + next + SHMBUS_AHEAD_LOW - tx->asked) > 0)
		shmbus_lanes_tx_ask(bus, tx, tx->writer.tail + next + SHMBUS_AHEAD);
	SHMBUS_STEP(writer_copy);
	return rec->at + rec->len;
}

/* Returns whether the frames of the queue are to be directed. */
static inline bool
shmbus_lanes_tx_directs(const struct shmbus_lanes_tx *tx)
{
	return tx->director.on;
}

/*
 * Chooses the receiver of the frame at the place from shmbus_record_add(), which has been
 * copied there. For queues that direct their frames, before shmbus_record_added().
 */
static inline void
shmbus_record_direct(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
		     struct shmbus_record *rec, const uint8_t *at)
{
	rec->to = shmbus_director_direct(bus, &tx->director, at);
}

/* Adds to the record the frame of len bytes at the place from shmbus_record_add(). */
static inline void
shmbus_record_added(struct shmbus_record *rec, uint32_t len)
{
	shmbus_step_store(writer_copy, &shmbus_burst_desc(rec->at)[rec->count++],
			  len | rec->to);
	rec->len += (uint32_t)SHMBUS_ALIGN(len);
	rec->bytes += len;
}

/* As shmbus_record_added(), with a request. The extent was shmbus_request_extent(len). */
static inline void
shmbus_record_added_request(struct shmbus_record *rec, uint32_t len,
			    const struct shmbus_request *req)
{
	rec->len += shmbus_request_extent(len);
	shmbus_request_store(rec->at + rec->len, req);
	shmbus_step_store(writer_copy, &shmbus_burst_desc(rec->at)[rec->count++],
			  len | SHMBUS_DESC_REQUEST | rec->to);
	rec->bytes += len;
}

/*
 * Returns the place of the next frame of at most len bytes, and goes behind it. NULL: as
 * shmbus_record_add(). No descriptor is written yet.
 */
static inline uint8_t *
shmbus_record_reserve(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
		      struct shmbus_record *rec, uint32_t len)
{
	const uint32_t extent = (uint32_t)SHMBUS_ALIGN(len);
	uint8_t *at = shmbus_record_add(bus, tx, rec, extent);

	if (at != NULL) {
		rec->len += extent;
		rec->count++;
	}
	return at;
}

/* Empties a record of reserved frames. Its room stays. */
static inline void
shmbus_record_rewind(struct shmbus_record *rec)
{
	rec->len = rec->data_off;
	rec->count = 0;
	rec->bytes = 0;
}

/*
 * Adds a reserved frame to the record. from: its place; len: at most what was reserved. The
 * caller adds reserved frames in their order.
 */
static inline void
shmbus_record_settle(struct shmbus_record *rec, const uint8_t *from, uint32_t len)
{
	uint8_t *at = rec->at + rec->len;

	SHMBUS_STEP(writer_copy);
	if (at != from)
		memmove(at, from, len);
	shmbus_record_added(rec, len);
}

/* Publishes the record if it holds frames. */
static inline void
shmbus_record_publish(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
		      const struct shmbus_record *rec, uint64_t tstamp_ns)
{
	if (rec->count != 0)
		shmbus_writer_publish(bus, &tx->writer, rec->at, rec->count, rec->data_off, rec->len,
				      rec->bytes, tstamp_ns);
}

/* The same for queues that direct their frames. */
static inline void
shmbus_record_publish_directed(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
			       const struct shmbus_record *rec, uint64_t tstamp_ns)
{
	const struct shmbus_writer *w = &tx->writer;

	if (rec->count == 0)
		return;
	shmbus_director_publish(bus, &tx->director, w->lane, w->tail, w->tail + rec->len);
	shmbus_record_publish(bus, tx, rec, tstamp_ns);
}

/* Wakes sleepers. The caller calls this after the last record of a burst. */
static inline void
shmbus_lanes_tx_sent(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx)
{
	shmbus_lanes_tx_ask(bus, tx, tx->writer.tail + SHMBUS_AHEAD);
	shmbus_waker_published(bus, &tx->waker);
}

/* The same for queues that direct their frames: wakes the receivers of the burst. */
static inline void
shmbus_lanes_tx_sent_directed(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx)
{
	const struct shmbus_receivers receivers =
		shmbus_director_end(&bus->geo, &tx->director, tx->writer.tail);

	shmbus_lanes_tx_ask(bus, tx, tx->writer.tail + SHMBUS_AHEAD);
	shmbus_waker_published_to(bus, &tx->waker, &receivers);
}

#endif /* SHMBUS_LANES_TX_H */
