/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

/*
 * What a fuzz target does is read from its input, number by number; behind the
 * end of the input all is 0. And a bus file for it to be done to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint64_t
input_number(struct input *in, size_t bytes)
{
	const size_t n = bytes < in->left ? bytes : in->left;
	uint64_t value = 0;

	if (n == 0)
		return 0;
	memcpy(&value, in->at, n);
	in->at += n;
	in->left -= n;
	return value;
}

static inline uint8_t
input_u8(struct input *in)
{
	return (uint8_t)input_number(in, 1);
}

static inline uint16_t
input_u16(struct input *in)
{
	return (uint16_t)input_number(in, 2);
}

static inline uint32_t
input_u32(struct input *in)
{
	return (uint32_t)input_number(in, 4);
}

static inline uint64_t
input_u64(struct input *in)
{
	return input_number(in, 8);
}

/* From 0 to limit - 1. */
static inline uint32_t
input_below(struct input *in, uint32_t limit)
{
	return (limit <= 256 ? input_u8(in) : input_u32(in)) % limit;
}

/* Split off a part for another purpose: from the end, at most half of it. */
static inline struct input
input_split(struct input *in)
{
	const size_t half = in->left / 2;
	size_t len = input_u16(in);
	struct input part;

	if (len > half || len > in->left)
		len = in->left < half ? in->left : half;
	in->left -= len;
	part.at = in->at + in->left;
	part.left = len;
	return part;
}

/* The condition is a property that no input may break. */
#define MUST(condition) \
	do { \
		if (!(condition)) \
			input_broken(#condition, __FILE__, __LINE__); \
	} while (0)

_Noreturn void input_broken(const char *condition, const char *file, int line);

/*
 * A path of this process's own in $SHMBUS_TEST_DIR, else /dev/shm, that ends with what; it stays
 * until the next call.
 */
const char *input_path(const char *what);

#endif /* FUZZ_INPUT_H */
