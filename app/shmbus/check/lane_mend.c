/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Mends a lane that no port writes meanwhile.
 *
 * Theory of operation
 *
 * As few frames as possible are given up: those below the first mark from which
 * the records follow each other up to the tail. Head is raised to this mark. If
 * there is no such mark, all frames are given up: head and tail both move to the
 * next chunk. To a reader this looks as if the writer had overtaken it.
 */

#include <string.h>

#include "lane.h"

static void
set_positions(struct lane *l, uint64_t head, uint64_t tail, uint64_t seq)
{
	struct shmbus_lane_entry *e = l->entry;
	unsigned int match, s;
	uint64_t stamp_seq = 0;

	if (head != shmbus_load(&e->head)) {
		shmbus_store(&e->head, head);
		shmbus_fence_release();
	}
	if (!check_lane_load_stamps(l, tail, &stamp_seq, &match) || match == 2 ||
	    stamp_seq != seq) {
		for (s = 0; s < 2; s++) {
			shmbus_store(&e->stamp[s].pos, tail);
			shmbus_store_release(&e->stamp[s].seq, seq);
		}
	}
	if (tail != shmbus_load(&e->tail))
		shmbus_store_release(&e->tail, tail);
}

/* Returns the number of the next frame, as far as the stamps tell it. */
static uint64_t
guess_seq(const struct lane *l, uint64_t tail)
{
	struct shmbus_stamp *stamp = l->entry->stamp;
	const uint64_t seq[2] = { shmbus_load(&stamp[0].seq), shmbus_load(&stamp[1].seq) };

	if (shmbus_load(&stamp[0].pos) == tail)
		return seq[0];
	if (shmbus_load(&stamp[1].pos) == tail)
		return seq[1];
	return (int64_t)(seq[0] - seq[1]) > 0 ? seq[0] : seq[1];
}

static void
give_up_all(struct lane *l)
{
	const uint64_t seq = guess_seq(l, l->tail);
	const uint64_t tail = (l->tail + l->chunk - 1) & ~(l->chunk - 1);
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++)
		shmbus_store(&l->entry->mark[i], 0);
	set_positions(l, tail, tail, seq);
}

/*
 * Finds positions for a lane whose head and tail do not fit. The position of a
 * stamp may fit as the tail; or the head that the lane's next writer would choose.
 */
static bool
find_positions(struct lane *l)
{
	const uint64_t heads[] = { l->head, l->tail & ~(l->chunk - 1) };
	const uint64_t tails[] = { l->tail, shmbus_load(&l->entry->stamp[0].pos),
				   shmbus_load(&l->entry->stamp[1].pos) };
	struct lane try;
	struct walk w;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		try = *l;
		try.f = NULL;
		try.head = heads[i == 3];
		try.tail = tails[i % 3];
		if (!check_lane_positions_fit(&try))
			continue;
		check_lane_judge_marks(&try);
		if (i != 3) {
			w = check_records_walk(&try);
			if (!w.reached || w.bad || w.seq != guess_seq(&try, try.tail))
				continue;
		}
		*l = try;
		return true;
	}
	return false;
}

static void
mend_marks(struct lane *l)
{
	unsigned int i;

	for (i = 0; i < SHMBUS_CHUNKS; i++)
		if (l->bad_marks & (1u << i))
			shmbus_store(&l->entry->mark[i], 0);
}

static void
mend_ring(struct lane *l)
{
	struct walk w;

	w = check_records_walk(l);
	if (w.bad && !w.reached) {
		give_up_all(l);
		return;
	}
	mend_marks(l);
	set_positions(l, w.bad ? w.whole_from & ~(l->chunk - 1) : l->head, l->tail,
		      w.reached ? w.seq : guess_seq(l, l->tail));
}

void
check_lane_mend(struct shmbus_bus *bus, uint32_t number)
{
	static const uint64_t zero[8];
	struct lane l;

	check_lane_begin(&l, bus, number, NULL);
	l.still = true;
	if (memcmp(l.entry->reserved0, zero, sizeof(l.entry->reserved0)) != 0)
		memset(l.entry->reserved0, 0, sizeof(l.entry->reserved0));
	if (memcmp(l.entry->reserved1, zero, sizeof(l.entry->reserved1)) != 0)
		memset(l.entry->reserved1, 0, sizeof(l.entry->reserved1));
	check_lane_load_positions(&l);
	check_lane_look_at_marks(&l);
	if (check_lane_positions_fit(&l) || find_positions(&l))
		mend_ring(&l);
	else
		give_up_all(&l);
}
