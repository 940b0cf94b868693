/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Readers that hold up a writer, for how long, and readers that do not. */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_clock.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE SHMBUS_LANE_SIZE_MIN
#define CHUNK (LANE / SHMBUS_CHUNKS)
#define MS UINT64_C(1000000)
#define FOREVER_MS 100000
/* A noisy machine may be late, but not by this. */
#define PATIENCE_NS (20000 * MS)

/* Send until there is no room; how many frames of len bytes that were. */
static uint64_t
fill_up(struct wire *w, uint32_t len)
{
	uint64_t n = 0;

	while (transmitter_send_one(&w->tx, len)) {
		n++;
		assert_true(n < 10 * LANE / SHMBUS_LINE);
	}
	return n;
}

/* Try until one frame of len bytes can be sent; how long that took. */
static uint64_t
wait_for_room(struct wire *w, uint32_t len)
{
	const uint64_t start = shmbus_clock_mono_ns();

	while (!transmitter_send_one(&w->tx, len)) {
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE_NS);
		usleep(100);
	}
	return shmbus_clock_mono_ns() - start;
}

static void
assert_accounted(const struct receiver *rx, uint64_t sent)
{
	assert_int_equal(rx->r.missed, rx->missed);
	assert_int_equal(rx->frames + rx->missed, sent);
	assert_int_equal(rx->r.corrupt, 0);
}

static void
test_blocked_when_full(void **state)
{
	struct shmbus_lane_entry *entry;
	struct wire *w = *state;
	uint64_t n;

	wire_start(w, LANE, true, FOREVER_MS);
	entry = station_entry(&w->a, 0);
	n = fill_up(w, 1000);
	assert_true(n * 1088 <= LANE);
	assert_true(n * 1088 > LANE - CHUNK - 1088);
	assert_int_equal(w->tx.w.pauses, 1);
	assert_int_equal(shmbus_load(&entry->pauses), 1);
	assert_false(transmitter_send_one(&w->tx, 1000));
	assert_int_equal(w->tx.w.pauses, 2);
	/* A shorter one may still fit. */
	while (transmitter_send_one(&w->tx, 60))
		n++;
	assert_true(w->tx.w.tail <= LANE);
	assert_int_equal(receiver_drain(&w->rx), n);
	assert_accounted(&w->rx, n);
	assert_true(transmitter_send_one(&w->tx, 1000));
}

/*
 * The count of pauses lies beside head, which readers look at. A sender that is
 * held back stores it seldom, and never less than half of it.
 */
static void
test_pauses_are_stored_seldom(void **state)
{
	struct shmbus_lane_entry *entry;
	struct wire *w = *state;
	uint64_t before, stores = 0;
	unsigned int i, round;

	wire_start(w, LANE, true, FOREVER_MS);
	entry = station_entry(&w->a, 0);
	for (round = 1; round <= 3; round++) {
		fill_up(w, 1000);
		stores = 0;
		for (i = 0; i < 10000; i++) {
			before = shmbus_load(&entry->pauses);
			assert_false(transmitter_send_one(&w->tx, 1000));
			stores += shmbus_load(&entry->pauses) != before;
			assert_true(shmbus_load(&entry->pauses) > w->tx.w.pauses / 2);
		}
		/* At the second, the fourth, ... of 10001. */
		assert_int_equal(stores, 13);
		assert_true(shmbus_load(&entry->pauses) < w->tx.w.pauses);
		/* All of it, when head moves. */
		receiver_drain(&w->rx);
		assert_true(transmitter_send_one(&w->tx, 1000));
		assert_int_equal(w->tx.w.pauses, round * 10001);
		assert_int_equal(shmbus_load(&entry->pauses), round * 10001);
		receiver_drain(&w->rx);
	}
}

static void
test_released_by_reading(void **state)
{
	struct wire *w = *state;
	uint64_t sent;
	unsigned int i;

	wire_start(w, LANE, true, FOREVER_MS);
	sent = fill_up(w, 1000);
	for (i = 0; i < 500; i++) {
		/* Less than a chunk at a time: room comes a chunk at a time. */
		assert_int_equal(receiver_receive(&w->rx, 1 + i % 3), 1 + i % 3);
		sent += fill_up(w, 1000);
		assert_true(w->tx.w.tail - w->rx.r.pos <= LANE);
	}
	assert_true(sent > 500);
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.frames, sent);
	assert_int_equal(w->rx.r.missed, 0);
}

