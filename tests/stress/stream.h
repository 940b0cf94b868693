/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_STREAM_H
#define STRESS_STREAM_H

/*
 * Frames that tell on whoever tears, repeats, swaps or drops them. A stream is
 * what one sending queue sends from its start to its end or death. Each frame
 * bears its stream and its number; its length and every byte follow from them.
 */

#include "board.h"

#define FRAME_SHORTEST 60u

/* Begins a stream, whose first frame has the number base. key: of struct stream. */
uint64_t stream_new(uint64_t base, uint64_t key);
/* It is about to publish all below number, or has. */
void stream_attempt(uint64_t stream, uint64_t number);
void stream_published(uint64_t stream, uint64_t number);

/* How long a frame is, at most longest. */
uint32_t stream_len(uint64_t stream, uint64_t number, uint32_t longest);
void stream_fill(uint8_t *frame, uint32_t len, uint64_t stream, uint64_t number);

/* For which of n slots a frame is on a switch; n: for everybody. */
uint32_t stream_to(uint64_t stream, uint64_t number, uint32_t n);

/* Whose frame is it? False, and counted as torn: nobody's, or not as it was sent. */
bool stream_check(const uint8_t *frame, uint32_t len, uint32_t longest, uint64_t *stream,
		  uint64_t *number);

#endif /* STRESS_STREAM_H */
