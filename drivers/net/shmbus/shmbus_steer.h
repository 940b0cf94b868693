/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STEER_H
#define SHMBUS_STEER_H

/*
 * Which Rx queue of the port a frame is for: RSS and flow rules.
 *
 * Theory of operation
 *
 * Where the frames decide (the port is "spread"), every Rx queue reads every
 * lane and takes only its own frames. All queues must decide alike, or a frame
 * is taken twice or by none. They read independently of each other, so a
 * change of the rules may not simply be seen by each of them at some time.
 *
 * Therefore all that decides is in a table that never changes. A change is a
 * new table, which is in force, in each lane, from the position on that no
 * queue has yet read; before that the older one is, which it points to.
 *
 * Who reads by a table holds the queue's lock. Who changes it holds the locks
 * of all queues: so it sees where they all are, and may free what is behind
 * all of them. A queue that finds its lock taken has no frames this time.
 *
 *   priv->steer.lock     control paths, among themselves
 *   rxq->steer_lock      one burst of the queue, or a change
 *
 * A queue that is not polled while more than CHAIN_MAX changes are made reads
 * what it has left by a newer table than the others did.
 */

#include "shmbus_flow.h"
#include "shmbus_frame.h"
#include "shmbus_rss.h"

/* Each returns 0, or -errno, and nothing has changed then. */
int shmbus_steer_set_rss(struct rte_eth_dev *dev, const struct shmbus_rss *rss);
/* A port that is started must be spread for rules that choose among queues: -EBUSY. */
int shmbus_steer_add(struct rte_eth_dev *dev, struct rte_flow *flow);
int shmbus_steer_remove(struct rte_eth_dev *dev, struct rte_flow *flow); /* NULL: all */
int shmbus_steer_isolate(struct rte_eth_dev *dev, bool on);

/* Before the queues start. */
int shmbus_steer_start(struct rte_eth_dev *dev);
/* The port is closed. */
void shmbus_steer_close(struct rte_eth_dev *dev);
bool shmbus_steer_may_choose(const struct rte_eth_dev *dev);

/* Around a burst. False: a change is being made. */
bool shmbus_steer_enter(struct shmbus_rxq *q);
void shmbus_steer_leave(struct shmbus_rxq *q);

bool shmbus_steer_isolated(const struct shmbus_rxq *q, const struct shmbus_frame *frame);
/* Within one: is the frame for this queue? */
bool shmbus_steer_takes(struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
			uint32_t len, struct shmbus_frame *frame);

#endif /* SHMBUS_STEER_H */
