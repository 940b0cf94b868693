/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The set of flow rules, and what it is made of, inside the driver: against
 * searches of an array from its beginning to its end. The driver is linked into
 * the program.
 */

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "nic.h"
#include "shmbus_rules.h"

static uint32_t
below(struct dice *d, uint32_t n)
{
	return (uint32_t)(dice_throw(d) % n);
}

/* ---- the index */

#define ITEMS 600

static bool
index_has(const struct shmbus_index *x, uint32_t hash, const void *item)
{
	const struct shmbus_index_entry *e;
	uint32_t at = hash;
	bool found = false;

	while ((e = shmbus_index_find(x, hash, &at)) != NULL) {
		assert_int_equal(e->hash, hash);
		if (e->item == item) {
			assert_false(found);
			found = true;
		}
	}
	return found;
}

/* Items come and go; hashes are equal, or close together, or at the end of the table. */
static void
test_index(void **state)
{
	static uint8_t items[ITEMS];
	static const uint32_t spans[] = { 1, 5, 300, 0 };
	struct shmbus_index x = { .n = 0 };
	uint32_t hashes[ITEMS];
	bool in[ITEMS];
	struct dice d = { .state = 1 };
	unsigned int s, i, round, n, before = nic_objects();

	(void)state;
	for (s = 0; s < RTE_DIM(spans); s++) {
		memset(in, 0, sizeof(in));
		for (i = 0; i < ITEMS; i++)
			hashes[i] = spans[s] == 0 ? (uint32_t)dice_throw(&d) :
				    UINT32_MAX - 2 + below(&d, spans[s]);
		for (n = 0, round = 0; round < 6000; round++) {
			/* Mostly more of them at first, mostly fewer at the end. */
			i = below(&d, round < 3000 ? ITEMS : ITEMS / 2);
			assert_int_equal(index_has(&x, hashes[i], &items[i]), in[i]);
			if (in[i]) {
				assert_true(shmbus_index_remove(&x, hashes[i], &items[i]));
				n--;
			} else {
				assert_false(shmbus_index_remove(&x, hashes[i], &items[i]));
				assert_int_equal(shmbus_index_reserve(&x), 0);
				if (round % 10 == 0) {
					shmbus_index_cancel(&x);
					continue;
				}
				shmbus_index_insert(&x, hashes[i], &items[i]);
				n++;
			}
			in[i] = !in[i];
			assert_int_equal(x.n, n);
			if (round % 300 == 0)
				for (i = 0; i < ITEMS; i++)
					assert_int_equal(index_has(&x, hashes[i], &items[i]), in[i]);
		}
		shmbus_index_free(&x);
		assert_int_equal(nic_objects(), before);
	}
}

/* ---- the order */

#define NODES 400

static void
assert_order(struct shmbus_order *list, struct shmbus_order *const *sorted, unsigned int n)
{
	unsigned int level, i;
	struct shmbus_order *node = list;

	for (i = 0; i < n; i++, node = node->next[0])
		assert_ptr_equal(node, sorted[i]);
	assert_null(node);
	/* Each level is in order, and ends. */
	for (level = 1; list != NULL && level < SHMBUS_ORDER_LEVELS; level++)
		for (node = list; node->next[level] != NULL; node = node->next[level])
			assert_true(shmbus_order_precedes(node, node->next[level]));
}

