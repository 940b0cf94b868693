/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_READER_H
#define SHMBUS_SHMIF_READER_H

/*
 * The reading end of a port on a shmif bus; for one thread at a time.
 *
 * Theory of operation
 *
 *   shmbus_shmif_pending()         tells whether there is anything; no lock
 *   shmbus_shmif_fetch()           lock, copy new records, unlock, check them
 *   shmbus_shmif_next() x n        frames of the copy
 *
 * The reader copies the ring in pieces of up to SHMBUS_SHMIF_PIECE bytes into
 * its own memory. It takes the lock once for many frames and holds it for one
 * copy only, which cannot fault. No other process can change the bytes that
 * the reader checks afterwards.
 *
 * A port that may write takes the lock to read: once for many frames this
 * costs little, and the first attempt gets a piece. shmbus_shmif_monitor.h
 * reads without the lock.
 */

#include <string.h>

#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_ring.h"

/* As long as a writer's longest burst: a reader with smaller pieces falls behind and is lapped. */
#define SHMBUS_SHMIF_PIECE 65536u

struct shmbus_shmif_reader {
	uint8_t *bytes; /* SHMBUS_SHMIF_PIECE bytes, the caller's */
	uint32_t off;   /* of the next record in bytes */
	uint32_t len;   /* of the whole records in bytes */
	uint32_t record; /* bytes of a record's header */
	uint64_t pos;   /* of the first record that is not fetched; 0: not known yet */
	uint64_t gen;   /* gen of the header, as last seen */
	uint32_t last;  /* last of the header, as last seen */
	bool more;      /* there is more than this piece */
	struct shmbus_shmif_lock_wait lock_wait;
	/* Counters: */
	uint64_t fetched;       /* records */
	uint64_t fetched_bytes; /* in the ring */
	shmbus_a64 missed;        /* records overwritten before they were read: an estimate */
	uint64_t missed_bytes;  /* in the ring: exact */
	shmbus_a64 overruns;      /* times that the ring overtook the reader */
	shmbus_a64 corrupt;       /* times that the bus was corrupt */
};

struct shmbus_shmif_frame {
	const uint8_t *data;
	uint32_t len; /* 0 to SHMBUS_SHMIF_FRAME_MAX */
	uint64_t sender; /* 0: not in version 2 */
	uint64_t uptime_ns; /* uptime of the sender at the time of sending */
};

/*
 * Begins behind the newest record; if the lock is stuck, with the newest
 * record, as NetBSD does. Sleeps for up to wait_ms; 0: not at all. Keeps the
 * counters.
 */
void shmbus_shmif_reader_start(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
			       unsigned int wait_ms);

/* wait_ms of control paths. */
#define SHMBUS_SHMIF_START_MS 100u

/* Begins at a position at which another reader has begun. */
static inline void
shmbus_shmif_reader_go(struct shmbus_shmif_reader *r, uint64_t pos)
{
	r->off = 0;
	r->len = 0;
	r->pos = pos;
	r->more = true; /* perhaps */
}

/* Returns whether the bus has changed since the last fetch, or that fetch left some of it. */
static inline bool
shmbus_shmif_pending(const struct shmbus_shmif *bus, const struct shmbus_shmif_reader *r)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	return r->more || shmbus_load(&h->last) != r->last || shmbus_load(&h->gen) != r->gen;
}

/*
 * Fetches the next piece; the last piece is used up. Returns 0; -EBUSY: the
 * lock was not available in a bounded time; -EILSEQ: the bus is corrupt, and
 * the piece is empty or ends before the damage.
 */
int shmbus_shmif_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r);

/* A copy that is not checked yet. */
struct shmbus_shmif_piece {
	uint64_t pos;
	uint32_t len;
	uint32_t record; /* bytes of a record's header */
	bool all;      /* it reaches the end of the ring */
	bool overrun;  /* it does not begin at the reader's position */
	uint64_t lost; /* bytes that were overwritten before */
};

/*
 * Copies the next piece out of a ring in state s. Only functions that fetch
 * call this function and the next two.
 */
void shmbus_shmif_reader_copy(const struct shmbus_shmif *bus, const struct shmbus_shmif_reader *r,
			      const struct shmbus_shmif_state *s, struct shmbus_shmif_piece *piece);
/* Checks a copy that is whole, and takes it in. Returns 0 or -EILSEQ. */
int shmbus_shmif_reader_accept(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s,
			       const struct shmbus_shmif_piece *piece);
/* Notes that the ring is corrupt and that there is no copy. */
void shmbus_shmif_reader_refuse(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s);

static inline bool
shmbus_shmif_has_next(const struct shmbus_shmif_reader *r)
{
	return r->off != r->len;
}

/* Returns the number of records left in the piece. Changes nothing. */
uint32_t shmbus_shmif_reader_fetched(const struct shmbus_shmif_reader *r);

/* Returns the next frame of the piece; there is one. Valid until the next fetch. */
static inline void
shmbus_shmif_next(struct shmbus_shmif_reader *r, struct shmbus_shmif_frame *frame)
{
	struct shmbus_shmif_record record;

	if (r->record == sizeof(record)) {
		memcpy(&record, r->bytes + r->off, sizeof(record));
	} else {
		memcpy(&record, r->bytes + r->off, SHMBUS_SHMIF_RECORD_OLD);
		record.sender = 0;
	}
	frame->data = r->bytes + r->off + r->record;
	frame->len = record.len;
	frame->sender = record.sender;
	frame->uptime_ns = (uint64_t)record.sec * 1000000000 + (uint64_t)record.usec * 1000;
	r->off += r->record + record.len;
}

#endif /* SHMBUS_SHMIF_READER_H */
