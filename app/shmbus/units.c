/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <inttypes.h>
#include <stdio.h>

#include "units.h"

const char *
units_bytes(uint64_t bytes, char text[UNITS_LEN])
{
	static const char *const names[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double scaled = (double)bytes;
	unsigned int i = 0;

	while (scaled >= 1024) {
		scaled /= 1024;
		i++;
	}
	/* One digit behind the point, except for whole numbers and for long ones. */
	snprintf(text, UNITS_LEN, "%.*f %s",
		 scaled < 100 && scaled != (double)(uint64_t)scaled ? 1 : 0, scaled, names[i]);
	return text;
}

const char *
units_rate(double rate, const char *unit, char text[UNITS_LEN])
{
	static const char *const prefixes[] = { "", "k", "M", "G", "T" };
	unsigned int i = 0;

	while (rate >= 1000 && i + 1 < sizeof(prefixes) / sizeof(prefixes[0])) {
		rate /= 1000;
		i++;
	}
	snprintf(text, UNITS_LEN, "%.*f%s%s%s", i == 0 || rate >= 100 ? 0 : rate >= 10 ? 1 : 2, rate,
		 i == 0 && unit[0] == '\0' ? "" : " ", prefixes[i], unit);
	return text;
}

const char *
units_duration(uint64_t seconds, char text[UNITS_LEN])
{
	const uint64_t minutes = seconds / 60;
	const uint64_t hours = minutes / 60;

	if (hours >= 24)
		snprintf(text, UNITS_LEN, "%" PRIu64 " d %u h", hours / 24, (unsigned int)(hours % 24));
	else if (hours != 0)
		snprintf(text, UNITS_LEN, "%" PRIu64 " h %u min", hours, (unsigned int)(minutes % 60));
	else if (minutes != 0)
		snprintf(text, UNITS_LEN, "%" PRIu64 " min %u s", minutes, (unsigned int)(seconds % 60));
	else
		snprintf(text, UNITS_LEN, "%" PRIu64 " s", seconds);
	return text;
}
