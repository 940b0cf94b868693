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

/*
 * Opens a bus file, or creates it as NetBSD does if it is absent or empty;
 * maps it, and takes a number. sender: 64 random bits. mode: permission bits
 * of a new file, 0: 0600. Begins a corrupt ring anew. Returns 0 or -errno with
 * a text; then the file is as it was. -EMEDIUMTYPE: not a shmif bus; -EPROTO:
 * its version is neither 3 nor 0; -ENODATA: its size is not that of a bus;
 * -EUSERS: 255 ports of ours are on it.
 */
int shmbus_shmif_open(struct shmbus_shmif *bus, const char *path, enum shmbus_file_want want,
		      mode_t mode, uint64_t sender, struct shmbus_error *e);

/*
 * Opens an existing bus for reading only, as a monitor
 * (shmbus_shmif_monitor.h). A monitor has no number, and other ports do not
 * see it. -ENODATA: also an empty file. The bus may be of version 2.
 */
int shmbus_shmif_open_readonly(struct shmbus_shmif *bus, const char *path, struct shmbus_error *e);

/*
 * Opens a bus for another process that shares the port, through a descriptor
 * from the owner; closes that descriptor on success. The process gets a number
 * of its own, as it may die alone. If the descriptor is for reading only, so
 * is the bus, and there is no number.
 */
int shmbus_shmif_open_fd(struct shmbus_shmif *bus, int fd, const char *path, uint64_t sender,
			 struct shmbus_error *e);

/* Returns whether the file begins as a shmif bus. False also if it cannot be read. */
bool shmbus_shmif_recognise(const char *path);

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