static void
test_stopped_reader_delays_once(void **state)
{
	struct wire *w = *state;
	uint64_t sent, took, pauses;

	wire_start(w, LANE, true, 100);
	sent = fill_up(w, 1000);
	took = wait_for_room(w, 1000);
	sent++;
	assert_true(took >= 90 * MS);
	assert_int_equal(w->tx.w.timeouts, 1);
	assert_int_equal(w->tx.w.dead, 0);
	/* And never again while it stands still. */
	pauses = shmbus_counted(&w->tx.w.pauses);
	transmitter_send_many(&w->tx, 1000, 1000);
	sent += 1000;
	assert_int_equal(shmbus_counted(&w->tx.w.pauses), pauses);
	assert_int_equal(w->tx.w.timeouts, 1);
	receiver_drain(&w->rx);
	assert_accounted(&w->rx, sent);
	assert_true(w->rx.missed > 900);

	/* It has moved: it is waited for as before. */
	sent += fill_up(w, 1000);
	assert_true(w->tx.w.tail - w->rx.r.pos <= LANE);
	took = w->rx.missed;
	receiver_drain(&w->rx);
	assert_accounted(&w->rx, sent);
	assert_int_equal(w->rx.missed, took);
}

static void
test_no_patience(void **state)
{
	struct wire *w = *state;
	uint64_t sent;

	wire_start(w, LANE, true, 0);
	sent = fill_up(w, 1000);
	wait_for_room(w, 1000);
	sent++;
	assert_int_equal(w->tx.w.timeouts, 1);
	receiver_drain(&w->rx);
	assert_accounted(&w->rx, sent);
}

/* A slow reader is no stopped one, however slow. */
static void
test_slow_reader_is_waited_for(void **state)
{
	const uint64_t timeout_ms = 300;
	const struct timespec nap = { .tv_nsec = 15 * MS };
	struct wire *w = *state;
	uint64_t last, now, longest;
	unsigned int i, tries;

	for (tries = 0; tries < 5; tries++) {
		wire_start(w, LANE, true, timeout_ms);
		fill_up(w, 60);
		longest = 0;
		last = shmbus_clock_mono_ns();
		/* 32 records to a chunk: half a second until there is room. */
		for (i = 0; i < 50; i++) {
			nanosleep(&nap, NULL);
			assert_int_equal(receiver_receive(&w->rx, 1), 1);
			now = shmbus_clock_mono_ns();
			longest = now - last > longest ? now - last : longest;
			last = now;
			fill_up(w, 60);
		}
		receiver_drain(&w->rx);
		if (longest < timeout_ms * MS / 2) {
			assert_int_equal(w->tx.w.timeouts, 0);
			assert_int_equal(w->rx.frames, w->tx.w.seq);
			return;
		}
		wire_stop(w); /* this machine has slept itself */
	}
	skip_because("the machine is too busy to be only slow");
}

static void
test_dead_reader(void **state)
{
	struct wire *w = *state;

	wire_start(w, LANE, true, FOREVER_MS);
	fill_up(w, 1000);
	assert_false(transmitter_send_one(&w->tx, 1000));
	station_die(&w->b);
	wait_for_room(w, 1000);
	assert_int_equal(w->tx.w.dead, 1);
	assert_int_equal(w->tx.w.timeouts, 0);
	transmitter_send_many(&w->tx, 1000, 1000);
	assert_int_equal(w->tx.w.dead, 1);
	/* Its cursor is gone with its mapping. */
	w->rx.cursor = NULL;
}

static void
test_reader_that_leaves(void **state)
{
	struct wire *w = *state;

	wire_start(w, LANE, true, FOREVER_MS);
	fill_up(w, 1000);
	receiver_stop(&w->rx);
	transmitter_send_many(&w->tx, 1000, 1000);
	assert_int_equal(w->tx.w.timeouts + w->tx.w.dead, 0);
	/* And one that comes back begins at the tail, and is heeded. */
	receiver_start(&w->rx, &w->b, 0, station_lane(&w->a, 0), true);
	assert_int_equal(receiver_drain(&w->rx), 0);
	assert_true(fill_up(w, 1000) > 20);
	assert_false(transmitter_send_one(&w->tx, 1000));
	receiver_drain(&w->rx);
	assert_int_equal(w->rx.r.missed, 0);
}

