/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Two processes that send until all is taken, and receive only then. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "segment.h"

/* More than a lane holds, so that nobody gets through a round alone. */
#define FRAMES 500
#define ROUNDS 40
#define LEN 1000
/* What would be waited for without the other side's help; the test has less time. */
#define PAUSE_TIMEOUT_MS 600000

static void
receive_all(struct shmbus_station *st)
{
	static uint8_t bytes[32][2048];
	struct shmbus_rx rx[32];
	unsigned int i;
	int n;

	do {
		for (i = 0; i < 32; i++)
			rx[i] = (struct shmbus_rx){ .data = bytes[i], .room = sizeof(bytes[i]) };
		n = shmbus_receive(st, rx, 32);
	} while (n > 0);
	assert_int_equal(n, 0);
}

static struct shmbus_station *
join(const char *path)
{
	const struct shmbus_conf conf = { .lane_size = 65536, .pause_timeout_ms = PAUSE_TIMEOUT_MS };
	struct shmbus_station *st = NULL;

	assert_int_equal(shmbus_attach(&st, path, &conf), 0);
	return st;
}

static void
send_first(struct shmbus_station *st)
{
	static uint8_t bytes[LEN];
	static struct shmbus_tx frames[FRAMES];
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		frames[i] = (struct shmbus_tx){ .data = bytes, .len = LEN };
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(shmbus_send_all(st, frames, FRAMES, -1), FRAMES);
		receive_all(st);
	}
}

/* Receives what is left until the other side has sent all of its frames. */
static void
finish(struct shmbus_station *st, const struct child *c)
{
	uint64_t number;

	child_tell(c, 1);
	do {
		receive_all(st);
		number = segment_stats(st).rx_frames + segment_stats(st).rx_missed;
		assert_true(number <= FRAMES * ROUNDS);
		usleep(1000);
	} while (number < FRAMES * ROUNDS);
	assert_true(child_hear(c, &number));
}

static int
other_side(struct child *c, void *arg)
{
	struct shmbus_station *st = join(arg);

	child_tell(c, 0);
	send_first(st);
	finish(st, c);
	child_tell(c, segment_stats(st).pause_deadlocks);
	child_tell(c, segment_stats(st).rx_missed);
	child_tell(c, segment_stats(st).pause_timeouts + segment_stats(st).pause_dead);
	shmbus_detach(st);
	return 0;
}

static void
test_two_processes(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *st = join(s->path);
	uint64_t deadlocks, missed;
	struct shmbus_stats stats;
	struct child c;

	child_start(&c, other_side, s->path);
	assert_int_equal(child_answer(&c), 0);
	send_first(st);
	finish(st, &c);
	stats = segment_stats(st);
	deadlocks = stats.pause_deadlocks + child_answer(&c);
	missed = stats.rx_missed + child_answer(&c);
	printf("# %d rounds of %d frames each way: %u deadlocks, %u frames missed\n", ROUNDS, FRAMES,
	       (unsigned int)deadlocks, (unsigned int)missed);
	assert_true(deadlocks > 0);
	assert_int_equal(child_answer(&c), 0);
	assert_int_equal(stats.pause_timeouts + stats.pause_dead, 0);
	assert_int_equal(stats.tx_frames, FRAMES * ROUNDS);
	assert_int_equal(child_wait(&c), 0);
	shmbus_detach(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_ONLY(test_two_processes),
	};

	return cmocka_run_group_tests_name("library_deadlock", tests, tmpdir_create, tmpdir_remove);
}
