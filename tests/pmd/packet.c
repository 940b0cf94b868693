/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "packet.h"

uint16_t
packet_get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

void
packet_put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

uint32_t
packet_get32(const uint8_t *bytes)
{
	return (uint32_t)packet_get16(bytes) << 16 | packet_get16(bytes + 2);
}

void
packet_put32(uint8_t *bytes, uint32_t value)
{
	packet_put16(bytes, (uint16_t)(value >> 16));
	packet_put16(bytes + 2, (uint16_t)value);
}

static uint32_t
add(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint32_t
packet_ip_field(const struct packet *p)
{
	return p->l3 + 10;
}

uint32_t
packet_l4_field(const struct packet *p)
{
	return p->l4 + (p->conf.l4 == PACKET_TCP ? 16 : 6);
}

void
packet_sum_ip(struct packet *p)
{
	if (p->conf.v6)
		return;
	packet_put16(&p->bytes[packet_ip_field(p)], 0);
	packet_put16(&p->bytes[packet_ip_field(p)],
		     (uint16_t)~add(0, &p->bytes[p->l3], p->l4 - p->l3));
}

void
packet_sum_l4(struct packet *p)
{
	const uint32_t len = p->len - p->conf.padding - p->l4;
	const uint8_t more[4] = { 0, p->conf.l4, (uint8_t)(len >> 8), (uint8_t)len };
	uint32_t sum;

	packet_put16(&p->bytes[packet_l4_field(p)], 0);
	sum = p->conf.v6 ? add(0, &p->bytes[p->l3 + 8], 32) : add(0, &p->bytes[p->l3 + 12], 8);
	sum = add(sum, more, sizeof(more));
	sum = ~add(sum, &p->bytes[p->l4], len) & 0xffff;
	if (sum == 0 && p->conf.l4 == PACKET_UDP)
		sum = 0xffff;
	packet_put16(&p->bytes[packet_l4_field(p)], (uint16_t)sum);
}

static void
put_ip(struct packet *p, uint32_t payload)
{
	uint8_t *ip = &p->bytes[p->l3];
	unsigned int i;

	if (!p->conf.v6) {
		ip[0] = (uint8_t)(0x40 | (5 + p->conf.options));
		packet_put16(ip + 2, (uint16_t)(20 + 4 * p->conf.options + payload));
		packet_put16(ip + 4, (uint16_t)(p->conf.seq * 7));
		ip[8] = 64;
		ip[9] = p->conf.l4;
		packet_put32(ip + 12, 0x0a000001);
		packet_put32(ip + 16, 0x0a010000 + p->conf.seq);
		memset(ip + 20, 1, 4 * p->conf.options); /* no operation */
		return;
	}
	ip[0] = 0x60;
	packet_put16(ip + 4, (uint16_t)(8 * p->conf.options + payload));
	ip[6] = p->conf.options != 0 ? 60 : p->conf.l4; /* destination options */
	ip[7] = 64;
	packet_put16(ip + 8, 0xfd00);
	packet_put32(ip + 20, 1);
	packet_put16(ip + 24, 0xfd00);
	packet_put32(ip + 36, p->conf.seq);
	for (i = 0; i < p->conf.options; i++) {
		ip[40 + 8 * i] = i + 1 < p->conf.options ? 60 : p->conf.l4;
		ip[42 + 8 * i] = 1; /* so much padding */
		ip[43 + 8 * i] = 4;
	}
}

static void
put_l4(struct packet *p, uint32_t len)
{
	uint8_t *l4 = &p->bytes[p->l4];

	packet_put16(l4, 1000);
	packet_put16(l4 + 2, 2000);
	if (p->conf.l4 == PACKET_UDP) {
		packet_put16(l4 + 4, (uint16_t)len);
		return;
	}
	packet_put32(l4 + 4, 0xfffff000 + p->conf.seq); /* wraps soon */
	packet_put32(l4 + 8, 77);
	l4[12] = (uint8_t)((5 + p->conf.tcp_options) << 4);
	l4[13] = 0x10; /* ACK */
	packet_put16(l4 + 14, 4096);
	memset(l4 + 20, 1, 4 * p->conf.tcp_options);
}

void
packet_make(struct packet *p, const struct packet_conf *conf)
{
	uint32_t off = 12;
	uint32_t len, i;

	memset(p, 0, sizeof(*p));
	p->conf = *conf;
	memcpy(p->bytes, "\x02\0\0\0\0\x0b\x02\0\0\0\0\x0a", 12);
	for (i = 0; i < conf->vlans; i++, off += 4) {
		packet_put32(&p->bytes[off], i + 1 < conf->vlans ? 0x88a80005 : 0x81000007);
		if (conf->tpids[i] != 0)
			packet_put16(&p->bytes[off], conf->tpids[i]);
	}
	packet_put16(&p->bytes[off], conf->v6 ? 0x86dd : 0x0800);
	p->l3 = off + 2;
	p->l4 = p->l3 + (conf->v6 ? 40 + 8 * conf->options : 20 + 4 * conf->options);
	p->data = p->l4 + (conf->l4 == PACKET_TCP ? 20 + 4 * conf->tcp_options : 8);
	len = p->data - p->l4 + conf->payload;
	p->len = p->l4 + len + conf->padding;
	assert_true(p->len <= UINT16_MAX);
	put_ip(p, len);
	put_l4(p, len);
	for (i = p->data; i < p->len; i++)
		p->bytes[i] = (uint8_t)(conf->seq + (i - p->data) * 31 + ((i - p->data) >> 8));
	packet_sum_ip(p);
	packet_sum_l4(p);
}

struct rte_mbuf *
packet_mbuf(const struct packet *p, uint32_t seg, uint64_t ol_flags)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf *m;
	uint32_t off, part;

	for (off = 0; head == NULL || off < p->len; off += part) {
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		part = RTE_MIN(p->len - off, (uint32_t)rte_pktmbuf_tailroom(m));
		if (seg != 0)
			part = RTE_MIN(part, seg);
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), p->bytes + off, part);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	head->ol_flags |= ol_flags;
	head->l2_len = p->l3;
	head->l3_len = p->l4 - p->l3;
	head->l4_len = p->data - p->l4;
	return head;
}

uint64_t
packet_wishes(const struct packet *p)
{
	uint64_t flags;

	flags = p->conf.l4 == PACKET_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	return flags | (p->conf.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
}

void
packet_assert(const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len)
{
	static uint8_t copy[UINT16_MAX + 1];
	const uint8_t *got;
	const char *reason;
	uint32_t i;

	if (rte_mbuf_check(m, 1, &reason) != 0)
		fail_msg("%s", reason);
	assert_int_equal(m->pkt_len, len);
	got = rte_pktmbuf_read(m, 0, len, copy);
	assert_non_null(got);
	for (i = 0; i < len; i++)
		if (got[i] != bytes[i])
			fail_msg("byte %u of %u is 0x%02x instead of 0x%02x", i, len, got[i], bytes[i]);
}
