/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Send frames. Each Tx queue is a stream with numbers of its own, and has one
 * burst in the making, the rest of which is offered again until the port has
 * taken it: the numbers of a stream leave without a hole.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "checker_clock.h"
#include "checker_frame.h"
#include "checker_send.h"

struct queue {
	struct rte_mbuf **pkts; /* of opt->burst */
	uint16_t n;
	uint16_t done;
	uint32_t seq; /* of the next frame that is built */
};

static struct queue *queues;
static uint16_t n_queues;
static uint16_t turn;
static uint64_t built; /* over all queues */
static struct rte_mempool *mbufs;
static uint64_t luck;
static uint8_t flat[FRAME_MAX];

bool
sender_init(const struct options *opt, struct rte_mempool *pool)
{
	uint16_t i;

	mbufs = pool;
	luck = opt->seed * 1000003 + opt->id;
	n_queues = opt->queues;
	queues = calloc(n_queues, sizeof(*queues));
	for (i = 0; queues != NULL && i < n_queues; i++) {
		queues[i].pkts = calloc(opt->burst, sizeof(*queues[i].pkts));
		if (queues[i].pkts == NULL)
			break;
	}
	if (queues != NULL && i == n_queues)
		return true;
	fprintf(stderr, "checker: out of memory\n");
	return false;
}

static uint32_t
choose_length(const struct options *opt)
{
	uint32_t max = opt->max_len;

	if (opt->short_len < max && chance_in(&luck, 1, 100) > opt->long_percent)
		max = RTE_MAX(opt->short_len, opt->min_len);
	return chance_in(&luck, opt->min_len, max);
}

/*
 * A frame in several mbufs, cut anywhere: a segment may have one byte. NULL
 * if the pool is empty.
 */
static struct rte_mbuf *
build_chain(const struct options *opt, uint32_t len, uint16_t stream, uint32_t seq,
	    uint32_t segments)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf *last = NULL;
	struct rte_mbuf *m;
	uint32_t off, part, left, least;

	frame_build(flat, len, stream, seq);
	for (off = 0; segments != 0; segments--, off += part) {
		left = len - off;
		/* As much as the segments behind this one cannot take, and not what they need. */
		least = left > (segments - 1) * opt->room ? left - (segments - 1) * opt->room : 1;
		part = segments == 1 ? left :
		       chance_in(&luck, least, RTE_MIN(opt->room, left - (segments - 1)));
		m = rte_pktmbuf_alloc(mbufs);
		if (m == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), flat + off, part);
		m->data_len = (uint16_t)part;
		if (head == NULL) {
			head = m;
			head->pkt_len = len;
		} else {
			last->next = m;
			head->nb_segs++;
		}
		last = m;
	}
	return head;
}

static struct rte_mbuf *
build(const struct options *opt, uint16_t stream, uint32_t seq)
{
	const uint32_t len = choose_length(opt);
	const uint32_t least = (len + opt->room - 1) / opt->room;
	const uint32_t segments = chance_in(&luck, least, RTE_MAX(least, opt->segments));
	struct rte_mbuf *m;

	if (segments > 1)
		return build_chain(opt, len, stream, seq, segments);
	m = rte_pktmbuf_alloc(mbufs);
	if (m == NULL)
		return NULL;
	frame_build(rte_pktmbuf_mtod(m, uint8_t *), len, stream, seq);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return m;
}

static void
fill(const struct options *opt, struct queue *q)
{
	const uint16_t stream = (uint16_t)(opt->id + (q - queues));
	struct rte_mbuf *m;

	q->n = 0;
	q->done = 0;
	while (q->n < opt->burst && (opt->count == 0 || built < opt->count)) {
		m = build(opt, stream, q->seq);
		if (m == NULL)
			break;
		q->pkts[q->n++] = m;
		q->seq++;
		built++;
	}
}

bool
sender_poll(const struct options *opt, struct sender *s)
{
	struct queue *q = &queues[turn];
	uint64_t bytes = 0;
	uint64_t multi = 0;
	uint64_t now;
	uint16_t n, i;

	turn = (uint16_t)((turn + 1) % n_queues);
	if (q->done == q->n)
		fill(opt, q);
	if (q->n == 0)
		return opt->count == 0 || s->frames < opt->count;
	if (s->last_progress == 0)
		s->last_progress = now_ns();
	/* What is sent is not ours any more: look at it beforehand. */
	for (i = q->done; i < q->n; i++) {
		bytes += q->pkts[i]->pkt_len;
		multi += q->pkts[i]->nb_segs > 1;
	}
	n = rte_eth_tx_burst(opt->port, (uint16_t)(q - queues), &q->pkts[q->done],
			     (uint16_t)(q->n - q->done));
	now = now_ns();
	s->longest_stall = RTE_MAX(s->longest_stall, now - s->last_progress);
	if (n != 0)
		s->last_progress = now;
	q->done += n;
	for (i = q->done; i < q->n; i++) {
		bytes -= q->pkts[i]->pkt_len;
		multi -= q->pkts[i]->nb_segs > 1;
	}
	s->frames += n;
	s->bytes += bytes;
	s->multi += multi;
	s->full += q->done < q->n;
	return opt->count == 0 || s->frames < opt->count;
}

void
sender_end(void)
{
	uint16_t i;

	for (i = 0; i < n_queues; i++) {
		rte_pktmbuf_free_bulk(&queues[i].pkts[queues[i].done],
				      (unsigned int)(queues[i].n - queues[i].done));
		free(queues[i].pkts);
	}
	free(queues);
}
