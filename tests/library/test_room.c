/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sleeping until a receiver has moved: with receivers of the library, of the core that rings
 * nobody (an older program), that stand still, that die and that trickle; and receivers beside
 * a writer that asks for whatever it likes.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "segment.h"
#include "shmbus_clock.h"
#include "station.h"

#define MS UINT64_C(1000000)
#define CHUNK 4096u /* of the lanes of a segment */

/* ---- rings: seen by a process that watches the file */

static int
watch(const struct segment *s)
{
	const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, s->path, IN_MODIFY | IN_ATTRIB) >= 0);
	return fd;
}

/* Returns whether the file was rung since the last call. Rings in a row may be one event. */
static bool
rang(int fd)
{
	char events[4096];
	bool some = false;

	while (read(fd, events, sizeof(events)) > 0)
		some = true;
	return some;
}

/* Sends until the lane is full. */
static void
fill_up(struct segment *s)
{
	assert_true(segment_try_send(s, 5000, 300) < 5000);
}

static unsigned int
receive_one(struct segment *s)
{
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	const int n = shmbus_receive(s->b, &rx, 1);

	assert_in_range(n, 0, 1);
	s->received += (unsigned int)n;
	return (unsigned int)n;
}

static const struct shmbus_conf patient = { .pause_timeout_ms = UINT32_MAX };

static void
test_returns(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *m;
	uint64_t begin;

	segment_start(s, &patient);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	assert_int_equal(shmbus_wait_room(m, -1), -EROFS);
	assert_int_equal(shmbus_room_fd(m), -EROFS);
	assert_int_equal(shmbus_arm_room(m), -EROFS);
	assert_in_text(shmbus_error_text(), "monitor");
	shmbus_detach(m);
	/* Nothing was refused. */
	assert_int_equal(shmbus_wait_room(s->a, -1), 1);
	assert_int_equal(shmbus_arm_room(s->a), 1);
	shmbus_disarm_room(s->a);
	if (s->format == SHMBUS_FORMAT_SHMIF)
		return;
	fill_up(s);
	assert_int_equal(shmbus_wait_room(s->a, 0), 0);
	begin = shmbus_clock_mono_ns();
	assert_int_equal(shmbus_wait_room(s->a, 30), 0);
	assert_true(shmbus_clock_mono_ns() - begin >= 30 * MS);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	shmbus_disarm_room(s->a);
	segment_receive(s);
	assert_int_equal(shmbus_wait_room(s->a, 0), 1);
	assert_int_equal(shmbus_arm_room(s->a), 1);
	segment_send(s, 1, 300);
	assert_int_equal(shmbus_wait_room(s->a, -1), 1);
	/* A wait counts as no burst that was cut short. */
	assert_int_equal(segment_stats(s->a).tx_pauses, 1);
}

/* The receiver rings when it has come far enough, once; and not if nobody asks. */
static void
test_rings(void **state)
{
	struct segment *s = *state;
	unsigned int laps, n;
	bool far;
	int fd;

	segment_start(s, &patient);
	fd = watch(s);
	fill_up(s);
	segment_receive(s);
	assert_false(rang(fd));
	for (laps = 0; laps < 30; laps++) {
		fill_up(s);
		assert_int_equal(shmbus_arm_room(s->a), 0);
		assert_false(rang(fd));
		for (n = 0, far = false; receive_one(s) == 1; n++) {
			if (!rang(fd))
				continue;
			assert_false(far);
			far = true;
			/* A chunk and what a record reaches over it, of 300 bytes each. */
			assert_in_range(n, 1, 2 * CHUNK / 300);
		}
		assert_true(far);
		assert_int_equal(shmbus_arm_room(s->a), 1);
		assert_int_equal(s->received, s->sent);
	}
	/* What was asked for is taken back. */
	fill_up(s);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	shmbus_disarm_room(s->a);
	segment_receive(s);
	assert_false(rang(fd));
	close(fd);
}

/* Of several receivers only the one that holds the sender back rings. */
static void
test_rings_of_others(void **state)
{
	struct segment *s = *state;
	uint64_t next = 0, lost = 0;
	struct shmbus_station *c;
	int fd;

	segment_start(s, &patient);
	assert_int_equal(shmbus_attach(&c, s->path, &patient), 0);
	fd = watch(s);
	fill_up(s);
	segment_drain(c, &next, &lost);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	segment_drain(c, &next, &lost);
	assert_false(rang(fd));
	segment_receive(s);
	assert_true(rang(fd));
	assert_int_equal(shmbus_arm_room(s->a), 1);
	shmbus_detach(c);
	close(fd);
}

