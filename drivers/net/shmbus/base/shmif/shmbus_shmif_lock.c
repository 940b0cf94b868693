/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <time.h>

#include "shmbus_clock.h"
#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_repair.h"
#include "shmbus_step.h"

/* Looks before giving up for now; the longest burst is written within them. */
#define SPINS 1000

/* A stuck lock's holder is asked for after this long, and each time again after. */
#define ASK_NS (1000 * 1000)
/* A foreign lock must have been found stuck this often, all over the time, before it is broken. */
#define LOOKS 16
/* How long a lock that was claimed by a dead port may be NetBSD's. */
#define CLAIM_NS (200 * 1000 * 1000)

#define ID 0xffu
#define LAST_SHIFT 8
#define LAST_MASK 0xfffffu
#define GEN_SHIFT 28
/* With WATCHED: a dead port of ours may hold the lock. */
#define OURS (1u << 28)
#define HELD (1u << 29)
#define WATCHED (1u << 30)
#define INTENT (1u << 31)
/* No offset of a record: the ring is being repaired. */
#define LAST_REPAIR LAST_MASK

/* The claim is ours: take the lock, or drop the claim. */
static bool
lock_claimed(const struct shmbus_shmif *bus, struct shmbus_shmif_header *h)
{
	/* L1 (shmif_lock): with L2 in unlock */
	if (shmbus_step_swap_acquire(shmif_lock, &h->lock, 0, 1)) {
		shmbus_step_store(shmif_hold, &h->spare, bus->id | HELD);
		return true;
	}
	shmbus_step_store(shmif_drop_claim, &h->spare, 0);
	return false;
}

static bool
is_watch(uint32_t spare)
{
	return (spare & (INTENT | WATCHED | HELD)) == WATCHED;
}

/* Somebody watches the lock: whoever finds it free may have it. */
static bool
try_watched(const struct shmbus_shmif *bus, struct shmbus_shmif_header *h, uint32_t spare)
{
	if (!is_watch(spare))
		return false;
	/* The lock after the spare word: what was free before that was signed may be stuck now. */
	shmbus_fence_acquire();
	if (shmbus_load(&h->lock) != 0)
		return false;
	return shmbus_step_swap_acquire(shmif_claim, &h->spare, spare, bus->id) &&
	       lock_claimed(bus, h);
}

static bool
try_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_header *h)
{
	const uint32_t spare = shmbus_load(&h->spare);

	if ((spare | shmbus_load(&h->lock)) != 0)
		return try_watched(bus, h, spare);
	return shmbus_step_swap_acquire(shmif_claim, &h->spare, 0, bus->id) &&
	       lock_claimed(bus, h);
}

/* How long a lock with this spare word must be stuck before it may be taken; 0: for ever. */
static uint64_t
patience(const struct shmbus_shmif_lock_wait *w, uint32_t spare)
{
	return is_watch(spare) && (spare & OURS) ? CLAIM_NS : w->break_ns;
}

/* Is all of it as it was when last looked at? Else it begins anew from here. */
static bool
still_stuck(struct shmbus_shmif_lock_wait *w, struct shmbus_shmif_header *h, uint64_t now)
{
	const struct shmbus_shmif_lock_wait seen = {
		.lock = shmbus_load(&h->lock),
		.spare = shmbus_load(&h->spare),
		.first = shmbus_load(&h->first),
		.last = shmbus_load(&h->last),
		.gen = shmbus_load(&h->gen),
	};
	const uint64_t wait = patience(w, seen.spare);
	/* Who has not looked for longer than this was stopped or asleep, and the holder perhaps, too. */
	const uint64_t gap = wait != 0 ? wait / (LOOKS - 1) + 1 : UINT64_MAX;

	if (seen.lock == 0 && (seen.spare == 0 || is_watch(seen.spare))) {
		w->since_ns = 0;
		return false;
	}
	if (w->since_ns != 0 && w->lock == seen.lock && w->spare == seen.spare &&
	    w->first == seen.first && w->last == seen.last && w->gen == seen.gen) {
		if (now - w->looked_ns > gap)
			w->since_ns += now - w->looked_ns - gap;
		w->looked_ns = now;
		return true;
	}
	/* The time after the look: who is stopped in between has not watched. */
	w->since_ns = shmbus_clock_mono_ns();
	w->asked_ns = w->since_ns;
	w->looked_ns = w->since_ns;
	w->lock = seen.lock;
	w->spare = seen.spare;
	w->first = seen.first;
	w->last = seen.last;
	w->gen = seen.gen;
	return false;
}

