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
 * shmbus_wait() naps itself. For shmbus_arm() a timer ends the nap. The descriptor of
 * shmbus_fd() is an epoll instance with two members: the timer, and the inotify
 * descriptor of the rings.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "shmbus_clock.h"
#include "shmbus_lib.h"

#define NAP_NS (1000 * 1000)

/* Naps after vain wake-ups. */
#define VAIN_MIN_NS (UINT64_C(50) * 1000)
#define VAIN_MAX_NS (UINT64_C(10) * 1000 * 1000)

/* Longest sleep without a check that the bus is still there. */
#define POLL_NS (UINT64_C(1000) * 1000 * 1000)

static bool
is_blind(const struct shmbus_station *st)
{
	return st->monitor && shmbus_lib_is_lanes(&st->bus);
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

/* Returns the length of the nap after a vain wake-up; 0: the last one was not vain. */
static uint64_t
vain_nap_ns(const struct shmbus_station *st)
{
	uint64_t ns = VAIN_MIN_NS;
	uint32_t i;

	if (st->vain == 0)
		return 0;
	for (i = 1; i < st->vain && ns < VAIN_MAX_NS; i++)
		ns *= 2;
	return ns < VAIN_MAX_NS ? ns : VAIN_MAX_NS;
}

static struct timespec
timespec_of(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
}

/* ---- descriptors */

static int
refuse_blind(const struct shmbus_station *st)
{
	return shmbus_lib_fail(-ENOTSUP, "path=%s: senders cannot wake a monitor "
			       "of a lanes bus; use shmbus_wait, or look at intervals",
			       shmbus_lib_path(&st->bus));
}

/* Opens the inotify descriptor if it is not open yet. Returns 0 or -errno. */
static int
open_notify(struct shmbus_station *st)
{
	const char *path = shmbus_lib_path(&st->bus);
	int fd;

	if (st->notify_fd >= 0)
		return 0;
	fd = shmbus_notify_open(shmbus_wire_file(&st->bus.wire)->fd);
	if (fd < 0)
		return shmbus_lib_fail(fd, "path=%s: cannot watch the file with inotify: %s%s", path,
				       strerror(-fd), fd == -EMFILE ? "; each sleeper takes one of "
				       "fs.inotify.max_user_instances" : "");
	st->notify_fd = fd;
	if (shmbus_lib_is_lanes(&st->bus))
		shmbus_lib_lanes_will_sleep(st);
	return 0;
}

static int
add_to_epoll(int ep, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

/* Opens the timer and the descriptor for callers. Returns 0 or -errno. */
static int
open_epoll(struct shmbus_station *st)
{
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	int timer = -1;
	int ret;

	if (ep < 0)
		goto err_errno;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timer < 0)
		goto err_errno;
	ret = add_to_epoll(ep, st->notify_fd);
	if (ret == 0)
		ret = add_to_epoll(ep, timer);
	if (ret != 0)
		goto err_close;
	st->timer_fd = timer;
	st->epoll_fd = ep;
	return 0;

err_errno:
	ret = -errno;
err_close:
	if (timer >= 0)
		close(timer);
	if (ep >= 0)
		close(ep);
	return shmbus_lib_fail(ret, "path=%s: cannot make a descriptor for poll: %s",
			       shmbus_lib_path(&st->bus), strerror(-ret));
}

int
shmbus_fd(struct shmbus_station *st)
{
	int ret;

	if (is_blind(st))
		return refuse_blind(st);
	if (st->epoll_fd >= 0)
		return st->epoll_fd;
	ret = open_notify(st);
	if (ret == 0)
		ret = open_epoll(st);
	return ret == 0 ? st->epoll_fd : ret;
}

/* ---- announcements */

static void
set_asleep(struct shmbus_station *st, bool asleep)
{
	if (shmbus_lib_is_lanes(&st->bus) && !st->monitor)
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

	shmbus_notify_drain(st->notify_fd);
	set_asleep(st, true);
	if (!pending(st))
		return UINT64_MAX;
	ns = vain_nap_ns(st);
	if (ns == 0)
		set_asleep(st, false);
	return ns;
}

/* Sets the timer to this time from now on; 0: never. */
static void
set_timer(struct shmbus_station *st, uint64_t ns)
{
	const struct itimerspec timer = { .it_value = timespec_of(ns) };

	/* A timer that has expired is set as well: the descriptor stays readable until then. */
	if (ns == 0 && !st->timer_set)
		return;
	st->timer_set = timerfd_settime(st->timer_fd, 0, &timer, NULL) == 0 && ns != 0;
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
	set_timer(st, ns == UINT64_MAX ? 0 : ns);
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
	const struct timespec ts = timespec_of(ns);

	return nanosleep(&ts, NULL) == 0 ? 0 : -EINTR;
}

static uint64_t
min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Sleeps until a ring, for limit_ns at most. Returns 0 or -errno. */
static int
sleep_until_rung(struct shmbus_station *st, uint64_t limit_ns)
{
	struct pollfd poller = { .events = POLLIN };
	struct timespec ts;
	uint64_t ns;
	int ret;

	ret = open_notify(st);
	if (ret != 0)
		return ret;
	ns = announce(st);
	if (ns == 0)
		return 0;
	poller.fd = st->notify_fd;
	ts = timespec_of(min_ns(ns, min_ns(limit_ns, POLL_NS)));
	ret = ppoll(&poller, 1, &ts, NULL) < 0 ? -errno : 0;
	shmbus_disarm(st);
	return ret;
}

static int
sleep_once(struct shmbus_station *st, uint64_t limit_ns)
{
	const uint64_t vain_ns = vain_nap_ns(st);

	if (is_blind(st))
		return nap(min_ns(vain_ns != 0 ? vain_ns : NAP_NS, limit_ns));
	return sleep_until_rung(st, limit_ns);
}

int
shmbus_wait(struct shmbus_station *st, int timeout_ms)
{
	const uint64_t begin = shmbus_clock_mono_ns();
	const uint64_t limit = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000;
	bool slept = false;
	uint64_t passed;
	int ret;

	st->peeked = 0;
	for (;;) {
		/* Asks the file: a sleeping station touches no page that could raise SIGBUS. */
		ret = shmbus_lib_gone_now(&st->bus);
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
					       shmbus_lib_path(&st->bus));
		if (ret != 0)
			return ret;
		slept = true;
	}
}
