/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A bus comes into being: by many processes at once, and by some that die over it. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_bus_open.h"
#include "shmbus_clock.h"
#include "shmbus_lock.h"
#include "station.h"
#include "tmpdir.h"

#define LANE (UINT64_C(1) << 16)
#define CROWD 20

static void
test_new(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_header *header;
	struct station st;
	struct stat file;

	(void)state;
	station_join(&st, path, 3, 2, LANE);
	assert_true(st.bus.file.created);
	assert_true(st.bus.filled);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(file.st_size, st.bus.geo.file_size);
	header = (struct shmbus_header *)(void *)st.bus.control;
	assert_memory_equal(st.bus.control, "SHMBUS1\n", 8);
	assert_int_equal(header->version, 1);
	assert_int_equal(header->ports, 3);
	assert_int_equal(header->queues, 2);
	assert_int_equal(header->lane_size, LANE);
	assert_true(header->created_ns <= shmbus_clock_real_ns());
	assert_true(header->created_ns + 60 * UINT64_C(1000000000) > shmbus_clock_real_ns());
	assert_memory_equal(header->id, st.bus.id, sizeof(st.bus.id));
	station_leave(&st, true);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

static void
test_mode_is_not_masked(void **state)
{
	char *path = tmpdir_new_path();
	const struct shmbus_bus_conf conf = { .path = path, .lane_size = LANE, .mode = 0666 };
	const mode_t mask = umask(077);
	struct shmbus_error e;
	struct station st;
	struct stat file;

	(void)state;
	assert_int_equal(station_try(&st, &conf, &e), 0);
	umask(mask);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0666);
	station_leave(&st, false);
	/* An existing file keeps its own. */
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(station_try(&st, &conf, &e), 0);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);
	station_leave(&st, true);
	free(path);
}

static void
test_empty_file_is_filled(void **state)
{
	char *path = tmpdir_new_path();
	struct station st;
	struct stat file;

	(void)state;
	file_write(path, 0, "", 0);
	assert_int_equal(chmod(path, 0640), 0);
	station_join(&st, path, 2, 1, LANE);
	assert_false(st.bus.file.created);
	assert_true(st.bus.filled);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0640);
	station_leave(&st, true);
	free(path);
}

static int
join_and_report(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = {
		.path = arg, .ports = CROWD, .queues = 1, .lane_size = LANE,
	};
	struct shmbus_error e;
	struct station st;
	uint64_t go;
	int ret;

	if (!child_hear(c, &go))
		return 1;
	ret = station_try(&st, &conf, &e);
	child_tell(c, ret != 0 ? UINT64_MAX : st.port.slot | (uint64_t)st.bus.filled << 32);
	if (ret != 0)
		return 2;
	child_hear(c, &go);
	station_leave(&st, true);
	return 0;
}

/* All processes try to create the bus; one succeeds, and each gets a slot of its own. */
static void
test_crowd(void **state)
{
	struct child c[CROWD];
	unsigned int round, i, filled;
	uint64_t answer, slots;
	struct station st;
	char *path;

	(void)state;
	for (round = 0; round < 10; round++) {
		path = tmpdir_new_path();
		for (i = 0; i < CROWD; i++)
			child_start(&c[i], join_and_report, path);
		for (i = 0; i < CROWD; i++)
			child_tell(&c[i], 0);
		for (i = 0, filled = 0, slots = 0; i < CROWD; i++) {
			answer = child_answer(&c[i]);
			assert_true((uint32_t)answer < CROWD);
			slots |= UINT64_C(1) << (uint32_t)answer;
			filled += (unsigned int)(answer >> 32);
		}
		assert_int_equal(slots, (UINT64_C(1) << CROWD) - 1);
		assert_int_equal(filled, 1);
		assert_int_equal(station_try(&st, &(struct shmbus_bus_conf){ .path = path }, NULL),
				 -EUSERS);
		for (i = 0; i < CROWD; i++)
			child_tell(&c[i], 0);
		for (i = 0; i < CROWD; i++)
			assert_int_equal(child_wait(&c[i]), 0);
		/* The last one took the file away. */
		assert_int_equal(tmpdir_count(), 0);
		free(path);
	}
}

