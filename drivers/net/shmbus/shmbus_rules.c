/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>

#include "shmbus_rules.h"

struct shmbus_rules *
shmbus_rules_new(void)
{
	struct shmbus_rules *rules = rte_zmalloc("shmbus_rules", sizeof(*rules), 0);

	if (rules != NULL)
		rules->refs = 1;
	return rules;
}

static void
group_free(struct shmbus_rules_group *group)
{
	shmbus_index_free(&group->keys);
	rte_free(group);
}

void
shmbus_rules_put(struct shmbus_rules *rules)
{
	struct shmbus_order *node, *next_group;
	struct shmbus_rules_group *group;

	if (rules == NULL || --rules->refs != 0)
		return;
	for (; rules->groups != NULL; rules->groups = next_group) {
		next_group = rules->groups->next[0];
		group = container_of(rules->groups, struct shmbus_rules_group, node);
		while ((node = group->rules) != NULL) {
			group->rules = node->next[0];
			rte_free(container_of(node, struct rte_flow, by_form));
		}
		group_free(group);
	}
	shmbus_index_free(&rules->forms);
	shmbus_index_free(&rules->listed);
	rte_free(rules);
}

static uint32_t
hash_pointer(const struct rte_flow *flow)
{
	return (uint32_t)(shmbus_index_mix((uintptr_t)flow) >> 32);
}

bool
shmbus_rules_has(const struct shmbus_rules *rules, const struct rte_flow *flow)
{
	const uint32_t hash = hash_pointer(flow);
	const struct shmbus_index_entry *e;
	uint32_t at = hash;

	do
		e = shmbus_index_find(&rules->listed, hash, &at);
	while (e != NULL && e->item != flow);
	return e != NULL;
}

static struct shmbus_rules_group *
find_group(const struct shmbus_rules *rules, const struct shmbus_pattern_form *form, uint32_t hash)
{
	const struct shmbus_index_entry *e;
	struct shmbus_rules_group *group;
	uint32_t at = hash;

	while ((e = shmbus_index_find(&rules->forms, hash, &at)) != NULL) {
		group = e->item;
		if (memcmp(&group->form, form, sizeof(*form)) == 0)
			return group;
	}
	return NULL;
}

int
shmbus_rules_prepare(struct shmbus_rules *rules, struct rte_flow *flow,
		     const struct shmbus_pattern_form *form)
{
	struct shmbus_rules_group *group;

	if (rules->listed.n >= SHMBUS_RULES_MAX)
		return -ENOSPC;
	group = find_group(rules, form, shmbus_pattern_hash_form(form));
	if (group == NULL) {
		group = rte_zmalloc("shmbus_rules", sizeof(*group), RTE_CACHE_LINE_SIZE);
		if (group == NULL)
			return -ENOMEM;
		group->form = *form;
	}
	flow->group = group;
	flow->hash = shmbus_pattern_hash(flow->key, form->n_words);
	/* Only what shmbus_rules_link() uses: the growth of an index takes its time. */
	if ((group->rules == NULL && shmbus_index_reserve(&rules->forms) != 0) ||
	    (shmbus_rules_find_key(group, flow->hash, flow->key) == NULL &&
	     shmbus_index_reserve(&group->keys) != 0) ||
	    shmbus_index_reserve(&rules->listed) != 0) {
		shmbus_rules_cancel(rules, flow);
		return -ENOMEM;
	}
	return 0;
}

void
shmbus_rules_cancel(struct shmbus_rules *rules, struct rte_flow *flow)
{
	shmbus_index_cancel(&rules->forms);
	shmbus_index_cancel(&rules->listed);
	shmbus_index_cancel(&flow->group->keys);
	if (flow->group->rules == NULL)
		group_free(flow->group);
	flow->group = NULL;
}

