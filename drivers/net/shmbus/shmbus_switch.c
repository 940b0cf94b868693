/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_malloc.h>

#include "base/station/shmbus_fdb.h"
#include "shmbus_priv.h"
#include "shmbus_switch.h"

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

/* Learns the source addresses of frames that were read from a lane. */
static void
learn(const struct shmbus_rxq *q, struct rte_mbuf *const *pkts, uint16_t n, uint32_t lane)
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

void
shmbus_switch_note(const struct shmbus_bus *bus, const struct shmbus_rxq *q,
		   const struct shmbus_reader *r, const struct shmbus_walk *walk,
		   struct rte_mbuf *const *pkts, uint16_t n)
{
	if (walk->skipped != 0)
		shmbus_lanes_rx_publish_skipped(bus, &q->lanes, r);
	learn(q, pkts, n, r->lane);
}