/* A bus that nobody is on and that never carried a frame is no hindrance. */
static void
test_replaced(void **state)
{
	static const struct shmbus_bus_conf wishes[] = {
		{ .queues = 3 }, { .ports = 5 }, { .lane_size = LANE * 4 }, { .queues = 1, .mode = 0600 },
	};
	char *path = tmpdir_new_path();
	struct shmbus_bus_conf conf;
	struct station st;
	struct stat before, file;
	unsigned int i;

	(void)state;
	station_join(&st, path, 2, 1, LANE);
	station_die(&st); /* what a dead port leaves does not count */
	assert_int_equal(chmod(path, 0640), 0);
	for (i = 0; i < DIM(wishes); i++) {
		assert_int_equal(stat(path, &before), 0);
		conf = wishes[i];
		conf.path = path;
		assert_int_equal(station_try(&st, &conf, NULL), 0);
		assert_true(st.bus.filled);
		/* What nobody asked for stays as it was. */
		assert_int_equal(st.bus.geo.ports, i < 1 ? 2 : 5);
		assert_int_equal(st.bus.geo.queues, i < 3 ? 3 : 1);
		assert_int_equal(st.bus.geo.lane_size, i < 2 ? LANE : LANE * 4);
		assert_int_equal(stat(path, &file), 0);
		assert_int_equal(file.st_ino, st.bus.file.ino);
		assert_int_equal(file.st_mode & 07777, i < 3 ? 0640 : 0600);
		assert_true(before.st_ino != file.st_ino || before.st_ctim.tv_nsec != file.st_ctim.tv_nsec);
		station_leave(&st, false);
	}
	/* What no bus can have leaves the old one. */
	conf = (struct shmbus_bus_conf){ .path = path, .queues = 65 };
	assert_int_equal(station_try(&st, &conf, NULL), -EINVAL);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_ino, file.st_ino);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

#define QUARRELS 100

/* Each process wants another geometry; so it gets a bus of its own kind, or is refused. */
static int
quarrel(struct child *c, void *arg)
{
	struct shmbus_bus_conf conf = { .path = arg, .ports = 2, .lane_size = LANE };
	unsigned int i, got = 0;
	struct shmbus_error e;
	struct station st;
	struct stat file;
	uint64_t queues;
	int ret;

	if (!child_hear(c, &queues))
		return 1;
	conf.queues = (uint32_t)queues;
	for (i = 0; i < QUARRELS; i++) {
		ret = station_try(&st, &conf, &e);
		if (ret == -EEXIST || ret == -EUSERS || ret == -EBUSY)
			continue;
		if (ret != 0)
			return 2;
		/* Nobody takes a bus away from a port that is on it. */
		if (st.bus.geo.queues != queues || stat(arg, &file) != 0 || file.st_ino != st.bus.file.ino)
			return 3;
		got++;
		station_leave(&st, false);
	}
	child_tell(c, got);
	return 0;
}

static void
test_quarrel(void **state)
{
	char *path = tmpdir_new_path();
	unsigned int i, got = 0;
	struct child c[6];

	(void)state;
	for (i = 0; i < DIM(c); i++)
		child_start(&c[i], quarrel, path);
	for (i = 0; i < DIM(c); i++)
		child_tell(&c[i], 1 + i / 2);
	for (i = 0; i < DIM(c); i++) {
		got += (unsigned int)child_answer(&c[i]);
		assert_int_equal(child_wait(&c[i]), 0);
	}
	assert_true(got > QUARRELS);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

#define VISITS 100

static int
come_and_go(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = {
		.path = arg, .ports = 8, .queues = 1, .lane_size = LANE,
	};
	struct shmbus_error e;
	struct station st;
	unsigned int i;
	int ret;

	(void)c;
	for (i = 0; i < VISITS; i++) {
		ret = station_try(&st, &conf, &e);
		if (ret != 0) {
			print_message("# %s\n", e.text);
			return 1;
		}
		station_leave(&st, true);
	}
	return 0;
}

/* The file is made and removed all the time; no port stays on a file without a name. */
static void
test_come_and_go(void **state)
{
	char *path = tmpdir_new_path();
	struct child c[6];
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(c); i++)
		child_start(&c[i], come_and_go, path);
	for (i = 0; i < DIM(c); i++)
		assert_int_equal(child_wait(&c[i]), 0);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

/* What a creator leaves that dies at some point, and then the next one comes. */
static void
assert_created_anew(char *path)
{
	const uint8_t *p, *end;
	struct station st;

	station_join(&st, path, 2, 1, LANE);
	assert_true(st.bus.filled);
	assert_memory_equal(st.bus.control, "SHMBUS1\n", 8);
	/* The tables are as if nothing had been there, but for the port that is on now. */
	assert_int_equal(shmbus_load(&shmbus_bus_port(&st.bus, 0)->incarnation), 1);
	p = (const uint8_t *)shmbus_bus_port(&st.bus, 1);
	end = st.bus.control + st.bus.geo.data_off;
	for (; p < end; p++)
		assert_int_equal(*p, 0);
	station_leave(&st, true);
	assert_int_equal(tmpdir_count(), 0);
	free(path);
}

static const uint64_t creating = SHMBUS_MAGIC_CREATING;

static void
test_died_before_its_mark(void **state)
{
	char *path = tmpdir_new_path();

	(void)state;
	file_write(path, 0, "", 0);
	assert_created_anew(path);
}

static void
test_died_after_its_mark(void **state)
{
	char *path = tmpdir_new_path();

	(void)state;
	file_write(path, 0, &creating, sizeof(creating));
	assert_created_anew(path);
}

static void
test_died_after_the_size(void **state)
{
	static const off_t sizes[] = { 8, 4096, 70000, 1 << 20, 100 << 20 };
	unsigned int i;
	char *path;

	(void)state;
	for (i = 0; i < DIM(sizes); i++) {
		path = tmpdir_new_path();
		file_write(path, 0, &creating, sizeof(creating));
		assert_int_equal(truncate(path, sizes[i]), 0);
		assert_created_anew(path);
	}
}

static void
test_died_in_the_header(void **state)
{
	char *path = tmpdir_new_path();
	struct station st;
	uint8_t rest[256];

	(void)state;
	/* All but the magic, which comes last; by one with other wishes. */
	station_join(&st, path, 5, 3, LANE * 2);
	memcpy(rest, st.bus.control, sizeof(rest));
	station_leave(&st, false);
	file_write(path, 0, &creating, sizeof(creating));
	assert_created_anew(path);
}

static void
test_rubbish_behind_the_mark(void **state)
{
	static uint8_t rubbish[200000];
	char *path = tmpdir_new_path();

	(void)state;
	memset(rubbish, 0xff, sizeof(rubbish));
	file_write(path, 0, rubbish, sizeof(rubbish));
	file_write(path, 0, &creating, sizeof(creating));
	assert_created_anew(path);
}

static int
create_for_ever(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg, .lane_size = LANE };
	struct station st;

	child_tell(c, 0);
	for (;;) {
		if (station_try(&st, &conf, NULL) != 0)
			return 1;
		station_leave(&st, true);
	}
}

