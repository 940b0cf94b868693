/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STATUS_H
#define SHMBUS_STATUS_H

/* What has become of the file of a bus that is open. */

#include "shmbus_bus.h"
#include "shmbus_shmif_bus.h"

/* From good to bad. */
enum shmbus_status {
	SHMBUS_STATUS_INTACT = 0,
	/* Who is on it goes on, but who comes now will not find it. */
	SHMBUS_STATUS_NAMELESS,
	/* There is nothing that could be used. */
	SHMBUS_STATUS_GONE,
};

/*
 * A few system calls. why: what has happened to it, for people, unless it is
 * well; it begins behind the path, which the caller has.
 */
enum shmbus_status shmbus_status_of_bus(const struct shmbus_bus *bus, struct shmbus_error *why);
/* Of a bus, for the port that has the slot. */
enum shmbus_status shmbus_status_of_port(const struct shmbus_bus *bus, uint32_t slot,
				     struct shmbus_error *why);
enum shmbus_status shmbus_status_of_shmif(const struct shmbus_shmif *bus, struct shmbus_error *why);

/*
 * Is what the file holds by now another bus, or none? For who is about to write
 * where the words of this one were. No system call.
 */
bool shmbus_status_is_lost(const struct shmbus_bus *bus);
bool shmbus_status_is_lost_shmif(const struct shmbus_shmif *bus);

#endif /* SHMBUS_STATUS_H */
