/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdlib.h>
#include <string.h>

#include "frame.h"

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x7fb5d329728ea185);
	x ^= x >> 27;
	x *= UINT64_C(0x81dadef4bc2dd44d);
	x ^= x >> 33;
	return x;
}

static uint64_t
content(uint64_t seq, uint32_t i)
{
	return mix(seq * UINT64_C(0x9e3779b97f4a7c15) + i + 1);
}

void
frame_fill(uint8_t *frame, uint32_t len, uint64_t seq)
{
	uint64_t word;
	uint32_t i;

	for (i = 0; i < len; i += sizeof(word)) {
		word = content(seq, i);
		memcpy(frame + i, &word, len - i < sizeof(word) ? len - i : sizeof(word));
	}
}

bool
frame_is(const uint8_t *frame, uint32_t len, uint64_t seq)
{
	uint64_t word;
	uint32_t i;

	for (i = 0; i < len; i += sizeof(word)) {
		word = content(seq, i);
		if (memcmp(frame + i, &word, len - i < sizeof(word) ? len - i : sizeof(word)) != 0)
			return false;
	}
	return true;
}

uint64_t
dice_throw(struct dice *d)
{
	d->state += UINT64_C(0x9e3779b97f4a7c15);
	return mix(d->state);
}

uint32_t
dice_range(struct dice *d, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(dice_throw(d) % ((uint64_t)high - low + 1));
}

uint8_t *
frame_copy(const uint8_t *frame, uint32_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		abort();
	memcpy(copy, frame, len);
	return copy;
}
