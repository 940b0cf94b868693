/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LOCK_H
#define SHMBUS_LOCK_H

/*
 * Open-file-description locks on single bytes of a file. The kernel drops
 * them when the last descriptor of that open file description is closed,
 * that is when the owner dies, however it dies; so a lock is the proof that
 * its owner lives, across containers and pid namespaces.
 */

#include <stdbool.h>
#include <sys/types.h>

/* 0, -EAGAIN if another has it, or -errno. Taking it twice is no error. */
int shmbus_lock_try(int fd, off_t off);

/* The same for a lock that many may have; needs permission to read the file only. */
int shmbus_lock_try_shared(int fd, off_t off);

void shmbus_lock_drop(int fd, off_t off);

/* Does another open file description hold it? One system call. */
bool shmbus_lock_held_by_other(int fd, off_t off);

/* The same, where a shared lock counts, too. */
bool shmbus_lock_shared_by_other(int fd, off_t off);

#endif /* SHMBUS_LOCK_H */
