/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_REPAIR_H
#define SHMBUS_SHMIF_REPAIR_H

#include "shmbus_shmif_bus.h"

/*
 * Make the ring of a bus whose lock a dead NetBSD peer left one that its
 * peers accept: what can be read stays, the record that may be half-written
 * goes, or becomes a few that every receiver skips. known_end: a position, as
 * in struct shmbus_shmif_state, at which a record ended not long ago; 0 if
 * there is none. The lock is held.
 */
void shmbus_shmif_repair(const struct shmbus_shmif *bus, uint64_t known_end);

#endif /* SHMBUS_SHMIF_REPAIR_H */
