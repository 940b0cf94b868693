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
 *   shmbus_record_add()        where the next frame goes, or NULL
 *   the caller copies it there
 *   shmbus_record_added()      the frame is in the record
 *   shmbus_record_publish()    everybody sees the record
 *   shmbus_lanes_tx_sent()     sleepers are woken
 *
 * A frame that turns out not to be one after shmbus_record_add() is left out:
 * the next shmbus_record_add() gives the same place again. A record that is not
 * published never was.
 *
 * As in shmbus_lanes_rx.h, the memory of a queue holds no pointer into the
 * mapping.
 */

#include "shmbus_request.h"
#include "shmbus_wake.h"
#include "shmbus_writer.h"

/* Frames of one record at most: its header gets room before it is known how many fit. */
#define SHMBUS_RECORD_FRAMES 64u

struct shmbus_lanes_tx_counts {
	uint64_t pauses;
	uint64_t timeouts;
	uint64_t dead;
};

/* The queue's thread writes all of it but the writer's pause settings. */
struct shmbus_lanes_tx {
	uint32_t burst_max; /* bytes after which a record is published and the next begun */
	struct shmbus_waker waker;
	struct shmbus_writer writer;
	struct shmbus_lanes_tx_counts past; /* of the writers of earlier starts */
};

/* Bytes of memory that shmbus_lanes_tx_init wants for a bus of this geometry. */
size_t shmbus_lanes_tx_size(const struct shmbus_geometry *geo);

/* memory: zeros, the caller's; its last use is after the last call. */
void shmbus_lanes_tx_init(struct shmbus_lanes_tx *tx, const struct shmbus_geometry *geo,
			  void *memory);

/* Go on in the lane of the slot's queue, which is mapped for writing in the calling process. */
void shmbus_lanes_tx_start(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx, uint32_t slot,
			   uint32_t queue, bool pause, uint64_t pause_timeout_ns);

/* Add what all starts of the queue have counted. Any thread. */
void shmbus_lanes_tx_count(const struct shmbus_lanes_tx *tx, struct shmbus_lanes_tx_counts *counts);

/* A record that is being filled. */
struct shmbus_record {
	uint8_t *at;
	uint32_t data_off;
	uint32_t len;   /* so far */
	uint32_t count; /* frames so far */
	uint64_t bytes; /* of frames */
	bool full;      /* the lane has no room for the next frame */
};

/* Is the queue's lane mapped for writing in this process? Maps it the first time. */
static inline bool
shmbus_lanes_tx_is_mapped(struct shmbus_bus *bus, const struct shmbus_lanes_tx *tx)
{
	return shmbus_load(&bus->lane_prot[tx->writer.lane]) == SHMBUS_LANE_WRITE ||
	       shmbus_bus_map_lane(bus, tx->writer.lane, SHMBUS_LANE_WRITE) == 0;
}

/* False: the lane has no room. n: at most SHMBUS_RECORD_FRAMES. */
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
	/* The header lies in what must not be overwritten yet, too. */
	return shmbus_writer_room(bus, &tx->writer, data_off);
}

/*
 * Where a frame goes that takes extent bytes, whole lines. NULL: the lane is
 * full (rec->full), or the record is long enough.
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
	SHMBUS_STEP(writer_copy);
	return rec->at + rec->len;
}

/* A frame of len bytes was put where shmbus_record_add said. */
static inline void
shmbus_record_added(struct shmbus_record *rec, uint32_t len)
{
	shmbus_step_store(writer_copy, &shmbus_burst_desc(rec->at)[rec->count++], len);
	rec->len += (uint32_t)SHMBUS_ALIGN(len);
	rec->bytes += len;
}

/* The same with a request, for which shmbus_request_extent(len) was asked. */
static inline void
shmbus_record_added_request(struct shmbus_record *rec, uint32_t len,
			    const struct shmbus_request *req)
{
	rec->len += shmbus_request_extent(len);
	shmbus_request_store(rec->at + rec->len, req);
	shmbus_step_store(writer_copy, &shmbus_burst_desc(rec->at)[rec->count++],
			  len | SHMBUS_DESC_REQUEST);
	rec->bytes += len;
}

/* Publish the record, if there are frames in it. */
static inline void
shmbus_record_publish(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx,
		      const struct shmbus_record *rec, uint64_t tstamp_ns)
{
	if (rec->count != 0)
		shmbus_writer_publish(bus, &tx->writer, rec->at, rec->count, rec->data_off, rec->len,
				      rec->bytes, tstamp_ns);
}

/* After the last record of a burst. */
static inline void
shmbus_lanes_tx_sent(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx)
{
	shmbus_waker_published(bus, &tx->waker);
}

#endif /* SHMBUS_LANES_TX_H */
