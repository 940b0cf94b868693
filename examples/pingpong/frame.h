/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#define ETHERTYPE 0x88b5 /* IEEE 802: local experiments */
#define MAGIC 0x70696e67

enum frame_type { PING = 1, PONG, STOP, STOPPED };

/* The start of a frame. The bytes behind it follow from the sequence number; see frame.c. */
struct frame {
	struct rte_ether_hdr eth;
	rte_be16_t type;
	rte_be32_t magic;
	rte_be32_t length;
	rte_be64_t seq;
};

static inline struct frame *
frame_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, struct frame *);
}

/* Returns the type of a frame of this program, 0 for any other frame. */
static inline int
frame_type(const struct rte_mbuf *m)
{
	const struct frame *f = frame_of(m);

	if (m->data_len < sizeof(*f) || f->eth.ether_type != RTE_BE16(ETHERTYPE) ||
	    f->magic != RTE_BE32(MAGIC))
		return 0;
	return rte_be_to_cpu_16(f->type);
}

/* Returns whether the frame has this size, and the contents that its sequence number asks for. */
bool frame_intact(const struct rte_mbuf *m, uint16_t size);

/* Writes a frame without its destination into an empty mbuf with room for it. */
void frame_write(struct rte_mbuf *m, const struct rte_ether_addr *src, uint16_t size,
		 enum frame_type type, uint64_t seq);

#endif /* FRAME_H */
