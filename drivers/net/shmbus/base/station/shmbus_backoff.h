/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_BACKOFF_H
#define SHMBUS_BACKOFF_H

/*
 * Poll back-off: a receiver leaves a lane or bus alone for a moment after it
 * has emptied it while the sender streams.
 *
 * Theory of operation
 *
 * A receiver that is faster than the sender loads the lane's tail again and
 * again. Each load takes the cache line away from the sender, which needs it
 * once for each burst. If the receiver pauses for a moment, the sender is up
 * to twice as fast, and the receiver then finds several bursts at once.
 *
 *   full polls in a row, then an empty one   back off?
 *   none                                     no
 *   one                                      one time in SHMBUS_BACKOFF_TRY: a
 *                                            request of just one burst looks the
 *                                            same
 *   two or more                              yes: the sender streams
 *
 * A poll is full if it returned all frames that the caller asked for, and the
 * caller asked for at least SHMBUS_BACKOFF_BURST frames. A caller that asks
 * for fewer frames never waits.
 *
 * With hugepages, where the sender is fastest, 64-byte frames between two
 * cores: 50 million a second without back-off, 52 at 2 us, 65 at 4 us, 73 at 8
 * us.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus_clock.h"

#define SHMBUS_BACKOFF_US 4
#define SHMBUS_BACKOFF_TRY 16
#define SHMBUS_BACKOFF_BURST 16

struct shmbus_backoff {
	uint64_t since_ticks; /* start of the back-off; 0: none */
	uint32_t span_ticks;  /* length of a back-off; 0: never back off */
	uint16_t full;        /* full polls in a row */
	uint16_t tries;
};

static inline void
shmbus_backoff_start(struct shmbus_backoff *b, uint32_t span_ticks)
{
	*b = (struct shmbus_backoff){ .span_ticks = span_ticks };
}

/* Returns whether the back-off still lasts. */
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

/* Returns whether another poll that finds nothing would change nothing. */
static inline bool
shmbus_backoff_is_idle(const struct shmbus_backoff *b)
{
	return b->since_ticks == 0 && b->full == 0;
}

/* Notes the result of a poll: got of the n frames that the caller asked for. */
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
