/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "check.h"
#include "forger.h"

#define SENDER 1

void
forger_join(struct forger *f, const char *path, bool lanes)
{
	f->lanes = lanes;
	if (!lanes) {
		side_join(&f->side, path, SENDER);
		return;
	}
	station_join(&f->st, path, 0, 0, 0);
	station_announce(&f->st, 1, 0);
	transmitter_start(&f->tx, &f->st, 0, false, 0);
}

void
forger_leave(struct forger *f)
{
	if (!f->lanes) {
		side_leave(&f->side);
		return;
	}
	transmitter_stop(&f->tx);
	station_leave(&f->st, false);
}

void
forger_send(struct forger *f, const uint32_t *lens, uint32_t n)
{
	uint8_t *at;
	uint32_t i;

	if (f->lanes) {
		assert_true(transmitter_send(&f->tx, lens, n));
		return;
	}
	for (i = 0; i < n; i++) {
		at = shmbus_shmif_add(&f->side.w, SENDER, lens[i]);
		assert_non_null(at);
		frame_fill(at, lens[i], i);
	}
	side_send(&f->side);
}
