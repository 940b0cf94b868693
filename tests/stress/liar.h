/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_LIAR_H
#define STRESS_LIAR_H

/*
 * What the liars of both formats share: luck, and values that mean trouble.
 * All that they write goes through these two, a word at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct liar {
	const char *path;
	bool any;         /* lie in the words of others, too */
	const char *only; /* the one field to lie in; NULL: all of them */
	uint64_t luck;
	uint64_t lies;
};

/* From 0 to limit - 1. */
uint64_t liar_below(struct liar *l, uint64_t limit);

/* Put 8, 4 or 1 bytes of something into a word that is something else; step: of its positions. */
void liar_lie(struct liar *l, void *word, size_t size, uint64_t step);

/* Is it this field's turn? */
bool liar_wants(struct liar *l, const char *field);

/*
 * A kind of liar. lie: once. stop: put back what no port puts right by itself,
 * and leave. False, with a message, if it cannot begin.
 */
struct liar_kind {
	bool (*start)(struct liar *l);
	void (*lie)(struct liar *l);
	void (*stop)(struct liar *l);
};

extern const struct liar_kind liar_lanes;
extern const struct liar_kind liar_shmif;

#endif /* STRESS_LIAR_H */
