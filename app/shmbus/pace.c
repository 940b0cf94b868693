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

int
pace_parse(const char *text, struct pace *pace)
{
	static const char prefixes[] = "kmg";
	const char *prefix;
	double rate;
	char *unit;

	if (text[0] < '0' || text[0] > '9')
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
	/* A clock that went back while it was captured makes nobody wait. */
	if (pace->has_last && tstamp_ns > pace->last_ns)
		return pace->due_ns + (double)(tstamp_ns - pace->last_ns) / pace->rate;
	return pace->due_ns;
}

uint64_t
pace_next(struct pace *pace, uint64_t tstamp_ns, uint32_t len)
{
	pace->due_ns = due(pace, tstamp_ns);
	pace->last_ns = tstamp_ns;
	pace->has_last = true;
	pace->frames++;
	pace->bytes += len;
	return pace->due_ns < DUE_MAX ? (uint64_t)pace->due_ns : (uint64_t)DUE_MAX;
}

void
pace_again(struct pace *pace)
{
	pace->has_last = false;
}
