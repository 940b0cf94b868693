/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The decision for each frame, by the table that is in force for the frame. */

#include "shmbus_headers.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"

bool
shmbus_steer_enter(struct shmbus_rxq *q)
{
	if (unlikely(rte_spinlock_trylock(&q->steer_lock) == 0))
		return false;
	q->table = shmbus_priv(&rte_eth_devices[q->port_id])->steer.table;
	return true;
}

void
shmbus_steer_leave(struct shmbus_rxq *q)
{
	q->table = NULL;
	rte_spinlock_unlock(&q->steer_lock);
}

/* Returns the table that is in force for the frame. */
static inline const struct shmbus_steer_table *
choose_table(const struct shmbus_rxq *q, const struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t = q->table;

	if (unlikely(t->older != NULL) && (int64_t)(frame->pos - t->from[frame->lane]) < 0)
		return t->older;
	return t;
}

/* Returns the queue of a frame that is the same as without rules (base/station/shmbus_lanes_rx.c). */
static uint16_t
queue_of_lane(const struct shmbus_steer_table *t, const struct shmbus_frame *frame)
{
	return (frame->lane / t->lane_queues + frame->lane % t->lane_queues) % t->n_queues;
}

/* Returns whether no other queue reads what this one reads. */
static inline bool
reads_alone(const struct shmbus_rxq *q)
{
	/* A port that has begun to spread has a newer table. */
	return !q->table->spread;
}

/* Returns whether the queue of the frame's lane alone reads the frame. */
static inline bool
is_alone(const struct shmbus_steer_table *t, const struct shmbus_frame *frame)
{
	return !t->spread || (unlikely(t->shared_from != NULL) &&
			      (int64_t)(frame->pos - t->shared_from[frame->lane]) < 0);
}

/* Returns the queue of a frame that no rule sends elsewhere. */
static uint16_t
default_queue(const struct shmbus_rxq *q, const struct shmbus_steer_table *t,
	      const struct shmbus_headers *h, struct shmbus_frame *frame)
{
	if (t->rss.on) {
		if (shmbus_toeplitz_hash(&t->rss.toeplitz, h, &frame->hash))
			frame->found |= SHMBUS_FRAME_HASH;
		return t->rss.reta[frame->hash % SHMBUS_RSS_RETA];
	}
	return t->spread ? queue_of_lane(t, frame) : q->queue_id;
}

/* Returns the queue of a frame that matches a rule with QUEUE or RSS. */
static uint16_t
chosen_queue(const struct shmbus_steer_table *t, const struct rte_flow *flow,
	     const struct shmbus_headers *h, struct shmbus_frame *frame)
{
	const struct shmbus_flow_rss *rss = flow->rss;

	if (flow->action.fate == SHMBUS_FLOW_QUEUE)
		return flow->action.queue;
	frame->found &= (uint8_t)~SHMBUS_FRAME_HASH;
	if (shmbus_toeplitz_hash(&rss->toeplitz, h, &frame->hash))
		frame->found |= SHMBUS_FRAME_HASH;
	return rss->n_queues != 0 ? rss->queues[frame->hash % rss->n_queues] :
				    t->rss.reta[frame->hash % SHMBUS_RSS_RETA];
}

/* Applies the rules up to the first one that ends the search. Returns false to drop the frame. */
static bool
ask_rules(const struct shmbus_steer_table *t, const struct shmbus_headers *h,
	  struct shmbus_frame *frame, uint16_t *queue)
{
	const struct rte_flow *flow = NULL;
	uint16_t target;

	while (t->rules != NULL &&
	       (flow = shmbus_rules_find(t->rules, h, flow, t->hidden)) != NULL) {
		frame->found |= flow->action.found;
		if (flow->action.found & SHMBUS_FRAME_MARK)
			frame->mark = flow->action.mark;
		frame->n_matched++;
		frame->last = t->rules->n_counting != 0 ? flow : NULL;
		if (flow->action.fate == SHMBUS_FLOW_PASSTHRU)
			continue;
		if (flow->action.fate == SHMBUS_FLOW_DROP)
			return false;
		if (!shmbus_flow_chooses(&flow->action))
			return true;
		target = chosen_queue(t, flow, h, frame);
		/* The port may have fewer queues than when the rule was made. */
		if (target < t->n_queues)
			*queue = target;
		return true;
	}
	return !t->isolated;
}

