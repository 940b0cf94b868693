/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECK_LANE_H
#define CHECK_LANE_H

/* Shared by the files that look at one lane. */

#include "check.h"

/* How often a lane is read again if its writer was faster. After that the lane is skipped. */
#define CHECK_LANE_TRIES 16

/* A lane under inspection. */
struct lane {
	struct shmbus_bus *bus;
	struct shmbus_lane_entry *entry;
	struct findings *f;
	struct place place;
	uint32_t number;
	uint64_t size;
	uint64_t chunk;
	uint64_t head;
	uint64_t tail;
	uint64_t mark[SHMBUS_CHUNKS];
	uint32_t bad_marks; /* bits */
};

/*
 * Walks along the records from the oldest mark up to l->tail. Returns whether the
 * walk ended at the tail; then *seq is the number of the next frame.
 */
bool check_records_walk(struct lane *l, uint64_t *seq);

#endif /* CHECK_LANE_H */
