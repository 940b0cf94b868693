/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ORDER_H
#define SHMBUS_ORDER_H

/*
 * A list in the order of rules: by priority, among equals by age.
 *
 * Theory of operation
 *
 * A skip list. All nodes are in the list of level 0. A quarter of the nodes of a level
 * are in the list of the next level, too, by chance. So a change in a list of n nodes
 * takes about log(n) steps. The first node is in the lists of all levels, and stands for
 * the list as a whole: the list is a pointer to it.
 */

#include <stdbool.h>
#include <stdint.h>

/* Enough for 4^8 nodes. */
#define SHMBUS_ORDER_LEVELS 8

struct shmbus_order {
	uint32_t priority; /* the lowest number is first */
	uint32_t height;   /* the number of levels of the node while it is not the first */
	uint64_t age;      /* no two nodes of a list have the same; the lowest number is the oldest */
	struct shmbus_order *next[SHMBUS_ORDER_LEVELS];
};

static inline bool
shmbus_order_precedes(const struct shmbus_order *a, const struct shmbus_order *b)
{
	return a->priority < b->priority || (a->priority == b->priority && a->age < b->age);
}

/* Inserts a node, whose priority and age are set. */
void shmbus_order_insert(struct shmbus_order **list, struct shmbus_order *node);
/* Removes a node of the list. */
void shmbus_order_remove(struct shmbus_order **list, struct shmbus_order *node);
/*
 * Returns the first node behind the place of a node, which may be in another list; NULL: none.
 * list may be empty.
 */
struct shmbus_order *shmbus_order_behind(struct shmbus_order *list,
					 const struct shmbus_order *node);

#endif /* SHMBUS_ORDER_H */