static void
test_not_announced(void **state)
{
	struct wire *w = *state;

	wire_start(w, LANE, true, FOREVER_MS);
	/* Fewer queues than the one with the cursor. */
	shmbus_port_set_queues(&w->b.port, 0, 0);
	transmitter_send_many(&w->tx, 200, 1000);
	receiver_drain(&w->rx);
	shmbus_port_set_queues(&w->b.port, 0, 1);
	assert_true(fill_up(w, 1000) < 100);
	/* No cursors, it says. */
	shmbus_port_set_state(&w->b.port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED);
	transmitter_send_many(&w->tx, 200, 1000);
}

static void
test_off(void **state)
{
	struct wire *w = *state;

	wire_start(w, LANE, true, FOREVER_MS);
	transmitter_stop(&w->tx);
	transmitter_start(&w->tx, &w->a, 0, false, FOREVER_MS);
	transmitter_send_many(&w->tx, 1000, 1000);
	receiver_drain(&w->rx);
	assert_accounted(&w->rx, 1000);
	assert_int_equal(w->tx.w.pauses, 0);
}

static void
test_slowest_of_two(void **state)
{
	struct wire *w = *state;
	uint64_t sent, slow;

	wire_start(w, LANE, true, FOREVER_MS);
	wire_second_receiver(w, true);
	sent = fill_up(w, 1000);
	assert_int_equal(receiver_drain(&w->rx), sent);
	assert_false(transmitter_send_one(&w->tx, 1000));
	for (slow = 0; slow < 300; slow += 10) {
		assert_int_equal(receiver_receive(&w->rx2, 10), 10);
		sent += fill_up(w, 1000);
		receiver_drain(&w->rx);
	}
	receiver_drain(&w->rx2);
	assert_int_equal(w->rx.frames, sent);
	assert_int_equal(w->rx2.frames, sent);
}

/* One is given up for its silence; the other one is heeded all the same. */
static void
test_one_of_two_stopped(void **state)
{
	struct wire *w = *state;
	uint64_t sent;

	wire_start(w, LANE, true, 100);
	wire_second_receiver(w, true);
	sent = fill_up(w, 1000);
	receiver_drain(&w->rx);
	wait_for_room(w, 1000);
	sent++;
	assert_int_equal(w->tx.w.timeouts, 1);
	assert_true(fill_up(w, 1000) < 100); /* until rx holds it up */
	sent = w->tx.w.seq;
	receiver_drain(&w->rx);
	receiver_drain(&w->rx2);
	assert_int_equal(w->rx.frames, sent);
	assert_int_equal(w->rx.r.missed, 0);
	assert_accounted(&w->rx2, sent);
	assert_true(w->rx2.missed > 0);
}

/*
 * Two stand in one chunk, and one of them is given up there. When the other one
 * goes on, the writer must not wait for the first one once more.
 */
static void
given_up_once(struct wire *w, bool die)
{
	struct station c;
	struct receiver rx;
	uint64_t given_up;

	wire_start(w, LANE, true, die ? FOREVER_MS : 40);
	station_join(&c, w->path, 0, 0, 0);
	station_announce(&c, 0, 1);
	receiver_start(&rx, &c, 0, station_lane(&w->a, 0), true);
	fill_up(w, 1000);
	if (die)
		station_die(&c);
	usleep(50 * 1000);
	/* It moves within the chunk, and so is not given up. */
	assert_int_equal(receiver_receive(&w->rx, 1), 1);
	assert_false(transmitter_send_one(&w->tx, 1000));
	given_up = w->tx.w.timeouts + w->tx.w.dead;
	assert_int_equal(given_up, 1);
	usleep(die ? 15 * 1000 : 0);
	assert_false(transmitter_send_one(&w->tx, 1000));
	assert_int_equal(w->tx.w.timeouts + w->tx.w.dead, given_up);
	receiver_drain(&w->rx);
	assert_true(transmitter_send_one(&w->tx, 1000));
	assert_int_equal(w->tx.w.timeouts + w->tx.w.dead, given_up);
	if (die) {
		free(rx.buf);
	} else {
		receiver_stop(&rx);
		station_leave(&c, false);
	}
}

static void
test_stopped_is_given_up_once(void **state)
{
	given_up_once(*state, false);
}

static void
test_dead_is_given_up_once(void **state)
{
	given_up_once(*state, true);
}

