/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The tables by which queues choose their frames: how they are made, changed and freed. */

#include <rte_malloc.h>

#include "base/shmbus_barrier.h"
#include "base/shmbus_clock.h"
#include "shmbus_flags.h"
#include "shmbus_intr.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"

/* The time that a change waits for the end of a queue's burst, as its process may be stopped. */
#define LOCK_NS UINT64_C(1000000000)

/* Makes a copy of the table in force. Holds priv->steer.lock. */
static struct shmbus_steer_table *
table_new(const struct rte_eth_dev *dev)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_steer_table *old = priv->steer.table;
	const uint32_t n_lanes = wire->format == SHMBUS_WIRE_LANES ? wire->lanes.geo.lanes : 0;
	struct shmbus_steer_table *t;

	t = rte_zmalloc("shmbus_steer", sizeof(*t) + n_lanes * sizeof(t->from[0]), 0);
	if (t == NULL)
		return NULL;
	t->n_queues = dev->data->nb_rx_queues;
	t->lane_queues = RTE_MAX(shmbus_wire_max_queues(wire), 1u);
	t->n_lanes = n_lanes;
	t->rss = priv->rss;
	t->shared_from = priv->steer.shared_from;
	if (old != NULL) {
		t->spread = old->spread;
		t->isolated = old->isolated;
		t->rules = old->rules;
	}
	if (t->rules != NULL)
		t->rules->refs++;
	return t;
}

/* Frees a table and the older one. t may be NULL. */
static void
table_free(struct shmbus_steer_table *t)
{
	if (t == NULL)
		return;
	table_free(t->older);
	shmbus_rules_put(t->rules);
	rte_free(t);
}

/* clang's analysis of locks cannot follow a number of them. */
static void
unlock_queues(struct rte_eth_dev *dev, uint16_t n)
	__rte_no_thread_safety_analysis
{
	struct shmbus_rxq *q;

	while (n-- > 0) {
		q = dev->data->rx_queues[n];
		if (q != NULL)
			rte_spinlock_unlock(&q->steer_lock);
	}
}

static int
lock_queues(struct rte_eth_dev *dev)
	__rte_no_thread_safety_analysis
{
	const uint64_t start_ns = shmbus_clock_mono_ns();
	struct shmbus_rxq *q;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		while (q != NULL && rte_spinlock_trylock(&q->steer_lock) == 0) {
			if (shmbus_clock_mono_ns() - start_ns > LOCK_NS) {
				unlock_queues(dev, i);
				return -EBUSY;
			}
			rte_pause();
		}
	}
	return 0;
}

/*
 * Makes each burst of the queues take its lock, and waits for the end of bursts that began
 * without. Returns 0, or -EBUSY if a burst does not end: then open_gates() undoes this.
 */
static int
close_gates(struct rte_eth_dev *dev)
{
	const uint64_t start_ns = shmbus_clock_mono_ns();
	struct shmbus_rxq *q;
	uint16_t i;

	shmbus_priv(dev)->steer.closing = true;
	shmbus_queues_update(dev);
	shmbus_barrier_everywhere();
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		while (q != NULL && shmbus_gate_is_busy(&q->gate)) {
			if (shmbus_clock_mono_ns() - start_ns > LOCK_NS)
				return -EBUSY;
			rte_pause();
		}
	}
	return 0;
}

static void
open_gates(struct rte_eth_dev *dev)
{
	shmbus_priv(dev)->steer.closing = false;
	shmbus_queues_update(dev);
}

/*
 * Brings a table into force on a started port whose queues all read every lane, or begin to
 * do so now if spreads is true. Holds the queues' locks.
 */
static void
continue_spread(const struct rte_eth_dev *dev, struct shmbus_steer_table *t, bool spreads)
{
	const struct shmbus_bus *bus = &shmbus_wire(dev)->lanes;
	struct shmbus_lanes_rx *queues[SHMBUS_QUEUES_MAX];
	struct shmbus_rxq *q;
	uint16_t n = 0;
	uint32_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL || dev->data->rx_queue_state[i] != RTE_ETH_QUEUE_STATE_STARTED)
			continue;
		queues[n++] = &q->lanes;
		if (!spreads)
			continue;
		if (shmbus_lanes_rx_restarts(&q->lanes))
			q->held.len = 0;
		shmbus_lanes_rx_share(bus, &q->lanes);
	}
	for (i = 0; spreads && i < t->n_lanes; i++)
		t->shared_from[i] = shmbus_lanes_rx_shared(bus, queues, n, i);
	for (i = 0; i < t->n_lanes; i++)
		t->from[i] = shmbus_lanes_rx_reached(queues, n, i);
}