/* Finish what a port of ours announced before it died. The lock is ours. */
static void
redo(const struct shmbus_shmif *bus, uint32_t spare, uint64_t known_end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint32_t last = (spare >> LAST_SHIFT) & LAST_MASK;
	const uint64_t gen = shmbus_load(&h->gen);

	if (!(spare & INTENT))
		return;
	if (last >= SHMBUS_SHMIF_DATA) {
		shmbus_shmif_repair(bus, known_end);
		return;
	}
	shmbus_step_store_release(shmif_redo_last, &h->last, last);
	if ((gen & 1) == ((spare >> GEN_SHIFT) & 1)) {
		shmbus_step_store_release(shmif_redo_gen, &h->gen, gen + 1);
	}
}

/*
 * Make the stuck lock one that we watch. Its time begins anew: as long as this
 * word stands there no port of ours has let go of the lock, so it is stuck for
 * the same reason all the time.
 */
static void
watch_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint32_t ours)
{
	/* By chance, so that the threads of a port have different words. */
	const uint32_t nonce = (uint32_t)((shmbus_clock_mono_ns() ^ (uintptr_t)w >> 4) & LAST_MASK);
	const uint32_t word = WATCHED | ours | nonce << LAST_SHIFT | bus->id;

	if (shmbus_step_swap_acquire(shmif_watch, &shmbus_shmif_header(bus)->spare, w->spare, word))
		w->word = word;
}

static bool
break_foreign(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	/* Should we die over it, the next one has to do the same again. */
	if (!shmbus_step_swap_acquire(shmif_break_sign, &h->spare, w->spare,
				      INTENT | HELD | LAST_REPAIR << LAST_SHIFT | bus->id))
		return false;
	if (shmbus_load(&h->lock) != w->lock || shmbus_load(&h->first) != w->first ||
	    shmbus_load(&h->last) != w->last || shmbus_load(&h->gen) != w->gen) {
		shmbus_step_store(shmif_break_late, &h->spare, 0);
		return false;
	}
	shmbus_shmif_repair(bus, w->known_end);
	shmbus_step_store_release(shmif_broken, &h->spare, bus->id | HELD);
	shmbus_count(&w->broken_foreign, 1);
	return true;
}

/* The spare word says what no port of ours has written, or a thread of this port is stuck. */
static bool
take_nonsense(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	if (!shmbus_step_swap_acquire(shmif_take_nonsense, &h->spare, w->spare,
				      bus->id | (w->lock != 0 ? HELD : 0)))
		return false;
	shmbus_count(&w->broken_foreign, 1);
	return w->lock != 0 || lock_claimed(bus, h);
}

/* The lock was that of a port that died when it had it, or was about to let it go. */
static bool
take_watched(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	if (!shmbus_step_swap_acquire(shmif_take_watched, &h->spare, w->spare, bus->id))
		return false;
	/* NetBSD's after all, and slow. */
	if (shmbus_load(&h->lock) == 0)
		return lock_claimed(bus, h);
	shmbus_step_store(shmif_hold, &h->spare, bus->id | HELD);
	shmbus_count(&w->broken_ours, 1);
	return true;
}

/* Somebody watches the lock; if it is us, perhaps for long enough. */
static bool
end_watch(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint64_t now)
{
	const uint32_t ours = w->spare & OURS;
	const uint64_t wait = patience(w, w->spare);

	if (wait == 0 || now - w->since_ns < wait)
		return false;
	if (w->spare == w->word)
		return ours != 0 ? take_watched(bus, w) : break_foreign(bus, w);
	/* Another one, who is dead, or has better things to do. */
	if (now - w->since_ns >= 2 * wait)
		watch_lock(bus, w, ours);
	return false;
}