/* A port that hears itself holds itself up. */
static void
test_own_reader(void **state)
{
	struct wire *w = *state;
	uint64_t sent;

	wire_start(w, LANE, false, 0);
	transmitter_stop(&w->tx);
	transmitter_start(&w->tx, &w->a, 0, true, FOREVER_MS);
	station_announce(&w->a, 1, 1);
	receiver_start(&w->rx2, &w->a, 0, station_lane(&w->a, 0), true);
	sent = fill_up(w, 1000);
	usleep(20 * 1000); /* long enough to be asked whether it lives */
	sent += fill_up(w, 1000);
	assert_true(sent < 100);
	assert_int_equal(w->tx.w.dead, 0);
	assert_int_equal(receiver_drain(&w->rx2), sent);
	assert_true(transmitter_send_one(&w->tx, 1000));
}

/* Between the reader's start and its hold there may be traffic: it begins behind that. */
static void
test_begins_when_it_holds(void **state)
{
	struct shmbus_cursor *cursor;
	struct wire *w = *state;

	wire_start(w, LANE, false, 0);
	station_announce(&w->b, 0, 1);
	transmitter_send_many(&w->tx, 5, 60);
	cursor = shmbus_bus_cursor(&w->b.bus, w->b.port.slot, 0, station_lane(&w->a, 0));
	shmbus_reader_hold(&w->b.bus, &w->rx.r, cursor);
	w->rx.seq = w->rx.r.seq;
	assert_int_equal(shmbus_load(&cursor->pos), w->tx.w.tail);
	assert_int_equal(shmbus_load(&cursor->state), SHMBUS_CURSOR_ACTIVE);
	assert_int_equal(receiver_drain(&w->rx), 0);
	transmitter_send_many(&w->tx, 2, 60);
	assert_int_equal(receiver_drain(&w->rx), 2);
	assert_int_equal(w->rx.r.missed, 0);
}

/* A reader that begins when the writer is anywhere in its credit misses nothing. */
static void
test_begins_at_any_time(void **state)
{
	struct wire *w = *state;
	unsigned int before, i;
	uint64_t sent;

	wire_start(w, LANE, false, 0);
	transmitter_stop(&w->tx);
	transmitter_start(&w->tx, &w->a, 0, true, FOREVER_MS);
	station_announce(&w->b, 0, 2);
	for (before = 0; before < 200; before++) {
		transmitter_send_many(&w->tx, before, 300);
		wire_second_receiver(w, true);
		sent = 0;
		for (i = 0; i < 10; i++) {
			sent += fill_up(w, 300);
			receiver_receive(&w->rx2, 50);
		}
		receiver_drain(&w->rx2);
		assert_int_equal(w->rx2.frames, sent);
		assert_int_equal(w->rx2.r.missed, 0);
		receiver_stop(&w->rx2);
	}
}

/* What a writer must keep to, whatever the cursors say. */
static void
assert_sane(const struct shmbus_writer *w)
{
	assert_true(w->limit - w->tail <= LANE);
	assert_int_equal((w->limit - LANE) % CHUNK, 0);
}

static void
test_hostile_cursors(void **state)
{
	struct dice dice = { .state = 99 };
	struct shmbus_port_entry *port;
	struct shmbus_cursor *cursor;
	struct wire *w = *state;
	uint64_t head, got;
	unsigned int i;
	uint64_t pos[] = {
		0, 1, 63, UINT64_MAX, UINT64_MAX - 63, UINT64_C(1) << 63, 0 /* a few below */, 0, 0, 0, 0,
	};

	wire_start(w, LANE, true, 5);
	port = shmbus_bus_port(&w->a.bus, 3); /* nobody's */
	shmbus_store(&port->state, UINT32_MAX);
	shmbus_store(&port->n_rxq, UINT32_MAX);
	for (i = 0; i < 2000; i++) {
		head = w->tx.w.limit - LANE;
		pos[6] = head;
		pos[7] = head + 1;
		pos[8] = w->tx.w.tail;
		pos[9] = w->tx.w.tail + 64;
		pos[10] = head - 64;
		cursor = shmbus_bus_cursor(&w->a.bus, 3, i % 2, station_lane(&w->a, 0));
		shmbus_store(&cursor->state, UINT32_MAX);
		shmbus_store(&cursor->pos, pos[dice_range(&dice, 0, DIM(pos) - 1)]);
		got = w->tx.w.tail;
		wait_for_room(w, dice_range(&dice, 14, 2000));
		assert_true(w->tx.w.tail != got);
		assert_sane(&w->tx.w);
		receiver_drain(&w->rx);
	}
	assert_int_equal(w->rx.frames, w->tx.w.seq);
	assert_int_equal(w->rx.r.missed, 0);
}

