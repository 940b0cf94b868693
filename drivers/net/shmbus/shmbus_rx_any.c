/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "base/shmbus_copy.h"
#include "shmbus_checksum.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_rx_any.h"
#include "shmbus_steer.h"
#include "shmbus_switch.h"

/* The copies from one record, before the commit. */
struct copied {
	uint16_t n;        /* mbufs */
	bool held;         /* a frame is held, behind these */
	bool corrupt;      /* the next descriptor is corrupt */
	bool no_mbuf;
	uint32_t too_long;
	uint32_t filtered;
};

/* The destination of a frame. */
enum place {
	PLACE_MBUF,
	PLACE_CHAIN,
	PLACE_HELD_WHOLE,
	PLACE_HELD_SEGMENTS,
	PLACE_NONE, /* longer than the queue delivers */
};

static inline bool
is_held(enum place place)
{
	return place == PLACE_HELD_WHOLE || place == PLACE_HELD_SEGMENTS;
}

/* Returns whether the queue delivers a packet whole that is to be segmented. */
static bool
wants_whole(const struct shmbus_rxq *q, uint32_t len, uint32_t flags)
{
	return (q->offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) && len <= q->max_lro &&
	       (len <= q->room || (flags & SHMBUS_RX_SCATTER));
}

/* Returns whether the first mbuf of a chain holds all bytes that the request needs. */
static bool
is_done_in_head(const struct shmbus_rxq *q, const struct shmbus_request *req)
{
	return req->l4_off <= q->room && req->l3_off + SHMBUS_IPV6_LEN <= q->room &&
	       (shmbus_checksum_kinds(q, req) & SHMBUS_REQUEST_L4_CKSUM) == 0;
}

static enum place
place_of(const struct shmbus_rxq *q, uint32_t len, const struct shmbus_request *req, uint32_t flags)
{
	const bool segment = req->flags & SHMBUS_REQUEST_SEGMENT;
	uint32_t delivered;

	if (len > SHMBUS_FRAME_MAX)
		return PLACE_NONE;
	if (segment && !wants_whole(q, len, flags)) {
		delivered = RTE_MIN(len, (uint32_t)req->data_off + req->segment);
		if (delivered <= q->max_len &&
		    (delivered <= q->room || (flags & SHMBUS_RX_SCATTER)))
			return PLACE_HELD_SEGMENTS;
		return PLACE_NONE;
	}
	if (!segment && len > q->max_len)
		return PLACE_NONE;
	if (len <= q->room)
		return PLACE_MBUF;
	if (!(flags & SHMBUS_RX_SCATTER))
		return PLACE_NONE;
	return req->flags == 0 || is_done_in_head(q, req) ? PLACE_CHAIN : PLACE_HELD_WHOLE;
}

/* Returns where the head of a frame is copied for the decision: the frame's place, if it fits. */
static uint8_t *
early_place(const struct shmbus_rxq *q, struct rte_mbuf *m, bool held)
{
	if (held || m == NULL || q->room < SHMBUS_FRAME_HEAD)
		return q->held.bytes;
	m->data_off = RTE_PKTMBUF_HEADROOM;
	return rte_pktmbuf_mtod(m, uint8_t *);
}

/*
 * Copies the head of a frame and decides by the copy, if several queues read the same
 * lanes. Returns false if the queue does not need the rest of the frame.
 */
static bool
decide_early(struct shmbus_rxq *q, uint8_t *head, const uint8_t *from, uint32_t len,
	     uint32_t flags, struct shmbus_frame *frame, struct copied *copied)
{
	const uint32_t head_len = RTE_MIN(len, SHMBUS_FRAME_HEAD);

	shmbus_copy_lines(head, from, head_len);
	/* The compiler must not read the bus again instead of the copy. */
	shmbus_fence_compiler();
	shmbus_frame_decide(q, head, head_len, flags, frame);
	copied->filtered += frame->verdict == SHMBUS_FRAME_FILTERED;
	/* A dropped frame is counted after the commit, which tells whether it was whole. */
	return frame->verdict == SHMBUS_FRAME_TAKE ||
	       (frame->verdict == SHMBUS_FRAME_DROP && frame->last != NULL);
}

static void
hold(struct shmbus_rxq *q, const uint8_t *from, uint32_t len, uint32_t done,
     const struct shmbus_frame *frame, bool segments)
{
	struct shmbus_held *h = &q->held;

	shmbus_copy_lines(h->bytes + done, from + done, len - done);
	h->len = len;
	h->segments = segments;
	h->frame = *frame;
	h->tso = (struct shmbus_tso){
		.frame = h->bytes,
		.len = len,
		.req = frame->request,
		.kinds = shmbus_checksum_kinds(q, &frame->request),
	};
}

/*
 * Copies a frame into m, or into a chain behind it; the first done bytes have been copied
 * to early_place(). Returns false if mbufs are missing.
 */
static bool
copy_to_mbufs(struct shmbus_rxq *q, struct rte_mbuf *m, const uint8_t *from, uint32_t len,
	      uint32_t done, enum place place)
{
	if (done != 0 && early_place(q, m, false) == q->held.bytes) {
		/* The rest follows the head there, then all bytes go into mbufs. */
		shmbus_copy_lines(q->held.bytes + done, from + done, len - done);
		from = q->held.bytes;
		done = 0;
	}
	if (place == PLACE_MBUF) {
		shmbus_init_mbuf(q, m, len);
		shmbus_copy_frame(q, rte_pktmbuf_mtod(m, uint8_t *), from, done, len);
		return true;
	}
	shmbus_init_mbuf(q, m, done);
	return shmbus_append(q, m, from + done, len - done);
}

