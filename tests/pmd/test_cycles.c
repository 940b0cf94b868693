/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Hundreds of ports that are probed, started, stopped and removed: what they held is given back. */

#include <stdlib.h>
#include <unistd.h>


#include "holdings.h"
#include "nic.h"
#include "rounds.h"

static void
come_and_go(const char *path, const char *args, const struct nic_conf *conf, unsigned int times)
{
	unsigned int i;
	uint16_t port;

	for (i = 0; i < times; i++) {
		port = nic_new(path, args);
		if (i % 4 != 3) {
			nic_start(port, conf);
			assert_int_equal(rte_eth_dev_stop(port), 0);
		}
		nic_remove(port);
	}
}

static void
cycles(const char *args, const struct nic_conf *conf)
{
	char *path = tmpdir_new_path();
	struct holdings before;
	unsigned int allocated;
	uint16_t other;

	/* What EAL and ethdev keep for good is there after the first ones. */
	other = nic_new(path, args);
	come_and_go(path, args, conf, 4);
	holdings_count(&before);
	allocated = nic_objects();
	come_and_go(path, args, conf, rounds(200, 40, NULL));
	holdings_assert_same(&before, args);
	assert_int_equal(nic_objects(), allocated);
	nic_remove(other);
	assert_false(holdings_locked(path));
	unlink(path);
	free(path);
}

static void
test_lanes(void **state)
{
	const struct nic_conf conf = { .n_rxq = 2, .n_txq = 2, .rxq = true };

	(void)state;
	cycles("lane_size=64K", &conf);
}

static void
test_shmif(void **state)
{
	const struct nic_conf conf = { .rxq = true };

	(void)state;
	cycles("format=shmif", &conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_lanes, nic_teardown),
		cmocka_unit_test_teardown(test_shmif, nic_teardown),
	};

	return cmocka_run_group_tests_name("cycles", tests, eal_start, eal_stop);
}
