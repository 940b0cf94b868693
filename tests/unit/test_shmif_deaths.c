/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port that repairs the ring of a shmif bus dies at each step. The next port
 * finishes the repair, and NetBSD's kernels accept the ring.
 *
 * The port does not really die. At each step the file is copied, and each copy
 * becomes the bus later, with a dead port in place of the first port.
 */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_step.h"
#include "shmif_netbsd.h"
#include "tmpdir.h"

#define DEAD 200u /* the number of no port */
#define ID 0xffu
#define DEATHS 64

static struct death {
	uint8_t file[SHMBUS_SHMIF_SIZE];
	enum shmbus_step step;
} deaths[DEATHS];
static unsigned int n_deaths;
static bool watched;

static struct side dying, heir, listener;
static struct netbsd kernel;
static struct shmbus_shmif_header *header;
static char *path;

static void
remember(enum shmbus_step step)
{
	assert_true(n_deaths < DEATHS);
	memcpy(deaths[n_deaths].file, dying.bus.map, SHMBUS_SHMIF_SIZE);
	deaths[n_deaths++].step = step;
}

void
shmbus_step(enum shmbus_step step)
{
	if (watched)
		remember(step);
}

static int
begin(void **state)
{
	(void)state;
	n_deaths = 0;
	path = tmpdir_new_path();
	side_join(&dying, path, 1);
	side_join(&heir, path, 2);
	side_join(&listener, path, 3);
	listener.expect_sender = 2;
	header = shmbus_shmif_header(&dying.bus);
	netbsd_join(&kernel, &dying.bus, 50);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	side_leave(&dying);
	side_leave(&heir);
	side_leave(&listener);
	unlink(path);
	free(path);
	return 0;
}

/* Some frames, which everybody reads. The newest ends at an offset. */
static void
fill(uint32_t offset)
{
	unsigned int i;

	forge_ring(&dying, 7, (offset + 2 * DATA - 1200 * 1000) % DATA);
	for (i = 0; i < 1200; i++) {
		side_send_one(&dying, 1000 - RECORD);
		if (i % 100 == 0)
			side_receive(&listener);
	}
	side_receive(&listener);
	assert_int_equal(shmbus_load(&header->last), (offset + DATA - 1000) % DATA);
	netbsd_join(&kernel, &dying.bus, 50);
	netbsd_receive(&kernel);
}

static void
put_len(uint32_t offset, uint32_t len)
{
	shmbus_shmif_put(&dying.bus, offset, &len, sizeof(len));
}

/* The port of this file is dead; the heir finds its contents. */
static void
inherit(const struct death *death, bool whole)
{
	const struct shmbus_shmif_reader reader = listener.r;
	const uint64_t jumped = listener.jumped;
	struct netbsd k = kernel;
	uint32_t spare;

	memcpy(heir.bus.map, death->file, SHMBUS_SHMIF_SIZE);
	spare = shmbus_load(&header->spare);
	if ((spare & ID) == dying.bus.id)
		shmbus_store(&header->spare, (spare & ~ID) | DEAD);
	heir.w.lock_wait = (struct shmbus_shmif_lock_wait){ .break_ns = MS };
	heir.r.lock_wait = heir.w.lock_wait;
	if (whole) {
		side_lock(&heir);
		shmbus_shmif_unlock(&heir.bus, &heir.r.lock_wait, 0);
		netbsd_assert_ring(&heir.bus);
		netbsd_receive(&k);
	}
	side_send_one(&heir, 60);
	assert_int_equal(shmbus_load(&header->spare), 0);
	netbsd_assert_ring(&heir.bus);
	heir.w.corrupt = 0;
	assert_int_equal(side_receive(&listener), 1);
	netbsd_lap(&k, &heir, &listener);
	assert_int_equal(listener.jumped, jumped);
	listener.r = reader;
}

/*
 * The dying port sends; a lock of NetBSD's is in the way, or not. damaged: the
 * last step before which nothing has been done about the damage.
 */
