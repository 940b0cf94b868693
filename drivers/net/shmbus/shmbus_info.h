/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_INFO_H
#define SHMBUS_INFO_H

/* Information about a port and its queues. */

#include <ethdev_driver.h>

void shmbus_rxq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info);
void shmbus_txq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info);
int shmbus_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int shmbus_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int shmbus_fw_version_get(struct rte_eth_dev *dev, char *text, size_t size);
int shmbus_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *regs);
int shmbus_priv_dump(struct rte_eth_dev *dev, FILE *file);

int shmbus_rx_queue_count(void *queue);
int shmbus_rx_descriptor_status(void *queue, uint16_t offset);
int shmbus_tx_descriptor_status(void *queue, uint16_t offset);
int shmbus_tx_done_cleanup(void *queue, uint32_t free_cnt);

int shmbus_get_monitor_addr(void *queue, struct rte_power_monitor_cond *cond);

#endif /* SHMBUS_INFO_H */
