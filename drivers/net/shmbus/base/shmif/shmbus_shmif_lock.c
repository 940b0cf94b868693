/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <time.h>

#include "shmbus_clock.h"
#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_repair.h"
#include "shmbus_shmif_spare.h"
#include "shmbus_step.h"

/* Attempts of one call; the longest burst is written within them. */
#define SPINS 1000

/*
 * Time after which a waiting port asks the kernel for the holder, and interval
 * of these questions.
 */
#define ASK_NS (1000 * 1000)
/*
 * A port must find a foreign lock stuck this often, all over the time, before
 * it breaks the lock.
 */
#define LOOKS 16
/* Time for which a lock under a dead port's claim may be NetBSD's. */
#define CLAIM_NS (200 * 1000 * 1000)

/* Takes the lock under our claim, or drops the claim. */
static bool
lock_claimed(const struct shmbus_shmif *bus, struct shmbus_shmif_header *h)
{
	/* L1 (shmif_lock): with L2 in unlock */
	if (shmbus_step_swap_acquire(shmif_lock, &h->lock, 0, 1)) {
		shmbus_step_store(shmif_hold, &h->spare, bus->id | SHMBUS_SPARE_HELD);
		return true;
	}
	shmbus_step_store(shmif_drop_claim, &h->spare, 0);
	return false;
}

static bool
is_watch(uint32_t spare)
{
	return (spare & (SHMBUS_SPARE_INTENT | SHMBUS_SPARE_WATCHED | SHMBUS_SPARE_HELD)) ==
	       SHMBUS_SPARE_WATCHED;
}

static bool
try_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_header *h)
{
	const uint32_t spare = shmbus_load(&h->spare);

	/* Any port may take a lock that is free in spite of a watch. */
	if (spare != 0 && !is_watch(spare))
		return false;
	/* The lock after the spare word: a lock that was free before the watch was written may
	 * be stuck now.
	 */
	shmbus_fence_acquire();
	return shmbus_load(&h->lock) == 0 &&
	       shmbus_step_swap_acquire(shmif_claim, &h->spare, spare, bus->id) &&
	       lock_claimed(bus, h);
}

/* Returns the time after which a lock with this spare word counts as stuck; 0: never. */
static uint64_t
patience(const struct shmbus_shmif_lock_wait *w, uint32_t spare)
{
	return is_watch(spare) && (spare & SHMBUS_SPARE_OURS) ? CLAIM_NS : w->break_ns;
}

/* Returns whether the lock and the ring are as at the last look. If not, the time begins anew. */
static bool
still_stuck(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint64_t now)
{
	const struct shmbus_shmif_words ring = shmbus_shmif_words(bus);
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint32_t lock = shmbus_load(&h->lock);
	const uint32_t spare = shmbus_load(&h->spare);
	const uint64_t wait = patience(w, spare);
	/* A port that has not looked for longer than this was stopped or asleep, and perhaps the
	 * holder was, too.
	 */
	const uint64_t gap = wait != 0 ? wait / (LOOKS - 1) + 1 : UINT64_MAX;

	if (lock == 0 && (spare == 0 || is_watch(spare))) {
		w->since_ns = 0;
		return false;
	}
	if (w->since_ns != 0 && w->lock == lock && w->spare == spare &&
	    shmbus_shmif_same_words(&w->ring, &ring)) {
		if (now - w->looked_ns > gap)
			w->since_ns += now - w->looked_ns - gap;
		w->looked_ns = now;
		return true;
	}
	/* The time is taken after the look: a port that is stopped in between has not watched
	 * meanwhile.
	 */
	w->since_ns = shmbus_clock_mono_ns();
	w->asked_ns = w->since_ns;
	w->looked_ns = w->since_ns;
	w->lock = lock;
	w->spare = spare;
	w->ring = ring;
	return false;
}

/* Finishes the change that a dead port of ours has announced. The lock is ours. */
static void
redo(const struct shmbus_shmif *bus, uint32_t spare, uint64_t known_end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint32_t last = (spare >> SHMBUS_SPARE_LAST_SHIFT) & SHMBUS_SPARE_LAST_MASK;
	const uint64_t gen = shmbus_load(&h->gen);

	if (!(spare & SHMBUS_SPARE_INTENT))
		return;
	if (last >= SHMBUS_SHMIF_DATA) {
		shmbus_shmif_repair(bus, known_end);
		return;
	}
	shmbus_step_store_release(shmif_redo_last, &h->last, last);
	if ((gen & 1) == ((spare >> SHMBUS_SPARE_GEN_SHIFT) & 1))
		shmbus_step_store_release(shmif_redo_gen, &h->gen, gen + 1);
}

