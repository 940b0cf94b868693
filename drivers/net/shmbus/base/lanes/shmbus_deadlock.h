/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_DEADLOCK_H
#define SHMBUS_DEADLOCK_H

/*
 * Deadlocks of senders: threads that send until all is taken, and receive only
 * afterwards, and so hold each other back.
 *
 * Theory of operation
 *
 * The thread of a Tx queue that a cursor has held back for a millisecond, and that has
 * not received in that time though it polls Rx queues, says so in the lane's entry, and
 * again each millisecond:
 *
 *   waits  the Rx queue that the lane waits for (its slot, its number), and a
 *          count, which shows that the thread still tries to send
 *   polls  the Rx queues of its own port that the same thread polls
 *
 * From the Rx queue that holds it back, a writer finds the lane whose thread
 * polls that queue, then the Rx queue which that lane waits for, and so on. If
 * this leads to an Rx queue of its own thread, none of these threads receives
 * before it has sent, and none can send. No waiting ends that, so the writer
 * ignores the cursor, as it does after the pause time-out.
 *
 * Threads that do nothing but send, or that receive between two tries, have no such
 * words, and a receiver that is late, or whose thread does not run, is waited for as
 * ever.
 *
 * The port with the lowest slot is the first to give up; one is enough.
 *
 * The words are advice: no frame depends on their order. A wrong or forged word has
 * the effect of a pause time-out that comes early.
 */

#include "shmbus_writer.h"

/*
 * Says in the lane's entry that w waits for the Rx queue of a slot, if w's
 * thread polls an Rx queue itself. now: shmbus_clock_mono_ns(). For w's thread.
 */
void shmbus_deadlock_tell(const struct shmbus_bus *bus, struct shmbus_writer *w, uint32_t slot,
			  uint32_t queue, uint64_t now);

/* Says that w waits for nobody. */
void shmbus_deadlock_end(const struct shmbus_bus *bus, struct shmbus_writer *w);

/*
 * Returns whether w and the Rx queue of a slot whose cursor holds it back, see
 * stall, wait for each other. For w's thread, each time that it is held back.
 */
bool shmbus_deadlock_is_one(const struct shmbus_bus *bus, struct shmbus_writer *w,
			    const struct shmbus_stall *stall, uint32_t slot, uint32_t queue,
			    uint64_t now);

#endif /* SHMBUS_DEADLOCK_H */
