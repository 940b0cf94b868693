/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_BURSTS_H
#define SHMBUS_BURSTS_H

/* The burst functions: eth_rx_burst_t and eth_tx_burst_t, for each format and for readonly ports. */

#include <stdint.h>

struct rte_mbuf;

uint16_t shmbus_rx_lanes_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_tx_lanes_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_rx_shmif_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_tx_shmif_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_tx_none_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif /* SHMBUS_BURSTS_H */
