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
	uint64_t sleeps; /* on purpose, or until an interrupt */
};

/* Whatever is there before the first frame comes. False, with a message, if it fails. */
bool receiver_init(const struct options *opt);

/* Receive a little. The number of frames that came. */
unsigned int receiver_poll(const struct options *opt, struct receiver *r);

/* Before the first receiver_sleep. False, with a message, if there are no interrupts. */
bool receiver_prepare_sleep(const struct options *opt);

/* Until a frame comes, or a command. */
void receiver_sleep(const struct options *opt, struct receiver *r);

/* Look at all frames that came and were kept. */
void receiver_flush(const struct options *opt, struct receiver *r);

#endif /* CHECKER_RECEIVE_H */
