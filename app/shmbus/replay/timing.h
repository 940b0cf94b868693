/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TIMING_H
#define TIMING_H

/* When each frame of a replay is due. */

#include <stdbool.h>
#include <stdint.h>

enum timing_kind {
	TIMING_RECORDED, /* as far apart as they were when they were captured */
	TIMING_FAST,     /* at once */
	TIMING_PPS,
	TIMING_BPS,      /* bits of frames, without what a cable would add */
};

struct timing {
	enum timing_kind kind;
	double rate; /* RECORDED: times as fast; PPS, BPS: per second */
	uint64_t frames;
	uint64_t bytes;
	double due_ns;
	uint64_t latest_ns; /* recorded time that due_ns stands for */
	uint64_t last_ns;   /* recorded time of the last frame */
	bool has_last;
};

/* "10kpps", "1.5Gbps": 0, or -EINVAL. */
int timing_parse(const char *text, struct timing *timing);

/* Nanoseconds after the first one. Frames are asked for one after the other. */
uint64_t timing_next(struct timing *timing, uint64_t tstamp_ns, uint32_t len);

/* The next frame is not later than the last one, but another pass's first. */
void timing_again(struct timing *timing);

#endif /* TIMING_H */
