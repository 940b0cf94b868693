/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The file is cut off while stations are on it: they are told, and live. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "segment.h"

static void
assert_gone(int ret, const struct segment *s)
{
	assert_int_equal(ret, -ENODEV);
	assert_in_text(shmbus_error_text(), s->path);
	assert_in_text(shmbus_error_text(), "gone");
}

static void
cut(struct segment *s, off_t size)
{
	static uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_lane_info lanes[4];
	struct shmbus_peer_info peers[8];
	struct shmbus_station *m;
	struct shmbus_info info;
	struct shmbus_view view;
	struct shmbus *bus;

	segment_start(s, NULL);
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	assert_int_equal(shmbus_open(&bus, s->path, NULL), 0);
	segment_send(s, 5, 100);
	assert_int_equal(truncate(s->path, size), 0);
	assert_gone(shmbus_wait(s->b, -1), s);
	assert_gone(shmbus_send(s->a, &tx, 1), s);
	assert_gone(shmbus_send_all(s->a, &tx, 1, -1), s);
	assert_gone(shmbus_receive(s->b, &rx, 1), s);
	assert_gone(shmbus_peek(s->b, &view, 1), s);
	assert_int_equal(shmbus_release(s->b, 0), 0);
	assert_gone(shmbus_wait(m, -1), s);
	assert_gone(shmbus_receive(m, &rx, 1), s);
	/* Examining the remains does no harm. */
	assert_int_equal(shmbus_get_info(bus, &info), 0);
	assert_true(info.file_size < 4096); /* a wake-up on shmif writes a few bytes */
	shmbus_get_peers(bus, peers, 8);
	shmbus_get_lanes(bus, lanes, 4);
	shmbus_close(bus);
	shmbus_detach(m);
	segment_leave(s);
	/* Anew. */
	unlink(s->path);
	*s = (struct segment){ .format = s->format, .path = s->path };
	segment_start(s, NULL);
	segment_send(s, 5, 100);
	assert_int_equal(segment_receive(s), 5);
	segment_leave(s);
}

static void
test_all(void **state)
{
	cut(*state, 0);
}

static void *
send_until_gone(void *arg)
{
	struct segment *s = arg;
	uint8_t bytes[100] = { 0 };
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	int ret;

	do {
		ret = shmbus_send_all(s->a, &tx, 1, PATIENCE_MS);
	} while (ret == 1);
	return (void *)(intptr_t)ret;
}

/* In full traffic: no frame that came after the cut is delivered as one. */
static void
test_in_traffic(void **state)
{
	struct segment *s = *state;
	uint8_t bytes[2048];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	uint64_t got = 0;
	pthread_t thread;
	void *ended;
	int ret;

	segment_start(s, NULL);
	assert_int_equal(pthread_create(&thread, NULL, send_until_gone, s), 0);
	do {
		ret = shmbus_receive(s->b, &rx, 1);
		if (ret == 1)
			assert_int_equal(rx.len, 100);
		if (ret == 1 && ++got == 5000)
			assert_int_equal(truncate(s->path, 0), 0);
		if (ret == 0)
			ret = shmbus_wait(s->b, PATIENCE_MS);
	} while (ret == 1);
	assert_gone(ret, s);
	assert_int_equal(pthread_join(thread, &ended), 0);
	assert_int_equal((intptr_t)ended, -ENODEV);
	assert_true(got >= 5000);
	segment_leave(s);
}

#define OLDS 6