static void
test_order(void **state)
{
	static struct shmbus_order nodes[NODES];
	static const uint32_t spans[] = { 1, 7, UINT32_MAX };
	struct shmbus_order *sorted[NODES], *list = NULL, *node, *found;
	struct shmbus_order place = { .priority = 0 };
	unsigned int s, round, n = 0, i, at;
	struct dice d = { .state = 2 };
	uint64_t age = 0;

	(void)state;
	for (s = 0; s < RTE_DIM(spans); s++) {
		for (round = 0; round < 4000; round++) {
			node = &nodes[below(&d, NODES)];
			for (at = 0; at < n && sorted[at] != node;)
				at++;
			if (at < n) {
				shmbus_order_remove(&list, node);
				n--;
				memmove(&sorted[at], &sorted[at + 1], (n - at) * sizeof(sorted[0]));
			} else {
				memset(node, 0xa5, sizeof(*node));
				node->priority = below(&d, spans[s]);
				node->age = age++;
				for (at = 0; at < n && sorted[at]->priority <= node->priority;)
					at++;
				memmove(&sorted[at + 1], &sorted[at], (n - at) * sizeof(sorted[0]));
				sorted[at] = node;
				n++;
				shmbus_order_insert(&list, node);
				found = shmbus_order_behind(list, node);
				assert_ptr_equal(found, at + 1 < n ? sorted[at + 1] : NULL);
			}
			if (round % 50 == 0)
				assert_order(list, sorted, n);
			/* A place in no list, in front of the first node, behind the last one. */
			place.priority = below(&d, spans[s]);
			place.age = dice_throw(&d) % (2 * age + 1);
			for (i = 0; i < n && !shmbus_order_precedes(&place, sorted[i]);)
				i++;
			assert_ptr_equal(shmbus_order_behind(list, &place), i < n ? sorted[i] : NULL);
		}
		while (n != 0) {
			shmbus_order_remove(&list, sorted[n / 2]);
			memmove(&sorted[n / 2], &sorted[n / 2 + 1], (n - 1 - n / 2) * sizeof(sorted[0]));
			n--;
		}
		assert_null(list);
	}
}

/* ---- the set */

/* What the test knows of a rule. */
struct known {
	struct rte_flow *flow;
	struct shmbus_pattern pattern;
	uint32_t priority;
};

static bool
part_matches(const struct shmbus_pattern_part *part, const struct shmbus_headers *h, uint32_t off)
{
	unsigned int i;

	for (i = 0; i < part->len; i++)
		if (off + i >= h->len || (h->bytes[off + i] & part->mask[i]) != part->value[i])
			return false;
	return true;
}

/* Byte by byte, as the documentation of rte_flow has it. */
static bool
matches(const struct shmbus_pattern *p, const struct shmbus_headers *h)
{
	const uint32_t offs[SHMBUS_PATTERN_LAYERS] = { 0, 14, 18, h->l3_off, h->l4_off };
	unsigned int i;

	if (h->n_vlan < p->min_vlan || h->n_vlan > p->max_vlan ||
	    (p->l3 != 0 && (h->ptype & p->l3) == 0) ||
	    (p->l4 != 0 && (h->ptype & RTE_PTYPE_L4_MASK) != p->l4))
		return false;
	for (i = 0; i < SHMBUS_PATTERN_LAYERS; i++)
		if (!part_matches(&p->parts[i], h, offs[i]))
			return false;
	return true;
}

/* Lengths of the layers' headers in a frame, and in a pattern. */
static const uint8_t layer_len[SHMBUS_PATTERN_LAYERS] = { 14, 4, 4, 40, 20 };

/* One of a few values for each byte, so that patterns and frames meet. */
static void
set_part(struct dice *d, struct shmbus_pattern_part *part, unsigned int len)
{
	unsigned int i = below(d, len);

	part->mask[i] = below(d, 2) != 0 ? 0xff : 0x0f;
	part->value[i] = (uint8_t)below(d, 3) & part->mask[i];
	part->len = RTE_MAX(part->len, (uint8_t)(i + 1));
}

static void
random_pattern(struct dice *d, unsigned int n_forms, struct shmbus_pattern *p)
{
	static const uint32_t l3[] = { 0, RTE_PTYPE_L3_IPV4, RTE_PTYPE_L3_IPV6 };
	static const uint32_t l4[] = { 0, RTE_PTYPE_L4_TCP, RTE_PTYPE_L4_UDP };
	struct dice of_form = { .state = 100 + below(d, n_forms) };
	unsigned int i, k, n;

	memset(p, 0, sizeof(*p));
	p->l3 = l3[below(&of_form, 3)];
	p->l4 = l4[below(&of_form, 3)];
	p->min_vlan = (uint8_t)below(&of_form, 3);
	/* Sometimes a contradiction. */
	p->max_vlan = below(&of_form, 3) == 0 ? (uint8_t)below(&of_form, 3) : SHMBUS_VLANS;
	n = below(&of_form, 4);
	for (k = 0; k < n; k++) {
		i = below(&of_form, SHMBUS_PATTERN_LAYERS);
		set_part(&of_form, &p->parts[i], layer_len[i]);
	}
	for (i = 0; i < SHMBUS_PATTERN_LAYERS; i++)
		for (k = 0; k < p->parts[i].len; k++)
			p->parts[i].value[k] = (uint8_t)below(d, 3) & p->parts[i].mask[k];
}

