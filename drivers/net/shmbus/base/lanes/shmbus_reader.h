/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_READER_H
#define SHMBUS_READER_H

/*
 * A reading end of a lane: one Rx queue, or a monitor.
 *
 * Theory of operation
 *
 *   n = shmbus_reader_peek()       frames left in the record at pos
 *   shmbus_reader_walk()           begin where the last commit ended
 *   shmbus_reader_next() x k       where each frame lies; the caller copies it
 *   shmbus_reader_commit()         were they still whole? then they count
 *
 * Nothing that was copied may be used before commit has said so: the writer
 * may have overwritten it meanwhile. Every word of a record is read once,
 * checked against the record's own length, and the record's length against
 * what the lane has published; so nothing outside the lane's (double)
 * mapping is ever read, whatever the file says.
 *
 * What is lost is known from the sequence numbers, exactly: each record says
 * which number its first frame has. So a loss is counted when the next whole
 * record is committed, or when the reader goes to the end of the lane.
 *
 * Edges (the partner of each is in shmbus_writer.h):
 *   T2  tail, acquire
 *   H2  an acquire fence after copying, then head
 *   C1  cursor, release  the copies are done
 *   A1  an active cursor, then a full fence, then tail
 *   S2  a stamp's pos and seq, then an acquire fence, then its pos once more
 */

#include "shmbus_bus.h"
#include "shmbus_request.h"
#include "shmbus_step.h"

struct shmbus_reader {
	uint64_t pos;  /* of the record that is being read */
	uint64_t tail; /* as last seen; records up to here have been published */
	uint64_t seq;  /* of the next frame, if none is lost */
	/* The record at pos, if left is not 0: */
	uint32_t left; /* frames not read yet */
	uint32_t next; /* index of the first of them */
	uint32_t off;  /* where it begins, from pos */
	uint32_t len;  /* of the record */
	uint64_t rec_seq;
	uint64_t tstamp_ns;
	/* Counts, from the start of the reader: */
	uint64_t frames;
	uint64_t bytes;
	shmbus_a64 missed;   /* frames overwritten before they were read */
	shmbus_a64 overruns; /* times that happened */
	shmbus_a64 corrupt;  /* records, or what claims to be one, that make no sense */
	uint32_t lane;
	bool seq_unknown; /* nothing can be missed until the first record is read */
	/* A frame that is read in several parts, and how much of it has been. */
	uint32_t part_done;
	uint64_t part_seq;
};

/* Where a reader is within a record while frames are being copied. */
struct shmbus_walk {
	uint8_t *record;
	uint32_t next;
	uint32_t off;
	uint32_t bytes;
};

/* A jump of the sequence numbers beyond this is no loss but a lie. */
#define SHMBUS_MISSED_MAX (UINT64_C(1) << 40)

/* Begin at the lane's tail: what is published from now on will be read. Not mapped yet. */
void shmbus_reader_start(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t lane);

/*
 * Begin at the oldest record that the lane holds, or at the tail if it holds
 * none. What was lost before is not counted.
 */
void shmbus_reader_start_oldest(const struct shmbus_bus *bus, struct shmbus_reader *r,
				uint32_t lane);

/* How many frames the lane holds, about, where it is being written. It is mapped. */
uint64_t shmbus_reader_held(const struct shmbus_bus *bus, uint32_t lane);

/*
 * The record at pos is not what it should be: it was overwritten, or it never
 * was one. Go to a mark with room to spare, or to the tail. True if there is
 * something to read there.
 */
bool shmbus_reader_resync(const struct shmbus_bus *bus, struct shmbus_reader *r);

/* Take in the header of the record at pos. False if it makes no sense. */
static inline bool
shmbus_reader_open(const struct shmbus_bus *bus, struct shmbus_reader *r)
{
	const uint64_t size = bus->geo.lane_size;
	const uint64_t avail = r->tail - r->pos;
	struct shmbus_burst *burst;
	uint32_t len, count, data_off;
	uint64_t shape;

	if (avail > size || avail % SHMBUS_LINE != 0)
		return false;
	burst = (struct shmbus_burst *)(void *)
		(shmbus_bus_lane_data(bus, r->lane) + (r->pos & (size - 1)));
	shape = shmbus_load(&burst->shape);
	len = (uint32_t)shape;
	count = (uint16_t)(shape >> 32);
	data_off = (uint16_t)(shape >> 48);
	r->rec_seq = shmbus_load(&burst->seq);
	r->tstamp_ns = shmbus_load(&burst->tstamp_ns);
	if (shmbus_load(&burst->pos) != r->pos || len > avail || len > SHMBUS_RECORD_MAX ||
	    len % SHMBUS_LINE != 0 || data_off >= len || data_off % SHMBUS_LINE != 0 ||
	    count == 0 || count > SHMBUS_BURST_FRAMES_MAX ||
	    sizeof(*burst) + count * sizeof(uint32_t) > data_off)
		return false;
	r->len = len;
	r->left = count;
	r->next = 0;
	r->off = data_off;
	return true;
}

/* Frames that can be read at once; 0 if there are none. Maps nothing: the lane is mapped. */
static inline uint32_t
shmbus_reader_peek(const struct shmbus_bus *bus, struct shmbus_reader *r)
{
	if (r->left != 0)
		return r->left;
	if (r->pos == r->tail) {
		/* T2 (reader_look_at_tail): with T1 in the writer */
		SHMBUS_STEP(reader_look_at_tail);
		r->tail = shmbus_load_acquire(&shmbus_bus_lane(bus, r->lane)->tail);
		if (r->pos == r->tail)
			return 0;
	}
	if (!shmbus_reader_open(bus, r) && !shmbus_reader_resync(bus, r))
		return 0;
	return r->left;
}

