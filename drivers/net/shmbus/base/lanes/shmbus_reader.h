/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_READER_H
#define SHMBUS_READER_H

/*
 * The reading end of a lane: one Rx queue, or a monitor.
 *
 * Theory of operation
 *
 *   n = shmbus_reader_peek()       frames left in the record at pos
 *   shmbus_reader_walk()           begins at the end of the last commit
 *   shmbus_reader_next() x k       the place of each frame; the caller copies it
 *   shmbus_reader_commit()         validates the copies; only then they count
 *
 * The writer may overwrite a frame while the reader copies it, so the caller
 * uses no copy before commit has validated it. The reader reads every word of
 * a record once. It checks each word against the length of the record, and
 * this length against the published part of the lane. Therefore no read leaves
 * the lane's double mapping, whatever the file contains.
 *
 * Each record carries the sequence number of its first frame, so the number of
 * lost frames is exact. A loss is counted at the commit of the next whole
 * record, or when the reader goes to the end of the lane.
 *
 * Edges (the partner of each is in shmbus_writer.h):
 *   T2  tail, acquire
 *   H2  an acquire fence after copying, then head
 *   C1  cursor, release: the copies are done
 *   A1  an active cursor, then a full fence, then tail
 *   S2  a stamp's pos and seq, then an acquire fence, then its pos once more
 *   D2  tail, acquire, then a notice (shmbus_notice.h)
 */

#include "shmbus_bus.h"
#include "shmbus_request.h"
#include "shmbus_step.h"

/* The counts of a cursor, which its owners continue. */
struct shmbus_cursor_counts {
	uint64_t frames;
	uint64_t bytes;
	uint64_t missed;
	uint64_t skipped;
};

struct shmbus_reader {
	uint64_t pos;  /* of the current record */
	uint64_t tail; /* as last loaded; all records below are published */
	uint64_t seq;  /* of the next frame if no frame is lost */
	/* The record at pos, valid if left is not 0: */
	uint32_t left; /* frames not read yet */
	uint32_t next; /* index of the next frame */
	uint32_t off;  /* its offset from pos */
	uint32_t len;  /* of the record */
	uint64_t rec_seq;
	uint64_t tstamp_ns;
	struct shmbus_cursor_counts before; /* the cursor's counts when the reader took it */
	/* Counters since the start of the reader: */
	uint64_t frames;
	uint64_t bytes;
	shmbus_a64 skipped;       /* frames directed to other slots */
	shmbus_a64 skipped_alone; /* of these, frames below alone */
	/* See shmbus_room.h. The lane's word for room that needs no answer any more, and where the
	 * cursor was at the last answer, in whole chunks.
	 */
	uint64_t room_seen;
	uint64_t room_answered;
	uint64_t notice; /* on a switch: the lane's for the slot, as loaded before tail (shmbus_notice.h) */
	shmbus_a64 missed;   /* frames overwritten before they were read */
	shmbus_a64 missed_alone; /* of these, frames below alone */
	shmbus_a64 overruns; /* times that the writer overtook the reader */
	shmbus_a64 corrupt;  /* corrupt records */
	uint32_t lane;
	bool seq_unknown; /* no frame counts as missed before the first record is read */
	bool others;      /* all frames of the last commit were directed to other slots */
	/* Readers of several queues read this lane from this sequence number on; the frames
	 * below are this reader's alone (shmbus_lanes_rx_share).
	 */
	uint64_t alone;
	/* A frame that is read in several parts, and the bytes of it that are done. */
	uint32_t part_done;
	uint64_t part_seq;
};

/* The progress of a reader within a record, before the commit. */
struct shmbus_walk {
	uint8_t *record;
	uint32_t next;
	uint32_t off;
	uint32_t bytes;
	uint32_t skipped; /* frames directed to other slots, see shmbus_directed.h */
	bool directed;    /* frames of this bus may be directed */
};

/* A jump of the sequence numbers beyond this is not a loss but corruption. */
#define SHMBUS_MISSED_MAX (UINT64_C(1) << 40)

/*
 * Begins at the lane's tail: the reader gets all records that are published
 * from now on. The lane need not be mapped.
 */
void shmbus_reader_start(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t lane);

/*
 * Begins at the oldest record in the lane, or at the tail if there is none.
 * Earlier losses do not count.
 */
void shmbus_reader_start_oldest(const struct shmbus_bus *bus, struct shmbus_reader *r,
				uint32_t lane);

/*
 * Returns the number of frames in the lane; approximate while its owner
 * writes. The lane is mapped.
 */
uint64_t shmbus_reader_held(const struct shmbus_bus *bus, uint32_t lane);

