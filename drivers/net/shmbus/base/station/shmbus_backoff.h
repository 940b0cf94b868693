/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_BACKOFF_H
#define SHMBUS_BACKOFF_H

/*
 * Poll back-off: a lane, or a bus, that was emptied while its sender streams is
 * left alone for a moment.
 *
 * Theory of operation
 *
 * A receiver that is faster than the sender loads the lane's tail again and
 * again. Each load takes the cache line away from the sender, which needs it
 * once for each burst. Left alone for a moment, the sender is twice as fast and
 * the receiver finds several bursts at once.
 *
 *   full polls in a row, then an empty one   back off?
 *   none                                     no
 *   one                                      one time in SHMBUS_BACKOFF_TRY: a
 *                                            request of just one burst looks the
 *                                            same
 *   two or more                              yes: the sender streams
 *
 * A poll is full if it got all that was asked for, and that was a burst: a
 * caller that asks for fewer than SHMBUS_BACKOFF_BURST frames at a time never
 * waits.
 *
 * With hugepages, where the sender is fastest, 64-byte frames between two
 * cores: 50 million a second without, 52 at 2 us, 65 at 4 us, 73 at 8 us.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus_clock.h"

#define SHMBUS_BACKOFF_US 4
#define SHMBUS_BACKOFF_TRY 16
#define SHMBUS_BACKOFF_BURST 16

struct shmbus_backoff {
	uint64_t since_ticks; /* left alone since then; 0: is not */
	uint32_t span_ticks;  /* for so long; 0: never */
	uint16_t full;        /* polls since the last empty one, all of them full */
	uint16_t tries;
};

static inline void
shmbus_backoff_start(struct shmbus_backoff *b, uint32_t span_ticks)
{
	*b = (struct shmbus_backoff){ .span_ticks = span_ticks };
}

/* Is the lane to be left alone now? */
static inline bool
shmbus_backoff_waits(struct shmbus_backoff *b)
{
	if (b->since_ticks == 0)
		return false;
	if (!shmbus_ticks_passed(b->since_ticks, b->span_ticks))
		return true;
	b->since_ticks = 0;
	return false;
}

/* A poll got so many of the n frames that it asked for. */
static inline void
shmbus_backoff_note(struct shmbus_backoff *b, uint32_t got, uint32_t n)
{
	if (got == n && n >= SHMBUS_BACKOFF_BURST) {
		b->full++;
		return;
	}
	if (got == 0 && b->full != 0 && b->span_ticks != 0 &&
	    (b->full > 1 || ++b->tries % SHMBUS_BACKOFF_TRY == 0))
		b->since_ticks = shmbus_ticks();
	b->full = 0;
}

#endif /* SHMBUS_BACKOFF_H */