static struct shmbus_station *
attach(const char *path, uint32_t ports, uint32_t flags)
{
	const struct shmbus_conf conf = {
		.ports = ports,
		.queues = ports != 0 ? 2 : 0,
		.lane_size = ports != 0 ? 65536 : 0,
		.flags = flags,
	};
	struct shmbus_station *st;

	if (shmbus_attach(&st, path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

/*
 * A bus of 64 places is emptied, and made one of 4, with two ports, the segment's.
 * The old ones have places from the fourth on: the new ones find theirs free.
 */
static void
make_anew(struct segment *s, struct shmbus_station **olds)
{
	unsigned int i;

	for (i = 0; i < OLDS; i++)
		olds[i] = attach(s->path, i == 0 ? 64 : 0, i == 0 ? 0 : SHMBUS_UNLINK);
	for (i = 0; i < 3; i++)
		shmbus_detach(olds[i]);
	assert_true(shmbus_fd(olds[3]) >= 0);
	assert_int_equal(truncate(s->path, 0), 0);
	s->a = attach(s->path, 4, 0);
	s->b = attach(s->path, 4, 0);
	segment_send(s, 300, 100);
}

/* The bytes of a file, and whether they are those of before. */
static void
look(const char *path, uint8_t **before)
{
	const int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	if (*before != NULL)
		assert_memory_equal(bytes, *before, (size_t)st.st_size);
	free(*before);
	*before = bytes;
}

/* A station that leaves does not touch the new bus in the file of its old one. */
static void
test_leave_made_anew(void **state)
{
	struct shmbus_station *olds[OLDS];
	struct segment *s = *state;
	uint8_t *before = NULL;
	unsigned int i;

	make_anew(s, olds);
	look(s->path, &before);
	shmbus_disarm(olds[3]);
	shmbus_arm(olds[3]);
	look(s->path, &before);
	assert_true(shmbus_fd(olds[4]) >= 0);
	look(s->path, &before);
	for (i = 3; i < OLDS; i++)
		shmbus_detach(olds[i]);
	look(s->path, &before);
	free(before);
	assert_int_equal(segment_receive(s), 300);
	segment_leave(s);
}

/* Each way of using it says so, and none writes into the new bus. */
static void
test_use_made_anew(void **state)
{
	static uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_station *olds[OLDS];
	struct segment *s = *state;
	struct shmbus_view view;
	struct shmbus_station *m;
	uint8_t *before = NULL;
	unsigned int i;

	make_anew(s, olds);
	look(s->path, &before);
	assert_gone(shmbus_send(olds[3], &tx, 1), s);
	assert_in_text(shmbus_error_text(), "made anew");
	assert_gone(shmbus_send_all(olds[3], &tx, 1, -1), s);
	assert_gone(shmbus_receive(olds[3], &rx, 1), s);
	assert_gone(shmbus_receive(olds[4], &rx, 1), s);
	assert_gone(shmbus_peek(olds[4], &view, 1), s);
	assert_gone(shmbus_wait(olds[5], -1), s);
	assert_gone(shmbus_wait(olds[5], 0), s);
	look(s->path, &before);
	for (i = 3; i < OLDS; i++)
		shmbus_detach(olds[i]);
	look(s->path, &before);
	free(before);
	assert_int_equal(segment_receive(s), 300);
	/* A monitor, which only polls. */
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	assert_int_equal(shmbus_receive(m, &rx, 1), 0);
	segment_leave(s);
	assert_int_equal(truncate(s->path, 0), 0);
	s->a = attach(s->path, 8, 0);
	assert_gone(shmbus_receive(m, &rx, 1), s);
	shmbus_detach(m);
	segment_leave(s);
}

/* With memory enough there is no signal, and only zeros tell. */
static void
test_punched(void **state)
{
	static uint8_t bytes[100];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct segment *s = *state;
	int fd;

	segment_start(s, NULL);
	segment_send(s, 5, 100);
	fd = open(s->path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536), 0);
	close(fd);
	assert_gone(shmbus_wait(s->a, -1), s);
	assert_in_text(shmbus_error_text(), "hole");
	assert_gone(shmbus_receive(s->b, &rx, 1), s);
	segment_leave(s);
}

/* In the midst of sending it takes a while. */
static void
test_sender_made_anew(void **state)
{
	static uint8_t bytes[100];
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	const time_t limit = time(NULL) + PATIENCE_MS / 1000;
	struct segment *s = *state;
	int ret;

	segment_start(s, NULL);
	segment_send(s, 1, 100);
	assert_int_equal(truncate(s->path, 0), 0);
	shmbus_detach(s->b);
	/* One of lanes in any case. */
	s->b = attach(s->path, 4, 0);
	do {
		ret = shmbus_send_all(s->a, &tx, 1, 0);
	} while (ret >= 0 && time(NULL) < limit);
	assert_gone(ret, s);
	segment_leave(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_all),
		BOTH_FORMATS(test_in_traffic),
		LANES_ONLY(test_leave_made_anew),
		LANES_ONLY(test_use_made_anew),
		BOTH_FORMATS(test_sender_made_anew),
		BOTH_FORMATS(test_punched),
	};

	return cmocka_run_group_tests_name("library_gone", tests, tmpdir_create, tmpdir_remove);
}
