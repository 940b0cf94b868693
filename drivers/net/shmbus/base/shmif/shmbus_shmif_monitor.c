/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>

#include "shmbus_clock.h"
#include "shmbus_shmif_monitor.h"
#include "shmbus_shmif_spare.h"

#define DATA SHMBUS_SHMIF_DATA

/* Attempts of one call; the longest burst is written within them. */
#define SPINS 1000

/*
 * Reads the ring at a moment when no port held the lock. Returns 0; -EILSEQ:
 * the ring was corrupt then; -EBUSY: there was no such moment.
 */
static int
look(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	struct shmbus_shmif_words before, after;
	int ret;

	before = shmbus_shmif_words(bus); /* N1 */
	shmbus_fence_acquire();
	/* L1: with L2 in unlock */
	if (shmbus_load_acquire(&h->lock) != 0)
		return -EBUSY;
	ret = shmbus_shmif_work_out(bus, &before, s);
	shmbus_fence_acquire();
	after = shmbus_shmif_words(bus); /* N2 */
	return shmbus_shmif_same_words(&before, &after) ? ret : -EBUSY;
}

static int
look_some_time(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s)
{
	unsigned int i;
	int ret;

	for (i = 0; i < SPINS; i++) {
		ret = look(bus, s);
		if (ret != -EBUSY)
			return ret;
		shmbus_relax();
	}
	return -EBUSY;
}

/*
 * Returns whether the lock has been held for long without a change. If not,
 * the time begins here.
 */
static bool
is_stuck(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *wait,
	 struct shmbus_shmif_words *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t now = shmbus_clock_mono_ns();

	*w = shmbus_shmif_words(bus);
	shmbus_fence_acquire();
	if (shmbus_load(&h->lock) == 0) {
		wait->since_ns = 0;
		return false;
	}
	if (wait->since_ns != 0 && shmbus_shmif_same_words(&wait->ring, w))
		return now - wait->since_ns >= SHMBUS_SHMIF_STUCK_NS;
	wait->since_ns = now;
	wait->ring = *w;
	return false;
}

/* Computes the state without the newest record, which may be half-written. */
static int
work_out_stuck(const struct shmbus_shmif *bus, const struct shmbus_shmif_words *w,
	       struct shmbus_shmif_state *s)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint32_t first = w->first % DATA;
	const uint32_t last = w->last % DATA;
	uint32_t len;

	if (w->first > DATA || w->last > DATA || w->gen > SHMBUS_SHMIF_GEN_MAX ||
	    (shmbus_load(&h->spare) & SHMBUS_SPARE_INTENT))
		return -EBUSY;
	/* If the record ends the lap, gen may or may not have counted it. A record whose length
	 * is not written yet is not counted.
	 */
	shmbus_shmif_get(bus, last, &len, sizeof(len));
	if (len <= SHMBUS_SHMIF_FRAME_MAX && last + bus->record + len >= DATA)
		return -EBUSY;
	s->last = (w->gen + 1) * DATA + last;
	s->end = s->last;
	s->first = s->last - (last + DATA - first) % DATA;
	s->header_gen = w->gen;
	s->header_last = w->last;
	return 0;
}

/* Finds the readable part of the ring; for a stuck bus, also the words that describe it. */
static int
find_ring(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
	  struct shmbus_shmif_state *s, struct shmbus_shmif_words *w, bool *stuck)
{
	int ret;

	*stuck = r->lock_wait.since_ns != 0 && is_stuck(bus, &r->lock_wait, w);
	if (!*stuck) {
		ret = look_some_time(bus, s);
		if (ret != -EBUSY) {
			r->lock_wait.since_ns = 0;
			return ret;
		}
		*stuck = is_stuck(bus, &r->lock_wait, w);
		shmbus_count(&r->lock_wait.busy, 1);
	}
	return *stuck ? work_out_stuck(bus, w, s) : -EBUSY;
}

int
shmbus_shmif_monitor_start(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
			   bool oldest)
{
	struct shmbus_shmif_words w;
	struct shmbus_shmif_state s;
	bool stuck;
	int ret;

	ret = find_ring(bus, r, &s, &w, &stuck);
	shmbus_shmif_reader_go(r, 0);
	if (ret != 0)
		return ret;
	r->pos = oldest ? s.first : s.end;
	return 0;
}

/* Returns whether the copy from pos on is still in the ring, and the ring is the same. */
static bool
is_whole(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s, uint64_t pos)
{
	struct shmbus_shmif_state now;

	/* B1: with B1 in make_room. The copy is older than this look. */
	shmbus_fence_acquire();
	return look_some_time(bus, &now) == 0 && now.first >= s->first && now.end >= s->end &&
	       now.first <= pos;
}

static bool
is_unmoved(const struct shmbus_shmif *bus, const struct shmbus_shmif_words *w)
{
	struct shmbus_shmif_words now;

	shmbus_fence_acquire();
	now = shmbus_shmif_words(bus);
	return shmbus_shmif_same_words(&now, w);
}

int
shmbus_shmif_monitor_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r)
{
	struct shmbus_shmif_piece piece;
	struct shmbus_shmif_words w;
	struct shmbus_shmif_state s;
	bool stuck;
	int ret;

	r->off = 0;
	r->len = 0;
	ret = find_ring(bus, r, &s, &w, &stuck);
	if (ret == -EILSEQ)
		shmbus_shmif_reader_refuse(r, &s);
	if (ret != 0)
		return ret;
	/* The monitor may have read the newest record before the lock was taken. */
	if (stuck && r->pos >= s.end)
		return -EBUSY;
	shmbus_shmif_reader_copy(bus, r, &s, &piece);
	if (stuck ? !is_unmoved(bus, &w) : !is_whole(bus, &s, piece.pos)) {
		shmbus_count(&r->lock_wait.busy, 1);
		return -EBUSY;
	}
	/* As in shmbus_shmif_fetch. */
	shmbus_fence_acquire();
	if (shmbus_guard_struck(bus->guard)) {
		shmbus_shmif_reader_refuse(r, &s);
		return -EILSEQ;
	}
	ret = shmbus_shmif_reader_accept(r, &s, &piece);
	/* The newest record is still to come, and no word changes when its lock is released. */
	r->more |= stuck;
	return ret;
}
