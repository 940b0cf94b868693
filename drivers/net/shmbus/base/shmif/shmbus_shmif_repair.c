/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * A NetBSD writer, one frame each time that it has the lock, first sets last
 * to where the new record will be, moves first out of the way, writes the
 * record and, if that reached the end of the data, adds one to gen. It may
 * have died anywhere between, or before, or while it read. So the newest
 * record is in doubt, all before it is whole, and gen is in doubt if the
 * newest record could reach the end.
 *
 * If the ring ends where it is known to have ended, or is that of a new bus,
 * nothing was begun. Else first to last is walked. If the walk comes to last,
 * the record there may be one that is half-written, or one that others have
 * read already, and stand behind. Both are served if its bytes become records
 * too short for a frame, which every receiver skips. Where it cannot be whole
 * the record before it becomes the newest.
 *
 * gen is then right as it is, unless the doubtful record lies so near the end
 * that it may have been counted: a position that is known from before decides
 * that. Where nothing is known, or the walk goes astray, gen goes up by two:
 * that is what no reader can have followed, so all begin again at first.
 *
 * A ring that makes no sense is begun anew, as NetBSD makes a new bus: first
 * is the size of the data, last is 0, and an empty record stands there. first
 * must not be last. A NetBSD kernel that receives asserts this; and a kernel
 * that sends clears the ring of each record that begins up to 24 bytes before
 * the bytes it writes, so it would take old bytes for the record after an
 * empty one that is both first and last.
 */

#include "shmbus_shmif_repair.h"
#include "shmbus_shmif_ring.h"
#include "shmbus_step.h"

#define DATA SHMBUS_SHMIF_DATA
#define RECORD ((uint32_t)sizeof(struct shmbus_shmif_record))
/* As last: the ring is being begun anew. */
#define NO_OFFSET UINT32_MAX
/* The longest record that receivers skip. */
#define SKIPPED_MAX (RECORD + SHMBUS_SHMIF_FRAME_MIN - 1)

struct walked {
	uint32_t before;     /* offset of the record before last */
	uint32_t dist;       /* bytes from first to last */
	uint32_t known_dist; /* bytes from the known position to last; DATA: it was not met */
};

/* From first to last, offsets below DATA. False: the records do not chain. */
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
 * Make records that are skipped of the one at last. Returns the newest of
 * them; DATA if it cannot be whole, for its length, or as gen would then be
 * another.
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
 * reader can have followed. Until the last store last is no offset. So a ring
 * that is half begun makes no sense to anybody, and the next repair begins it
 * once more.
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

/* Is this the ring of a new bus, or one begun anew, in which nothing was begun since? */
static bool
is_new(const struct shmbus_shmif *bus, uint32_t first, uint32_t last)
{
	uint32_t len;

	/* A writer that comes back to 0 has moved first off the end before. */
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
		/* It was counted, so it is whole; unless it makes no sense. */
		if (last_gen + 1 == w.gen && shmbus_shmif_load(bus, &s) == 0)
			return;
		if (last_gen != w.gen) {
			shmbus_step_store(shmif_repair_gen, &h->gen, w.gen + 2);
		}
	}
	newest = blank(bus, w.last % DATA, DATA - walked.dist);
	if (newest == DATA)
		newest = walked.before;
	/* The oldest record alone is left. In a new ring that is well: there first is DATA. */
	if (newest == w.first) {
		start_anew(bus);
		return;
	}
	shmbus_step_store_release(shmif_repair_last, &h->last, newest);
}