/* Killed at any instant: the next one can always go on. */
static void
test_killed_at_random(void **state)
{
	char *path = tmpdir_new_path();
	struct dice dice = { .state = 1 };
	struct station st;
	struct child c;
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		child_start(&c, create_for_ever, path);
		child_answer(&c);
		usleep(dice_range(&dice, 0, 1500));
		child_kill(&c);
		station_join(&st, path, 0, 0, 0);
		assert_int_equal(st.port.slot, 0);
		station_leave(&st, (i & 1) != 0);
	}
	unlink(path);
	free(path);
}

/*
 * What happens between open(2) and the attach lock. The linker puts us between
 * the bus and the lock (--wrap).
 */
static void (*before_lock)(void);
/* Who lets go of the lock when it was refused so often. */
static const struct child *holder;
static unsigned int refusals;

#define REFUSALS 3

int __real_shmbus_lock_try(int fd, off_t off);
int __wrap_shmbus_lock_try(int fd, off_t off);

int
__wrap_shmbus_lock_try(int fd, off_t off)
{
	void (*act)(void) = before_lock;
	int ret;

	before_lock = NULL;
	if (act != NULL)
		act();
	ret = __real_shmbus_lock_try(fd, off);
	if (ret == -EAGAIN && holder != NULL && ++refusals == REFUSALS)
		child_tell(holder, 0);
	return ret;
}

static int
hold_attach_lock(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg, .lane_size = LANE };
	struct shmbus_bus bus;
	uint64_t go;

	if (shmbus_bus_open(&bus, &conf, NULL) != 0)
		return 1;
	child_tell(c, 0);
	child_hear(c, &go);
	shmbus_file_unlock(&bus.file);
	child_hear(c, &go);
	return 0;
}

static void
test_waits_for_the_lock(void **state)
{
	char *path = tmpdir_new_path();
	struct station st;
	struct child c;

	(void)state;
	child_start(&c, hold_attach_lock, path);
	child_answer(&c);
	refusals = 0;
	holder = &c;
	station_join(&st, path, 0, 0, 0);
	holder = NULL;
	/* More often if the holder did not get a processor at once. */
	assert_true(refusals >= REFUSALS);
	child_tell(&c, 0);
	assert_int_equal(child_wait(&c), 0);
	station_leave(&st, true);
	free(path);
}

static void
test_lock_of_the_dead_is_free(void **state)
{
	char *path = tmpdir_new_path();
	struct station st;
	struct child c;

	(void)state;
	child_start(&c, hold_attach_lock, path);
	child_answer(&c);
	child_kill(&c);
	station_join(&st, path, 0, 0, 0);
	station_leave(&st, true);
	free(path);
}

static struct station other;
static char *contested;
static uint32_t other_ports;

static void
other_joins(void)
{
	station_join(&other, contested, other_ports, 1, LANE);
}

static void
other_replaces(void)
{
	assert_int_equal(unlink(contested), 0);
	station_join(&other, contested, other_ports, 1, LANE);
}

