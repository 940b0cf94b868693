/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Threads that sleep without a time limit are woken when their port stops; and
 * a port that only looks on at a shmif bus may sleep, also if its user may not
 * write the file.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "nic.h"

/* A thread that is not woken within this time counts as never woken. */
#define HANG_S 20
#define NOBODY 65534

static const struct nic_conf rxq = { .rxq = true };
static const struct nic_conf rxq_only = { .rxq = true, .readonly = true };

/* A thread that waits for a queue. */
struct sleeper {
	pthread_t thread;
	uint16_t port, queue;
	uint32_t ready;
	int woken; /* what rte_epoll_wait said */
	int ret;   /* not 0: it could not sleep */
};

static void *
sleep_once(void *arg)
{
	struct sleeper *s = arg;
	struct rte_epoll_event event;

	s->ret = rte_eth_dev_rx_intr_ctl_q(s->port, s->queue, RTE_EPOLL_PER_THREAD,
					   RTE_INTR_EVENT_ADD, NULL);
	if (s->ret == 0)
		s->ret = rte_eth_dev_rx_intr_enable(s->port, s->queue);
	__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
	if (s->ret == 0)
		s->woken = rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, -1);
	/* Else ethdev takes the next thread for this one. */
	rte_eth_dev_rx_intr_ctl_q(s->port, s->queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, NULL);
	return NULL;
}

static void
fall_asleep(struct sleeper *s, uint16_t port, uint16_t queue)
{
	*s = (struct sleeper){ .port = port, .queue = queue };
	assert_int_equal(pthread_create(&s->thread, NULL, sleep_once, s), 0);
	eventually(__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE) == 1);
	assert_int_equal(s->ret, 0);
}

static void
assert_woken(struct sleeper *s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += HANG_S;
	if (pthread_timedjoin_np(s->thread, NULL, &until) != 0)
		fail_msg("port %u, queue %u: not woken", s->port, s->queue);
	assert_int_equal(s->woken, 1);
}

/* Threads outlive a test that fails. */
static struct sleeper sleepers[4];

static void
test_stop(void **state)
{
	const struct nic_conf conf = { .n_rxq = 4, .n_txq = 1, .rxq = true };
	unsigned int i, n;
	struct pair p;
	uint16_t q;

	n = nic_is_lanes(*state) ? 4 : 1;
	pair_start(&p, *state, n == 4 ? &conf : &rxq);
	for (i = 0; i < 10; i++) {
		for (q = 0; q < n; q++)
			fall_asleep(&sleepers[q], p.b, q);
		/* The first time it is stopped before, and then while they sleep for sure. */
		if (i == 1)
			rte_delay_us_sleep(20000);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		for (q = 0; q < n; q++)
			assert_woken(&sleepers[q]);
		/* It works as before, and its peer has not noticed. */
		assert_int_equal(rte_eth_dev_start(p.b), 0);
		fall_asleep(&sleepers[0], p.b, 0);
		send_frames(p.a, 0, 100, i, 1);
		assert_woken(&sleepers[0]);
		expect_frames(p.b, 0, 100, i, 1);
	}
	/* Who only sleeps on the other port sleeps on, and is woken when that stops. */
	fall_asleep(&sleepers[1], p.a, 0);
	nic_remove(p.b);
	nic_remove(p.a);
	assert_woken(&sleepers[1]);
}

/* Stopped by a bus that is gone, and closed by its own thread. */
static void
test_removed(void **state)
{
	struct pair p;
	char *path;

	path = tmpdir_new_path();
	p.a = nic_new(path, *state);
	nic_start(p.a, &rxq);
	log_begin();
	fall_asleep(&sleepers[0], p.a, 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_woken(&sleepers[0]);
	log_end();
	nic_remove(p.a);
	free(path);
}

/* ---- a port that only looks on */

/* In this thread; 1 if it was woken within a time. */
static int
wait_ms(int ms)
{
	struct rte_epoll_event event;

	return rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, ms);
}

static void
sleep_and_look(uint16_t a, uint16_t eye)
{
	struct rte_mbuf *m;
	unsigned int i;

	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(eye, 0, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_ADD, NULL), 0);
	/* Until its first poll a port does not know that there is nothing for it. */
	expect_none(eye, 0);
	for (i = 0; i < 20; i++) {
		/* Nothing is there yet. */
		assert_int_equal(rte_eth_dev_rx_intr_enable(eye, 0), 0);
		assert_int_equal(wait_ms(0), 0);
		send_frames(a, 0, 100, i, 3);
		assert_int_equal(wait_ms(HANG_S * 1000), 1);
		/* Frames are left, of which nobody tells any more: not slept through. */
		assert_int_equal(receive(eye, 0, &m, 1), 1);
		rte_pktmbuf_free(m);
		assert_int_equal(rte_eth_dev_rx_intr_enable(eye, 0), 0);
		assert_int_equal(wait_ms(HANG_S * 1000), 1);
		assert_int_equal(rte_eth_dev_rx_intr_disable(eye, 0), 0);
		expect_frames(eye, 0, 100, i + 1, 2);
	}
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(eye, 0, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_DEL, NULL), 0);
}

static void
look_on(bool ordinary)
{
	const uid_t uid = geteuid();
	char *path = tmpdir_new_path();
	uint16_t a, eye;

	a = nic_new(path, "format=shmif");
	nic_start(a, NULL);
	assert_int_equal(chmod(path, ordinary ? 0444 : 0644), 0);
	if (ordinary && uid == 0) {
		assert_int_equal(chmod(tmpdir(), 0755), 0);
		assert_int_equal(seteuid(NOBODY), 0);
		/* A process that was an ordinary one from its beginning may see its descriptors. */
		assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	}
	/* By the effective user, whom access() does not ask for. */
	if (ordinary)
		assert_int_equal(open(path, O_RDWR), -1);
	eye = nic_new(path, "readonly=on");
	nic_start(eye, &rxq_only);
	sleep_and_look(a, eye);
	fall_asleep(&sleepers[0], eye, 0);
	assert_int_equal(rte_eth_dev_stop(eye), 0);
	assert_woken(&sleepers[0]);
	nic_remove(eye);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	nic_remove(a);
	free(path);
}

static void
test_readonly(void **state)
{
	(void)state;
	look_on(false);
}

static void
test_readonly_ordinary(void **state)
{
	(void)state;
	look_on(true);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_stop),
		BOTH_FORMATS(test_removed),
		T(test_readonly),
		T(test_readonly_ordinary),
	};

	return cmocka_run_group_tests_name("pmd_wakeup", tests, eal_start, eal_stop);
}
