/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The tables by which queues choose their frames: how they are made, changed and freed. */

#include <rte_malloc.h>

#include "base/shmbus_clock.h"
#include "shmbus_flags.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"

/* The number of older tables that are kept for queues that lag behind. */
#define CHAIN_MAX 16

/* The time that a change waits for the end of a queue's burst, as its process may be stopped. */
#define LOCK_NS UINT64_C(1000000000)

static uint32_t
count_flows(const struct rte_flow *flow)
{
	uint32_t n = 0;

	for (; flow != NULL; flow = flow->next)
		n++;
	return n;
}

static struct shmbus_steer_table *
table_new(const struct rte_eth_dev *dev)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const uint32_t n_lanes = wire->format == SHMBUS_WIRE_LANES ? wire->lanes.geo.lanes : 0;
	const uint32_t n_flows = count_flows(priv->steer.flows);
	struct shmbus_steer_table *t;
	struct rte_flow *flow;

	t = rte_zmalloc("shmbus_steer", sizeof(*t) + n_lanes * sizeof(t->from[0]) +
			n_flows * sizeof(flow), 0);
	if (t == NULL)
		return NULL;
	t->rss = priv->rss.on;
	t->spread = priv->steer.spread;
	t->isolated = priv->steer.isolated;
	t->n_queues = dev->data->nb_rx_queues;
	t->lane_queues = RTE_MAX(shmbus_wire_max_queues(wire), 1u);
	t->n_lanes = n_lanes;
	t->toeplitz = priv->rss.toeplitz;
	memcpy(t->reta, priv->rss.reta, sizeof(t->reta));
	t->flows = (struct rte_flow **)(void *)&t->from[n_lanes];
	for (flow = priv->steer.flows; flow != NULL; flow = flow->next) {
		flow->refs++;
		t->flows[t->n_flows++] = flow;
		t->counts |= flow->count;
	}
	return t;
}

static void
table_free(struct shmbus_steer_table *t)
{
	uint32_t i;

	for (i = 0; i < t->n_flows; i++)
		shmbus_flow_put(t->flows[i]);
	rte_free(t);
}

/* Frees a table and all older ones. */
static void
chain_free(struct shmbus_steer_table *t)
{
	struct shmbus_steer_table *older;

	for (; t != NULL; t = older) {
		older = t->older;
		table_free(t);
	}
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

/* Returns the position of the first record in the lane of which the queue has read nothing. */
static uint64_t
unread(const struct shmbus_rxq *q, uint32_t lane)
{
	const struct shmbus_reader *r = &q->lanes.readers[lane];

	return r->left != 0 ? r->pos + r->len : r->pos;
}

/* Finds the least and the furthest position of the started queues. Holds the queues' locks. */
static void
find_extent(const struct rte_eth_dev *dev, uint32_t lane, uint64_t *low, uint64_t *high)
{
	const struct shmbus_rxq *q;
	bool first = true;
	uint64_t pos;
	uint16_t i;

	*low = 0;
	*high = 0;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL || dev->data->rx_queue_state[i] != RTE_ETH_QUEUE_STATE_STARTED)
			continue;
		pos = q->lanes.readers[lane].pos;
		if (first || (int64_t)(pos - *low) < 0)
			*low = pos;
		pos = unread(q, lane);
		if (first || (int64_t)(pos - *high) > 0)
			*high = pos;
		first = false;
	}
}

/* Returns whether t is in force for a frame that some queue has to read. newer follows t. */
static bool
is_needed(const struct rte_eth_dev *dev, const struct shmbus_steer_table *t,
	  const struct shmbus_steer_table *newer)
{
	uint64_t low, high;
	uint32_t lane;

	for (lane = 0; lane < t->n_lanes; lane++) {
		find_extent(dev, lane, &low, &high);
		if ((int64_t)(newer->from[lane] - low) > 0 &&
		    (t->older == NULL || (int64_t)(newer->from[lane] - t->from[lane]) > 0))
			return true;
	}
	return false;
}

/* Frees the tables that no queue needs, and those beyond CHAIN_MAX. */
static void
retire(const struct rte_eth_dev *dev, struct shmbus_steer_table *newest)
{
	struct shmbus_steer_table *newer = newest;
	struct shmbus_steer_table *t;
	unsigned int n = 0;

	while ((t = newer->older) != NULL) {
		if (n < CHAIN_MAX && is_needed(dev, t, newer)) {
			newer = t;
			n++;
		} else {
			newer->older = n < CHAIN_MAX ? t->older : NULL;
			t->older = n < CHAIN_MAX ? NULL : t->older;
			chain_free(t);
		}
	}
}

