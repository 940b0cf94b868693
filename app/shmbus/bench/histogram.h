/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

/* Times in ns, in steps of 1/64 of a power of two: no percentile is off by more than 1.6 %. */

#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_BINS (HISTOGRAM_STEPS * 40)

struct histogram {
	uint64_t n;
	uint64_t min;
	uint64_t max;
	uint64_t bins[HISTOGRAM_BINS];
};

/* From all zeros. */
void histogram_add(struct histogram *h, uint64_t ns);

/* Put all of from into h. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/* The time that so many percent of all do not exceed; 0 of an empty one. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif /* HISTOGRAM_H */
