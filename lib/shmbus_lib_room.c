/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sleeping until a slow receiver has moved.
 *
 * On lanes the station asks the receiver that holds it back, and that receiver wakes it
 * (base/lanes/shmbus_room.h). Each sleep is limited, for three reasons: a receiver may not know
 * of the question, may be dead, or may have stopped, and the station must look whether to give it
 * up; and two stations that wait for each other find this out by looking.
 *
 *   receivers                              longest sleep
 *   wake the station                       a quarter of the wait so far, from 1 to 10 ms
 *   let it wake by its time-out            as long as the wait so far, from 50 us to 1 ms
 *
 * Which of the two it is shows at the end of the last sleep after which there was room.
 *
 * On shmif no sender waits for a receiver. A frame is refused there because the lock is not
 * available, and nobody rings when it is: the station naps, as after a vain wake-up
 * (shmbus_wait.c), and tries again.
 */

#include <errno.h>

#include "shmbus_clock.h"
#include "shmbus_lib.h"

#define SLICE_MIN_NS (UINT64_C(1000) * 1000)
#define SLICE_MAX_NS (UINT64_C(10) * 1000 * 1000)
#define UNRUNG_MIN_NS (UINT64_C(50) * 1000)
#define UNRUNG_MAX_NS SLICE_MIN_NS

/* Returns the longest sleep of a station that has waited for this time already. */
static uint64_t
slice_ns(const struct shmbus_station *st, uint64_t waited)
{
	if (!shmbus_lib_is_lanes(st->bus))
		return shmbus_lib_vain_ns(st->refused);
	if (st->unrung || st->tx_sleeper.notify_fd < 0)
		return waited < UNRUNG_MIN_NS ? UNRUNG_MIN_NS : shmbus_lib_min_ns(waited, UNRUNG_MAX_NS);
	return waited / 4 < SLICE_MIN_NS ? SLICE_MIN_NS : shmbus_lib_min_ns(waited / 4, SLICE_MAX_NS);
}

/* Returns 0, or -errno: the station can open no descriptor, and naps instead. */
static int
open_notify(struct shmbus_station *st)
{
	if (!shmbus_lib_is_lanes(st->bus) || st->tx_sleeper.notify_fd >= 0)
		return 0;
	return shmbus_lib_sleeper_open(&st->tx_sleeper, st->bus);
}

static void
end_ask(struct shmbus_station *st)
{
	if (shmbus_lib_is_lanes(st->bus))
		shmbus_lib_lanes_end_ask(st);
}

/* Asks for room and looks. Returns whether there is room. The caller sleeps next if not. */
static bool
ask(struct shmbus_station *st)
{
	if (!shmbus_lib_is_lanes(st->bus))
		return st->refused == 0;
	if (st->tx_sleeper.notify_fd >= 0)
		shmbus_notify_drain(st->tx_sleeper.notify_fd);
	return shmbus_lib_lanes_ask_room(st);
}

/* A lost bus seems to have room. */
static int
room_or_gone(const struct shmbus_station *st)
{
	const int ret = shmbus_lib_gone(st->bus);

	return ret != 0 ? ret : 1;
}

/* ---- wait */

static int
interrupted(const struct shmbus_station *st)
{
	return shmbus_lib_fail(-EINTR, "path=%s: a signal interrupted the wait for room on the bus",
			       shmbus_lib_path(st->bus));
}

/* Sleeps until there is room, from begin on for limit ns at most. As shmbus_wait_room(). */
static int
sleep_until_room(struct shmbus_station *st, uint64_t begin, uint64_t limit)
{
	uint64_t waited;
	int woken = -1; /* as shmbus_lib_sleeper_sleep() returns it; -1: not slept yet */
	int ret;

	open_notify(st);
	for (;;) {
		/* Asks the file: a sleeping station touches no page that could raise SIGBUS. */
		ret = shmbus_lib_gone_now(st->bus);
		if (ret != 0)
			return ret;
		if (ask(st)) {
			if (woken >= 0)
				st->unrung = woken == 0;
			return room_or_gone(st);
		}
		waited = shmbus_clock_mono_ns() - begin;
		if (waited >= limit)
			return 0;
		woken = shmbus_lib_sleeper_sleep(&st->tx_sleeper,
						 shmbus_lib_min_ns(slice_ns(st, waited),
								   limit - waited));
		if (woken < 0)
			return interrupted(st);
		if (!shmbus_lib_is_lanes(st->bus)) /* the lock may be available again */
			return shmbus_clock_mono_ns() - begin < limit;
	}
}

int
shmbus_lib_wait_room(struct shmbus_station *st, uint64_t begin_ns, uint64_t limit_ns)
{
	int ret;

	if (shmbus_lib_is_lanes(st->bus) ? shmbus_lib_lanes_has_room(st) : st->refused == 0)
		return room_or_gone(st);
	if (shmbus_clock_mono_ns() - begin_ns >= limit_ns)
		return 0;
	ret = sleep_until_room(st, begin_ns, limit_ns);
	end_ask(st);
	return ret;
}

int
shmbus_wait_room(struct shmbus_station *st, int timeout_ms)
{
	int ret;

	ret = shmbus_lib_may_send(st);
	if (ret == 0)
		ret = shmbus_lib_gone(st->bus);
	return ret != 0 ? ret : shmbus_lib_wait_room(st, shmbus_clock_mono_ns(),
						     shmbus_lib_limit_ns(timeout_ms));
}

/* ---- announcements */

int
shmbus_room_fd(struct shmbus_station *st)
{
	int ret;

	if (st->tx_sleeper.epoll_fd >= 0)
		return st->tx_sleeper.epoll_fd;
	ret = shmbus_lib_may_send(st);
	if (ret == 0)
		ret = open_notify(st);
	if (ret == 0)
		ret = shmbus_lib_sleeper_open_fd(&st->tx_sleeper, st->bus);
	if (ret == 0)
		shmbus_lib_sleeper_listen(&st->tx_sleeper, false);
	return ret == 0 ? st->tx_sleeper.epoll_fd : ret;
}

int
shmbus_arm_room(struct shmbus_station *st)
{
	const int fd = shmbus_room_fd(st);
	uint64_t now;
	bool rung;

	if (fd < 0)
		return fd;
	if (shmbus_lib_lost(st->bus) || shmbus_lib_gone(st->bus) != 0)
		return shmbus_lib_gone(st->bus);
	rung = st->tx_sleeper.notify_fd >= 0 && shmbus_lib_sleeper_sleep(&st->tx_sleeper, 0) > 0;
	now = shmbus_clock_mono_ns();
	if (ask(st)) {
		if (st->room_since_ns != 0)
			st->unrung = !rung;
		st->room_since_ns = 0;
		return room_or_gone(st);
	}
	if (st->room_since_ns == 0)
		st->room_since_ns = now;
	shmbus_lib_sleeper_set_timer(&st->tx_sleeper, slice_ns(st, now - st->room_since_ns));
	shmbus_lib_sleeper_listen(&st->tx_sleeper, true);
	return 0;
}

void
shmbus_disarm_room(struct shmbus_station *st)
{
	end_ask(st);
	if (st->tx_sleeper.epoll_fd < 0)
		return;
	/* Frames for the receiving side ring as well: nobody shall wake up for that. */
	shmbus_lib_sleeper_listen(&st->tx_sleeper, false);
	shmbus_lib_sleeper_set_timer(&st->tx_sleeper, 0);
}
