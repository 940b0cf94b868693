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
 *
 * Vain wake-ups
 *
 * The look may find something that receive and peek cannot get: a frame on a shmif
 * bus whose lock a stopped port holds, or whatever else a hostile peer thinks of. No
 * ring would end this state, so the station must not sleep without a limit; and it
 * must not stay awake. It counts the wake-ups in a row of this kind, and sleeps a
 * little longer after each, unless a ring comes:
 *
 *   look      receive or peek after it    count     next wait, arm
 *   nothing   -                           0         sleep until a ring
 *   there     frames                      0         do not sleep
 *   there     only frames for others      0         do not sleep
 *   there     nothing                     + 1       sleep until a ring, or a nap
 *
 * shmbus_wait() naps itself. For shmbus_arm() a timer ends the nap (shmbus_sleeper.c).
 */

#include <errno.h>
#include <time.h>

#include "shmbus_clock.h"
#include "shmbus_lib.h"

#define NAP_NS (1000 * 1000)

/* Longest sleep without a check that the bus is still there. */
#define POLL_NS (UINT64_C(1000) * 1000 * 1000)

static bool
is_blind(const struct shmbus_station *st)
{
	return st->monitor && shmbus_lib_is_lanes(st->bus);
}

/* Returns whether receive or peek may get something. */
static bool
pending(struct shmbus_station *st)
{
	st->hinted = shmbus_lib_receives(st) && st->ops->pending(st);
	if (!st->hinted)
		st->vain = 0;
	return st->hinted;
}

/* ---- descriptors */

static int
refuse_blind(const struct shmbus_station *st)
{
	return shmbus_lib_fail(-ENOTSUP, "path=%s: senders cannot wake a monitor "
			       "of a lanes bus; use shmbus_wait, or look at intervals",
			       shmbus_lib_path(st->bus));
}

/* Opens the inotify descriptor if it is not open yet. Returns 0 or -errno. */
static int
open_notify(struct shmbus_station *st)
{
	int ret;

	if (st->rx_sleeper.notify_fd >= 0)
		return 0;
	ret = shmbus_lib_sleeper_open(&st->rx_sleeper, st->bus);
	if (ret == 0 && shmbus_lib_is_lanes(st->bus))
		shmbus_lib_lanes_will_sleep(st);
	return ret;
}

int
shmbus_fd(struct shmbus_station *st)
{
	int ret;

	if (is_blind(st))
		return refuse_blind(st);
	if (st->rx_sleeper.epoll_fd >= 0)
		return st->rx_sleeper.epoll_fd;
	ret = open_notify(st);
	if (ret == 0)
		ret = shmbus_lib_sleeper_open_fd(&st->rx_sleeper, st->bus);
	return ret == 0 ? st->rx_sleeper.epoll_fd : ret;
}

/* ---- announcements */

static void
set_asleep(struct shmbus_station *st, bool asleep)
{
	if (shmbus_lib_is_lanes(st->bus) && !st->monitor)
		shmbus_lib_lanes_sleep(st, asleep);
}

/*
 * Announces the sleep, and looks once more. Returns the longest sleep in ns; 0: there are
 * frames, so the announcement is taken back.
 */
static uint64_t
announce(struct shmbus_station *st)
{
	uint64_t ns;

	shmbus_notify_drain(st->rx_sleeper.notify_fd);
	set_asleep(st, true);
	if (!pending(st))
		return UINT64_MAX;
	ns = shmbus_lib_vain_ns(st->vain);
	if (ns == 0)
		set_asleep(st, false);
	return ns;
}

int
shmbus_arm(struct shmbus_station *st)
{
	const int fd = shmbus_fd(st);
	uint64_t ns;

	if (fd < 0)
		return fd;
	st->peeked = 0;
	ns = announce(st);
	shmbus_lib_sleeper_set_timer(&st->rx_sleeper, ns == UINT64_MAX ? 0 : ns);
	return ns == 0;
}

void
shmbus_disarm(struct shmbus_station *st)
{
	set_asleep(st, false);
}

/* ---- wait */

/* Sleeps for this time. Returns 0 or -EINTR. */
static int
nap(uint64_t ns)
{
	const struct timespec ts = shmbus_lib_timespec(ns);

	return nanosleep(&ts, NULL) == 0 ? 0 : -EINTR;
}

/* Sleeps until a ring, for limit_ns at most. Returns 0 or -errno. */
static int
sleep_until_rung(struct shmbus_station *st, uint64_t limit_ns)
{
	uint64_t ns;
	int ret;

	ret = open_notify(st);
	if (ret != 0)
		return ret;
	ns = announce(st);
	if (ns == 0)
		return 0;
	ret = shmbus_lib_sleeper_sleep(&st->rx_sleeper,
				       shmbus_lib_min_ns(ns, shmbus_lib_min_ns(limit_ns, POLL_NS)));
	shmbus_disarm(st);
	return ret < 0 ? ret : 0;
}

static int
sleep_once(struct shmbus_station *st, uint64_t limit_ns)
{
	const uint64_t vain_ns = shmbus_lib_vain_ns(st->vain);

	if (is_blind(st))
		return nap(shmbus_lib_min_ns(vain_ns != 0 ? vain_ns : NAP_NS, limit_ns));
	return sleep_until_rung(st, limit_ns);
}

int
shmbus_wait(struct shmbus_station *st, int timeout_ms)
{
	const uint64_t begin = shmbus_clock_mono_ns();
	const uint64_t limit = shmbus_lib_limit_ns(timeout_ms);
	bool slept = false;
	uint64_t passed;
	int ret;

	st->peeked = 0;
	for (;;) {
		/* Asks the file: a sleeping station touches no page that could raise SIGBUS. */
		ret = shmbus_lib_gone_now(st->bus);
		if (ret != 0)
			return ret;
		if (pending(st) && (slept || st->vain == 0))
			return 1;
		passed = shmbus_clock_mono_ns() - begin;
		if (passed >= limit)
			return st->hinted;
		ret = sleep_once(st, limit - passed);
		if (ret == -EINTR)
			return shmbus_lib_fail(ret, "path=%s: a signal interrupted the wait",
					       shmbus_lib_path(st->bus));
		if (ret != 0)
			return ret;
		slept = true;
	}
}
