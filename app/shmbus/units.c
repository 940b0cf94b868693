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
	snprintf(text, UNITS_LEN, "%.*f %s%s", i == 0 || rate >= 100 ? 0 : rate >= 10 ? 1 : 2, rate,
		 prefixes[i], unit);
	return text;
}