/* A cursor goes to and fro faster than the time-out: it moves, but no writer waits for it. */
static void
test_cursor_that_goes_back(void **state)
{
	struct shmbus_cursor *cursor;
	struct wire *w = *state;
	uint64_t start, head;
	unsigned int i;

	wire_start(w, LANE, false, 50);
	transmitter_stop(&w->tx);
	transmitter_start(&w->tx, &w->a, 0, true, 50);
	/* Of a port that lives. */
	station_announce(&w->b, 0, 2);
	cursor = shmbus_bus_cursor(&w->a.bus, w->b.port.slot, 1, station_lane(&w->a, 0));
	shmbus_store(&cursor->state, SHMBUS_CURSOR_ACTIVE);
	head = w->tx.w.limit - LANE;
	start = shmbus_clock_mono_ns();
	/* Two laps: it could hold up each of them. */
	for (i = 0; w->tx.w.tail < 2 * LANE; i++) {
		shmbus_store(&cursor->pos, head + (i & 1) * SHMBUS_LINE);
		if (transmitter_send_one(&w->tx, 1000))
			head = w->tx.w.limit - LANE;
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE_NS);
	}
	receiver_stop(&w->rx);
	receiver_start(&w->rx, &w->b, 0, station_lane(&w->a, 0), true);
	/* One that does not is still waited for. */
	assert_true(fill_up(w, 1000) != 0);
	assert_false(transmitter_send_one(&w->tx, 1000));
}

/* A reader in another process, killed where it stands, again and again. */
static int
read_for_ever(struct child *c, void *arg)
{
	struct receiver rx;
	struct station st;

	station_join(&st, arg, 0, 0, 0);
	station_announce(&st, 0, 1);
	receiver_start(&rx, &st, 0, 0, true);
	child_tell(c, st.port.slot);
	while (rx.buf != NULL)
		receiver_receive(&rx, 64);
	return 0;
}

static void
test_killed_readers(void **state)
{
	struct dice dice = { .state = 5 };
	struct wire *w = *state;
	uint64_t start, until;
	struct child c;
	unsigned int i;

	wire_start(w, LANE, true, FOREVER_MS);
	for (i = 0; i < 40; i++) {
		child_start(&c, read_for_ever, w->path);
		assert_int_equal(child_answer(&c), 2);
		until = dice_range(&dice, 0, 4) * MS;
		start = shmbus_clock_mono_ns();
		while (shmbus_clock_mono_ns() - start < until) {
			transmitter_send_one(&w->tx, 300);
			receiver_drain(&w->rx);
		}
		child_kill(&c);
		/* Two laps, whatever it left. */
		until = w->tx.w.tail + 2 * LANE;
		start = shmbus_clock_mono_ns();
		while ((int64_t)(until - w->tx.w.tail) > 0) {
			transmitter_send_one(&w->tx, 300);
			receiver_drain(&w->rx);
			assert_true(shmbus_clock_mono_ns() - start < PATIENCE_NS);
		}
	}
	assert_int_equal(w->rx.frames, w->tx.w.seq);
	assert_int_equal(w->tx.w.timeouts, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, wire_setup, wire_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_blocked_when_full),
		T(test_pauses_are_stored_seldom),
		T(test_released_by_reading),
		T(test_stopped_reader_delays_once),
		T(test_no_patience),
		T(test_slow_reader_is_waited_for),
		T(test_dead_reader),
		T(test_reader_that_leaves),
		T(test_not_announced),
		T(test_off),
		T(test_slowest_of_two),
		T(test_one_of_two_stopped),
		T(test_stopped_is_given_up_once),
		T(test_dead_is_given_up_once),
		T(test_own_reader),
		T(test_begins_when_it_holds),
		T(test_begins_at_any_time),
		T(test_hostile_cursors),
		T(test_cursor_that_goes_back),
		T(test_killed_readers),
	};

	return cmocka_run_group_tests_name("pause", tests, tmpdir_create, tmpdir_remove);
}
