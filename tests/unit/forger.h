/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_FORGER_H
#define TEST_FORGER_H

/*
 * A port on a bus of either format that sends frames of any length, also of lengths that
 * the driver and the library never send.
 */

#include "shmif_side.h"
#include "station.h"

struct forger {
	bool lanes;
	struct station st;
	struct transmitter tx;
	struct side side;
};

/* The bus exists. */
void forger_join(struct forger *f, const char *path, bool lanes);
void forger_leave(struct forger *f);

/* Frames of these lengths; on lanes they are one record, on shmif one burst. */
void forger_send(struct forger *f, const uint32_t *lens, uint32_t n);

#endif /* TEST_FORGER_H */
