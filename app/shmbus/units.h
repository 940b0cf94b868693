/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef UNITS_H
#define UNITS_H

/* Numbers for people. Each gives its second argument, which it fills. */

#include <stdint.h>

#define UNITS_LEN 24

/* Of 1024: "64 KiB", "1.5 GiB" */
const char *units_bytes(uint64_t bytes, char text[UNITS_LEN]);

/* Of 1000, with a unit behind: units_rate(12.3e6, "pps") is "12.3 Mpps" */
const char *units_rate(double rate, const char *unit, char text[UNITS_LEN]);

#endif /* UNITS_H */
