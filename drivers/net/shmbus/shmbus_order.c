/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdbool.h>
#include <stddef.h>

#include <rte_random.h>

#include "shmbus_order.h"

static uint32_t
random_height(void)
{
	uint64_t bits = rte_rand();
	uint32_t height = 1;

	for (; height < SHMBUS_ORDER_LEVELS && (bits & 3) == 0; bits >>= 2)
		height++;
	return height;
}

/* Returns the last node of a level that precedes node, from a node that does. */
static struct shmbus_order *
last_before(struct shmbus_order *from, unsigned int level, const struct shmbus_order *node)
{
	while (from->next[level] != NULL && shmbus_order_precedes(from->next[level], node))
		from = from->next[level];
	return from;
}

void
shmbus_order_insert(struct shmbus_order **list, struct shmbus_order *node)
{
	struct shmbus_order *at = *list;
	unsigned int level;

	node->height = random_height();
	if (at == NULL || shmbus_order_precedes(node, at)) {
		for (level = 0; level < SHMBUS_ORDER_LEVELS; level++)
			node->next[level] = at == NULL || level < at->height ? at : at->next[level];
		*list = node;
		return;
	}
	for (level = SHMBUS_ORDER_LEVELS; level-- > 0;) {
		at = last_before(at, level, node);
		if (level < node->height) {
			node->next[level] = at->next[level];
			at->next[level] = node;
		}
	}
}

void
shmbus_order_remove(struct shmbus_order **list, struct shmbus_order *node)
{
	struct shmbus_order *at = *list;
	unsigned int level;

	if (at == node) {
		*list = node->next[0];
		for (level = 0; *list != NULL && level < SHMBUS_ORDER_LEVELS; level++)
			if (level >= (*list)->height)
				(*list)->next[level] = node->next[level];
		return;
	}
	for (level = SHMBUS_ORDER_LEVELS; level-- > 0;) {
		at = last_before(at, level, node);
		if (at->next[level] == node)
			at->next[level] = node->next[level];
	}
}

struct shmbus_order *
shmbus_order_behind(struct shmbus_order *list, const struct shmbus_order *node)
{
	unsigned int level;

	if (list == NULL || shmbus_order_precedes(node, list))
		return list;
	for (level = SHMBUS_ORDER_LEVELS; level-- > 0;)
		list = last_before(list, level, node);
	/* The node itself, if it is in this list. */
	list = list->next[0];
	return list != NULL && !shmbus_order_precedes(node, list) ? list->next[0] : list;
}
