/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_READER_H
#define SHMBUS_SHMIF_READER_H

/*
 * The reading end of a port on a shmif bus; one thread at a time.
 *
 * Theory of operation
 *
 *   shmbus_shmif_pending()         is there anything? takes no lock
 *   shmbus_shmif_fetch()           lock, copy what is new, unlock, check it
 *   shmbus_shmif_next() x n        the frames of the copy
 *
 * The ring is read in pieces of up to SHMBUS_SHMIF_PIECE bytes into memory of
 * the reader's own. So the lock is taken once for many frames, nothing is done
 * under it but one copy, which cannot fault, and what is checked afterwards
 * nobody can change any more.
 *
 * A port that may write takes the lock to read: once for many frames, it costs
 * little, and a piece is had at the first try. How to do without is in
 * shmbus_shmif_monitor.h.
 */

#include <string.h>

#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_ring.h"

/* As long as a writer's longest burst: who reads less at a time falls behind and is lapped. */
#define SHMBUS_SHMIF_PIECE 65536u

struct shmbus_shmif_reader {
	uint8_t *bytes; /* SHMBUS_SHMIF_PIECE of them, the caller's */
	uint32_t off;   /* of the next record in them */
	uint32_t len;   /* of whole records in them */
	uint32_t record; /* bytes of their headers */
	uint64_t pos;   /* of the first record that was not fetched; 0: not known yet */
	uint64_t gen;   /* of the header as last seen */
	uint32_t last;  /* so */
	bool more;      /* there was more than fetched */
	struct shmbus_shmif_lock_wait lock_wait;
	/* Counts: */
	uint64_t fetched;       /* records */
	uint64_t fetched_bytes; /* in the ring */
	shmbus_a64 missed;        /* records overwritten before they were read: an estimate */
	uint64_t missed_bytes;  /* in the ring: exact */
	shmbus_a64 overruns;      /* times that happened */
	shmbus_a64 corrupt;       /* times that the bus made no sense */
};

struct shmbus_shmif_frame {
	const uint8_t *data;
	uint32_t len; /* 0 to SHMBUS_SHMIF_FRAME_MAX */
	uint64_t sender; /* 0: version 2 does not tell */
	uint64_t uptime_ns; /* of the sender's clock, when it sent */
};

/*
 * Begin behind the newest record; if the lock is stuck, with the newest one,
 * as NetBSD does. Sleeps for up to wait_ms; 0: not at all. Keeps the counts.
 */
void shmbus_shmif_reader_start(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
			       unsigned int wait_ms);

/* A wait_ms for control paths. */
#define SHMBUS_SHMIF_START_MS 100u

/* Begin at a position that another reader was started at. */
static inline void
shmbus_shmif_reader_go(struct shmbus_shmif_reader *r, uint64_t pos)
{
	r->off = 0;
	r->len = 0;
	r->pos = pos;
	r->more = true; /* perhaps */
}

/* Has the bus changed since the last fetch, or is there more? */
static inline bool
shmbus_shmif_pending(const struct shmbus_shmif *bus, const struct shmbus_shmif_reader *r)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	return r->more || shmbus_load(&h->last) != r->last || shmbus_load(&h->gen) != r->gen;
}

/*
 * Get what is new, when all that was got before has been used. 0; -EBUSY: the
 * lock was not to be had in a bounded time; -EILSEQ: the bus is damaged, and
 * nothing new was got, or not all of it.
 */
int shmbus_shmif_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r);

/* What a fetch has copied, not checked yet. */
struct shmbus_shmif_piece {
	uint64_t pos;
	uint32_t len;
	uint32_t record; /* bytes of a record's header */
	bool all;      /* up to the end of the ring */
	bool overrun;  /* it does not begin where the reader was */
	uint64_t lost; /* bytes that are no longer there */
};

/* For what fetches: copy what comes next out of the ring, which is in this state. */
void shmbus_shmif_reader_copy(const struct shmbus_shmif *bus, const struct shmbus_shmif_reader *r,
			      const struct shmbus_shmif_state *s, struct shmbus_shmif_piece *piece);
/* The copy is as it was in the ring: check it, and take it in. 0 or -EILSEQ. */
int shmbus_shmif_reader_accept(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s,
			       const struct shmbus_shmif_piece *piece);
/* Or there is nothing to copy, as the ring makes no sense. */
void shmbus_shmif_reader_refuse(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s);

static inline bool
shmbus_shmif_has_next(const struct shmbus_shmif_reader *r)
{
	return r->off != r->len;
}

/* How many records of what was fetched are left. Changes nothing. */
uint32_t shmbus_shmif_reader_fetched(const struct shmbus_shmif_reader *r);

/* The next frame of what was fetched; there is one. Valid until the next fetch. */
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
