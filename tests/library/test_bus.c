/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Buses are created, examined and removed; invalid requests are refused with the right message. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment.h"

static struct shmbus *
open_bus(const struct segment *s)
{
	struct shmbus *bus;

	if (shmbus_open(&bus, s->path, NULL) != 0)
		fail_msg("%s", shmbus_error_text());
	return bus;
}

static void
test_create(void **state)
{
	struct segment *s = *state;
	struct shmbus_conf conf = { .format = s->format, .mode = 0640 };
	const bool lanes = s->format == SHMBUS_FORMAT_LANES;
	struct shmbus_info info;
	struct snapshot snap;
	struct shmbus *bus;

	if (lanes) {
		conf.ports = 3;
		conf.queues = 2;
		conf.lane_size = 65536;
	}
	assert_int_equal(shmbus_create(s->path, &conf), 0);
	snapshot_take(&snap, s->path);
	/* What is there stays as it is. */
	assert_int_equal(shmbus_create(s->path, &conf), -EEXIST);
	assert_in_text(shmbus_error_text(), s->path);
	assert_in_text(shmbus_error_text(), "already");
	assert_int_equal(shmbus_create(s->path, NULL), -EEXIST);
	bus = open_bus(s);
	assert_int_equal(shmbus_get_info(bus, &info), 0);
	assert_int_equal(info.format, s->format);
	assert_int_equal(info.version, lanes ? 1 : 3);
	assert_int_equal(info.ports, lanes ? 3 : 255);
	assert_int_equal(info.queues, lanes ? 2 : 1);
	assert_int_equal(info.lane_size, lanes ? 65536 : 1048576 - 32);
	assert_int_equal(info.file_size, snap.st.st_size);
	assert_int_equal(info.used, snap.st.st_blocks * 512);
	assert_int_equal(info.mode, 0640);
	assert_int_equal(info.nlink, 1);
	assert_int_equal(info.hugetlb, 0);
	assert_true(info.frame_max >= 1514);
	assert_string_equal(info.path, s->path);
	assert_int_equal(info.created_ns != 0, lanes);
	assert_int_equal(shmbus_get_peers(bus, NULL, 0), 0);
	assert_int_equal(shmbus_get_lanes(bus, NULL, 0), lanes ? 0 : 1);
	unlink(s->path);
	assert_int_equal(shmbus_get_info(bus, &info), 0);
	assert_int_equal(info.nlink, 0);
	shmbus_close(bus);
	snapshot_free(&snap);
}

static void
test_create_default(void **state)
{
	struct segment *s = *state;
	struct shmbus_info info;
	struct shmbus *bus;

	assert_int_equal(shmbus_create(s->path, NULL), 0);
	bus = open_bus(s);
	assert_int_equal(shmbus_get_info(bus, &info), 0);
	assert_int_equal(info.format, SHMBUS_FORMAT_LANES);
	assert_int_equal(info.ports, 32);
	assert_int_equal(info.queues, 4);
	assert_int_equal(info.lane_size, 4 << 20);
	assert_int_equal(info.mode, 0600);
	shmbus_close(bus);
	/* It is sparse. */
	assert_true(info.used < info.file_size / 100);
}

