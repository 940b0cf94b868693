/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_GATE_H
#define SHMBUS_GATE_H

/*
 * A gate in front of a thread that works in bursts. A control thread closes it when it
 * must change what a burst uses.
 *
 * Theory of operation
 *
 *   burst                                control thread
 *   busy = 1                             closed = true
 *   closed? then busy = 0, and another   a full fence in every thread
 *   way that needs no gate               wait until busy is 0
 *   the burst                            no burst uses anything any more
 *   busy = 0
 *
 * closed is a bit of a word that the burst reads in any case, so a burst costs two stores
 * to a cache line of its own. It has no fence: the control thread executes it for both
 * (shmbus_barrier.h). So either the burst sees that the gate is closed, or the control thread
 * sees busy.
 *
 *   R5  busy = 0, release   the burst has stored all that it stores
 *   R6  busy, acquire       with R5
 *
 * A process that dies in a burst leaves busy at 1 until another process of the port executes
 * a burst of that queue.
 */

#include "shmbus_atomic.h"

struct shmbus_gate {
	shmbus_a32 busy; /* the thread of the bursts writes it */
};

/* Begins a burst. The caller loads the word with closed next. */
static inline void
shmbus_gate_enter(struct shmbus_gate *gate)
{
	shmbus_store(&gate->busy, 1);
	shmbus_fence_compiler();
}

/* Ends a burst, also one that found the gate closed. */
static inline void
shmbus_gate_leave(struct shmbus_gate *gate)
{
	/* R5 (gate_busy): pairs with R6 */
	shmbus_store_release(&gate->busy, 0);
}

/* For the control thread, after shmbus_barrier_everywhere(). */
static inline bool
shmbus_gate_is_busy(struct shmbus_gate *gate)
{
	/* R6 (gate_busy): pairs with R5 */
	return shmbus_load_acquire(&gate->busy) != 0;
}

#endif /* SHMBUS_GATE_H */
