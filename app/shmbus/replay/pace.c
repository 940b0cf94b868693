/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pace.h"

#define NS 1e9

/* More than a clock can count means: never. */
#define DUE_MAX 9e18

/* Nobody records a frame this much later than the next one: the clock was set back. */
#define SET_BACK_NS 1000000000u

int
pace_parse(const char *text, struct pace *pace)
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
		pace->kind = PACE_PPS;
	else if (strcasecmp(unit, "bps") == 0)
		pace->kind = PACE_BPS;
	else
		return -EINVAL;
	pace->rate = rate;
	return rate >= 1e-3 && rate <= 1e15 ? 0 : -EINVAL;
}

static bool
is_far_below(uint64_t tstamp_ns, uint64_t latest_ns)
{
	return tstamp_ns < latest_ns && latest_ns - tstamp_ns > SET_BACK_NS;
}

/*
 * The order of a capture need not be that of its times: what comes behind a later
 * frame is due with it, and makes nobody wait twice. Only a clock that was set
 * back while it recorded counts on from there; a single frame shows no such thing.
 */
static double
due_as_recorded(struct pace *pace, uint64_t tstamp_ns)
{
	const uint64_t before_ns = pace->last_ns;
	double due_ns = pace->due_ns;

	pace->last_ns = tstamp_ns;
	if (!pace->has_last) {
		pace->has_last = true;
		pace->latest_ns = tstamp_ns;
		return due_ns;
	}
	if (is_far_below(before_ns, pace->latest_ns) && is_far_below(tstamp_ns, pace->latest_ns))
		pace->latest_ns = before_ns;
	if (tstamp_ns > pace->latest_ns) {
		due_ns += (double)(tstamp_ns - pace->latest_ns) / pace->rate;
		pace->latest_ns = tstamp_ns;
	}
	return due_ns;
}

static double
due(struct pace *pace, uint64_t tstamp_ns)
{
	switch (pace->kind) {
	case PACE_FAST:
		return 0;
	case PACE_PPS:
		return (double)pace->frames * NS / pace->rate;
	case PACE_BPS:
		return 8 * (double)pace->bytes * NS / pace->rate;
	case PACE_RECORDED:
		break;
	}
	return due_as_recorded(pace, tstamp_ns);
}

uint64_t
pace_next(struct pace *pace, uint64_t tstamp_ns, uint32_t len)
{
	pace->due_ns = due(pace, tstamp_ns);
	pace->frames++;
	pace->bytes += len;
	return pace->due_ns < DUE_MAX ? (uint64_t)pace->due_ns : (uint64_t)DUE_MAX;
}

void
pace_again(struct pace *pace)
{
	pace->has_last = false;
}
