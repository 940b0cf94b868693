/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_BUS_OPEN_H
#define SHMBUS_BUS_OPEN_H

#include "shmbus_bus.h"

/*
 * Opens the bus file and maps it. Creates the bus if the file is absent or
 * empty; with readonly the bus must exist. On success the caller holds the
 * attach lock, which shmbus_file_unlock() releases: meanwhile no other process
 * creates, attaches or leaves.
 *
 * If the geometry contradicts conf, no port is alive and the bus never carried a
 * frame, the file is replaced by a new bus (shmbus_replace.h).
 *
 * Returns 0, or -errno with a text; then the file is as it was before.
 * -EMEDIUMTYPE: the file is not a bus; -EPROTO: another version; -ENODATA:
 * truncated; -EEXIST: the geometry contradicts conf; -ETIMEDOUT: the attach
 * lock is stuck; otherwise the errors of open(2), mmap(2) and
 * posix_fallocate(3).
 */
int shmbus_bus_open(struct shmbus_bus *bus, const struct shmbus_bus_conf *conf,
		    struct shmbus_error *e);

/*
 * Opens a bus through a descriptor from another process. The descriptor shares
 * its open file description with that process, and therefore its locks. Takes
 * no lock. On success the descriptor belongs to bus, otherwise still to the
 * caller.
 */
int shmbus_bus_open_fd(struct shmbus_bus *bus, int fd, const char *path, struct shmbus_error *e);

/*
 * Undoes shmbus_bus_open() for a caller that cannot continue: takes back what
 * this process changed in the file, and releases the attach lock, which the
 * caller holds.
 */
void shmbus_bus_undo(struct shmbus_bus *bus);

#endif /* SHMBUS_BUS_OPEN_H */
