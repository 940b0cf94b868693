/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_BUS_H
#define SHMBUS_SHMIF_BUS_H

/*
 * A shmif bus that one port of one process has open.
 *
 * NetBSD's ports know nothing of each other but their frames. Each port of
 * ours has a number, from 1. An open-file-description lock beyond the end of
 * the file, where NetBSD never looks, proves that its owner lives. So other
 * ports recognise the bus's lock when a dead port of ours has left it
 * (shmbus_shmif_lock.h).
 */

#include "shmbus_file.h"
#include "shmbus_guard.h"
#include "shmbus_shmif_format.h"

#define SHMBUS_SHMIF_IDS 255

struct shmbus_shmif {
	struct shmbus_file file;
	bool filled;     /* this process made the file a bus */
	uint32_t id;     /* this port's number, from 1; 0: a monitor */
	uint32_t version; /* 3, or 2 for a monitor */
	uint32_t record; /* bytes of a record's header */
	uint64_t sender; /* in the header of each of its records */
	uint8_t *map;    /* the whole file */
	struct shmbus_guard *guard; /* of map */
};

void shmbus_shmif_close(struct shmbus_shmif *bus);

/*
 * Locks the number of a dead port so that no new port can take it, and
 * releases it. -EAGAIN: that port lives. One system call.
 */
int shmbus_shmif_number_try(const struct shmbus_shmif *bus, uint32_t id);
void shmbus_shmif_number_drop(const struct shmbus_shmif *bus, uint32_t id);

/* Returns whether another port of ours has this number. One system call. */
bool shmbus_shmif_number_alive(const struct shmbus_shmif *bus, uint32_t id);

/* Counts the other ports of ours on the bus. Up to 255 system calls. */
uint32_t shmbus_shmif_count_peers(const struct shmbus_shmif *bus);

/*
 * Wakes sleeping ports; NetBSD's read an inotify descriptor. One system call,
 * which writes the version number as NetBSD does. The caller does not hold the
 * lock.
 */
void shmbus_shmif_wake(const struct shmbus_shmif *bus);

static inline struct shmbus_shmif_header *
shmbus_shmif_header(const struct shmbus_shmif *bus)
{
	return (struct shmbus_shmif_header *)(void *)bus->map;
}

static inline uint8_t *
shmbus_shmif_data(const struct shmbus_shmif *bus)
{
	return bus->map + SHMBUS_SHMIF_HEADER;
}

#endif /* SHMBUS_SHMIF_BUS_H */
