/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FDB_H
#define SHMBUS_FDB_H

/*
 * The forwarding database of a port on a switch: the addresses that it has seen as
 * sources, and the slots behind which they are. A bridge, a tap or a virtual machine
 * has addresses that no port entry names.
 *
 * Theory of operation
 *
 * The table is a set-associative array of words. A bucket is one cache line, 8 words;
 * an address has its place in one bucket. A word has the whole entry:
 *
 *   bits 0 to 47   address; 0: the word is free
 *   bits 48 to 55  slot
 *   bits 56 to 63  time of the last frame, in units of 4 s, modulo 256
 *
 * So every load and store is of one whole entry, and neither needs a lock. The
 * receiving queues of the port write (any thread, any process of the port), the sending
 * queues read. Two threads that write one bucket at once can lose an entry, or write an
 * address twice; the next frame of that address repairs both. A lost or an old entry
 * makes a frame go to everybody, or to the port behind which the address was.
 *
 * Ageing: an entry counts for 300 s after the last frame, as with other bridges. Its 8
 * bits of time must not wrap while the entry is there. Whoever uses the table sweeps old
 * entries out, once in 16 units. If nobody has used it for so long that times may have
 * wrapped, all entries are older than 300 s, and all are removed:
 *
 *   units since the last sweep   what happens
 *   less than 16                 nothing
 *   16 to 178                    entries older than 75 units are removed
 *   more than 178, or negative   all entries are removed
 *
 * An entry that has survived a sweep was at most 75 units old then, so after 178 more it
 * is 253 units old at most. An age of 255 is that of an entry which another thread has made
 * one unit after this thread looked at the clock.
 *
 * Slots: an entry counts only while its slot has the owner of the time when it was made.
 * The sending queues tell of a new owner, or of a link that is down
 * (shmbus_fdb_owners), and the entries of the slot are removed.
 */

#include <stddef.h>
#include <string.h>

#include "shmbus_format.h"

#define SHMBUS_FDB_BUCKETS 512u
#define SHMBUS_FDB_WAYS 8u

#define SHMBUS_FDB_UNIT_NS (UINT64_C(4) * 1000 * 1000 * 1000)
#define SHMBUS_FDB_AGE_MAX 75u  /* units: 300 s */
#define SHMBUS_FDB_SWEEP 16u    /* units between two sweeps */
#define SHMBUS_FDB_WRAP 178u    /* units after which an age may be wrong */

/* No address: it has bits beyond 48. */
#define SHMBUS_NO_ADDRESS UINT64_MAX

struct shmbus_fdb {
	shmbus_a64 swept;   /* units at the last sweep */
	shmbus_a64 owner[SHMBUS_PORTS_MAX]; /* of the slots, as shmbus_fdb_owners() got them */
	uint64_t pad[7];
	shmbus_a64 entry[SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS]; /* bucket by bucket */
};

/*
 * Returns the six bytes of an address as the low 48 bits of a word. Eight bytes are read.
 */
static inline uint64_t
shmbus_address(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word & UINT64_C(0xffffffffffff);
#else
	return word >> 16;
#endif
}

/* Returns the same of a port entry's word. */
static inline uint64_t
shmbus_address_of_word(uint64_t word)
{
	return shmbus_address((const uint8_t *)&word);
}

/* Returns whether the address is one of a group: multicast or broadcast. */
static inline bool
shmbus_address_is_group(uint64_t address)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return address & 1;
#else
	return address >> 40 & 1;
#endif
}

static inline uint32_t
shmbus_address_hash(uint64_t address)
{
	/* The constant is 2^64 divided by the golden ratio. */
	return (uint32_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Returns the present time in units, of a clock that does not jump. Takes a few nanoseconds. */
uint64_t shmbus_fdb_now(void);

/* Empties the table. No other thread uses it. */
void shmbus_fdb_init(struct shmbus_fdb *fdb);

/* Notes that a frame from this address came from a slot. Any thread of the port's receivers. */
void shmbus_fdb_learn(struct shmbus_fdb *fdb, uint64_t address, uint32_t slot, uint64_t now);

/* Returns the slot behind which an address is, or UINT32_MAX: unknown. */
uint32_t shmbus_fdb_find(struct shmbus_fdb *fdb, uint64_t address, uint64_t now);

/*
 * Notes the present owners of n slots: words that another owner, or the absence of an owner,
 * changes. Removes the entries of the slots whose words are others than at the last call.
 */
void shmbus_fdb_owners(struct shmbus_fdb *fdb, const uint64_t *owners, uint32_t n);

#endif /* SHMBUS_FDB_H */
