/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "base/shmbus_copy.h"
#include "shmbus_mbuf.h"

void
shmbus_put_back(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *m, *next;
	uint16_t i;

	for (i = 0; i < n; i++) {
		for (m = pkts[i]; m != NULL; m = next) {
			next = m->next;
			m->next = NULL;
			m->nb_segs = 1;
			if (q->n_stash < SHMBUS_STASH)
				q->stash[q->n_stash++] = m;
			else
				rte_mempool_put(q->pool, m);
		}
	}
}

bool
shmbus_append(struct shmbus_rxq *q, struct rte_mbuf *head, const uint8_t *from, uint32_t len)
{
	struct rte_mbuf *last = rte_pktmbuf_lastseg(head);
	uint32_t part;

	while (len != 0) {
		if (last->data_len == q->room) {
			if (shmbus_fill_stash(q, 1) == 0)
				return false;
			last->next = q->stash[--q->n_stash];
			last = last->next;
			shmbus_init_mbuf(q, last, 0);
			head->nb_segs++;
		}
		part = RTE_MIN(len, (uint32_t)q->room - last->data_len);
		memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), from, part);
		last->data_len += (uint16_t)part;
		head->pkt_len += part;
		from += part;
		len -= part;
	}
	return true;
}

bool
shmbus_copy_chain(uint8_t *dst, const struct rte_mbuf *m)
{
	uint32_t left = m->pkt_len;

	for (; m != NULL && m->data_len <= left; m = m->next) {
		shmbus_copy_exact(dst, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		dst += m->data_len;
		left -= m->data_len;
	}
	return m == NULL && left == 0;
}

bool
shmbus_chain_read(const struct rte_mbuf *m, uint32_t off, void *dst, uint32_t len)
{
	uint8_t *to = dst;
	uint32_t part;

	for (; m != NULL; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, len);
		memcpy(to, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), part);
		to += part;
		len -= part;
		off = 0;
		if (len == 0)
			return true;
	}
	return len == 0;
}
