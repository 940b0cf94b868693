/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_BUS_H
#define SHMBUS_SHMIF_BUS_H

/*
 * A shmif bus, as one port of one process has it open.
 *
 * NetBSD's peers know nothing of each other but the frames. Ports of ours
 * have a number each, from 1, proved to be alive by an open-file-description
 * lock beyond the end of the file, where NetBSD never looks: so a lock on the
 * bus that a dead port of ours left behind is recognised (shmbus_shmif_lock.h).
 */

#include "shmbus_file.h"
#include "shmbus_shmif_format.h"

#define SHMBUS_SHMIF_IDS 255

struct shmbus_shmif {
	struct shmbus_file file;
	bool filled;     /* this process made the file, or an empty one, a bus */
	uint32_t id;     /* this port's number */
	uint64_t sender; /* what its frames bear */
	uint8_t *map;    /* the whole file */
};

/*
 * Open a bus file, or create it as NetBSD does if it is absent or empty; map
 * it, and take a number. sender is 64 bits by chance. mode: permission bits
 * of a new file, 0: 0600. Returns 0 or -errno with a text; then the file is
 * as it was.
 * -EMEDIUMTYPE: not a shmif bus; -EPROTO: its version is not 3;
 * -ENODATA: its size is not a bus's; -EUSERS: 255 ports of ours are on it.
 */
int shmbus_shmif_open(struct shmbus_shmif *bus, const char *path, mode_t mode, uint64_t sender,
		      struct shmbus_error *e);

/* The same through a descriptor that the port's owner gave: shares its number. */
int shmbus_shmif_open_fd(struct shmbus_shmif *bus, int fd, const char *path, uint32_t id,
			 uint64_t sender, struct shmbus_error *e);

void shmbus_shmif_close(struct shmbus_shmif *bus);

/* See shmbus_shmif_lock.h: only one port of ours breaks a lock at a time. 0 or -EAGAIN. */
int shmbus_shmif_breaker_try(const struct shmbus_shmif *bus);
void shmbus_shmif_breaker_drop(const struct shmbus_shmif *bus);

/* Does the port of this number live? One system call. This process's own does. */
bool shmbus_shmif_alive(const struct shmbus_shmif *bus, uint32_t id);

/* How many other ports of ours are on the bus. Up to 255 system calls. */
uint32_t shmbus_shmif_count_peers(const struct shmbus_shmif *bus);

/*
 * Wake the peers that sleep: NetBSD's read an inotify descriptor. One system
 * call; writes the version number, as NetBSD does. Not while holding the lock.
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