/* A change of the set of rules; both may be NULL. */
struct change {
	struct rte_flow *add; /* prepared */
	struct rte_flow *remove;
};

/* Changes the rules from old to t. old may be NULL unless it is kept. Holds the queues' locks. */
static void
change_rules(struct shmbus_steer_table *old, struct shmbus_steer_table *t, struct change change,
	     bool keep)
{
	/* First, as it has been prepared for the set as it is. */
	if (change.add != NULL)
		shmbus_rules_link(t->rules, change.add);
	/* The last table that finds this rule goes. */
	if (old != NULL && old->hidden != NULL)
		shmbus_rules_unlink(old->rules, old->hidden);
	if (old != NULL)
		old->hidden = keep ? change.add : NULL;
	if (change.remove != NULL) {
		shmbus_rules_unlist(t->rules, change.remove);
		if (keep)
			t->hidden = change.remove;
		else
			shmbus_rules_unlink(t->rules, change.remove);
	}
}

static bool
marks(const struct shmbus_steer_table *t)
{
	return t != NULL && ((t->rules != NULL && t->rules->n_marking != 0) || marks(t->older));
}

/* Makes t the table in force. Returns the tables to be freed. Holds the queues' locks. */
static struct shmbus_steer_table *
replace_table(struct rte_eth_dev *dev, struct shmbus_steer_table *t, struct change change)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_steer *steer = &priv->steer;
	struct shmbus_steer_table *unused = steer->table;
	/* Unless it is spread, one queue at most reads each lane: t is in force at once. */
	const bool keep = t->spread && dev->data->dev_started &&
			  shmbus_wire_is_open(shmbus_wire(dev));

	if (keep) {
		continue_spread(dev, t, !steer->spread);
		t->older = steer->table;
		unused = t->older->older;
		t->older->older = NULL;
	}
	change_rules(steer->table, t, change, keep);
	steer->table = t;
	steer->marks = marks(t);
	priv->rss = t->rss;
	steer->spread = t->spread;
	steer->active = t->spread || t->isolated || (t->rules != NULL && t->rules->n_linked != 0) ||
			(t->rss.on && (dev->data->dev_conf.rxmode.offloads &
				       RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0);
	return unused;
}

/*
 * Brings a table into force and frees the tables that it replaces. Holds priv->steer.lock.
 * Returns 0; or -errno, and has freed t then. t may be NULL, for which it returns -ENOMEM.
 */
static int
publish(struct rte_eth_dev *dev, struct shmbus_steer_table *t, struct change change)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	int ret = 0;
	bool spreads;

	if (t == NULL)
		return -ENOMEM;
	spreads = t->spread && !steer->spread && dev->data->dev_started;
	if (spreads)
		ret = close_gates(dev);
	if (ret == 0)
		ret = lock_queues(dev);
	if (ret == 0) {
		t = replace_table(dev, t, change);
		/* A burst reads its flags while it holds its lock. */
		shmbus_queues_update(dev);
		unlock_queues(dev, dev->data->nb_rx_queues);
	} else if (change.add != NULL) {
		shmbus_rules_cancel(t->rules, change.add);
	}
	table_free(t);
	if (spreads)
		open_gates(dev);
	return ret;
}

int
shmbus_steer_set_rss(struct rte_eth_dev *dev, const struct shmbus_rss *rss)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct shmbus_steer_table *t;
	int ret;

	rte_spinlock_lock(&steer->lock);
	t = table_new(dev);
	if (t != NULL)
		t->rss = *rss;
	ret = publish(dev, t, (struct change){ .add = NULL });
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

/*
 * Makes the table of a port that begins to divide frames among its queues while it is
 * started. Returns false if there is no memory.
 */
static bool
begin_spread(struct shmbus_steer_table *t)
{
	t->shared_from = rte_zmalloc("shmbus_steer", RTE_MAX(t->n_lanes, 1u) * sizeof(uint64_t), 0);
	t->spread = t->shared_from != NULL;
	return t->spread;
}

