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

/* What the header says, in positions. */
struct shmbus_shmif_state {
	uint64_t first; /* oldest record */
	uint64_t last;  /* start of the newest */
	uint64_t end;   /* of the newest */
};

/* Read the header. -EILSEQ if it makes no sense. The lock is held. */
int shmbus_shmif_load(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s);

/*
 * Copy len bytes at a position out of the ring or into it. len is at most
 * SHMBUS_SHMIF_DATA.
 */
void shmbus_shmif_get(const struct shmbus_shmif *bus, uint64_t pos, void *dst, uint32_t len);
void shmbus_shmif_put(const struct shmbus_shmif *bus, uint64_t pos, const void *src, uint32_t len);

/*
 * Make room for a record of a frame of len bytes behind s->end, and tell where
 * the frame goes. Write the frame there (shmbus_shmif_put, in pieces if need
 * be), then call shmbus_shmif_add. -EILSEQ: the records do not chain.
 */
int shmbus_shmif_reserve(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s,
			 uint32_t len, uint64_t *frame);
/* Write the record's header and take it into s. Nobody sees it yet. */
void shmbus_shmif_add(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s, uint32_t len,
		      uint64_t uptime_ns);
/* Let everybody see what was added since the state was loaded. */
void shmbus_shmif_publish(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s);

/* What stands before a frame. */
struct shmbus_shmif_frame {
	uint64_t pos; /* of the frame's first byte */
	uint32_t len;
	uint64_t sender;
	uint64_t uptime_ns;
};

/*
 * The record at *pos, which lies below s->end; *pos moves behind it.
 * -EILSEQ: it makes no sense.
 */
int shmbus_shmif_next(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s,
		      uint64_t *pos, struct shmbus_shmif_frame *frame);

#endif /* SHMBUS_SHMIF_RING_H */
