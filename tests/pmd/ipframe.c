/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "nic.h"
#include "ipframe.h"

static uint8_t *
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *
put_ipv4(uint8_t *at, const struct ipframe *p)
{
	memset(at, 0, sizeof(struct rte_ipv4_hdr));
	at[0] = 0x45;
	put16(at + 2, 100);
	put16(at + 6, p->frag ? 0x2000 : 0); /* more fragments follow */
	at[8] = 64;
	at[9] = p->proto;
	memcpy(at + 12, p->src, 4);
	memcpy(at + 16, p->dst, 4);
	return at + sizeof(struct rte_ipv4_hdr);
}

static uint8_t *
put_ipv6(uint8_t *at, const struct ipframe *p)
{
	memset(at, 0, sizeof(struct rte_ipv6_hdr));
	at[0] = 0x60;
	put16(at + 4, 60);
	at[6] = p->frag ? IPPROTO_FRAGMENT : p->proto;
	at[7] = 64;
	memcpy(at + 8, p->src, 16);
	memcpy(at + 24, p->dst, 16);
	at += sizeof(struct rte_ipv6_hdr);
	if (p->frag) {
		memset(at, 0, 8);
		at[0] = p->proto;
		at[3] = 1; /* more fragments follow */
		at += 8;
	}
	return at;
}

struct rte_mbuf *
ipframe_new(const struct ipframe *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *at, *end;
	unsigned int i;

	assert_non_null(m);
	at = (uint8_t *)rte_pktmbuf_append(m, IPFRAME_LEN);
	end = at + IPFRAME_LEN;
	memset(at, 0xff, 6);
	if (p->to != NULL)
		memcpy(at, p->to, 6);
	memcpy(at + 6, "\x02\0\0\0\0\x01", 6);
	at += 12;
	for (i = 0; i < 2 && p->vlans[i] != 0; i++) {
		at = put16(at, p->tpids[i] != 0 ? p->tpids[i] : RTE_ETHER_TYPE_VLAN);
		at = put16(at, p->vlans[i]);
	}
	at = put16(at, p->version == 4 ? RTE_ETHER_TYPE_IPV4 :
		   p->version == 6 ? RTE_ETHER_TYPE_IPV6 : 0x88b5);
	if (p->version == 4)
		at = put_ipv4(at, p);
	else if (p->version == 6)
		at = put_ipv6(at, p);
	memset(at, 0, (size_t)(end - at));
	if (p->version != 0) {
		put16(at, p->sport);
		put16(at + 2, p->dport);
		if (p->proto == IPPROTO_TCP)
			at[12] = 5 << 4;
	}
	memcpy(end - sizeof(p->seq), &p->seq, sizeof(p->seq));
	return m;
}

uint32_t
ipframe_seq(const struct rte_mbuf *m)
{
	uint32_t seq;

	assert_int_equal(rte_pktmbuf_pkt_len(m), IPFRAME_LEN);
	memcpy(&seq, rte_pktmbuf_mtod_offset(m, const uint8_t *, IPFRAME_LEN - sizeof(seq)),
	       sizeof(seq));
	return seq;
}

struct ipframe
ipframe_of_flow(uint32_t flow, uint8_t proto)
{
	struct ipframe p = {
		.version = 4,
		.src = { 10, 1, (uint8_t)(flow >> 8), (uint8_t)flow },
		.dst = { 10, 0, (uint8_t)(flow * 7), (uint8_t)(flow * 3) },
		.proto = proto,
		.sport = (uint16_t)(1024 + flow),
		.dport = (uint16_t)(80 + flow % 5),
		.seq = flow,
	};

	return p;
}

void
ipframe_send(uint16_t port, uint16_t queue, const struct ipframe *p)
{
	assert_true(send_mbuf(port, queue, ipframe_new(p)));
}
