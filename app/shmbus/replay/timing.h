/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TIMING_H
#define TIMING_H

/* The timing of a replay: when each frame is due. */

#include <stdbool.h>
#include <stdint.h>

enum timing_kind {
	TIMING_RECORDED, /* with the gaps of the capture */
	TIMING_FAST,     /* at once */
	TIMING_PPS,
	TIMING_BPS,      /* bits of the frames, without what a cable would add */
};

struct timing {
	enum timing_kind kind;
	double rate; /* RECORDED: the speed, 1 is as recorded; PPS, BPS: per second */
	double gap_max_s; /* RECORDED: a longer gap becomes this; 0: no limit */
	uint64_t frames;
	uint64_t bytes;
	double due_ns;
	uint64_t latest_ns; /* the recorded time that belongs to due_ns */
	uint64_t last_ns;   /* the recorded time of the last frame */
	bool has_last;
};

/* Parses a rate: "10kpps", "1.5Gbps". Returns 0, or -EINVAL. */
int timing_parse(const char *text, struct timing *timing);

/* Returns when the next frame is due, in ns after the first one. Call it once for each frame. */
uint64_t timing_next(struct timing *timing, uint64_t tstamp_ns, uint32_t len);

/* Begins another pass: the next frame is the first of the capture again, and due with the last. */
void timing_again(struct timing *timing);

#endif /* TIMING_H */