static void
refused(const char *path, const struct shmbus_conf *conf, int err, const char *words)
{
	struct shmbus_station *st;

	assert_int_equal(shmbus_create(path, conf), err);
	assert_in_text(shmbus_error_text(), words);
	assert_int_equal(shmbus_attach(&st, path, conf), err);
	assert_null(st);
	assert_in_text(shmbus_error_text(), words);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
test_conf_refused(void **state)
{
	struct segment *s = *state;
	struct shmbus_conf conf = { .flags = 0 };
	char name[65];
	unsigned int i;

	memset(name, 'x', 64);
	name[64] = '\0';
	refused(s->path, &(struct shmbus_conf){ .flags = 1u << 31 }, -EINVAL, "0x80000000");
	refused(s->path, &(struct shmbus_conf){ .format = 3 }, -EINVAL, "format=3");
	refused(s->path, &(struct shmbus_conf){ .mode = 0400 }, -EINVAL, "mode=0400");
	refused(s->path, &(struct shmbus_conf){ .mode = 01600 }, -EINVAL, "mode=01600");
	refused(s->path, &(struct shmbus_conf){ .mac = { 1 } }, -EINVAL, "unicast");
	refused(s->path, &(struct shmbus_conf){ .name = name }, -EINVAL, "name=xxx");
	refused(s->path, &(struct shmbus_conf){ .reserved = { 0, 1 } }, -EINVAL, "conf.reserved is");
	refused(s->path, &(struct shmbus_conf){ .deliver = 3 }, -EINVAL, "deliver=3");
	for (i = 0; i < sizeof(conf.reserved0); i++) {
		conf.reserved0[i] = 1;
		refused(s->path, &conf, -EINVAL, "conf.reserved0");
		conf.reserved0[i] = 0;
	}
	refused(s->path, &(struct shmbus_conf){ .numa = SHMBUS_NUMA_NODE(1024) }, -EINVAL, "numa=1025");
	refused(s->path, &(struct shmbus_conf){ .ports = 257 }, -EINVAL, "ports=257");
	refused(s->path, &(struct shmbus_conf){ .queues = 65 }, -EINVAL, "queues=65");
	refused(s->path, &(struct shmbus_conf){ .lane_size = 65537 }, -EINVAL, "lane_size=65537");
	refused(s->path, &(struct shmbus_conf){ .format = SHMBUS_FORMAT_SHMIF, .ports = 2 }, -EINVAL,
		"shmif");
	refused(s->path, &(struct shmbus_conf){ .format = SHMBUS_FORMAT_SHMIF,
						 .numa = SHMBUS_NUMA_NODE(0) }, -EINVAL, "shmif");
	refused("", NULL, -EINVAL, "no file named");
	refused("/nowhere/at/all", NULL, -ENOENT, "directory does not exist");
}

static void
test_attach_refused(void **state)
{
	struct segment *s = *state;
	struct shmbus_conf conf = { .flags = SHMBUS_EXISTING };
	struct shmbus_station *st;

	assert_int_equal(shmbus_attach(&st, s->path, &conf), -ENOENT);
	assert_in_text(shmbus_error_text(), s->path);
	assert_int_not_equal(access(s->path, F_OK), 0);
	conf.flags |= SHMBUS_NEW;
	assert_int_equal(shmbus_attach(&st, s->path, &conf), -EINVAL);
	conf.flags = SHMBUS_OLDEST;
	assert_int_equal(shmbus_attach(&st, s->path, &conf), -EINVAL);
	assert_in_text(shmbus_error_text(), "monitor");
	conf = (struct shmbus_conf){ .ports = 2, .queues = 1, .lane_size = 65536 };
	assert_int_equal(shmbus_create(s->path, &conf), 0);
	conf.flags = SHMBUS_NEW;
	assert_int_equal(shmbus_attach(&st, s->path, &conf), -EEXIST);
	conf = (struct shmbus_conf){ .ports = 3, .flags = SHMBUS_EXISTING };
	assert_int_equal(shmbus_attach(&st, s->path, &conf), -EEXIST);
	assert_in_text(shmbus_error_text(), "ports=3 contradicts");
	assert_in_text(shmbus_error_text(), "no port is alive on it");
	conf = (struct shmbus_conf){ .flags = SHMBUS_EXISTING };
	assert_int_equal(shmbus_attach(&s->a, s->path, &conf), 0);
	assert_int_equal(shmbus_attach(&s->b, s->path, NULL), 0);
	assert_int_equal(shmbus_attach(&st, s->path, NULL), -EUSERS);
	assert_in_text(shmbus_error_text(), "ports=2");
	conf.format = SHMBUS_FORMAT_SHMIF;
	assert_int_equal(shmbus_attach(&st, s->path, &conf), -EMEDIUMTYPE);
	conf = (struct shmbus_conf){ .flags = SHMBUS_NO_PAUSE };
	assert_int_equal(shmbus_monitor(&st, s->path, &conf), -EINVAL);
}

/* What stations that only read ask of the bus holds for them too, and changes nothing. */
static void
looks_refused(const char *path, const struct shmbus_conf *conf, int err, const char *words)
{
	struct shmbus_station *st;
	struct snapshot snap;
	struct shmbus *bus;

	snapshot_take(&snap, path);
	assert_int_equal(shmbus_monitor(&st, path, conf), err);
	assert_null(st);
	assert_in_text(shmbus_error_text(), words);
	assert_int_equal(shmbus_open(&bus, path, conf), err);
	assert_null(bus);
	assert_in_text(shmbus_error_text(), words);
	assert_int_equal(shmbus_remove(path, conf), err);
	assert_in_text(shmbus_error_text(), words);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
}

static void
test_look_refused(void **state)
{
	struct segment *s = *state;
	const bool lanes = s->format == SHMBUS_FORMAT_LANES;
	struct shmbus_conf conf = { .ports = 8, .queues = 2, .lane_size = 65536 };
	struct shmbus_station *m;
	struct shmbus *bus;

	segment_start(s, NULL);
	shmbus_detach(s->a);
	shmbus_detach(s->b);
	s->a = NULL;
	s->b = NULL;
	looks_refused(s->path, &(struct shmbus_conf){ .ports = 7 }, lanes ? -EEXIST : -EINVAL,
		      lanes ? "ports=7 contradicts" : "shmif");
	looks_refused(s->path, &(struct shmbus_conf){ .queues = 1 }, lanes ? -EEXIST : -EINVAL,
		      lanes ? "queues=1 contradicts" : "shmif");
	looks_refused(s->path, &(struct shmbus_conf){ .lane_size = 1 << 20 },
		      lanes ? -EEXIST : -EINVAL, lanes ? "lane_size=1048576 contradicts" : "shmif");
	looks_refused(s->path, &(struct shmbus_conf){ .flags = SHMBUS_NEW }, -EINVAL, "conf.flags");
	conf.format = lanes ? SHMBUS_FORMAT_SHMIF : SHMBUS_FORMAT_LANES;
	conf.ports = conf.queues = 0;
	conf.lane_size = 0;
	looks_refused(s->path, &conf, -EMEDIUMTYPE, s->path);
	/* What the bus has is accepted. */
	conf = (struct shmbus_conf){ .format = s->format, .flags = SHMBUS_EXISTING };
	if (lanes) {
		conf.ports = 8;
		conf.queues = 2;
		conf.lane_size = 65536;
	}
	assert_int_equal(shmbus_monitor(&m, s->path, &conf), 0);
	shmbus_detach(m);
	assert_int_equal(shmbus_open(&bus, s->path, &conf), 0);
	shmbus_close(bus);
	assert_int_equal(shmbus_remove(s->path, &conf), 0);
}

static void
test_no_bus(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *st;
	struct shmbus *bus;

	assert_int_equal(shmbus_open(&bus, s->path, NULL), -ENOENT);
	assert_null(bus);
	assert_int_equal(shmbus_monitor(&st, s->path, NULL), -ENOENT);
	assert_null(st);
	assert_int_equal(shmbus_remove(s->path, NULL), -ENOENT);
	assert_int_equal(shmbus_open(&bus, NULL, NULL), -EINVAL);
	assert_int_equal(shmbus_remove(NULL, NULL), -EINVAL);
	file_write(s->path, 0, "a letter to my aunt, who knows nothing of this", 46);
	assert_int_equal(shmbus_open(&bus, s->path, NULL), -EMEDIUMTYPE);
	assert_in_text(shmbus_error_text(), s->path);
	assert_int_equal(shmbus_monitor(&st, s->path, NULL), -EMEDIUMTYPE);
	assert_int_equal(shmbus_attach(&st, s->path, NULL), -EMEDIUMTYPE);
	assert_int_equal(shmbus_remove(s->path, NULL), -EMEDIUMTYPE);
	assert_int_equal(access(s->path, F_OK), 0);
	shmbus_close(NULL);
	shmbus_detach(NULL);
	shmbus_forget(NULL);
}

static void
test_remove(void **state)
{
	struct segment *s = *state;

	segment_start(s, NULL);
	assert_int_equal(shmbus_remove(s->path, NULL), -EBUSY);
	assert_in_text(shmbus_error_text(), "2 living ports");
	shmbus_detach(s->a);
	shmbus_detach(s->b);
	s->a = NULL;
	s->b = NULL;
	assert_int_equal(shmbus_remove(s->path, NULL), 0);
	assert_int_not_equal(access(s->path, F_OK), 0);
}

static void
test_owner(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .name = "somebody", .mac = { 2, 1, 2, 3, 4, 5 } };
	struct shmbus_peer_info owner;
	struct shmbus *bus;

	segment_start(s, &conf);
	segment_send(s, 10, 100);
	bus = open_bus(s);
	if (s->format != SHMBUS_FORMAT_LANES) {
		assert_int_equal(shmbus_get_owner(bus, 0, &owner), -ENOTSUP);
		shmbus_close(bus);
		return;
	}
	assert_int_equal(shmbus_get_owner(bus, 0, &owner), 0);
	assert_true(owner.flags & SHMBUS_PEER_ALIVE);
	shmbus_detach(s->a);
	s->a = NULL;
	assert_int_equal(shmbus_get_peers(bus, NULL, 0), 1);
	assert_int_equal(shmbus_get_owner(bus, 0, &owner), 0);
	assert_int_equal(owner.flags, SHMBUS_PEER_LEFT);
	assert_string_equal(owner.name, "somebody");
	assert_memory_equal(owner.mac, conf.mac, 6);
	assert_int_equal(owner.incarnation, 1);
	assert_int_equal(owner.tx_frames, 10);
	assert_int_equal(shmbus_get_owner(bus, 2, &owner), -ENOENT);
	assert_int_equal(shmbus_get_owner(bus, UINT32_MAX, &owner), -EINVAL);
	shmbus_close(bus);
}

