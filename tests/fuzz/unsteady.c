/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdatomic.h>
#include <time.h>

#include "input.h"
#include "unsteady.h"

/* A clock that stood still would keep those waiting who look at nothing else. */
#define TICK_NS 1000

/* Of the thread that reads the input. The driver has another one, for its link poll. */
static _Thread_local struct {
	struct input *in;
	uint8_t *(*writable)(const volatile void *at);
	uint64_t looks;
	uint32_t wait; /* looks until the next change */
} un;

static _Atomic(uint64_t) now_ns = 1000000000;

uint64_t
unsteady_looks(void)
{
	return un.looks;
}

uint64_t
unsteady_clock_ns(void)
{
	return atomic_fetch_add_explicit(&now_ns, TICK_NS, memory_order_relaxed) + TICK_NS;
}

void
unsteady_pass(uint64_t ns)
{
	atomic_fetch_add_explicit(&now_ns, ns, memory_order_relaxed);
}

/* Instead of sleeping. */
int nanosleep(const struct timespec *nap, struct timespec *rest);
int
nanosleep(const struct timespec *nap, struct timespec *rest)
{
	(void)rest;
	unsteady_pass((uint64_t)nap->tv_sec * 1000000000 + (uint64_t)nap->tv_nsec);
	return 0;
}

static uint64_t
changed(struct input *in, uint64_t value)
{
	switch (input_u8(in) % 10) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value + 64 * (uint64_t)input_u8(in);
	case 3:
		return value - 64 * (uint64_t)input_u8(in);
	case 4:
		return value ^ UINT64_C(1) << input_u8(in) % 64;
	case 5:
		return 0;
	case 6:
		return UINT64_MAX;
	case 7:
		return input_u16(in);
	case 8:
		return (value & UINT32_MAX) | (uint64_t)input_u32(in) << 32;
	default:
		return input_u64(in);
	}
}

void
unsteady_look(const volatile void *at, size_t size)
{
	uint64_t value = 0;
	uint8_t *word;

	un.looks++;
	if (un.in == NULL || un.in->left == 0 || un.wait-- != 0)
		return;
	un.wait = input_u8(un.in);
	word = un.writable(at);
	if (word == NULL)
		return;
	memcpy(&value, word, size);
	value = changed(un.in, value);
	memcpy(word, &value, size);
}

void
unsteady_begin(struct input *changes, uint8_t *(*writable)(const volatile void *at))
{
	un.in = changes;
	un.writable = writable;
	un.looks = 0;
	un.wait = changes != NULL ? input_u8(changes) : 0;
}

void
unsteady_end(void)
{
	un.in = NULL;
	un.looks = 0;
}

void
unsteady_run(struct input *in, struct input *changes,
	     uint8_t *(*writable)(const volatile void *at), void (*one_op)(struct input *in),
	     unsigned int limit, uint64_t looks)
{
	uint64_t before;

	unsteady_begin(changes, writable);
	for (before = 0; in->left != 0 && --limit != 0; before = unsteady_looks()) {
		one_op(in);
		MUST(unsteady_looks() - before < looks);
	}
}