/*
 * Recovers from a record at pos that is overwritten or corrupt: goes to a mark
 * with enough distance from head, or to the tail. Returns true if there is a
 * record to read.
 */
bool shmbus_reader_resync(const struct shmbus_bus *bus, struct shmbus_reader *r);

/* Reads the header of the record at pos. Returns false if the header is corrupt. */
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

/* Loads the tail. All records below it are published. */
static inline void
shmbus_reader_look(const struct shmbus_bus *bus, struct shmbus_reader *r)
{
	/* T2 (reader_look_at_tail): with T1 in the writer */
	SHMBUS_STEP(reader_look_at_tail);
	r->tail = shmbus_load_acquire(&shmbus_bus_lane(bus, r->lane)->tail);
}

/*
 * Returns whether shmbus_reader_peek() would find a record, or leave one that is
 * overwritten or corrupt. A tail at which no record can begin does not count:
 * the reader stays where it is until the writer stores another one.
 */
static inline bool
shmbus_reader_pending(const struct shmbus_bus *bus, const struct shmbus_reader *r)
{
	uint64_t tail;

	if (r->left != 0 || r->pos != r->tail)
		return true;
	tail = shmbus_load_acquire(&shmbus_bus_lane(bus, r->lane)->tail);
	return tail != r->pos && tail % SHMBUS_LINE == 0;
}

/* Most lines that a reader asks for at a new tail: those of a header and a frame of 1518 bytes. */
#define SHMBUS_READER_AHEAD (26 * SHMBUS_LINE)
/* The same in a lane whose frames are for other slots: a header, and descriptors of 40 frames. */
#define SHMBUS_READER_AHEAD_OTHERS (3 * SHMBUS_LINE)

/*
 * Asks for the first lines of the records below a new tail. Tail, header and
 * frame are three cache misses, each of which needs the one before; so the
 * last two come together.
 */
static inline void
shmbus_reader_ahead(const struct shmbus_bus *bus, const struct shmbus_reader *r)
{
	const uint8_t *record =
		shmbus_bus_lane_data(bus, r->lane) + (r->pos & (bus->geo.lane_size - 1));
	const uint64_t most = r->others ? SHMBUS_READER_AHEAD_OTHERS : SHMBUS_READER_AHEAD;
	uint64_t len = r->tail - r->pos;
	uint64_t off;

	if (len > most)
		len = most;
	for (off = 0; off < len; off += SHMBUS_LINE)
		shmbus_prefetch(record + off);
}

/*
 * Returns the number of frames that can be read at once; 0: none. Maps
 * nothing: the lane is mapped.
 */
static inline uint32_t
shmbus_reader_peek(const struct shmbus_bus *bus, struct shmbus_reader *r)
{
	if (r->left != 0)
		return r->left;
	if (r->pos == r->tail)
		shmbus_reader_look(bus, r);
	if (r->pos == r->tail)
		return 0;
	shmbus_reader_ahead(bus, r);
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
	walk->skipped = 0;
	walk->directed = shmbus_geometry_directed(&bus->geo);
}

/* Reads the descriptor of the next frame. */
static inline uint32_t
shmbus_walk_desc(const struct shmbus_walk *walk)
{
	return shmbus_load(&shmbus_burst_desc(walk->record)[walk->next]);
}

/*
 * Goes behind the next frame, whose descriptor the caller has read as word. Returns its length
 * and its place, or 0 if the frame is not plain, or does not fit the record.
 */
static inline uint32_t
shmbus_reader_take(const struct shmbus_reader *r, struct shmbus_walk *walk, uint32_t word,
		   const uint8_t **frame)
{
	/* A flag makes the length too large as well: no record is that long (SHMBUS_RECORD_MAX). */
	if (word < SHMBUS_FRAME_MIN || word > r->len - walk->off)
		return 0;
	*frame = walk->record + walk->off;
	walk->next++;
	walk->off += (uint32_t)SHMBUS_ALIGN(word);
	walk->bytes += word;
	return word;
}

/*
 * Returns the length of the next frame and its place; the frame is padded to
 * whole lines there. For at most r->left calls. Returns 0 if this is not a
 * plain frame: then shmbus_reader_next_any() finds a frame with a request, or
 * a corrupt record.
 */
static inline uint32_t
shmbus_reader_next(const struct shmbus_reader *r, struct shmbus_walk *walk, const uint8_t **frame)
{
	return shmbus_reader_take(r, walk, shmbus_walk_desc(walk), frame);
}

/*
 * Returns a descriptor as version 1 has it, without the receiving slot; 0 if it is invalid.
 * directed: it is of version 2.
 */
