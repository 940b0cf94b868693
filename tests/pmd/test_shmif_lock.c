/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The bus's lock, when a holder does not release it. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nic.h"

#define SHMIF "format=shmif"
#define SIZE 1048576

/* The header of a shmif bus, as a peer sees it. */
struct header {
	uint32_t magic;
	uint32_t version;
	uint64_t gen;
	uint32_t first;
	uint32_t last;
	uint32_t lock;
	uint32_t spare;
};

struct bus {
	struct header *h;
	struct pair p;
};

static void
start(struct bus *bus, const char *args)
{
	int fd;

	pair_new(&bus->p, args, SHMIF ",lock_break_ms=0");
	nic_start(bus->p.a, NULL);
	nic_start(bus->p.b, NULL);
	fd = open(bus->p.path, O_RDWR);
	assert_true(fd >= 0);
	bus->h = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(bus->h, MAP_FAILED);
	close(fd);
}

static void
end(struct bus *bus)
{
	assert_int_equal(munmap(bus->h, SIZE), 0);
}

static void
set(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static uint32_t
get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* No port sends or receives, but no call blocks; after the release all ports go on. */
static void
test_stuck(void **state)
{
	struct rte_mbuf *m;
	struct bus bus;
	unsigned int i;

	(void)state;
	start(&bus, SHMIF ",lock_break_ms=0");
	for (i = 0; i < 3; i++) {
		send_frames(bus.p.a, 0, 60, 0, 10);
		set(&bus.h->lock, 1);
		assert_int_equal(send_some(bus.p.a, 0, 60, 0, 10), 0);
		assert_int_equal(rte_eth_rx_burst(bus.p.b, 0, &m, 1), 0);
		assert_int_equal(xstat_of(bus.p.a, "lock_busy"), 2 * i + 1);
		assert_int_equal(xstat_of(bus.p.b, "lock_busy"), 2 * i + 1);
		assert_int_equal(send_some(bus.p.a, 0, 60, 0, 10), 0);
		assert_int_equal(rte_eth_rx_burst(bus.p.b, 0, &m, 1), 0);
		assert_int_equal(xstat_of(bus.p.a, "lock_busy"), 2 * i + 2);
		assert_int_equal(xstat_of(bus.p.b, "lock_busy"), 2 * i + 2);
		assert_int_equal(get(&bus.h->lock), 1);
		set(&bus.h->lock, 0);
		expect_frames(bus.p.b, 0, 60, 0, 10);
		send_frames(bus.p.a, 0, 60, 0, 10);
		expect_frames(bus.p.b, 0, 60, 0, 10);
	}
	assert_int_equal(stats_of(bus.p.a).opackets, 60);
	assert_int_equal(stats_of(bus.p.b).ipackets, 60);
	assert_int_equal(stats_of(bus.p.a).oerrors, 0);
	assert_int_equal(stats_of(bus.p.b).imissed, 0);
	end(&bus);
}

/* Ports come, go, start and stop; those that start now begin with the newest frame at most. */
static void
test_control_paths(void **state)
{
	struct bus bus;

	(void)state;
	start(&bus, SHMIF ",lock_break_ms=0");
	send_frames(bus.p.a, 0, 60, 0, 10);
	expect_frames(bus.p.b, 0, 60, 0, 10);
	set(&bus.h->lock, 1);
	assert_int_equal(rte_eth_dev_stop(bus.p.b), 0);
	assert_int_equal(rte_eth_dev_start(bus.p.b), 0);
	assert_int_equal(rte_eth_dev_set_link_down(bus.p.a), 0);
	assert_int_equal(rte_eth_dev_set_link_up(bus.p.a), 0);
	expect_none(bus.p.a, 0);
	expect_none(bus.p.b, 0);
	set(&bus.h->lock, 0);
	/* As NetBSD does: the newest one once more. */
	expect_frames(bus.p.b, 0, 60, 9, 1);
	send_frames(bus.p.a, 0, 60, 20, 10);
	expect_frames(bus.p.b, 0, 60, 20, 10);
	send_frames(bus.p.b, 0, 60, 30, 10);
	expect_frames(bus.p.a, 0, 60, 30, 10);
	set(&bus.h->lock, 1);
	nic_remove(bus.p.a);
	nic_remove(bus.p.b);
	end(&bus);
}

/* lock_break_ms=0: never. */
static void
test_never_broken(void **state)
{
	const uint64_t begin = now_ms();
	struct bus bus;

	(void)state;
	start(&bus, SHMIF ",lock_break_ms=0");
	set(&bus.h->lock, 1);
	do {
		assert_int_equal(send_some(bus.p.a, 0, 60, 0, 1), 0);
		expect_none(bus.p.b, 0);
	} while (now_ms() - begin < 300);
	assert_int_equal(get(&bus.h->lock), 1);
	assert_int_equal(xstat_of(bus.p.a, "lock_broken_foreign"), 0);
	set(&bus.h->lock, 0);
	end(&bus);
}

/* A sender gives up waiting after lock_break_ms; it says so, and counts it. */
static void
test_broken_by_sender(void **state)
{
	struct bus bus;
	unsigned int i;

	(void)state;
	start(&bus, SHMIF ",lock_break_ms=50");
	for (i = 1; i <= 3; i++) {
		send_frames(bus.p.a, 0, 60, 100 * i, 10);
		expect_frames(bus.p.b, 0, 60, 100 * i, 10);
		set(&bus.h->lock, 1);
		log_begin();
		eventually(send_some(bus.p.a, 0, 60, 200 * i, 1) == 1);
		if (i == 1) /* at most one line in a second */
			assert_in_text(log_text(), "broke the bus's lock");
		log_end();
		assert_int_equal(xstat_of(bus.p.a, "lock_broken_foreign"), i);
		assert_int_equal(xstat_of(bus.p.a, "lock_broken_own_kind"), 0);
		assert_int_equal(xstat_of(bus.p.b, "lock_broken_foreign"), 0);
		assert_int_equal(get(&bus.h->lock), 0);
		assert_int_equal(get(&bus.h->spare), 0);
		/* Nothing had been begun, so nothing is lost. */
		expect_frames(bus.p.b, 0, 60, 200 * i, 1);
		/* From then on all is as ever. */
		send_frames(bus.p.a, 0, 60, 300 * i, 10);
		expect_frames(bus.p.b, 0, 60, 300 * i, 10);
		send_frames(bus.p.b, 0, 60, 400 * i, 10);
		expect_frames(bus.p.a, 0, 60, 400 * i, 10);
	}
	end(&bus);
}

/* So does a receiver, if there is something to receive. */
static void
test_broken_by_receiver(void **state)
{
	struct bus bus;

	(void)state;
	start(&bus, SHMIF ",lock_break_ms=50");
	send_frames(bus.p.b, 0, 60, 0, 10);
	set(&bus.h->lock, 1);
	eventually(drain(bus.p.a, 0) != 0);
	assert_int_equal(xstat_of(bus.p.a, "lock_broken_foreign"), 1);
	assert_int_equal(get(&bus.h->lock), 0);
	send_frames(bus.p.b, 0, 60, 5, 10);
	expect_frames(bus.p.a, 0, 60, 5, 10);
	end(&bus);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_stuck),
		T(test_control_paths),
		T(test_never_broken),
		T(test_broken_by_sender),
		T(test_broken_by_receiver),
	};

	return cmocka_run_group_tests_name("pmd_shmif_lock", tests, eal_start, eal_stop);
}
