/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Rx interrupts on a shmif bus: who sleeps is woken by a frame, and by little else. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <rte_epoll.h>
#include <rte_interrupts.h>

#include "linkstr.h"
#include "nic.h"

#define SHMIF "format=shmif"
/* How long nothing has to come before nothing is said to come. */
#define SHORT_MS 50
#define LONG_MS 10000

/* A started port with Rx interrupts, which this thread waits for. */
static void
start_intr(uint16_t port)
{
	struct rte_eth_conf eth;

	memset(&eth, 0, sizeof(eth));
	eth.intr_conf.rxq = 1;
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &eth), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 0, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 0, 0, NULL), 0);
	assert_int_equal(rte_eth_promiscuous_enable(port), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

static void
watch(uint16_t port)
{
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(port, 0, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_ADD, (void *)(uintptr_t)(port + 1)), 0);
}

static void
unwatch(uint16_t port)
{
	assert_int_equal(rte_eth_dev_rx_intr_ctl_q(port, 0, RTE_EPOLL_PER_THREAD,
			 RTE_INTR_EVENT_DEL, NULL), 0);
}

static void
enable(uint16_t port)
{
	assert_int_equal(rte_eth_dev_rx_intr_enable(port, 0), 0);
}

/* Is this port woken within so many milliseconds? No other may be. */
static bool
woken(uint16_t port, int timeout_ms)
{
	struct rte_epoll_event events[4];
	int n;

	n = rte_epoll_wait(RTE_EPOLL_PER_THREAD, events, RTE_DIM(events), timeout_ms);
	assert_in_range(n, 0, 1);
	if (n == 1)
		assert_int_equal((uintptr_t)events[0].epdata.data, port + 1);
	return n == 1;
}

static void
new_pair(struct pair *p, const char *args)
{
	p->path = tmpdir_new_path();
	p->a = nic_new(p->path, args);
	p->b = nic_new(p->path, SHMIF);
	nic_start(p->a, NULL);
	start_intr(p->b);
	watch(p->b);
}

static void
end_pair(struct pair *p)
{
	unwatch(p->b);
	free(p->path);
}

static void
test_wakes(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	new_pair(&p, SHMIF);
	for (i = 0; i < 5; i++) {
		enable(p.b);
		assert_false(woken(p.b, SHORT_MS)); /* nobody has sent */
		send_frames(p.a, 0, 60, i, 1);
		assert_true(woken(p.b, LONG_MS));
		expect_frames(p.b, 0, 60, i, 1);
		/* Read, and so no reason to wake up again. */
		enable(p.b);
		assert_false(woken(p.b, SHORT_MS));
	}
	assert_int_equal(rte_eth_dev_rx_intr_disable(p.b, 0), 0);
	end_pair(&p);
}

/* It came before anybody went to sleep. */
static void
test_before(void **state)
{
	struct pair p;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	new_pair(&p, SHMIF);
	for (i = 0; i < 5; i++) {
		send_frames(p.a, 0, 60, i, 3);
		enable(p.b);
		assert_true(woken(p.b, LONG_MS));
		/* One is read; the other two are a reason again. */
		assert_int_equal(receive(p.b, 0, &m, 1), 1);
		rte_pktmbuf_free(m);
		enable(p.b);
		assert_true(woken(p.b, LONG_MS));
		expect_frames(p.b, 0, 60, i + 1, 2);
		enable(p.b);
		assert_false(woken(p.b, SHORT_MS));
	}
	end_pair(&p);
}

/* wake=never: the frame is there, but who sleeps goes on sleeping. */
static void
test_never(void **state)
{
	struct pair p;

	(void)state;
	new_pair(&p, SHMIF ",wake=never");
	enable(p.b);
	send_frames(p.a, 0, 60, 1, 10);
	assert_false(woken(p.b, SHORT_MS));
	/* Who asks once more is told at once. */
	enable(p.b);
	assert_true(woken(p.b, LONG_MS));
	expect_frames(p.b, 0, 60, 1, 10);
	end_pair(&p);
}

/* Frames that are nobody's own wake both of the others; a burst does so once. */
static void
test_three(void **state)
{
	struct rte_epoll_event events[4];
	struct pair p;
	uint16_t c;

	(void)state;
	new_pair(&p, SHMIF);
	c = nic_new(p.path, SHMIF);
	start_intr(c);
	watch(c);
	enable(p.b);
	enable(c);
	send_frames(p.a, 0, 60, 1, 32);
	assert_int_equal(rte_epoll_wait(RTE_EPOLL_PER_THREAD, events, 4, LONG_MS), 2);
	expect_frames(p.b, 0, 60, 1, 32);
	expect_frames(c, 0, 60, 1, 32);
	enable(p.b);
	enable(c);
	assert_int_equal(rte_epoll_wait(RTE_EPOLL_PER_THREAD, events, 4, SHORT_MS), 0);
	unwatch(c);
	end_pair(&p);
}

