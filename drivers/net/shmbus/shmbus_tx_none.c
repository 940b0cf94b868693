/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Tx queues of a readonly port.
 *
 * Many applications set up a Tx queue for each port, and send to each port. A readonly
 * port accepts that; its queues drop all frames and count them (oerrors). They have
 * no lane and need no memory on the bus.
 */

#include "shmbus_bursts.h"
#include "shmbus_mbuf.h"
#include "shmbus_ops.h"
#include "shmbus_txq.h"

uint16_t
shmbus_tx_none_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_txq *q = queue;

	if (shmbus_load(&q->flags) & SHMBUS_TX_DOWN)
		return 0;
	q->stats.dropped[SHMBUS_DROP_READONLY] += nb_pkts;
	/* Not put back as a whole (SHMBUS_TX_FAST_FREE): mbufs may be chains. */
	rte_pktmbuf_free_bulk(pkts, nb_pkts);
	return nb_pkts;
}

static size_t
txq_size(const struct shmbus_wire *wire)
{
	RTE_SET_USED(wire);
	return RTE_CACHE_LINE_SIZE;
}

static int
txq_use(struct shmbus_txq *q, struct shmbus_wire *wire, void *memory)
{
	RTE_SET_USED(q);
	RTE_SET_USED(wire);
	RTE_SET_USED(memory);
	return 0;
}

static void
txq_start(struct rte_eth_dev *dev, struct shmbus_txq *q)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(q);
}

static void
txq_count(const struct shmbus_txq *q, struct shmbus_counts *counts)
{
	RTE_SET_USED(q);
	RTE_SET_USED(counts);
}

const struct shmbus_tx_ops shmbus_tx_ops_none = {
	.burst = shmbus_tx_none_burst,
	.size = txq_size,
	.use = txq_use,
	.start = txq_start,
	.count = txq_count,
};