/*
 * Writes our watch over a stuck lock. The time begins anew: as long as this
 * word stands there no port of ours has released the lock, so the lock is
 * stuck for the same reason all the time.
 */
static void
watch_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint32_t ours)
{
	/* Random, so that the threads of a port have different words. */
	const uint32_t nonce = (uint32_t)((shmbus_clock_mono_ns() ^ (uintptr_t)w >> 4) &
					  SHMBUS_SPARE_LAST_MASK);
	const uint32_t word = SHMBUS_SPARE_WATCHED | ours | nonce << SHMBUS_SPARE_LAST_SHIFT | bus->id;

	if (shmbus_step_swap_acquire(shmif_watch, &shmbus_shmif_header(bus)->spare, w->spare, word))
		w->word = word;
}

static bool
break_foreign(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	struct shmbus_shmif_words ring;

	/* If this port dies during the repair, the next port repeats it. */
	if (!shmbus_step_swap_acquire(shmif_break_sign, &h->spare, w->spare,
				      shmbus_shmif_spare_repair(bus)))
		return false;
	ring = shmbus_shmif_words(bus);
	if (shmbus_load(&h->lock) != w->lock || !shmbus_shmif_same_words(&ring, &w->ring)) {
		shmbus_step_store(shmif_break_late, &h->spare, 0);
		return false;
	}
	shmbus_shmif_repair(bus, w->known_end);
	shmbus_step_store_release(shmif_broken, &h->spare, bus->id | SHMBUS_SPARE_HELD);
	shmbus_count(&w->broken_foreign, 1);
	return true;
}

/*
 * Takes over a spare word that no port of ours has written, or that a stuck
 * thread of this port left.
 */
static bool
take_nonsense(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	if (!shmbus_step_swap_acquire(shmif_take_nonsense, &h->spare, w->spare,
				      bus->id | (w->lock != 0 ? SHMBUS_SPARE_HELD : 0)))
		return false;
	shmbus_count(&w->broken_foreign, 1);
	return w->lock != 0 || lock_claimed(bus, h);
}

/* Takes a watched lock whose dead owner had just taken it, or was about to release it. */
static bool
take_watched(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	if (!shmbus_step_swap_acquire(shmif_take_watched, &h->spare, w->spare, bus->id))
		return false;
	/* The lock was NetBSD's after all, and NetBSD is slow. */
	if (shmbus_load(&h->lock) == 0)
		return lock_claimed(bus, h);
	shmbus_step_store(shmif_hold, &h->spare, bus->id | SHMBUS_SPARE_HELD);
	shmbus_count(&w->broken_ours, 1);
	return true;
}

/* Ends a watch that has lasted long enough: ours takes the lock, another port's is replaced. */
static bool
end_watch(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint64_t now)
{
	const uint32_t ours = w->spare & SHMBUS_SPARE_OURS;
	const uint64_t wait = patience(w, w->spare);

	if (wait == 0 || now - w->since_ns < wait)
		return false;
	if (w->spare == w->word)
		return ours != 0 ? take_watched(bus, w) : break_foreign(bus, w);
	/* The watch of a port that is dead, or busy with other work. */
	if (now - w->since_ns >= 2 * wait)
		watch_lock(bus, w, ours);
	return false;
}

/* Takes over what the port of this number left, as w saw it, if that port is dead. */
static bool
take_from(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint32_t id)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	bool taken = false;

	if (shmbus_shmif_number_try(bus, id) != 0)
		return false;
	if (w->lock != 0 && !(w->spare & SHMBUS_SPARE_HELD)) {
		/* The dead port or NetBSD may hold the lock. */
		watch_lock(bus, w, SHMBUS_SPARE_OURS);
	} else {
		/* A free lock leaves nothing to finish. */
		taken = shmbus_step_swap_acquire(shmif_take_over, &h->spare, w->spare, w->lock != 0 ?
						 (w->spare & ~SHMBUS_SPARE_ID) | bus->id : bus->id);
	}
	shmbus_shmif_number_drop(bus, id);
	if (!taken)
		return false;
	/* The dead port may have signed as a repairer too late: NetBSD has released the lock
	 * since the look.
	 */
	if (w->lock == 0 || shmbus_load(&h->lock) == 0)
		return lock_claimed(bus, h);
	redo(bus, w->spare, w->known_end);
	shmbus_step_store_release(shmif_taken_over, &h->spare, bus->id | SHMBUS_SPARE_HELD);
	shmbus_count(&w->broken_ours, 1);
	return true;
}

