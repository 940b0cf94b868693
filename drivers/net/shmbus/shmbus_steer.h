/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STEER_H
#define SHMBUS_STEER_H

/*
 * The choice of the Rx queue for a frame: RSS and flow rules.
 *
 * Theory of operation
 *
 * If the content of frames chooses the queue (the port is "spread"), every Rx
 * queue reads every lane and takes only its own frames. All queues must choose
 * alike: otherwise two queues take a frame, or none does. The queues read
 * independently of each other, so a change of the rules must not reach each of
 * them at a moment of its own.
 *
 * Therefore the rules stand in a table that never changes. A change makes a new
 * table. In each lane the new table is in force from the first position that no
 * queue has read yet. Before that position the older table is in force, to which
 * the new one points.
 *
 * A queue holds its lock during a burst. A change takes the locks of all queues:
 * so it knows the position of every queue, and frees the tables that no queue
 * needs any more. A queue that finds its lock taken returns no frames this time.
 *
 *   lock                 is held by
 *   priv->steer.lock     one control path at a time
 *   rxq->steer_lock      one burst of the queue, or a change
 *
 * Limit: if more than CHAIN_MAX changes are made while a queue is not polled, the
 * queue reads its waiting frames by a newer table than the other queues did. Such
 * a frame may be taken twice or not at all.
 */

#include <rte_lock_annotations.h>

#include "shmbus_flow.h"
#include "shmbus_rxq.h"

/* A published table never changes, except for older, which is cleared under all locks. */
struct shmbus_steer_table {
	struct shmbus_steer_table *older;
	bool rss;
	bool spread;
	bool isolated;
	bool counts; /* some rule has COUNT */
	uint16_t n_queues;
	uint32_t lane_queues; /* lanes of one sender */
	uint32_t n_lanes;
	uint32_t n_flows;
	struct shmbus_toeplitz toeplitz;
	uint16_t reta[SHMBUS_RSS_RETA];
	struct rte_flow **flows; /* in the same memory, behind from[] */
	uint64_t from[]; /* for each lane, the position from which the table is in force */
};

/* Each of these makes a new table. Returns 0, or -errno, and nothing has changed then. */
int shmbus_steer_set_rss(struct rte_eth_dev *dev, const struct shmbus_rss *rss);
/* Returns -EBUSY for a rule that chooses among queues if the port is started and not spread. */
int shmbus_steer_add(struct rte_eth_dev *dev, struct rte_flow *flow);
int shmbus_steer_remove(struct rte_eth_dev *dev, struct rte_flow *flow); /* NULL: all rules */
int shmbus_steer_isolate(struct rte_eth_dev *dev, bool on);

/* Makes the table of a start. Called before the queues start. Returns 0 or -errno. */
int shmbus_steer_start(struct rte_eth_dev *dev);
/* Frees rules and tables. Called by close and reset, when no queue is polled. */
void shmbus_steer_close(struct rte_eth_dev *dev);
/* Returns whether a rule that chooses among queues can be added now. */
bool shmbus_steer_may_choose(const struct rte_eth_dev *dev);

/* Begin and end a burst. Returns false, and no burst begins, while a change is made. */
bool shmbus_steer_enter(struct shmbus_rxq *q)
	__rte_try_acquire_capability(true, &q->steer_lock);
void shmbus_steer_leave(struct shmbus_rxq *q)
	__rte_release_capability(&q->steer_lock);

/* The following are called within a burst. */
/* Returns whether isolated mode is in force for the frame. */
bool shmbus_steer_isolated(const struct shmbus_rxq *q, const struct shmbus_frame *frame);

/* Returns TAKE, OTHERS or DROP, by the first bytes of a frame, in the queue's own memory. */
enum shmbus_verdict shmbus_steer_decide(const struct shmbus_rxq *q, const uint8_t *head,
					uint32_t head_len, struct shmbus_frame *frame);

/* Counts a frame of len bytes, delivered or dropped, for the rules that it matched. */
void shmbus_steer_count(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
			uint32_t len, const struct shmbus_frame *frame);

#endif /* SHMBUS_STEER_H */
