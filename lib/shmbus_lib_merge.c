/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The order in which a monitor reads the lanes: by the time of sending.
 *
 * Theory of operation
 *
 * A monitor reads in rounds. A round begins with a look at the tails of all active
 * lanes. The records below these tails belong to the round, and the earliest of
 * them is always the next one. A record that is published later belongs to a later
 * round, whatever its time.
 *
 * A sender takes the time before it publishes, so the records of a later round are
 * later than those of this round: rounds keep the order of honest senders. The only
 * exception are records whose senders read the clock before the look at the tails and
 * publish after it.
 *
 * The time in a record is a statement of its sender. A sender that always states an
 * early time is first in each round. It cannot keep the monitor from the other lanes,
 * because a round has no more bytes of a lane than the lane holds.
 */

#include "shmbus_lib.h"

/* Returns whether the reader is at a record of the round. */
static bool
is_in_round(const struct shmbus_station *st, const struct shmbus_reader *r)
{
	return r->pos != r->tail && (int64_t)(st->lanes.round_end[r->lane] - r->pos) > 0;
}

static void
begin_round(struct shmbus_station *st)
{
	const struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_rx *rx = &st->lanes.rx;
	struct shmbus_reader *r;
	uint64_t len;
	uint32_t i;

	for (i = 0; i < rx->n_active; i++) {
		r = &rx->readers[rx->active[i].lane];
		shmbus_reader_look(bus, r);
		len = r->tail - r->pos;
		/* After an overrun, or if the tail is invalid. */
		if (len > bus->geo.lane_size)
			len = bus->geo.lane_size;
		st->lanes.round_end[r->lane] = r->pos + len;
	}
}

static struct shmbus_reader *
earliest(struct shmbus_station *st)
{
	struct shmbus_bus *bus = &st->bus->wire.lanes;
	struct shmbus_lanes_rx *rx = &st->lanes.rx;
	struct shmbus_reader *best = NULL;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < rx->n_active; i++) {
		if (!is_in_round(st, &rx->readers[rx->active[i].lane]))
			continue;
		r = shmbus_lanes_rx_reader(bus, rx, rx->active[i].lane);
		/* A reader that recovers from a corrupt record may leave the round. */
		if (r != NULL && shmbus_reader_peek(bus, r) != 0 && is_in_round(st, r) &&
		    (best == NULL || r->tstamp_ns < best->tstamp_ns))
			best = r;
	}
	return best;
}

struct shmbus_reader *
shmbus_lib_merge_next(struct shmbus_station *st)
{
	struct shmbus_reader *r = earliest(st);

	if (r == NULL) {
		begin_round(st);
		r = earliest(st);
	}
	return r;
}
