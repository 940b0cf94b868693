/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_RING_H
#define SHMBUS_SHMIF_RING_H

/*
 * The ring of a shmif bus, for the holder of its lock.
 *
 * Theory of operation
 *
 * A position is a count of bytes since the bus began: gen * DATA + offset,
 * where gen counts the wraps as the format does. The header holds the start of
 * the newest record and the generation of its end. These and first give the
 * positions of both ends of the ring. All computation uses a checked copy of
 * the header: a peer may have damaged the header.
 *
 * A burst is appended behind the newest record. first moves record by record
 * before anything is overwritten, so all records from first to last are whole
 * at every instant. last and gen change once, at the end of the burst
 * (shmbus_shmif_publish).
 */

#include "shmbus_shmif_bus.h"

/* The header as positions, and as it is in the file. */
struct shmbus_shmif_state {
	uint64_t first; /* oldest record */
	uint64_t last;  /* start of the newest */
	uint64_t end;   /* of the newest */
	uint64_t header_gen;
	uint32_t header_last;
};

/* The positions of a later generation would not fit into 64 bits; no bus reaches it. */
#define SHMBUS_SHMIF_GEN_MAX (UINT64_MAX / SHMBUS_SHMIF_DATA - 4)

/* The words of the header that describe the ring. */
struct shmbus_shmif_words {
	uint64_t gen;
	uint32_t last;
	uint32_t first;
};

/* Reads these words, gen first: shmbus_shmif_monitor.c relies upon this order. */
static inline struct shmbus_shmif_words
shmbus_shmif_words(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	struct shmbus_shmif_words w;

	w.gen = shmbus_load_acquire(&h->gen);
	w.last = shmbus_load_acquire(&h->last);
	w.first = shmbus_load(&h->first);
	return w;
}

static inline bool
shmbus_shmif_same_words(const struct shmbus_shmif_words *a, const struct shmbus_shmif_words *b)
{
	return a->gen == b->gen && a->last == b->last && a->first == b->first;
}

/*
 * Returns whether first is last in a ring that is not new, which a NetBSD
 * kernel does not accept. Only a new ring has one record; there first is DATA,
 * another name of 0, until a record reaches the end of the data.
 */
static inline bool
shmbus_shmif_first_is_last(const struct shmbus_shmif_words *w)
{
	return w->first % SHMBUS_SHMIF_DATA == w->last % SHMBUS_SHMIF_DATA &&
	       (w->first != SHMBUS_SHMIF_DATA || w->last != 0);
}

/* Computes the state from words of the header. Errors as shmbus_shmif_load(). */
int shmbus_shmif_work_out(const struct shmbus_shmif *bus, const struct shmbus_shmif_words *w,
			  struct shmbus_shmif_state *s);

/*
 * Reads the header and computes the state. Returns -EILSEQ if the header is
 * corrupt; then only header_gen and header_last are set. With the lock held
 * all words are of one moment.
 */
int shmbus_shmif_load(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s);

/* Copies len bytes at a position out of the ring; at most SHMBUS_SHMIF_DATA. */
void shmbus_shmif_get(const struct shmbus_shmif *bus, uint64_t pos, void *dst, uint32_t len);
/* Copies len bytes into the ring. */
void shmbus_shmif_put(const struct shmbus_shmif *bus, uint64_t pos, const void *src, uint32_t len);

/*
 * Appends len bytes of whole records to the ring, and updates s. last: offset
 * of the newest of these records in records. Readers do not see them before
 * shmbus_shmif_publish(). The oldest records leave the ring to make room.
 * Returns -EILSEQ if these records are corrupt; then all records but the
 * newest have left the ring.
 */
int shmbus_shmif_append(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s,
			const void *records, uint32_t len, uint32_t last);

/* Publishes all records that were appended since the state was loaded. */
void shmbus_shmif_publish(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s);

#endif /* SHMBUS_SHMIF_RING_H */
