/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A bus on huge pages: pages are large, and the file cannot be written, only mapped. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "mount.h"
#include "shmbus_wake.h"
#include "station.h"
#include "tmpdir.h"

static char path[4300];
static size_t page;

static void
mount_pages(unsigned int n)
{
	const char *dir, *why;

	dir = mount_huge(n, &page, &why);
	if (dir == NULL)
		skip_because("%s", why);
	snprintf(path, sizeof(path), "%s/bus", dir);
}

static void
test_traffic(void **state)
{
	struct transmitter tx;
	struct receiver rx;
	struct station a, b;
	unsigned int i;

	(void)state;
	mount_pages(6);
	station_join(&a, path, 2, 1, 0);
	station_join(&b, path, 0, 0, 0);
	assert_true(a.bus.file.hugetlb);
	assert_int_equal(a.bus.file.page_size, page);
	assert_true(a.bus.geo.lane_size >= page);
	assert_int_equal(a.bus.geo.data_off % page, 0);
	station_announce(&b, 0, 1);
	receiver_start(&rx, &b, 0, 0, true);
	transmitter_start(&tx, &a, 0, true, 1000);
	/* Two laps and a bit. */
	for (i = 0; tx.w.tail < 2 * a.bus.geo.lane_size + 100000; i++) {
		assert_true(transmitter_send_one(&tx, 60 + i % 9000));
		assert_int_equal(receiver_drain(&rx), 1);
	}
	assert_int_equal(rx.r.missed + rx.r.corrupt, 0);
	receiver_stop(&rx);
	transmitter_stop(&tx);
	station_leave(&b, true);
	station_leave(&a, true);
	assert_int_equal(access(path, F_OK), -1);
	mount_end();
}

static void
test_lane_smaller_than_a_page(void **state)
{
	const struct shmbus_bus_conf conf = { .path = path, .lane_size = 65536 };
	struct shmbus_error e;
	struct station st;

	(void)state;
	mount_pages(6);
	assert_int_equal(station_try(&st, &conf, &e), -EINVAL);
	assert_in_text(e.text, "lane_size=65536");
	assert_int_equal(access(path, F_OK), -1);
	mount_end();
}

static void
test_out_of_pages(void **state)
{
	const struct shmbus_bus_conf any = { .path = path };
	struct shmbus_bus_conf small;
	struct shmbus_error e;
	struct station a, b, c;

	(void)state;
	mount_pages(3);
	/* One for the tables, one for each lane. */
	small = (struct shmbus_bus_conf){ .path = path, .ports = 3, .queues = 1, .lane_size = page };
	assert_int_equal(station_try(&a, &small, &e), 0);
	assert_int_equal(station_try(&b, &small, &e), 0);
	station_leave(&b, false);
	station_die(&a);
	/* The third one's is not there; the bus stays for the others. */
	assert_int_equal(station_try(&a, &any, &e), 0);
	assert_int_equal(station_try(&b, &any, &e), 0);
	assert_int_equal(b.port.slot, 1);
	assert_true(station_try(&c, &any, &e) != 0);
	assert_in_text(e.text, "no space");
	assert_int_equal(access(path, F_OK), 0);
	station_leave(&b, true);
	station_leave(&a, true);
	/* A new one that does not get its first lane is taken away again. */
	small.lane_size = 4 * page;
	assert_true(station_try(&a, &small, &e) != 0);
	assert_in_text(e.text, "no space");
	assert_int_equal(access(path, F_OK), -1);
	mount_end();
}

/* What a creator leaves that dies: nothing, a page of zeros, or its mark. */
static void
test_half_made(void **state)
{
	const uint64_t creating = SHMBUS_MAGIC_CREATING;
	struct station st;
	unsigned int stage;
	void *p;
	int fd;

	(void)state;
	for (stage = 0; stage < 4; stage++) {
		mount_pages(6);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		assert_true(fd >= 0);
		if (stage > 0)
			assert_int_equal(ftruncate(fd, (off_t)page), 0);
		if (stage > 1) {
			p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			assert_true(p != MAP_FAILED);
			memcpy(p, &creating, sizeof(creating));
			munmap(p, page);
		}
		if (stage > 2)
			assert_int_equal(ftruncate(fd, (off_t)(8 * page)), 0);
		close(fd);
		station_join(&st, path, 2, 1, 0);
		assert_true(st.bus.filled);
		assert_false(st.bus.file.created);
		station_leave(&st, true);
		mount_end();
	}
}

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
test_sleep(void **state)
{
	struct station st;
	int fd;

	(void)state;
	mount_pages(4);
	station_join(&st, path, 2, 1, 0);
	fd = shmbus_notify_open(st.bus.file.fd);
	assert_true(fd >= 0);
	assert_false(readable(fd));
	assert_int_equal(shmbus_wake_ring(&st.bus), 0);
	assert_true(readable(fd));
	shmbus_notify_drain(fd);
	assert_false(readable(fd));
	close(fd);
	station_leave(&st, true);
	mount_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_lane_smaller_than_a_page),
		cmocka_unit_test(test_out_of_pages),
		cmocka_unit_test(test_half_made),
		cmocka_unit_test(test_sleep),
	};

	return cmocka_run_group_tests_name("hugetlbfs", tests, tmpdir_create, tmpdir_remove);
}
