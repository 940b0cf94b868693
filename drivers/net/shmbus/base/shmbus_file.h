/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FILE_H
#define SHMBUS_FILE_H

/*
 * The file of a bus, of either format: opened or created, checked, and locked
 * against other processes that open or close it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shmbus_error.h"
#include "shmbus_guard.h"

struct shmbus_file {
	int fd;
	bool created;     /* this process created it */
	bool hugetlb;     /* it lies on hugetlbfs */
	bool readonly;    /* opened for reading only */
	bool unguarded;   /* its mappings have no guard */
	dev_t dev;
	ino_t ino;
	size_t page_size; /* of the filesystem: the huge page size on hugetlbfs */
	char path[4096];
};

/* The file that a caller wants. */
enum shmbus_file_want {
	SHMBUS_FILE_ANY = 0, /* an existing or a new file */
	SHMBUS_FILE_OLD,     /* an existing file */
	SHMBUS_FILE_NEW,     /* a new one */
	SHMBUS_FILE_READ,    /* an existing file, for reading only */
	/*
	 * A bit besides one of these values: the mappings get no guard, so that no handler
	 * of SIGBUS is installed for them (shmbus_guard.h).
	 */
	SHMBUS_FILE_UNGUARDED = 8,
};

/*
 * Opens a file, or creates it, empty and with mode 0600, if it is absent. On
 * success the caller holds the attach lock, the path leads to this very file,
 * and *size is its size. If the file is opened for reading only, the lock is a
 * shared one; it also keeps other processes from attaching and leaving. Does
 * not follow symbolic links. -ENOENT, -EEXIST: the file is not as want demands;
 * -EMEDIUMTYPE: not a regular file; -ETIMEDOUT: the attach lock is stuck;
 * otherwise the errors of open(2) and stat(2).
 */
int shmbus_file_open(struct shmbus_file *f, const char *path, enum shmbus_file_want want,
		     uint64_t *size, struct shmbus_error *e);

/*
 * Gives a descriptor, which does not hold locks yet, a number above those of
 * inotify, so that its locks go as soon as the process dies. Returns the new
 * number, or the old one if there is no higher number.
 */
int shmbus_file_raise(int fd);

/*
 * Adopts a descriptor from another process. Takes no lock. On success the
 * descriptor belongs to f, otherwise still to the caller.
 */
int shmbus_file_adopt(struct shmbus_file *f, int fd, const char *path, uint64_t *size,
		      struct shmbus_error *e);

/*
 * Closes the file. The kernel drops the locks with the last descriptor of this
 * open file description.
 */
void shmbus_file_close(struct shmbus_file *f);

/* Takes and releases the attach lock. -ETIMEDOUT if another process keeps it for ten seconds. */
int shmbus_file_lock(const struct shmbus_file *f);
void shmbus_file_unlock(const struct shmbus_file *f);

/*
 * Maps the first len bytes of the file, under a new guard; *guard is NULL if the
 * file is unguarded. The caller covers the mapping (shmbus_guard_cover), and ends
 * the guard before it unmaps. flags: for mmap(2), besides MAP_SHARED. what: the
 * name of these bytes in the error text.
 */
int shmbus_file_map(const struct shmbus_file *f, size_t len, int flags, const char *what,
		    uint8_t **map, struct shmbus_guard **guard, struct shmbus_error *e);

/*
 * Sets the mode of a file that this process created, whatever the umask. Other
 * files stay unchanged.
 */
int shmbus_file_set_mode(const struct shmbus_file *f, mode_t mode, struct shmbus_error *e);

/*
 * Allocates memory or disk blocks for the pages of [off, end), so that later
 * accesses cannot fail. Returns -ENOSPC if there are none.
 */
int shmbus_file_allocate(const struct shmbus_file *f, uint64_t off, uint64_t end);

/*
 * Empties the file. A caller that undoes a creation can ignore an error:
 * nothing else is left to try.
 */
int shmbus_file_empty(const struct shmbus_file *f);

/*
 * Removes the file's name if it still leads to this file; otherwise returns
 * -ENOENT. The caller holds the attach lock.
 */
int shmbus_file_unlink(const struct shmbus_file *f);

#endif /* SHMBUS_FILE_H */