/* Takes a stuck lock whose holder is dead. Returns whether the lock is ours now. */
static bool
take_from_dead(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	/* The time is taken before the look. */
	const uint64_t now = shmbus_clock_mono_ns();
	uint32_t id;

	if (!still_stuck(bus, w, now))
		return false;
	if (is_watch(w->spare))
		return end_watch(bus, w, now);
	if (w->spare == 0) {
		if (w->break_ns != 0)
			watch_lock(bus, w, 0);
		return false;
	}
	id = w->spare & SHMBUS_SPARE_ID;
	if (id == 0 || id == bus->id) {
		if (w->break_ns == 0 || now - w->since_ns < w->break_ns)
			return false;
		return take_nonsense(bus, w);
	}
	if (now - w->asked_ns < ASK_NS)
		return false;
	w->asked_ns = now;
	return take_from(bus, w, id);
}

/*
 * Notes that the lock was free: a lock that was released and taken again is
 * not stuck, even if nothing else has changed.
 */
static void
was_free(struct shmbus_shmif_lock_wait *w)
{
	if (w->lock != 0)
		w->since_ns = 0;
}

bool
shmbus_shmif_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	unsigned int i;

	for (i = 0; i < SPINS; i++) {
		if (try_lock(bus, h)) {
			w->since_ns = 0;
			return true;
		}
		if (shmbus_load(&h->lock) == 0)
			was_free(w);
		shmbus_relax();
	}
	shmbus_count(&w->busy, 1);
	if (!take_from_dead(bus, w))
		return false;
	w->since_ns = 0;
	return true;
}

static void
unlock(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	shmbus_step_store_release(shmif_unhold, &h->spare, bus->id);
	/* L2 (shmif_unlock): with L1 */
	shmbus_step_store_release(shmif_unlock, &h->lock, 0);
	shmbus_step_store_release(shmif_unclaim, &h->spare, 0);
}

void
shmbus_shmif_lock_recover(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	/* A claim alone also blocks our ports. (A watch does not; take_from_dead() tells them
	 * apart.)
	 */
	if ((shmbus_load(&h->lock) | shmbus_load(&h->spare)) == 0) {
		w->since_ns = 0;
	} else if (take_from_dead(bus, w)) {
		w->since_ns = 0;
		unlock(bus);
	}
}

void
shmbus_shmif_unlock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint64_t end)
{
	if (end != 0)
		w->known_end = end;
	unlock(bus);
}

void
shmbus_shmif_lock_inherit(const struct shmbus_shmif *bus)
{
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint32_t spare = shmbus_load(&h->spare);
	const uint64_t since = shmbus_clock_mono_ns();
	uint64_t now;

	/* The number is ours, so no other port takes this over, except a watch, which any port
	 * may replace.
	 */
	if ((spare & SHMBUS_SPARE_ID) != bus->id)
		return;
	/* A watch over a dead port's claim becomes that claim again. */
	if (is_watch(spare)) {
		if (!shmbus_step_swap_acquire(shmif_inherit, &h->spare, spare,
					      spare & SHMBUS_SPARE_OURS ? bus->id : 0) || !(spare & SHMBUS_SPARE_OURS))
			return;
	}
	/* A port that signed as a repairer may have been late: then the lock is free, and the
	 * ring is whole.
	 */
	if ((spare & SHMBUS_SPARE_HELD) && shmbus_load(&h->lock) != 0) {
		redo(bus, spare, 0);
		unlock(bus);
		return;
	}
	/* The time is taken before the look, as in take_from_dead(). */
	for (now = since; shmbus_load(&h->lock) != 0; now = shmbus_clock_mono_ns()) {
		if (now - since >= CLAIM_NS) {
			unlock(bus);
			return;
		}
		nanosleep(&nap, NULL);
	}
	shmbus_step_store_release(shmif_inherit, &h->spare, 0);
}