static void
other_removes(void)
{
	assert_int_equal(unlink(contested), 0);
}

static void
other_wants_more_queues(void)
{
	station_join(&other, contested, 0, 2, 0);
}

/* A process that has just opened a bus, and has no lock yet, is not left on a file without a name. */
static void
test_replaced_under_an_opener(void **state)
{
	struct shmbus_bus_conf conf = { .path = NULL };
	struct station st;

	(void)state;
	contested = tmpdir_new_path();
	station_join(&st, contested, 2, 1, LANE);
	station_leave(&st, false);
	conf.path = contested;
	before_lock = other_wants_more_queues;
	assert_int_equal(station_try(&st, &conf, NULL), 0);
	assert_true(other.bus.filled);
	assert_false(st.bus.filled);
	assert_int_equal(st.bus.file.ino, other.bus.file.ino);
	assert_int_equal(st.bus.geo.queues, 2);
	assert_int_equal(st.port.slot, 1);
	station_leave(&st, false);
	/* So for the port that the new bus does not suit. */
	conf.queues = 1;
	assert_int_equal(station_try(&st, &conf, NULL), -EEXIST);
	station_leave(&other, true);
	assert_int_equal(tmpdir_count(), 0);
	free(contested);
}

/*
 * The process that makes the file may be the second to get its lock. Then another
 * process has made the bus, and the bus stays if the second finds no slot.
 */
static void
test_overtaken_creator(void **state)
{
	const struct shmbus_bus_conf conf = { .mode = 0640 };
	struct shmbus_bus_conf mine = conf;
	struct shmbus_error e;
	struct station st;
	struct stat file;

	(void)state;
	for (other_ports = 1; other_ports <= 2; other_ports++) {
		contested = tmpdir_new_path();
		mine.path = contested;
		before_lock = other_joins;
		if (other_ports == 1) {
			assert_int_equal(station_try(&st, &mine, &e), -EUSERS);
		} else {
			assert_int_equal(station_try(&st, &mine, &e), 0);
			assert_int_equal(st.port.slot, 1);
			assert_false(st.bus.filled);
			station_leave(&st, true);
		}
		assert_true(other.bus.filled);
		assert_int_equal(stat(contested, &file), 0);
		assert_int_equal(file.st_ino, other.bus.file.ino);
		assert_int_equal(file.st_mode & 07777, 0640); /* the creator's mode */
		station_leave(&other, true);
		assert_int_equal(tmpdir_count(), 0);
		free(contested);
	}
}

/* The bus that was opened has lost its name: it is not the one to join. */
static void
test_removed_before_the_lock(void **state)
{
	struct station st;

	(void)state;
	contested = tmpdir_new_path();
	station_join(&st, contested, 2, 1, LANE);
	station_leave(&st, false);
	before_lock = other_removes;
	station_join(&st, contested, 3, 1, LANE);
	assert_true(st.bus.file.created);
	assert_int_equal(st.bus.geo.ports, 3);
	assert_int_equal(access(contested, F_OK), 0);
	station_leave(&st, true);
	assert_int_equal(tmpdir_count(), 0);
	free(contested);
}

static void
test_replaced_before_the_lock(void **state)
{
	struct station st;

	(void)state;
	contested = tmpdir_new_path();
	station_join(&st, contested, 2, 1, LANE);
	station_leave(&st, false);
	other_ports = 7;
	before_lock = other_replaces;
	station_join(&st, contested, 0, 0, 0);
	assert_int_equal(st.bus.geo.ports, 7);
	assert_int_equal(st.port.slot, 1);
	assert_int_equal(shmbus_port_count_peers(&other.port), 1);
	station_leave(&other, true);
	station_leave(&st, true);
	assert_int_equal(tmpdir_count(), 0);
	free(contested);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_mode_is_not_masked),
		cmocka_unit_test(test_empty_file_is_filled),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_quarrel),
		cmocka_unit_test(test_replaced_under_an_opener),
		cmocka_unit_test(test_died_before_its_mark),
		cmocka_unit_test(test_died_after_its_mark),
		cmocka_unit_test(test_died_after_the_size),
		cmocka_unit_test(test_died_in_the_header),
		cmocka_unit_test(test_rubbish_behind_the_mark),
		cmocka_unit_test(test_killed_at_random),
		cmocka_unit_test(test_waits_for_the_lock),
		cmocka_unit_test(test_lock_of_the_dead_is_free),
		cmocka_unit_test(test_overtaken_creator),
		cmocka_unit_test(test_removed_before_the_lock),
		cmocka_unit_test(test_replaced_before_the_lock),
	};

	return cmocka_run_group_tests_name("create", tests, tmpdir_create, tmpdir_remove);
}
