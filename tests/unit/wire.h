/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_WIRE_H
#define TEST_WIRE_H

/*
 * What most tests of lanes begin with: a bus in a file of its own with two
 * stations on it, the first one's first lane written by tx and read by rx.
 */

#include "station.h"

struct wire {
	char *path;
	struct station a, b;
	struct transmitter tx;
	struct receiver rx;
	struct receiver rx2;
};

/* 4 ports with 2 queues each. The receiver holds the writer up if hold is set. */
void wire_start(struct wire *w, uint64_t lane_size, bool hold, uint64_t timeout_ms);
/* The same on a lane that has been used up to a position and a number. */
void wire_start_at(struct wire *w, uint64_t lane_size, bool hold, uint64_t timeout_ms,
		   uint64_t pos, uint64_t seq);
/* One more receiver, on a queue of b that is not used. */
void wire_second_receiver(struct wire *w, bool hold);
/* Also cleans up a wire that has not, or not wholly, been started. */
void wire_stop(struct wire *w);

/* For cmocka: *state is a struct wire that a test may start. */
int wire_setup(void **state);
int wire_teardown(void **state);

/*
 * As many frames of len bytes, one a record, as bring the lane's tail to an
 * offset in the ring; that must be possible.
 */
void wire_advance_to(struct wire *w, uint64_t offset);

#endif /* TEST_WIRE_H */
