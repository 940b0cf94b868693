/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_SPARE_H
#define SHMBUS_SHMIF_SPARE_H

/*
 * The spare word, in which the holder of the lock announces what it is about
 * to change. shmbus_shmif_lock.h describes its bits and states.
 */

#include "shmbus_shmif_bus.h"

#define SHMBUS_SPARE_ID 0xffu
#define SHMBUS_SPARE_LAST_SHIFT 8
#define SHMBUS_SPARE_LAST_MASK 0xfffffu
#define SHMBUS_SPARE_GEN_SHIFT 28
/* With SHMBUS_SPARE_WATCHED: a dead port of ours may hold the lock. */
#define SHMBUS_SPARE_OURS (1u << 28)
#define SHMBUS_SPARE_HELD (1u << 29)
#define SHMBUS_SPARE_WATCHED (1u << 30)
#define SHMBUS_SPARE_INTENT (1u << 31)
/* Not an offset of a record: the ring is being repaired. */
#define SHMBUS_SPARE_LAST_REPAIR SHMBUS_SPARE_LAST_MASK

/* The word of a port that holds the lock and repairs the ring. */
static inline uint32_t
shmbus_shmif_spare_repair(const struct shmbus_shmif *bus)
{
	return SHMBUS_SPARE_INTENT | SHMBUS_SPARE_HELD |
	       SHMBUS_SPARE_LAST_REPAIR << SHMBUS_SPARE_LAST_SHIFT | bus->id;
}

/*
 * Announces a repair: if this port dies before it publishes or releases the
 * lock, the next holder repairs the ring. shmbus_shmif_append() calls this.
 */
void shmbus_shmif_ask_repair(const struct shmbus_shmif *bus);

/*
 * Announce that last and gen are about to get these values, and that they have
 * them. shmbus_shmif_publish() calls these.
 */
void shmbus_shmif_intent(const struct shmbus_shmif *bus, uint64_t gen, uint32_t last);
void shmbus_shmif_intent_done(const struct shmbus_shmif *bus);

#endif /* SHMBUS_SHMIF_SPARE_H */
