/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Threads that send before they receive, and hold each other back. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_clock.h"
#include "shmbus_pollers.h"
#include "station.h"
#include "tmpdir.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define MS UINT64_C(1000000)
#define FOREVER_MS 1000000
/* A noisy machine may be late, but not by this. */
#define PATIENCE_NS (20000 * MS)
#define SIDES 3
#define LEN 1000

struct side {
	struct station st;
	struct transmitter tx;
	struct receiver rx; /* of the next side's lane */
	struct shmbus_pollers pollers;
	uint64_t sent;
};

/* The sides stand in a ring: each hears the next one, which hears the one after it. */
struct ring {
	char *path;
	struct side sides[SIDES];
	uint32_t n;
};

static struct shmbus_lane_entry *
entry_of(struct side *s)
{
	return station_entry(&s->st, 0);
}

static void
begin(struct ring *ring, uint32_t n, uint64_t timeout_ms)
{
	struct side *s;
	uint32_t i;

	ring->path = tmpdir_new_path();
	ring->n = n;
	for (i = 0; i < n; i++) {
		s = &ring->sides[i];
		station_join(&s->st, ring->path, 4, 2, LANE);
		station_announce(&s->st, 1, 2);
	}
	for (i = 0; i < n; i++) {
		s = &ring->sides[i];
		/* Rx queue 1, so that a queue is not taken for another one. */
		receiver_start(&s->rx, &s->st, 1, station_lane(&ring->sides[(i + 1) % n].st, 0), true);
		transmitter_start(&s->tx, &s->st, 0, true, timeout_ms);
		s->tx.w.pollers = &s->pollers;
		shmbus_pollers_note(&s->pollers, 1);
	}
}

/* Each side sends until its lane is full. */
static void
fill(struct ring *ring)
{
	uint32_t i;

	for (i = 0; i < ring->n; i++)
		while (transmitter_send_one(&ring->sides[i].tx, LEN))
			ring->sides[i].sent++;
}

/* All sides try to send, by turns, until one can or the time is over. The one that can; or n. */
static uint32_t
try_all(struct ring *ring, uint64_t for_ns)
{
	const uint64_t start = shmbus_clock_mono_ns();
	uint32_t i;

	do {
		for (i = 0; i < ring->n; i++)
			if (transmitter_send_one(&ring->sides[i].tx, LEN)) {
				ring->sides[i].sent++;
				return i;
			}
		usleep(100);
	} while (shmbus_clock_mono_ns() - start < for_ns);
	return ring->n;
}

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct ring));
	return *state == NULL;
}

static int
teardown(void **state)
{
	struct ring *ring = *state;
	struct side *s;

	for (s = ring->sides; s < ring->sides + ring->n; s++) {
		transmitter_stop(&s->tx);
		receiver_stop(&s->rx);
	}
	for (s = ring->sides; s < ring->sides + ring->n; s++)
		station_leave(&s->st, true);
	unlink(ring->path);
	free(ring->path);
	free(ring);
	return 0;
}

/* No side loses a frame that it does not count. */
static void
assert_accounted(struct ring *ring)
{
	struct side *s, *next;
	uint32_t i;

	for (i = 0; i < ring->n; i++) {
		s = &ring->sides[i];
		next = &ring->sides[(i + 1) % ring->n];
		receiver_drain(&s->rx);
		assert_int_equal(s->rx.r.missed, s->rx.missed);
		assert_int_equal(s->rx.frames + s->rx.missed, next->sent);
		assert_int_equal(s->rx.r.corrupt, 0);
	}
}

static void
assert_solved(struct ring *ring)
{
	const uint64_t start = shmbus_clock_mono_ns();
	uint32_t i, who;

	fill(ring);
	who = try_all(ring, PATIENCE_NS);
	printf("# port %u gave up after %.1f ms\n", who, (double)(shmbus_clock_mono_ns() - start) / MS);
	assert_true(who < ring->n);
	for (i = 0; i < ring->n; i++) {
		/* One is enough; on a machine that was late it may have been two. */
		if (i == who)
			assert_int_equal(ring->sides[i].tx.w.deadlocks, 1);
		assert_int_equal(ring->sides[i].tx.w.timeouts + ring->sides[i].tx.w.dead, 0);
	}
	/* It waits for nobody, and says so. */
	assert_int_equal(shmbus_load(&entry_of(&ring->sides[who])->waits), 0);
	assert_accounted(ring);
	/* Nothing is left of it: everybody can send, and misses nothing more. */
	for (i = 0; i < ring->n; i++) {
		assert_true(transmitter_send_one(&ring->sides[i].tx, LEN));
		ring->sides[i].sent++;
		assert_int_equal(shmbus_load(&entry_of(&ring->sides[i])->waits), 0);
	}
	assert_accounted(ring);
}

