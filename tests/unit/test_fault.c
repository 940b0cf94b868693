/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Whatever is refused while a bus is made, opened or joined, one call after
 * the other: the error says so, nothing is left behind, the file is what it
 * was, and the next attempt goes well.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fault.h"
#include "holdings.h"
#include "shmbus_bus_open.h"
#include "shmbus_shmif_open.h"
#include "shmbus_wake.h"
#include "station.h"
#include "tmpdir.h"

#define LANE SHMBUS_LANE_SIZE_MIN

/* What an attempt gets. */
struct got {
	struct station st;
	struct shmbus_shmif shmif;
	int fd; /* the owner's descriptor, for ports that open the bus by it */
};

struct scenario {
	const char *name;
	void (*prepare)(struct got *owner, const char *path); /* what is there before */
	int (*attempt)(struct got *got, const char *path, struct shmbus_error *e);
	void (*undo)(struct got *got);
	void (*clear)(struct got *owner);
	unsigned int calls; /* that fail, at least */
};

static void
prepare_nothing(struct got *owner, const char *path)
{
	(void)owner;
	(void)path;
}

static void
prepare_empty(struct got *owner, const char *path)
{
	(void)owner;
	file_write(path, 0, "", 0);
}

static void
prepare_bus(struct got *owner, const char *path)
{
	station_join(&owner->st, path, 4, 1, LANE);
}

static void
clear_nothing(struct got *owner)
{
	(void)owner;
}

static void
clear_bus(struct got *owner)
{
	station_leave(&owner->st, false);
}

static int
attempt_port(struct got *got, const char *path, struct shmbus_error *e)
{
	const struct shmbus_bus_conf conf = {
		.path = path, .ports = 4, .queues = 1, .lane_size = LANE, .mode = 0640,
	};

	return station_try(&got->st, &conf, e);
}

static void
undo_port(struct got *got)
{
	station_leave(&got->st, false);
}

static int
attempt_readonly(struct got *got, const char *path, struct shmbus_error *e)
{
	const struct shmbus_bus_conf conf = { .path = path, .readonly = true };
	int ret;

	ret = shmbus_bus_open(&got->st.bus, &conf, e);
	if (ret == 0)
		shmbus_file_unlock(&got->st.bus.file);
	return ret;
}

static void
undo_bus(struct got *got)
{
	shmbus_bus_close(&got->st.bus);
}

static int
attempt_fd(struct got *got, const char *path, struct shmbus_error *e)
{
	int fd, ret;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return shmbus_error_set(e, -errno, "%s: %s", path, strerror(errno));
	ret = shmbus_bus_open_fd(&got->st.bus, fd, path, e);
	if (ret != 0)
		close(fd); /* still ours */
	return ret;
}

static void
prepare_shmif(struct got *owner, const char *path)
{
	assert_int_equal(shmbus_shmif_open(&owner->shmif, path, SHMBUS_FILE_ANY, 0, 1, NULL), 0);
}

static void
clear_shmif(struct got *owner)
{
	shmbus_shmif_close(&owner->shmif);
}

static int
attempt_shmif(struct got *got, const char *path, struct shmbus_error *e)
{
	return shmbus_shmif_open(&got->shmif, path, SHMBUS_FILE_ANY, 0640, 2, e);
}

static int
attempt_shmif_fd(struct got *got, const char *path, struct shmbus_error *e)
{
	int fd, ret;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return shmbus_error_set(e, -errno, "%s: %s", path, strerror(errno));
	ret = shmbus_shmif_open_fd(&got->shmif, fd, path, 2, e);
	if (ret != 0)
		close(fd);
	return ret;
}

static void
undo_shmif(struct got *got)
{
	shmbus_shmif_close(&got->shmif);
}

static int
attempt_shmif_readonly(struct got *got, const char *path, struct shmbus_error *e)
{
	return shmbus_shmif_open_readonly(&got->shmif, path, e);
}

