/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * SHMBUS_NO_GUARD: no handler of SIGBUS for this bus, whatever is done with it, and what that
 * costs. Guarded buses of the same process keep their guard.
 *
 * cmocka has a handler of its own, which is the application's here.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment.h"

static const struct shmbus_conf unguarded = { .flags = SHMBUS_NO_GUARD };

static struct sigaction
handler(void)
{
	struct sigaction now;

	assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
	return now;
}

static bool
same(const struct sigaction *a, const struct sigaction *b)
{
	return a->sa_sigaction == b->sa_sigaction && a->sa_flags == b->sa_flags;
}

static void
assert_unchanged(const struct sigaction *before)
{
	const struct sigaction now = handler();

	assert_true(same(&now, before));
}

/* Each call that opens a bus, and frames. */
static void
test_no_handler(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf create = { .flags = SHMBUS_NO_GUARD, .format = s->format };
	const struct sigaction before = handler();
	struct shmbus_lane_info lanes[4];
	struct shmbus_peer_info peers[8];
	uint64_t next = 0, lost = 0;
	struct shmbus_station *m;
	struct shmbus *bus;

	assert_int_equal(shmbus_create(s->path, &create), 0);
	assert_unchanged(&before);
	assert_int_equal(shmbus_remove(s->path, &unguarded), 0);
	assert_unchanged(&before);
	segment_start(s, &unguarded);
	assert_unchanged(&before);
	assert_int_equal(shmbus_monitor(&m, s->path, &unguarded), 0);
	assert_unchanged(&before);
	assert_int_equal(shmbus_open(&bus, s->path, &unguarded), 0);
	assert_unchanged(&before);
	segment_send(s, 50, 100);
	assert_int_equal(segment_receive(s), 50);
	assert_int_equal(segment_drain(m, &next, &lost), 50);
	assert_int_equal(shmbus_get_peers(bus, peers, 8), 2);
	assert_int_equal(shmbus_get_lanes(bus, lanes, 4), 1);
	assert_int_equal(shmbus_wait(s->b, 1), 0);
	assert_unchanged(&before);
	shmbus_close(bus);
	shmbus_detach(m);
	segment_leave(s);
	assert_unchanged(&before);
}

/* Without the flag the handler is there while the bus is open. */
static void
test_handler(void **state)
{
	struct segment *s = *state;
	const struct sigaction before = handler();
	struct shmbus *bus;
	struct sigaction now;

	segment_start(s, NULL);
	now = handler();
	assert_false(same(&now, &before));
	segment_leave(s);
	assert_unchanged(&before);
	assert_int_equal(shmbus_open(&bus, s->path, NULL), 0);
	now = handler();
	assert_false(same(&now, &before));
	shmbus_close(bus);
	assert_unchanged(&before);
}

/* The guarded bus has the handler and survives; the other one goes on, and keeps no handler. */
static void
test_both(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf conf = { .format = s->format };
	const struct sigaction before = handler();
	char *path = tmpdir_new_path();
	struct shmbus_station *guarded;
	struct shmbus_rx rx = { .room = 0 };

	segment_start(s, &unguarded);
	assert_int_equal(shmbus_attach(&guarded, path, &conf), 0);
	segment_send(s, 20, 100);
	assert_int_equal(segment_receive(s), 20);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(shmbus_receive(guarded, &rx, 1), -ENODEV);
	shmbus_detach(guarded);
	assert_unchanged(&before);
	segment_send(s, 20, 100);
	assert_int_equal(segment_receive(s), 20);
	segment_leave(s);
	unlink(path);
	free(path);
}

/* A process with two stations on a truncated file. */
static void
run_to_death(const struct segment *s, bool beside_a_guard)
{
	struct shmbus_conf conf = { .flags = SHMBUS_NO_GUARD, .format = s->format };
	struct shmbus_rx rx = { .room = 0 };
	struct shmbus_station *st, *guarded;

	signal(SIGBUS, SIG_DFL);
	alarm(60);
	if (shmbus_attach(&st, s->path, &conf) != 0)
		_exit(2);
	conf.flags = 0;
	if (beside_a_guard && shmbus_attach(&guarded, s->path, &conf) != 0)
		_exit(3);
	if (truncate(s->path, 0) != 0)
		_exit(4);
	shmbus_receive(st, &rx, 1);
	_exit(5);
}

/* What the flag costs, and that it is the flag that does: a guard for the same file is no help. */
static void
test_cost(void **state)
{
	struct segment *s = *state;
	int status, beside;
	pid_t pid;

	for (beside = 0; beside < 2; beside++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			run_to_death(s, beside);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS)
			fail_msg("the process ended with 0x%x, not by SIGBUS", (unsigned int)status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_no_handler),
		BOTH_FORMATS(test_handler),
		BOTH_FORMATS(test_both),
		BOTH_FORMATS(test_cost),
	};

	return cmocka_run_group_tests_name("library_unguarded", tests, tmpdir_create, tmpdir_remove);
}