/* The descriptor, level and edge triggered. */
static void
test_epoll(void **state)
{
	struct segment *s = *state;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct pollfd p = { .events = POLLIN };
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	unsigned int laps;

	segment_start(s, &patient);
	p.fd = shmbus_room_fd(s->a);
	assert_true(p.fd >= 0 && p.fd != shmbus_fd(s->a));
	assert_int_equal(shmbus_room_fd(s->a), p.fd);
	assert_true(ep >= 0);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &ev), 0);
	for (laps = 0; laps < 20; laps++) {
		fill_up(s);
		assert_int_equal(shmbus_arm_room(s->a), 0);
		segment_receive(s);
		assert_int_equal(laps % 2 ? epoll_wait(ep, &ev, 1, PATIENCE_MS) :
			     poll(&p, 1, PATIENCE_MS), 1);
		shmbus_disarm_room(s->a);
		assert_true(segment_try_send(s, 10, 300) == 10);
	}
	/* Nobody rings: it becomes readable all the same. */
	fill_up(s);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	shmbus_disarm_room(s->a);
	/* Rings for receivers make it readable only while it is armed. */
	segment_receive(s);
	assert_true(shmbus_fd(s->b) >= 0);
	assert_int_equal(shmbus_arm(s->b), 0);
	segment_send(s, 1, 300);
	assert_int_equal(poll(&p, 1, 20), 0);
	shmbus_disarm(s->b);
	close(ep);
}

/* ---- receivers in threads */

struct slow {
	struct segment *s;
	uint64_t frames;
	unsigned int nap_us; /* between two frames; 0: sleeps until there are some */
	uint64_t got;
};

static void *
receive_slowly(void *arg)
{
	struct slow *slow = arg;
	struct shmbus_station *st = slow->s->b;
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };

	while (slow->got < slow->frames) {
		if (shmbus_receive(st, &rx, 1) == 1) {
			if (segment_number(bytes, rx.len) != slow->got || rx.meta.missed != 0)
				return NULL;
			slow->got++;
			if (slow->nap_us != 0 && slow->got % 10 == 0)
				usleep(slow->nap_us);
		} else if (shmbus_wait(st, PATIENCE_MS) != 1) {
			return NULL;
		}
	}
	return NULL;
}

static void
send_all_to(struct segment *s, struct slow *slow, uint64_t frames, unsigned int nap_us)
{
	uint8_t bytes[1000];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	pthread_t thread;

	*slow = (struct slow){ .s = s, .frames = frames, .nap_us = nap_us };
	assert_int_equal(pthread_create(&thread, NULL, receive_slowly, slow), 0);
	while (s->sent < frames) {
		segment_fill(bytes, sizeof(bytes), s->sent);
		assert_int_equal(shmbus_send_all(s->a, &tx, 1, PATIENCE_MS), 1);
		s->sent++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(slow->got, frames);
	assert_int_equal(segment_stats(s->b).rx_missed, 0);
}

/* Both sleep whenever they can, for many laps. Nothing is lost, and nobody sleeps for ever. */
static void
test_both_sleep(void **state)
{
	struct segment *s = *state;
	struct slow slow;

	segment_start(s, &patient);
	send_all_to(s, &slow, 30000, 0);
}

static void
test_trickle(void **state)
{
	struct segment *s = *state;
	struct slow slow;

	segment_start(s, &patient);
	send_all_to(s, &slow, 1000, 500);
	assert_true(segment_stats(s->a).tx_pauses != 0);
	assert_int_equal(segment_stats(s->a).pause_timeouts, 0);
}

/* ---- receivers that do not ring */

/* A receiver of the core, which publishes its cursor and knows nothing of the question. */
static int
old_program(struct child *c, void *arg)
{
	struct segment *s = arg;
	struct station st;
	struct receiver rx;
	uint64_t until;

	shmbus_forget(s->a);
	shmbus_forget(s->b);
	station_join(&st, s->path, 0, 0, 0);
	station_announce(&st, 0, 1);
	receiver_start(&rx, &st, 0, 0, true);
	rx.trusting = true;
	child_tell(c, 1);
	for (until = shmbus_clock_mono_ns() + 10000 * MS; shmbus_clock_mono_ns() < until;) {
		receiver_receive(&rx, 20);
		usleep(300);
	}
	return 0;
}

/* The sender waits with a time-out, and gets along. */
static void
test_old(void **state)
{
	struct segment *s = *state;
	uint8_t bytes[1000];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	struct child c;
	int fd;

	segment_start(s, &patient);
	shmbus_detach(s->b);
	s->b = NULL;
	child_start(&c, old_program, s);
	child_answer(&c);
	fd = watch(s);
	for (; s->sent < 2000; s->sent++) {
		segment_fill(bytes, sizeof(bytes), s->sent);
		assert_int_equal(shmbus_send_all(s->a, &tx, 1, PATIENCE_MS), 1);
	}
	assert_true(segment_stats(s->a).tx_pauses > 10);
	assert_false(rang(fd));
	assert_int_equal(segment_stats(s->a).pause_timeouts, 0);
	close(fd);
	child_kill(&c);
}

/* A receiver that stands still is given up after the time of its sender. */
static void
test_still(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .pause_timeout_ms = 100 };
	uint64_t begin;

	segment_start(s, &conf);
	fill_up(s);
	begin = shmbus_clock_mono_ns();
	assert_int_equal(shmbus_wait_room(s->a, PATIENCE_MS), 1);
	assert_in_range(shmbus_clock_mono_ns() - begin, 80 * MS, 10000 * MS);
	assert_int_equal(segment_stats(s->a).pause_timeouts, 1);
	segment_send(s, 1, 300);
}

