/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Looks at the entry of a lane: positions, marks and stamps. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lane.h"
#include "shmbus_notice.h"

#define FIELD(name) offsetof(struct shmbus_lane_entry, name)

static void
begin(struct lane *l, struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	const struct shmbus_geometry *geo = &bus->geo;

	memset(l, 0, sizeof(*l));
	l->bus = bus;
	l->entry = shmbus_bus_lane(bus, number);
	l->f = f;
	l->number = number;
	l->size = geo->lane_size;
	l->chunk = geo->lane_size / SHMBUS_CHUNKS;
	l->place.off = geo->lane_off + number * sizeof(*l->entry);
	l->place.slot = number / geo->queues;
	snprintf(l->place.name, sizeof(l->place.name), "lane %u (port %u, queue %u)", number,
		 l->place.slot, number % geo->queues);
}

/* Loads head and tail of one moment. False: the writer is too fast. */
static bool
load_positions(struct lane *l)
{
	unsigned int i;

	for (i = 0; i < CHECK_LANE_TRIES; i++) {
		l->head = shmbus_load(&l->entry->head);
		shmbus_fence_acquire();
		l->tail = shmbus_load_acquire(&l->entry->tail);
		shmbus_fence_acquire();
		if (shmbus_load(&l->entry->head) == l->head)
			return true;
	}
	return false;
}

static bool
positions_fit(const struct lane *l)
{
	return l->tail % SHMBUS_LINE == 0 && l->head % l->chunk == 0 &&
	       l->tail - l->head <= l->size;
}

static void
look_at_positions(const struct lane *l)
{
	if (l->tail % SHMBUS_LINE != 0)
		findings_add(l->f, &l->place, FIELD(tail), "tail", l->tail, "a multiple of %d",
			     SHMBUS_LINE);
	if (l->head % l->chunk != 0)
		findings_add(l->f, &l->place, FIELD(head), "head", l->head, "a multiple of %" PRIu64,
			     l->chunk);
	else if (l->tail - l->head > l->size)
		findings_add(l->f, &l->place, FIELD(head), "head", l->head,
			     "at or below the tail, %" PRIu64 ", and not by more than %" PRIu64,
			     l->tail, l->size);
}

/* What the writer waits for; a lane of nobody's may still say it. */
static void
look_at_waits(const struct lane *l, const struct shmbus_geometry *geo)
{
	const uint64_t waits = shmbus_load(&l->entry->waits);

	if (waits != 0 && ((waits & 0xffff) - 1 >= geo->ports || (waits >> 16 & 0xffff) >= geo->queues))
		findings_add(l->f, &l->place, FIELD(waits), "waits", waits,
			     "0, or a slot plus 1 and an Rx queue of this bus");
}

/* Which cursor the writer sleeps for, and up to which position. */
static void
look_at_room(const struct lane *l, const struct shmbus_geometry *geo)
{
	const uint64_t room = shmbus_load(&l->entry->room);

	if (room % l->chunk >= geo->lanes)
		findings_add(l->f, &l->place, FIELD(room), "room", room,
			     "0, or a multiple of %" PRIu64 " plus the number of a cursor of this bus, "
			     "0 to %" PRIu32, l->chunk, geo->lanes - 1);
}

/* Returns what would be right for mark i; NULL if the mark is right. */
static const char *
mark_problem(const struct lane *l, unsigned int i)
{
	const uint64_t mark = l->mark[i];

	if (mark % SHMBUS_LINE != 0)
		return "a multiple of 64";
	if (mark != 0 && (mark & (l->size - 1)) / l->chunk != i)
		return "a position in this chunk of the ring";
	/* The tail as it is now: the writer may have gone on since l->tail was loaded. */
	if (mark != 0 && (int64_t)(mark - shmbus_load(&l->entry->tail)) > 0)
		return "not above the tail";
	return NULL;
}

/* Loads the marks, and adds a finding for each that is wrong. */
static void
look_at_marks(struct lane *l)
{
	const char *right;
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		l->mark[i] = shmbus_load_acquire(&l->entry->mark[i]);
		right = mark_problem(l, i);
		if (right == NULL)
			continue;
		l->bad_marks |= 1u << i;
		findings_add(l->f, &l->place, FIELD(mark) + 8 * i, "mark", l->mark[i], "%s",
			     right);
	}
}

/*
 * Finds the stamp for l->tail. *match: its index, and *seq its number; or 2 if no
 * stamp has this tail. False: the writer is too fast.
 */
static bool
load_stamps(const struct lane *l, uint64_t *seq, unsigned int *match)
{
	struct shmbus_stamp *stamp = l->entry->stamp;
	unsigned int s;

	*match = 2;
	for (s = 0; s < 2 && *match == 2; s++) {
		if (shmbus_load(&stamp[s].pos) != l->tail)
			continue;
		*match = s;
		*seq = shmbus_load(&stamp[s].seq);
	}
	/* S2: with S1 in the writer */
	shmbus_fence_acquire();
	return shmbus_load(&l->entry->tail) == l->tail;
}

/* reached: the walk along the records ended at l->tail, before the frame number next. */
static void
look_at_stamps(const struct lane *l, bool reached, uint64_t next)
{
	const unsigned int off = FIELD(stamp);
	unsigned int match;
	uint64_t seq = 0;

	if (!load_stamps(l, &seq, &match))
		return;
	if (match == 2)
		findings_add(l->f, &l->place, off, "stamp[0].pos, as stamp[1].pos,",
			     shmbus_load(&l->entry->stamp[0].pos), "the tail, %" PRIu64, l->tail);
	else if (reached && seq != next)
		findings_add(l->f, &l->place, off + match * sizeof(struct shmbus_stamp) + 8,
			     match == 0 ? "stamp[0].seq" : "stamp[1].seq", seq,
			     "%" PRIu64 ", as the last record has it", next);
}

/* What the writer tells the slots. A writer that dies may leave a notice above the tail. */
static void
look_at_notices(const struct lane *l, const struct shmbus_geometry *geo)
{
	struct shmbus_notice *notice;
	struct place place;
	uint64_t word;
	uint32_t slot;

	for (slot = 0; slot < geo->ports; slot++) {
		notice = shmbus_bus_notice(l->bus, slot, l->number);
		place = (struct place){ .slot = l->place.slot };
		place.off = (uint64_t)((uint8_t *)notice - l->bus->control);
		snprintf(place.name, sizeof(place.name), "notice of lane %u for port %u", l->number,
			 slot);
		FINDINGS_RESERVED(l->f, &place, notice, reserved0);
		word = shmbus_load(&notice->word);
		if (!shmbus_notice_is_below(word, shmbus_load(&l->entry->tail) + l->size))
			findings_add(l->f, &place, 0, "word", word,
				     "at most %" PRIu64 " bytes above the tail", l->size);
	}
}

void
check_lane_look(struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	struct lane l;
	uint64_t next = 0;
	bool reached;

	begin(&l, bus, number, f);
	FINDINGS_RESERVED(f, &l.place, l.entry, reserved0);
	FINDINGS_RESERVED(f, &l.place, l.entry, reserved1);
	look_at_waits(&l, &bus->geo);
	look_at_room(&l, &bus->geo);
	if (bus->geo.directs)
		look_at_notices(&l, &bus->geo);
	if (!load_positions(&l))
		return;
	look_at_positions(&l);
	look_at_marks(&l);
	if (!positions_fit(&l))
		return;
	reached = check_records_walk(&l, &next);
	look_at_stamps(&l, reached, next);
}
