/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Stations that come and go, in several processes. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "segment.h"

static uint32_t
self_flags(struct shmbus_station *st)
{
	struct shmbus_self self;

	assert_int_equal(shmbus_get_self(st, &self), 0);
	return self.flags;
}

static void
test_created(void **state)
{
	struct segment *s = *state;

	segment_start(s, NULL);
	assert_int_equal(self_flags(s->a), SHMBUS_SELF_CREATED);
	assert_int_equal(self_flags(s->b), 0);
}

/* Addresses by chance: b2:a0, and not the same. */
static void
test_random_address(void **state)
{
	struct segment *s = *state;
	struct shmbus_self a, b;

	segment_start(s, NULL);
	assert_int_equal(shmbus_get_self(s->a, &a), 0);
	assert_int_equal(shmbus_get_self(s->b, &b), 0);
	assert_int_equal(a.mac[0], 0xb2);
	assert_int_equal(a.mac[1], 0xa0);
	assert_memory_not_equal(a.mac, b.mac, 6);
	assert_int_not_equal(a.slot, b.slot);
}

/* The last one to leave removes the file. */
static void
test_unlink(void **state)
{
	struct segment *s = *state;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_UNLINK });
	shmbus_detach(s->a);
	s->a = NULL;
	assert_int_equal(access(s->path, F_OK), 0);
	shmbus_detach(s->b);
	s->b = NULL;
	assert_int_not_equal(access(s->path, F_OK), 0);
}

static int
attach_and_die(struct child *c, void *arg)
{
	struct segment *s = arg;
	struct shmbus_station *st;

	if (shmbus_attach(&st, s->path, NULL) != 0)
		return 1;
	child_tell(c, 1);
	pause();
	return 1;
}

/* A port dies; the port that takes over its slot continues, and learns of the dead owner. */
static void
test_took_over(void **state)
{
	struct segment *s = *state;
	struct shmbus_peer_info peers[8];
	struct shmbus_station *third;
	struct child c;

	segment_start(s, NULL);
	child_start(&c, attach_and_die, s);
	child_answer(&c);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(s->b), peers, 8), 3);
	assert_true(peers[2].flags & SHMBUS_PEER_ALIVE);
	child_kill(&c);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(s->b), peers, 8), 3);
	assert_false(peers[2].flags & SHMBUS_PEER_ALIVE);
	shmbus_detach(s->a);
	assert_int_equal(shmbus_attach(&s->a, s->path, NULL), 0);
	assert_int_equal(self_flags(s->a), 0);
	shmbus_detach(s->b);
	assert_int_equal(shmbus_attach(&s->b, s->path, NULL), 0);
	assert_int_equal(self_flags(s->b), 0);
	assert_int_equal(shmbus_attach(&third, s->path, NULL), 0);
	assert_int_equal(self_flags(third), SHMBUS_SELF_TOOK_OVER);
	shmbus_detach(third);
}

static int
forget(struct child *c, void *arg)
{
	struct segment *s = arg;
	uint64_t number;

	/* Inherited: forgotten, and the parent's goes on. */
	shmbus_forget(s->a);
	shmbus_forget(s->b);
	child_tell(c, 1);
	child_hear(c, &number);
	return 0;
}

static void
test_fork(void **state)
{
	struct segment *s = *state;
	struct shmbus_peer_info peers[8];
	struct shmbus *bus;
	struct child c;

	segment_start(s, NULL);
	segment_send(s, 5, 100);
	child_start(&c, forget, s);
	child_answer(&c);
	segment_send(s, 5, 100);
	segment_receive(s);
	assert_int_equal(s->received, 10);
	assert_int_equal(shmbus_open(&bus, s->path, NULL), 0);
	assert_int_equal(shmbus_get_peers(bus, peers, 8), 2);
	assert_true(peers[0].flags & peers[1].flags & SHMBUS_PEER_ALIVE);
	/* The child has let go of the places: they go with the parent's stations. */
	shmbus_detach(s->a);
	s->a = NULL;
	assert_int_equal(shmbus_get_peers(bus, peers, 8), 1);
	shmbus_close(bus);
	child_tell(&c, 1);
	assert_int_equal(child_wait(&c), 0);
}

static unsigned int
count_lines(const char *name, const char *part)
{
	char line[5000];
	unsigned int n = 0;
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, part) != NULL;
	fclose(f);
	return n;
}

static unsigned int
count_fds(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Attempts leave nothing behind, whether they succeed or fail. */
static void
test_no_leak(void **state)
{
	struct segment *s = *state;
	const struct shmbus_conf wrong = { .format = s->format, .flags = SHMBUS_NEW };
	const unsigned int fds = count_fds();
	struct shmbus_station *st;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		segment_start(s, NULL);
		assert_true(shmbus_fd(s->b) >= 0);
		segment_send(s, 3, 100);
		assert_int_equal(segment_receive(s), 3);
		assert_int_equal(shmbus_attach(&st, s->path, &wrong), -EEXIST);
		assert_int_equal(shmbus_monitor(&st, s->path, NULL), 0);
		shmbus_detach(st);
		shmbus_detach(s->a);
		shmbus_detach(s->b);
		s->a = NULL;
		s->b = NULL;
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_lines("/proc/self/maps", s->path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_created),
		BOTH_FORMATS(test_random_address),
		BOTH_FORMATS(test_unlink),
		LANES_ONLY(test_took_over),
		BOTH_FORMATS(test_fork),
		BOTH_FORMATS(test_no_leak),
	};

	return cmocka_run_group_tests_name("library_station", tests, tmpdir_create, tmpdir_remove);
}