static void
die_at_each_step(enum shmbus_step damaged, enum shmbus_step seen)
{
	bool whole = damaged == SHMBUS_STEP_COUNT;
	bool met = false;
	unsigned int i;

	dying.w.lock_wait = (struct shmbus_shmif_lock_wait){ .break_ns = MS };
	watched = true;
	side_send_one(&dying, 60);
	remember(SHMBUS_STEP_COUNT);
	watched = false;
	for (i = 0; i < n_deaths; i++) {
		inherit(&deaths[i], whole);
		whole |= deaths[i].step == damaged;
		met |= deaths[i].step == seen;
	}
	assert_true(whole);
	assert_true(met);
}

static void
dies_with_netbsd(enum shmbus_step seen)
{
	shmbus_store(&header->lock, 1);
	die_at_each_step(SHMBUS_STEP_COUNT, seen);
}

static void
test_first_is_last(void **state)
{
	(void)state;
	fill(300000);
	shmbus_store(&header->first, shmbus_load(&header->last));
	dies_with_netbsd(SHMBUS_STEP_shmif_anew_last);
}

/* Old bytes lead from the first record of the new ring to the last of the old, but are no frames. */
static void
test_astray(void **state)
{
	(void)state;
	fill(RECORD + 1000 * 5);
	put_len(RECORD, 100);
	put_len(RECORD + RECORD + 100, 1000 - RECORD - 100 - RECORD);
	put_len(RECORD + 1000 * 7, UINT32_MAX);
	shmbus_store(&header->first, RECORD + 1000 * 7);
	dies_with_netbsd(SHMBUS_STEP_shmif_anew_first);
}

static void
test_last_is_nonsense(void **state)
{
	(void)state;
	fill(300000);
	shmbus_store(&header->last, DATA + 1);
	dies_with_netbsd(SHMBUS_STEP_shmif_anew_begin);
}

static void
test_two_records(void **state)
{
	(void)state;
	fill(300000);
	forge_ring(&dying, 20, DATA - 10);
	side_send_one(&dying, 60);
	dies_with_netbsd(SHMBUS_STEP_shmif_anew_gen);
}

/* Nothing was begun, on a bus that nobody has sent to. */
static void
test_new_bus(void **state)
{
	unsigned int i;

	(void)state;
	shmbus_store(&header->lock, 1);
	die_at_each_step(SHMBUS_STEP_COUNT, SHMBUS_STEP_shmif_broken);
	for (i = 0; i < n_deaths - 1; i++)
		assert_true(deaths[i].step < SHMBUS_STEP_shmif_blank);
}

static void
test_half_written(void **state)
{
	(void)state;
	fill(300000);
	shmbus_store(&header->last, 300000);
	put_len(300000, 400);
	dies_with_netbsd(SHMBUS_STEP_shmif_repair_last);
}

static void
test_half_written_at_the_end(void **state)
{
	(void)state;
	fill(DATA - 100);
	shmbus_store(&header->last, DATA - 100);
	put_len(DATA - 100, 70);
	dies_with_netbsd(SHMBUS_STEP_shmif_repair_gen);
}

/* The oldest record is in the way, and does not lead to the next one: the newest alone is left. */
static void
test_no_way_to_newest(void **state)
{
	(void)state;
	fill(300000);
	put_len(shmbus_load(&header->first) % DATA, UINT32_MAX);
	shmbus_store(&header->gen, shmbus_load(&header->gen) + 1);
	shmbus_store(&header->first, 300010);
	put_len(300010, UINT32_MAX);
	die_at_each_step(SHMBUS_STEP_shmif_ask_repair, SHMBUS_STEP_shmif_store_last);
}

/* The same, and last and gen change: the burst reaches the end of the data. */
static void
test_no_way_at_the_end(void **state)
{
	(void)state;
	fill(DATA - 50);
	shmbus_store(&header->first, DATA - 20);
	put_len(DATA - 20, UINT32_MAX);
	die_at_each_step(SHMBUS_STEP_shmif_ask_repair, SHMBUS_STEP_shmif_wrap_gen);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_first_is_last),
		T(test_astray),
		T(test_last_is_nonsense),
		T(test_two_records),
		T(test_new_bus),
		T(test_half_written),
		T(test_half_written_at_the_end),
		T(test_no_way_to_newest),
		T(test_no_way_at_the_end),
	};

	return cmocka_run_group_tests_name("shmif_deaths", tests, tmpdir_create, tmpdir_remove);
}
