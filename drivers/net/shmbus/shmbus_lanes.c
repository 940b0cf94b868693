/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Which lanes an Rx queue reads.
 *
 * Every lane of every slot belongs to one Rx queue of a port, or to all where
 * the frames decide (shmbus_steer.h), whether anybody owns the slot now or
 * not. A queue's start puts a reader at the tail of each of its lanes, and an
 * active cursor: so all that is sent from then on is received, also from
 * ports that come later, and however late they are noticed. The active list
 * only says which lanes are worth a look; it follows the roster, the ports'
 * change counters.
 */

#include <rte_malloc.h>

#include "base/shmbus_port.h"
#include "shmbus_pace.h"
#include "shmbus_ops.h"

/* By sender, and by the sender's queue, over the Rx queues of this port. */
static bool
lane_is_mine(const struct rte_eth_dev *dev, const struct shmbus_rxq *q, uint32_t slot,
	     uint32_t queue)
{
	if (slot == shmbus_priv(dev)->slot && dev->data->dev_conf.lpbk_mode == 0)
		return false;
	if (q->sharers > 1)
		return true;
	return (slot + queue) % dev->data->nb_rx_queues == q->queue_id;
}

int
shmbus_lanes_create(const struct shmbus_bus *bus, struct shmbus_rxq *q, int socket)
{
	const struct shmbus_geometry *geo = &bus->geo;

	q->readers = rte_zmalloc_socket("shmbus", geo->lanes * sizeof(*q->readers),
					RTE_CACHE_LINE_SIZE, socket);
	q->marks = rte_zmalloc_socket("shmbus", geo->lanes * sizeof(*q->marks),
				      RTE_CACHE_LINE_SIZE, socket);
	q->paces = rte_zmalloc_socket("shmbus", geo->lanes * sizeof(*q->paces),
				      RTE_CACHE_LINE_SIZE, socket);
	q->active = rte_zmalloc_socket("shmbus", geo->lanes * sizeof(*q->active), 0, socket);
	q->roster = rte_zmalloc_socket("shmbus", geo->ports * sizeof(*q->roster), 0, socket);
	if (q->readers != NULL && q->marks != NULL && q->paces != NULL && q->active != NULL &&
	    q->roster != NULL)
		return 0;
	shmbus_lanes_free(q);
	return -ENOMEM;
}

void
shmbus_lanes_free(struct shmbus_rxq *q)
{
	rte_free(q->readers);
	rte_free(q->marks);
	rte_free(q->paces);
	rte_free(q->active);
	rte_free(q->roster);
	q->readers = NULL;
	q->marks = NULL;
	q->paces = NULL;
	q->active = NULL;
	q->roster = NULL;
}

/* Keep what a reader counted before it begins anew. */
static void
fold(struct shmbus_rxq *q, struct shmbus_reader *r)
{
	q->past.missed += shmbus_lanes_share(q, shmbus_counted(&r->missed));
	q->past.overruns += shmbus_counted(&r->overruns);
	q->past.corrupt += shmbus_lanes_share(q, shmbus_counted(&r->corrupt));
	shmbus_store(&r->missed, 0);
	shmbus_store(&r->overruns, 0);
	shmbus_store(&r->corrupt, 0);
}

/* A port that looks on has no cursors; and on a bus that is another one by now there are none. */
static bool
has_cursors(const struct shmbus_bus *bus)
{
	return !bus->file.readonly && !shmbus_fate_lost(bus);
}

/* Put readers at the tails of all lanes, and senders wait for them from now on. */
static void
begin(const struct rte_eth_dev *dev, const struct shmbus_rxq *q, struct shmbus_reader *readers)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	const uint32_t slot = shmbus_priv(dev)->slot;
	const bool cursors = has_cursors(bus);
	struct shmbus_cursor *cursor;
	uint32_t lane;

	for (lane = 0; lane < geo->lanes; lane++) {
		shmbus_reader_start(bus, &readers[lane], lane);
		if (!cursors)
			continue;
		cursor = shmbus_bus_cursor(bus, slot, q->queue_id, lane);
		if (lane_is_mine(dev, q, lane / geo->queues, lane % geo->queues))
			shmbus_reader_hold(bus, &readers[lane], cursor);
		else
			shmbus_reader_release(cursor);
	}
}

/* The readers stand where they are to begin; all else of the queue begins anew. */
static void
begin_polling(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	uint32_t lane;

	for (lane = 0; lane < geo->lanes; lane++)
		shmbus_pace_start(&q->paces[lane]);
	q->n_active = 0;
	q->turn = 0;
	q->idle = 0;
	/* The first look takes in everybody. */
	shmbus_port_roster_forget(bus, q->roster);
}

void
shmbus_lanes_start(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++)
		fold(q, &q->readers[lane]);
	q->sharers = shmbus_priv(dev)->steer.spread ? dev->data->nb_rx_queues : 1;
	begin(dev, q, q->readers);
	begin_polling(dev, q);
}

void
shmbus_lanes_mark(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	begin(dev, q, q->marks);
}

void
shmbus_lanes_restart(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		fold(q, &q->readers[lane]);
		q->readers[lane] = q->marks[lane];
	}
	begin_polling(dev, q);
}

void
shmbus_lanes_stop(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const uint32_t slot = shmbus_priv(dev)->slot;
	const bool cursors = has_cursors(bus);
	uint32_t lane;

	for (lane = 0; lane < bus->geo.lanes; lane++) {
		fold(q, &q->readers[lane]);
		if (cursors)
			shmbus_reader_release(shmbus_bus_cursor(bus, slot, q->queue_id, lane));
	}
	q->n_active = 0;
}

/* Lanes in use, and lanes that were in use and still hold what was not read. */
static void
list_active(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t slot, queue, lane, n_txq;
	uint16_t n = 0;

	for (slot = 0; slot < geo->ports; slot++) {
		n_txq = shmbus_port_peer(bus, slot, &peer) ? peer.n_txq : 0;
		for (queue = 0; queue < geo->queues; queue++) {
			lane = slot * geo->queues + queue;
			if (!lane_is_mine(dev, q, slot, queue))
				continue;
			if (queue < n_txq ||
			    q->readers[lane].pos != shmbus_load(&shmbus_bus_lane(bus, lane)->tail))
				q->active[n++] = (uint16_t)lane;
		}
	}
	q->n_active = n;
	q->turn = 0;
}

void
shmbus_lanes_refresh(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	if (shmbus_port_roster_changed(shmbus_process_bus(dev), q->roster))
		list_active(dev, q);
}

uint64_t
shmbus_lanes_waiting(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	uint64_t waiting = 0;
	uint32_t lane;

	/* Not just the active ones: a lane may be new, and this queue not polled
	 * before there is something in it.
	 */
	for (lane = 0; lane < bus->geo.lanes; lane++)
		if (lane_is_mine(dev, q, lane / bus->geo.queues, lane % bus->geo.queues))
			waiting += shmbus_reader_waiting(bus, &q->readers[lane]);
	return waiting;
}

bool
shmbus_lanes_pending(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_geometry *geo = &bus->geo;
	uint32_t lane;

	/* Not only the active ones: the list may be older than what was sent. */
	for (lane = 0; lane < geo->lanes; lane++)
		if (lane_is_mine(dev, q, lane / geo->queues, lane % geo->queues) &&
		    q->readers[lane].pos != shmbus_load_acquire(&shmbus_bus_lane(bus, lane)->tail))
			return true;
	return false;
}
