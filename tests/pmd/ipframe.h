/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_IPFRAME_H
#define TEST_IPFRAME_H

/* Frames with headers: what RSS, flow rules and ipframe types look at. */

#include "nic.h"

struct ipframe {
	uint16_t vlans[2]; /* 0: no tag */
	uint16_t tpids[2]; /* types of the tags, 0: 0x8100 */
	uint8_t version;   /* 4, 6, or 0 for a frame that is no IP */
	uint8_t src[16];
	uint8_t dst[16];
	uint8_t proto; /* TCP, UDP and SCTP get a header */
	uint16_t sport;
	uint16_t dport;
	bool frag;
	const struct rte_ether_addr *to; /* NULL: broadcast */
	uint32_t seq; /* behind the headers */
};

#define IPFRAME_LEN 150

struct rte_mbuf *ipframe_new(const struct ipframe *p);
/* Its number, from the frame's end. */
uint32_t ipframe_seq(const struct rte_mbuf *m);
/* One of IPv4, to 10.0.x.x from 10.1.x.x, ports and all by the number of its flow. */
struct ipframe ipframe_of_flow(uint32_t flow, uint8_t proto);
/* Send it; it must be taken. */
void ipframe_send(uint16_t port, uint16_t queue, const struct ipframe *p);

#endif /* TEST_IPFRAME_H */