/* Makes a table from priv and publishes it. Holds priv->steer.lock. Returns 0 or -errno. */
static int
publish(struct rte_eth_dev *dev)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct shmbus_steer_table *t = table_new(dev);
	const struct rte_flow *flow;
	uint64_t low;
	uint32_t lane;
	int ret;

	if (t == NULL)
		return -ENOMEM;
	ret = lock_queues(dev);
	if (ret != 0) {
		table_free(t);
		return ret;
	}
	if (t->spread && dev->data->dev_started) {
		t->older = steer->table;
		for (lane = 0; lane < t->n_lanes; lane++)
			find_extent(dev, lane, &low, &t->from[lane]);
		retire(dev, t);
	} else {
		/* One queue at most reads each lane: the new table is in force at once. */
		chain_free(steer->table);
	}
	steer->table = t;
	unlock_queues(dev, dev->data->nb_rx_queues);
	steer->marks = false;
	for (flow = steer->flows; flow != NULL; flow = flow->next)
		steer->marks |= flow->found != 0;
	steer->active = steer->spread || steer->isolated || steer->flows != NULL ||
			(t->rss && (dev->data->dev_conf.rxmode.offloads &
				    RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0);
	shmbus_queues_update(dev);
	return 0;
}

int
shmbus_steer_set_rss(struct rte_eth_dev *dev, const struct shmbus_rss *rss)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_rss before;
	int ret;

	rte_spinlock_lock(&priv->steer.lock);
	before = priv->rss;
	priv->rss = *rss;
	ret = publish(dev);
	if (ret != 0)
		priv->rss = before;
	rte_spinlock_unlock(&priv->steer.lock);
	return ret;
}

bool
shmbus_steer_may_choose(const struct rte_eth_dev *dev)
{
	return !dev->data->dev_started || dev->data->nb_rx_queues <= 1 ||
	       shmbus_priv(dev)->steer.spread;
}

int
shmbus_steer_add(struct rte_eth_dev *dev, struct rte_flow *flow)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct rte_flow **at;
	int ret;

	rte_spinlock_lock(&steer->lock);
	if (shmbus_flow_chooses(flow) && !shmbus_steer_may_choose(dev)) {
		rte_spinlock_unlock(&steer->lock);
		return -EBUSY;
	}
	for (at = &steer->flows; *at != NULL && (*at)->priority <= flow->priority;)
		at = &(*at)->next;
	flow->next = *at;
	*at = flow;
	ret = publish(dev);
	if (ret != 0)
		*at = flow->next;
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

int
shmbus_steer_remove(struct rte_eth_dev *dev, struct rte_flow *flow)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct rte_flow *all, *next;
	struct rte_flow **at;
	int ret;

	rte_spinlock_lock(&steer->lock);
	all = steer->flows;
	for (at = &steer->flows; flow != NULL && *at != NULL && *at != flow;)
		at = &(*at)->next;
	if (flow != NULL && *at == NULL) {
		ret = -ENOENT;
		goto out;
	}
	*at = flow != NULL ? flow->next : NULL;
	ret = publish(dev);
	if (ret != 0) {
		*at = flow != NULL ? flow : all;
		goto out;
	}
	if (flow != NULL) {
		shmbus_flow_put(flow);
		goto out;
	}
	for (; all != NULL; all = next) {
		next = all->next;
		shmbus_flow_put(all);
	}
out:
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

int
shmbus_steer_isolate(struct rte_eth_dev *dev, bool on)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	bool before;
	int ret;

	rte_spinlock_lock(&steer->lock);
	before = steer->isolated;
	steer->isolated = on;
	ret = publish(dev);
	if (ret != 0)
		steer->isolated = before;
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

int
shmbus_steer_start(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_steer *steer = &priv->steer;
	const struct rte_flow *flow;
	bool choose = priv->rss.on;
	int ret;

	rte_spinlock_lock(&steer->lock);
	for (flow = steer->flows; flow != NULL; flow = flow->next)
		choose |= shmbus_flow_chooses(flow);
	steer->spread = choose && dev->data->nb_rx_queues > 1;
	ret = publish(dev);
	rte_spinlock_unlock(&steer->lock);
	return ret;
}

void
shmbus_steer_close(struct rte_eth_dev *dev)
{
	struct shmbus_steer *steer = &shmbus_priv(dev)->steer;
	struct rte_flow *flow, *next;

	chain_free(steer->table);
	steer->table = NULL;
	for (flow = steer->flows; flow != NULL; flow = next) {
		next = flow->next;
		shmbus_flow_put(flow);
	}
	steer->flows = NULL;
	steer->spread = false;
	steer->active = false;
	steer->marks = false;
	steer->isolated = false;
}
