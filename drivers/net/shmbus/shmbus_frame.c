/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_mbuf_dyn.h>

#include "shmbus_checksum.h"
#include "shmbus_filter.h"
#include "shmbus_headers.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_ptype.h"
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
 * the frame, queue 0 alone counts it.
 */
static enum shmbus_verdict
filtered(const struct shmbus_rxq *q, uint32_t flags)
{
	return (flags & SHMBUS_RX_SHARED) && q->queue_id != 0 ? SHMBUS_FRAME_OTHERS :
								SHMBUS_FRAME_FILTERED;
}

static inline void
decide(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len, uint32_t flags,
       struct shmbus_frame *frame)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];

	frame->verdict = SHMBUS_FRAME_TAKE;
	if ((flags & SHMBUS_RX_FILTER) && !(q->table != NULL && shmbus_steer_isolated(q, frame)) &&
	    !shmbus_filter_accepts(dev, head, head_len))
		frame->verdict = filtered(q, flags);
	else if (q->table != NULL)
		frame->verdict = shmbus_steer_decide(q, head, head_len, frame);
}

void
shmbus_frame_decide(const struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len,
		    struct shmbus_frame *frame)
{
	decide(q, head, head_len, shmbus_load(&q->flags), frame);
}

/* Counts a frame that is not delivered. The frame was whole. Returns whether it is delivered. */
static bool
count_verdict(struct shmbus_rxq *q, const uint8_t *head, uint32_t head_len, uint32_t len,
	      const struct shmbus_frame *frame)
{
	const bool taken = frame->verdict == SHMBUS_FRAME_TAKE;

	q->stats.filtered += frame->verdict == SHMBUS_FRAME_FILTERED;
	if (!taken && frame->n_asked != 0)
		shmbus_steer_count(q, head, head_len, len, frame);
	return taken;
}

bool
shmbus_frame_accept(struct shmbus_rxq *q, const uint8_t *bytes, uint32_t len,
		    struct shmbus_frame *frame)
{
	const uint32_t head_len = RTE_MIN(len, SHMBUS_FRAME_HEAD);

	if (frame->verdict == SHMBUS_FRAME_UNDECIDED)
		shmbus_frame_decide(q, bytes, head_len, frame);
	return count_verdict(q, bytes, head_len, len, frame);
}

/* Fills in the mbuf's fields of the offloads. */
static void
complete(const struct shmbus_rxq *q, struct rte_mbuf *m, const struct shmbus_frame *frame)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	const uint32_t ptypes = shmbus_priv(dev)->ptypes;

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
	if (ptypes != 0)
		m->packet_type = shmbus_ptype_of(m) & ptypes;
}

/* Does the whole second loop for one frame. Returns whether the frame is delivered. */
static bool
sort_one(struct shmbus_rxq *q, struct rte_mbuf *m, struct shmbus_frame *frame, uint32_t flags)
{
	const uint8_t *head = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint32_t head_len = RTE_MIN((uint32_t)m->data_len, SHMBUS_FRAME_HEAD);

	if (frame->verdict == SHMBUS_FRAME_UNDECIDED)
		decide(q, head, head_len, flags, frame);
	if (!count_verdict(q, head, head_len, m->pkt_len, frame))
		return false;
	if (frame->request.flags != 0 && !shmbus_checksum_accept(q, m, &frame->request)) {
		q->stats.refused++;
		return false;
	}
	if (frame->n_asked != 0)
		shmbus_steer_count(q, head, head_len, m->pkt_len, frame);
	q->stats.bytes += m->pkt_len;
	if (flags & SHMBUS_RX_COMPLETE)
		complete(q, m, frame);
	return true;
}

uint16_t
shmbus_frames_sort(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n,
		   const struct shmbus_frame *frames, unsigned int step, uint32_t flags)
{
	/* The filter is the only work: a frame to the own address needs one comparison of 8 bytes. */
	const bool plain = step == 0 && frames->verdict == SHMBUS_FRAME_UNDECIDED &&
			   !(flags & (SHMBUS_RX_STEER | SHMBUS_RX_COMPLETE)) && q->own_mac != 0;
	struct shmbus_frame frame;
	struct rte_mbuf *m;
	uint64_t bytes = 0;
	uint16_t i, k = 0;

	for (i = 0; i < n; i++) {
		m = pkts[i];
		if (plain && likely(destination(rte_pktmbuf_mtod(m, const uint8_t *)) ==
				    q->own_mac && m->pkt_len >= RTE_ETHER_HDR_LEN)) {
			bytes += m->pkt_len;
			pkts[k++] = m;
			continue;
		}
		frame = frames[i * step];
		if (sort_one(q, m, &frame, flags))
			pkts[k++] = m;
		else
			shmbus_put_back(q, &m, 1);
	}
	q->stats.bytes += bytes;
	q->stats.packets += k;
	return k;
}
