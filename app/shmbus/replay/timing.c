/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "timing.h"

#define NS 1e9

/* A time in ns that no clock reaches: the frame is never due. */
#define DUE_MAX 9e18

/* If recorded times go back by more than this, the clock was set back. */
#define SET_BACK_NS 1000000000u

int
timing_parse(const char *text, struct timing *timing)
{
	static const char prefixes[] = "kmg";
	const char *prefix;
	double rate;
	char *unit;

	if (text[0] < '0' || text[0] > '9' || strpbrk(text, "xX") != NULL)
		return -EINVAL;
	errno = 0;
	rate = strtod(text, &unit);
	if (errno != 0 || !isfinite(rate))
		return -EINVAL;
	prefix = *unit != '\0' ? strchr(prefixes, *unit | 0x20) : NULL;
	if (prefix != NULL) {
		rate *= pow(1000, (double)(prefix - prefixes + 1));
		unit++;
	}
	if (strcasecmp(unit, "pps") == 0)
		timing->kind = TIMING_PPS;
	else if (strcasecmp(unit, "bps") == 0)
		timing->kind = TIMING_BPS;
	else
		return -EINVAL;
	timing->rate = rate;
	return rate >= 1e-3 && rate <= 1e15 ? 0 : -EINVAL;
}

static bool
is_far_below(uint64_t tstamp_ns, uint64_t latest_ns)
{
	return tstamp_ns < latest_ns && latest_ns - tstamp_ns > SET_BACK_NS;
}

/*
 * Returns when a frame is due by its recorded time.
 *
 * The frames of a capture need not be in the order of their times. If a frame is
 * older than a frame before it, both are due together: no gap is waited for twice. If
 * the clock was set back during the recording, the gaps continue from the new time.
 * Two frames in a row must show this: a single frame may just have a wrong time.
 */
static double
due_as_recorded(struct timing *timing, uint64_t tstamp_ns)
{
	const uint64_t before_ns = timing->last_ns;
	double due_ns = timing->due_ns;
	double gap_ns;

	timing->last_ns = tstamp_ns;
	if (!timing->has_last) {
		timing->has_last = true;
		timing->latest_ns = tstamp_ns;
		return due_ns;
	}
	if (is_far_below(before_ns, timing->latest_ns) && is_far_below(tstamp_ns, timing->latest_ns))
		timing->latest_ns = before_ns;
	if (tstamp_ns > timing->latest_ns) {
		gap_ns = (double)(tstamp_ns - timing->latest_ns) / timing->rate;
		if (timing->gap_max_s != 0 && gap_ns > timing->gap_max_s * NS)
			gap_ns = timing->gap_max_s * NS;
		due_ns += gap_ns;
		timing->latest_ns = tstamp_ns;
	}
	return due_ns;
}

static double
due(struct timing *timing, uint64_t tstamp_ns)
{
	switch (timing->kind) {
	case TIMING_FAST:
		return 0;
	case TIMING_PPS:
		return (double)timing->frames * NS / timing->rate;
	case TIMING_BPS:
		return 8 * (double)timing->bytes * NS / timing->rate;
	case TIMING_RECORDED:
		break;
	}
	return due_as_recorded(timing, tstamp_ns);
}

uint64_t
timing_next(struct timing *timing, uint64_t tstamp_ns, uint32_t len)
{
	timing->due_ns = due(timing, tstamp_ns);
	timing->frames++;
	timing->bytes += len;
	return timing->due_ns < DUE_MAX ? (uint64_t)timing->due_ns : (uint64_t)DUE_MAX;
}

void
timing_again(struct timing *timing)
{
	timing->has_last = false;
}
