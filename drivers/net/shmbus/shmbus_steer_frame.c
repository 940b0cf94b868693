/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The decision for each frame, by the table that is in force for the frame. */

#include "shmbus_headers.h"
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

	while (unlikely(t->older != NULL) && (int64_t)(frame->pos - t->from[frame->lane]) < 0)
		t = t->older;
	return t;
}

/* Returns the queue of a frame that no rule sends elsewhere. */
static uint16_t
default_queue(const struct shmbus_rxq *q, const struct shmbus_steer_table *t,
	      const struct shmbus_headers *h, struct shmbus_frame *frame)
{
	if (t->rss) {
		if (shmbus_toeplitz_hash(&t->toeplitz, h, &frame->hash))
			frame->found |= SHMBUS_FRAME_HASH;
		return t->reta[frame->hash % SHMBUS_RSS_RETA];
	}
	if (t->spread) /* the same as without rules: base/station/shmbus_lanes_rx.c */
		return (frame->lane / t->lane_queues + frame->lane % t->lane_queues) % t->n_queues;
	return q->queue_id;
}

/* Applies the rules up to the first one that ends the search. Returns false to drop the frame. */
static bool
ask_flows(const struct shmbus_steer_table *t, const struct shmbus_headers *h,
	  struct shmbus_frame *frame, uint16_t *queue)
{
	const struct rte_flow *flow;
	uint16_t target;
	uint32_t i;

	for (i = 0; i < t->n_flows; i++) {
		flow = t->flows[i];
		if (!shmbus_flow_matches(&flow->match, h))
			continue;
		frame->found |= flow->found;
		if (flow->found & SHMBUS_FRAME_MARK)
			frame->mark = flow->mark;
		frame->n_asked = t->counts ? i + 1 : 0;
		if (flow->fate == SHMBUS_FLOW_PASSTHRU)
			continue;
		if (flow->fate == SHMBUS_FLOW_DROP)
			return false;
		target = *queue;
		if (flow->fate == SHMBUS_FLOW_QUEUE) {
			target = flow->queues[0];
		} else if (flow->fate == SHMBUS_FLOW_RSS) {
			frame->found &= (uint8_t)~SHMBUS_FRAME_HASH;
			if (shmbus_toeplitz_hash(&flow->toeplitz, h, &frame->hash))
				frame->found |= SHMBUS_FRAME_HASH;
			target = flow->n_queues != 0 ? flow->queues[frame->hash % flow->n_queues] :
				 t->reta[frame->hash % SHMBUS_RSS_RETA];
		}
		/* The port may have fewer queues than when the rule was made. */
		if (target < t->n_queues)
			*queue = target;
		return true;
	}
	return !t->isolated;
}

/* Parses headers in flat bytes, through an mbuf, as the parser needs one. */
static void
parse(struct shmbus_headers *h, const uint8_t *head, uint32_t head_len)
{
	const struct rte_mbuf m = {
		.buf_addr = (void *)(uintptr_t)head,
		.data_len = (uint16_t)head_len,
		.pkt_len = head_len,
		.nb_segs = 1,
	};

	shmbus_headers_parse(h, &m);
}

void
shmbus_steer_count(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
		   uint32_t len, const struct shmbus_frame *frame)
{
	const struct shmbus_steer_table *t;
	struct shmbus_flow_count *count;
	struct shmbus_headers h;
	struct rte_flow *flow;
	uint32_t i;

	if (q->table == NULL)
		return;
	t = choose_table(q, frame);
	parse(&h, head, head_len);
	for (i = 0; i < frame->n_asked && i < t->n_flows; i++) {
		flow = t->flows[i];
		if (!flow->count || q->queue_id >= flow->n_counts ||
		    !shmbus_flow_matches(&flow->match, &h))
			continue;
		count = &flow->counts[q->queue_id];
		count->hits++;
		count->bytes += len;
	}
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

	parse(&headers, head, head_len);
	frame->hash = 0;
	frame->n_asked = 0;
	queue = default_queue(q, t, &headers, frame);
	wanted = ask_flows(t, &headers, frame, &queue);
	/* Queue 0 counts a frame that no queue takes and all queues read. */
	if (!wanted)
		queue = t->spread ? 0 : q->queue_id;
	if (!t->spread)
		queue = q->queue_id;
	if (queue != q->queue_id) {
		frame->n_asked = 0;
		return SHMBUS_FRAME_OTHERS;
	}
	return wanted ? SHMBUS_FRAME_TAKE : SHMBUS_FRAME_DROP;
}
