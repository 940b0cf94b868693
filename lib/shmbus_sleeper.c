/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * What a side of a station sleeps on. The two sides of a station may sleep at once, each in a
 * thread of its own, so each has descriptors of its own: a ring that one side has drained would
 * be lost for the other.
 *
 * The descriptor for callers is an epoll instance with two members: the inotify descriptor of
 * the rings, and a timer that limits the sleep.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "shmbus_lib.h"

/* Naps after vain wake-ups. */
#define VAIN_MIN_NS (UINT64_C(50) * 1000)
#define VAIN_MAX_NS (UINT64_C(10) * 1000 * 1000)

void
shmbus_lib_sleeper_init(struct shmbus_lib_sleeper *s)
{
	*s = (struct shmbus_lib_sleeper){ .notify_fd = -1, .timer_fd = -1, .epoll_fd = -1 };
}

void
shmbus_lib_sleeper_close(struct shmbus_lib_sleeper *s)
{
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	if (s->epoll_fd >= 0) {
		close(s->epoll_fd);
		close(s->timer_fd);
	}
}

struct timespec
shmbus_lib_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
}

uint64_t
shmbus_lib_vain_ns(uint32_t vain)
{
	uint64_t ns = VAIN_MIN_NS;
	uint32_t i;

	if (vain == 0)
		return 0;
	for (i = 1; i < vain && ns < VAIN_MAX_NS; i++)
		ns *= 2;
	return shmbus_lib_min_ns(ns, VAIN_MAX_NS);
}

int
shmbus_lib_sleeper_open(struct shmbus_lib_sleeper *s, const struct shmbus *bus)
{
	const char *path = shmbus_lib_path(bus);
	int fd;

	fd = shmbus_notify_open(shmbus_wire_file(&bus->wire)->fd);
	if (fd < 0)
		return shmbus_lib_fail(fd, "path=%s: cannot watch the file with inotify: %s%s", path,
				       strerror(-fd), fd == -EMFILE ? "; each sleeper takes one of "
				       "fs.inotify.max_user_instances" : "");
	s->notify_fd = fd;
	return 0;
}

static int
add_to_epoll(int ep, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

int
shmbus_lib_sleeper_open_fd(struct shmbus_lib_sleeper *s, const struct shmbus *bus)
{
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	int timer = -1;
	int ret;

	if (ep < 0)
		goto err_errno;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timer < 0)
		goto err_errno;
	ret = add_to_epoll(ep, timer);
	if (ret == 0 && s->notify_fd >= 0)
		ret = add_to_epoll(ep, s->notify_fd);
	if (ret != 0)
		goto err_close;
	s->timer_fd = timer;
	s->epoll_fd = ep;
	return 0;

err_errno:
	ret = -errno;
err_close:
	if (timer >= 0)
		close(timer);
	if (ep >= 0)
		close(ep);
	return shmbus_lib_fail(ret, "path=%s: cannot make a descriptor for poll: %s",
			       shmbus_lib_path(bus), strerror(-ret));
}

void
shmbus_lib_sleeper_listen(const struct shmbus_lib_sleeper *s, bool on)
{
	struct epoll_event ev = { .events = on ? EPOLLIN : 0, .data.fd = s->notify_fd };

	if (s->notify_fd >= 0)
		epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->notify_fd, &ev);
}

void
shmbus_lib_sleeper_set_timer(struct shmbus_lib_sleeper *s, uint64_t ns)
{
	const struct itimerspec timer = { .it_value = shmbus_lib_timespec(ns) };

	/* A timer that has expired is set as well: the descriptor stays readable until then. */
	if (ns == 0 && !s->timer_set)
		return;
	s->timer_set = timerfd_settime(s->timer_fd, 0, &timer, NULL) == 0 && ns != 0;
}

int
shmbus_lib_sleeper_sleep(const struct shmbus_lib_sleeper *s, uint64_t ns)
{
	struct pollfd poller = { .fd = s->notify_fd, .events = POLLIN };
	const struct timespec ts = shmbus_lib_timespec(ns);
	int ret;

	ret = ppoll(&poller, s->notify_fd >= 0, &ts, NULL);
	return ret < 0 ? -errno : ret;
}
