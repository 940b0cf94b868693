/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A device without arguments works. /dev/shm is private here, as all users share the name. */

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nic.h"

static bool isolated;

static int
isolate_and_start(void **state)
{
	isolated = unshare(CLONE_NEWNS) == 0 &&
		   mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		   mount("none", "/dev/shm", "tmpfs", 0, "size=256m") == 0;
	return eal_start(state);
}

static void
test_no_argument(void **state)
{
	uint16_t a, b;
	struct stat st;

	(void)state;
	if (!isolated)
		skip_because("no rights to mount a /dev/shm of our own");
	assert_int_equal(nic_probe_args(&a, ""), 0);
	assert_int_equal(nic_probe_args(&b, ""), 0);
	assert_int_equal(stat("/dev/shm/shmbus", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	nic_start(a, NULL);
	nic_start(b, NULL);
	send_frames(a, 0, 60, 0, 100);
	expect_frames(b, 0, 60, 0, 100);
	nic_remove(a);
	nic_remove(b);
	assert_int_equal(access("/dev/shm/shmbus", F_OK), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_no_argument, nic_teardown),
	};

	return cmocka_run_group_tests_name("pmd_default", tests, isolate_and_start, eal_stop);
}
