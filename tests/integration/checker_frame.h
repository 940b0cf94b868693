/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECKER_FRAME_H
#define CHECKER_FRAME_H

/*
 * A frame that tells whether it is whole. Its Ethernet header is used for it
 * all, so that the shortest possible frame can be checked too:
 *
 *    0  02, stream (2 bytes), sequence number >> 8 (3)   destination address
 *    6  02, sequence number & 255 (1), checksum (4)      source address
 *   12  88b5                                             for local experiments
 *   14  noise
 *
 * A frame with addresses, for switches, has the same numbers behind its header:
 *
 *    0  destination and source
 *   12  88b6                                             for local experiments, too
 *   14  stream (2), sequence number (4), checksum (4)
 *   24  noise
 *
 * Big endian. The checksum is the CRC32C of all bytes but its own, begun with
 * the length: a frame that was cut, filled with others' bytes, or put
 * together from two, does not pass.
 */

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MIN 14u
#define FRAME_ADDRESSED_MIN 24u
#define FRAME_MAX 16000u

/* Call once. to: the destination of frames with addresses; NULL: of the short kind. */
void frame_init(uint64_t seed, const uint8_t *to, const uint8_t *from);

void frame_build(uint8_t *p, uint32_t len, uint16_t stream, uint32_t seq);

/* False if it is not as frame_build made it. */
bool frame_check(const uint8_t *p, uint32_t len, uint16_t *stream, uint32_t *seq);

/* A sequence of numbers by chance: splitmix64. */
static inline uint64_t
chance(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* One of [min, max]; few enough that the bias of % does not matter. */
static inline uint32_t
chance_in(uint64_t *state, uint32_t min, uint32_t max)
{
	return min + (uint32_t)(chance(state) % ((uint64_t)max - min + 1));
}

#endif /* CHECKER_FRAME_H */
