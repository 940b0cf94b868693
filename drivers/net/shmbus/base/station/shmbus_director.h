/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_DIRECTOR_H
#define SHMBUS_DIRECTOR_H

/*
 * The director of a sending queue: the slot that a frame is for, on a switch.
 *
 * Theory of operation
 *
 *   destination                                          the frame goes to
 *   multicast, broadcast                                 everybody
 *   address of one port that is started, with link up    that port
 *   address of several such ports                        everybody
 *   learned (shmbus_fdb.h), from a port of that state    that port
 *   the sender itself, by either of the two              everybody
 *   any other                                            everybody
 *
 * The entries of the ports go before what was learned: a port owns its address, and a
 * frame from that address that comes from another slot is a copy or a lie.
 *
 * A switch would not send a frame back to the port where it came from. Here everybody
 * gets such a frame, as on a hub: a program that reflects frames, or that gives several
 * stations one address, goes on working.
 *
 * Each queue has its own copy of the ports' addresses. It reads the entries anew when
 * the bell says that some entry has changed, before the first look-up of a burst:
 *
 *   E1  entries, added to with release   the entry has changed
 *   E2  entries, acquire                 with E1
 *
 * Equal destinations in a row cost one comparison for each frame.
 *
 * The director also collects the receivers of each record, for their notices, and those
 * of a burst, for the waker.
 */

#include "shmbus_fdb.h"
#include "shmbus_notice.h"
#include "shmbus_wake.h"

struct shmbus_director {
	bool on;          /* the bus is a switch */
	bool now_known;   /* now is the time of this burst */
	uint32_t slot;    /* the sender's own */
	uint32_t last_to; /* the answer for last */
	uint64_t last;    /* destination of the last frame of this burst */
	uint64_t now;
	uint64_t entries; /* the bell's, at the last look; UINT64_MAX: never looked */
	struct shmbus_addressees record;   /* the receivers of this record, and perhaps one more */
	struct shmbus_receivers receivers; /* of this burst */
	uint64_t tail;    /* of the lane, at the last burst */
	struct shmbus_fdb *fdb; /* of the port; NULL: nothing is learned */
	uint64_t live[SHMBUS_PORTS_MAX / 64]; /* slots that are started, with link up */
	uint32_t mask;
	uint64_t *addresses; /* [mask + 1] a hash table: address | slot << 48 | several << 63 */
};

/* Returns the bytes of memory that a director needs; 0 on a hub. */
size_t shmbus_director_size(const struct shmbus_geometry *geo);

/* Initialises d. memory: the caller's, and in use until the last call for d. */
void shmbus_director_init(struct shmbus_director *d, const struct shmbus_geometry *geo,
			  void *memory);

/* Begins to send for a slot; tail is the position of the lane. */
void shmbus_director_start(struct shmbus_director *d, uint32_t slot, uint64_t tail);

/* Looks up the receiver of an address. Returns bits of a descriptor; 0: everybody. */
uint32_t shmbus_director_look(const struct shmbus_bus *bus, struct shmbus_director *d,
			      uint64_t address);

/* Returns the bits of the descriptor of a frame, of which at least 8 bytes can be read. */
static inline uint32_t
shmbus_director_direct(const struct shmbus_bus *bus, struct shmbus_director *d,
		       const uint8_t *frame)
{
	const uint64_t address = shmbus_address(frame);

	if (address == d->last)
		return d->last_to;
	return shmbus_director_look(bus, d, address);
}

/*
 * Stores the notices of a record that is about to be published: it reaches from from, the tail,
 * to tail.
 */
static inline void
shmbus_director_publish(const struct shmbus_bus *bus, struct shmbus_director *d, uint32_t lane,
			uint64_t from, uint64_t tail)
{
	shmbus_notice_store(bus, lane, &d->record, from, tail);
	/* The receiver of the last frame is not looked up again if the next record begins with it. */
	d->record.all = d->last_to == 0;
	d->record.n = 0;
	if (d->last_to != 0)
		shmbus_addressees_add(&d->record, shmbus_desc_slot(d->last_to));
}

/*
 * Ends a burst. Returns its receivers for the waker. tail: the position of the lane now.
 *
 * A queue that sleeps does not step over the frames for others, and its cursor stays. So
 * once in a quarter of a lap the burst counts as one for everybody: all sleepers wake up
 * and move their cursors, long before the sender would have to wait for them.
 */
static inline struct shmbus_receivers
shmbus_director_end(const struct shmbus_geometry *geo, struct shmbus_director *d, uint64_t tail)
{
	struct shmbus_receivers receivers = d->receivers;

	receivers.all |= shmbus_notice_quarter(geo, tail) != shmbus_notice_quarter(geo, d->tail);
	d->receivers = (struct shmbus_receivers){ .all = false };
	d->record.all = false;
	d->record.n = 0;
	d->tail = tail;
	d->last = SHMBUS_NO_ADDRESS;
	d->now_known = false;
	return receivers;
}

#endif /* SHMBUS_DIRECTOR_H */
