/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_WRITER_H
#define SHMBUS_SHMIF_WRITER_H

/*
 * The writing end of a port on a shmif bus; for one thread at a time.
 *
 * Theory of operation
 *
 *   shmbus_shmif_begin()           an empty burst
 *   shmbus_shmif_add() x n         a record; returns the place of its frame
 *   shmbus_shmif_send()            lock, copy the burst into the ring, unlock
 *
 * The writer prepares the burst in its own memory. It holds the lock for one
 * copy only, which cannot fault.
 */

#include <string.h>

#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_ring.h"

/* Bytes of a burst: 39 of the longest frames, 728 of 64 bytes. */
#define SHMBUS_SHMIF_BURST 60000u

struct shmbus_shmif_writer {
	uint8_t *bytes; /* SHMBUS_SHMIF_BURST bytes, the caller's */
	uint32_t len;
	uint32_t last;  /* start of the newest record */
	uint32_t sec;   /* the time in its records */
	uint32_t usec;
	struct shmbus_shmif_lock_wait lock_wait;
	shmbus_a64 corrupt; /* times that the ring was corrupt */
};

/* Begins a burst. uptime_ns: the time in its records, since this machine came up. */
static inline void
shmbus_shmif_begin(struct shmbus_shmif_writer *w, uint64_t uptime_ns)
{
	w->len = 0;
	w->last = 0;
	w->sec = (uint32_t)(uptime_ns / 1000000000);
	w->usec = (uint32_t)(uptime_ns % 1000000000 / 1000);
}

/*
 * Returns the place of the next frame, of 1 to SHMBUS_SHMIF_FRAME_MAX bytes.
 * NULL: the burst is full.
 */
static inline uint8_t *
shmbus_shmif_add(struct shmbus_shmif_writer *w, uint64_t sender, uint32_t len)
{
	const struct shmbus_shmif_record record = {
		.len = len,
		.sec = w->sec,
		.usec = w->usec,
		.sender = sender,
	};
	uint8_t *at = w->bytes + w->len;

	if (SHMBUS_SHMIF_BURST - w->len < sizeof(record) + len)
		return NULL;
	memcpy(at, &record, sizeof(record));
	w->last = w->len;
	w->len += (uint32_t)sizeof(record) + len;
	return at + sizeof(record);
}

/*
 * Sends the burst. -EBUSY: the lock was not available in a bounded time;
 * -EILSEQ: the bus is corrupt. After an error nothing is sent. The caller
 * wakes other ports afterwards (shmbus_shmif_wake).
 */
int shmbus_shmif_send(const struct shmbus_shmif *bus, struct shmbus_shmif_writer *w);

#endif /* SHMBUS_SHMIF_WRITER_H */
