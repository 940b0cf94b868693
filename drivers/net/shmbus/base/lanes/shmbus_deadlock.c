/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <string.h>

#include "shmbus_deadlock.h"

/* Interval at which a writer that is held back says so. */
#define TELL_EVERY_NS (1000 * 1000)
/* Time after which the port with the lower slot, and the other one, gives up. */
#define GIVE_UP_FIRST_NS (6 * 1000 * 1000)
#define GIVE_UP_NS (9 * 1000 * 1000)
/* So long before, it begins to watch the counts of the others. */
#define WATCH_NS (4 * 1000 * 1000)
/*
 * So often a thread must have said that it is held back while it was watched. It may have
 * been put aside in between, just before it said so for the first time. The second time it
 * had looked again.
 */
#define TOLD_MIN 2

/* shmbus_lane_entry.waits: the slot plus 1, the number of the Rx queue, the count. */
#define WAITS(slot, queue, count) \
	(((slot) + 1) | (uint64_t)(queue) << 16 | (uint64_t)(uint32_t)(count) << 32)
#define WAITS_SLOT(word) ((uint32_t)((word) & 0xffff) - 1)
#define WAITS_QUEUE(word) ((uint32_t)((word) >> 16 & 0xffff))
#define WAITS_COUNT(word) ((uint32_t)((word) >> 32))

/*
 * Returns the Rx queues of w's port that this thread polls, as bits. *polls: how often they
 * have been polled.
 */
static uint64_t
polled_here(const struct shmbus_bus *bus, const struct shmbus_writer *w, uint64_t *polls)
{
	const uint64_t me = shmbus_thread();
	uint64_t queues = 0;
	uint32_t q;

	*polls = 0;
	if (w->pollers == NULL)
		return 0;
	for (q = 0; q < bus->geo.queues; q++) {
		if (shmbus_load(&w->pollers->rx[q].thread) != me)
			continue;
		queues |= UINT64_C(1) << q;
		*polls += shmbus_load(&w->pollers->rx[q].polls);
	}
	return queues;
}

void
shmbus_deadlock_end(const struct shmbus_bus *bus, struct shmbus_writer *w)
{
	if (w->waits == 0)
		return;
	w->waits = 0;
	shmbus_step_store(writer_end_wait, &shmbus_bus_lane(bus, w->lane)->waits, 0);
}

void
shmbus_deadlock_tell(const struct shmbus_bus *bus, struct shmbus_writer *w, uint32_t slot,
		     uint32_t queue, uint64_t now)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, w->lane);
	const uint64_t polls_before = w->polls;
	uint64_t queues;

	/* Not at each try: the threads that receive write what is read here. */
	if (now - w->polls_at_ns < TELL_EVERY_NS)
		return;
	w->polls_at_ns = now;
	queues = polled_here(bus, w, &w->polls);
	if (queues == 0 || w->polls != polls_before) {
		/* Another thread receives; or this one has received since the last look. */
		shmbus_deadlock_end(bus, w);
		return;
	}
	w->polled = queues;
	w->waits = WAITS(slot, queue, WAITS_COUNT(w->waits) + 1);
	shmbus_step_store(writer_tell_wait, &lane->polls, queues);
	/* Whoever sees the count also sees the cursors that the thread had published before. */
	shmbus_step_store_release(writer_tell_wait, &lane->waits, w->waits);
}

/*
 * Returns what the lane waits for whose thread polls an Rx queue, and the number of the lane.
 * 0: there is none.
 */
static uint64_t
waits_of(const struct shmbus_bus *bus, uint32_t slot, uint32_t queue, uint32_t *lane)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_lane_entry *entry;
	uint64_t word;
	uint32_t q;

	for (q = 0; q < geo->queues; q++) {
		*lane = slot * geo->queues + q;
		entry = shmbus_bus_lane(bus, *lane);
		word = shmbus_load_acquire(&entry->waits);
		if (word != 0 && (shmbus_load(&entry->polls) >> queue & 1) != 0)
			return word;
	}
	return 0;
}

/*
 * Follows the waits from an Rx queue of a slot. Returns true if they lead to an Rx queue of
 * w's thread, over at most SHMBUS_CIRCLE_MAX lanes.
 */
static bool
find_circle(const struct shmbus_bus *bus, const struct shmbus_writer *w, uint32_t slot,
	    uint32_t queue, struct shmbus_circle *c)
{
	uint64_t word;

	for (c->n = 0; slot != w->slot || (w->polled >> queue & 1) == 0; c->n++) {
		if (c->n == SHMBUS_CIRCLE_MAX)
			return false;
		word = waits_of(bus, slot, queue, &c->lanes[c->n]);
		slot = WAITS_SLOT(word);
		queue = WAITS_QUEUE(word);
		if (word == 0 || slot >= bus->geo.ports || queue >= SHMBUS_QUEUES_MAX)
			return false;
		c->counts[c->n] = WAITS_COUNT(word);
	}
	return true;
}

/* Returns whether all threads of a circle have been held back since it was found before. */
static bool
all_tell(const struct shmbus_circle *before, const struct shmbus_circle *c)
{
	uint32_t i;

	for (i = 0; i < c->n; i++)
		if (c->counts[i] - before->counts[i] < TOLD_MIN)
			return false;
	return true;
}

bool
shmbus_deadlock_is_one(const struct shmbus_bus *bus, struct shmbus_writer *w,
		       const struct shmbus_stall *stall, uint32_t slot, uint32_t queue,
		       uint64_t now)
{
	const uint64_t patience = w->slot <= slot ? GIVE_UP_FIRST_NS : GIVE_UP_NS;
	const uint64_t waited = now - stall->since_ns;
	struct shmbus_circle c = { .cursor = slot * bus->geo.queues + queue, .since_ns = stall->since_ns };
	struct shmbus_cursor *cursor;

	if (w->waits == 0 || waited < patience - WATCH_NS || !find_circle(bus, w, slot, queue, &c))
		return false;
	if (c.cursor != w->circle.cursor || c.since_ns != w->circle.since_ns || c.n != w->circle.n ||
	    memcmp(c.lanes, w->circle.lanes, c.n * sizeof(c.lanes[0])) != 0) {
		w->circle = c;
		return false;
	}
	if (waited < patience || !all_tell(&w->circle, &c))
		return false;
	/* The cursor may have moved since it was loaded, before the counts were. */
	cursor = shmbus_bus_cursor(bus, slot, queue, w->lane);
	return shmbus_load(&cursor->pos) == stall->pos;
}