/* What the port of this number left, as w saw it, becomes ours, if it is dead. */
static bool
take_from(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w, uint32_t id)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	bool taken = false;

	if (shmbus_shmif_number_try(bus, id) != 0)
		return false;
	if (w->lock != 0 && !(w->spare & HELD)) {
		/* Held by it, or by NetBSD? */
		watch_lock(bus, w, OURS);
	} else {
		/* A lock that is free leaves nothing to be finished. */
		taken = shmbus_step_swap_acquire(shmif_take_over, &h->spare, w->spare, w->lock != 0 ?
						 (w->spare & ~ID) | bus->id : bus->id);
	}
	shmbus_shmif_number_drop(bus, id);
	if (!taken)
		return false;
	/* Signed as a breaker, who may have been late: it is NetBSD who has let go since the look. */
	if (w->lock == 0 || shmbus_load(&h->lock) == 0)
		return lock_claimed(bus, h);
	redo(bus, w->spare, w->known_end);
	shmbus_step_store_release(shmif_taken_over, &h->spare, bus->id | HELD);
	shmbus_count(&w->broken_ours, 1);
	return true;
}

/* The lock was not to be had: is its holder dead? True: then it is ours now. */
static bool
take_from_dead(const struct shmbus_shmif *bus, struct shmbus_shmif_lock_wait *w)
{
	/* The time before the look. */
	const uint64_t now = shmbus_clock_mono_ns();
	uint32_t id;

	if (!still_stuck(w, shmbus_shmif_header(bus), now))
		return false;
	if (is_watch(w->spare))
		return end_watch(bus, w, now);
	if (w->spare == 0) {
		if (w->break_ns != 0)
			watch_lock(bus, w, 0);
		return false;
	}
	id = w->spare & ID;
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

/* A lock that was let go and taken again is not stuck, though nothing else may have changed. */
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

	/* A claim alone keeps our own out, too. (A watch does not, and is told from it next.) */
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

	/* The number is ours, so nobody else takes this over; but a watch, which is anybody's. */
	if ((spare & ID) != bus->id)
		return;
	/* What may have been a dead port's lock is that of a claim, as it was. */
	if (is_watch(spare)) {
		if (!shmbus_step_swap_acquire(shmif_inherit, &h->spare, spare,
					      spare & OURS ? bus->id : 0) || !(spare & OURS))
			return;
	}
	/* Signed as a breaker, it may have been late: the lock is free, and the ring is right. */
	if ((spare & HELD) && shmbus_load(&h->lock) != 0) {
		redo(bus, spare, 0);
		unlock(bus);
		return;
	}
	/* The time before the look, as in take_from_dead. */
	for (now = since; shmbus_load(&h->lock) != 0; now = shmbus_clock_mono_ns()) {
		if (now - since >= CLAIM_NS) {
			unlock(bus);
			return;
		}
		nanosleep(&nap, NULL);
	}
	shmbus_step_store_release(shmif_inherit, &h->spare, 0);
}

void
shmbus_shmif_lock_ask_repair(const struct shmbus_shmif *bus)
{
	shmbus_step_store_release(shmif_ask_repair, &shmbus_shmif_header(bus)->spare,
				  INTENT | HELD | LAST_REPAIR << LAST_SHIFT | bus->id);
}

void
shmbus_shmif_lock_intent(const struct shmbus_shmif *bus, uint64_t gen, uint32_t last)
{
	/* gen is what it will be; what it is now is one less. */
	shmbus_step_store_release(shmif_intent, &shmbus_shmif_header(bus)->spare,
				  INTENT | HELD | (uint32_t)((gen - 1) & 1) << GEN_SHIFT |
				  last << LAST_SHIFT | bus->id);
}

void
shmbus_shmif_lock_intent_done(const struct shmbus_shmif *bus)
{
	shmbus_step_store_release(shmif_intent_done, &shmbus_shmif_header(bus)->spare, bus->id | HELD);
}
