/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef UNITS_H
#define UNITS_H

/* Formats numbers for people. Each function writes to text, and returns text. */

#include <stdint.h>

#define UNITS_LEN 32

/* Powers of 1024: "64 KiB", "1.5 GiB". */
const char *units_bytes(uint64_t bytes, char text[UNITS_LEN]);

/* Powers of 1000, followed by a unit: units_rate(12.3e6, "pps", text) is "12.3 Mpps", with "" "12.3 M". */
const char *units_rate(double rate, const char *unit, char text[UNITS_LEN]);

/* The two largest parts of a time, rounded down: "18 h 12 min", "3 min 0 s", "25 s". */
const char *units_duration(uint64_t seconds, char text[UNITS_LEN]);

#endif /* UNITS_H */
