/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_NOTIFY_H
#define SHMBUS_NOTIFY_H

/*
 * Notify: a descriptor to sleep on, by inotify(7). A store into the mapping of
 * a file wakes nobody; a write(2) to the file wakes all processes that watch
 * it.
 */

/*
 * Returns a descriptor that becomes readable when a process writes the file
 * that is open as fd, or -errno. With fd -1 the descriptor never becomes
 * readable.
 */
int shmbus_notify_open(int fd);

/* Reads all events. Without this the next event would not be an edge for epoll(7). */
void shmbus_notify_drain(int fd);

/*
 * Makes the descriptor in readable, which watches the file that is open as fd,
 * without a change of the file. For a station that may not write the file, or
 * that only wakes itself. Does nothing if fd is -1.
 */
void shmbus_notify_self(int in, int fd);

#endif /* SHMBUS_NOTIFY_H */