static void
test_two(void **state)
{
	begin(*state, 2, FOREVER_MS);
	assert_solved(*state);
}

static void
test_circle_of_three(void **state)
{
	begin(*state, 3, FOREVER_MS);
	assert_solved(*state);
}

/* A port that hears itself. */
static void
test_alone(void **state)
{
	begin(*state, 1, FOREVER_MS);
	assert_solved(*state);
}

/* A second round is found as the first was. */
static void
test_again(void **state)
{
	begin(*state, 2, FOREVER_MS);
	assert_solved(*state);
	fill(*state);
	assert_true(try_all(*state, PATIENCE_NS) < 2);
	assert_accounted(*state);
}

/* While the time passes in which a deadlock would be found several times over, nobody gives up. */
static void
assert_waits_on(struct ring *ring)
{
	uint32_t i;

	fill(ring);
	assert_int_equal(try_all(ring, 100 * MS), ring->n);
	for (i = 0; i < ring->n; i++)
		assert_int_equal(ring->sides[i].tx.w.deadlocks, 0);
	assert_accounted(ring);
	for (i = 0; i < ring->n; i++)
		assert_int_equal(ring->sides[i].rx.missed, 0);
}

/* One side's frames are received by another thread, which is only late. */
static void
test_other_thread_receives(void **state)
{
	struct ring *ring = *state;
	uint32_t one;

	begin(ring, 2, FOREVER_MS);
	for (one = 0; one < 2; one++) {
		shmbus_store(&ring->sides[one].pollers.rx[1].thread, 1);
		assert_waits_on(ring);
		assert_int_equal(shmbus_load(&entry_of(&ring->sides[one])->waits), 0);
		shmbus_pollers_note(&ring->sides[one].pollers, 1);
		assert_true(transmitter_send_one(&ring->sides[0].tx, LEN));
		assert_true(transmitter_send_one(&ring->sides[1].tx, LEN));
		ring->sides[0].sent++;
		ring->sides[1].sent++;
	}
}

/* The thread that waits polls another Rx queue than the one that is waited for. */
static void
test_other_queue(void **state)
{
	struct ring *ring = *state;

	begin(ring, 2, FOREVER_MS);
	shmbus_store(&ring->sides[1].pollers.rx[1].thread, 1);
	shmbus_pollers_note(&ring->sides[1].pollers, 0);
	assert_waits_on(ring);
	assert_int_equal(shmbus_load(&entry_of(&ring->sides[1])->polls), 1);
}

/* The other side was held back, and has given its frame up: it will receive. */
static void
test_other_gave_up(void **state)
{
	struct ring *ring = *state;
	struct side *a = &ring->sides[0];
	uint64_t start;

	begin(ring, 2, FOREVER_MS);
	shmbus_store(&a->pollers.rx[1].thread, 1);
	fill(ring);
	/* Only the second one says that it waits. */
	for (start = shmbus_clock_mono_ns(); shmbus_clock_mono_ns() - start < 20 * MS;)
		assert_false(transmitter_send_one(&ring->sides[1].tx, LEN));
	assert_int_equal(shmbus_load(&entry_of(&ring->sides[1])->waits) & 0xffffffff,
			 (a->st.port.slot + 1) | 1 << 16);
	shmbus_pollers_note(&a->pollers, 1);
	for (start = shmbus_clock_mono_ns(); shmbus_clock_mono_ns() - start < 50 * MS;)
		assert_false(transmitter_send_one(&a->tx, LEN));
	assert_int_equal(a->tx.w.deadlocks, 0);
	assert_accounted(ring);
	assert_int_equal(a->rx.missed + ring->sides[1].rx.missed, 0);
}

/* One side's thread receives between two tries to send, though it gets nothing. */
static void
test_receives_between_tries(void **state)
{
	const uint64_t start = shmbus_clock_mono_ns();
	struct ring *ring = *state;

	begin(ring, 2, FOREVER_MS);
	fill(ring);
	while (shmbus_clock_mono_ns() - start < 100 * MS) {
		assert_false(transmitter_send_one(&ring->sides[0].tx, LEN));
		assert_false(transmitter_send_one(&ring->sides[1].tx, LEN));
		shmbus_pollers_note(&ring->sides[0].pollers, 1);
		assert_int_equal(shmbus_load(&entry_of(&ring->sides[0])->waits), 0);
	}
	assert_int_equal(ring->sides[0].tx.w.deadlocks + ring->sides[1].tx.w.deadlocks, 0);
	assert_accounted(ring);
}

