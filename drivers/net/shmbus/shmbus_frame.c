/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_mbuf_dyn.h>

#include "shmbus_checksum.h"
#include "shmbus_frame.h"
#include "shmbus_headers.h"
#include "shmbus_steer.h"
#include "shmbus_vlan.h"

/*
 * Of a frame that is not for the port. Where several queues see it one of them
 * counts it.
 */
static enum shmbus_verdict
filtered(const struct shmbus_rxq *q)
{
	return q->sharers > 1 && q->queue_id != 0 ? SHMBUS_FRAME_OTHERS : SHMBUS_FRAME_FILTERED;
}

enum shmbus_verdict
shmbus_frame_classify(struct shmbus_rxq *q, const uint8_t *data, uint32_t len,
		      struct shmbus_frame *frame)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	const uint32_t head_len = RTE_MIN(len, SHMBUS_FRAME_HEAD);
	uint8_t head[SHMBUS_FRAME_HEAD];

	memcpy(head, data, head_len);
	frame->found = 0;
	if (!(q->table != NULL && shmbus_steer_isolated(q, frame)) &&
	    !shmbus_filter_accepts(dev, head, head_len))
		return filtered(q);
	if (q->table != NULL && !shmbus_steer_takes(q, head, head_len, len, frame))
		return SHMBUS_FRAME_OTHERS;
	return SHMBUS_FRAME_TAKE;
}

void
shmbus_frame_complete(const struct shmbus_rxq *q, struct rte_mbuf *m,
		      const struct shmbus_frame *frame)
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
	/* Of what the mbuf now has: a tag that was stripped is none. */
	if (ptypes != 0)
		m->packet_type = shmbus_ptype_of(m) & ptypes;
}
