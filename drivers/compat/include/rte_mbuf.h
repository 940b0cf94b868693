/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_RTE_MBUF_H
#define SHMBUS_COMPAT_RTE_MBUF_H

#pragma GCC system_header
#include_next <rte_mbuf.h>
#include <rte_version.h>

/* 25.03: mbufs in the state of the pool, not initialised, and checked in debug builds only */
#if RTE_VERSION < RTE_VERSION_NUM(25, 3, 0, 0)
static inline int
rte_mbuf_raw_alloc_bulk(struct rte_mempool *mp, struct rte_mbuf **mbufs, unsigned int count)
{
	return rte_mempool_get_bulk(mp, (void **)mbufs, count);
}

static inline void
rte_mbuf_raw_free_bulk(struct rte_mempool *mp, struct rte_mbuf **mbufs, unsigned int count)
{
	rte_mempool_put_bulk(mp, (void **)mbufs, count);
}
#endif

/* 25.11: makes a raw mbuf an empty packet */
#if RTE_VERSION < RTE_VERSION_NUM(25, 11, 0, 0)
static inline void
rte_mbuf_raw_reset_bulk(struct rte_mempool *mp, struct rte_mbuf **mbufs, unsigned int count)
{
	unsigned int i;

	RTE_SET_USED(mp);
	for (i = 0; i < count; i++)
		rte_pktmbuf_reset(mbufs[i]);
}
#endif

#endif /* SHMBUS_COMPAT_RTE_MBUF_H */
