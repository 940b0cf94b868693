/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_checksum.h"
#include "shmbus_drop.h"
#include "shmbus_txq.h"
#include "shmbus_vlan.h"

enum shmbus_drop
shmbus_drop_reason(const struct shmbus_txq *q, const struct rte_mbuf *m, uint64_t offloads)
{
	const bool segments = (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) &&
			      (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	const uint32_t growth = offloads != 0 ? shmbus_vlan_growth(shmbus_vlan_wanted(offloads, m)) : 0;
	struct shmbus_request req;

	if (m->pkt_len < SHMBUS_FRAME_MIN)
		return SHMBUS_DROP_TOO_SHORT;
	if (m->pkt_len > (segments ? q->max_whole : q->max_len) - growth)
		return SHMBUS_DROP_TOO_LONG;
	if (offloads != 0 && (m->ol_flags & SHMBUS_TX_WISHES) &&
	    !shmbus_checksum_request(q, m, growth, &req))
		return SHMBUS_DROP_OFFLOAD;
	return SHMBUS_DROP_CHAIN;
}