/* Headers of a frame, which may be cut off anywhere. */
static void
random_headers(struct dice *d, uint8_t *bytes, struct shmbus_headers *h)
{
	static const uint32_t l3[] = { 0, RTE_PTYPE_L3_IPV4, RTE_PTYPE_L3_IPV4_EXT_UNKNOWN,
				       RTE_PTYPE_L3_IPV6, RTE_PTYPE_L3_IPV6_EXT };
	static const uint32_t l4[] = { 0, RTE_PTYPE_L4_TCP, RTE_PTYPE_L4_UDP, RTE_PTYPE_L4_FRAG };
	const uint32_t full = 14 + 4 + 4 + 40 + 20;
	uint32_t i;

	memset(h, 0, sizeof(*h));
	h->n_vlan = (uint8_t)below(d, SHMBUS_VLANS + 1);
	h->ptype = RTE_PTYPE_L2_ETHER | l3[below(d, RTE_DIM(l3))] | l4[below(d, RTE_DIM(l4))];
	h->l3_off = 14 + 4 * h->n_vlan;
	h->l4_off = h->l3_off + (below(d, 2) != 0 ? 20 : 40);
	h->len = below(d, 3) == 0 ? below(d, full + 1) : full;
	/* In memory of its own, so that sanitizers see reads behind the end. */
	h->bytes = bytes + full - h->len;
	for (i = 0; i < h->len; i++)
		bytes[full - h->len + i] = (uint8_t)below(d, 3);
}

static struct rte_flow *
add(struct shmbus_rules *rules, const struct shmbus_pattern *pattern, uint32_t priority)
{
	struct shmbus_pattern_form form;
	struct shmbus_pattern_key key;
	struct rte_flow *flow;
	const size_t len = sizeof(*flow) + sizeof(key);

	shmbus_pattern_divide(pattern, &form, &key);
	flow = rte_zmalloc(NULL, len, 0);
	assert_non_null(flow);
	memcpy(flow->key, key.words, form.n_words * sizeof(key.words[0]));
	flow->by_key.priority = flow->by_form.priority = priority;
	assert_int_equal(shmbus_rules_prepare(rules, flow, &form), 0);
	shmbus_rules_link(rules, flow);
	return flow;
}

/* The rules that match, one after the other, are those of the array, in its order. */
static unsigned int
assert_found(const struct shmbus_rules *rules, const struct known *known, unsigned int n,
	     const struct shmbus_headers *h, const struct rte_flow *hidden)
{
	const struct rte_flow *flow = NULL;
	unsigned int i, found = 0;

	for (i = 0; i < n; i++) {
		if (known[i].flow == hidden || !matches(&known[i].pattern, h))
			continue;
		flow = shmbus_rules_find(rules, h, flow, hidden);
		assert_ptr_equal(flow, known[i].flow);
		found++;
	}
	assert_null(shmbus_rules_find(rules, h, flow, hidden));
	return found;
}

