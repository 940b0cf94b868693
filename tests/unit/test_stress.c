/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Real processes at full speed, with every byte checked. */

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_clock.h"
#include "tmpdir.h"
#include "wire.h"

#define MS UINT64_C(1000000)
#define BURST 32
#define RUN_MS 1500

static uint32_t
len_of(uint64_t seq)
{
	struct dice d = { .state = seq };

	/* Mostly short, so that there are many. */
	return dice_range(&d, 0, 7) == 0 ? dice_range(&d, 14, 9014) : dice_range(&d, 14, 300);
}

/* What the processes of one test share. */
struct board {
	char path[4096];
	uint64_t lane_size;
	bool hold;
	unsigned int nap_us; /* of the readers, now and then */
	shmbus_a64 sent;
	shmbus_a32 done;
};

static struct board *
board_new(uint64_t lane_size, bool hold, unsigned int nap_us)
{
	struct board *b;
	char *path;

	b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(b != MAP_FAILED);
	path = tmpdir_new_path();
	strcpy(b->path, path);
	free(path);
	b->lane_size = lane_size;
	b->hold = hold;
	b->nap_us = nap_us;
	return b;
}

static void
board_free(struct board *b)
{
	unlink(b->path);
	munmap(b, sizeof(*b));
}

static uint32_t
send_burst(struct transmitter *tx)
{
	uint32_t lens[BURST];
	uint32_t i;

	for (i = 0; i < BURST; i++)
		lens[i] = len_of(tx->w.seq + i);
	return transmitter_burst(tx, lens, BURST);
}

/* Reads the first lane of slot 0 until all is said, then tells frames and missed. */
static int
reader(struct child *c, void *arg)
{
	struct board *b = arg;
	struct receiver rx;
	struct station st;
	unsigned int turns = 0;
	bool done;

	station_join(&st, b->path, 0, 0, 0);
	station_announce(&st, 0, 1);
	receiver_start(&rx, &st, 0, 0, b->hold);
	rx.len_of = len_of;
	child_tell(c, st.port.slot);
	do {
		done = shmbus_load_acquire(&b->done);
		if (receiver_receive(&rx, BURST) == 0)
			sched_yield();
		if (b->nap_us != 0 && ++turns % 64 == 0)
			usleep(b->nap_us);
	} while (!done);
	receiver_drain(&rx);
	assert_int_equal(rx.r.missed, rx.missed);
	assert_int_equal(rx.r.frames, rx.frames);
	assert_int_equal(rx.r.corrupt, 0);
	assert_int_equal(rx.frames + rx.missed, shmbus_load(&b->sent));
	child_tell(c, rx.frames);
	child_tell(c, rx.missed);
	child_tell(c, rx.refused);
	receiver_stop(&rx);
	station_leave(&st, false);
	return 0;
}

struct result {
	uint64_t frames, missed, refused;
};

static void
run(struct board *b, struct result *results, unsigned int readers)
{
	const uint64_t start = shmbus_clock_mono_ns();
	struct transmitter tx;
	struct station st;
	struct child c[4];
	unsigned int i;
	uint64_t sent;

	station_join(&st, b->path, 8, 1, b->lane_size);
	station_announce(&st, 1, 0);
	for (i = 0; i < readers; i++) {
		child_start(&c[i], reader, b);
		child_answer(&c[i]);
	}
	transmitter_start(&tx, &st, 0, b->hold, 60000);
	while (shmbus_clock_mono_ns() - start < RUN_MS * MS) {
		if (send_burst(&tx) != BURST)
			sched_yield();
	}
	sent = tx.w.seq;
	shmbus_store(&b->sent, sent);
	shmbus_store_release(&b->done, 1);
	for (i = 0; i < readers; i++) {
		results[i].frames = child_answer(&c[i]);
		results[i].missed = child_answer(&c[i]);
		results[i].refused = child_answer(&c[i]);
		assert_int_equal(child_wait(&c[i]), 0);
		print_message("# sent %llu, received %llu, missed %llu, refused %llu\n",
			      (unsigned long long)sent, (unsigned long long)results[i].frames,
			      (unsigned long long)results[i].missed,
			      (unsigned long long)results[i].refused);
		assert_int_equal(results[i].frames + results[i].missed, sent);
	}
	assert_true(sent > 10000);
	transmitter_stop(&tx);
	station_leave(&st, false);
}

static void
test_lossless(void **state)
{
	struct board *b = board_new(SHMBUS_LANE_SIZE_MIN, true, 0);
	struct result results[2];

	(void)state;
	run(b, results, 2);
	assert_int_equal(results[0].missed + results[1].missed, 0);
	assert_int_equal(results[0].refused + results[1].refused, 0);
	board_free(b);
}

static void
test_lossless_large_ring(void **state)
{
	struct board *b = board_new(SHMBUS_LANE_SIZE_DEFAULT, true, 0);
	struct result results[2];

	(void)state;
	run(b, results, 2);
	assert_int_equal(results[0].missed + results[1].missed, 0);
	board_free(b);
}

/* Slow enough to be lapped all the time. */
static void
test_lossy(void **state)
{
	struct board *b = board_new(SHMBUS_LANE_SIZE_MIN, false, 100);
	struct result results[2];

	(void)state;
	run(b, results, 2);
	assert_true(results[0].missed > 0 && results[1].missed > 0);
	assert_true(results[0].frames > 1000 && results[1].frames > 1000);
	board_free(b);
}

