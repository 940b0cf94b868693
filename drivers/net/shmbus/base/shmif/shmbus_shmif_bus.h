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
#include "shmbus_guard.h"
#include "shmbus_shmif_format.h"

#define SHMBUS_SHMIF_IDS 255

struct shmbus_shmif {
	struct shmbus_file file;
	bool filled;     /* this process made the file, or an empty one, a bus */
	uint32_t id;     /* this port's number, from 1; 0: it only reads */
	uint32_t version; /* 3; 2 only for a port that only reads */
	uint32_t record; /* bytes of a record's header */
	uint64_t sender; /* what its frames bear */
	uint8_t *map;    /* the whole file */
	struct shmbus_guard *guard; /* of map */
};

/*
 * Open a bus file, or create it as NetBSD does if it is absent or empty; map
 * it, and take a number. sender is 64 bits by chance. mode: permission bits
 * of a new file, 0: 0600. A ring that makes no sense is begun anew. Returns 0
 * or -errno with a text; then the file is as it was.
 * -EMEDIUMTYPE: not a shmif bus; -EPROTO: its version is not 3, or 0;
 * -ENODATA: its size is not a bus's; -EUSERS: 255 ports of ours are on it.
 */
int shmbus_shmif_open(struct shmbus_shmif *bus, const char *path, enum shmbus_file_want want,
		      mode_t mode, uint64_t sender, struct shmbus_error *e);

/*
 * Open one for reading only, which must be there; such a port has no number,
 * and nobody sees it. See shmbus_shmif_monitor.h. -ENODATA: empty, too. It
 * may be of version 2.
 */
int shmbus_shmif_open_readonly(struct shmbus_shmif *bus, const char *path, struct shmbus_error *e);

/*
 * The same for another process that shares the port: through a descriptor that
 * the owner gave, which is closed if this succeeds. It gets a number of its
 * own, as it may die on its own. If the descriptor is for reading only, so is
 * the bus, and there is no number.
 */
int shmbus_shmif_open_fd(struct shmbus_shmif *bus, int fd, const char *path, uint64_t sender,
			 struct shmbus_error *e);

/* Is this how a shmif bus begins? False if the file cannot be read, or is none. */
bool shmbus_shmif_recognise(const char *path);

void shmbus_shmif_close(struct shmbus_shmif *bus);

/* Keep the number of a dead port from being taken. -EAGAIN: that port lives. One system call. */
int shmbus_shmif_number_try(const struct shmbus_shmif *bus, uint32_t id);
void shmbus_shmif_number_drop(const struct shmbus_shmif *bus, uint32_t id);

/* Does another port of ours have this number? One system call. */
bool shmbus_shmif_number_alive(const struct shmbus_shmif *bus, uint32_t id);

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
