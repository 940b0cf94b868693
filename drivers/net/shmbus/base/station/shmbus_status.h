/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STATUS_H
#define SHMBUS_STATUS_H

/* The status of the file of an open bus. */

#include "shmbus_bus.h"
#include "shmbus_shmif_bus.h"

/* From good to bad. */
enum shmbus_status {
	SHMBUS_STATUS_INTACT = 0,
	/* Ports on the bus continue, but a port that comes now does not find it. */
	SHMBUS_STATUS_NAMELESS,
	/* The bus is of no more use. */
	SHMBUS_STATUS_GONE,
};

/*
 * Returns the status of a bus, by a few system calls. why: the reason for
 * people, unless the bus is intact; the text continues behind the path, which
 * the caller has.
 */
enum shmbus_status shmbus_status_of_bus(const struct shmbus_bus *bus, struct shmbus_error *why);
/* Returns the status of a bus for the port that owns the slot. */
enum shmbus_status shmbus_status_of_port(const struct shmbus_bus *bus, uint32_t slot,
				     struct shmbus_error *why);
enum shmbus_status shmbus_status_of_shmif(const struct shmbus_shmif *bus, struct shmbus_error *why);

/*
 * Returns whether the file now holds another bus, or none. A caller asks this
 * before it stores into words of the bus. No system call.
 */
bool shmbus_status_is_lost(const struct shmbus_bus *bus);
bool shmbus_status_is_lost_shmif(const struct shmbus_shmif *bus);

#endif /* SHMBUS_STATUS_H */
