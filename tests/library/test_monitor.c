/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Monitors receive all frames, write nothing, and are invisible to ports. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment.h"

static struct shmbus_station *
monitor(const struct segment *s, uint32_t flags)
{
	const struct shmbus_conf conf = { .flags = flags };
	struct shmbus_station *st;

	if (shmbus_monitor(&st, s->path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

static void
test_sees_both(void **state)
{
	struct segment *s = *state;
	static uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = 100 };
	struct shmbus_peer_info peers[8];
	struct shmbus_station *m;
	struct shmbus_self self;
	uint64_t next = 0, lost = 0;

	segment_start(s, NULL);
	segment_send(s, 3, 100);
	m = monitor(s, 0);
	s->sent = 0;
	segment_send(s, 200, 100);
	segment_fill(bytes, 100, 200);
	assert_int_equal(shmbus_send(s->b, &tx, 1), 1);
	assert_int_equal(segment_drain(m, &next, &lost), 201);
	assert_int_equal(lost, 0);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(m), peers, 8), 2);
	assert_int_equal(shmbus_send(m, &tx, 1), -EROFS);
	assert_in_text(shmbus_error_text(), "monitor");
	assert_int_equal(shmbus_get_self(m, &self), 0);
	assert_int_equal(self.flags, SHMBUS_SELF_MONITOR);
	assert_int_equal(self.slot, UINT32_MAX);
	shmbus_detach(m);
}

/* The file is the same before and after, to the byte and the time. */
static void
test_changes_nothing(void **state)
{
	struct segment *s = *state;
	struct shmbus_view views[40];
	struct shmbus_lane_info lanes[4];
	struct shmbus_peer_info peers[8];
	struct shmbus_station *m;
	struct snapshot snap;
	uint64_t next = 0, lost = 0;
	int n;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_NO_PAUSE });
	segment_send(s, 90, 100);
	assert_int_equal(chmod(s->path, 0400), 0);
	snapshot_take(&snap, s->path);
	m = monitor(s, SHMBUS_OLDEST);
	assert_int_equal(shmbus_wait(m, -1), 1);
	n = shmbus_peek(m, views, 40);
	assert_in_range(n, 1, 40);
	assert_int_equal(shmbus_release(m, (unsigned int)n), n);
	next = (uint64_t)n;
	assert_int_equal(segment_drain(m, &next, &lost), 90 - n);
	assert_int_equal(shmbus_wait(m, 5), 0);
	shmbus_get_lanes(shmbus_station_bus(m), lanes, 4);
	shmbus_get_peers(shmbus_station_bus(m), peers, 8);
	shmbus_detach(m);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
}

/* Everything that the ring holds, oldest first, then what comes. */
static void
test_oldest(void **state)
{
	struct segment *s = *state;
	struct shmbus_lane_info lane;
	struct shmbus_station *m;
	uint64_t next, lost;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_NO_PAUSE });
	segment_send(s, 20000, 100);
	m = monitor(s, SHMBUS_OLDEST);
	assert_int_equal(shmbus_get_lanes(shmbus_station_bus(m), &lane, 1), 1);
	next = 20000 - lane.held;
	lost = 0;
	assert_int_equal(segment_drain(m, &next, &lost), lane.held);
	assert_int_equal(next, 20000);
	segment_send(s, 10, 100);
	assert_int_equal(segment_drain(m, &next, &lost), 10);
	assert_int_equal(lost, 0);
	shmbus_detach(m);
}

/* Of several senders, by their time. */
static void
test_oldest_of_several(void **state)
{
	struct segment *s = *state;
	uint8_t bytes[60] = { 0 };
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_station *m;
	unsigned int i;

	segment_start(s, NULL);
	for (i = 0; i < 100; i++) {
		bytes[20] = (uint8_t)i;
		assert_int_equal(shmbus_send(i % 3 == 0 ? s->a : s->b, &tx, 1), 1);
	}
	m = monitor(s, SHMBUS_OLDEST);
	for (i = 0; i < 100; i++) {
		assert_int_equal(shmbus_receive(m, &rx, 1), 1);
		assert_int_equal(bytes[20], i);
	}
	assert_int_equal(shmbus_receive(m, &rx, 1), 0);
	shmbus_detach(m);
}

/* No sender waits for a monitor, and the monitor counts the frames that it missed. */
static void
test_missed(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *m;
	struct shmbus_stats stats;
	uint64_t next = 0, lost = 0, got;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_SEND_ONLY });
	m = monitor(s, 0);
	segment_send(s, 1, 1000);
	got = segment_drain(m, &next, &lost);
	segment_send(s, 5000, 1000);
	got += segment_drain(m, &next, &lost);
	assert_int_equal(next, 5001);
	assert_int_equal(got + lost, 5001);
	assert_int_equal(shmbus_get_stats(m, &stats), 0);
	assert_int_equal(stats.rx_missed, lost);
	assert_int_equal(stats.rx_frames, got);
	assert_int_equal(stats.rx_corrupt, 0);
	shmbus_detach(m);
}

static void
test_not_woken(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *m;

	segment_start(s, NULL);
	m = monitor(s, 0);
	assert_int_equal(shmbus_fd(m), -ENOTSUP);
	assert_in_text(shmbus_error_text(), "shmbus_wait");
	assert_int_equal(shmbus_arm(m), -ENOTSUP);
	assert_int_equal(shmbus_wait(m, 3), 0);
	segment_send(s, 1, 100);
	assert_int_equal(shmbus_wait(m, -1), 1);
	shmbus_detach(m);
}

/* Buses that NetBSD kernels wrote; how many frames they hold was told by NetBSD's own tool. */
static void
sample(struct segment *s, const char *name, uint64_t number)
{
	static uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_lane_info lane;
	struct shmbus_station *m;
	struct snapshot snap;
	char command[8192];
	uint64_t got = 0;

	snprintf(command, sizeof(command), "xz -dc '%s/shmif_%s.bus.xz' >'%s'", SAMPLES, name, s->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod(s->path, 0400), 0);
	snapshot_take(&snap, s->path);
	m = monitor(s, SHMBUS_OLDEST);
	assert_int_equal(shmbus_get_lanes(shmbus_station_bus(m), &lane, 1), 1);
	assert_int_equal(lane.held, number);
	while (shmbus_receive(m, &rx, 1) == 1) {
		assert_in_range(rx.len, 14, 1514);
		assert_int_equal(rx.meta.missed, 0);
		assert_int_equal(rx.meta.flags, SHMBUS_META_UPTIME);
		got++;
	}
	assert_int_equal(got, number);
	shmbus_detach(m);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	unlink(s->path);
}

static void
test_samples(void **state)
{
	sample(*state, "few", 11);
	sample(*state, "wrapped", 1404);
	sample(*state, "hdrsplit", 11397);
	sample(*state, "exactend", 11522);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_sees_both),
		BOTH_FORMATS(test_changes_nothing),
		BOTH_FORMATS(test_oldest),
		LANES_ONLY(test_oldest_of_several),
		BOTH_FORMATS(test_missed),
		LANES_ONLY(test_not_woken),
		SHMIF_ONLY(test_samples),
	};

	return cmocka_run_group_tests_name("library_monitor", tests, tmpdir_create, tmpdir_remove);
}
