/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_TSTAMP_H
#define SHMBUS_TSTAMP_H

/*
 * The clock for timestamps of frames: CLOCK_REALTIME, from the processor's
 * counter.
 *
 * Theory of operation
 *
 * Each burst has a timestamp, and reading a clock of the system takes twice the
 * time of reading the counter. So the clock is read about once a millisecond,
 * and the counter gives the time in between:
 *
 *   base_ns, base_ticks   the last reading of both
 *   scale                 nanoseconds per tick, as between the last two readings
 *                         by the monotonic clock, which nobody sets
 *
 * The scale is used only after two intervals in a row have agreed on it. So a
 * machine that slept, or moved to another host, has the clock of the system
 * until then. So has a processor whose counter may stop or change its speed.
 *
 * The error is below a microsecond. Times of one clock never go back, except
 * if the clock of the system is set back by more than SHMBUS_TSTAMP_HOLD_NS.
 * A clock that is set is followed within SHMBUS_TSTAMP_SPAN_NS.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus_clock.h"

/* Interval of the readings of the system's clock. */
#define SHMBUS_TSTAMP_SPAN_NS (1000 * 1000)

/* Times stand still while the clock of the system is behind them by less than this. */
#define SHMBUS_TSTAMP_HOLD_NS (1000 * 1000)

enum shmbus_tstamp_source {
	SHMBUS_TSTAMP_UNKNOWN = 0,
	SHMBUS_TSTAMP_COUNTER,
	SHMBUS_TSTAMP_SYSTEM, /* the counter may stop or change its speed */
};

/* One thread at a time uses a clock. All zeros: it begins with the first call. */
struct shmbus_tstamp {
	uint64_t span; /* ticks for which base and scale hold; 0: no longer */
	uint64_t base_ticks;
	uint64_t base_ns;
	uint64_t scale; /* nanoseconds per tick << SHMBUS_TSTAMP_SHIFT */
	uint64_t last_ns;
	enum shmbus_tstamp_source source;
	/* The last reading: */
	uint64_t read_ticks;
	uint64_t read_mono_ns; /* 0: none yet */
	uint64_t read_scale;   /* of the interval that it ended; 0: unknown */
};
#define SHMBUS_TSTAMP_SHIFT 32

/* Reads the clock of the system, and returns the time. */
uint64_t shmbus_tstamp_read(struct shmbus_tstamp *t);

/* Returns the time in ns. */
static inline uint64_t
shmbus_tstamp_ns(struct shmbus_tstamp *t)
{
	const uint64_t ticks = shmbus_ticks() - t->base_ticks;
	uint64_t ns;

	if (ticks >= t->span)
		return shmbus_tstamp_read(t);
	ns = t->base_ns + (ticks * t->scale >> SHMBUS_TSTAMP_SHIFT);
	if ((int64_t)(ns - t->last_ns) < 0)
		ns = t->last_ns;
	t->last_ns = ns;
	return ns;
}

#endif /* SHMBUS_TSTAMP_H */
