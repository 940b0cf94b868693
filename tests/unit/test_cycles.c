/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Ports that come and go, thousands of times: what they held is given back.
 * SHMBUS_CYCLES says how often. Run by valgrind too, which sees the memory.
 */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "holdings.h"
#include "rounds.h"
#include "shmbus_bus_open.h"
#include "shmbus_wake.h"
#include "shmif_side.h"
#include "station.h"
#include "tmpdir.h"

#define LANE SHMBUS_LANE_SIZE_MIN

static unsigned int
cycles(void)
{
	return rounds(10000, 2000, "SHMBUS_CYCLES");
}

/* One port, which now and then also sends to itself. */
static void
come_and_go(const char *path, unsigned int i)
{
	struct transmitter tx;
	struct receiver rx;
	struct station st;
	int fd;

	station_join(&st, path, 4, 1, LANE);
	if (i % 16 == 0) {
		fd = shmbus_notify_open(st.bus.file.fd);
		assert_true(fd >= 0);
		transmitter_start(&tx, &st, 0, true, 1000);
		receiver_start(&rx, &st, 0, station_lane(&st, 0), true);
		assert_true(transmitter_send_one(&tx, 60));
		assert_int_equal(receiver_drain(&rx), 1);
		receiver_stop(&rx);
		transmitter_stop(&tx);
		close(fd);
	}
	/* Some die, and their slot is taken over. */
	if (i % 8 == 7)
		station_die(&st);
	else
		station_leave(&st, true);
}

static void
test_lanes(void **state)
{
	char *path = tmpdir_new_path();
	const unsigned int n = cycles();
	struct holdings before;
	struct station other;
	unsigned int i;

	(void)state;
	holdings_count(&before);
	/* The file stays for the first half, and comes and goes with the port in the second. */
	station_join(&other, path, 4, 1, LANE);
	for (i = 0; i < n; i++) {
		if (i == n / 2)
			station_leave(&other, true);
		come_and_go(path, i);
	}
	unlink(path);
	station_join(&other, path, 4, 1, LANE);
	assert_int_equal(other.port.slot, 0);
	assert_int_equal(shmbus_port_count_peers(&other.port), 0);
	station_leave(&other, false);
	assert_false(holdings_locked(path));
	holdings_assert_same(&before, "lanes");
	unlink(path);
	free(path);
}

static void
test_readonly(void **state)
{
	char *path = tmpdir_new_path();
	const struct shmbus_bus_conf conf = { .path = path, .readonly = true };
	const unsigned int n = cycles() / 2;
	struct holdings before, open;
	struct shmbus_error e;
	struct shmbus_bus bus;
	struct station other;
	unsigned int i;

	(void)state;
	holdings_count(&before);
	station_join(&other, path, 4, 1, LANE);
	holdings_count(&open);
	for (i = 0; i < n; i++) {
		assert_int_equal(shmbus_bus_open(&bus, &conf, &e), 0);
		shmbus_file_unlock(&bus.file);
		assert_int_equal(shmbus_bus_map_lane(&bus, 0, SHMBUS_LANE_READ), 0);
		shmbus_bus_close(&bus);
	}
	holdings_assert_same(&open, "read-only");
	station_leave(&other, false);
	assert_false(holdings_locked(path));
	holdings_assert_same(&before, "read-only, and its other port");
	unlink(path);
	free(path);
}

static void
test_shmif(void **state)
{
	char *path = tmpdir_new_path();
	const unsigned int n = cycles();
	struct holdings before;
	struct side other, side;
	unsigned int i;

	(void)state;
	holdings_count(&before);
	side_join(&other, path, 1);
	for (i = 0; i < n; i++) {
		side_join(&side, path, 2);
		assert_int_equal(side.bus.id, 2);
		if (i % 16 == 0) {
			side.sent = i / 16; /* its frames' numbers go on */
			side_send_one(&side, 60);
		}
		side_leave(&side);
	}
	other.expect_sender = 2;
	assert_int_equal(side_receive(&other) + other.jumped, (n + 15) / 16);
	assert_int_equal(other.r.corrupt, 0);
	assert_int_equal(shmbus_shmif_count_peers(&other.bus), 0);
	side_leave(&other);
	assert_false(holdings_locked(path));
	holdings_assert_same(&before, "shmif");
	unlink(path);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_shmif),
	};

	return cmocka_run_group_tests_name("cycles", tests, tmpdir_create, tmpdir_remove);
}
