/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A queue has no ring of descriptors. Where an application asks for one, an Rx
 * queue's is as long as it was asked for, and filled from its beginning with
 * the frames that wait on the bus; a Tx queue's is empty, as a frame that was
 * taken is on the bus already and its mbuf free.
 */

#include "shmbus_ops.h"

static int
count_waiting(const struct shmbus_rxq *q)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	uint64_t waiting;

	if (shmbus_load(&q->flags) & SHMBUS_RX_DOWN)
		return 0;
	waiting = shmbus_wire(dev)->ops->rxq_waiting(dev, q);
	return (int)RTE_MIN(waiting, (uint64_t)INT_MAX);
}

int
shmbus_rx_queue_count(void *queue)
{
	return count_waiting(queue);
}

int
shmbus_rx_descriptor_status(void *queue, uint16_t offset)
{
	const struct shmbus_rxq *q = queue;

	if (offset >= q->nb_desc)
		return -EINVAL;
	if (shmbus_load(&q->flags) & SHMBUS_RX_DOWN)
		return RTE_ETH_RX_DESC_UNAVAIL;
	return count_waiting(q) > offset ? RTE_ETH_RX_DESC_DONE : RTE_ETH_RX_DESC_AVAIL;
}

int
shmbus_tx_descriptor_status(void *queue, uint16_t offset)
{
	const struct shmbus_txq *q = queue;

	if (offset >= q->nb_desc)
		return -EINVAL;
	return shmbus_load(&q->flags) & SHMBUS_TX_DOWN ? RTE_ETH_TX_DESC_UNAVAIL :
							 RTE_ETH_TX_DESC_DONE;
}

int
shmbus_tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	RTE_SET_USED(queue);
	RTE_SET_USED(free_cnt);
	return 0;
}