/* As fast as they can: lapped by a hair, again and again. */
static void
test_lossy_fast(void **state)
{
	struct board *b = board_new(SHMBUS_LANE_SIZE_MIN, false, 0);
	struct result results[2];

	(void)state;
	run(b, results, 2);
	assert_true(results[0].frames > 1000 && results[1].frames > 1000);
	board_free(b);
}

static int
writer(struct child *c, void *arg)
{
	struct board *b = arg;
	struct transmitter tx;
	struct station st;

	station_join(&st, b->path, 0, 0, 0);
	station_announce(&st, 1, 0);
	transmitter_start(&tx, &st, 0, b->hold, 60000);
	child_tell(c, st.port.slot);
	while (tx.stalls != NULL) {
		if (send_burst(&tx) != BURST)
			sched_yield();
	}
	return 0;
}

/*
 * Writers are killed in full traffic. The next one goes on in the same lane,
 * and no number is lost or comes twice.
 */
static void
killed_writers(bool hold)
{
	struct board *b = board_new(SHMBUS_LANE_SIZE_MIN, hold, 0);
	struct shmbus_lane_entry *entry;
	struct dice dice = { .state = 12 };
	struct station first, st;
	struct receiver rx;
	struct child c;
	uint64_t until, seq;
	unsigned int i;

	station_join(&first, b->path, 8, 1, b->lane_size);
	station_join(&st, b->path, 0, 0, 0);
	station_die(&first);
	station_announce(&st, 0, 1);
	receiver_start(&rx, &st, 0, 0, hold);
	rx.len_of = len_of;
	for (i = 0; i < 200; i++) {
		child_start(&c, writer, b);
		assert_int_equal(child_answer(&c), 0);
		until = shmbus_clock_mono_ns() + dice_range(&dice, 0, 5000) * MS / 1000;
		while (shmbus_clock_mono_ns() < until)
			receiver_receive(&rx, BURST);
		child_kill(&c);
		receiver_drain(&rx);
	}
	entry = shmbus_bus_lane(&st.bus, 0);
	seq = shmbus_load(&entry->stamp[shmbus_load(&entry->stamp[0].pos) ==
					shmbus_load(&entry->tail) ? 0 : 1].seq);
	print_message("# sent %llu, received %llu, missed %llu\n", (unsigned long long)seq,
		      (unsigned long long)rx.frames, (unsigned long long)rx.missed);
	assert_int_equal(rx.frames + rx.missed, seq);
	assert_int_equal(rx.r.missed, rx.missed);
	assert_int_equal(rx.r.corrupt, 0);
	assert_true(rx.frames > (hold ? 10000u : 1000u)); /* the lossy one is lapped all the time */
	if (hold)
		assert_int_equal(rx.missed, 0);
	receiver_stop(&rx);
	station_leave(&st, true);
	board_free(b);
}

static void
test_killed_writers_lossless(void **state)
{
	(void)state;
	killed_writers(true);
}

static void
test_killed_writers_lossy(void **state)
{
	(void)state;
	killed_writers(false);
}

/* Readers come and go in full traffic; from their first frame on they miss none. */
static int
visitor(struct child *c, void *arg)
{
	struct board *b = arg;
	struct receiver rx;
	struct station st;
	unsigned int i;
	uint64_t from;

	(void)c;
	for (i = 0; i < 150; i++) {
		station_join(&st, b->path, 0, 0, 0);
		station_announce(&st, 0, 1);
		receiver_start(&rx, &st, 0, 0, true);
		rx.len_of = len_of;
		from = rx.r.seq;
		while (rx.frames < 300)
			if (receiver_receive(&rx, BURST) == 0)
				sched_yield();
		assert_int_equal(rx.seq - from, rx.frames);
		assert_int_equal(rx.missed + rx.r.missed + rx.refused + rx.r.corrupt, 0);
		receiver_stop(&rx);
		station_leave(&st, false);
	}
	shmbus_store(&b->done, 1);
	return 0;
}

static void
test_visitors_in_traffic(void **state)
{
	struct board *b = board_new(SHMBUS_LANE_SIZE_MIN, true, 0);
	const uint64_t start = shmbus_clock_mono_ns();
	struct transmitter tx;
	struct station st;
	struct child c;

	(void)state;
	station_join(&st, b->path, 8, 1, b->lane_size);
	station_announce(&st, 1, 0);
	transmitter_start(&tx, &st, 0, true, 60000);
	child_start(&c, visitor, b);
	while (!shmbus_load(&b->done) && shmbus_clock_mono_ns() - start < 60000 * MS &&
	       kill(c.pid, 0) == 0) {
		if (send_burst(&tx) != BURST)
			sched_yield();
	}
	assert_true(shmbus_load(&b->done));
	assert_int_equal(child_wait(&c), 0);
	assert_int_equal(tx.w.timeouts, 0);
	transmitter_stop(&tx);
	station_leave(&st, true);
	board_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lossless),
		cmocka_unit_test(test_lossless_large_ring),
		cmocka_unit_test(test_lossy),
		cmocka_unit_test(test_lossy_fast),
		cmocka_unit_test(test_killed_writers_lossless),
		cmocka_unit_test(test_killed_writers_lossy),
		cmocka_unit_test(test_visitors_in_traffic),
	};

	return cmocka_run_group_tests_name("stress", tests, tmpdir_create, tmpdir_remove);
}
