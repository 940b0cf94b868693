/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Transmit to the queue's lane.
 *
 * A burst becomes one record, or several if it is long or contains a frame that
 * must be dropped. Frames that the lane has no room for stay with the application,
 * as with a NIC whose ring is full.
 */

#include "base/shmbus_clock.h"
#include "base/shmbus_copy.h"
#include "shmbus_bursts.h"
#include "shmbus_checksum.h"
#include "shmbus_limit.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_vlan.h"

/* Bits of shmbus_txq.flags that the plain path does not handle. */
#define NOT_PLAIN (SHMBUS_TX_DOWN | SHMBUS_TX_OFFLOADS | SHMBUS_TX_LIMITED | SHMBUS_TX_SWITCH)

/* The frame that an mbuf becomes on the bus. */
struct frame {
	uint32_t len; /* 0: it cannot be sent */
	uint32_t growth; /* bytes of VLAN tags in len */
	uint64_t tags;
	struct shmbus_request req;
};

static __rte_noinline void
plan_offloads(const struct shmbus_txq *q, const struct rte_mbuf *m, uint64_t offloads,
	      struct frame *f)
{
	uint32_t max = q->max_len;

	f->tags = shmbus_vlan_wanted(offloads, m);
	f->growth = shmbus_vlan_growth(f->tags);
	f->req.flags = 0;
	/* The sum below must not wrap; and a tag needs an Ethernet header. */
	if (f->tags != 0 && (f->len < SHMBUS_FRAME_MIN || f->len > SHMBUS_FRAME_MAX)) {
		f->len = 0;
		return;
	}
	f->len += f->growth;
	if (m->ol_flags & SHMBUS_TX_WISHES) {
		if (!shmbus_checksum_request(q, m, f->growth, &f->req))
			max = 0;
		else if (f->req.flags & SHMBUS_REQUEST_SEGMENT)
			max = q->max_whole;
	}
	if (f->len > max)
		f->len = 0;
}

/*
 * Fills a record. offloads: the Tx offloads that change frames; directs: the bus is a
 * switch. Returns true if the next frame cannot be sent and is to be dropped.
 */
static __rte_always_inline bool
fill_record(const struct shmbus_bus *bus, struct shmbus_txq *q, struct shmbus_record *rec,
	    struct rte_mbuf **pkts, uint32_t nb_pkts, const uint64_t offloads, const bool directs,
	    bool *chains)
{
	struct frame f = { .growth = 0, .tags = 0, .req.flags = 0 };
	const uint32_t max_len = offloads != 0 ? UINT32_MAX : q->max_len;
	struct rte_mbuf *m;
	uint32_t i, extent;
	uint8_t *at;

	for (i = 0; i < nb_pkts; i++) {
		m = pkts[i];
		f.len = m->pkt_len;
		if (offloads != 0)
			plan_offloads(q, m, offloads, &f);
		/* One comparison for frames that are too long and for those that are too short. */
		if (unlikely(f.len - SHMBUS_FRAME_MIN > max_len - SHMBUS_FRAME_MIN)) {
			*chains |= m->nb_segs != 1;
			return true;
		}
		extent = (uint32_t)SHMBUS_ALIGN(f.len);
		if (offloads != 0 && f.req.flags != 0)
			extent = shmbus_request_extent(f.len);
		at = shmbus_record_add(bus, &q->lanes, rec, extent);
		if (unlikely(at == NULL))
			return false;
		if (likely(m->nb_segs == 1)) {
			shmbus_copy_exact(at + f.growth, rte_pktmbuf_mtod(m, const uint8_t *),
					  f.len - f.growth);
		} else {
			*chains = true;
			if (unlikely(!shmbus_copy_chain(at + f.growth, m)))
				return true;
		}
		if (offloads != 0 && f.tags != 0)
			shmbus_vlan_insert(at, m, f.tags);
		if (directs)
			shmbus_record_direct(bus, &q->lanes, rec, at);
		if (offloads != 0 && f.req.flags != 0)
			shmbus_record_added_request(rec, f.len, &f.req);
		else
			shmbus_record_added(rec, f.len);
	}
	return false;
}

static __rte_always_inline uint16_t
tx_burst(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const uint32_t flags,
	 const uint64_t offloads, const bool directs)
{
	struct shmbus_bus *bus = &shmbus_port_wire(q->port_id)->lanes;
	struct shmbus_record rec = { .full = false };
	uint16_t sent = 0;
	uint16_t drops = 0;
	bool chains = false;
	uint64_t now;
	bool drop;

	/* Maps the lane, which the primary has prepared, at this process's first use. */
	if (unlikely(!shmbus_lanes_tx_is_mapped(bus, &q->lanes)))
		return 0;
	now = shmbus_tstamp_ns(&q->lanes.clock);
	do {
		if (unlikely(!shmbus_record_begin(bus, &q->lanes, &rec,
						  RTE_MIN((uint32_t)nb_pkts - sent,
							  SHMBUS_RECORD_FRAMES))))
			break;
		drop = fill_record(bus, q, &rec, &pkts[sent],
				   RTE_MIN((uint32_t)nb_pkts - sent, SHMBUS_RECORD_FRAMES), offloads,
				   directs, &chains);
		if (directs)
			shmbus_record_publish_directed(bus, &q->lanes, &rec, now);
		else
			shmbus_record_publish(bus, &q->lanes, &rec, now);
		q->stats.bytes += rec.bytes;
		sent += rec.count;
		if (unlikely(drop)) {
			q->stats.dropped[shmbus_drop_reason(q, pkts[sent], offloads)]++;
			drops++;
			sent++; /* taken from the application, but dropped */
		}
	} while (!rec.full && sent < nb_pkts);
	if (directs)
		shmbus_lanes_tx_sent_directed(bus, &q->lanes);
	else
		shmbus_lanes_tx_sent(bus, &q->lanes);
	q->stats.packets += (uint16_t)(sent - drops);
	shmbus_free_sent(flags, chains, pkts, sent);
	return sent;
}

/* The same with offloads. */
static __rte_noinline uint16_t
tx_burst_offload(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	return tx_burst(q, pkts, nb_pkts, flags,
			rte_eth_devices[q->port_id].data->dev_conf.txmode.offloads,
			flags & SHMBUS_TX_SWITCH);
}

/* The same on a switch, without offloads. */
static __rte_noinline uint16_t
tx_burst_switch(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	return tx_burst(q, pkts, nb_pkts, flags, 0, true);
}

uint16_t
shmbus_tx_lanes_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_txq *q = queue;
	const uint32_t flags = shmbus_load(&q->flags);

	if (unlikely(nb_pkts == 0 || (flags & NOT_PLAIN))) {
		if (nb_pkts == 0 || (flags & SHMBUS_TX_DOWN))
			return 0;
		if (flags & SHMBUS_TX_LIMITED)
			return shmbus_limit_burst(q, pkts, nb_pkts, flags, tx_burst_offload);
		if (flags & SHMBUS_TX_OFFLOADS)
			return tx_burst_offload(q, pkts, nb_pkts, flags);
		return tx_burst_switch(q, pkts, nb_pkts, flags);
	}
	return tx_burst(q, pkts, nb_pkts, flags, 0, false);
}
