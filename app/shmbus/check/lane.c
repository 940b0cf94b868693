/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Looks at the entry of a lane: positions, marks and stamps. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lane.h"

void
check_lane_begin(struct lane *l, struct shmbus_bus *bus, uint32_t number, struct findings *f)
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

bool
check_lane_load_positions(struct lane *l)
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

bool
check_lane_positions_fit(const struct lane *l)
{
	return l->tail % SHMBUS_LINE == 0 && l->head % l->chunk == 0 &&
	       l->tail - l->head <= l->size;
}

static void
look_at_positions(const struct lane *l)
{
	if (l->tail % SHMBUS_LINE != 0)
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, tail), "tail", l->tail,
			     "a multiple of %d", SHMBUS_LINE);
	if (l->head % l->chunk != 0)
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, head), "head", l->head,
			     "a multiple of %" PRIu64, l->chunk);
	else if (l->tail - l->head > l->size)
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, head), "head", l->head,
			     "at or below the tail, %" PRIu64 ", and not by more than %" PRIu64,
			     l->tail, l->size);
}

/* Returns what would be right for mark i of a lane with this tail; NULL if the mark is right. */
static const char *
mark_problem(const struct lane *l, unsigned int i, uint64_t tail)
{
	const uint64_t mark = l->mark[i];

	if (mark % SHMBUS_LINE != 0)
		return "a multiple of 64";
	if (mark != 0 && (mark & (l->size - 1)) / l->chunk != i)
		return "a position in this chunk of the ring";
	if (mark != 0 && (int64_t)(mark - tail) > 0)
		return "not above the tail";
	return NULL;
}

void
check_lane_look_at_marks(struct lane *l)
{
	const char *right;
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++) {
		l->mark[i] = shmbus_load_acquire(&l->entry->mark[i]);
		right = mark_problem(l, i, shmbus_load(&l->entry->tail));
		if (right == NULL)
			continue;
		l->bad_marks |= 1u << i;
		findings_add(l->f, &l->place, offsetof(struct shmbus_lane_entry, mark) + 8 * i, "mark",
			     l->mark[i], "%s", right);
	}
}

void
check_lane_judge_marks(struct lane *l)
{
	unsigned int i;

	l->bad_marks = 0;
	for (i = 0; i < SHMBUS_CHUNKS; i++)
		if (mark_problem(l, i, l->tail) != NULL)
			l->bad_marks |= 1u << i;
}

bool
check_lane_load_stamps(const struct lane *l, uint64_t tail, uint64_t *seq, unsigned int *match)
{
	struct shmbus_stamp *stamp = l->entry->stamp;
	unsigned int s;

	*match = 2;
	for (s = 0; s < 2 && *match == 2; s++) {
		if (shmbus_load(&stamp[s].pos) != tail)
			continue;
		*match = s;
		*seq = shmbus_load(&stamp[s].seq);
	}
	/* S2: with S1 in the writer */
	shmbus_fence_acquire();
	return shmbus_load(&l->entry->tail) == tail;
}

/* seen: the result of the walk up to l->tail. */
static void
look_at_stamps(const struct lane *l, const struct walk *seen)
{
	const unsigned int off = offsetof(struct shmbus_lane_entry, stamp);
	unsigned int match;
	uint64_t seq = 0;

	if (!check_lane_load_stamps(l, l->tail, &seq, &match))
		return;
	if (match == 2)
		findings_add(l->f, &l->place, off, "stamp[0].pos, as stamp[1].pos,",
			     shmbus_load(&l->entry->stamp[0].pos), "the tail, %" PRIu64, l->tail);
	else if (seen->reached && seq != seen->seq)
		findings_add(l->f, &l->place, off + match * sizeof(struct shmbus_stamp) + 8,
			     match == 0 ? "stamp[0].seq" : "stamp[1].seq", seq,
			     "%" PRIu64 ", as the last record has it", seen->seq);
}

static void
look_at_reserved(const struct lane *l)
{
	const struct shmbus_lane_entry *e = l->entry;

	findings_add_reserved(l->f, &l->place, offsetof(struct shmbus_lane_entry, reserved0),
			      e->reserved0, sizeof(e->reserved0));
	findings_add_reserved(l->f, &l->place, offsetof(struct shmbus_lane_entry, reserved1),
			      e->reserved1, sizeof(e->reserved1));
}

void
check_lane_look(struct shmbus_bus *bus, uint32_t number, struct findings *f)
{
	struct lane l;
	struct walk w;

	check_lane_begin(&l, bus, number, f);
	look_at_reserved(&l);
	if (!check_lane_load_positions(&l))
		return;
	look_at_positions(&l);
	check_lane_look_at_marks(&l);
	if (!check_lane_positions_fit(&l))
		return;
	w = check_records_walk(&l);
	look_at_stamps(&l, &w);
}
