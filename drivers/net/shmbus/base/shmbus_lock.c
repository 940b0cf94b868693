/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_OFD_SETLK */
#endif

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shmbus_lock.h"

static struct flock
lock_at(short type, off_t off)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = off,
		.l_len = 1,
	};
}

static int
set_lock(int fd, short type, off_t off)
{
	struct flock lock = lock_at(type, off);

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/*
 * Returns whether a lock of another owner excludes one of this type. A failure
 * says nothing about the owner: it counts as alive.
 */
static bool
is_excluded(int fd, short type, off_t off)
{
	struct flock lock = lock_at(type, off);

	return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

int
shmbus_lock_try(int fd, off_t off)
{
	return set_lock(fd, F_WRLCK, off);
}

int
shmbus_lock_try_shared(int fd, off_t off)
{
	return set_lock(fd, F_RDLCK, off);
}

void
shmbus_lock_drop(int fd, off_t off)
{
	set_lock(fd, F_UNLCK, off);
}

bool
shmbus_lock_held_by_other(int fd, off_t off)
{
	/* An owner's lock excludes a shared one. Shared locks do not count: any process that
	 * may read the file can take one.
	 */
	return is_excluded(fd, F_RDLCK, off);
}

bool
shmbus_lock_shared_by_other(int fd, off_t off)
{
	return is_excluded(fd, F_WRLCK, off);
}