static const struct scenario scenarios[] = {
	{ "a new bus", prepare_nothing, attempt_port, undo_port, clear_nothing, 14 },
	{ "a bus in an empty file", prepare_empty, attempt_port, undo_port, clear_nothing, 12 },
	{ "a bus that is there", prepare_bus, attempt_port, undo_port, clear_bus, 12 },
	{ "a bus to look at", prepare_bus, attempt_readonly, undo_bus, clear_bus, 9 },
	{ "a bus by its descriptor", prepare_bus, attempt_fd, undo_bus, clear_bus, 6 },
	{ "a new shmif bus", prepare_nothing, attempt_shmif, undo_shmif, clear_nothing, 11 },
	{ "a shmif bus in an empty file", prepare_empty, attempt_shmif, undo_shmif, clear_nothing, 10 },
	{ "a shmif bus that is there", prepare_shmif, attempt_shmif, undo_shmif, clear_shmif, 10 },
	{ "a shmif bus to look at", prepare_shmif, attempt_shmif_readonly, undo_shmif, clear_shmif, 8 },
	{ "a shmif bus by its descriptor", prepare_shmif, attempt_shmif_fd, undo_shmif, clear_shmif, 6 },
};

/* Is there another way when this one fails? */
static bool
is_optional(const char *call)
{
	return strcmp(call, "getrandom") == 0 || /* the time serves as well */
	       strcmp(call, "lstat64") == 0;     /* a name that cannot be seen is one that is gone */
}

static void
check_failure(const struct scenario *s, const char *call, int ret, const struct shmbus_error *e,
	      const char *path)
{
	const char *reason = strcmp(call, "calloc") == 0 ? "out of memory" : strerror(fault_errno());

	if (ret != -fault_errno())
		fail_msg("%s: %s failed with %d, and %d was returned", s->name, call, fault_errno(),
			 ret);
	if (strstr(e->text, path) == NULL || strstr(e->text, reason) == NULL)
		fail_msg("%s, %s failed: \"%s\" does not name the file and the reason", s->name, call,
			 e->text);
}

/* The nth call fails. False: there are not that many. */
static bool
fail_nth(const struct scenario *s, unsigned int n)
{
	char *path = tmpdir_new_path();
	struct holdings before;
	struct snapshot snap;
	struct shmbus_error e = { "" };
	struct got owner, got;
	const char *call;
	bool there;
	int ret;

	memset(&owner, 0, sizeof(owner));
	memset(&got, 0, sizeof(got));
	s->prepare(&owner, path);
	there = access(path, F_OK) == 0;
	if (there)
		snapshot_take(&snap, path);
	holdings_count(&before);

	fault_arm(n);
	ret = s->attempt(&got, path, &e);
	call = fault_disarm();
	if (ret == 0) {
		if (call != NULL && !is_optional(call))
			fail_msg("%s: %s failed, and nobody noticed", s->name, call);
	} else {
		assert_non_null(call);
		check_failure(s, call, ret, &e, path);
		holdings_assert_same(&before, call);
		assert_int_equal(access(path, F_OK) == 0, there);
		if (there)
			snapshot_assert_same(&snap);
		s->clear(&owner);
		assert_false(holdings_locked(path));
		ret = s->attempt(&got, path, &e);
		if (ret != 0)
			fail_msg("%s: after %s had failed: %s", s->name, call, e.text);
		s->prepare(&owner, path);
	}
	s->undo(&got);
	s->clear(&owner);
	assert_false(holdings_locked(path));
	if (there)
		snapshot_free(&snap);
	unlink(path);
	free(path);
	return call != NULL;
}

static void
test_open(void **state)
{
	const struct scenario *s;
	struct holdings before;
	unsigned int i, n;

	(void)state;
	holdings_count(&before);
	for (i = 0; i < DIM(scenarios); i++) {
		s = &scenarios[i];
		for (n = 1; fail_nth(s, n); n++)
			;
		print_message("# %s: %u calls that can fail\n", s->name, n - 1);
		assert_true(n - 1 >= s->calls);
		assert_int_equal(tmpdir_count(), 0);
		holdings_assert_same(&before, s->name);
	}
}

