/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_RING_H
#define SHMBUS_SHMIF_RING_H

/*
 * The ring of a shmif bus, for whoever holds its lock.
 *
 * Theory of operation
 *
 * A position is a count of bytes since the bus began: gen * DATA + offset, if
 * gen counts the wraps as the format does. The header gives the newest
 * record's start and the generation of its end; from these, and first, the
 * positions of the ring's two ends follow. Everything is worked out from a
 * copy of the header, checked: a peer may have damaged it.
 *
 * A burst is appended behind the newest record. first moves record by record
 * before anything is overwritten, so at every instant first to last is whole;
 * last and gen change once, at the end of the burst (shmbus_shmif_publish).
 */

#include "shmbus_shmif_bus.h"

/* What the header says, in positions, and as it stands there. */
struct shmbus_shmif_state {
	uint64_t first; /* oldest record */
	uint64_t last;  /* start of the newest */
	uint64_t end;   /* of the newest */
	uint64_t header_gen;
	uint32_t header_last;
};

/* Positions beyond would not fit; no bus ever comes there. */
#define SHMBUS_SHMIF_GEN_MAX (UINT64_MAX / SHMBUS_SHMIF_DATA - 4)

/* Where the ring is, as the header has it. */
struct shmbus_shmif_words {
	uint64_t gen;
	uint32_t last;
	uint32_t first;
};

/* gen first: shmbus_shmif_monitor.c relies upon it. */
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

/*
 * True if first is last where it must not be, in a ring that is not new: a
 * NetBSD kernel takes it for none. Only a new ring has one record, and first
 * is DATA, the other name of 0, until a record reaches the end of the data.
 */
static inline bool
shmbus_shmif_first_is_last(const struct shmbus_shmif_words *w)
{
	return w->first % SHMBUS_SHMIF_DATA == w->last % SHMBUS_SHMIF_DATA &&
	       (w->first != SHMBUS_SHMIF_DATA || w->last != 0);
}

/* What the words mean. As shmbus_shmif_load, which reads them too. */
int shmbus_shmif_work_out(const struct shmbus_shmif *bus, const struct shmbus_shmif_words *w,
			  struct shmbus_shmif_state *s);

/*
 * Read the header. -EILSEQ if it makes no sense; then only header_gen and
 * header_last are set. With the lock held all of it is of one moment.
 */
int shmbus_shmif_load(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s);

/* Copy len bytes at a position out of the ring; at most SHMBUS_SHMIF_DATA. */
void shmbus_shmif_get(const struct shmbus_shmif *bus, uint64_t pos, void *dst, uint32_t len);
/* The same into the ring. */
void shmbus_shmif_put(const struct shmbus_shmif *bus, uint64_t pos, const void *src, uint32_t len);

/*
 * Copy len bytes of whole records, the newest of which begins at last, to the
 * end of the ring, and take them into s. Nobody sees them yet. Records that
 * must go to make room go; -EILSEQ: they do not chain, so all of them but the
 * newest went.
 */
int shmbus_shmif_append(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s,
			const void *records, uint32_t len, uint32_t last);

/* Let everybody see what was appended since the state was loaded. */
void shmbus_shmif_publish(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s);

#endif /* SHMBUS_SHMIF_RING_H */
