/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "vectors.h"

uint32_t
vector_copy(uint8_t *to, const struct vector_frame *frame)
{
	memcpy(to, frame->head, frame->head_len);
	memcpy(to + frame->head_len, frame->tail, frame->tail_len);
	return frame->head_len + frame->tail_len;
}

struct rte_mbuf *
vector_mbuf_of(const uint8_t *bytes, uint32_t len, uint32_t seg)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf *m;
	uint32_t off, part;

	for (off = 0; head == NULL || off < len; off += part) {
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		part = RTE_MIN(len - off, (uint32_t)rte_pktmbuf_tailroom(m));
		if (seg != 0)
			part = RTE_MIN(part, seg);
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), bytes + off, part);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

struct rte_mbuf *
vector_mbuf(const struct vector_frame *frame)
{
	static uint8_t bytes[UINT16_MAX + 1];

	return vector_mbuf_of(bytes, vector_copy(bytes, frame), 0);
}

void
vector_assert_bytes(const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len, const char *name)
{
	static uint8_t copy[UINT16_MAX + 1];
	const uint8_t *got;
	const char *reason;
	uint32_t i;

	if (rte_mbuf_check(m, 1, &reason) != 0)
		fail_msg("%s: %s", name, reason);
	if (m->pkt_len != len)
		fail_msg("%s: %u bytes instead of %u", name, m->pkt_len, len);
	got = rte_pktmbuf_read(m, 0, len, copy);
	assert_non_null(got);
	for (i = 0; i < len; i++)
		if (got[i] != bytes[i])
			fail_msg("%s: byte %u of %u is 0x%02x instead of 0x%02x", name, i, len, got[i],
				 bytes[i]);
}

void
vector_assert(const struct rte_mbuf *m, const struct vector_frame *frame, const char *name)
{
	static uint8_t bytes[UINT16_MAX + 1];

	vector_assert_bytes(m, bytes, vector_copy(bytes, frame), name);
}

struct rte_mbuf *
vector_receive(uint16_t port, uint16_t queue, const char *name)
{
	struct rte_mbuf *m;

	if (receive(port, queue, &m, 1) != 1)
		fail_msg("%s: nothing came", name);
	return m;
}

void
vector_expect(uint16_t port, uint16_t queue, const struct vector_frame *frame, uint64_t flags,
	      const char *name)
{
	struct rte_mbuf *m = vector_receive(port, queue, name);

	vector_assert(m, frame, name);
	if (m->ol_flags != flags)
		fail_msg("%s: flags 0x%llx instead of 0x%llx", name, (unsigned long long)m->ol_flags,
			 (unsigned long long)flags);
	rte_pktmbuf_free(m);
}

const struct vector *
vector_find(const struct vector *table, uint32_t n, const char *name)
{
	uint32_t i;

	for (i = 0; i < n && strcmp(table[i].name, name) != 0;)
		i++;
	if (i == n)
		fail_msg("no vector %s", name);
	return &table[i];
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void
vector_spoil(uint8_t *bytes, const struct vector *v, uint64_t flags)
{
	const uint64_t l4 = flags & RTE_MBUF_F_TX_L4_MASK;

	bytes += v->l2_len;
	if (flags & RTE_MBUF_F_TX_IP_CKSUM)
		put16(bytes + 10, VECTOR_NO_IP_SUM);
	if (l4 != 0)
		put16(bytes + v->l3_len + (l4 == RTE_MBUF_F_TX_UDP_CKSUM ? 6 : 16), VECTOR_NO_L4_SUM);
}

struct rte_mbuf *
vector_request(const struct vector *v, uint64_t flags, uint32_t seg)
{
	static uint8_t bytes[UINT16_MAX + 1];
	const uint32_t len = vector_copy(bytes, &v->right);
	struct rte_mbuf *m;

	vector_spoil(bytes, v, flags);
	if (flags & RTE_MBUF_F_TX_TCP_SEG)
		put16(bytes + v->l2_len + (flags & RTE_MBUF_F_TX_IPV6 ? 4 : 2), 0);
	m = vector_mbuf_of(bytes, len, seg);
	m->ol_flags |= flags;
	m->l2_len = v->l2_len;
	m->l3_len = v->l3_len;
	m->l4_len = v->l4_len;
	m->tso_segsz = v->segsz;
	return m;
}