static void
count_hits(const struct rte_flow *flow, uint16_t queue, uint32_t hits, uint32_t bytes)
{
	if (queue >= flow->n_counts)
		return;
	flow->counts[queue].sum.hits += hits;
	flow->counts[queue].sum.bytes += bytes;
}

void
shmbus_steer_count(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
		   uint32_t hits, uint32_t bytes, const struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t = choose_table(q, frame);
	const struct rte_flow *flow = NULL;
	struct shmbus_headers h;

	if (frame->n_matched == 1) {
		count_hits(frame->last, q->queue_id, hits, bytes);
		return;
	}
	shmbus_headers_parse_bytes(&h, head, head_len);
	while (flow != frame->last &&
	       (flow = shmbus_rules_find(t->rules, &h, flow, t->hidden)) != NULL)
		count_hits(flow, q->queue_id, hits, bytes);
}

bool
shmbus_steer_is_counter(const struct shmbus_rxq *q, const struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t = choose_table(q, frame);

	if (reads_alone(q))
		return true;
	return q->queue_id == (is_alone(t, frame) ? queue_of_lane(t, frame) : 0);
}

bool
shmbus_steer_isolated(const struct shmbus_rxq *q, const struct shmbus_frame *frame)
{
	return choose_table(q, frame)->isolated;
}

enum shmbus_verdict
shmbus_steer_decide(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
		    struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t = choose_table(q, frame);
	struct shmbus_headers headers;
	uint16_t queue;
	bool wanted;

	shmbus_headers_parse_bytes(&headers, head, head_len);
	frame->hash = 0;
	frame->n_matched = 0;
	frame->last = NULL;
	queue = default_queue(q, t, &headers, frame);
	wanted = ask_rules(t, &headers, frame, &queue);
	/* Queue 0 counts a frame that no queue takes and all queues read. */
	if (likely(reads_alone(q)))
		queue = q->queue_id;
	else if (is_alone(t, frame))
		queue = queue_of_lane(t, frame);
	else if (!wanted)
		queue = 0;
	if (queue != q->queue_id) {
		frame->last = NULL;
		return SHMBUS_FRAME_OTHERS;
	}
	return wanted ? SHMBUS_FRAME_TAKE : SHMBUS_FRAME_DROP;
}

bool
shmbus_steer_is_plain(const struct shmbus_rxq *q, const struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t = choose_table(q, frame);

	return reads_alone(q) && t->rules != NULL && t->rules->n_counting == 0;
}

/* Returns whether the frame is not dropped. */
static inline bool
is_wanted(const struct shmbus_steer_table *t, const struct shmbus_headers *h)
{
	const struct rte_flow *flow = NULL;

	while ((flow = shmbus_rules_find(t->rules, h, flow, t->hidden)) != NULL)
		if (flow->action.fate != SHMBUS_FLOW_PASSTHRU)
			return flow->action.fate != SHMBUS_FLOW_DROP;
	return !t->isolated;
}

uint16_t
shmbus_steer_sort(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n,
		  const struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t = choose_table(q, frame);
	struct shmbus_headers h, last = { .len = 0 };
	bool frequent, wanted = false;
	struct rte_mbuf *m;
	uint64_t bytes = 0;
	uint16_t i, k = 0;

	for (i = 0; i < n; i++) {
		m = pkts[i];
		frequent = shmbus_headers_parse_bytes(&h, rte_pktmbuf_mtod(m, const uint8_t *),
						      RTE_MIN((uint32_t)m->data_len, SHMBUS_FRAME_HEAD));
		if (!frequent || last.len == 0 || !shmbus_rules_see_same(t->rules, &h, &last)) {
			wanted = is_wanted(t, &h);
			last = h;
			if (!frequent)
				last.len = 0;
		}
		/* last points into an mbuf that is put back at most: nothing is written there. */
		if (wanted) {
			bytes += m->pkt_len;
			pkts[k++] = m;
		} else {
			shmbus_put_back(q, &m, 1);
		}
	}
	q->stats.bytes += bytes;
	q->stats.packets += k;
	return k;
}
