/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_mbuf_dyn.h>

#include "shmbus_checksum.h"
#include "shmbus_filter.h"
#include "shmbus_headers.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"
#include "shmbus_vlan.h"

/* Returns the destination address of a frame in the form of shmbus_rxq.own_mac. */
static inline uint64_t
destination(const uint8_t *head)
{
	uint64_t word;

	memcpy(&word, head, sizeof(word));
	return word & rte_cpu_to_be_64(UINT64_C(0xffffffffffff0000));
}

/*
 * Returns the verdict on a frame that is not for the port. If several queues read
 * the frame, one of them counts it.
 */
static enum shmbus_verdict
filtered(const struct shmbus_rxq *q, const struct shmbus_frame *frame)
{
	return q->table != NULL && !shmbus_steer_is_counter(q, frame) ? SHMBUS_FRAME_OTHERS :
									SHMBUS_FRAME_FILTERED;
}

void
shmbus_frame_decide(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
		    uint32_t flags, struct shmbus_frame *frame)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];

	frame->verdict = SHMBUS_FRAME_TAKE;
	if ((flags & SHMBUS_RX_FILTER) && !(q->table != NULL && shmbus_steer_isolated(q, frame)) &&
	    !shmbus_filter_accepts(dev, head, head_len))
		frame->verdict = filtered(q, frame);
	else if (q->table != NULL)
		frame->verdict = shmbus_steer_decide(q, head, head_len, frame);
}

/* Counts a frame that is not delivered. The frame was whole. Returns whether it is delivered. */
static bool
count_verdict(struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len, uint32_t len,
	      const struct shmbus_frame *frame)
{
	const bool taken = frame->verdict == SHMBUS_FRAME_TAKE;

	q->stats.filtered += frame->verdict == SHMBUS_FRAME_FILTERED;
	if (!taken && frame->last != NULL)
		shmbus_steer_count(q, head, head_len, 1, len, frame);
	return taken;
}

static uint32_t
count_segments(const struct shmbus_tso *tso)
{
	const uint32_t payload = tso->len - tso->req.data_off;

	return RTE_MAX((payload + tso->req.segment - 1) / tso->req.segment, 1u);
}

bool
shmbus_frame_accept(struct shmbus_rxq *q, struct shmbus_held *h, uint32_t flags)
{
	const uint32_t head_len = RTE_MIN(h->len, SHMBUS_FRAME_HEAD);
	struct shmbus_frame *frame = &h->frame;
	uint32_t n;

	if (frame->verdict == SHMBUS_FRAME_UNDECIDED)
		shmbus_frame_decide(q, h->bytes, head_len, flags, frame);
	if (!count_verdict(q, h->bytes, head_len, h->len, frame))
		return false;
	if (!shmbus_checksum_accept_held(h)) {
		q->stats.refused++;
		return false;
	}
	if (frame->last != NULL) {
		n = h->segments ? count_segments(&h->tso) : 1;
		shmbus_steer_count(q, h->bytes, head_len, n,
				   h->len + (n - 1) * h->tso.req.data_off, frame);
	}
	/* All segments are counted: the rules may change before the last one is delivered. */
	frame->last = NULL;
	return true;
}

/* Fills in the mbuf's fields of the offloads. */
static void
complete(const struct shmbus_rxq *q, struct rte_mbuf *m, const struct shmbus_frame *frame)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	const uint32_t ptypes = shmbus_priv(dev)->ptypes;
	struct shmbus_headers h;

	if (q->offloads & SHMBUS_RX_CHECKSUMS)
		shmbus_checksum_verify(q, m);
	if (dev->data->dev_conf.rxmode.offloads & SHMBUS_VLAN_RX_STRIP)
		shmbus_vlan_strip(dev, m);
	if ((q->offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) && frame->tstamp_ns != 0) {
		*RTE_MBUF_DYNFIELD(m, q->tstamp_off, rte_mbuf_timestamp_t *) = frame->tstamp_ns;
		m->ol_flags |= q->tstamp_flag;
	}
	if ((frame->found & SHMBUS_FRAME_HASH) && q->hash_wanted) {
		m->hash.rss = frame->hash;
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	}
	if (frame->found & SHMBUS_FRAME_FLAG)
		m->ol_flags |= RTE_MBUF_F_RX_FDIR;
	if (frame->found & SHMBUS_FRAME_MARK) {
		m->hash.fdir.hi = frame->mark;
		m->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
	}
	/* Last, as the type does not include tags that were stripped. */
	if (ptypes != 0) {
		shmbus_headers_parse(&h, m);
		m->packet_type = h.ptype & ptypes;
	}
}

/* Does the whole second loop for one frame. Returns whether the frame is delivered. */
static bool
sort_one(struct shmbus_rxq *q, struct rte_mbuf *m, struct shmbus_frame *frame, uint32_t flags)
{
	const uint8_t *head = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint32_t head_len = RTE_MIN((uint32_t)m->data_len, SHMBUS_FRAME_HEAD);

	if (frame->verdict == SHMBUS_FRAME_UNDECIDED)
		shmbus_frame_decide(q, head, head_len, flags, frame);
	if (!count_verdict(q, head, head_len, m->pkt_len, frame))
		return false;
	if (frame->request.flags != 0 && !shmbus_checksum_accept(q, m, &frame->request)) {
		q->stats.refused++;
		return false;
	}
	if (frame->last != NULL)
		shmbus_steer_count(q, head, head_len, 1, m->pkt_len, frame);
	q->stats.bytes += m->pkt_len;
	if (flags & SHMBUS_RX_COMPLETE)
		complete(q, m, frame);
	return true;
}

uint16_t
shmbus_frames_sort(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n,
		   const struct shmbus_frame *frames, unsigned int step, uint32_t flags)
{
	const bool alike = step == 0 && frames->verdict == SHMBUS_FRAME_UNDECIDED &&
			   frames->request.flags == 0 && !(flags & SHMBUS_RX_COMPLETE);
	/* The filter is the only work: a frame to the own address needs one comparison of 8 bytes. */
	const bool plain = alike && !(flags & SHMBUS_RX_STEER) && q->own_mac != 0;
	struct shmbus_frame frame = *frames;
	struct rte_mbuf *m;
	uint64_t bytes = 0;
	uint16_t i, k = 0;

	if (alike && q->table != NULL && !(flags & SHMBUS_RX_FILTER) &&
	    shmbus_steer_is_plain(q, frames))
		return shmbus_steer_sort(q, pkts, n, frames);
	for (i = 0; i < n; i++) {
		m = pkts[i];
		if (plain && likely(destination(rte_pktmbuf_mtod(m, const uint8_t *)) ==
				    q->own_mac && m->pkt_len >= RTE_ETHER_HDR_LEN)) {
			bytes += m->pkt_len;
			pkts[k++] = m;
			continue;
		}
		if (step != 0) {
			frame = frames[i * step];
		} else {
			/* The rest of the entry is as before, or is written with these. */
			frame.verdict = frames->verdict;
			frame.found = frames->found;
		}
		if (sort_one(q, m, &frame, flags))
			pkts[k++] = m;
		else
			shmbus_put_back(q, &m, 1);
	}
	q->stats.bytes += bytes;
	q->stats.packets += k;
	return k;
}
