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

static int
lock_op(int fd, int op, short type, off_t off, struct flock *lock)
{
	*lock = (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = off,
		.l_len = 1,
	};
	return fcntl(fd, op, lock) == 0 ? 0 : -errno;
}

static int
try_lock(int fd, short type, off_t off)
{
	struct flock lock;
	int ret;

	ret = lock_op(fd, F_OFD_SETLK, type, off, &lock);
	return ret == -EACCES ? -EAGAIN : ret;
}

int
shmbus_lock_try(int fd, off_t off)
{
	return try_lock(fd, F_WRLCK, off);
}

int
shmbus_lock_try_shared(int fd, off_t off)
{
	return try_lock(fd, F_RDLCK, off);
}

void
shmbus_lock_drop(int fd, off_t off)
{
	struct flock lock;

	lock_op(fd, F_OFD_SETLK, F_UNLCK, off, &lock);
}

bool
shmbus_lock_held_by_other(int fd, off_t off)
{
	struct flock lock;

	/* An owner's lock excludes a shared one. The shared locks of others do not count:
	 * anyone who may read the file can take these. A failure says nothing about the owner:
	 * count it as alive.
	 */
	return lock_op(fd, F_OFD_GETLK, F_RDLCK, off, &lock) != 0 || lock.l_type != F_UNLCK;
}

bool
shmbus_lock_shared_by_other(int fd, off_t off)
{
	struct flock lock;

	return lock_op(fd, F_OFD_GETLK, F_WRLCK, off, &lock) != 0 || lock.l_type != F_UNLCK;
}
