/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECK_LANE_H
#define CHECK_LANE_H

/* Shared by the files that look at one lane and mend it. */

#include "check.h"

/* How often a lane is read again because its writer was faster. Then the lane is skipped. */
#define CHECK_LANE_TRIES 16

/* A lane under inspection. */
struct lane {
	struct shmbus_bus *bus;
	struct shmbus_lane_entry *entry;
	struct findings *f;
	struct place place;
	bool still; /* no port writes it meanwhile; its head may be nonsense */
	uint32_t number;
	uint64_t size;
	uint64_t chunk;
	uint64_t head;
	uint64_t tail;
	uint64_t mark[SHMBUS_CHUNKS];
	uint32_t bad_marks; /* bits */
};

/* The result of a walk along the records. */
struct walk {
	bool any;            /* there was a mark to begin at */
	bool bad;            /* a record was wrong */
	bool reached;        /* the walk ended at the tail */
	uint64_t seq;        /* if reached: the number of the next frame */
	uint64_t whole_from; /* if reached: no record from this mark on was wrong */
};

/* lane.c: the lane's entry. */

/* Initializes l, and loads nothing yet. If f is NULL, no findings are recorded. */
void check_lane_begin(struct lane *l, struct shmbus_bus *bus, uint32_t number, struct findings *f);

/* Loads head and tail of one moment. False: the writer is too fast. */
bool check_lane_load_positions(struct lane *l);
bool check_lane_positions_fit(const struct lane *l);

/* Loads the marks, and adds findings for those that are wrong. */
void check_lane_look_at_marks(struct lane *l);
/* Compares the loaded marks with l->tail, which may differ from the entry's. Adds no findings. */
void check_lane_judge_marks(struct lane *l);

/*
 * Finds the stamp for the tail. *match: its index, and *seq its number; or 2 if no
 * stamp has this tail. False: the writer is too fast.
 */
bool check_lane_load_stamps(const struct lane *l, uint64_t tail, uint64_t *seq,
			    unsigned int *match);

/* records.c: walks along the records from the oldest mark up to the tail. */
struct walk check_records_walk(struct lane *l);

#endif /* CHECK_LANE_H */
