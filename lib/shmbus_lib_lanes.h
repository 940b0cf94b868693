/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LIB_LANES_H
#define SHMBUS_LIB_LANES_H

/* What the files of a station on lanes know of each other: shmbus_lanes*.c. */

#include "shmbus_lib.h"

static inline bool
shmbus_lib_lanes_is_mine(const struct shmbus_station *st, uint32_t lane)
{
	return lane / st->bus.lanes.geo.queues == st->bus.slot;
}

static inline bool
shmbus_lib_lanes_receives(const struct shmbus_station *st)
{
	return !(st->flags & SHMBUS_SEND_ONLY);
}

/* shmbus_lanes_turn.c. The reader whose turn it is: it stands before a record. NULL: none does. */
struct shmbus_reader *shmbus_lib_lanes_next(struct shmbus_station *st);

/* For shmbus_wire_ops, see there. shmbus_lanes_turn.c: */
bool shmbus_lib_lanes_pending(struct shmbus_station *st);

/* shmbus_lanes_send.c: */
unsigned int shmbus_lib_lanes_send(struct shmbus_station *st, const struct shmbus_tx *frames,
				   unsigned int n);

/* shmbus_lanes_receive.c: */
unsigned int shmbus_lib_lanes_receive(struct shmbus_station *st, struct shmbus_rx *frames,
				      unsigned int n);
unsigned int shmbus_lib_lanes_peek(struct shmbus_station *st, struct shmbus_view *frames,
				   unsigned int n);
bool shmbus_lib_lanes_release(struct shmbus_station *st, unsigned int n);

#endif /* SHMBUS_LIB_LANES_H */
