/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdbool.h>

#include <rte_malloc.h>

#include "shmbus_index.h"

/* The smallest number of entries. */
#define ENTRIES 8u

static void
put(struct shmbus_index_entry *entries, uint32_t mask, uint32_t hash, void *item)
{
	uint32_t at = hash;

	while (entries[at & mask].item != NULL)
		at++;
	entries[at & mask].item = item;
	entries[at & mask].hash = hash;
}

int
shmbus_index_reserve(struct shmbus_index *x)
{
	const uint32_t size = x->entries != NULL ? x->mask + 1 : 0;
	const uint32_t more = size != 0 ? 2 * size : ENTRIES;
	uint32_t i;

	if (x->n + 1 <= size / 2)
		return 0;
	x->next = rte_zmalloc("shmbus_index", more * sizeof(x->next[0]), 0);
	if (x->next == NULL)
		return -ENOMEM;
	for (i = 0; i < size; i++)
		if (x->entries[i].item != NULL)
			put(x->next, more - 1, x->entries[i].hash, x->entries[i].item);
	return 0;
}

void
shmbus_index_cancel(struct shmbus_index *x)
{
	rte_free(x->next);
	x->next = NULL;
}

void
shmbus_index_insert(struct shmbus_index *x, uint32_t hash, void *item)
{
	if (x->next != NULL) {
		x->mask = x->entries != NULL ? 2 * x->mask + 1 : ENTRIES - 1;
		rte_free(x->entries);
		x->entries = x->next;
		x->next = NULL;
	}
	put(x->entries, x->mask, hash, item);
	x->n++;
}

bool
shmbus_index_remove(struct shmbus_index *x, uint32_t hash, const void *item)
{
	struct shmbus_index_entry *e;
	uint32_t hole, at = hash;

	do {
		e = shmbus_index_find(x, hash, &at);
		if (e == NULL)
			return false;
	} while (e->item != item);
	/* An entry may move into the hole unless that is before its hash. */
	hole = at - 1;
	for (; (e = &x->entries[at & x->mask])->item != NULL; at++) {
		if (((at - e->hash) & x->mask) < ((at - hole) & x->mask))
			continue;
		x->entries[hole & x->mask] = *e;
		hole = at;
	}
	x->entries[hole & x->mask].item = NULL;
	x->n--;
	return true;
}

void
shmbus_index_free(struct shmbus_index *x)
{
	shmbus_index_cancel(x);
	rte_free(x->entries);
	*x = (struct shmbus_index){ .n = 0 };
}
