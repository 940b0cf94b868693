/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECKER_STREAMS_H
#define CHECKER_STREAMS_H

/*
 * What was received of each stream. The frames of a stream come in order, if
 * at all: one whose number is less than what is expected next has come twice,
 * or too late. Numbers that are left out were lost.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct stream {
	uint64_t frames;
	uint64_t stale; /* came twice, or after a later one */
	uint32_t first;
	uint32_t next;  /* one more than the highest number that came */
};

/* False if the frame is stale. */
bool streams_take(uint16_t id, uint32_t seq);

/* Numbers left out, over all streams, from the first frame of each on. */
uint64_t streams_missing(void);

/* As a JSON list: those of ids, or all that were received if ids is NULL. */
void streams_print(FILE *out, const uint16_t *ids, unsigned int n);

#endif /* CHECKER_STREAMS_H */
