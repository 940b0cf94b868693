/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_POLLERS_H
#define SHMBUS_POLLERS_H

/*
 * Which thread receives, and when: a Tx queue that is held back asks whether its own
 * thread has received since its last try (shmbus_deadlock.h). In memory that the
 * processes of a port share.
 */

#include "shmbus_format.h"

/* The polls of one Rx queue. Its thread writes here in each poll. */
struct shmbus_poller {
	shmbus_a64 thread; /* shmbus_thread() of the last poll; 0: none */
	shmbus_a64 polls;
	uint64_t apart[6]; /* queues on a cache line each */
};

/* Those of the Rx queues of a port. */
struct shmbus_pollers {
	struct shmbus_poller rx[SHMBUS_QUEUES_MAX];
};

/* Notes that this thread polls an Rx queue. */
static inline void
shmbus_pollers_note(struct shmbus_pollers *p, uint32_t queue)
{
	struct shmbus_poller *rx = &p->rx[queue];

	shmbus_store(&rx->thread, shmbus_thread());
	shmbus_count(&rx->polls, 1);
}

#endif /* SHMBUS_POLLERS_H */
