/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECKER_RECEIVE_H
#define CHECKER_RECEIVE_H

#include <stdint.h>

#include "checker_options.h"

struct receiver {
	uint64_t frames; /* that were looked at */
	uint64_t bytes;
	uint64_t multi;  /* of them: of several segments */
	uint64_t damaged; /* not as any sender made them */
	uint64_t stale;  /* came twice, or in the wrong order */
	uint64_t sleeps;
};

/* Whatever is there before the first frame comes. False, with a message, if it fails. */
bool receiver_init(const struct options *opt);

/* Receive a little. The number of frames that came. */
unsigned int receiver_poll(const struct options *opt, struct receiver *r);

/* Look at all frames that came and were kept. */
void receiver_flush(const struct options *opt, struct receiver *r);

#endif /* CHECKER_RECEIVE_H */