bool
shmbus_steer_is_full(const struct rte_eth_dev *dev)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	bool full;

	rte_spinlock_lock(&steer->lock);
	full = steer->table != NULL && steer->table->rules != NULL &&
	       steer->table->rules->listed.n >= SHMBUS_RULES_MAX;
	rte_spinlock_unlock(&steer->lock);
	return full;
}

/*
 * Makes the table of one more rule, and prepares to add the rule. Returns 0; or -ENOMEM or
 * -ENOSPC, and nothing is left.
 */
static int
table_with(const struct rte_eth_dev *dev, struct rte_flow *flow,
	   const struct shmbus_pattern_form *form, struct shmbus_steer_table **table)
{
	struct shmbus_steer_table *t = table_new(dev);
	int ret = -ENOMEM;

	if (t == NULL)
		return -ENOMEM;
	if (t->rules == NULL)
		t->rules = shmbus_rules_new();
	if (t->rules == NULL)
		goto err_free;
	ret = shmbus_rules_prepare(t->rules, flow, form);
	if (ret != 0)
		goto err_free;
	*table = t;
	if (!shmbus_flow_chooses(&flow->action) || !dev->data->dev_started || t->n_queues <= 1 ||
	    t->spread || begin_spread(t))
		return 0;
	ret = -ENOMEM;
	shmbus_rules_cancel(t->rules, flow);
err_free:
	table_free(t);
	return ret;
}

int
shmbus_steer_add(struct rte_eth_dev *dev, struct rte_flow *flow,
		 const struct shmbus_pattern_form *form)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct shmbus_steer_table *t;
	uint64_t *shared_from;
	bool spreads = false;
	int ret;

	rte_spinlock_lock(&steer->lock);
	ret = table_with(dev, flow, form, &t);
	if (ret == 0) {
		shared_from = t->shared_from;
		spreads = shared_from != steer->shared_from;
		ret = publish(dev, t, (struct change){ .add = flow });
		if (spreads && ret == 0)
			steer->shared_from = shared_from;
		else if (spreads)
			rte_free(shared_from);
	}
	rte_spinlock_unlock(&steer->lock);
	/* Queues that sleep have fallen asleep without a look at the lanes that they read now. */
	if (spreads && ret == 0)
		shmbus_intr_wake(dev);
	return ret;
}

int
shmbus_steer_remove(struct rte_eth_dev *dev, struct rte_flow *flow)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct shmbus_steer_table *t;
	int ret = -ENOENT;

	rte_spinlock_lock(&steer->lock);
	if (flow == NULL || (steer->table != NULL && steer->table->rules != NULL &&
			     shmbus_rules_has(steer->table->rules, flow))) {
		t = table_new(dev);
		if (t != NULL && flow == NULL) {
			shmbus_rules_put(t->rules);
			t->rules = NULL;
		}
		ret = publish(dev, t, (struct change){ .remove = flow });
	}
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

int
shmbus_steer_isolate(struct rte_eth_dev *dev, bool on)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct shmbus_steer_table *t;
	int ret;

	rte_spinlock_lock(&steer->lock);
	t = table_new(dev);
	if (t != NULL)
		t->isolated = on;
	ret = publish(dev, t, (struct change){ .add = NULL });
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

int
shmbus_steer_start(struct rte_eth_dev *dev)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct shmbus_steer_table *t;
	bool choose;
	int ret;

	rte_spinlock_lock(&steer->lock);
	t = table_new(dev);
	if (t != NULL) {
		t->shared_from = NULL;
		choose = t->rss.on || (t->rules != NULL && t->rules->n_choosing != 0);
		t->spread = choose && t->n_queues > 1;
	}
	ret = publish(dev, t, (struct change){ .add = NULL });
	if (ret == 0) {
		rte_free(steer->shared_from);
		steer->shared_from = NULL;
	}
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

void
shmbus_steer_close(struct rte_eth_dev *dev)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;

	table_free(steer->table);
	steer->table = NULL;
	rte_free(steer->shared_from);
	steer->shared_from = NULL;
	steer->spread = false;
	steer->active = false;
	steer->marks = false;
}
