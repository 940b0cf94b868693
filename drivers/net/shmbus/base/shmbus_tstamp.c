/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "shmbus_tstamp.h"

/* Attempts to read both clocks and the counter at once, undisturbed. */
#define READ_TRIES 4

/* A reading that took longer is not used as a base: clocks and counter may not belong together. */
#define READ_NS_MAX 1000

/* Intervals for which a scale is computed; a longer one would overflow. */
#define INTERVAL_NS_MIN (SHMBUS_TSTAMP_SPAN_NS / 2)
#define INTERVAL_NS_MAX (UINT64_C(1) << 31)

/* Two scales agree if they differ by less than this part of them. */
#define AGREE 2048

struct reading {
	uint64_t ticks; /* in the middle of the reading */
	uint64_t width; /* ticks that the reading took */
	uint64_t real_ns;
	uint64_t mono_ns;
};

/* Returns whether the counter goes on at one speed, whatever the processor does. */
static bool
counter_is_steady(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;

	/* Advanced power management: bit 8 of edx, "invariant TSC". */
	return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
#elif defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

/* Reads clocks and counter; of some attempts the fastest. */
static void
read_all(struct reading *best)
{
	struct reading r;
	uint64_t before;
	unsigned int i;

	for (i = 0; i < READ_TRIES; i++) {
		before = shmbus_ticks();
		r.real_ns = shmbus_clock_real_ns();
		r.mono_ns = shmbus_clock_mono_ns();
		r.width = shmbus_ticks() - before;
		r.ticks = before + r.width / 2;
		if (i == 0 || r.width < best->width)
			*best = r;
	}
}

/* Returns the nanoseconds per tick since the last reading; 0: unknown. */
static uint64_t
scale_of(const struct shmbus_tstamp *t, const struct reading *r)
{
	const uint64_t ns = r->mono_ns - t->read_mono_ns;
	const uint64_t ticks = r->ticks - t->read_ticks;

	if (t->read_mono_ns == 0 || ns < INTERVAL_NS_MIN || ns > INTERVAL_NS_MAX || ticks == 0)
		return 0;
	return (ns << SHMBUS_TSTAMP_SHIFT) / ticks;
}

static bool
agree(uint64_t a, uint64_t b)
{
	const uint64_t difference = a > b ? a - b : b - a;

	return a != 0 && b != 0 && difference < a / AGREE;
}

/* Makes a reading the base of the times to come, if the scale is known. */
static void
set_base(struct shmbus_tstamp *t, const struct reading *r, uint64_t scale)
{
	t->base_ticks = r->ticks;
	t->base_ns = r->real_ns;
	t->scale = scale;
	t->span = ((uint64_t)SHMBUS_TSTAMP_SPAN_NS << SHMBUS_TSTAMP_SHIFT) / scale;
	if (r->width * scale >> SHMBUS_TSTAMP_SHIFT > READ_NS_MAX)
		t->span = 0;
}

/* Returns whether a reading of all would tell the scale, or begin the first interval. */
static bool
is_due(const struct shmbus_tstamp *t)
{
	return t->source == SHMBUS_TSTAMP_COUNTER &&
	       (t->read_mono_ns == 0 ||
		shmbus_clock_mono_ns() - t->read_mono_ns >= INTERVAL_NS_MIN);
}

uint64_t
shmbus_tstamp_read(struct shmbus_tstamp *t)
{
	struct reading r;
	uint64_t scale;

	/* The question takes long in a virtual machine. */
	if (t->source == SHMBUS_TSTAMP_UNKNOWN)
		t->source = counter_is_steady() ? SHMBUS_TSTAMP_COUNTER : SHMBUS_TSTAMP_SYSTEM;
	t->span = 0;
	if (is_due(t)) {
		read_all(&r);
		scale = scale_of(t, &r);
		if (agree(scale, t->read_scale))
			set_base(t, &r, scale);
		t->read_ticks = r.ticks;
		t->read_mono_ns = r.mono_ns;
		t->read_scale = scale;
	} else {
		r.real_ns = shmbus_clock_real_ns();
	}
	if (t->last_ns - r.real_ns < SHMBUS_TSTAMP_HOLD_NS)
		return t->last_ns;
	t->last_ns = r.real_ns;
	return r.real_ns;
}