static void
test_peers(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = {
		.name = "somebody",
		.mac = { 2, 1, 2, 3, 4, 5 },
	};
	const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	const bool lanes = s->format == SHMBUS_FORMAT_LANES;
	struct shmbus_peer_info peers[4];
	struct shmbus_self self;
	struct shmbus *bus;

	segment_start(s, &conf);
	segment_send(s, 10, 100);
	segment_receive(s);
	bus = open_bus(s);
	assert_int_equal(shmbus_get_peers(bus, peers, 1), 2);
	assert_int_equal(shmbus_get_peers(bus, peers, 4), 2);
	assert_int_equal(shmbus_get_self(s->b, &self), 0);
	assert_int_equal(peers[1].slot, self.slot);
	assert_int_equal(self.frame_min, 14);
	assert_memory_equal(self.mac, mac, 6);
	assert_true(peers[0].flags & SHMBUS_PEER_ALIVE);
	assert_false(peers[0].flags & SHMBUS_PEER_SELF);
	if (lanes) {
		assert_int_equal(peers[0].flags, SHMBUS_PEER_ALIVE | SHMBUS_PEER_STARTED |
				 SHMBUS_PEER_LINK_UP | SHMBUS_PEER_HOLDS);
		assert_string_equal(peers[0].name, "somebody");
		assert_memory_equal(peers[0].mac, mac, 6);
		assert_int_equal(peers[0].pid, getpid());
		assert_int_equal(peers[0].incarnation, 1);
		assert_int_equal(peers[0].tx_frames, 10);
		assert_int_equal(peers[0].tx_bytes, 1000);
		assert_int_equal(peers[1].rx_frames, 10);
		assert_int_equal(peers[1].rx_bytes, 1000);
		assert_int_equal(peers[1].rx_missed, 0);
		assert_true(peers[0].attached_ns != 0);
	}
	shmbus_close(bus);
	/* A station sees itself. */
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(s->b), peers, 4), 2);
	assert_false(peers[0].flags & SHMBUS_PEER_SELF);
	assert_true(peers[1].flags & SHMBUS_PEER_SELF);
	assert_true(peers[1].flags & SHMBUS_PEER_ALIVE);
}

