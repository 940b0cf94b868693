/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stations on a switch: who receives, sleeps and counts what. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "segment.h"

#define PORTS 3

struct switched {
	char *path;
	struct shmbus_station *st[PORTS];
};

static struct shmbus_conf
conf_of(uint8_t n)
{
	return (struct shmbus_conf){
		.deliver = SHMBUS_DELIVERY_SWITCH, .ports = 8, .lane_size = 65536,
		.mac = { 2, 0, 0, 0, 0, n },
	};
}

static void
begin(struct switched *s, uint32_t flags_of_last)
{
	struct shmbus_conf conf;
	unsigned int i;

	s->path = tmpdir_new_path();
	for (i = 0; i < PORTS; i++) {
		conf = conf_of((uint8_t)(i + 1));
		conf.flags = SHMBUS_UNLINK | (i == PORTS - 1 ? flags_of_last : 0);
		if (shmbus_attach(&s->st[i], s->path, &conf) != 0)
			fail_msg("%s", shmbus_error_text());
	}
}

static void
end(struct switched *s)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++)
		shmbus_detach(s->st[i]);
	free(s->path);
}

static void
fill(uint8_t frame[60], uint8_t to, uint8_t from)
{
	memset(frame, 0, 60);
	memset(frame, to == 0xff ? 0xff : 0, 6);
	frame[0] = to == 0xff ? 0xff : 2;
	frame[5] = to;
	frame[6] = 2;
	frame[11] = from;
}

static void
send_to(struct shmbus_station *st, uint8_t to, uint8_t from)
{
	uint8_t frame[60];
	const struct shmbus_tx tx = { .data = frame, .len = sizeof(frame) };

	fill(frame, to, from);
	assert_int_equal(shmbus_send(st, &tx, 1), 1);
}

static unsigned int
take(struct shmbus_station *st)
{
	uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	unsigned int n = 0;

	while (shmbus_receive(st, &rx, 1) == 1)
		n++;
	return n;
}

static unsigned int
peek(struct shmbus_station *st)
{
	struct shmbus_view views[8];
	unsigned int n = 0;
	int got;

	while ((got = shmbus_peek(st, views, 8)) > 0) {
		assert_int_equal(shmbus_release(st, (unsigned int)got), got);
		n += (unsigned int)got;
	}
	return n;
}

/* A bit for each station that receives a frame of the first. */
static unsigned int
reached(const struct switched *s, uint8_t to)
{
	unsigned int i, got = 0;

	send_to(s->st[0], to, 1);
	for (i = 0; i < PORTS; i++)
		got |= (take(s->st[i]) != 0) << i;
	return got;
}

static void
test_owner_alone(void **state)
{
	struct shmbus_peer_info peers[PORTS];
	struct shmbus_info info;
	struct switched s;

	(void)state;
	begin(&s, 0);
	assert_int_equal(shmbus_get_info(shmbus_station_bus(s.st[0]), &info), 0);
	assert_int_equal(info.version, 2);
	assert_int_equal(info.deliver, SHMBUS_DELIVERY_SWITCH);
	assert_int_equal(reached(&s, 2), 1u << 1);
	assert_int_equal(reached(&s, 3), 1u << 2);
	assert_int_equal(reached(&s, 0xff), 6);
	assert_int_equal(reached(&s, 77), 6);
	assert_int_equal(segment_stats(s.st[1]).rx_frames, 3);
	assert_int_equal(segment_stats(s.st[1]).rx_skipped, 1);
	assert_int_equal(segment_stats(s.st[1]).rx_missed + segment_stats(s.st[1]).rx_filtered, 0);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(s.st[0]), peers, PORTS), PORTS);
	assert_int_equal(peers[1].rx_frames, 3);
	assert_int_equal(peers[1].rx_skipped, 1);
	end(&s);
}

static void
test_learn(void **state)
{
	struct switched s;

	(void)state;
	begin(&s, 0);
	assert_int_equal(reached(&s, 50), 6);
	send_to(s.st[2], 1, 50);
	assert_int_equal(take(s.st[0]), 1);
	assert_int_equal(reached(&s, 50), 1u << 2);
	/* By peek as well. */
	send_to(s.st[1], 1, 51);
	assert_int_equal(peek(s.st[0]), 1);
	assert_int_equal(reached(&s, 51), 1u << 1);
	end(&s);
}