/* So many rules of so many forms and priorities, that come and go. */
static void
compare(unsigned int most, unsigned int n_forms, uint32_t n_priorities)
{
	struct known *known = calloc(most, sizeof(*known));
	struct dice d = { .state = most + n_forms + n_priorities };
	unsigned int before = nic_objects(), n = 0, round, at, found = 0;
	struct shmbus_rules *rules = shmbus_rules_new();
	struct shmbus_headers h;
	struct known new;
	uint8_t *bytes;

	assert_non_null(known);
	assert_non_null(rules);
	bytes = malloc(14 + 4 + 4 + 40 + 20);
	assert_non_null(bytes);
	for (round = 0; round < 2 * most; round++) {
		if (n == most || (n != 0 && below(&d, round < most ? 8 : 2) == 0)) {
			at = below(&d, n);
			assert_true(shmbus_rules_has(rules, known[at].flow));
			shmbus_rules_unlist(rules, known[at].flow);
			assert_false(shmbus_rules_has(rules, known[at].flow));
			shmbus_rules_unlink(rules, known[at].flow);
			n--;
			memmove(&known[at], &known[at + 1], (n - at) * sizeof(*known));
		} else {
			random_pattern(&d, n_forms, &new.pattern);
			new.priority = below(&d, n_priorities);
			new.flow = add(rules, &new.pattern, new.priority);
			for (at = 0; at < n && known[at].priority <= new.priority;)
				at++;
			memmove(&known[at + 1], &known[at], (n - at) * sizeof(*known));
			known[at] = new;
			n++;
		}
		assert_int_equal(rules->n_linked, n);
		if (round % 16 != 0)
			continue;
		random_headers(&d, bytes, &h);
		found += assert_found(rules, known, n, &h,
				      n != 0 && below(&d, 2) != 0 ? known[below(&d, n)].flow : NULL);
	}
	print_message("# %u rules at most, %u forms, %u priorities: %u matches in %u searches\n", most,
		      n_forms, n_priorities, found, 2 * most / 16);
	assert_true(found > most / 16);
	/* With all that are left. */
	shmbus_rules_put(rules);
	assert_int_equal(nic_objects(), before);
	free(bytes);
	free(known);
}

static void
test_set(void **state)
{
	(void)state;
	compare(6000, 12, 5);
	compare(4000, 1, 1);
	compare(4000, 300, 1000);
	compare(200, 40, 200);
}

/* The set says when it is full, and is not full any more when a rule has gone. */
static void
test_full(void **state)
{
	struct rte_flow **flows = calloc(SHMBUS_RULES_MAX, sizeof(struct rte_flow *));
	struct shmbus_pattern pattern = { .max_vlan = SHMBUS_VLANS };
	struct shmbus_rules *rules = shmbus_rules_new();
	struct shmbus_pattern_form form;
	struct shmbus_pattern_key key;
	struct rte_flow *one_more;
	uint32_t i;

	(void)state;
	assert_non_null(flows);
	pattern.parts[SHMBUS_PATTERN_ETH].len = 4;
	memset(pattern.parts[SHMBUS_PATTERN_ETH].mask, 0xff, 4);
	for (i = 0; i < SHMBUS_RULES_MAX; i++) {
		memcpy(pattern.parts[SHMBUS_PATTERN_ETH].value, &i, sizeof(i));
		flows[i] = add(rules, &pattern, i % 3);
	}
	shmbus_pattern_divide(&pattern, &form, &key);
	one_more = rte_zmalloc(NULL, sizeof(*one_more) + sizeof(key), 0);
	assert_non_null(one_more);
	assert_int_equal(shmbus_rules_prepare(rules, one_more, &form), -ENOSPC);
	shmbus_rules_unlist(rules, flows[7]);
	/* Still linked, but the application does not have it any more. */
	assert_int_equal(shmbus_rules_prepare(rules, one_more, &form), 0);
	shmbus_rules_cancel(rules, one_more);
	shmbus_rules_unlink(rules, flows[7]);
	assert_int_equal(shmbus_rules_prepare(rules, one_more, &form), 0);
	shmbus_rules_link(rules, one_more);
	for (i = 0; i < SHMBUS_RULES_MAX; i++)
		assert_int_equal(shmbus_rules_has(rules, flows[i]), i != 7 || flows[7] == one_more);
	shmbus_rules_put(rules);
	free(flows);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_index),
		T(test_order),
		T(test_set),
		T(test_full),
	};

	nic_plugin = NULL;
	return cmocka_run_group_tests_name("pmd_rules", tests, eal_start, eal_stop);
}