/* A thread that is put aside just before it says that it waits may say so once too often. */
static void
test_one_late_word(void **state)
{
	struct ring *ring = *state;
	struct side *a = &ring->sides[0];
	uint64_t start;
	uint32_t n;

	begin(ring, 2, FOREVER_MS);
	fill(ring);
	for (n = 1; n <= 3; n++) {
		shmbus_store(&entry_of(&ring->sides[1])->polls, 2);
		shmbus_store(&entry_of(&ring->sides[1])->waits, 1 | 1 << 16 | (uint64_t)n << 32);
		for (start = shmbus_clock_mono_ns(); shmbus_clock_mono_ns() - start < 20 * MS;)
			if (transmitter_send_one(&a->tx, LEN))
				break;
		assert_int_equal(a->tx.w.deadlocks, n == 3);
	}
	a->sent++;
	assert_accounted(ring);
}

/* Words that nobody of ours writes: no slot, no queue, a circle without this port. */
static void
test_hostile_words(void **state)
{
	static const uint64_t words[] = {
		UINT64_MAX, 5, 0xffff, 1 | 64 << 16, 1 | UINT64_C(0xffff) << 16, 3 | 1 << 16, 2 | 1 << 16, 1,
	};
	struct ring *ring = *state;
	struct side *a = &ring->sides[0];
	uint64_t start, n = 0;
	uint32_t i;

	begin(ring, 2, FOREVER_MS);
	fill(ring);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (start = shmbus_clock_mono_ns(); shmbus_clock_mono_ns() - start < 15 * MS;) {
			/* A count that rises makes them look alive. */
			shmbus_store(&entry_of(&ring->sides[1])->polls, UINT64_MAX);
			shmbus_store(&entry_of(&ring->sides[1])->waits, words[i] + (n++ << 32));
			assert_false(transmitter_send_one(&a->tx, LEN));
		}
	assert_int_equal(a->tx.w.deadlocks, 0);
	/* A lie that looks right only costs what a time-out costs, and only the liar. */
	for (start = shmbus_clock_mono_ns(); !transmitter_send_one(&a->tx, LEN);) {
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE_NS);
		shmbus_store(&entry_of(&ring->sides[1])->waits, (1 | 1 << 16) + (n++ << 32));
	}
	a->sent++;
	assert_int_equal(a->tx.w.deadlocks, 1);
	assert_accounted(ring);
}

/* What a dead sender's thread waited for does not stay with its lane. */
static void
test_new_owner(void **state)
{
	struct ring *ring = *state;
	struct shmbus_lane_entry *entry;

	begin(ring, 2, FOREVER_MS);
	entry = entry_of(&ring->sides[1]);
	shmbus_store(&entry->waits, 1 | 1 << 16);
	shmbus_store(&entry->polls, 2);
	transmitter_stop(&ring->sides[1].tx);
	transmitter_start(&ring->sides[1].tx, &ring->sides[1].st, 0, true, FOREVER_MS);
	assert_int_equal(shmbus_load(&entry->waits), 0);
	shmbus_store(&entry->waits, 1 | 1 << 16);
	shmbus_store(&entry->polls, 2);
	transmitter_stop(&ring->sides[1].tx);
	receiver_stop(&ring->sides[1].rx);
	station_die(&ring->sides[1].st);
	station_join(&ring->sides[1].st, ring->path, 4, 2, LANE);
	assert_int_equal(shmbus_load(&entry_of(&ring->sides[1])->waits), 0);
	assert_int_equal(shmbus_load(&entry_of(&ring->sides[1])->polls), 0);
	transmitter_start(&ring->sides[1].tx, &ring->sides[1].st, 0, true, FOREVER_MS);
	receiver_start(&ring->sides[1].rx, &ring->sides[1].st, 1,
		       station_lane(&ring->sides[0].st, 0), true);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_two),
		CASE(test_circle_of_three),
		CASE(test_alone),
		CASE(test_again),
		CASE(test_other_thread_receives),
		CASE(test_other_queue),
		CASE(test_other_gave_up),
		CASE(test_receives_between_tries),
		CASE(test_one_late_word),
		CASE(test_hostile_words),
		CASE(test_new_owner),
	};

	return cmocka_run_group_tests_name("deadlock", tests, tmpdir_create, tmpdir_remove);
}
