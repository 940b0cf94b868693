/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A peer sends frames that are shorter than an Ethernet header. No station receives or
 * shows them, and each station receives the peer's next frame. That the library itself
 * refuses to send them is in test_traffic.c.
 */

#include <errno.h>
#include <string.h>

#include "forger.h"
#include "segment.h"

#define SHORTEST 14u

/* Takes all frames; alternately by receive and by peek. Returns their number. */
static uint64_t
take_all(struct shmbus_station *st)
{
	static uint8_t bytes[2048];
	static unsigned int turn;
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	struct shmbus_view view;
	uint64_t n = 0;

	/* What is not the end of an empty bus is a pause behind an invalid record. */
	while (shmbus_wait(st, 0) == 1) {
		if (++turn % 2 == 0 && shmbus_receive(st, &rx, 1) == 1) {
			assert_true(rx.len >= SHORTEST);
			n++;
		} else if (turn % 2 != 0 && shmbus_peek(st, &view, 1) == 1) {
			assert_true(view.len >= SHORTEST);
			assert_int_equal(shmbus_release(st, 1), 1);
			n++;
		}
	}
	return n;
}

/* The frames that the station must get of one burst: as in tests/pmd/test_short.c. */
static void
expect_burst(struct forger *f, struct shmbus_station *st, const uint32_t *lens, uint32_t n,
	     uint32_t on_lanes, uint32_t on_shmif)
{
	const struct shmbus_stats before = segment_stats(st);
	struct shmbus_stats after;

	forger_send(f, lens, n);
	assert_int_equal(take_all(st), f->lanes ? on_lanes : on_shmif);
	after = segment_stats(st);
	assert_int_equal(after.rx_corrupt - before.rx_corrupt, f->lanes);
	assert_int_equal(after.rx_missed, 0);
	assert_int_equal(after.rx_frames - before.rx_frames, f->lanes ? on_lanes : on_shmif);
}

static void
check_station(struct segment *s, struct shmbus_station *st)
{
	struct forger f;
	uint32_t len;

	forger_join(&f, s->path, s->format == SHMBUS_FORMAT_LANES);
	take_all(st);
	for (len = 0; len < SHORTEST; len++) {
		const uint32_t first[] = { len, 60 }, middle[] = { 60, len, 60 };
		const uint32_t last[] = { SHORTEST, 60, len };

		/* A record without a line for frames is invalid as a whole: tests/unit/test_hostile.c. */
		if (len != 0)
			expect_burst(&f, st, &len, 1, 0, 0);
		expect_burst(&f, st, first, 2, 0, 1);
		expect_burst(&f, st, middle, 3, 1, 2);
		expect_burst(&f, st, last, 3, 2, 2);
		forger_send(&f, &(const uint32_t){ SHORTEST }, 1);
		assert_int_equal(take_all(st), 1);
	}
	forger_leave(&f);
}

static void
test_port(void **state)
{
	struct segment *s = *state;

	segment_start(s, NULL);
	check_station(s, s->b);
	segment_send(s, 5, 100);
	assert_int_equal(segment_receive(s), 5);
}

static void
test_monitor(void **state)
{
	struct segment *s = *state;
	struct shmbus_station *m;

	segment_start(s, &(struct shmbus_conf){ .flags = SHMBUS_SEND_ONLY });
	assert_int_equal(shmbus_monitor(&m, s->path, NULL), 0);
	check_station(s, m);
	shmbus_detach(m);
}

/* A copy that shmbus_peek() could not have shown. */
static void
test_complete(void **state)
{
	static const struct shmbus_offload none;
	uint8_t frame[SHORTEST] = { 0 };
	uint8_t buf[SHORTEST];
	uint32_t len, done;

	(void)state;
	for (len = 0; len < SHORTEST; len++) {
		done = 0;
		assert_int_equal(shmbus_complete(frame, len, &none, &done, buf, sizeof(buf)), -EINVAL);
	}
	done = 0;
	assert_int_equal(shmbus_complete(frame, len, &none, &done, buf, sizeof(buf)), SHORTEST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_port),
		BOTH_FORMATS(test_monitor),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests_name("library_short", tests, tmpdir_create, tmpdir_remove);
}
