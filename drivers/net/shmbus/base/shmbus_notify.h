/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_NOTIFY_H
#define SHMBUS_NOTIFY_H

/*
 * A descriptor to sleep on, by inotify(7). A store into the mapping of a file
 * wakes nobody; a write(2) to the file wakes all that watch it.
 */

/*
 * A descriptor that can be read when somebody has written the file that is
 * open as fd, or -errno. With fd -1 nothing ever is to be read.
 */
int shmbus_notify_open(int fd);

/* Forget what it was told; without this the next time would not be an edge. */
void shmbus_notify_drain(int fd);

/*
 * Make a descriptor readable that watches the file open as fd, without a change
 * of the file. For a station that may not write it, or wants to wake itself
 * alone. fd -1: nothing.
 */
void shmbus_notify_self(int in, int fd);

#endif /* SHMBUS_NOTIFY_H */