static void
test_lanes(void **state)
{
	struct segment *s = *state;
	struct shmbus_lane_info lanes[4];
	struct shmbus *bus;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_NO_PAUSE });
	bus = open_bus(s);
	segment_send(s, 100, 100);
	assert_int_equal(shmbus_get_lanes(bus, lanes, 4), 1);
	assert_int_equal(lanes[0].held, 100);
	assert_int_equal(lanes[0].generation, 0);
	assert_true(lanes[0].tail != 0);
	assert_true(lanes[0].head < lanes[0].tail);
	segment_send(s, 20000, 100);
	assert_int_equal(shmbus_get_lanes(bus, lanes, 4), 1);
	assert_in_range(lanes[0].held, 200, 19000);
	assert_true(lanes[0].generation > 0);
	assert_true(lanes[0].tail - lanes[0].head <= lanes[0].size);
	if (s->format == SHMBUS_FORMAT_LANES) {
		assert_int_equal(lanes[0].frames, 20100);
		assert_int_equal(lanes[0].bytes, 2010000);
	}
	shmbus_close(bus);
}

/* A port's name has any bytes; a terminal gets none of them that it could take for a command. */
static void
test_names(void **state)
{
	const struct shmbus_conf conf = { .name = "\x1b[31m \xc3\xbc\x9b \"quoted\" \\ \x7f~" };
	struct segment *s = *state;
	struct shmbus_peer_info peer;

	segment_start(s, &conf);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(s->a), &peer, 1), 2);
	assert_string_equal(peer.name, "?[31m ??? \"quoted\" \\ ?~");
	assert_int_equal(shmbus_get_owner(shmbus_station_bus(s->a), 1, &peer), 0);
	assert_string_equal(peer.name, "?[31m ??? \"quoted\" \\ ?~");
}

