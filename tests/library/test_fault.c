/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Each system call or allocation of the library fails, one after the other. The
 * library reports the error and leaves nothing behind, the file is unchanged, and
 * the next attempt succeeds.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fault.h"
#include "holdings.h"
#include "shmbus.h"
#include "tmpdir.h"

/* What an attempt gets. */
struct got {
	struct shmbus_station *st;
	struct shmbus *bus;
};

struct scenario {
	const char *name;
	enum shmbus_format before; /* of the bus that is there before, with a port; AUTO: none */
	int (*attempt)(struct got *got, const char *path);
	bool looks;         /* for the format first: what fails there makes it lanes */
	unsigned int calls; /* that fail, at least */
};

static struct shmbus_station *
attach_owner(const char *path, enum shmbus_format format)
{
	struct shmbus_conf conf = { .format = format };
	struct shmbus_station *st;

	if (format == SHMBUS_FORMAT_AUTO)
		return NULL;
	if (format == SHMBUS_FORMAT_LANES) {
		conf.ports = 4;
		conf.queues = 1;
		conf.lane_size = 65536;
	}
	if (shmbus_attach(&st, path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

static int
attempt_lanes(struct got *got, const char *path)
{
	const struct shmbus_conf conf = {
		.format = SHMBUS_FORMAT_LANES, .ports = 4, .queues = 1, .lane_size = 65536,
	};

	return shmbus_attach(&got->st, path, &conf);
}

static int
attempt_queues(struct got *got, const char *path)
{
	const struct shmbus_conf conf = {
		.format = SHMBUS_FORMAT_LANES, .ports = 4, .lane_size = 65536, .port_queues = 3,
	};

	return shmbus_attach(&got->st, path, &conf);
}

static int
attempt_shmif(struct got *got, const char *path)
{
	return shmbus_attach(&got->st, path, &(struct shmbus_conf){ .format = SHMBUS_FORMAT_SHMIF });
}

static int
attempt_monitor(struct got *got, const char *path)
{
	return shmbus_monitor(&got->st, path, NULL);
}

static int
attempt_look(struct got *got, const char *path)
{
	return shmbus_open(&got->bus, path, NULL);
}

static int
attempt_create(struct got *got, const char *path)
{
	(void)got;
	return shmbus_create(path, &(struct shmbus_conf){ .lane_size = 65536 });
}

static const struct scenario scenarios[] = {
	{ "a port on a new bus", SHMBUS_FORMAT_AUTO, attempt_lanes, false, 30 },
	{ "a port on a bus that is there", SHMBUS_FORMAT_LANES, attempt_lanes, false, 26 },
	{ "a port with queues on a new bus", SHMBUS_FORMAT_AUTO, attempt_queues, false, 44 },
	{ "a port on a new shmif bus", SHMBUS_FORMAT_AUTO, attempt_shmif, false, 20 },
	{ "a port on a shmif bus that is there", SHMBUS_FORMAT_SHMIF, attempt_shmif, false, 18 },
	{ "a monitor", SHMBUS_FORMAT_LANES, attempt_monitor, true, 22 },
	{ "a monitor of a shmif bus", SHMBUS_FORMAT_SHMIF, attempt_monitor, true, 16 },
	{ "a look", SHMBUS_FORMAT_LANES, attempt_look, true, 14 },
	{ "a look at a shmif bus", SHMBUS_FORMAT_SHMIF, attempt_look, true, 12 },
	{ "a bus to be made", SHMBUS_FORMAT_AUTO, attempt_create, false, 16 },
};

/* Does it map lanes of others ahead of their frames? */
static bool
has_others(const struct scenario *s)
{
	return s->before == SHMBUS_FORMAT_LANES &&
	       (s->attempt == attempt_lanes || s->attempt == attempt_monitor);
}

/* Is there another way when this one fails? */
static bool
is_optional(const struct scenario *s, const char *call)
{
	return strcmp(call, "getrandom") == 0 || /* the time serves as well */
	       strcmp(call, "lstat64") == 0 ||   /* a name that cannot be seen is one that is gone */
	       strcmp(call, "syscall") == 0 ||   /* memory is then where it comes to lie */
	       /* The lanes of others are mapped at their first frame instead. The same calls of the
		* port itself are those of the port on a new bus.
		*/
	       (has_others(s) && (strcmp(call, "fcntl64") == 0 || strcmp(call, "mmap64") == 0)) ||
	       /* it looks for the format twice, or takes the bus for one of lanes, which it is */
	       (s->looks && (strcmp(call, "open64") == 0 || strcmp(call, "pread64") == 0 ||
			  strcmp(call, "fstat64") == 0));
}

static void
check_failure(const struct scenario *s, const char *call, int ret, const char *path)
{
	const bool memory = strcmp(call, "calloc") == 0 || strcmp(call, "malloc") == 0;
	const char *reason = memory ? "out of memory" : strerror(fault_errno());
	/* Of a shmif bus that it did not recognise it says that it is none of lanes. */
	const bool mistaken = s->looks && ret == -EMEDIUMTYPE;

	if (ret != -fault_errno() && !mistaken)
		fail_msg("%s: %s failed with %d, and %d was returned", s->name, call, fault_errno(),
			 ret);
	if (!mistaken && strstr(shmbus_error_text(), reason) == NULL)
		fail_msg("%s, %s failed: \"%s\" does not name the reason", s->name, call,
			 shmbus_error_text());
	if (!memory && strstr(shmbus_error_text(), path) == NULL)
		fail_msg("%s, %s failed: \"%s\" does not name the file", s->name, call,
			 shmbus_error_text());
}

static void
end(struct got *got)
{
	shmbus_detach(got->st);
	shmbus_close(got->bus);
}

/* The nth call fails. False: there are not that many. */
static bool
fail_nth(const struct scenario *s, unsigned int n)
{
	struct got got = { .st = NULL };
	char *path = tmpdir_new_path();
	struct shmbus_station *owner;
	struct holdings before;
	struct snapshot snap;
	const char *call;
	int ret;

	owner = attach_owner(path, s->before);
	if (owner != NULL)
		snapshot_take(&snap, path);
	holdings_count(&before);

	fault_arm(n);
	ret = s->attempt(&got, path);
	call = fault_disarm();
	if (ret == 0) {
		if (call != NULL && !is_optional(s, call))
			fail_msg("%s: %s failed, and nobody noticed", s->name, call);
	} else {
		assert_non_null(call);
		check_failure(s, call, ret, path);
		assert_null(got.st);
		assert_null(got.bus);
		holdings_assert_same(&before, call);
		assert_int_equal(access(path, F_OK) == 0, owner != NULL);
		if (owner != NULL)
			snapshot_assert_same(&snap);
		if (s->attempt(&got, path) != 0)
			fail_msg("%s: after %s had failed: %s", s->name, call, shmbus_error_text());
	}
	end(&got);
	shmbus_detach(owner);
	assert_false(holdings_locked(path));
	if (owner != NULL)
		snapshot_free(&snap);
	unlink(path);
	free(path);
	return call != NULL;
}

static void
test_come(void **state)
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

/* To go to sleep takes a descriptor, which may not be to be had now, and be had later. */
static void
test_sleep(void **state)
{
	static const int formats[] = { SHMBUS_FORMAT_LANES, SHMBUS_FORMAT_SHMIF };
	static uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	struct shmbus_station *a, *b;
	struct holdings before;
	unsigned int i, n;
	char *path;

	(void)state;
	for (i = 0; i < DIM(formats); i++) {
		path = tmpdir_new_path();
		a = attach_owner(path, (enum shmbus_format)formats[i]);
		b = attach_owner(path, (enum shmbus_format)formats[i]);
		holdings_count(&before);
		for (n = 1; n <= 2; n++) {
			fault_arm(n);
			assert_int_equal(shmbus_arm(b), n == 1 ? -EMFILE : -ENOSPC);
			assert_non_null(fault_disarm());
			assert_in_text(shmbus_error_text(), "inotify");
			assert_in_text(shmbus_error_text(), path);
			holdings_assert_same(&before, "a sleep that failed");
		}
		/* A wait needs the inotify descriptor only; the one for poll has more behind it. */
		assert_int_equal(shmbus_wait(b, 1), 0);
		holdings_count(&before);
		for (n = 1; n <= 4; n++) {
			fault_arm(n);
			assert_int_equal(shmbus_fd(b), n <= 2 ? -EMFILE : -ENOSPC);
			assert_non_null(fault_disarm());
			assert_in_text(shmbus_error_text(), "poll");
			assert_in_text(shmbus_error_text(), path);
			holdings_assert_same(&before, "a descriptor that failed");
		}
		assert_int_equal(shmbus_arm(b), 0);
		assert_int_equal(shmbus_send(a, &tx, 1), 1);
		assert_int_equal(poll(&(struct pollfd){ .fd = shmbus_fd(b), .events = POLLIN }, 1,
				      60000), 1);
		shmbus_disarm(b);
		shmbus_detach(b);
		shmbus_detach(a);
		unlink(path);
		free(path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_come),
		cmocka_unit_test(test_sleep),
	};

	return cmocka_run_group_tests_name("library_fault", tests, tmpdir_create, tmpdir_remove);
}
