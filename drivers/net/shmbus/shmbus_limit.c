/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_cycles.h>

#include "base/shmbus_clock.h"
#include "shmbus_flags.h"
#include "shmbus_limit.h"
#include "shmbus_priv.h"

/* Bytes per second of one Mbit/s. */
#define MBIT 125000

int
shmbus_set_queue_rate_limit(struct rte_eth_dev *dev, uint16_t id, uint32_t mbps)
{
	struct shmbus_txq *q;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	if (id >= dev->data->nb_tx_queues || dev->data->tx_queues[id] == NULL)
		return -EINVAL;
	q = dev->data->tx_queues[id];
	shmbus_store(&q->limit.cost, mbps == 0 ? 0 : /* no limit */
		     (rte_get_tsc_hz() << SHMBUS_LIMIT_SHIFT) / (UINT64_C(1) * mbps * MBIT));
	shmbus_queues_update(dev);
	return 0;
}

uint16_t
shmbus_limit_allows(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const int64_t depth = (int64_t)(rte_get_tsc_hz() / 1000 * SHMBUS_LIMIT_MS);
	const uint64_t cost = shmbus_load(&q->limit.cost);
	const uint64_t now = shmbus_ticks();
	struct shmbus_limit *limit = &q->limit;
	const uint64_t passed = now - limit->seen_tsc;
	int64_t debt;
	uint16_t n;

	/* If the TSC was set back, passed is very large and pays every debt. */
	if (passed >= (uint64_t)(limit->debt + depth))
		limit->debt = -depth;
	else
		limit->debt -= (int64_t)passed;
	limit->seen_tsc = now;
	debt = limit->debt;
	for (n = 0; n < nb_pkts && debt <= 0; n++)
		debt += (int64_t)(pkts[n]->pkt_len * cost >> SHMBUS_LIMIT_SHIFT);
	return n;
}

uint16_t
shmbus_limit_burst(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags,
		   shmbus_limit_tx_t tx)
{
	const uint16_t allowed = shmbus_limit_allows(q, pkts, nb_pkts);
	const uint64_t bytes = q->stats.bytes;
	uint16_t sent;

	if (allowed == 0)
		return 0;
	sent = tx(q, pkts, allowed, flags);
	shmbus_limit_pay(q, q->stats.bytes - bytes);
	return sent;
}
