/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_mbuf_dyn.h>

#include "shmbus_checksum.h"
#include "shmbus_frame.h"
#include "shmbus_vlan.h"

enum shmbus_verdict
shmbus_frame_classify(const struct shmbus_rxq *q, const uint8_t *data, uint32_t len,
		      struct shmbus_frame *frame)
{
	uint8_t head[SHMBUS_FRAME_HEAD];

	RTE_SET_USED(frame);
	len = RTE_MIN(len, SHMBUS_FRAME_HEAD);
	memcpy(head, data, len);
	if (!shmbus_filter_accepts(&rte_eth_devices[q->port_id], head, len))
		return SHMBUS_FRAME_FILTERED;
	return SHMBUS_FRAME_TAKE;
}

void
shmbus_frame_complete(const struct shmbus_rxq *q, struct rte_mbuf *m,
		      const struct shmbus_frame *frame)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];

	if (q->offloads & SHMBUS_RX_CHECKSUMS)
		shmbus_checksum_verify(q, m);
	if (dev->data->dev_conf.rxmode.offloads & SHMBUS_VLAN_RX_STRIP)
		shmbus_vlan_strip(dev, m);
	if ((q->offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) && frame->tstamp_ns != 0) {
		*RTE_MBUF_DYNFIELD(m, q->tstamp_off, rte_mbuf_timestamp_t *) = frame->tstamp_ns;
		m->ol_flags |= q->tstamp_flag;
	}
}