/*
 * Copies a frame to its place; the first done bytes have been copied to early_place(). m is
 * the last mbuf of the stash, NULL if there is none. Returns false if mbufs are missing.
 */
static bool
copy_to_place(struct shmbus_rxq *q, struct rte_mbuf *m, const uint8_t *from, uint32_t len,
	      uint32_t done, enum place place, const struct shmbus_frame *frame)
{
	if (unlikely(m == NULL))
		return false;
	if (is_held(place)) {
		hold(q, from, len, done, frame, place == PLACE_HELD_SEGMENTS);
		return true;
	}
	q->n_stash--;
	if (likely(copy_to_mbufs(q, m, from, len, done, place)))
		return true;
	shmbus_put_back(q, &m, 1);
	return false;
}

/* Steps over frames for other ports. Returns false if the record has no more frames. */
static bool
pass_others(const struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk)
{
	return shmbus_reader_pass(r, walk, shmbus_lanes_rx_reads_for(&q->lanes, r->lane));
}

/* Copies the next frame. Returns false at the last frame that this poll copies of the record. */
static bool
copy_one(struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk,
	 struct rte_mbuf **pkts, uint32_t flags, struct shmbus_frame *frame,
	 struct copied *copied)
{
	struct shmbus_walk before;
	const uint8_t *from;
	struct rte_mbuf *m;
	enum place place;
	uint32_t len, done = 0;

	if ((flags & SHMBUS_RX_DIRECTED) && !pass_others(q, r, walk))
		return false;
	before = *walk;
	*frame = (struct shmbus_frame){
		.tstamp_ns = r->tstamp_ns,
		.pos = r->pos,
		.lane = r->lane,
	};
	len = shmbus_reader_next_any(r, walk, &from, &frame->request);
	if (unlikely(len == 0)) {
		copied->corrupt = true;
		goto later;
	}
	place = place_of(q, len, &frame->request, flags);
	/* The frames before a held frame are delivered first. */
	if (is_held(place) && copied->n != 0)
		goto later;
	m = shmbus_fill_stash(q, 1) != 0 ? q->stash[q->n_stash - 1] : NULL;
	if (flags & SHMBUS_RX_SHARED) {
		done = RTE_MIN(len, SHMBUS_FRAME_HEAD);
		if (!decide_early(q, early_place(q, m, is_held(place)), from, len, flags, frame,
				  copied))
			return true;
	}
	if (unlikely(place == PLACE_NONE)) {
		copied->too_long++;
		return true;
	}
	if (unlikely(!copy_to_place(q, m, from, len, done, place, frame))) {
		copied->no_mbuf = true;
		goto later;
	}
	copied->held = is_held(place);
	if (copied->held)
		return false;
	pkts[copied->n++] = m;
	return true;

later:
	*walk = before;
	return false;
}

uint16_t
shmbus_rx_held(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n, uint32_t flags)
{
	struct shmbus_held *h = &q->held;
	struct shmbus_frame frame = h->frame;
	uint16_t got = 0;
	int ret;

	while (got < n && h->len != 0) {
		ret = shmbus_checksum_deliver(q, h, &pkts[got]);
		if (ret == -ENOMEM)
			break;
		if (ret != 0)
			q->stats.refused++;
		else
			got++;
		if (ret != 0 || !h->segments || shmbus_tso_len(&h->tso) == 0)
			h->len = 0;
	}
	/* The request is carried out. */
	frame.request.flags = 0;
	return shmbus_frames_sort(q, pkts, got, &frame, 0, flags);
}

uint16_t
shmbus_rx_any(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	      struct rte_mbuf **pkts, uint16_t n, uint16_t room, uint32_t flags, bool *more)
{
	struct shmbus_frame frames[SHMBUS_STASH];
	struct copied copied = { .n = 0 };
	struct shmbus_walk walk;
	uint16_t i, got;

	n = RTE_MIN(n, (uint16_t)SHMBUS_STASH);
	shmbus_reader_walk(bus, r, &walk);
	for (i = 0; i < n; i++)
		if (!copy_one(q, r, &walk, pkts, flags, &frames[copied.n], &copied))
			break;
	if (unlikely(!shmbus_reader_commit(bus, r, &walk))) {
		shmbus_put_back(q, pkts, copied.n);
		q->held.len = 0;
		return 0;
	}
	q->stats.too_long += copied.too_long;
	q->stats.filtered += copied.filtered;
	if (unlikely(copied.corrupt))
		shmbus_reader_give_up(r);
	if (flags & SHMBUS_RX_DIRECTED) {
		shmbus_switch_note(bus, q, r, &walk, pkts, copied.n);
		if (copied.held)
			shmbus_switch_learn_one(q, q->held.bytes, r->lane);
	}
	*more = !copied.no_mbuf;
	got = shmbus_frames_sort(q, pkts, copied.n, frames, 1, flags);
	if (copied.held && shmbus_frame_accept(q, &q->held, flags)) {
		got += shmbus_rx_held(q, &pkts[got], room - got, flags);
		*more = q->held.len == 0;
	} else {
		q->held.len = 0;
	}
	return got;
}
