/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "shmbus_notify.h"

/* Watches the open file, whatever its name leads to now. Returns the watch's number, or -1. */
static int
add_watch(int in, int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return inotify_add_watch(in, name, IN_MODIFY | IN_ATTRIB);
}

int
shmbus_notify_open(int fd)
{
	int in, ret;

	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (in < 0)
		return -errno;
	if (fd < 0)
		return in;
	if (add_watch(in, fd) < 0) {
		ret = -errno;
		close(in);
		return ret;
	}
	return in;
}

void
shmbus_notify_drain(int fd)
{
	uint8_t events[4096];

	/* A read that does not fill the buffer has returned all events. */
	while (read(fd, events, sizeof(events)) == (ssize_t)sizeof(events))
		;
}

void
shmbus_notify_self(int in, int fd)
{
	const int watch = fd < 0 ? -1 : add_watch(in, fd); /* the existing watch */

	/* Removing a watch leaves an event. Events before the watch is back are not missed, as
	 * the descriptor is readable.
	 */
	if (watch >= 0 && inotify_rm_watch(in, watch) == 0)
		add_watch(in, fd);
}
