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

/*
 * Notes what a committed walk has found on a switch: publishes how many frames it stepped
 * over, and learns the source addresses of n frames that it has copied: of all, or of the first if
 * they have one source.
 */
void shmbus_switch_note(const struct shmbus_bus *bus, const struct shmbus_rxq *q,
			const struct shmbus_reader *r, const struct shmbus_walk *walk,
			struct rte_mbuf *const *pkts, uint16_t n);

/* Learns the source address of a frame in one piece that was read from a lane. */
void shmbus_switch_learn_one(const struct shmbus_rxq *q, const uint8_t *frame, uint32_t lane);

#endif /* SHMBUS_SWITCH_H */
