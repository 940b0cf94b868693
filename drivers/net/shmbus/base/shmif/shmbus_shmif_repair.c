/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * A NetBSD writer sends one frame each time that it holds the lock. It first
 * stores last, the place of the new record. Then it moves first out of the
 * way, writes the record and, if the record reaches the end of the data, adds
 * one to gen. It may have died at any point of this, or before, or while it
 * read. So the newest record is in doubt, and all records before it are whole.
 * gen is in doubt if the newest record can reach the end.
 *
 * If the ring ends where it is known to have ended, or if it is that of a new
 * bus, nothing was begun. Otherwise the repair walks from first to last. If
 * the walk reaches last, the record there may be half-written, or other ports
 * may have read it and stand behind it. One change serves both cases: the
 * bytes of the record become records too short for a frame, which every
 * receiver skips. If the record cannot be whole, the record before it becomes
 * the newest.
 *
 * gen is then right as it is, unless the doubtful record is so near the end
 * that it may have been counted: then a position that is known from before
 * decides. If no position is known, or the walk fails, gen goes up by two: no
 * reader can have followed such a change, so all readers begin again at first.
 *
 * A corrupt ring begins anew, as a new bus of NetBSD: first is the size of the
 * data, last is 0, and an empty record stands there. first must not be last. A
 * NetBSD kernel that receives asserts this. A kernel that sends moves first
 * over each record that begins up to 24 bytes before the bytes it writes, so
 * it would take old bytes for the record after an empty record that is both
 * first and last.
 */

#include "shmbus_shmif_repair.h"
#include "shmbus_shmif_ring.h"
#include "shmbus_step.h"

#define DATA SHMBUS_SHMIF_DATA
#define RECORD ((uint32_t)sizeof(struct shmbus_shmif_record))
/* As last: the ring is beginning anew. */
#define NO_OFFSET UINT32_MAX
/* The longest record that receivers skip. */
#define SKIPPED_MAX (RECORD + SHMBUS_SHMIF_FRAME_MIN - 1)

struct walked {
	uint32_t before;     /* offset of the record before last */
	uint32_t dist;       /* bytes from first to last */
	uint32_t known_dist; /* bytes from the known position to last; DATA: not met */
};

/* Walks from first to last, offsets below DATA. Returns false if the records do not chain. */
static bool
walk(const struct shmbus_shmif *bus, uint32_t first, uint32_t last, uint32_t known,
     struct walked *walked)
{
	uint32_t off = first;
	uint32_t dist = 0; /* from first */
	uint32_t met = DATA;
	uint32_t len;

	do {
		if (off == known)
			met = dist;
		shmbus_shmif_get(bus, off, &len, sizeof(len));
		if (len > SHMBUS_SHMIF_FRAME_MAX)
			return false;
		walked->before = off;
		dist += RECORD + len;
		off = (off + RECORD + len) % DATA;
	} while (off != last && dist < DATA);
	if (off != last || dist > DATA)
		return false;
	if (off == known)
		met = dist;
	walked->known_dist = met == DATA ? DATA : dist - met;
	walked->dist = dist;
	return true;
}

/*
 * Splits the record at last into records that receivers skip. Returns the
 * newest of them, or DATA if the record cannot be whole: its length says so,
 * or it would have changed gen.
 */
static uint32_t
blank(const struct shmbus_shmif *bus, uint32_t last, uint32_t room)
{
	struct shmbus_shmif_record record = { .len = 0 };
	uint32_t len, size, n, i, share, rest;

	shmbus_shmif_get(bus, last, &len, sizeof(len));
	size = RECORD + len;
	if (len > SHMBUS_SHMIF_FRAME_MAX || size > room || size >= DATA - last)
		return DATA;
	n = (size + SKIPPED_MAX - 1) / SKIPPED_MAX;
	share = size / n;
	rest = size % n; /* this many have one byte more */
	if (share < RECORD)
		return DATA; /* 14 to 23 bytes, which NetBSD does not send */
	for (i = n; i-- != 0;) {
		SHMBUS_STEP(shmif_blank);
		record.len = share + (i < rest) - RECORD;
		shmbus_shmif_put(bus, last + i * share + (i < rest ? i : rest), &record, RECORD);
	}
	return last + (n - 1) * share + (n - 1 < rest ? n - 1 : rest);
}

/*
 * Begins the ring anew: the ring of a new bus, but in a generation that no
 * reader can have followed. Before the final store, last is not an offset. So
 * a ring that is half begun is corrupt for all ports, and the next repair
 * begins it once more.
 */
static void
start_anew(const struct shmbus_shmif *bus)
{
	const struct shmbus_shmif_record nothing = { .len = 0 };
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t gen = shmbus_load(&h->gen);

	shmbus_step_store_release(shmif_anew_begin, &h->last, NO_OFFSET);
	SHMBUS_STEP(shmif_anew_record);
	shmbus_shmif_put(bus, 0, &nothing, RECORD);
	/* Never 0: a NetBSD kernel that begins again at first asserts that. */
	shmbus_step_store_release(shmif_anew_gen, &h->gen, gen <= SHMBUS_SHMIF_GEN_MAX - 2 ? gen + 2 : 2);
	shmbus_step_store_release(shmif_anew_first, &h->first, DATA);
	shmbus_step_store_release(shmif_anew_last, &h->last, 0);
}

/* Returns whether this is the ring of a new bus, or one that began anew, without a later record. */
static bool
is_new(const struct shmbus_shmif *bus, uint32_t first, uint32_t last)
{
	uint32_t len;

	/* A writer that comes back to 0 has moved first away from the end before. */
	if (first != DATA || last != 0)
		return false;
	shmbus_shmif_get(bus, 0, &len, sizeof(len));
	return len == 0;
}

void
shmbus_shmif_repair(const struct shmbus_shmif *bus, uint64_t known_end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const struct shmbus_shmif_words w = shmbus_shmif_words(bus);
	const uint32_t known = known_end == 0 ? DATA : (uint32_t)(known_end % DATA);
	struct shmbus_shmif_state s;
	struct walked walked;
	uint32_t newest;
	uint64_t last_gen;

	if (!shmbus_shmif_first_is_last(&w) && shmbus_shmif_load(bus, &s) == 0 &&
	    s.end == known_end)
		return;
	if (w.gen <= SHMBUS_SHMIF_GEN_MAX - 2 && is_new(bus, w.first, w.last))
		return;
	if (w.gen > SHMBUS_SHMIF_GEN_MAX - 2 || w.first > DATA || w.last > DATA ||
	    w.first % DATA == w.last % DATA ||
	    !walk(bus, w.first % DATA, w.last % DATA, known, &walked)) {
		start_anew(bus);
		return;
	}
	if (w.last + RECORD + SHMBUS_SHMIF_FRAME_MAX >= DATA) {
		last_gen = w.gen + 2;
		if (walked.known_dist != DATA)
			last_gen = (known_end + walked.known_dist) / DATA - 1;
		/* gen has counted the record, so the record is whole, unless it is corrupt. */
		if (last_gen + 1 == w.gen && shmbus_shmif_load(bus, &s) == 0)
			return;
		if (last_gen != w.gen)
			shmbus_step_store(shmif_repair_gen, &h->gen, w.gen + 2);
	}
	newest = blank(bus, w.last % DATA, DATA - walked.dist);
	if (newest == DATA)
		newest = walked.before;
	/* Only the oldest record is left. A new ring may have one record: there first is DATA. */
	if (newest == w.first) {
		start_anew(bus);
		return;
	}
	shmbus_step_store_release(shmif_repair_last, &h->last, newest);
}
