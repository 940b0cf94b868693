/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

/* A histogram of times in ns. A bin is 1/64 of a power of two: percentiles are exact to 1.6 %. */

#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_BINS (HISTOGRAM_STEPS * 40)

struct histogram {
	uint64_t n;
	uint64_t min;
	uint64_t max;
	uint64_t bins[HISTOGRAM_BINS];
};

/* Adds a time. A new histogram is all zeros. */
void histogram_add(struct histogram *h, uint64_t ns);

/* Adds all times of from to h. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/* Returns the time that this percentage of all times does not exceed; 0 if there are none. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif /* HISTOGRAM_H */