static int
hold_for_ever(struct child *c, void *arg)
{
	struct segment *s = arg;
	struct shmbus_station *st;
	uint64_t number;

	shmbus_forget(s->a);
	shmbus_forget(s->b);
	if (shmbus_attach(&st, s->path, NULL) != 0)
		return 1;
	child_tell(c, 1);
	return child_hear(c, &number);
}

/* One that dies meanwhile, or has died, is given up long before that. */
static void
test_dead(void **state)
{
	struct segment *s = *state;
	struct child c;

	segment_start(s, &patient);
	shmbus_detach(s->b);
	s->b = NULL;
	child_start(&c, hold_for_ever, s);
	child_answer(&c);
	fill_up(s);
	assert_int_equal(shmbus_wait_room(s->a, 20), 0);
	child_kill(&c);
	assert_int_equal(shmbus_wait_room(s->a, PATIENCE_MS), 1);
	assert_int_equal(segment_stats(s->a).pause_dead, 1);
	assert_int_equal(segment_stats(s->a).pause_timeouts, 0);
}

/* No inotify instance is left: the sender looks at intervals. */
static void
test_no_descriptor(void **state)
{
	struct segment *s = *state;
	struct rlimit none, before;
	struct slow slow;
	int fd;

	segment_start(s, &patient);
	assert_true(shmbus_fd(s->b) >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	fd = dup(0); /* the next one that is free */
	close(fd);
	none = (struct rlimit){ .rlim_cur = (rlim_t)fd, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(shmbus_room_fd(s->a), -EMFILE);
	send_all_to(s, &slow, 1000, 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(segment_stats(s->a).tx_pauses != 0);
	assert_true(shmbus_room_fd(s->a) >= 0);
}

/* ---- a writer that asks for whatever it likes */

/* What a liar stores in a's lane. */
static void
lie(struct station *st, uint64_t word)
{
	shmbus_store(&shmbus_bus_lane(&st->bus, 0)->room, word);
}

/* a has slot 0, and b slot 1 with one queue: cursor number 2 of a bus with 2 queues per port. */
#define CURSOR_OF_B 2u

static void
test_liar(void **state)
{
	struct segment *s = *state;
	struct shmbus_rx none = { .room = 0 };
	unsigned int i, rings = 0;
	struct station st;
	uint64_t pos;
	int fd;

	segment_start(s, &patient);
	station_join(&st, s->path, 0, 0, 0);
	fd = watch(s);
	segment_send(s, 200, 100);
	segment_receive(s);
	pos = shmbus_load(&shmbus_bus_lane(&st.bus, 0)->tail) & ~(uint64_t)(CHUNK - 1);
	assert_true(pos >= 4 * CHUNK);
	/* An idle receiver answers, too: an honest sender may have missed its cursor. */
	assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	assert_false(rang(fd));
	lie(&st, (pos - 2 * CHUNK) | CURSOR_OF_B);
	assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	assert_true(rang(fd));
	/* Once for each position, and for no position that is no news. */
	for (i = 0; i < 1000; i++) {
		lie(&st, (pos - i % 3 * CHUNK) | CURSOR_OF_B);
		assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
		lie(&st, 0);
		assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	}
	assert_false(rang(fd));
	/* Other cursors', none at all, and positions that it has not reached. */
	lie(&st, pos | (CURSOR_OF_B + 1));
	assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	lie(&st, pos | (CHUNK - 1));
	assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	lie(&st, (pos + CHUNK) | CURSOR_OF_B);
	assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	lie(&st, (pos + (UINT64_C(1) << 62)) | CURSOR_OF_B);
	assert_int_equal(shmbus_receive(s->b, &none, 1), 0);
	assert_false(rang(fd));
	/* As many as it has read chunks, and no more, whatever is asked for. */
	for (i = 0; i < 640; i++) {
		segment_send(s, 1, 100); /* 192 bytes of the lane */
		lie(&st, shmbus_load(&shmbus_bus_lane(&st.bus, 0)->tail) / CHUNK * CHUNK | CURSOR_OF_B);
		segment_receive(s);
		rings += rang(fd);
	}
	assert_in_range(rings, 20, 640 * 192 / CHUNK + 1);
	assert_int_equal(s->received, s->sent);
	close(fd);
	station_leave(&st, false);
}

/* A receiver that goes to sleep looks at the question, behind the fence of its sleep. */
static void
test_answer_before_sleep(void **state)
{
	struct segment *s = *state;
	struct station st;
	int fd;

	segment_start(s, &patient);
	station_join(&st, s->path, 0, 0, 0);
	segment_send(s, 200, 100);
	segment_receive(s);
	assert_true(shmbus_fd(s->b) >= 0);
	fd = watch(s);
	lie(&st, CHUNK | CURSOR_OF_B);
	assert_int_equal(shmbus_arm(s->b), 0);
	assert_true(rang(fd));
	shmbus_disarm(s->b);
	close(fd);
	station_leave(&st, false);
}

/* The next owner of a lane does not inherit the question. */
static void
test_next_owner(void **state)
{
	struct segment *s = *state;
	struct station st;

	segment_start(s, &patient);
	station_join(&st, s->path, 0, 0, 0);
	fill_up(s);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	assert_int_equal(shmbus_load(&shmbus_bus_lane(&st.bus, 0)->room) % CHUNK, CURSOR_OF_B);
	shmbus_forget(s->a); /* as if it had died */
	assert_int_equal(shmbus_attach(&s->a, s->path, &patient), 0);
	assert_int_equal(shmbus_load(&shmbus_bus_lane(&st.bus, 0)->room), 0);
	segment_receive(s);
	segment_send(s, 5, 100);
	assert_int_equal(segment_receive(s), 5);
	station_leave(&st, false);
}

/* ---- shmif: the lock is not available */

static void
test_shmif(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .lock_break_ms = 3600 * 1000 };
	struct pollfd p = { .events = POLLIN };
	uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	uint32_t lock = 1;
	uint64_t begin;

	segment_start(s, &conf);
	segment_fill(bytes, sizeof(bytes), 0);
	segment_lock(s, lock);
	assert_int_equal(shmbus_send(s->a, &tx, 1), 0);
	assert_int_equal(shmbus_wait_room(s->a, 0), 0);
	assert_int_equal(shmbus_wait_room(s->a, PATIENCE_MS), 1);
	begin = shmbus_clock_mono_ns();
	assert_int_equal(shmbus_send_all(s->a, &tx, 1, 50), 0);
	assert_true(shmbus_clock_mono_ns() - begin >= 50 * MS);
	p.fd = shmbus_room_fd(s->a);
	assert_true(p.fd >= 0);
	assert_int_equal(shmbus_arm_room(s->a), 0);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	shmbus_disarm_room(s->a);
	lock = 0;
	segment_lock(s, lock);
	assert_int_equal(shmbus_send_all(s->a, &tx, 1, PATIENCE_MS), 1);
	assert_int_equal(shmbus_wait_room(s->a, -1), 1);
	assert_int_equal(shmbus_arm_room(s->a), 1);
	s->sent = 1;
	assert_int_equal(segment_receive(s), 1);
}

static void
test_gone(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[60];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };

	segment_start(s, &patient);
	assert_true(shmbus_room_fd(s->a) >= 0);
	if (s->format == SHMBUS_FORMAT_LANES)
		fill_up(s);
	assert_int_equal(truncate(s->path, 0), 0);
	if (s->format == SHMBUS_FORMAT_LANES)
		assert_int_equal(shmbus_wait_room(s->a, -1), -ENODEV);
	assert_int_equal(shmbus_send_all(s->a, &tx, 1, -1), -ENODEV);
	assert_int_equal(shmbus_wait_room(s->a, -1), -ENODEV);
	assert_int_equal(shmbus_arm_room(s->a), -ENODEV);
	shmbus_disarm_room(s->a);
	segment_leave(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_returns),
		LANES_ONLY(test_rings),
		LANES_ONLY(test_rings_of_others),
		LANES_ONLY(test_epoll),
		LANES_ONLY(test_both_sleep),
		LANES_ONLY(test_trickle),
		LANES_ONLY(test_old),
		LANES_ONLY(test_still),
		LANES_ONLY(test_dead),
		LANES_ONLY(test_no_descriptor),
		LANES_ONLY(test_liar),
		LANES_ONLY(test_answer_before_sleep),
		LANES_ONLY(test_next_owner),
		SHMIF_ONLY(test_shmif),
		BOTH_FORMATS(test_gone),
	};

	return cmocka_run_group_tests_name("library_room", tests, tmpdir_create, tmpdir_remove);
}
