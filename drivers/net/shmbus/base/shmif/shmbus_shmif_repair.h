/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_REPAIR_H
#define SHMBUS_SHMIF_REPAIR_H

#include "shmbus_shmif_bus.h"

/*
 * Repairs the ring behind a lock that a dead NetBSD kernel left: whole records
 * stay, and a record that may be half-written goes, or becomes a few records
 * that every receiver skips. known_end: a position, as in struct
 * shmbus_shmif_state, at which a record ended not long ago; 0: not known. The
 * caller holds the lock.
 */
void shmbus_shmif_repair(const struct shmbus_shmif *bus, uint64_t known_end);

#endif /* SHMBUS_SHMIF_REPAIR_H */
