/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_FRAME_H
#define TEST_FRAME_H

/*
 * What is in a frame follows from its number, so that a receiver knows what
 * must be in it. And numbers by chance, the same in every run.
 */

#include <stdbool.h>
#include <stdint.h>

void frame_fill(uint8_t *frame, uint32_t len, uint64_t seq);
bool frame_is(const uint8_t *frame, uint32_t len, uint64_t seq);

/* A copy in memory of just its length, so that sanitizers see a byte too far; for free(). */
uint8_t *frame_copy(const uint8_t *frame, uint32_t len);

/* The same numbers in every run. */
struct dice {
	uint64_t state;
};
uint64_t dice_throw(struct dice *d);
/* From low to high, both included. */
uint32_t dice_range(struct dice *d, uint32_t low, uint32_t high);

#endif /* TEST_FRAME_H */
