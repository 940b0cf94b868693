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
 * is taken twice or by none. They read independently of each other, so a change
 * of the rules must not be seen by each of them at some moment of its own.
 *
 * Therefore all that decides is in a table that never changes. A change is a
 * new table, which is in force, in each lane, from the position on that no
 * queue has read yet; before that position the older table is, to which the new
 * one points.
 *
 * A queue that reads by a table holds the queue's lock for the burst. A change
 * holds the locks of all queues, so it sees where they all are, and may free
 * what is behind all of them. A queue that finds its lock taken has no frames
 * this time.
 *
 *   priv->steer.lock     control paths, among themselves
 *   rxq->steer_lock      one burst of the queue, or a change
 *
 * A queue that is not polled while more than CHAIN_MAX changes are made reads
 * what it has left by a newer table than the others did.
 */

#include <rte_lock_annotations.h>

#include "shmbus_flow.h"
#include "shmbus_rxq.h"

/* Once it is published it never changes but for older. */
struct shmbus_steer_table {
	struct shmbus_steer_table *older;
	bool rss;
	bool spread;
	bool isolated;
	bool counts; /* some rule counts */
	uint16_t n_queues;
	uint32_t lane_queues; /* lanes of one sender */
	uint32_t n_lanes;
	uint32_t n_flows;
	struct shmbus_toeplitz toeplitz;
	uint16_t reta[SHMBUS_RSS_RETA];
	struct rte_flow **flows; /* behind from */
	uint64_t from[]; /* the position in each lane at which it begins to be in force */
};

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
bool shmbus_steer_enter(struct shmbus_rxq *q)
	__rte_try_acquire_capability(true, &q->steer_lock);
void shmbus_steer_leave(struct shmbus_rxq *q)
	__rte_release_capability(&q->steer_lock);

/* Within a burst: */
bool shmbus_steer_isolated(const struct shmbus_rxq *q, const struct shmbus_frame *frame);

/* TAKE, OTHERS or DROP, by the first bytes of a frame, which are nobody else's. */
enum shmbus_verdict shmbus_steer_decide(const struct shmbus_rxq *q, const uint8_t *head,
					uint32_t head_len, struct shmbus_frame *frame);

/* Count a frame of len bytes that is delivered, or dropped, for the rules that were asked. */
void shmbus_steer_count(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
			uint32_t len, const struct shmbus_frame *frame);

#endif /* SHMBUS_STEER_H */