static inline void
shmbus_reader_walk(const struct shmbus_bus *bus, const struct shmbus_reader *r,
		   struct shmbus_walk *walk)
{
	walk->record = shmbus_bus_lane_data(bus, r->lane) + (r->pos & (bus->geo.lane_size - 1));
	walk->next = r->next;
	walk->off = r->off;
	walk->bytes = 0;
}

/*
 * Length of the next frame, and where it lies; padded to whole lines there.
 * Call at most r->left times. 0: it is no plain frame; shmbus_reader_next_any()
 * tells whether it is one with a request, or the record makes no sense.
 */
static inline uint32_t
shmbus_reader_next(const struct shmbus_reader *r, struct shmbus_walk *walk, const uint8_t **frame)
{
	shmbus_a32 *desc = (shmbus_a32 *)(void *)(walk->record + sizeof(struct shmbus_burst));
	const uint32_t word = shmbus_load(&desc[walk->next]);

	/* A flag makes the length too large too: no record is as long (SHMBUS_RECORD_MAX). */
	if (word == 0 || word > r->len - walk->off)
		return 0;
	*frame = walk->record + walk->off;
	walk->next++;
	walk->off += (uint32_t)SHMBUS_ALIGN(word);
	walk->bytes += word;
	return word;
}

/* The same for every frame; req->flags 0: without a request. 0: the record makes no sense. */
static inline uint32_t
shmbus_reader_next_any(const struct shmbus_reader *r, struct shmbus_walk *walk,
		       const uint8_t **frame, struct shmbus_request *req)
{
	shmbus_a32 *desc = (shmbus_a32 *)(void *)(walk->record + sizeof(struct shmbus_burst));
	const uint32_t word = shmbus_load(&desc[walk->next]);
	const uint32_t len = word & SHMBUS_DESC_LEN;
	const bool request = word & SHMBUS_DESC_REQUEST;
	uint32_t extent = (uint32_t)SHMBUS_ALIGN(len);

	if (request)
		extent = shmbus_request_extent(len);
	if (len == 0 || (word & SHMBUS_DESC_FLAGS & ~SHMBUS_DESC_REQUEST) != 0 ||
	    extent > r->len - walk->off)
		return 0;
	req->flags = 0;
	if (request) {
		shmbus_request_load(walk->record + walk->off + extent, req);
		if (!shmbus_request_valid(req, len))
			return 0;
	}
	*frame = walk->record + walk->off;
	walk->next++;
	walk->off += extent;
	walk->bytes += len;
	return len;
}

/* Let go of the record at pos, read or not, and go to the one behind it. */
static inline void
shmbus_reader_skip(struct shmbus_reader *r)
{
	r->pos += r->len;
	r->left = 0;
}

/* See shmbus_reader_commit: the sequence numbers do not continue. */
void shmbus_reader_gap(struct shmbus_reader *r);

/*
 * Were the frames of this walk whole while they were copied? If so they are
 * read, and what was lost before them is counted. If not, none of them may be
 * used; they will be counted as missed.
 */
static inline bool
shmbus_reader_commit(const struct shmbus_bus *bus, struct shmbus_reader *r,
		     const struct shmbus_walk *walk)
{
	const uint32_t n = walk->next - r->next;
	uint64_t head;

	/* H2 (reader_validate): with H1 in the writer */
	SHMBUS_STEP(reader_validate);
	shmbus_fence_acquire();
	head = shmbus_load(&shmbus_bus_lane(bus, r->lane)->head);
	if ((int64_t)(head - r->pos) > 0) {
		shmbus_reader_resync(bus, r);
		return false;
	}
	if (r->seq != r->rec_seq + r->next)
		shmbus_reader_gap(r);
	r->seq += n;
	r->frames += n;
	r->bytes += walk->bytes;
	r->left -= n;
	r->next = walk->next;
	r->off = walk->off;
	if (r->left == 0)
		r->pos += r->len;
	return true;
}

/* The record makes no sense after what was committed: give up its rest. */
void shmbus_reader_give_up(struct shmbus_reader *r);

/* Tell the writer how far this reader has come, and people how much it got. */
static inline void
shmbus_reader_publish(const struct shmbus_reader *r, struct shmbus_cursor *cursor)
{
	shmbus_step_store(reader_store_counts, &cursor->frames, r->frames);
	shmbus_step_store(reader_store_counts, &cursor->bytes, r->bytes);
	shmbus_step_store(reader_store_counts, &cursor->missed, shmbus_counted(&r->missed));
	/* C1 (reader_publish_cursor): with C2 in the writer */
	shmbus_step_store_release(reader_publish_cursor, &cursor->pos, r->pos);
}

/*
 * How many frames have been published and not read, those among them that are
 * overwritten already. At least 1 if there is anything. Changes nothing, so
 * it may be asked for while another thread reads.
 */
uint64_t shmbus_reader_waiting(const struct shmbus_bus *bus, const struct shmbus_reader *r);

/*
 * Activate or deactivate a cursor. Activating moves the reader to the lane's
 * tail once more, so that nothing can slip through between the two.
 */
void shmbus_reader_hold(const struct shmbus_bus *bus, struct shmbus_reader *r,
			struct shmbus_cursor *cursor);
void shmbus_reader_release(struct shmbus_cursor *cursor);

#endif /* SHMBUS_READER_H */
