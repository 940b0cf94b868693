/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/*
 * A log-linear histogram: HIST_SUB buckets per power of two. A bucket is at most 1/128 of its
 * value wide, over all 64 bits, in a table of fixed size. Values below 2 * HIST_SUB have a bucket
 * each. For larger values, `shift` low bits are dropped; each shift has HIST_SUB buckets.
 *
 * A new histogram is all zeros. shmbus bench uses this file, too.
 */
#define HIST_BITS 7
#define HIST_SUB (1u << HIST_BITS)
#define HIST_BUCKETS ((64 - HIST_BITS + 1) * HIST_SUB)

struct histogram {
	uint64_t n;
	uint64_t min;
	uint64_t max;
	uint64_t bucket[HIST_BUCKETS];
};

static inline void
histogram_add(struct histogram *h, uint64_t value)
{
	const unsigned int shift =
		value < HIST_SUB ? 0 : 63 - HIST_BITS - (unsigned int)__builtin_clzll(value);

	h->bucket[shift * HIST_SUB + (value >> shift)]++;
	if (h->n++ == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
}

/* Returns the value that `percent` of the values do not exceed, to the width of a bucket. */
static inline uint64_t
histogram_percentile(const struct histogram *h, double percent)
{
	const uint64_t rank = (uint64_t)((double)h->n * percent / 100.0);
	uint64_t seen = 0, middle;
	unsigned int i, shift;

	for (i = 0; i < HIST_BUCKETS && seen <= rank; i++)
		seen += h->bucket[i];
	if (seen <= rank) /* 100 %, or no values at all */
		return h->max;
	i--;
	shift = i < 2 * HIST_SUB ? 0 : i / HIST_SUB - 1;
	middle = ((uint64_t)(i - shift * HIST_SUB) << shift) + ((UINT64_C(1) << shift) >> 1);
	/* The middle of a bucket may lie outside the values that were measured. */
	if (middle < h->min)
		return h->min;
	return middle < h->max ? middle : h->max;
}

#endif /* HISTOGRAM_H */
