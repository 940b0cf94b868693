/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The address that a core may wait at instead of polling. */

#include <errno.h>
#include <stdlib.h>

#include "nic.h"

static uint64_t
value_at(const struct rte_power_monitor_cond *cond)
{
	assert_int_equal(cond->size, 8);
	return *(volatile uint64_t *)cond->addr;
}

static bool
may_wait(const struct rte_power_monitor_cond *cond)
{
	return cond->fn(value_at(cond), cond->opaque) == 0;
}

static void
test_one_sender(void **state)
{
	struct rte_power_monitor_cond cond;
	struct pair p;
	unsigned int i;

	(void)state;
	pair_start(&p, NULL, NULL);
	for (i = 0; i < 100; i++) {
		assert_int_equal(rte_eth_get_monitor_addr(p.b, 0, &cond), 0);
		assert_true(may_wait(&cond));
		send_frames(p.a, 0, 60, i, 2);
		assert_false(may_wait(&cond));
		/* Asked for only now, and of a record of which a part is left. */
		assert_int_equal(rte_eth_get_monitor_addr(p.b, 0, &cond), 0);
		assert_false(may_wait(&cond));
		expect_frames(p.b, 0, 60, i, 2);
	}
	/* It changes, and not only what it is compared with. */
	assert_int_equal(rte_eth_get_monitor_addr(p.b, 0, &cond), 0);
	assert_int_equal(value_at(&cond), cond.opaque[0]);
}

static void
test_not_one_sender(void **state)
{
	const struct nic_conf two = { .n_txq = 2 };
	struct rte_power_monitor_cond cond;
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, NULL);
	nic_start(a, NULL);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), -ENOTSUP);
	b = nic_new(path, NULL);
	nic_start(b, NULL);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), 0);
	c = nic_new(path, NULL);
	nic_start(c, NULL);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), -ENOTSUP);
	nic_remove(c);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), 0);
	/* Set down it receives nothing. */
	assert_int_equal(rte_eth_dev_set_link_down(a), 0);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), -ENOTSUP);
	assert_int_equal(rte_eth_dev_set_link_up(a), 0);
	expect_none(a, 0);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), 0);
	nic_remove(b);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), -ENOTSUP);
	/* One sender with two lanes. */
	b = nic_new(path, NULL);
	nic_start(b, &two);
	assert_int_equal(rte_eth_get_monitor_addr(a, 0, &cond), -ENOTSUP);
	free(path);
}

static void
test_shmif(void **state)
{
	struct rte_power_monitor_cond cond;
	struct pair p;

	(void)state;
	pair_start(&p, "format=shmif", NULL);
	assert_int_equal(rte_eth_get_monitor_addr(p.b, 0, &cond), -ENOTSUP);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_sender),
		T(test_not_one_sender),
		T(test_shmif),
	};

	return cmocka_run_group_tests_name("pmd_monitor", tests, eal_start, eal_stop);
}
