/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * What can only be seen, or brought about, inside the driver: the functions
 * that ethdev calls without asking whether there are any, a processor's
 * counter that goes back, and a burst that does not end.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <ethdev_driver.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include "base/shmbus_clock.h"
#include "nic.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"

static const char *const formats[] = { "format=lanes", "format=shmif" };

/* What newer versions of ethdev call unchecked, in the port and, while it is started, in its copy. */
static void
assert_functions(uint16_t port, const char *when)
{
	const struct rte_eth_fp_ops *fast = &rte_eth_fp_ops[port];
	const struct rte_eth_dev *dev = &rte_eth_devices[port];

	if (dev->rx_pkt_burst == NULL || dev->tx_pkt_burst == NULL || dev->rx_queue_count == NULL ||
	    dev->rx_descriptor_status == NULL || dev->tx_descriptor_status == NULL)
		fail_msg("%s: a function is missing", when);
	if (!dev->data->dev_started)
		return;
	if (fast->rx_pkt_burst == NULL || fast->tx_pkt_burst == NULL ||
	    fast->rx_queue_count == NULL || fast->rx_descriptor_status == NULL ||
	    fast->tx_descriptor_status == NULL)
		fail_msg("%s: a function is missing in rte_eth_fp_ops", when);
	/* As these versions do. */
	fast->rx_queue_count(fast->rxq.data[0]);
	fast->rx_descriptor_status(fast->rxq.data[0], 0);
	if (dev->data->nb_tx_queues != 0)
		fast->tx_descriptor_status(fast->txq.data[0], 0);
	assert_int_equal((int)fast->rx_queue_count(NULL), -EINVAL);
	assert_int_equal(fast->rx_descriptor_status(NULL, 0), -EINVAL);
	assert_int_equal(fast->tx_descriptor_status(NULL, 0), -EINVAL);
}

static void
test_functions(void **state)
{
	const struct nic_conf conf = { .lsc = true, .rmv = true };
	unsigned int f, i;
	uint16_t a;
	char *path;

	(void)state;
	for (f = 0; f < RTE_DIM(formats); f++) {
		path = tmpdir_new_path();
		a = nic_new(path, formats[f]);
		assert_functions(a, "probed");
		nic_setup(a, &conf);
		assert_functions(a, "set up");
		log_begin();
		for (i = 0; i < 2; i++) {
			assert_int_equal(rte_eth_dev_start(a), 0);
			assert_functions(a, "started");
			assert_int_equal(rte_eth_dev_set_link_down(a), 0);
			assert_functions(a, "link down");
			assert_int_equal(rte_eth_dev_set_link_up(a), 0);
			assert_functions(a, "link up");
			assert_int_equal(truncate(path, 100), 0);
			eventually(!nic_is_up(a));
			assert_functions(a, "bus gone");
			assert_int_equal(rte_eth_dev_stop(a), 0);
			assert_functions(a, "bus gone, stopped");
			assert_true(rte_eth_dev_start(a) < 0);
			assert_functions(a, "not started");
			assert_true(rte_eth_dev_reset(a) < 0);
			assert_functions(a, "not reset");
			assert_int_equal(unlink(path), 0);
			assert_int_equal(rte_eth_dev_reset(a), 0);
			assert_functions(a, "reset");
			assert_int_equal(rte_eth_dev_start(a), -EINVAL);
			assert_functions(a, "not started, without queues");
			nic_setup(a, &conf);
		}
		log_end();
		nic_remove(a);
		unlink(path);
		a = nic_new(path, formats[f]);
		nic_start(a, NULL);
		assert_functions(a, "closed, and a new one in its place");
		nic_remove(a);
		free(path);
	}
}