static inline uint32_t
shmbus_desc_plain(uint32_t word, bool directed)
{
	if (!directed)
		return word;
	if (word & SHMBUS_DESC_DIRECTED)
		return word & ~(SHMBUS_DESC_DIRECTED | SHMBUS_DESC_SLOT);
	return (word & SHMBUS_DESC_SLOT) == 0 ? word : 0;
}

/*
 * As shmbus_reader_next(), for every frame. req->flags is 0 for a frame
 * without a request. Returns 0 if the record is corrupt.
 */
static inline uint32_t
shmbus_reader_next_any(const struct shmbus_reader *r, struct shmbus_walk *walk,
		       const uint8_t **frame, struct shmbus_request *req)
{
	const uint32_t word = shmbus_desc_plain(shmbus_walk_desc(walk), walk->directed);
	const uint32_t len = word & SHMBUS_DESC_LEN;
	const bool request = word & SHMBUS_DESC_REQUEST;
	uint32_t extent = (uint32_t)SHMBUS_ALIGN(len);

	if (request)
		extent = shmbus_request_extent(len);
	if (len < SHMBUS_FRAME_MIN || (word & SHMBUS_DESC_FLAGS & ~SHMBUS_DESC_REQUEST) != 0 ||
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

/* Leaves the record at pos, read or not, and goes to the next record. */
static inline void
shmbus_reader_skip(struct shmbus_reader *r)
{
	r->pos += r->len;
	r->left = 0;
}

/* Counts the loss when the sequence numbers do not continue. shmbus_reader_commit() calls this. */
void shmbus_reader_gap(struct shmbus_reader *r);

/* Counts n frames that were stepped over; the first was seq. For shmbus_reader_commit(). */
void shmbus_reader_count_skipped(struct shmbus_reader *r, uint64_t seq, uint64_t n);

/*
 * On a switch: steps over all that is published if the lane's notice for the slot says that nothing of
 * it is for the slot. Returns whether it does. The lane need not be mapped.
 */
bool shmbus_reader_pass_lane(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t slot);

/*
 * Validates the frames of a walk. If the copies are whole, the frames count as
 * read, and losses before them are counted. If not, the caller must discard
 * the copies; the frames will be counted as missed.
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
	if (walk->skipped != 0)
		shmbus_reader_count_skipped(r, r->seq, walk->skipped);
	r->others = walk->skipped != 0 && walk->skipped == n;
	r->seq += n;
	r->frames += n - walk->skipped;
	r->bytes += walk->bytes;
	r->left -= n;
	r->next = walk->next;
	r->off = walk->off;
	if (r->left == 0)
		r->pos += r->len;
	return true;
}

/* Skips the rest of a record that is corrupt behind the last commit. */
void shmbus_reader_give_up(struct shmbus_reader *r);

/* Publishes the cursor for the writer, and the counters for people. */
static inline void
shmbus_reader_publish(const struct shmbus_reader *r, struct shmbus_cursor *cursor)
{
	shmbus_step_store(reader_store_counts, &cursor->frames, r->before.frames + r->frames);
	shmbus_step_store(reader_store_counts, &cursor->bytes, r->before.bytes + r->bytes);
	shmbus_step_store(reader_store_counts, &cursor->missed,
			  r->before.missed + shmbus_counted(&r->missed));
	/* C1 (reader_publish_cursor): with C2 in the writer */
	shmbus_step_store_release(reader_publish_cursor, &cursor->pos, r->pos);
}

/* Publishes the count of frames that were stepped over, on a bus of version 2. */
static inline void
shmbus_reader_publish_skipped(const struct shmbus_reader *r, struct shmbus_cursor *cursor)
{
	shmbus_step_store(reader_store_counts, &cursor->skipped,
			  r->before.skipped + shmbus_counted(&r->skipped));
}

/*
 * Returns the number of frames that are published and not read, including
 * frames that are overwritten already; at least 1 if there are any. Changes
 * nothing, so other threads may call it while the queue's thread reads.
 */
uint64_t shmbus_reader_waiting(const struct shmbus_bus *bus, const struct shmbus_reader *r);

/*
 * Activate and deactivate a cursor. Activation moves the reader to the lane's
 * tail once more, so that no frame is lost between the two. The reader continues
 * the cursor's counts, also those of an earlier owner of the slot.
 */
void shmbus_reader_hold(const struct shmbus_bus *bus, struct shmbus_reader *r,
			struct shmbus_cursor *cursor);
void shmbus_reader_release(struct shmbus_cursor *cursor);

#endif /* SHMBUS_READER_H */
