/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SWITCH_H
#define SHMBUS_SWITCH_H

/*
 * A port on a switch: a bus on which frames are directed to their receivers
 * (base/lanes/shmbus_directed.h, base/station/shmbus_director.h).
 *
 * Theory of operation
 *
 * The forwarding database of the port lies in memory that all its processes share. The Rx
 * queues write it, the Tx queues read it. A queue learns from the frames that it has copied,
 * after the commit and before the filter: the copies cannot change any more.
 *
 * Queues that share their lanes learn what each of them delivers.
 */

#include <ethdev_driver.h>

#include "base/station/shmbus_wire.h"
#include "shmbus_rxq.h"

/* Prepares the port for the bus of wire, which it has joined. Returns 0 or -ENOMEM, logged. */
int shmbus_switch_join(struct rte_eth_dev *dev, const struct shmbus_wire *wire);

void shmbus_switch_close(struct rte_eth_dev *dev);

/* Learns the source addresses of frames that were read from a lane. */
void shmbus_switch_learn(const struct shmbus_rxq *q, struct rte_mbuf *const *pkts, uint16_t n,
			 uint32_t lane);

/* The same, of one frame in one piece. */
void shmbus_switch_learn_one(const struct shmbus_rxq *q, const uint8_t *frame, uint32_t lane);

/*
 * Receives up to n plain frames of one record, as rx_record() does (shmbus_rx_lanes.c), and
 * steps over those that are directed to other ports.
 */
uint16_t shmbus_switch_rx_record(const struct shmbus_bus *bus, struct shmbus_rxq *q,
				 struct shmbus_reader *r, struct rte_mbuf **pkts, uint16_t n,
				 uint32_t *flags, bool *more);

#endif /* SHMBUS_SWITCH_H */