/* The machine was restored from a snapshot, say: the counter is behind what was seen of it. */
static void
test_counter_goes_back(void **state)
{
	struct shmbus_txq *q;
	struct pair p;
	uint32_t sent;
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		pair_start(&p, formats[i % 2], NULL);
		assert_int_equal(rte_eth_set_queue_rate_limit(p.a, 0, 1), 0);
		/* Until it has a debt: some frames of 1000 bytes, of 8 ms each. */
		sent = send_some(p.a, 0, 1000, 0, 50);
		assert_in_range(sent, 1, 49);
		assert_int_equal(drain(p.b, 0), sent);
		q = rte_eth_devices[p.a].data->tx_queues[0];
		assert_true(q->limit.debt > 0);
		/* An hour; all there ever was; and the least that is back. */
		q->limit.seen_tsc = shmbus_ticks() + (i == 0 ? rte_get_tsc_hz() * 3600 :
						      i == 1 ? INT64_MAX : rte_get_tsc_hz());
		send_frames(p.a, 0, 1000, 7, 1);
		expect_frames(p.b, 0, 1000, 7, 1);
		/* And the limit is one as before. */
		sent = send_some(p.a, 0, 1000, 0, 50);
		assert_in_range(sent, 0, 49);
		assert_int_equal(drain(p.b, 0), sent);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

static struct rte_flow *
all_to_queue(uint16_t port, uint16_t queue)
{
	static const struct rte_flow_attr ingress = { .ingress = 1 };
	static const struct rte_flow_item all = { .type = RTE_FLOW_ITEM_TYPE_END };
	const struct rte_flow_action_queue conf = { .index = queue };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &conf },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error;

	return rte_flow_create(port, &ingress, &all, actions, &error);
}

/* A change gives up after a while, which a busy machine may take. */
static void *
make_rule(void *arg)
{
	struct rte_flow *flow;

	do
		flow = all_to_queue(*(uint16_t *)arg, 0);
	while (flow == NULL && rte_errno == EBUSY);
	return flow;
}

/* Queue q of two gets this frame of the pair's first port, which has slot 0. */
static void
assert_queue(const struct pair *p, uint16_t txq, uint16_t q)
{
	send_frames(p->a, txq, 100, 3, 1);
	expect_frames(p->b, q, 100, 3, 1);
	expect_none(p->b, !q);
}

/* A process of the port was stopped in a burst: no first rule, and the port is as it was. */
static void
test_burst_that_does_not_end(void **state)
{
	const struct nic_conf tx = { .n_txq = 2 }, rx = { .n_rxq = 2 };
	struct shmbus_rxq *q;
	pthread_t thread;
	uint32_t flags;
	struct pair p;
	void *flow;

	(void)state;
	nic_use_all_cpus();
	pair_start_as(&p, NULL, &tx, &rx);
	q = rte_eth_devices[p.b].data->rx_queues[1];
	flags = shmbus_load(&q->flags);
	shmbus_gate_enter(&q->gate);
	assert_null(all_to_queue(p.b, 0));
	assert_int_equal(rte_errno, EBUSY);
	assert_int_equal(shmbus_load(&q->flags), flags);
	assert_queue(&p, 0, 0);
	assert_queue(&p, 1, 1);
	/* Other bursts take the lock while the change waits for the end of this one. The polls
	 * above have ended the first.
	 */
	shmbus_gate_enter(&q->gate);
	assert_int_equal(pthread_create(&thread, NULL, make_rule, &p.b), 0);
	eventually(shmbus_load(&q->flags) == (flags | SHMBUS_RX_STEER));
	send_frames(p.a, 0, 100, 4, 1);
	expect_frames(p.b, 0, 100, 4, 1);
	shmbus_gate_leave(&q->gate);
	assert_int_equal(pthread_join(thread, &flow), 0);
	assert_non_null(flow);
	assert_true(shmbus_load(&q->flags) & SHMBUS_RX_SHARED);
	assert_queue(&p, 1, 0);
	/* Now the burst has a lock, and changes wait for that. */
	rte_spinlock_lock(&q->steer_lock);
	assert_null(all_to_queue(p.b, 1));
	assert_int_equal(rte_errno, EBUSY);
	rte_spinlock_unlock(&q->steer_lock);
	assert_queue(&p, 1, 0);
	assert_int_equal(rte_flow_flush(p.b, NULL), 0);
	assert_queue(&p, 1, 1);
	/* A start without rules goes back to bursts without a lock. */
	assert_int_equal(rte_eth_dev_stop(p.b), 0);
	assert_int_equal(rte_eth_dev_start(p.b), 0);
	assert_int_equal(shmbus_load(&q->flags), flags);
	assert_queue(&p, 1, 1);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_functions),
		T(test_counter_goes_back),
		T(test_burst_that_does_not_end),
	};

	return cmocka_run_group_tests_name("pmd_inside", tests, eal_start, eal_stop);
}
