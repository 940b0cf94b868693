/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_OPEN_H
#define SHMBUS_SHMIF_OPEN_H

#include <sys/stat.h>

#include "shmbus_shmif_bus.h"

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

/* Does the same. want: SHMBUS_FILE_READ, perhaps with SHMBUS_FILE_UNGUARDED. */
int shmbus_shmif_look(struct shmbus_shmif *bus, const char *path, enum shmbus_file_want want,
		      struct shmbus_error *e);

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

/* The same. *opened: the file that was looked at; all zeros if it could not be opened. */
bool shmbus_shmif_recognise_file(const char *path, struct stat *opened);

#endif /* SHMBUS_SHMIF_OPEN_H */
