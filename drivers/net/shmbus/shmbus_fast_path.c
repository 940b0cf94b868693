/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_checksum.h"
#include "shmbus_fast_path.h"
#include "shmbus_info.h"
#include "shmbus_ops.h"

void
shmbus_set_fast_path(struct rte_eth_dev *dev)
{
	dev->rx_pkt_burst = shmbus_ops(dev)->rx_burst;
	dev->tx_pkt_burst = shmbus_tx_ops(dev)->burst;
	dev->tx_pkt_prepare = shmbus_tx_prepare;
	dev->rx_queue_count = shmbus_rx_queue_count;
	dev->rx_descriptor_status = shmbus_rx_descriptor_status;
	dev->tx_descriptor_status = shmbus_tx_descriptor_status;
}
