/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LOCK_H
#define SHMBUS_LOCK_H

/*
 * Open-file-description locks on single bytes of a file. The kernel drops a
 * lock when the last descriptor of its open file description is closed, and so
 * when its owner dies, in whatever way. A lock is therefore proof that its
 * owner lives, across containers and pid namespaces.
 */

#include <stdbool.h>
#include <sys/types.h>

/*
 * Takes a lock. Returns 0, -EAGAIN if another owner has it, or -errno. A
 * second call is not an error.
 */
int shmbus_lock_try(int fd, off_t off);

/* Takes a lock that several owners may have. Needs permission to read the file only. */
int shmbus_lock_try_shared(int fd, off_t off);

void shmbus_lock_drop(int fd, off_t off);

/* Returns whether another open file description holds the lock. One system call. */
bool shmbus_lock_held_by_other(int fd, off_t off);

/* As shmbus_lock_held_by_other(), but a shared lock counts as well. */
bool shmbus_lock_shared_by_other(int fd, off_t off);

#endif /* SHMBUS_LOCK_H */
