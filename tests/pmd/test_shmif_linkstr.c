/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Re-linking: a port moves from one shmif bus to another. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_dev.h>

#include "linkstr.h"
#include "nic.h"

#define SHMIF "format=shmif"

static void
exchange_some(uint16_t a, uint16_t b)
{
	send_frames(a, 0, 60, 1, 10);
	expect_frames(b, 0, 60, 1, 10);
	send_frames(b, 0, 60, 2, 10);
	expect_frames(a, 0, 60, 2, 10);
}

static void
move(uint16_t port, const char *path)
{
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(linkstr_set(port, path), 0);
	assert_linkstr(port, path);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_true(nic_is_up(port));
}

/* To and fro between two buses, with a port on each that stays. */
static void
test_move(void **state)
{
	char *here = tmpdir_new_path();
	char *there = tmpdir_new_path();
	uint16_t a, b, c;
	unsigned int i;

	(void)state;
	a = nic_new(here, SHMIF);
	b = nic_new(here, SHMIF);
	c = nic_new(there, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	nic_start(c, NULL);
	assert_linkstr(a, here);
	for (i = 0; i < 5; i++) {
		exchange_some(a, b);
		expect_none(c, 0);
		send_frames(c, 0, 60, 7, 10); /* before it comes */
		send_frames(b, 0, 60, 7, 10); /* what it has not read when it goes */
		move(a, there);
		assert_int_equal(xstat_of(a, "peers"), 1);
		assert_int_equal(xstat_of(b, "peers"), 0);
		send_frames(b, 0, 60, 8, 10);
		expect_none(a, 0);
		exchange_some(a, c);
		expect_none(b, 0);
		move(a, here);
		expect_none(a, 0);
	}
	/* The counters are the port's, not the bus's. */
	assert_int_equal(stats_of(a).opackets, 5 * 20);
	assert_int_equal(stats_of(a).ipackets, 5 * 20);
	assert_int_equal(stats_of(a).imissed + stats_of(a).ierrors, 0);
	free(here);
	free(there);
}

/* A file that is not there becomes a bus, with the port's mode. */
static void
test_new_file(void **state)
{
	char *here = tmpdir_new_path();
	char *there = tmpdir_new_path();
	struct stat st;
	uint16_t a, b;

	(void)state;
	a = nic_new(here, SHMIF ",mode=0640");
	nic_setup(a, NULL);
	assert_int_equal(linkstr_set(a, there), 0);
	assert_int_equal(stat(there, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(rte_eth_dev_start(a), 0);
	b = nic_new(there, NULL);
	nic_start(b, NULL);
	exchange_some(a, b);
	assert_int_equal(access(here, F_OK), 0);
	free(here);
	free(there);
}

/* unlink=on: the bus that it leaves, if it was the last one there. */
static void
test_unlink(void **state)
{
	char *here = tmpdir_new_path();
	char *there = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(here, SHMIF ",unlink=on");
	assert_int_equal(linkstr_set(a, here), 0); /* where it is: no reason to remove it */
	assert_int_equal(access(here, F_OK), 0);
	b = nic_new(here, SHMIF);
	assert_int_equal(linkstr_set(a, there), 0);
	assert_int_equal(access(here, F_OK), 0);
	assert_int_equal(linkstr_set(a, here), 0);
	assert_int_equal(access(there, F_OK), -1);
	nic_remove(b);
	assert_int_equal(linkstr_unset(a), 0);
	assert_int_equal(access(here, F_OK), -1);
	assert_int_equal(linkstr_set(a, there), 0);
	nic_remove(a);
	assert_int_equal(access(there, F_OK), -1);
	free(here);
	free(there);
}

/* Not while the port is started. */
static void
test_busy(void **state)
{
	char *here = tmpdir_new_path();
	char *there = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(here, SHMIF);
	b = nic_new(here, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	assert_int_equal(linkstr_set(a, there), -EBUSY);
	assert_int_equal(linkstr_unset(a), -EBUSY);
	assert_int_equal(access(there, F_OK), -1);
	assert_linkstr(a, here);
	exchange_some(a, b);
	free(here);
	free(there);
}

static void
test_errors(void **state)
{
	char *here = tmpdir_new_path();
	char *lanes = tmpdir_new_path();
	char text[4096];
	static char endless[5000];
	uint16_t a, b;

	(void)state;
	a = nic_new(here, SHMIF);
	b = nic_new(lanes, "format=lanes");
	memset(endless, 'x', sizeof(endless) - 1);
	assert_int_equal(linkstr_set(a, NULL), -EINVAL);
	assert_int_equal(linkstr_set(a, ""), -EINVAL);
	assert_int_equal(linkstr_set(a, endless), -ENAMETOOLONG);
	assert_int_equal(linkstr_get(a, NULL, 10), -EINVAL);
	assert_int_equal(linkstr_get(a, text, 0), -ENAMETOOLONG);
	assert_int_equal(linkstr_get(a, text, strlen(here)), -ENAMETOOLONG);
	assert_int_equal(linkstr_get(a, text, strlen(here) + 1), 0);
	assert_string_equal(text, here);
	/* A port on lanes cannot go to a bus of another format. It stays where it is. */
	assert_linkstr(b, lanes);
	log_begin();
	assert_int_equal(linkstr_set(b, here), -EMEDIUMTYPE);
	assert_in_text(log_text(), here);
	log_end();
	assert_linkstr(b, lanes);
	/* No port of that number, any more. */
	nic_remove(b);
	assert_int_equal(linkstr_set(b, here), -ENODEV);
	assert_int_equal(linkstr_get(b, text, sizeof(text)), -ENODEV);
	assert_int_equal(linkstr_unset(b), -ENODEV);
	assert_int_equal(linkstr_set(UINT16_MAX, here), -ENODEV);
	assert_int_equal(linkstr_get(UINT16_MAX, text, sizeof(text)), -ENODEV);
	assert_int_equal(linkstr_unset(UINT16_MAX), -ENODEV);
	free(here);
	free(lanes);
}

static void
test_other_driver(void **state)
{
	char text[4096];
	uint16_t port;

	(void)state;
	if (rte_eal_hotplug_add("vdev", "net_null0", "") != 0)
		skip_because("there is no net_null here");
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &port), 0);
	assert_int_equal(linkstr_set(port, "/dev/shm/x"), -ENODEV);
	assert_int_equal(linkstr_get(port, text, sizeof(text)), -ENODEV);
	assert_int_equal(linkstr_unset(port), -ENODEV);
	assert_int_equal(rte_eth_dev_close(port), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_null0"), 0);
}

/* A file that is not to be had: all is as it was. */
static void
test_failure(void **state)
{
	char *here = tmpdir_new_path();
	char *lanes = tmpdir_new_path();
	struct snapshot snap;
	uint16_t a, b;

	(void)state;
	a = nic_new(here, SHMIF ",unlink=on");
	b = nic_new(here, SHMIF);
	nic_new(lanes, "format=lanes,ports=2,queues=1,lane_size=64K");
	nic_start(a, NULL);
	nic_start(b, NULL);
	exchange_some(a, b);
	assert_int_equal(rte_eth_dev_stop(a), 0);
	snapshot_take(&snap, lanes);
	log_begin();
	assert_int_equal(linkstr_set(a, lanes), -EMEDIUMTYPE);
	assert_in_text(log_text(), "not a shmif bus");
	assert_in_text(log_text(), lanes);
	assert_true(linkstr_set(a, tmpdir()) < 0);
	assert_in_text(log_text(), "a directory");
	assert_int_equal(linkstr_set(a, "/nonexistent/bus"), -ENOENT);
	assert_in_text(log_text(), "/nonexistent/bus");
	log_end();
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	assert_linkstr(a, here);
	assert_int_equal(xstat_of(b, "peers"), 1);
	assert_int_equal(rte_eth_dev_start(a), 0);
	assert_true(nic_is_up(a));
	exchange_some(a, b);
	free(here);
	free(lanes);
}

/* On no bus: it can be started, its link is down, and it neither sends nor receives. */
static void
test_no_bus(void **state)
{
	char *path = tmpdir_new_path();
	const unsigned int files = tmpdir_count();
	struct rte_eth_dev_info info;
	struct rte_mbuf *m;
	uint16_t a, b;
	unsigned int i;

	(void)state;
	a = nic_new("", SHMIF);
	assert_int_equal(tmpdir_count(), files);
	assert_linkstr(a, "");
	assert_int_equal(rte_eth_dev_info_get(a, &info), 0);
	assert_int_equal(info.max_rx_pktlen, 1514);
	nic_start(a, NULL);
	b = nic_new(path, SHMIF);
	nic_start(b, NULL);
	for (i = 0; i < 4; i++) {
		assert_false(nic_is_up(a));
		assert_int_equal(rte_eth_dev_set_link_up(a), 0);
		assert_false(nic_is_up(a));
		m = mbuf_new(pool, 60, 0, 0);
		assert_false(send_mbuf(a, 0, m));
		rte_pktmbuf_free(m);
		expect_none(a, 0);
		assert_int_equal(xstat_of(a, "peers"), 0);
		move(a, path);
		assert_int_equal(xstat_of(a, "peers"), 1);
		exchange_some(a, b);
		assert_int_equal(rte_eth_dev_stop(a), 0);
		assert_int_equal(linkstr_unset(a), 0);
		assert_int_equal(linkstr_unset(a), 0); /* once more */
		assert_linkstr(a, "");
		assert_int_equal(xstat_of(b, "peers"), 0);
		if (i % 2 != 0)
			assert_int_equal(rte_eth_dev_start(a), 0);
		else
			nic_start(a, NULL);
	}
	assert_int_equal(stats_of(a).ipackets, 4 * 10);
	assert_int_equal(stats_of(a).imissed, 0);
	free(path);
}

/* Set down before, down after. */
static void
test_link_down_stays(void **state)
{
	char *here = tmpdir_new_path();
	char *there = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(here, SHMIF);
	b = nic_new(there, SHMIF);
	nic_start(a, NULL);
	nic_start(b, NULL);
	assert_int_equal(rte_eth_dev_set_link_down(a), 0);
	assert_int_equal(rte_eth_dev_stop(a), 0);
	assert_int_equal(linkstr_set(a, there), 0);
	assert_int_equal(rte_eth_dev_start(a), 0);
	assert_false(nic_is_up(a));
	send_frames(b, 0, 60, 0, 10);
	expect_none(a, 0);
	assert_int_equal(rte_eth_dev_set_link_up(a), 0);
	expect_none(a, 0);
	assert_true(nic_is_up(a));
	exchange_some(a, b);
	free(here);
	free(there);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_move),
		T(test_new_file),
		T(test_unlink),
		T(test_busy),
		T(test_errors),
		T(test_other_driver),
		T(test_failure),
		T(test_no_bus),
		T(test_link_down_stays),
	};

	return cmocka_run_group_tests_name("pmd_shmif_linkstr", tests, linkstr_start, eal_stop);
}
