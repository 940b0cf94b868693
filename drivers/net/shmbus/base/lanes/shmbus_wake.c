/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shmbus_barrier.h"
#include "shmbus_port.h"
#include "shmbus_wake.h"

/* A sender that watches ports asks the kernel at every such look whether they live. */
#define ASK_EVERY 4096

int
shmbus_wake_ring(const struct shmbus_bus *bus)
{
	const uint32_t rung = 0;

	SHMBUS_STEP(wake_ring);
	if (!bus->file.hugetlb &&
	    pwrite(bus->file.fd, &rung, sizeof(rung),
		   SHMBUS_BELL_OFF + offsetof(struct shmbus_bell, rung)) == (ssize_t)sizeof(rung))
		return 0;
	/* hugetlbfs does not support write(2): IN_ATTRIB instead of IN_MODIFY. */
	SHMBUS_STEP(wake_ring);
	return futimens(bus->file.fd, NULL) == 0 ? 0 : -errno;
}

void
shmbus_wake_tell(const struct shmbus_bus *bus, bool begins)
{
	/* W4 (wake_tell): with W5 in the senders, which look at the states then */
	shmbus_step_add_release(wake_tell, &shmbus_bus_bell(bus)->changes, 1);
	if (begins)
		shmbus_barrier_everywhere();
	else
		shmbus_fence_full();
}

void
shmbus_wake_sleep(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq)
{
	struct shmbus_port_entry *entry = shmbus_bus_port(bus, slot);

	shmbus_step_add(wake_count_sleep, &entry->sleeps, 1);
	/* W6 (wake_set_flag): with W7. A sender that sees this flag sees this sleep counted. */
	shmbus_step_store_release(wake_set_flag, &entry->sleeping[rxq], 1);
	/* W1 (wake_flag_set) */
	SHMBUS_STEP(wake_flag_set);
	shmbus_fence_full();
}

void
shmbus_wake_rise(const struct shmbus_bus *bus, uint32_t slot, uint32_t rxq)
{
	shmbus_step_store(wake_clear_flag, &shmbus_bus_port(bus, slot)->sleeping[rxq], 0);
}

void
shmbus_waker_start(const struct shmbus_bus *bus, struct shmbus_waker *w, uint32_t lane,
		   struct shmbus_sleeper *sleeper)
{
	uint32_t slot;

	*w = (struct shmbus_waker){
		.quiet_at = UINT64_MAX,
		.seen_at = UINT64_MAX,
		.lane = lane,
		.sleepers = sleeper,
	};
	for (slot = 0; slot < bus->geo.ports; slot++)
		sleeper[slot] = (struct shmbus_sleeper){ .slot = slot };
}

/* Finds the ports that use interrupts. */
static void
find_users(const struct shmbus_bus *bus, struct shmbus_waker *w, uint64_t changes)
{
	struct shmbus_port_entry *entry;
	uint32_t slot, n_rxq, state;

	w->n = 0;
	for (slot = 0; slot < bus->geo.ports; slot++) {
		entry = shmbus_bus_port(bus, slot);
		state = shmbus_load(&entry->state);
		if (!(state & SHMBUS_PORT_RX_INTR))
			continue;
		n_rxq = shmbus_load(&entry->n_rxq);
		w->sleepers[w->n++] = (struct shmbus_sleeper){
			.slot = slot,
			.n_rxq = n_rxq < bus->geo.queues ? n_rxq : bus->geo.queues,
			.mirror = state & SHMBUS_PORT_MIRROR,
		};
	}
	w->seen_at = changes;
	w->quiet_at = w->n == 0 ? changes : UINT64_MAX;
}

/* Forgets dead ports, and ports without interrupts whose owner died before it said so. */
static void
forget_dead(const struct shmbus_bus *bus, struct shmbus_waker *w)
{
	const uint32_t own = w->lane / bus->geo.queues;
	uint32_t i, slot, n = 0;

	for (i = 0; i < w->n; i++) {
		slot = w->sleepers[i].slot;
		if (!(shmbus_load(&shmbus_bus_port(bus, slot)->state) & SHMBUS_PORT_RX_INTR))
			continue;
		/* A process does not see the locks of its own port. */
		if (slot == own || shmbus_port_alive(bus, slot))
			w->sleepers[n++] = w->sleepers[i];
	}
	w->n = n;
	if (n == 0)
		w->quiet_at = w->seen_at;
}

/* Returns whether a queue of the port that reads this lane sleeps without a ring for it yet. */
static bool
sleeps(const struct shmbus_bus *bus, const struct shmbus_waker *w, struct shmbus_sleeper *sleeper)
{
	struct shmbus_port_entry *entry = shmbus_bus_port(bus, sleeper->slot);
	struct shmbus_cursor *cursor;
	uint64_t now;
	uint32_t q;

	for (q = 0; q < sleeper->n_rxq; q++) {
		/* W7 (wake_look_at_flags): with W6 */
		if (shmbus_load_acquire(&entry->sleeping[q]) == 0)
			continue;
		cursor = shmbus_bus_cursor(bus, sleeper->slot, q, w->lane);
		if (!(shmbus_load(&cursor->state) & SHMBUS_CURSOR_ACTIVE))
			continue;
		now = shmbus_load(&entry->sleeps);
		if (now == sleeper->woken)
			return false;
		sleeper->woken = now;
		return true;
	}
	return false;
}

static bool
is_receiver(const struct shmbus_sleeper *sleeper, const struct shmbus_receivers *to)
{
	return to == NULL || to->all || sleeper->mirror ||
	       (to->slots[sleeper->slot / 64] >> sleeper->slot % 64 & 1);
}

void
shmbus_waker_look(const struct shmbus_bus *bus, struct shmbus_waker *w,
		  const struct shmbus_receivers *to)
{
	/* W5 (wake_look_at_changes): with W4 */
	const uint64_t changes = shmbus_load_acquire(&shmbus_bus_bell(bus)->changes);
	bool ring = false;
	uint32_t i;

	if (changes != w->seen_at)
		find_users(bus, w, changes);
	else if (++w->looks % ASK_EVERY == 0)
		forget_dead(bus, w);
	if (w->n == 0)
		return;
	/* W2 (wake_look_at_flags): with W1 */
	SHMBUS_STEP(wake_look_at_flags);
	shmbus_fence_full();
	if (w->ring_failed)
		to = NULL;
	for (i = 0; i < w->n; i++)
		ring |= is_receiver(&w->sleepers[i], to) && sleeps(bus, w, &w->sleepers[i]);
	if (!ring)
		return;
	w->rings++;
	w->ring_failed = shmbus_wake_ring(bus) != 0;
	if (w->ring_failed)
		for (i = 0; i < w->n; i++)
			w->sleepers[i].woken = 0; /* the next burst tries again */
}
