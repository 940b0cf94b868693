/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <time.h>

#include "shmbus_clock.h"
#include "shmbus_fdb.h"

#define ADDRESS UINT64_C(0xffffffffffff)
#define SLOT_SHIFT 48
#define TIME_SHIFT 56

static shmbus_a64 *
bucket_of(struct shmbus_fdb *fdb, uint64_t address)
{
	return &fdb->entry[(shmbus_address_hash(address) & (SHMBUS_FDB_BUCKETS - 1)) * SHMBUS_FDB_WAYS];
}

static uint32_t
slot_of(uint64_t entry)
{
	return entry >> SLOT_SHIFT & 0xff;
}

/* Returns the age of an entry in units. */
static uint32_t
age_of(uint64_t entry, uint64_t now)
{
	const uint8_t age = (uint8_t)(now - (entry >> TIME_SHIFT));

	/* Another thread saw the clock later than this one. */
	return age != UINT8_MAX ? age : 0;
}

uint64_t
shmbus_fdb_now(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
	return shmbus_clock_ns(CLOCK_MONOTONIC_COARSE) / SHMBUS_FDB_UNIT_NS;
#else
	return shmbus_clock_mono_ns() / SHMBUS_FDB_UNIT_NS;
#endif
}

void
shmbus_fdb_init(struct shmbus_fdb *fdb)
{
	memset(fdb, 0, sizeof(*fdb));
}

/* Removes all entries, or those that are too old. */
static void
sweep(struct shmbus_fdb *fdb, bool all, uint64_t now)
{
	shmbus_a64 *end = fdb->entry + SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS;
	shmbus_a64 *at;
	uint64_t entry;

	for (at = fdb->entry; at != end; at++) {
		entry = shmbus_load(at);
		if (entry != 0 && (all || age_of(entry, now) > SHMBUS_FDB_AGE_MAX))
			shmbus_store(at, 0);
	}
}

static void
sweep_if_due(struct shmbus_fdb *fdb, uint64_t now)
{
	const uint64_t since = now - shmbus_load(&fdb->swept);

	/* The second: another thread saw the clock later than this one, and has swept. */
	if (since < SHMBUS_FDB_SWEEP || since == UINT64_MAX)
		return;
	/* The other threads need not sweep now. */
	shmbus_store(&fdb->swept, now);
	sweep(fdb, since > SHMBUS_FDB_WRAP, now);
}

void
shmbus_fdb_learn(struct shmbus_fdb *fdb, uint64_t address, uint32_t slot, uint64_t now)
{
	const uint64_t fresh = address | (uint64_t)slot << SLOT_SHIFT | now << TIME_SHIFT;
	shmbus_a64 *bucket = bucket_of(fdb, address);
	shmbus_a64 *to = NULL;
	uint32_t oldest = 0;
	uint32_t i, age;
	uint64_t entry;

	if (address == 0 || shmbus_address_is_group(address))
		return;
	sweep_if_due(fdb, now);
	for (i = 0; i < SHMBUS_FDB_WAYS; i++) {
		entry = shmbus_load(&bucket[i]);
		if (entry == fresh)
			return;
		if ((entry & ADDRESS) == address)
			break;
		/* A free place counts as older than every entry. */
		age = entry == 0 ? UINT8_MAX + 1 : age_of(entry, now);
		if (to == NULL || age > oldest) {
			to = &bucket[i];
			oldest = age;
		}
	}
	if (i < SHMBUS_FDB_WAYS)
		to = &bucket[i];
	shmbus_store(to, fresh);
	/* The address may be there twice. */
	for (i++; i < SHMBUS_FDB_WAYS; i++)
		if ((shmbus_load(&bucket[i]) & ADDRESS) == address)
			shmbus_store(&bucket[i], 0);
}

uint32_t
shmbus_fdb_find(struct shmbus_fdb *fdb, uint64_t address, uint64_t now)
{
	shmbus_a64 *bucket = bucket_of(fdb, address);
	uint64_t entry;
	uint32_t i;

	sweep_if_due(fdb, now);
	for (i = 0; i < SHMBUS_FDB_WAYS; i++) {
		entry = shmbus_load(&bucket[i]);
		if ((entry & ADDRESS) == address)
			return entry != 0 && age_of(entry, now) <= SHMBUS_FDB_AGE_MAX ?
			       slot_of(entry) : UINT32_MAX;
	}
	return UINT32_MAX;
}

void
shmbus_fdb_owners(struct shmbus_fdb *fdb, const uint64_t *owners, uint32_t n)
{
	shmbus_a64 *end = fdb->entry + SHMBUS_FDB_BUCKETS * SHMBUS_FDB_WAYS;
	bool other[SHMBUS_PORTS_MAX] = { false };
	bool any = false;
	shmbus_a64 *at;
	uint64_t entry;
	uint32_t slot;

	for (slot = 0; slot < n; slot++) {
		other[slot] = shmbus_load(&fdb->owner[slot]) != owners[slot];
		if (!other[slot])
			continue;
		shmbus_store(&fdb->owner[slot], owners[slot]);
		any = true;
	}
	for (at = fdb->entry; any && at != end; at++) {
		entry = shmbus_load(at);
		if (entry != 0 && other[slot_of(entry)])
			shmbus_store(at, 0);
	}
}
