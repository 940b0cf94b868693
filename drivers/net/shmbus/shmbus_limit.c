/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_cycles.h>

#include "shmbus_limit.h"

/* Bytes in a second at one Mbit/s */
#define MBIT 125000

int
shmbus_set_queue_rate_limit(struct rte_eth_dev *dev, uint16_t id, uint32_t mbps)
{
	struct shmbus_txq *q;

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
	const uint64_t depth = rte_get_tsc_hz() / 1000 * SHMBUS_LIMIT_MS;
	const uint64_t cost = shmbus_load(&q->limit.cost);
	const uint64_t now = rte_rdtsc();
	struct shmbus_limit *limit = &q->limit;
	uint64_t paid;
	uint16_t n;

	if ((int64_t)(now - limit->paid_tsc) > (int64_t)depth)
		limit->paid_tsc = now - depth;
	paid = limit->paid_tsc;
	for (n = 0; n < nb_pkts && (int64_t)(now - paid) >= 0; n++)
		paid += pkts[n]->pkt_len * cost >> SHMBUS_LIMIT_SHIFT;
	return n;
}
