/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* No memory, no disk, no address space: told at once, and nothing stays behind. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "mount.h"
#include "station.h"
#include "tmpdir.h"

#define LANE (UINT64_C(1) << 16)

static char small[4300];

static void
mount_small(const char *options)
{
	const char *why;
	const char *dir;

	dir = mount_own("tmpfs", options, &why);
	if (dir == NULL)
		skip_because("%s", why);
	snprintf(small, sizeof(small), "%s/bus", dir);
}

static void
assert_refused(const struct shmbus_bus_conf *conf, int err, const char *words)
{
	struct shmbus_error e = { .text = "" };
	struct station st;

	assert_int_equal(station_try(&st, conf, &e), err);
	assert_in_text(e.text, conf->path);
	assert_in_text(e.text, words);
}

static void
test_tables(void **state)
{
	struct shmbus_bus_conf conf = { .path = small };

	(void)state;
	mount_small("size=32k");
	assert_refused(&conf, -ENOSPC, "no space");
	assert_int_equal(access(small, F_OK), -1);
	/* An empty file that was there stays, and is empty. */
	file_write(small, 0, "", 0);
	assert_refused(&conf, -ENOSPC, "no space");
	assert_int_equal(truncate(small, 0), 0);
	assert_int_equal(access(small, F_OK), 0);
	mount_end();
}

static void
test_empty_file_is_left_empty(void **state)
{
	struct shmbus_bus_conf conf = { .path = small };
	struct stat st;

	(void)state;
	mount_small("size=512k");
	file_write(small, 0, "", 0);
	assert_refused(&conf, -ENOSPC, "no space");
	assert_int_equal(stat(small, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_blocks, 0);
	mount_end();
}

static void
test_first_port(void **state)
{
	struct shmbus_bus_conf conf = { .path = small };

	(void)state;
	mount_small("size=512k"); /* enough for the tables, not for a lane */
	assert_refused(&conf, -ENOSPC, "no space for a port's memory");
	assert_int_equal(access(small, F_OK), -1);
	mount_end();
}

static void
test_second_port_and_second_queue(void **state)
{
	struct shmbus_bus_conf conf = { .path = small };
	struct snapshot snap;
	struct station st;

	(void)state;
	mount_small("size=120k"); /* 32 KiB of tables, then lanes */
	station_join(&st, small, 2, 2, LANE);
	snapshot_take(&snap, small);
	assert_refused(&conf, -ENOSPC, "no space for a port's memory");
	snapshot_assert_same(&snap);
	assert_int_equal(shmbus_port_prepare_lane(&st.port, 1), -ENOSPC);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	station_leave(&st, true);
	mount_end();
}

static void
test_no_inode(void **state)
{
	struct shmbus_bus_conf conf = { .path = small };

	(void)state;
	mount_small("size=1m,nr_inodes=1");
	assert_refused(&conf, -ENOSPC, "cannot open");
	mount_end();
}

static void
test_file_size_limit(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_bus_conf conf = { .path = path };
	struct rlimit old, new;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	new = old;
	new.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &new), 0);
	assert_refused(&conf, -EFBIG, "File too large");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

static size_t
address_space_in_use(void)
{
	unsigned long pages = 0;
	FILE *f;

	f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void
test_address_space(void **state)
{
	char *path = tmpdir_new_path();
	/* Two times 2 TiB of lanes. */
	struct shmbus_bus_conf conf = {
		.path = path, .ports = 64, .queues = 32, .lane_size = UINT64_C(1) << 30,
	};
	struct rlimit old, new;
	struct station st;

	(void)state;
	if (getenv("SHMBUS_EMULATED") != NULL)
		skip_because("an emulated processor does not keep to a limit of address space");
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	new = old;
	new.rlim_cur = address_space_in_use() + (UINT64_C(1) << 40);
	assert_int_equal(setrlimit(RLIMIT_AS, &new), 0);
	assert_refused(&conf, -ENOMEM, "no address space");
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(tmpdir_count(), 0);

	/* The same where the bus is there already. */
	station_join(&st, path, 64, 32, UINT64_C(1) << 30);
	new.rlim_cur = address_space_in_use() + (UINT64_C(1) << 40);
	assert_int_equal(setrlimit(RLIMIT_AS, &new), 0);
	assert_refused(&conf, -ENOMEM, "no address space");
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(access(path, F_OK), 0);
	station_leave(&st, true);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_empty_file_is_left_empty),
		cmocka_unit_test(test_first_port),
		cmocka_unit_test(test_second_port_and_second_queue),
		cmocka_unit_test(test_no_inode),
		cmocka_unit_test(test_file_size_limit),
		cmocka_unit_test(test_address_space),
	};

	return cmocka_run_group_tests_name("space", tests, tmpdir_create, tmpdir_remove);
}
