/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_MBUF_H
#define SHMBUS_MBUF_H

/*
 * Frames into mbufs and mbufs into frames, for both formats.
 *
 * The stash of an Rx queue holds mbufs from the pool that are not used yet, in the
 * state in which a pool gives them: next NULL, nb_segs 1, refcnt 1.
 */

#include <ethdev_driver.h>

#include "base/shmbus_copy.h"
#include "shmbus_rxq.h"
#include "shmbus_txq.h"

/* Fills the stash to n mbufs. Returns n, or less if the pool has no more. */
static inline uint16_t
shmbus_fill_stash(struct shmbus_rxq *q, uint16_t n)
{
	uint16_t want;

	if (likely(q->n_stash >= n))
		return n;
	want = RTE_MAX((uint16_t)(n - q->n_stash), (uint16_t)SHMBUS_REFILL);
	want = RTE_MIN(want, (uint16_t)(SHMBUS_STASH - q->n_stash));
	if (rte_mempool_get_bulk(q->pool, (void **)&q->stash[q->n_stash], want) == 0) {
		q->n_stash += want;
	} else {
		while (q->n_stash < n &&
		       rte_mempool_get(q->pool, (void **)&q->stash[q->n_stash]) == 0)
			q->n_stash++;
		if (q->n_stash < n)
			rte_eth_devices[q->port_id].data->rx_mbuf_alloc_failed++;
	}
	return RTE_MIN(n, q->n_stash);
}

static inline void
shmbus_init_mbuf(const struct shmbus_rxq *q, struct rte_mbuf *m, uint32_t len)
{
	uint64_t *rearm = (uint64_t *)&m->rearm_data;

	*rearm = q->mbuf_init;
	m->ol_flags = q->mbuf_flags;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = (uint16_t)len;
	m->vlan_tci = 0;
}

/* Copies the bytes of a frame from done on: done is a multiple of lines, or len. */
static inline void
shmbus_copy_frame(const struct shmbus_rxq *q, uint8_t *dst, const uint8_t *frame, uint32_t done,
		  uint32_t len)
{
	/* Whole lines are faster, if the mbuf has room for them. */
	if (likely(SHMBUS_ALIGN(len) <= q->room))
		shmbus_copy_lines(dst + done, frame + done, len - done);
	else
		memcpy(dst + done, frame + done, len - done);
}

/* Puts n undelivered mbufs or chains back into the stash, or into the pool if it is full. */
void shmbus_put_back(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n);

/*
 * Appends bytes to a frame in mbufs; all mbufs but the last are full. Returns false
 * if there are not enough mbufs; a part of the bytes is appended then.
 */
bool shmbus_append(struct shmbus_rxq *q, struct rte_mbuf *head, const uint8_t *from, uint32_t len);

/* Copies a chain of mbufs into one piece. Returns false if pkt_len is not its length. */
bool shmbus_copy_chain(uint8_t *dst, const struct rte_mbuf *m);

/* Copies bytes from an offset of a chain. Returns false if the chain is too short. */
bool shmbus_chain_read(const struct rte_mbuf *m, uint32_t off, void *dst, uint32_t len);

/*
 * Returns a pointer to len bytes in one piece from an offset of a chain: into the
 * first mbuf, or to a copy in buf. Returns NULL if the chain is too short. Unlike
 * rte_pktmbuf_read() this function does not trust pkt_len.
 */
static inline const uint8_t *
shmbus_chain_peek(const struct rte_mbuf *m, uint32_t off, uint8_t *buf, uint32_t len)
{
	if (likely(off <= m->data_len && len <= m->data_len - off))
		return rte_pktmbuf_mtod_offset(m, const uint8_t *, off);
	return shmbus_chain_read(m, off, buf, len) ? buf : NULL;
}

/* Frees sent mbufs. flags: the Tx queue's; chains: some of the mbufs may be chains. */
static __rte_always_inline void
shmbus_free_sent(uint32_t flags, bool chains, struct rte_mbuf **pkts, uint16_t n)
{
	if (unlikely(n == 0))
		return;
	/* Fast free promises that all mbufs are of one pool and have no other reference. */
	if ((flags & SHMBUS_TX_FAST_FREE) && !chains)
		rte_mempool_put_bulk(pkts[0]->pool, (void **)pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
}

#endif /* SHMBUS_MBUF_H */
