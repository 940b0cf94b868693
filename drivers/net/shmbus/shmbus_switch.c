/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_malloc.h>

#include "base/shmbus_copy.h"
#include "base/station/shmbus_fdb.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_switch.h"

/* ---- the database */

int
shmbus_switch_join(struct rte_eth_dev *dev, const struct shmbus_wire *wire)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_fdb *fdb = NULL;

	if (priv->format != SHMBUS_WIRE_LANES)
		return 0;
	if (wire->lanes.geo.directs) {
		fdb = rte_zmalloc_socket("shmbus_fdb", sizeof(*fdb), RTE_CACHE_LINE_SIZE,
					 dev->data->numa_node);
		if (fdb == NULL) {
			SHMBUS_LOG(ERR, "%s: no memory for the addresses of a switch (%zu bytes)",
				   dev->data->name, sizeof(*fdb));
			return -ENOMEM;
		}
		shmbus_fdb_init(fdb);
	}
	shmbus_switch_close(dev);
	priv->lanes.fdb = fdb;
	priv->lanes.directed = shmbus_geometry_directed(&wire->lanes.geo);
	return 0;
}

void
shmbus_switch_close(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	if (priv->format != SHMBUS_WIRE_LANES)
		return;
	rte_free(priv->lanes.fdb);
	priv->lanes.fdb = NULL;
}

/* Returns the database of a queue's port, if a frame from this lane tells something; else NULL. */
static inline struct shmbus_fdb *
learns_from(const struct shmbus_rxq *q, uint32_t lane)
{
	/* A port is not behind itself. */
	if (lane - q->lanes.own_lane < q->lanes.own_lanes)
		return NULL;
	return shmbus_priv(&rte_eth_devices[q->port_id])->lanes.fdb;
}

static inline uint32_t
slot_of(const struct shmbus_rxq *q, uint32_t lane)
{
	return lane / shmbus_port_wire(q->port_id)->lanes.geo.queues;
}

void
shmbus_switch_learn(const struct shmbus_rxq *q, struct rte_mbuf *const *pkts, uint16_t n,
		    uint32_t lane)
{
	struct shmbus_fdb *fdb = learns_from(q, lane);
	uint64_t last = SHMBUS_NO_ADDRESS;
	uint64_t now, source;
	uint32_t slot;
	uint16_t i;

	if (fdb == NULL || n == 0)
		return;
	slot = slot_of(q, lane);
	now = shmbus_fdb_now();
	for (i = 0; i < n; i++) {
		source = shmbus_address(rte_pktmbuf_mtod_offset(pkts[i], const uint8_t *,
								RTE_ETHER_ADDR_LEN));
		if (source == last)
			continue;
		last = source;
		shmbus_fdb_learn(fdb, source, slot, now);
	}
}

void
shmbus_switch_learn_one(const struct shmbus_rxq *q, const uint8_t *frame, uint32_t lane)
{
	struct shmbus_fdb *fdb = learns_from(q, lane);

	if (fdb != NULL)
		shmbus_fdb_learn(fdb, shmbus_address(frame + RTE_ETHER_ADDR_LEN), slot_of(q, lane),
				 shmbus_fdb_now());
}

/* ---- receive */

struct copied {
	uint32_t bytes;
	uint32_t too_long;
};

/* Copies up to n plain frames of a record. Returns their number. */
static uint16_t
copy_frames(struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk,
	    struct rte_mbuf **pkts, uint16_t n, uint32_t slot, struct copied *copied)
{
	struct rte_mbuf **stash = &q->stash[q->n_stash];
	const uint8_t *frame;
	uint32_t len;
	uint16_t k = 0;

	while (k < n) {
		len = shmbus_reader_next_directed(r, walk, slot, &frame);
		if (len == 0)
			break;
		if (unlikely(len > q->max_len || len > q->room)) {
			copied->too_long++;
			continue;
		}
		k++;
		pkts[k - 1] = stash[-k];
		shmbus_init_mbuf(q, pkts[k - 1], len);
		copied->bytes += len;
		if (likely(SHMBUS_ALIGN(len) <= q->room))
			shmbus_copy_lines(rte_pktmbuf_mtod(pkts[k - 1], uint8_t *), frame, len);
		else
			memcpy(rte_pktmbuf_mtod(pkts[k - 1], uint8_t *), frame, len);
	}
	q->n_stash -= k;
	return k;
}

uint16_t
shmbus_switch_rx_record(const struct shmbus_bus *bus, struct shmbus_rxq *q,
			struct shmbus_reader *r, struct rte_mbuf **pkts, uint16_t n,
			uint32_t *flags, bool *more)
{
	const uint32_t slot = shmbus_lanes_rx_reads_for(&q->lanes, r->lane);
	const uint32_t end = r->next + r->left;
	struct shmbus_frame frame = { .pos = r->pos, .lane = r->lane };
	struct shmbus_walk walk;
	struct copied copied = { .bytes = 0 };
	uint16_t got = 0;

	*more = true;
	shmbus_reader_walk(bus, r, &walk);
	/* A record that is all for others needs no mbufs. */
	if (shmbus_reader_pass(r, &walk, slot)) {
		n = shmbus_fill_stash(q, RTE_MIN(n, (uint16_t)SHMBUS_STASH));
		if (unlikely(n == 0)) {
			*more = false;
			return 0;
		}
		got = copy_frames(q, r, &walk, pkts, n, slot, &copied);
		/* The other function goes on behind frames that are not plain, or corrupt. */
		if (unlikely(got < n && walk.next != end))
			*flags |= SHMBUS_RX_REQUESTS;
	}
	if (unlikely(!shmbus_reader_commit(bus, r, &walk))) {
		shmbus_put_back(q, pkts, got);
		return 0;
	}
	if (walk.skipped != 0)
		shmbus_lanes_rx_publish_skipped(bus, &q->lanes, r);
	q->stats.too_long += copied.too_long;
	if (got == 0)
		return 0;
	shmbus_switch_learn(q, pkts, got, r->lane);
	if (*flags & (SHMBUS_RX_FILTER | SHMBUS_RX_STEER | SHMBUS_RX_COMPLETE)) {
		frame.tstamp_ns = r->tstamp_ns;
		return shmbus_frames_sort(q, pkts, got, &frame, 0, *flags);
	}
	q->stats.packets += got;
	q->stats.bytes += copied.bytes;
	return got;
}
