/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Sleeping until frames come: none is slept through. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "child.h"
#include "segment.h"

#define TURNS 300

static void
test_timeout(void **state)
{
	struct segment *s = *state;

	segment_start(s, NULL);
	assert_int_equal(shmbus_wait(s->b, 0), 0);
	assert_int_equal(shmbus_wait(s->b, 20), 0);
	segment_send(s, 1, 100);
	assert_int_equal(shmbus_wait(s->b, 0), 1);
	assert_int_equal(shmbus_wait(s->b, -1), 1);
	assert_int_equal(segment_receive(s), 1);
	assert_int_equal(shmbus_wait(s->b, 20), 0);
}

static void
test_arm(void **state)
{
	struct segment *s = *state;
	struct pollfd p = { .events = POLLIN };

	segment_start(s, NULL);
	p.fd = shmbus_fd(s->b);
	assert_true(p.fd >= 0);
	assert_int_equal(shmbus_fd(s->b), p.fd);
	segment_send(s, 1, 100);
	assert_int_equal(shmbus_arm(s->b), 1);
	assert_int_equal(segment_receive(s), 1);
	assert_int_equal(shmbus_arm(s->b), 0);
	assert_int_equal(poll(&p, 1, 10), 0);
	segment_send(s, 1, 100);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	shmbus_disarm(s->b);
	assert_int_equal(segment_receive(s), 1);
	/* What rang is forgotten when it sleeps the next time. */
	assert_int_equal(shmbus_arm(s->b), 0);
	assert_int_equal(poll(&p, 1, 10), 0);
	shmbus_disarm(s->b);
}

static void
test_epoll(void **state)
{
	struct segment *s = *state;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	unsigned int i;

	segment_start(s, NULL);
	assert_true(ep >= 0);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, shmbus_fd(s->b), &ev), 0);
	for (i = 0; i < 20; i++) {
		assert_int_equal(shmbus_arm(s->b), 0);
		segment_send(s, 1, 100);
		assert_int_equal(epoll_wait(ep, &ev, 1, PATIENCE_MS), 1);
		shmbus_disarm(s->b);
		assert_int_equal(segment_receive(s), 1);
	}
	close(ep);
}

/* Each frame comes back; both sides sleep until there is one. */
static int
other_side(struct child *c, void *arg)
{
	struct segment *s = arg;
	struct shmbus_station *st;
	uint8_t bytes[100];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	uint64_t turn;

	shmbus_forget(s->a);
	shmbus_forget(s->b);
	if (shmbus_attach(&st, s->path, NULL) != 0)
		return 1;
	child_tell(c, 1);
	for (turn = 0; turn < TURNS; turn++) {
		while (shmbus_receive(st, &rx, 1) == 0)
			if (shmbus_wait(st, PATIENCE_MS) != 1)
				return 2;
		if (segment_number(bytes, rx.len) != turn)
			return 3;
		if (shmbus_send_all(st, &tx, 1, PATIENCE_MS) != 1)
			return 4;
	}
	shmbus_detach(st);
	return 0;
}

static void
test_to_and_fro(void **state)
{
	struct segment *s = *state;
	uint8_t bytes[100];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct child c;
	uint64_t turn;

	segment_start(s, NULL);
	shmbus_detach(s->b);
	s->b = NULL;
	child_start(&c, other_side, s);
	child_answer(&c);
	for (turn = 0; turn < TURNS; turn++) {
		segment_send(s, 1, 100);
		while (shmbus_receive(s->a, &rx, 1) == 0)
			assert_int_equal(shmbus_wait(s->a, PATIENCE_MS), 1);
		assert_int_equal(segment_number(bytes, rx.len), turn);
	}
	assert_int_equal(child_wait(&c), 0);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

static void
test_signal(void **state)
{
	struct segment *s = *state;
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 };
	const struct itimerval never = { .it_value.tv_usec = 0 };

	segment_start(s, NULL);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(shmbus_wait(s->b, PATIENCE_MS), -EINTR);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

/* The same rule where a station waits to send: the number of frames taken, if any was. */
static void
test_signal_sends(void **state)
{
	struct segment *s = *state;
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 };
	const struct itimerval never = { .it_value.tv_usec = 0 };
	static uint8_t bytes[1000];
	static struct shmbus_tx tx[1000];
	unsigned int i, sent;
	int ret;

	for (i = 0; i < 1000; i++)
		tx[i] = (struct shmbus_tx){ .data = bytes, .len = sizeof(bytes) };
	segment_start(s, &(struct shmbus_conf){ .pause_timeout_ms = UINT32_MAX });
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	/* The lane is too small for all, and b does not read. */
	for (sent = 0;; sent += (unsigned int)ret) {
		ret = shmbus_send_all(s->a, tx + sent, 1000 - sent, 10000);
		if (ret < 0)
			break;
		assert_in_range(ret, 1, 999 - sent);
	}
	assert_int_equal(ret, -EINTR);
	assert_in_text(shmbus_error_text(), "signal");
	assert_in_text(shmbus_error_text(), s->path);
	assert_true(sent > 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_timeout),
		BOTH_FORMATS(test_arm),
		BOTH_FORMATS(test_epoll),
		BOTH_FORMATS(test_to_and_fro),
		BOTH_FORMATS(test_signal),
		LANES_ONLY(test_signal_sends),
	};

	return cmocka_run_group_tests_name("library_sleep", tests, tmpdir_create, tmpdir_remove);
}
