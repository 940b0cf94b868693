/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "shmbus_headers.h"

static uint8_t
count_vlans(const uint8_t *bytes, uint32_t len)
{
	uint32_t off = 2 * RTE_ETHER_ADDR_LEN;
	uint8_t n = 0;
	uint16_t tpid;

	while (n < SHMBUS_VLANS && len >= off + sizeof(tpid) + sizeof(struct rte_vlan_hdr)) {
		tpid = (uint16_t)(bytes[off] << 8 | bytes[off + 1]);
		if (tpid != RTE_ETHER_TYPE_VLAN && tpid != RTE_ETHER_TYPE_QINQ)
			break;
		off += sizeof(struct rte_vlan_hdr);
		n++;
	}
	return n;
}

void
shmbus_headers_parse(struct shmbus_headers *h, const uint8_t *bytes, uint32_t len)
{
	struct rte_net_hdr_lens lens = { .l2_len = 0 };
	/* DPDK's parser wants an mbuf. */
	const struct rte_mbuf m = {
		.buf_addr = (void *)(uintptr_t)bytes,
		.data_len = (uint16_t)len,
		.pkt_len = len,
		.nb_segs = 1,
	};

	h->bytes = bytes;
	h->len = len;
	h->ptype = rte_net_get_ptype(&m, &lens, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK |
				     RTE_PTYPE_L4_MASK);
	h->l3_off = lens.l2_len;
	h->l4_off = lens.l2_len + lens.l3_len;
	h->n_vlan = count_vlans(bytes, len);
}
