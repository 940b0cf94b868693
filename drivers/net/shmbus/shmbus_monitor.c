/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The address that a core may wait at until there is something to receive:
 * the tail of the lane that the queue reads. There is one such address only
 * where there is one such lane.
 */

#include <rte_power_intrinsics.h>

#include "shmbus_ops.h"

/* Not 0: it is no use to wait. */
static int
is_pending(const uint64_t tail, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return tail == opaque[0] ? 0 : -1;
}

int
shmbus_get_monitor_addr(void *queue, struct rte_power_monitor_cond *cond)
{
	struct shmbus_rxq *q = queue;
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	const struct shmbus_reader *r;

	if (shmbus_priv(dev)->format != SHMBUS_FORMAT_LANES ||
	    (shmbus_load(&q->flags) & SHMBUS_RX_DOWN))
		return -ENOTSUP;
	shmbus_lanes_refresh(dev, q);
	if (q->n_active != 1)
		return -ENOTSUP;
	r = &q->readers[q->active[0]];
	cond->addr = &shmbus_bus_lane(shmbus_process_bus(dev), r->lane)->tail;
	cond->size = sizeof(r->tail);
	cond->fn = is_pending;
	cond->opaque[0] = r->pos;
	return 0;
}