/* A lane is mapped by two calls; if one fails, the next attempt makes good for both. */
static void
test_map_lane(void **state)
{
	struct station a, b;
	unsigned int n;
	char *path;

	(void)state;
	for (n = 1; n <= 2; n++) {
		path = tmpdir_new_path();
		station_join(&a, path, 4, 1, LANE);
		station_join(&b, path, 0, 0, 0);
		shmbus_bus_lane_data(&a.bus, 0)[0] = 0x5a;
		fault_arm(n);
		assert_int_equal(shmbus_bus_map_lane(&b.bus, 0, SHMBUS_LANE_READ), -ENOMEM);
		assert_string_equal(fault_disarm(), "mmap64");
		assert_int_equal(shmbus_bus_map_lane(&b.bus, 0, SHMBUS_LANE_READ), 0);
		assert_int_equal(shmbus_bus_lane_data(&b.bus, 0)[0], 0x5a);
		assert_int_equal(shmbus_bus_lane_data(&b.bus, 0)[LANE], 0x5a);
		station_leave(&b, false);
		station_leave(&a, true);
		free(path);
	}
}

/* A further queue's lane: mapped, then given its memory. */
static void
test_prepare_lane(void **state)
{
	static const int errors[] = { -ENOMEM, -ENOMEM, -ENOSPC };
	char *path = tmpdir_new_path();
	struct station st;
	unsigned int n;

	(void)state;
	station_join(&st, path, 2, 4, LANE);
	for (n = 0; n < DIM(errors); n++) {
		fault_arm(n + 1);
		assert_int_equal(shmbus_port_prepare_lane(&st.port, 1 + n), errors[n]);
		assert_non_null(fault_disarm());
		assert_int_equal(shmbus_port_prepare_lane(&st.port, 1 + n), 0);
	}
	station_leave(&st, true);
	free(path);
}

static void
test_watch(void **state)
{
	char *path = tmpdir_new_path();
	struct holdings before;
	struct station st;
	int fd;

	(void)state;
	station_join(&st, path, 2, 1, LANE);
	holdings_count(&before);
	fault_arm(1);
	assert_int_equal(shmbus_notify_open(st.bus.file.fd), -EMFILE);
	assert_string_equal(fault_disarm(), "inotify_init1");
	fault_arm(2);
	assert_int_equal(shmbus_notify_open(st.bus.file.fd), -ENOSPC);
	assert_string_equal(fault_disarm(), "inotify_add_watch");
	holdings_assert_same(&before, "a watch that failed");
	fd = shmbus_notify_open(st.bus.file.fd);
	assert_true(fd >= 0);
	close(fd);
	station_leave(&st, true);
	free(path);
}

/* Where the file cannot be written to, its times are changed; where there is no membarrier, time goes by. */
static void
test_other_ways(void **state)
{
	char *path = tmpdir_new_path();
	struct pollfd p = { .events = POLLIN };
	struct station st;

	(void)state;
	station_join(&st, path, 2, 1, LANE);
	p.fd = shmbus_notify_open(st.bus.file.fd);
	assert_true(p.fd >= 0);
	fault_arm(1);
	assert_int_equal(shmbus_wake_ring(&st.bus), 0);
	assert_string_equal(fault_disarm(), "pwrite64");
	assert_int_equal(poll(&p, 1, 0), 1);
	close(p.fd);
	fault_arm(1);
	shmbus_wake_tell(&st.bus, true);
	assert_string_equal(fault_disarm(), "syscall");
	assert_int_equal(shmbus_load(&shmbus_bus_bell(&st.bus)->changes), 1);
	/* A port whose lock cannot be tested counts as alive. */
	fault_arm(1);
	assert_true(shmbus_port_alive(&st.bus, 1));
	assert_string_equal(fault_disarm(), "fcntl64");
	assert_false(shmbus_port_alive(&st.bus, 1));
	station_leave(&st, true);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_map_lane),
		cmocka_unit_test(test_prepare_lane),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_other_ways),
	};

	return cmocka_run_group_tests_name("fault", tests, tmpdir_create, tmpdir_remove);
}
