/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FILE_H
#define SHMBUS_FILE_H

/*
 * The file that a bus lies in, whatever its format: found or made, checked,
 * and locked against everybody else who is just coming or going.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shmbus_error.h"

struct shmbus_file {
	int fd;
	bool created;     /* this process made it */
	bool hugetlb;     /* it lies on hugetlbfs */
	bool readonly;    /* opened for reading only */
	dev_t dev;
	ino_t ino;
	size_t page_size; /* of the filesystem: the huge page size on hugetlbfs */
	char path[4096];
};

/* Which file is meant. */
enum shmbus_file_want {
	SHMBUS_FILE_ANY = 0, /* the one that is there, or a new one */
	SHMBUS_FILE_OLD,     /* the one that is there */
	SHMBUS_FILE_NEW,     /* a new one */
};

/*
 * Open a file for reading and writing, or create it, empty and with mode 0600,
 * if it is absent. On success the caller holds the attach lock, and the path
 * leads to this very file; *size is its size. Symbolic links are not followed.
 * -ENOENT, -EEXIST: not as want has it; -EMEDIUMTYPE: not a regular file;
 * -ETIMEDOUT: the attach lock is stuck; else what open(2) and stat(2) say.
 */
int shmbus_file_open(struct shmbus_file *f, const char *path, enum shmbus_file_want want,
		     uint64_t *size, struct shmbus_error *e);

/*
 * The same for reading only. The file is not created, and must be there. The
 * attach lock is a shared one, which keeps others from coming and going, too.
 */
int shmbus_file_open_readonly(struct shmbus_file *f, const char *path, uint64_t *size,
			      struct shmbus_error *e);

/*
 * Give a descriptor that is to have locks, and has none yet, a number above
 * those of inotify, so that the locks go as soon as the process dies. Returns
 * the new one in its place, or the old one.
 */
int shmbus_file_raise(int fd);

/* Take over a descriptor that another process gave. Takes no lock. It is the caller's until 0. */
int shmbus_file_adopt(struct shmbus_file *f, int fd, const char *path, uint64_t *size,
		      struct shmbus_error *e);

/* Locks go with the last descriptor of this open file description. */
void shmbus_file_close(struct shmbus_file *f);

/* The attach lock. -ETIMEDOUT if another process keeps it for ten seconds. */
int shmbus_file_lock(const struct shmbus_file *f);
void shmbus_file_unlock(const struct shmbus_file *f);

/* Give a file that this process created its mode, whatever the umask; others stay as they are. */
int shmbus_file_set_mode(const struct shmbus_file *f, mode_t mode, struct shmbus_error *e);

/*
 * Give the pages of [off, end) their memory or disk blocks, so that touching
 * them cannot fail later. -ENOSPC if there are none.
 */
int shmbus_file_allocate(const struct shmbus_file *f, uint64_t off, uint64_t end);

/* Make it empty. Who takes back what he made has nothing left to try if even that fails. */
int shmbus_file_empty(const struct shmbus_file *f);

/* Remove its name, if that still leads to it. Hold the attach lock. -ENOENT if it does not. */
int shmbus_file_unlink(const struct shmbus_file *f);

#endif /* SHMBUS_FILE_H */