static void
test_sees_all(void **state)
{
	const struct shmbus_conf conf = { .deliver = SHMBUS_DELIVERY_SWITCH };
	struct shmbus_peer_info peers[PORTS];
	struct shmbus_station *monitor;
	struct switched s;

	(void)state;
	begin(&s, SHMBUS_MIRROR);
	assert_int_equal(shmbus_monitor(&monitor, s.path, &conf), 0);
	assert_int_equal(reached(&s, 2), 1u << 1 | 1u << 2);
	assert_int_equal(take(monitor), 1);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(s.st[0]), peers, PORTS), PORTS);
	assert_true(peers[2].flags & SHMBUS_PEER_MIRROR);
	assert_false(peers[1].flags & SHMBUS_PEER_MIRROR);
	shmbus_detach(monitor);
	end(&s);
}

/* In place: reserved frames are directed, and peek steps over those for others. */
static void
test_in_place(void **state)
{
	struct shmbus_place places[6];
	struct switched s;
	unsigned int i;

	(void)state;
	begin(&s, 0);
	for (i = 0; i < 6; i++)
		places[i] = (struct shmbus_place){ .len = 1000 };
	assert_int_equal(shmbus_reserve(s.st[0], places, 3), 3);
	for (i = 0; i < 3; i++) {
		fill(places[i].data, (uint8_t)(2 + i % 2), 1);
		places[i].len = 60; /* the frames behind are moved */
	}
	assert_int_equal(shmbus_commit(s.st[0], places, 3), 3);
	assert_int_equal(peek(s.st[1]), 2);
	assert_int_equal(peek(s.st[2]), 1);
	assert_int_equal(segment_stats(s.st[1]).rx_skipped, 1);
	assert_int_equal(segment_stats(s.st[2]).rx_skipped, 2);
	assert_int_equal(segment_stats(s.st[2]).rx_filtered, 0);
	end(&s);
}

/* Frames for others wake nobody and keep nobody awake. */
static void
test_sleep(void **state)
{
	struct switched s;
	unsigned int i;

	(void)state;
	begin(&s, 0);
	assert_true(shmbus_fd(s.st[2]) >= 0);
	for (i = 0; i < 20; i++) {
		send_to(s.st[0], 2, 1);
		assert_int_equal(shmbus_arm(s.st[2]), 0);
		shmbus_disarm(s.st[2]);
	}
	assert_int_equal(shmbus_wait(s.st[2], 0), 0);
	send_to(s.st[0], 3, 1);
	assert_int_equal(shmbus_arm(s.st[2]), 1);
	shmbus_disarm(s.st[2]);
	assert_int_equal(shmbus_wait(s.st[2], 1000), 1);
	assert_int_equal(take(s.st[2]), 1);
	end(&s);
}

static void
test_refused(void **state)
{
	struct shmbus_conf conf = conf_of(9);
	struct shmbus_station *st;
	struct switched s;

	(void)state;
	begin(&s, 0);
	conf.deliver = SHMBUS_DELIVERY_HUB;
	assert_int_equal(shmbus_attach(&st, s.path, &conf), -EEXIST);
	assert_in_text(shmbus_error_text(), "deliver=hub contradicts the existing bus, which has deliver=switch");
	conf.deliver = 3;
	assert_int_equal(shmbus_attach(&st, s.path, &conf), -EINVAL);
	assert_in_text(shmbus_error_text(), "deliver=3");
	end(&s);
	conf = (struct shmbus_conf){ .format = SHMBUS_FORMAT_SHMIF, .deliver = SHMBUS_DELIVERY_SWITCH };
	assert_int_equal(shmbus_attach(&st, "/nowhere/at/all", &conf), -EINVAL);
	assert_in_text(shmbus_error_text(), "deliver");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_alone),
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_sees_all),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("switch", tests, tmpdir_create, tmpdir_remove);
}
