/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_RULES_H
#define SHMBUS_RULES_H

/*
 * The set of a port's flow rules.
 *
 * Theory of operation
 *
 * Rules whose patterns have the same form (shmbus_pattern.h: items and masks) are a
 * group. In a group the rules are found by the hash of their keys. So a search asks
 * each group once, however many rules there are.
 *
 *   set -> groups, by the best priority of their rules
 *            group -> index of keys -> rules of one key, in order
 *                  -> all rules of the group, in order
 *       -> index of forms, index of rules: for changes only
 *
 * A search remembers the best rule found, and stops at a group whose rules all have
 * worse priorities. A search that goes on behind a rule (PASSTHRU) begins again with
 * the first group, for rules behind that rule.
 *
 * Frames of one flow often come one after the other. If two frames with frequent headers
 * (shmbus_headers.h) agree in all bits that any rule looks at, the search finds the same.
 *
 * Each change takes about the same time whatever the number of rules, but for the
 * growth of an index, which is rare and happens before readers are locked out.
 *
 * The set lies in memory that all processes of the port share at the same addresses,
 * and holds no pointers to functions. The primary process changes it.
 */

#include "shmbus_flow.h"
#include "shmbus_index.h"
#include "shmbus_order.h"
#include "shmbus_pattern.h"

/* The largest number of rules of a port, without a rule that is removed and still linked. */
#define SHMBUS_RULES_MAX 65536

/* Rules whose patterns have the same form. */
struct shmbus_rules_group {
	struct shmbus_order node; /* in shmbus_rules.groups; priority: the best of its rules */
	struct shmbus_pattern_form form;
	struct shmbus_index keys;    /* for each key the first rule (of its by_key) */
	struct shmbus_order *rules;  /* all of them, by their by_form */
};

/* The words of the longest frequent headers: 14, 40 and 20 bytes, and what a pattern word has beyond. */
#define SHMBUS_RULES_SEEN 11

/* The bits that rules look at in frames whose headers have fixed offsets. */
struct shmbus_rules_seen {
	uint64_t words[SHMBUS_RULES_SEEN];
	uint32_t n_words;
};

struct shmbus_rules {
	struct shmbus_rules_seen seen[2]; /* with IPv4, with IPv6 */
	uint32_t refs;               /* from tables: shmbus_steer.h */
	uint32_t n_choosing;         /* listed rules that choose queues */
	uint32_t n_linked;
	uint32_t n_marking;          /* linked rules with MARK or FLAG */
	uint32_t n_counting;         /* linked rules with COUNT */
	uint64_t age;                /* of the next rule, or group */
	struct shmbus_order *groups;
	struct shmbus_index forms;   /* the groups */
	struct shmbus_index listed;  /* the rules that an application can destroy */
};

/* Returns an empty set with one reference, or NULL. */
struct shmbus_rules *shmbus_rules_new(void);
/* Drops a reference; the last one frees the set and its rules. rules may be NULL. */
void shmbus_rules_put(struct shmbus_rules *rules);

/* Returns whether the set has the rule. flow may point anywhere. */
bool shmbus_rules_has(const struct shmbus_rules *rules, const struct rte_flow *flow);

/*
 * Prepares to add a rule, beside readers. Returns 0, -ENOMEM or -ENOSPC. After 0 the next
 * change is shmbus_rules_link() or shmbus_rules_cancel().
 */
int shmbus_rules_prepare(struct shmbus_rules *rules, struct rte_flow *flow,
			 const struct shmbus_pattern_form *form);
void shmbus_rules_cancel(struct shmbus_rules *rules, struct rte_flow *flow);

/* Readers are locked out of these. */
/* Adds a rule. The set owns it from now on. */
void shmbus_rules_link(struct shmbus_rules *rules, struct rte_flow *flow);
/* Takes a rule off the list: it can still be found by searches, but the application has lost it. */
void shmbus_rules_unlist(struct shmbus_rules *rules, const struct rte_flow *flow);
/* Frees a rule that is not listed. */
void shmbus_rules_unlink(struct shmbus_rules *rules, struct rte_flow *flow);

/* ---- searches, inline as they are done for each frame */

/* Returns the rule of a node of a list of rules of one key. */
static inline const struct rte_flow *
shmbus_rules_flow(const struct shmbus_order *node)
{
	return container_of(node, const struct rte_flow, by_key);
}

/* Returns the entry of the rules with a key. */
static inline struct shmbus_index_entry *
shmbus_rules_find_key(const struct shmbus_rules_group *group, uint32_t hash, const uint64_t *key)
{
	struct shmbus_index_entry *e;
	uint32_t at = hash;

	do
		e = shmbus_index_find(&group->keys, hash, &at);
	while (e != NULL &&
	       !shmbus_pattern_equal(shmbus_rules_flow(e->item)->key, key,
				     group->form.n_words));
	return e;
}

/*
 * Returns whether a search finds the same for two frames with frequent headers, by a few
 * bytes that it compares. False may mean that it is not known.
 */
static inline bool
shmbus_rules_see_same(const struct shmbus_rules *rules, const struct shmbus_headers *a,
		      const struct shmbus_headers *b)
{
	const struct shmbus_rules_seen *seen = &rules->seen[(a->ptype & RTE_PTYPE_L3_MASK) ==
							    RTE_PTYPE_L3_IPV6];
	const uint32_t len = seen->n_words * (uint32_t)sizeof(uint64_t);
	uint64_t x, y, differ = 0;
	uint32_t i;

	if (a->ptype != b->ptype || a->len < len || b->len < len)
		return false;
	for (i = 0; i < seen->n_words; i++) {
		memcpy(&x, a->bytes + i * sizeof(x), sizeof(x));
		memcpy(&y, b->bytes + i * sizeof(y), sizeof(y));
		differ |= (x ^ y) & seen->words[i];
	}
	return differ == 0;
}

/* Returns the rules of a group that match the headers, NULL: none. */
static inline struct shmbus_order *
shmbus_rules_find_in(const struct shmbus_rules_group *group, const struct shmbus_headers *h)
{
	const struct shmbus_index_entry *e;
	struct shmbus_pattern_key key;
	uint32_t hash;

	if (!shmbus_pattern_read(&group->form, h, &key, &hash))
		return NULL;
	e = shmbus_rules_find_key(group, hash, key.words);
	return e != NULL ? e->item : NULL;
}

/*
 * Returns the first rule that matches the headers, NULL: none. If behind is not NULL, which is
 * a rule that matches them, the first one after it. The rule hidden is passed over; it may be
 * NULL.
 */
static __rte_always_inline const struct rte_flow *
shmbus_rules_find(const struct shmbus_rules *rules, const struct shmbus_headers *h,
		  const struct rte_flow *behind, const struct rte_flow *hidden)
{
	struct shmbus_order *at, *node;
	const struct shmbus_order *best = NULL;

	for (node = rules->groups; node != NULL; node = node->next[0]) {
		if (best != NULL && node->priority > best->priority)
			break;
		at = shmbus_rules_find_in(container_of(node, struct shmbus_rules_group, node), h);
		if (unlikely(behind != NULL))
			at = shmbus_order_behind(at, &behind->by_key);
		if (at == NULL)
			continue;
		if (unlikely(shmbus_rules_flow(at) == hidden)) {
			at = at->next[0];
			if (at == NULL)
				continue;
		}
		if (best == NULL || shmbus_order_precedes(at, best))
			best = at;
	}
	return best != NULL ? shmbus_rules_flow(best) : NULL;
}

#endif /* SHMBUS_RULES_H */
