/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The descriptor of an Rx queue in an application's own loop, without rte_epoll_wait(): when
 * it is readable, also for poll(2), which is level-triggered, and what a read of it does.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "nic.h"

/* A thread that is not woken within this time counts as never woken. */
#define HANG_MS 20000

static const struct nic_conf rxq = { .rxq = true };

static int
fd_of(uint16_t port)
{
	const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port, 0);

	assert_true(fd >= 0);
	return fd;
}

static bool
is_readable(int fd, int timeout_ms)
{
	struct pollfd on = { .fd = fd, .events = POLLIN };
	const int n = poll(&on, 1, timeout_ms);

	assert_in_range(n, 0, 1);
	return n == 1;
}

/* The loop of the guide: nothing is read, and the descriptor does not stay readable. */
static void
test_loop(void **state)
{
	struct pair p;
	unsigned int i;
	int fd;

	pair_start(&p, *state, &rxq);
	fd = fd_of(p.b);
	for (i = 0; i < 20; i++) {
		assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), 0);
		assert_false(is_readable(fd, 0));
		send_frames(p.a, 0, 60, i, 1 + i % 3);
		assert_true(is_readable(fd, HANG_MS));
		assert_int_equal(rte_eth_dev_rx_intr_disable(p.b, 0), 0);
		assert_false(is_readable(fd, 0));
		expect_frames(p.b, 0, 60, i, 1 + i % 3);
	}
}

/* As a loop that handles many descriptors: the queue stays disabled while it is polled. */
static void
test_among_others(void **state)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct pair p;
	uint16_t other;
	unsigned int i;
	int ep;

	pair_start(&p, *state, &rxq);
	other = pair_join(&p, NULL, &rxq);
	ep = epoll_create1(EPOLL_CLOEXEC);
	assert_true(ep >= 0);
	assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, fd_of(p.b), &event), 0);
	assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), 0);
	assert_int_equal(epoll_wait(ep, &event, 1, 0), 0);
	for (i = 0; i < 10; i++) {
		/* A wake-up for another port reaches this one, too. */
		assert_int_equal(rte_eth_dev_rx_intr_enable(other, 0), 0);
		send_frames(p.a, 0, 60, i, 1);
		assert_int_equal(epoll_wait(ep, &event, 1, HANG_MS), 1);
		assert_int_equal(rte_eth_dev_rx_intr_disable(p.b, 0), 0);
		assert_int_equal(epoll_wait(ep, &event, 1, 0), 0);
		expect_frames(p.b, 0, 60, i, 1);
		assert_int_equal(rte_eth_dev_rx_intr_disable(other, 0), 0);
		expect_frames(other, 0, 60, i, 1);
	}
	close(ep);
}

/* A read that does not suit an inotify descriptor fails; one that does takes all events away. */
static void
test_reads(void **state)
{
	uint8_t events[4096];
	struct pair p;
	uint64_t count;
	int fd;

	pair_start(&p, *state, &rxq);
	fd = fd_of(p.b);
	assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), 0);
	assert_int_equal(read(fd, &count, sizeof(count)), -1);
	assert_int_equal(errno, EAGAIN);
	send_frames(p.a, 0, 60, 1, 1);
	assert_true(is_readable(fd, HANG_MS));
	assert_int_equal(read(fd, &count, sizeof(count)), -1);
	assert_int_equal(errno, EINVAL);
	assert_true(is_readable(fd, 0));
	assert_true(read(fd, events, sizeof(events)) >= (ssize_t)sizeof(struct inotify_event));
	assert_false(is_readable(fd, 0));
	/* Its read has taken nothing but events. */
	expect_frames(p.b, 0, 60, 1, 1);
	send_frames(p.a, 0, 60, 2, 1);
	assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), 0);
	assert_true(is_readable(fd, 0));
	assert_int_equal(rte_eth_dev_rx_intr_disable(p.b, 0), 0);
	expect_frames(p.b, 0, 60, 2, 1);
}

/* The stop of the port wakes the loop once, and no more. */
static void
test_stop(void **state)
{
	struct pair p;
	int fd;

	pair_start(&p, *state, &rxq);
	fd = fd_of(p.b);
	assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), 0);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_true(is_readable(fd, HANG_MS));
	assert_int_equal(rte_eth_dev_rx_intr_disable(p.b, 0), -ENOTSUP);
	assert_false(is_readable(fd, 0));
	assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), -ENOTSUP);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	fd = fd_of(p.b);
	assert_int_equal(rte_eth_dev_rx_intr_enable(p.b, 0), 0);
	send_frames(p.a, 0, 60, 1, 1);
	assert_true(is_readable(fd, HANG_MS));
}

/* Without interrupts there is no descriptor. */
static void
test_none(void **state)
{
	struct pair p;

	pair_start(&p, *state, NULL);
	assert_true(rte_eth_dev_rx_intr_ctl_q_get_fd(p.b, 0) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_loop),
		BOTH_FORMATS(test_among_others),
		BOTH_FORMATS(test_reads),
		BOTH_FORMATS(test_stop),
		BOTH_FORMATS(test_none),
	};

	return cmocka_run_group_tests_name("pmd_intr_fd", tests, eal_start, eal_stop);
}