/* Notes the bits that the rules of a form look at. */
static void
see(struct shmbus_rules *rules, const struct shmbus_pattern_form *form)
{
	const uint32_t offs[2][3] = {
		{ 0, RTE_ETHER_HDR_LEN, RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) },
		{ 0, RTE_ETHER_HDR_LEN, RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr) },
	};
	const struct shmbus_pattern_word *w;
	struct shmbus_rules_seen *seen;
	uint8_t *bits, mask[sizeof(w->mask)];
	uint32_t v, end, i;

	for (v = 0; v < RTE_DIM(offs); v++) {
		seen = &rules->seen[v];
		for (w = form->words; w < form->words + form->n_words; w++) {
			bits = (uint8_t *)seen->words + offs[v][w->base] + w->off;
			memcpy(mask, &w->mask, sizeof(mask));
			for (i = 0; i < w->need; i++)
				bits[i] |= mask[i];
			end = offs[v][w->base] + w->off + w->need;
			seen->n_words = RTE_MAX(seen->n_words, (end + 7) / 8);
		}
	}
}

/* A form has gone: fewer bits may be looked at. */
static void
see_anew(struct shmbus_rules *rules)
{
	const struct shmbus_order *node;

	memset(rules->seen, 0, sizeof(rules->seen));
	for (node = rules->groups; node != NULL; node = node->next[0])
		see(rules, &container_of(node, const struct shmbus_rules_group, node)->form);
}

/* Puts a group where its rules want it to be. */
static void
sort_group(struct shmbus_rules *rules, struct shmbus_rules_group *group)
{
	if (group->node.priority == group->rules->priority)
		return;
	shmbus_order_remove(&rules->groups, &group->node);
	group->node.priority = group->rules->priority;
	shmbus_order_insert(&rules->groups, &group->node);
}

void
shmbus_rules_link(struct shmbus_rules *rules, struct rte_flow *flow)
{
	struct shmbus_rules_group *group = flow->group;
	struct shmbus_order *of_key = NULL;
	struct shmbus_index_entry *e;

	flow->by_key.age = flow->by_form.age = rules->age++;
	e = shmbus_rules_find_key(group, flow->hash, flow->key);
	if (e == NULL) {
		shmbus_order_insert(&of_key, &flow->by_key);
		shmbus_index_insert(&group->keys, flow->hash, of_key);
	} else {
		of_key = e->item;
		shmbus_order_insert(&of_key, &flow->by_key);
		e->item = of_key;
	}
	if (group->rules == NULL) {
		group->node.priority = flow->by_form.priority;
		group->node.age = rules->age++;
		shmbus_order_insert(&rules->groups, &group->node);
		shmbus_index_insert(&rules->forms, shmbus_pattern_hash_form(&group->form), group);
		see(rules, &group->form);
	}
	shmbus_order_insert(&group->rules, &flow->by_form);
	sort_group(rules, group);
	shmbus_index_insert(&rules->listed, hash_pointer(flow), flow);
	rules->n_choosing += shmbus_flow_chooses(&flow->action);
	rules->n_linked++;
	rules->n_marking += flow->action.found != 0;
	rules->n_counting += flow->action.count;
}

void
shmbus_rules_unlist(struct shmbus_rules *rules, const struct rte_flow *flow)
{
	shmbus_index_remove(&rules->listed, hash_pointer(flow), flow);
	rules->n_choosing -= shmbus_flow_chooses(&flow->action);
}

void
shmbus_rules_unlink(struct shmbus_rules *rules, struct rte_flow *flow)
{
	struct shmbus_rules_group *group = flow->group;
	struct shmbus_index_entry *e = shmbus_rules_find_key(group, flow->hash, flow->key);
	struct shmbus_order *of_key = e->item;

	shmbus_order_remove(&of_key, &flow->by_key);
	if (of_key == NULL)
		shmbus_index_remove(&group->keys, flow->hash, e->item);
	else
		e->item = of_key;
	shmbus_order_remove(&group->rules, &flow->by_form);
	if (group->rules != NULL) {
		sort_group(rules, group);
	} else {
		shmbus_order_remove(&rules->groups, &group->node);
		shmbus_index_remove(&rules->forms, shmbus_pattern_hash_form(&group->form), group);
		group_free(group);
		see_anew(rules);
	}
	rules->n_linked--;
	rules->n_marking -= flow->action.found != 0;
	rules->n_counting -= flow->action.count;
	rte_free(flow);
}