/* The library, its header and the project have one version, as text and as a number. */
static void
test_version(void **state)
{
	unsigned int major, minor, patch;
	char rest;

	(void)state;
	assert_string_equal(shmbus_version(), SHMBUS_LIB_VERSION);
	assert_string_equal(shmbus_version(), PROJECT_VERSION);
	assert_int_equal(sscanf(PROJECT_VERSION, "%u.%u.%u%c", &major, &minor, &patch, &rest), 3);
	assert_true(major < 256 && minor < 256 && patch < 256);
	assert_int_equal(SHMBUS_LIB_VERSION_NUMBER, major << 16 | minor << 8 | patch);
	assert_int_equal(shmbus_version_number(), SHMBUS_LIB_VERSION_NUMBER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_create),
		LANES_ONLY(test_create_default),
		LANES_ONLY(test_conf_refused),
		LANES_ONLY(test_attach_refused),
		BOTH_FORMATS(test_look_refused),
		LANES_ONLY(test_no_bus),
		BOTH_FORMATS(test_remove),
		BOTH_FORMATS(test_owner),
		BOTH_FORMATS(test_peers),
		BOTH_FORMATS(test_lanes),
		LANES_ONLY(test_names),
		LANES_ONLY(test_version),
	};

	return cmocka_run_group_tests_name("library_bus", tests, tmpdir_create, tmpdir_remove);
}
