/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PACE_H
#define PACE_H

/* When each frame of a replay is due. */

#include <stdbool.h>
#include <stdint.h>

enum pace_kind {
	PACE_RECORDED, /* as far apart as they were when they were captured */
	PACE_FAST,     /* at once */
	PACE_PPS,
	PACE_BPS,      /* bits of frames, without what a cable would add */
};

struct pace {
	enum pace_kind kind;
	double rate; /* RECORDED: times as fast; PPS, BPS: per second */
	uint64_t frames;
	uint64_t bytes;
	double due_ns;
	uint64_t latest_ns; /* recorded time that due_ns stands for */
	uint64_t last_ns;   /* recorded time of the last frame */
	bool has_last;
};

/* "10kpps", "1.5Gbps": 0, or -EINVAL. */
int pace_parse(const char *text, struct pace *pace);

/* Nanoseconds after the first one. Frames are asked for one after the other. */
uint64_t pace_next(struct pace *pace, uint64_t tstamp_ns, uint32_t len);

/* The next frame is not later than the last one, but another pass's first. */
void pace_again(struct pace *pace);

#endif /* PACE_H */
