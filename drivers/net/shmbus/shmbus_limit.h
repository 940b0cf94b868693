/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LIMIT_H
#define SHMBUS_LIMIT_H

/*
 * The rate limit of a Tx queue.
 *
 * Theory of operation
 *
 * Bytes that were sent are a debt: the time that they take at the limit. Time
 * pays the debt. A queue in debt sends nothing. A queue that has not sent for
 * long saves up SHMBUS_LIMIT_MS of time, not more. So the last frame of a burst
 * may be early by its own length, but not the frame after it; over time the
 * rate is exact.
 *
 * A queue without a limit pays nothing for this: the limit is a bit of
 * shmbus_txq.flags, which the bursts read anyway.
 */

#include "shmbus_txq.h"

struct rte_eth_dev;
struct rte_mbuf;

/* The time that a queue may make up for, in case its thread was off the processor. */
#define SHMBUS_LIMIT_MS 10

int shmbus_set_queue_rate_limit(struct rte_eth_dev *dev, uint16_t id, uint32_t mbps);

/* Returns the number of frames that may be sent now. */
uint16_t shmbus_limit_allows(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* Adds sent bytes to the debt. */
static inline void
shmbus_limit_pay(struct shmbus_txq *q, uint64_t bytes)
{
	q->limit.debt += (int64_t)(bytes * shmbus_load(&q->limit.cost) >> SHMBUS_LIMIT_SHIFT);
}

typedef uint16_t (*shmbus_limit_tx_t)(struct shmbus_txq *q, struct rte_mbuf **pkts,
				      uint16_t nb_pkts, uint32_t flags);

/* Sends as many of the frames as the limit allows, by tx. Returns their number. */
uint16_t shmbus_limit_burst(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts,
			    uint32_t flags, shmbus_limit_tx_t tx);

#endif /* SHMBUS_LIMIT_H */
