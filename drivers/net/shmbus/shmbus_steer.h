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
 * Therefore a change publishes a new table. In each lane the new table is in force from
 * the first position that no queue has read yet. Before that position the older table is
 * in force, to which the new one points. Nothing older is kept: if a queue lags behind two
 * changes, the frames that waited for it at the first are read by the table after that
 * change, and such a frame, if the changes moved it to another queue, may be taken twice or
 * not at all.
 *
 * A table does not hold the rules, which are many, but points to the set of them
 * (shmbus_rules.h). The new and the older table share a set, which they see differently:
 *
 *   change         in the set                           in the new table   in the older table
 *   rule added     linked                               found              hidden
 *   rule removed   linked until the next change         hidden             found
 *   all removed    the new table gets no set            none               all found
 *
 * So a table hides one rule at most, and a change takes the same time however many rules
 * there are.
 *
 * A port that is not spread begins to spread when it gets the first rule that chooses
 * among queues, also while it is started. Until then its bursts take no lock. The change
 * closes the gates of the queues (base/station/shmbus_gate.h): SHMBUS_RX_STEER makes the next
 * bursts take the lock, and the change waits for the end of those that took none. Then it
 * holds all locks, lets all queues read all lanes (shmbus_lanes_rx_share) and notes where
 * in each lane they begin (shared_from). Before that position a frame stays with the queue
 * that had the lane alone, whatever the rules say, also after further changes. The port
 * stays spread until its next start, also without a rule: only a start may take lanes
 * away from a queue, as frames that wait for it may be there.
 *
 *   bursts       queues read         change: by
 *   gate         their own lanes     -> lock: the first rule of any kind; close_gates
 *   lock         their own lanes     -> shared: the first rule that chooses
 *                                    -> gate: the last rule is destroyed, or -EBUSY
 *   lock         all lanes, shared   -> gate or lock, own lanes: start only
 *
 * A queue holds its lock during a burst. A change takes the locks of all queues, so
 * it knows the position of every queue, and no queue uses the tables that it frees.
 * A queue that finds its lock taken returns no frames this time.
 *
 *   lock                 is held by
 *   priv->steer.lock     one control path at a time
 *   rxq->steer_lock      one burst of the queue, or a change
 */

#include <rte_lock_annotations.h>

#include "shmbus_rules.h"
#include "shmbus_rxq.h"

/* A published table never changes, except for older and hidden, which change under all locks. */
struct shmbus_steer_table {
	struct shmbus_steer_table *older; /* NULL in a table that is itself an older one */
	struct shmbus_rules *rules;       /* NULL: no rules */
	struct rte_flow *hidden;          /* the rule that is not in force; NULL: all are */
	bool spread;
	bool isolated;
	uint16_t n_queues;
	uint32_t lane_queues; /* lanes of one sender */
	uint32_t n_lanes;
	struct shmbus_rss rss;
	/* For each lane the position below which the frames belong to the lane's own queue, as
	 * only that queue reads them. NULL: all queues read all frames. The table of the change
	 * that begins to spread writes it, before it is published.
	 */
	uint64_t *shared_from;
	uint64_t from[]; /* for each lane, the position from which the table is in force */
};

/* Each of these makes a new table. Returns 0, or -errno, and nothing has changed then. */
int shmbus_steer_set_rss(struct rte_eth_dev *dev, const struct shmbus_rss *rss);
/*
 * Adds a rule, which belongs to the port from then on. Returns -ENOSPC if the port has as many
 * as it can have.
 */
int shmbus_steer_add(struct rte_eth_dev *dev, struct rte_flow *flow,
		     const struct shmbus_pattern_form *form);
/* Returns whether shmbus_steer_add() would return -ENOSPC now. */
bool shmbus_steer_is_full(const struct rte_eth_dev *dev);
/* Removes a rule, or all rules if flow is NULL. Returns -ENOENT if there is no such rule. */
int shmbus_steer_remove(struct rte_eth_dev *dev, struct rte_flow *flow);
int shmbus_steer_isolate(struct rte_eth_dev *dev, bool on);

/* Makes the table of a start. Called before the queues start. Returns 0 or -errno. */
int shmbus_steer_start(struct rte_eth_dev *dev);
/* Frees rules and tables. Called by close and reset, when no queue is polled. */
void shmbus_steer_close(struct rte_eth_dev *dev);

/* Begin and end a burst. Returns false, and no burst begins, while a change is made. */
bool shmbus_steer_enter(struct shmbus_rxq *q)
	__rte_try_acquire_capability(true, &q->steer_lock);
void shmbus_steer_leave(struct shmbus_rxq *q)
	__rte_release_capability(&q->steer_lock);

/* The following are called within a burst. */
/* Returns whether this queue counts the frame if no queue takes it. */
bool shmbus_steer_is_counter(const struct shmbus_rxq *q, const struct shmbus_frame *frame);

/* Returns whether isolated mode is in force for the frame. */
bool shmbus_steer_isolated(const struct shmbus_rxq *q, const struct shmbus_frame *frame);

/* Returns TAKE, OTHERS or DROP, by the first bytes of a frame, in the queue's own memory. */
enum shmbus_verdict shmbus_steer_decide(const struct shmbus_rxq *q, const uint8_t *head,
					uint32_t head_len, struct shmbus_frame *frame);

/*
 * Returns whether rules alone decide on frames that have been read from one record, and nothing
 * is to be counted or noted for them but whether the queue takes them.
 */
bool shmbus_steer_is_plain(const struct shmbus_rxq *q, const struct shmbus_frame *frame);
/*
 * Decides on such frames. Moves the mbufs that the queue takes to the beginning of pkts, puts
 * the others back, and returns the number of the first. Counts the frames and their bytes.
 */
uint16_t shmbus_steer_sort(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n,
			   const struct shmbus_frame *frame);

/*
 * Adds hits and bytes to the counts of the rules that the frame matched. The same burst has
 * decided on the frame, as frame->last is a rule of the table that was in force then.
 */
void shmbus_steer_count(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
			uint32_t hits, uint32_t bytes, const struct shmbus_frame *frame);

#endif /* SHMBUS_STEER_H */
