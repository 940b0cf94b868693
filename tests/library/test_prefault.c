/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The first lap of a lane, also that of a new port, costs no page faults. */

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "faults.h"
#include "segment.h"

#define LEN 1500
#define LANE (4u << 20)
#define LAP (LANE / (BURST * 1536))

static struct shmbus_station *
attach(const char *path)
{
	struct shmbus_conf conf = { .format = SHMBUS_FORMAT_LANES };
	struct shmbus_station *st = NULL;

	if (shmbus_attach(&st, path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

static void
exchange(struct shmbus_station *from, struct shmbus_station *to, struct shmbus_station *also,
	 unsigned int n, struct faults *tx, struct faults *rx)
{
	static uint8_t bytes[LEN];
	static uint8_t room[BURST][2048];
	struct shmbus_tx out[BURST];
	struct shmbus_rx in[BURST];
	unsigned int i, k;
	int got;

	for (k = 0; k < BURST; k++) {
		segment_fill(bytes, LEN, 0);
		memset(room[k], 1, sizeof(room[k]));
		out[k] = (struct shmbus_tx){ .data = bytes, .len = LEN };
		in[k] = (struct shmbus_rx){ .data = room[k], .room = sizeof(room[k]) };
	}
	for (i = 0; i < n; i++) {
		faults_begin(tx);
		got = shmbus_send(from, out, BURST);
		faults_end(tx);
		assert_int_equal(got, BURST);
		for (k = 0; k < BURST; k += (unsigned int)got) {
			faults_begin(rx);
			got = shmbus_receive(to, in + k, BURST - k);
			faults_end(rx);
			assert_true(got >= 0);
		}
		/* Senders wait for all ports. */
		while (also != NULL && shmbus_receive(also, in, BURST) > 0)
			;
	}
}

static void
warm_up(void)
{
	struct faults any = { .count = 0 };
	struct shmbus_station *a, *b;
	char *path = tmpdir_new_path();
	void *heap;

	/* Memory that is touched once stays with the process. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
	heap = malloc(8 << 20);
	assert_non_null(heap);
	memset(heap, 1, 8 << 20);
	free(heap);
	a = attach(path);
	b = attach(path);
	exchange(a, b, NULL, 2 * LAP, &any, &any);
	exchange(b, a, NULL, 2 * LAP, &any, &any);
	shmbus_detach(a);
	shmbus_detach(b);
	unlink(path);
	free(path);
}

static void
test_first_lap(void **state)
{
	struct segment *s = *state;
	struct faults tx = { .count = 0 }, rx = { .count = 0 };

	faults_skip_if_excused();
	warm_up();
	s->a = attach(s->path);
	s->b = attach(s->path);
	/* Both read the roster: a finds the cursors of b. */
	exchange(s->b, s->a, NULL, 1, &rx, &rx);
	exchange(s->a, s->b, NULL, 1, &rx, &rx);
	tx = rx = (struct faults){ .count = 0 };
	exchange(s->a, s->b, NULL, LAP + 1, &tx, &rx);
	assert_int_equal(tx.count, 0);
	assert_int_equal(rx.count, 0);
}

static void
test_new_port(void **state)
{
	struct segment *s = *state;
	struct faults tx = { .count = 0 }, rx = { .count = 0 };
	struct shmbus_station *c;

	faults_skip_if_excused();
	warm_up();
	s->a = attach(s->path);
	s->b = attach(s->path);
	exchange(s->a, s->b, NULL, LAP, &tx, &rx);
	c = attach(s->path);
	/* One burst, in which b finds c. */
	exchange(c, s->b, s->a, 1, &tx, &rx);
	tx = rx = (struct faults){ .count = 0 };
	exchange(c, s->b, s->a, LAP + 1, &tx, &rx);
	assert_int_equal(tx.count, 0);
	assert_int_equal(rx.count, 0);
	shmbus_detach(c);
}

/* Returns the bytes of memory of the bus. */
static uint64_t
memory_of(const char *path)
{
	struct stat s;

	assert_int_equal(stat(path, &s), 0);
	return (uint64_t)s.st_blocks * 512;
}

/* Monitors and ports allocate nothing in the lanes of others. */
static void
test_memory(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *eye = NULL;
	uint64_t one, two;
	int fd;

	s->a = attach(s->path);
	one = memory_of(s->path);
	assert_int_equal(shmbus_monitor(&eye, s->path, NULL), 0);
	assert_int_equal(shmbus_receive(eye, NULL, 0), 0);
	assert_int_equal(memory_of(s->path), one);
	/* A peer whose lane has lost its memory. */
	fd = open(s->path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1114112, LANE), 0);
	close(fd);
	two = memory_of(s->path);
	assert_true(two + LANE <= one);
	s->b = attach(s->path);
	assert_int_equal(shmbus_receive(s->b, NULL, 0), 0);
	/* Its cursors, 4 queues of 128 lanes, and its lane. */
	assert_in_range(memory_of(s->path), two + LANE, two + LANE + 4 * 128 * 64 + 65536);
	shmbus_detach(eye);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_first_lap),
		LANES_ONLY(test_new_port),
		LANES_ONLY(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
