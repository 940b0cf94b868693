/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include "check.h"
#include "packet.h"

static uint32_t
l4_off(bool v6)
{
	return ETHER_HDR_LEN + (v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
}

static uint32_t
l4_len(uint8_t l4)
{
	return l4 == PACKET_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static void
make_ip(struct packet *p, uint32_t len)
{
	struct iphdr ip = {
		.version = 4, .ihl = 5, .tot_len = htons((uint16_t)(sizeof(ip) + len)),
		.id = htons(0xfffe), .ttl = 64, .protocol = p->l4, .check = 0x1234,
		.saddr = htonl(0x0a000001), .daddr = htonl(0x0a0000fe),
	};
	struct ip6_hdr ip6 = {
		.ip6_ctlun.ip6_un1 = {
			.ip6_un1_flow = htonl(6u << 28), .ip6_un1_plen = htons((uint16_t)len),
			.ip6_un1_nxt = p->l4, .ip6_un1_hlim = 64,
		},
	};

	p->bytes[12] = p->v6 ? 0x86 : 0x08;
	p->bytes[13] = p->v6 ? 0xdd : 0x00;
	memset(&ip6.ip6_src, 0xfd, sizeof(ip6.ip6_src));
	memset(&ip6.ip6_dst, 0xfe, sizeof(ip6.ip6_dst));
	if (p->v6)
		memcpy(p->bytes + ETHER_HDR_LEN, &ip6, sizeof(ip6));
	else
		memcpy(p->bytes + ETHER_HDR_LEN, &ip, sizeof(ip));
}

void
packet_make(struct packet *p, bool v6, uint8_t l4, uint32_t payload)
{
	const struct tcphdr tcp = {
		.source = htons(1), .dest = htons(2), .seq = htonl(0xfffff000), .doff = 5,
		.fin = 1, .psh = 1, .ack = 1, .res2 = 2, .window = htons(100), .check = 0x4321,
	};
	const uint32_t len = l4_len(l4) + payload;
	const struct udphdr udp = {
		.source = htons(3), .dest = htons(4), .len = htons((uint16_t)len), .check = 0x4321,
	};
	uint32_t i;

	p->v6 = v6;
	p->l4 = l4;
	p->len = l4_off(v6) + len;
	assert_true(p->len <= PACKET_MAX);
	memset(p->bytes, 0x22, 12);
	make_ip(p, len);
	if (l4 == PACKET_TCP)
		memcpy(p->bytes + l4_off(v6), &tcp, sizeof(tcp));
	else
		memcpy(p->bytes + l4_off(v6), &udp, sizeof(udp));
	for (i = 0; i < payload; i++)
		p->bytes[p->len - payload + i] = (uint8_t)(i * 131 + i / 251);
}

struct shmbus_offload
packet_offload(const struct packet *p)
{
	return (struct shmbus_offload){
		.flags = (uint8_t)(SHMBUS_OFFLOAD_L4_CKSUM | (p->v6 ? 0 : SHMBUS_OFFLOAD_IP_CKSUM)),
		.l4 = p->l4,
		.l3_off = ETHER_HDR_LEN,
		.l4_off = (uint16_t)l4_off(p->v6),
	};
}

/* Byte by byte, whatever the alignment. */
static uint32_t
sum(uint32_t begin, const uint8_t *at, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++) {
		begin += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
		begin = (begin & 0xffff) + (begin >> 16);
	}
	return begin;
}

void
packet_check(const uint8_t *frame, uint32_t len, bool v6, uint8_t l4)
{
	const uint8_t *ip = frame + ETHER_HDR_LEN;
	const uint32_t off = l4_off(v6);
	uint32_t ip_len, pseudo;

	ip_len = v6 ? (uint32_t)(ip[4] << 8 | ip[5]) : (uint32_t)(ip[2] << 8 | ip[3]) - 20;
	assert_true(ip_len <= len - off);
	if (l4 == PACKET_TCP)
		assert_int_equal(ip_len, len - off);
	if (!v6)
		assert_int_equal(sum(0, ip, 20), 0xffff);
	pseudo = v6 ? sum(0, ip + 8, 32) : sum(0, ip + 12, 8);
	pseudo += l4 + ip_len;
	assert_int_equal(sum((pseudo & 0xffff) + (pseudo >> 16), frame + off, ip_len), 0xffff);
	if (l4 == PACKET_UDP)
		assert_true(frame[off + 6] != 0 || frame[off + 7] != 0);
}

bool
packet_same_but_sums(const struct packet *p, const uint8_t *frame)
{
	const uint32_t l4_sum = l4_off(p->v6) + (p->l4 == PACKET_TCP ? 16 : 6);
	uint32_t i;

	for (i = 0; i < p->len; i++) {
		if (i == l4_sum || i == l4_sum + 1 || (!p->v6 && (i == 24 || i == 25)))
			continue;
		if (frame[i] != p->bytes[i])
			return false;
	}
	return true;
}

uint32_t
packet_tcp_seq(const uint8_t *frame, bool v6)
{
	uint32_t seq;

	memcpy(&seq, frame + l4_off(v6) + 4, sizeof(seq));
	return ntohl(seq);
}

uint8_t
packet_tcp_flags(const uint8_t *frame, bool v6)
{
	return frame[l4_off(v6) + 13];
}

uint32_t
packet_ip_id(const uint8_t *frame)
{
	return (uint32_t)(frame[18] << 8 | frame[19]);
}
