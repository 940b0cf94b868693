/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECK_LANE_H
#define CHECK_LANE_H

/* What the files that look at one lane, and mend it, know of each other. */

#include "check.h"

/* A writer that is too fast so often is left alone. */
#define CHECK_LANE_TRIES 16

/* A lane that is looked at. */
struct lane {
	struct shmbus_bus *bus;
	struct shmbus_lane_entry *entry;
	struct findings *f;
	struct place place;
	bool still; /* nobody writes it meanwhile; and what its head says may be nonsense */
	uint32_t number;
	uint64_t size;
	uint64_t chunk;
	uint64_t head;
	uint64_t tail;
	uint64_t mark[SHMBUS_CHUNKS];
	uint32_t bad_marks; /* bits */
};

/* What a walk along the records has come to. */
struct walk {
	bool any;            /* there was a mark to begin at */
	bool bad;            /* a record was wrong */
	bool reached;        /* it came to the tail */
	uint64_t seq;        /* reached: the number of the next frame */
	uint64_t whole_from; /* reached: from this mark on nothing was wrong */
};

/* lane.c: the lane's entry. */

/* Nothing is loaded yet. f may be NULL: nobody listens. */
void check_lane_begin(struct lane *l, struct shmbus_bus *bus, uint32_t number, struct findings *f);

/* Head and tail of one moment. False: the writer is too fast. */
bool check_lane_load_positions(struct lane *l);
bool check_lane_positions_fit(const struct lane *l);

void check_lane_look_at_marks(struct lane *l);
/* The marks that were loaded, by l->tail, which is not the entry's. Nothing is said. */
void check_lane_judge_marks(struct lane *l);

/* *match: the stamp for the tail, *seq is its; 2: there is none. False: the writer is too fast. */
bool check_lane_load_stamps(const struct lane *l, uint64_t tail, uint64_t *seq,
			    unsigned int *match);

/* records.c: from the oldest mark up to the tail. */
struct walk check_records_walk(struct lane *l);

#endif /* CHECK_LANE_H */
