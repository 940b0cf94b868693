/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "tmpdir.h"
#include "wire.h"

void
wire_start_at(struct wire *w, uint64_t lane_size, bool hold, uint64_t timeout_ms, uint64_t pos,
	      uint64_t seq)
{
	w->path = tmpdir_new_path();
	station_join(&w->a, w->path, 4, 2, lane_size);
	station_join(&w->b, w->path, 4, 2, lane_size);
	if (pos != 0 || seq != 0)
		forge_lane(&w->a, 0, pos, seq);
	station_announce(&w->a, 1, 0);
	station_announce(&w->b, 0, hold ? 2 : 0);
	receiver_start(&w->rx, &w->b, 0, station_lane(&w->a, 0), hold);
	transmitter_start(&w->tx, &w->a, 0, hold, timeout_ms);
}

void
wire_start(struct wire *w, uint64_t lane_size, bool hold, uint64_t timeout_ms)
{
	wire_start_at(w, lane_size, hold, timeout_ms, 0, 0);
}

void
wire_second_receiver(struct wire *w, bool hold)
{
	receiver_start(&w->rx2, &w->b, 1, station_lane(&w->a, 0), hold);
}

void
wire_stop(struct wire *w)
{
	if (w->path == NULL)
		return;
	if (w->tx.stalls != NULL)
		transmitter_stop(&w->tx);
	if (w->rx.buf != NULL)
		receiver_stop(&w->rx);
	if (w->rx2.buf != NULL)
		receiver_stop(&w->rx2);
	if (w->b.bus.control != NULL)
		station_leave(&w->b, true);
	if (w->a.bus.control != NULL)
		station_leave(&w->a, true);
	unlink(w->path);
	free(w->path);
	memset(w, 0, sizeof(*w));
}

int
wire_setup(void **state)
{
	*state = calloc(1, sizeof(struct wire));
	return *state == NULL;
}

int
wire_teardown(void **state)
{
	wire_stop(*state);
	free(*state);
	return 0;
}

void
wire_advance_to(struct wire *w, uint64_t offset)
{
	const uint64_t mask = w->tx.w.size - 1;
	uint64_t left;

	/* A record takes at least two lines; the last ones fill up exactly. */
	while ((left = (offset - w->tx.w.tail) & mask) != 0) {
		if (left > 4096)
			left = left - 4096 < 4096 ? 2048 : 4096;
		assert_true(left >= 2 * SHMBUS_LINE);
		assert_true(transmitter_send_one(&w->tx, (uint32_t)left - SHMBUS_LINE));
		if (w->rx.cursor != NULL)
			receiver_drain(&w->rx);
	}
}
