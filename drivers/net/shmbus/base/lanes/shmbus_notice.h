/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_NOTICE_H
#define SHMBUS_NOTICE_H

/*
 * Notices, on a switch: a reader learns that a lane has nothing for its slot without a look at
 * the lane.
 *
 * Theory of operation
 *
 * Each pair of a lane and a receiving slot has a word of its own, the notice. Before a sender
 * publishes a record with a frame for the slot, it stores there where the record ends. A reader
 * polls its notices, not the tails. While a sender sends to other slots only, its tail and its
 * records stay in the caches of those that use them.
 *
 *   sender                                  reader
 *   D3: notices of the receivers            notice unchanged: nothing to do
 *   D1, which is T1: tail                   D4, T2, S2: tail, and its sequence number
 *                                           D2: notice at or below the reader's position?
 *                                             yes: nothing below that tail is for the slot:
 *                                                  go there, and count the frames as skipped
 *                                             no: read the next record
 *
 * The reader loads the notice once more after the tail, so it sees the notices of all records
 * below that tail (D1, D2). And the tail that it sees is at least the one before the record of the
 * notice that it has seen first (D3, D4), so its cursor follows.
 *
 * A reader whose notice never changes would never move its cursor, and the sender would have to
 * wait for it. So once in a quarter of a lap the sender changes all its notices: the low bits of
 * the word, free as a position is a multiple of 64, count the quarters.
 *
 * A sender may die between the two stores. Then the notice is above the tail, and the reader looks
 * at the tail in each poll until it has read as far as the notice says. The next owner of the
 * lane sends on from the old tail, and stores notices of its own.
 *
 * A notice is the sender's word. A lie makes a frame reach one port fewer, or makes a reader look at
 * records that are not for it.
 */

#include "shmbus_bus.h"
#include "shmbus_step.h"

/* Most receivers of a record that are listed one by one. */
#define SHMBUS_NOTICE_SLOTS 64u

/* The receivers of a record. */
struct shmbus_addressees {
	bool all;
	uint8_t n;
	uint8_t slots[SHMBUS_NOTICE_SLOTS]; /* a slot may be listed twice */
};

static inline void
shmbus_addressees_add(struct shmbus_addressees *to, uint32_t slot)
{
	if (to->n == SHMBUS_NOTICE_SLOTS)
		to->all = true;
	else
		to->slots[to->n++] = (uint8_t)slot;
}

/* Returns whether by this notice a lane has nothing for the slot at pos or above. */
static inline bool
shmbus_notice_is_below(uint64_t word, uint64_t pos)
{
	return (int64_t)((word & ~(uint64_t)SHMBUS_NOTICE_QUARTERS) - pos) <= 0;
}

/* Returns the number of the quarter of a lap in which a position lies. */
static inline uint64_t
shmbus_notice_quarter(const struct shmbus_geometry *geo, uint64_t pos)
{
	return pos >> geo->quarter_shift;
}

/*
 * Stores the notices of a record that is about to be published. from: the tail; tail: the end of the
 * record. For the lane's sender.
 */
void shmbus_notice_store(const struct shmbus_bus *bus, uint32_t lane,
			 const struct shmbus_addressees *to, uint64_t from, uint64_t tail);

#endif /* SHMBUS_NOTICE_H */
