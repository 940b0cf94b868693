/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The forwarding database: what it learns, forgets and never returns. */

#include <stdlib.h>

#include "check.h"
#include "shmbus_fdb.h"

#define NOBODY UINT32_MAX
/* The first octet of these is even: none is a group's. */
#define ADDRESS(n) ((uint64_t)(n) << 8 | 2)

static struct shmbus_fdb *
new_fdb(void)
{
	struct shmbus_fdb *fdb = aligned_alloc(64, sizeof(*fdb));

	assert_non_null(fdb);
	shmbus_fdb_init(fdb);
	return fdb;
}

static void
test_learn(void **state)
{
	struct shmbus_fdb *fdb = new_fdb();
	uint32_t slot;

	(void)state;
	for (slot = 0; slot < SHMBUS_PORTS_MAX; slot++) {
		assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(slot + 1), 1000), NOBODY);
		shmbus_fdb_learn(fdb, ADDRESS(slot + 1), slot, 1000);
	}
	for (slot = 0; slot < SHMBUS_PORTS_MAX; slot++)
		assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(slot + 1), 1000), slot);
	/* The address moves. */
	shmbus_fdb_learn(fdb, ADDRESS(1), 77, 1000);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), 1000), 77);
	free(fdb);
}

/* Addresses of groups, and no address, are nobody's source. */
static void
test_no_source(void **state)
{
	static const uint8_t group[8] = { 0x01, 0, 0x5e, 0, 0, 1, 9, 9 };
	static const uint8_t all[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 9, 9 };
	static const uint8_t one[8] = { 0x02, 0x01, 0x01, 0x01, 0x01, 0x01, 9, 9 };
	struct shmbus_fdb *fdb = new_fdb();

	(void)state;
	assert_true(shmbus_address_is_group(shmbus_address(group)));
	assert_true(shmbus_address_is_group(shmbus_address(all)));
	assert_false(shmbus_address_is_group(shmbus_address(one)));
	shmbus_fdb_learn(fdb, shmbus_address(group), 3, 1000);
	shmbus_fdb_learn(fdb, shmbus_address(all), 3, 1000);
	shmbus_fdb_learn(fdb, 0, 3, 1000);
	assert_int_equal(shmbus_fdb_find(fdb, shmbus_address(group), 1000), NOBODY);
	assert_int_equal(shmbus_fdb_find(fdb, shmbus_address(all), 1000), NOBODY);
	assert_int_equal(shmbus_fdb_find(fdb, 0, 1000), NOBODY);
	free(fdb);
}

/* At every distance from the last frame, whether the table was used in between or not. */
static void
test_age(void **state)
{
	const uint64_t start = 5000;
	uint64_t age, step, now;
	struct shmbus_fdb *fdb;

	(void)state;
	for (step = 1; step < 600; step += step < 20 ? 1 : 13) {
		for (age = 0; age < 1200; age += 7) {
			fdb = new_fdb();
			shmbus_fdb_learn(fdb, ADDRESS(1), 5, start);
			/* Others use the table; it sweeps when it is due. */
			for (now = start; now < start + age; now += step)
				shmbus_fdb_learn(fdb, ADDRESS(2), 6, now);
			now = start + age;
			assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), now),
					 age <= SHMBUS_FDB_AGE_MAX ? 5 : NOBODY);
			free(fdb);
		}
	}
}

/* A frame renews the entry; a clock that was set back makes none look new for ever. */
static void
test_renewed(void **state)
{
	struct shmbus_fdb *fdb = new_fdb();
	uint64_t now;

	(void)state;
	for (now = 9000; now < 9000 + 1000; now += SHMBUS_FDB_AGE_MAX) {
		shmbus_fdb_learn(fdb, ADDRESS(1), 5, now);
		assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), now + SHMBUS_FDB_AGE_MAX), 5);
	}
	/* Another thread looked at the clock a moment earlier. */
	now = 20000;
	shmbus_fdb_learn(fdb, ADDRESS(1), 5, now);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), now - 1), 5);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), now), 5);
	/* The counter of a restored machine. */
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), 100), NOBODY);
	free(fdb);
}

/* More addresses than there are places: the newest of each bucket stay, none is wrong. */
static void
test_full(void **state)
{
	struct shmbus_fdb *fdb = new_fdb();
	const uint32_t n = 20 * SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS;
	uint32_t i, slot, found = 0;

	(void)state;
	for (i = 1; i <= n; i++)
		shmbus_fdb_learn(fdb, ADDRESS(i), i % 256, 1000 + i / (n / 10));
	for (i = 1; i <= n; i++) {
		slot = shmbus_fdb_find(fdb, ADDRESS(i), 1010);
		if (slot == NOBODY)
			continue;
		assert_int_equal(slot, i % 256);
		found++;
	}
	assert_in_range(found, SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS / 2,
			SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS);
	/* The newest address is always there. */
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(n), 1010), n % 256);
	free(fdb);
}

/* An address that two threads have written twice is there once after the next frame. */
static void
test_twice(void **state)
{
	struct shmbus_fdb *fdb = new_fdb();
	shmbus_a64 *at, *end = fdb->entry + SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS;
	uint32_t i;

	(void)state;
	shmbus_fdb_learn(fdb, ADDRESS(1), 5, 1000);
	for (at = fdb->entry; at != end && shmbus_load(at) == 0; at++)
		;
	assert_true(at != end);
	for (i = 1; i < SHMBUS_FDB_WAYS; i++)
		shmbus_store(&at[i], ADDRESS(1) | (uint64_t)(5 + i) << 48 |
			     (uint64_t)(1000 & 0xff) << 56);
	shmbus_fdb_learn(fdb, ADDRESS(1), 9, 1000);
	shmbus_store(&at[0], 0);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), 1000), NOBODY);
	free(fdb);
}

static void
test_owner(void **state)
{
	struct shmbus_fdb *fdb = new_fdb();
	uint64_t owners[8] = { 3, 5, 7 };

	(void)state;
	shmbus_fdb_owners(fdb, owners, 8);
	shmbus_fdb_learn(fdb, ADDRESS(1), 1, 1000);
	shmbus_fdb_learn(fdb, ADDRESS(2), 2, 1000);
	shmbus_fdb_learn(fdb, ADDRESS(3), 200, 1000);
	shmbus_fdb_owners(fdb, owners, 8);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), 1000), 1);
	owners[1] = 6;
	shmbus_fdb_owners(fdb, owners, 8);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(1), 1000), NOBODY);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(2), 1000), 2);
	assert_int_equal(shmbus_fdb_find(fdb, ADDRESS(3), 1000), 200);
	free(fdb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_no_source),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests_name("fdb", tests, NULL, NULL);
}