static void
test_restart(void **state)
{
	struct pair p;
	unsigned int i;

	(void)state;
	new_pair(&p, SHMIF);
	for (i = 0; i < 5; i++) {
		unwatch(p.b);
		assert_int_equal(rte_eth_dev_stop(p.b), 0);
		if (i % 2 != 0)
			assert_int_equal(rte_eth_dev_start(p.b), 0);
		else
			start_intr(p.b);
		watch(p.b);
		enable(p.b);
		assert_false(woken(p.b, SHORT_MS));
		send_frames(p.a, 0, 60, i, 1);
		assert_true(woken(p.b, LONG_MS));
		expect_frames(p.b, 0, 60, i, 1);
	}
	end_pair(&p);
}

/* Moved to another bus, it hears that one. */
static void
test_relinked(void **state)
{
	char *there = tmpdir_new_path();
	struct pair p;
	uint16_t c;

	(void)state;
	new_pair(&p, SHMIF);
	c = nic_new(there, SHMIF);
	nic_start(c, NULL);
	unwatch(p.b);
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(linkstr_set(p.b, there), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	watch(p.b);
	enable(p.b);
	send_frames(p.a, 0, 60, 1, 1);
	assert_false(woken(p.b, SHORT_MS));
	send_frames(c, 0, 60, 2, 1);
	assert_true(woken(p.b, LONG_MS));
	expect_frames(p.b, 0, 60, 2, 1);
	end_pair(&p);
	free(there);
}

/* A link that is down, or a port on no bus: what others send is no reason to wake up. */
static void
test_down(void **state)
{
	struct pair p;
	uint16_t c;

	(void)state;
	new_pair(&p, SHMIF);
	assert_int_equal(rte_eth_dev_set_link_down(p.b), 0);
	send_frames(p.a, 0, 60, 1, 1);
	enable(p.b);
	assert_false(woken(p.b, SHORT_MS));
	assert_int_equal(rte_eth_dev_set_link_up(p.b), 0);
	expect_none(p.b, 0);
	enable(p.b);
	assert_false(woken(p.b, SHORT_MS));
	send_frames(p.a, 0, 60, 2, 1);
	assert_true(woken(p.b, LONG_MS));
	expect_frames(p.b, 0, 60, 2, 1);
	end_pair(&p);

	c = nic_new("", SHMIF);
	start_intr(c);
	watch(c);
	enable(c);
	assert_false(woken(c, SHORT_MS));
	unwatch(c);
}

/* Not asked for at configuration. */
static void
test_refused(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a;

	(void)state;
	a = nic_new(path, SHMIF);
	nic_start(a, NULL);
	assert_true(rte_eth_dev_rx_intr_enable(a, 0) < 0);
	assert_true(rte_eth_dev_rx_intr_disable(a, 0) < 0);
	assert_true(rte_eth_dev_rx_intr_ctl_q(a, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
		    NULL) < 0);
	free(path);
}

#define ROUNDS 2000

struct sender {
	uint16_t port;
	uint64_t asked; /* frames that it may send */
	uint64_t sent;  /* and has */
};

static uint64_t
load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void
store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void *
send_when_asked(void *arg)
{
	struct dice dice = { .state = 8 };
	struct sender *s = arg;
	struct rte_mbuf *m;
	uint64_t i;
	uint32_t n;

	nic_use_all_cpus();
	for (i = 0; i < ROUNDS; i++) {
		m = mbuf_new(pool, 60, i, 0);
		for (n = 0; load(&s->asked) <= i; n++)
			if (n % 1000 == 999)
				sched_yield();
		/* Before the other one looks, as it goes to sleep, and when it sleeps. */
		for (n = dice_range(&dice, 0, i % 4 == 0 ? 2000 : 40); n != 0; n--)
			rte_pause();
		/* The other one may have the lock for a moment. */
		while (rte_eth_tx_burst(s->port, 0, &m, 1) != 1)
			sched_yield();
		store(&s->sent, i + 1);
	}
	return NULL;
}

/* Single frames from another thread, each of which has to be slept for: none is slept through. */
static void
test_rounds(void **state)
{
	static struct sender s; /* the thread may outlive a test that fails */
	unsigned int woke = 0;
	struct rte_mbuf *m;
	pthread_t thread;
	struct pair p;
	uint64_t i;

	(void)state;
	new_pair(&p, SHMIF);
	s.port = p.a;
	assert_int_equal(pthread_create(&thread, NULL, send_when_asked, &s), 0);
	for (i = 0; i < ROUNDS; i++) {
		store(&s.asked, i + 1);
		while (rte_eth_rx_burst(p.b, 0, &m, 1) == 0) {
			enable(p.b);
			if (woken(p.b, 1000)) {
				woke++;
				continue;
			}
			/* If it had been sent, its wake-up was there by now. */
			if (load(&s.sent) > i && !woken(p.b, 0))
				fail_msg("frame %llu was slept through", (unsigned long long)i);
		}
		mbuf_assert(m, 60, i);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	expect_none(p.b, 0);
	print_message("# woken %u times for %u frames\n", woke, ROUNDS);
	assert_true(woke > 0);
	end_pair(&p);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_wakes),
		T(test_before),
		T(test_never),
		T(test_three),
		T(test_restart),
		T(test_relinked),
		T(test_down),
		T(test_refused),
		T(test_rounds),
	};

	return cmocka_run_group_tests_name("pmd_shmif_intr", tests, linkstr_start, eal_stop);
}
