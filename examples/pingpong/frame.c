/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The contents of the frames that dpdk-pingpong sends. */

#include <string.h>

#include "frame.h"
#include "options.h"

static void
fill(uint8_t *byte, uint32_t len, uint64_t seq)
{
	for (uint32_t i = 0; i < len; i++)
		byte[i] = (uint8_t)(seq * 37 + i);
}

bool
frame_intact(const struct rte_mbuf *m, uint16_t size)
{
	static uint8_t expected[MAX_SIZE];
	const struct frame *f = frame_of(m);

	/* An mbuf of the pool holds the longest frame, so a chain is not a frame of this program. */
	if (m->nb_segs != 1 || m->data_len != size || f->length != rte_cpu_to_be_32(size))
		return false;
	fill(expected, size - sizeof(*f), rte_be_to_cpu_64(f->seq));
	return memcmp(f + 1, expected, size - sizeof(*f)) == 0;
}

void
frame_write(struct rte_mbuf *m, const struct rte_ether_addr *src, uint16_t size,
	    enum frame_type type, uint64_t seq)
{
	struct frame *f = (struct frame *)rte_pktmbuf_append(m, size);

	rte_ether_addr_copy(src, &f->eth.src_addr);
	f->eth.ether_type = RTE_BE16(ETHERTYPE);
	f->type = rte_cpu_to_be_16(type);
	f->magic = RTE_BE32(MAGIC);
	f->length = rte_cpu_to_be_32(size);
	f->seq = rte_cpu_to_be_64(seq);
	fill((uint8_t *)(f + 1), size - sizeof(*f), seq);
}
