/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Which lane is read next. A port takes them by turns, a monitor in the order
 * in which the senders sent.
 *
 * The list of active lanes only says which are worth a look; it follows the
 * roster.
 */

#include "shmbus_lib_lanes.h"

/* Polls until the next look at who is on the bus; one that finds nothing looks, too. */
#define ROSTER_EVERY 256

/* Lanes in use, and lanes that were in use and still hold what was not read. */
static void
list_active(struct shmbus_station *st)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t slot, queue, lane, n_txq;
	uint32_t n = 0;

	for (slot = 0; slot < geo->ports; slot++) {
		if (slot == st->bus.slot)
			continue;
		n_txq = shmbus_port_peer(bus, slot, &peer) ? peer.n_txq : 0;
		for (queue = 0; queue < geo->queues; queue++) {
			lane = slot * geo->queues + queue;
			if (queue < n_txq || st->lanes.readers[lane].pos !=
					     shmbus_load(&shmbus_bus_lane(bus, lane)->tail))
				st->lanes.active[n++] = lane;
		}
	}
	st->lanes.n_active = n;
	st->lanes.turn = 0;
}

static void
refresh(struct shmbus_station *st)
{
	if (shmbus_lib_lost(&st->bus)) {
		/* Nothing that is there now was for it; nor is there anything to tell. */
		st->lanes.n_active = 0;
		st->lanes.idle = 0;
		return;
	}
	st->lanes.idle = ROSTER_EVERY;
	if (shmbus_port_roster_changed(&st->bus.lanes, st->lanes.roster))
		list_active(st);
}

/* The reader of an active lane, if there is something to read. */
static struct shmbus_reader *
look(struct shmbus_station *st, uint32_t lane)
{
	struct shmbus_bus *bus = &st->bus.lanes;
	struct shmbus_reader *r = &st->lanes.readers[lane];

	if (shmbus_load(&bus->lane_prot[lane]) == SHMBUS_LANE_UNMAPPED &&
	    shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
		return NULL;
	return shmbus_reader_peek(bus, r) != 0 ? r : NULL;
}

/* By turns, so that no sender is left out. */
static struct shmbus_reader *
next_by_turn(struct shmbus_station *st)
{
	struct shmbus_lanes_side *s = &st->lanes;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < s->n_active; i++) {
		if (s->turn >= s->n_active)
			s->turn = 0;
		r = look(st, s->active[s->turn++]);
		if (r != NULL)
			return r;
	}
	return NULL;
}

/* Of all that is there, what was sent first, by the senders' clocks. */
static struct shmbus_reader *
next_by_time(struct shmbus_station *st)
{
	struct shmbus_reader *best = NULL;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < st->lanes.n_active; i++) {
		r = look(st, st->lanes.active[i]);
		if (r != NULL && (best == NULL || r->tstamp_ns < best->tstamp_ns))
			best = r;
	}
	return best;
}

static struct shmbus_reader *
find(struct shmbus_station *st)
{
	return st->monitor ? next_by_time(st) : next_by_turn(st);
}

struct shmbus_reader *
shmbus_lib_lanes_next(struct shmbus_station *st)
{
	struct shmbus_reader *r;

	if (!shmbus_lib_lanes_receives(st))
		return NULL;
	if (st->lanes.idle-- == 0)
		refresh(st);
	r = find(st);
	if (r != NULL || st->lanes.idle == ROSTER_EVERY)
		return r;
	refresh(st);
	return find(st);
}

bool
shmbus_lib_lanes_pending(struct shmbus_station *st)
{
	const struct shmbus_bus *bus = &st->bus.lanes;
	uint32_t lane;

	if (!shmbus_lib_lanes_receives(st))
		return false;
	/* Not only the active ones: the list may be older than what was sent. */
	for (lane = 0; lane < bus->geo.lanes; lane++)
		if (!shmbus_lib_lanes_is_mine(st, lane) &&
		    st->lanes.readers[lane].pos !=
			    shmbus_load_acquire(&shmbus_bus_lane(bus, lane)->tail))
			return true;
	return false;
}
