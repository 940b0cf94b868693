/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sleeping until frames arrive.
 *
 * The station announces that it sleeps, and then looks once more. A sender that
 * publishes after that look sees the announcement and wakes the station
 * (base/lanes/shmbus_wake.h). A monitor of lanes cannot announce anything, so it
 * looks every NAP_NS.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "shmbus_clock.h"
#include "shmbus_lib.h"

#define NAP_NS (1000 * 1000)

/* Longest sleep without a check that the bus is still there. */
#define POLL_MS 1000

static bool
is_blind(const struct shmbus_station *st)
{
	return st->monitor && shmbus_lib_is_lanes(&st->bus);
}

static bool
pending(struct shmbus_station *st)
{
	return shmbus_lib_receives(st) && st->ops->pending(st);
}

int
shmbus_fd(struct shmbus_station *st)
{
	const char *path = shmbus_lib_path(&st->bus);
	int fd;

	if (is_blind(st))
		return shmbus_lib_fail(-ENOTSUP, "path=%s: senders cannot wake a monitor "
				       "of a lanes bus; use shmbus_wait, or look at intervals", path);
	if (st->notify_fd >= 0)
		return st->notify_fd;
	fd = shmbus_notify_open(shmbus_wire_file(&st->bus.wire)->fd);
	if (fd < 0)
		return shmbus_lib_fail(fd, "path=%s: cannot watch it with inotify: %s%s", path,
				       strerror(-fd), fd == -EMFILE ? "; each sleeper takes one of "
				       "fs.inotify.max_user_instances" : "");
	st->notify_fd = fd;
	if (shmbus_lib_is_lanes(&st->bus))
		shmbus_lib_lanes_will_sleep(st);
	return fd;
}

static void
set_asleep(struct shmbus_station *st, bool asleep)
{
	if (shmbus_lib_is_lanes(&st->bus) && !st->monitor)
		shmbus_lib_lanes_sleep(st, asleep);
}

int
shmbus_arm(struct shmbus_station *st)
{
	const int fd = shmbus_fd(st);

	if (fd < 0)
		return fd;
	st->peeked = 0;
	shmbus_notify_drain(fd);
	set_asleep(st, true);
	if (!pending(st))
		return 0;
	set_asleep(st, false);
	return 1;
}

void
shmbus_disarm(struct shmbus_station *st)
{
	set_asleep(st, false);
}

/* Sleeps for NAP_NS, or limit_ns if that is less. Returns 0 or -EINTR. */
static int
nap(uint64_t limit_ns)
{
	const struct timespec ts = { .tv_nsec = limit_ns < NAP_NS ? (long)limit_ns : NAP_NS };

	return nanosleep(&ts, NULL) == 0 ? 0 : -EINTR;
}

static int
sleep_until_rung(struct shmbus_station *st, uint64_t limit_ns)
{
	const uint64_t limit_ms = limit_ns / 1000000 + 1;
	struct pollfd poller = { .events = POLLIN };
	int ret;

	ret = shmbus_arm(st);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	poller.fd = st->notify_fd;
	ret = poll(&poller, 1, limit_ms < POLL_MS ? (int)limit_ms : POLL_MS) < 0 ? -errno : 0;
	shmbus_disarm(st);
	return ret;
}

int
shmbus_wait(struct shmbus_station *st, int timeout_ms)
{
	const uint64_t begin = shmbus_clock_mono_ns();
	const uint64_t limit = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000;
	uint64_t passed;
	int ret;

	st->peeked = 0;
	for (;;) {
		/* Asks the file: a sleeping station touches no page that could raise SIGBUS. */
		ret = shmbus_lib_gone_now(&st->bus);
		if (ret != 0)
			return ret;
		if (pending(st))
			return 1;
		passed = shmbus_clock_mono_ns() - begin;
		if (passed >= limit)
			return 0;
		ret = is_blind(st) ? nap(limit - passed) : sleep_until_rung(st, limit - passed);
		if (ret == -EINTR)
			return shmbus_lib_fail(ret, "path=%s: a signal interrupted the wait",
					       shmbus_lib_path(&st->bus));
		if (ret != 0)
			return ret;
	}
}
