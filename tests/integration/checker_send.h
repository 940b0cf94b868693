/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CHECKER_SEND_H
#define CHECKER_SEND_H

#include <stdint.h>

#include <rte_mempool.h>

#include "checker_options.h"

struct sender {
	uint64_t frames; /* that the port took */
	uint64_t bytes;
	uint64_t multi;  /* of them: of several segments */
	uint64_t full;   /* bursts that it did not take whole */
	uint64_t longest_stall; /* ns between two bursts of which it took something */
	uint64_t last_progress; /* moment, in ns */
};

/* Whatever is there before the first frame goes out. False, with a message, if it fails. */
bool sender_init(const struct options *opt, struct rte_mempool *pool);

/* Send a little. False when all of opt->count has been sent. */
bool sender_poll(const struct options *opt, struct sender *s);

/* Free what the port did not take. */
void sender_end(void);

#endif /* CHECKER_SEND_H */
