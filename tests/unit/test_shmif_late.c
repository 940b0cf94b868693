/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port finds the lock of a shmif bus stuck, and is not let run for a while
 * just before it takes it. tests/model/shmif_lock.pml found these cases.
 */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_clock.h"
#include "shmbus_step.h"
#include "shmif_side.h"
#include "tmpdir.h"

#define DEAD 200u /* the number of no port */

static struct side a, b;
static struct shmbus_shmif_header *header;
static char *path;

/* What happens at a step's first visit. */
static struct {
	enum shmbus_step step;
	void (*happens)(void);
} event;

void
shmbus_step(enum shmbus_step step)
{
	void (*happens)(void) = event.happens;

	if (happens == NULL || event.step != step)
		return;
	event.happens = NULL;
	happens();
}

static int
begin(void **state)
{
	(void)state;
	event.happens = NULL;
	path = tmpdir_new_path();
	side_join(&a, path, 1);
	side_join(&b, path, 2);
	header = shmbus_shmif_header(&a.bus);
	a.r.lock_wait.break_ns = 20 * MS;
	b.r.lock_wait.break_ns = 20 * MS;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	side_leave(&a);
	side_leave(&b);
	unlink(path);
	free(path);
	return 0;
}

/* Let a try to take the lock until it has, or the event has happened. True: it has. */
static bool
try_until_it_happens(void)
{
	const uint64_t start = shmbus_clock_mono_ns();
	bool taken;

	do {
		taken = shmbus_shmif_lock(&a.bus, &a.r.lock_wait);
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE);
	} while (!taken && event.happens != NULL);
	assert_null(event.happens);
	return taken;
}

/* Another port breaks the lock and lets it go, and a kernel that lives has got it. */
static void
broken_by_another(void)
{
	side_lock(&b);
	shmbus_shmif_unlock(&b.bus, &b.r.lock_wait, 0);
	assert_int_equal(shmbus_load(&header->lock), 0);
	shmbus_store(&header->lock, 1);
}

static void
test_two_breakers(void **state)
{
	(void)state;
	shmbus_store(&header->lock, 1);
	event.step = SHMBUS_STEP_shmif_break_sign;
	event.happens = broken_by_another;
	assert_false(try_until_it_happens());
	assert_int_equal(shmbus_load(&header->spare) & HELD, 0);
	/* It is let go, and can be had. */
	shmbus_store(&header->lock, 0);
	side_lock(&a);
	assert_int_equal(a.r.lock_wait.broken_foreign, 0);
	shmbus_shmif_unlock(&a.bus, &a.r.lock_wait, 0);
	assert_int_equal(shmbus_load(&header->lock) | shmbus_load(&header->spare), 0);
}

static void
netbsd_lets_go(void)
{
	shmbus_store(&header->lock, 0);
}

/* A dead port had a claim only: who has the lock then has really taken it. */
static void
test_claim_of_dead(void **state)
{
	static const enum shmbus_step at[] = {
		SHMBUS_STEP_shmif_watch, SHMBUS_STEP_shmif_take_watched,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(at); i++) {
		shmbus_store(&header->lock, 1);
		shmbus_store(&header->spare, DEAD);
		event.step = at[i];
		event.happens = netbsd_lets_go;
		if (!try_until_it_happens())
			side_lock(&a);
		assert_int_equal(shmbus_load(&header->lock), 1);
		assert_int_equal(a.r.lock_wait.broken_ours, 0);
		shmbus_shmif_unlock(&a.bus, &a.r.lock_wait, 0);
		assert_int_equal(shmbus_load(&header->lock) | shmbus_load(&header->spare), 0);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_two_breakers),
		T(test_claim_of_dead),
	};

	return cmocka_run_group_tests_name("shmif_late", tests, tmpdir_create, tmpdir_remove);
}
