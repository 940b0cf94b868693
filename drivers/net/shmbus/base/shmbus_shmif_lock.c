/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_clock.h"
#include "shmbus_lock.h"
#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_repair.h"

/* A burst of a thousand short frames is written within this many looks. */
#define SPINS 4000

/* A stuck lock's holder is asked for after, and every: */
#define ASK_AFTER_NS (1000 * 1000)
#define ASK_EVERY_NS (10 * 1000 * 1000)

/* How long a newcomer waits for a breaker. */
#define INHERIT_WAIT_MS 1000

#define SPARE_ID 0xffu
#define SPARE_LAST_SHIFT 8
#define SPARE_LAST_MASK 0xfffffu
#define SPARE_GEN_SHIFT 28
#define SPARE_GEN_MASK 7u
#define SPARE_INTENT (1u << 31)
/* No offset of a record: the ring is being repaired. */
#define LAST_REPAIR SPARE_LAST_MASK

static bool
try_take(struct shmbus_shmif_header *h)
{
	uint32_t free_value = 0;

	if (shmbus_load(&h->lock) != 0)
		return false;
	/* L1: with L2 in unlock */
	return atomic_compare_exchange_strong_explicit(&h->lock, &free_value, 1,
						       memory_order_acquire, memory_order_relaxed);
}

/* Has the bus, stuck under a foreign lock, changed since the last look? */
static bool
changed(struct shmbus_shmif_watch *w, struct shmbus_shmif_header *h, uint64_t now)
{
	const uint64_t gen = shmbus_load(&h->gen);
	const uint32_t first = shmbus_load(&h->first);
	const uint32_t last = shmbus_load(&h->last);
	const uint32_t spare = shmbus_load(&h->spare);

	if (w->since_ns != 0 && w->gen == gen && w->first == first && w->last == last &&
	    w->spare == spare)
		return false;
	w->since_ns = now;
	w->asked_ns = now;
	w->gen = gen;
	w->first = first;
	w->last = last;
	w->spare = spare;
	return true;
}

/* Finish what a port of ours announced before it died. The lock is ours. */
static void
redo(const struct shmbus_shmif *bus, uint32_t spare, uint64_t known_end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t gen = shmbus_load(&h->gen);
	const uint32_t last = (spare >> SPARE_LAST_SHIFT) & SPARE_LAST_MASK;

	if (!(spare & SPARE_INTENT))
		return;
	if (last >= SHMBUS_SHMIF_DATA) {
		shmbus_shmif_repair(bus, known_end);
		return;
	}
	shmbus_store_release(&h->last, last);
	if ((gen & SPARE_GEN_MASK) == ((spare >> SPARE_GEN_SHIFT) & SPARE_GEN_MASK))
		shmbus_store_release(&h->gen, gen + 1);
}

/*
 * What the taker of a stuck lock signs with: should it die over it, the next
 * one has to do the same again.
 */
static uint32_t
signature(const struct shmbus_shmif *bus, const struct shmbus_shmif_watch *w, bool foreign)
{
	if (foreign)
		return SPARE_INTENT | LAST_REPAIR << SPARE_LAST_SHIFT | bus->id;
	return (w->spare & ~SPARE_ID) | bus->id;
}

/* Take over a stuck lock, if it is still as it was seen. */
static bool
take_over(const struct shmbus_shmif *bus, struct shmbus_shmif_watch *w, bool foreign)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	uint32_t spare = w->spare;

	/* Among ours: one breaker at a time, and only if nothing has happened. */
	if (shmbus_shmif_breaker_try(bus) != 0)
		return false;
	if (shmbus_load(&h->lock) != 1 ||
	    !atomic_compare_exchange_strong_explicit(&h->spare, &spare, signature(bus, w, foreign),
						     memory_order_acquire, memory_order_relaxed)) {
		shmbus_shmif_breaker_drop(bus);
		return false;
	}
	if (foreign) {
		shmbus_shmif_repair(bus, w->known_end);
		w->broken_foreign++;
	} else {
		redo(bus, w->spare, w->known_end);
		w->broken_ours++;
	}
	shmbus_store_release(&h->spare, bus->id);
	shmbus_shmif_breaker_drop(bus);
	w->since_ns = 0;
	return true;
}

/* The lock was not to be had: is its holder dead? Then it is ours now. */
static bool
take_from_dead(const struct shmbus_shmif *bus, struct shmbus_shmif_watch *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t now = shmbus_clock_mono_ns();
	uint32_t id;

	if (shmbus_load(&h->lock) != 1 || changed(w, h, now))
		return false;
	id = w->spare & SPARE_ID;
	if (id == 0)
		return w->break_ns != 0 && now - w->since_ns >= w->break_ns &&
		       take_over(bus, w, true);
	if (now - w->since_ns < ASK_AFTER_NS || now - w->asked_ns < ASK_EVERY_NS / 10)
		return false;
	w->asked_ns = now;
	if (shmbus_shmif_alive(bus, id))
		return false;
	return take_over(bus, w, false);
}

bool
shmbus_shmif_lock(const struct shmbus_shmif *bus, struct shmbus_shmif_watch *w)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	unsigned int i;

	for (i = 0; i < SPINS; i++) {
		if (try_take(h)) {
			shmbus_store(&h->spare, bus->id);
			w->since_ns = 0;
			return true;
		}
	}
	w->busy++;
	return take_from_dead(bus, w);
}

void
shmbus_shmif_unlock(const struct shmbus_shmif *bus, struct shmbus_shmif_watch *w, uint64_t end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	if (end != 0)
		w->known_end = end;
	shmbus_store(&h->spare, 0);
	/* L2 */
	shmbus_store_release(&h->lock, 0);
}

void
shmbus_shmif_lock_inherit(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	unsigned int i;
	uint32_t spare;

	/* A breaker may just be taking it; it will not find its signature again. */
	for (i = 0; shmbus_shmif_breaker_try(bus) != 0; i++) {
		if (i == INHERIT_WAIT_MS)
			return;
		nanosleep(&nap, NULL);
	}
	spare = shmbus_load(&h->spare);
	if ((spare & SPARE_ID) == bus->id) {
		redo(bus, spare, 0);
		shmbus_store(&h->spare, 0);
		shmbus_store_release(&h->lock, 0);
	}
	shmbus_shmif_breaker_drop(bus);
}

void
shmbus_shmif_lock_intent(const struct shmbus_shmif *bus, uint64_t gen, uint32_t last)
{
	/* gen is what it will be; what it is now is one less. */
	shmbus_store_release(&shmbus_shmif_header(bus)->spare,
			     SPARE_INTENT | (uint32_t)((gen - 1) & SPARE_GEN_MASK) << SPARE_GEN_SHIFT |
			     last << SPARE_LAST_SHIFT | bus->id);
}

void
shmbus_shmif_lock_intent_done(const struct shmbus_shmif *bus)
{
	shmbus_store_release(&shmbus_shmif_header(bus)->spare, bus->id);
}
