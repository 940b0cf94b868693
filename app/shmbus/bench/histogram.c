/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "histogram.h"

/* Values from 0 to 63 have a bin each. Above, every power of two has 64 bins. */
static unsigned int
bin_of(uint64_t ns)
{
	unsigned int shift, bin;

	if (ns < HISTOGRAM_STEPS)
		return (unsigned int)ns;
	shift = 63 - (unsigned int)__builtin_clzll(ns) - 6;
	bin = HISTOGRAM_STEPS * (shift + 1) + (unsigned int)(ns >> shift) - HISTOGRAM_STEPS;
	return bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1;
}

/* Returns the highest time that belongs to the bin. */
static uint64_t
top_of(unsigned int bin)
{
	unsigned int shift;

	if (bin < HISTOGRAM_STEPS)
		return bin;
	shift = bin / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(bin % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void
histogram_add(struct histogram *h, uint64_t ns)
{
	if (h->n == 0 || ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	h->n++;
	h->bins[bin_of(ns)]++;
}

void
histogram_merge(struct histogram *h, const struct histogram *from)
{
	unsigned int i;

	if (from->n == 0)
		return;
	if (h->n == 0 || from->min < h->min)
		h->min = from->min;
	if (from->max > h->max)
		h->max = from->max;
	h->n += from->n;
	for (i = 0; i < HISTOGRAM_BINS; i++)
		h->bins[i] += from->bins[i];
}

uint64_t
histogram_percentile(const struct histogram *h, double percent)
{
	const double wanted = (double)h->n * percent / 100;
	uint64_t below = 0;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BINS; i++) {
		below += h->bins[i];
		if (h->bins[i] != 0 && (double)below >= wanted)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}
