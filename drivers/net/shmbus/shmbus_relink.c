/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The move of a port from one bus to another.
 *
 * Theory of operation
 *
 * One mechanism, relink(), serves a port that is started, configured or reset
 * after its bus has gone, and rte_pmd_shmbus_linkstr_set() and _unset().
 *
 *   the port is on   to another path    to the same path   to no path
 *   a bus            join, then leave   leave, join        leave
 *   a bus, gone      leave, join        leave, join        leave
 *   no bus           join               -                  -
 *
 * The port first leaves a bus that is gone, because the new bus may be in the same
 * file, emptied and created again. Otherwise the port joins first, so that nothing
 * has changed if the join fails. The port is on no bus if it has left and cannot
 * join, or if the new bus lacks queues: its wire is closed, its queues are down.
 *
 * Queues keep their counters and their configuration. Their memory depends on
 * the geometry of a bus of lanes, so they get new memory for the new bus, which
 * must have as many queues.
 *
 * A port that a secondary process has stays on its bus: that process has the old
 * bus mapped, and uses the memory of the queues.
 */

#include <rte_errno.h>
#include <rte_string_fns.h>

#include <eal_export.h>

#include "base/shmbus_guard.h"
#include "rte_pmd_shmbus.h"
#include "shmbus_flags.h"
#include "shmbus_link.h"
#include "shmbus_mp.h"
#include "shmbus_priv.h"
#include "shmbus_queue.h"
#include "shmbus_relink.h"
#include "shmbus_steer.h"
#include "shmbus_switch.h"

/* ---- leave and join */

static void
leave(const struct shmbus_priv *priv, struct shmbus_wire *wire)
{
	shmbus_wire_leave(wire, priv->args.unlink);
	shmbus_wire_close(wire);
}

static void
set_limits(struct shmbus_priv *priv, const struct shmbus_wire *wire)
{
	priv->max_frame = shmbus_wire_frame_max(wire);
	priv->overhead = priv->format == SHMBUS_WIRE_LANES ? SHMBUS_OVERHEAD : RTE_ETHER_HDR_LEN;
}

static void
log_joined(const char *name, const struct shmbus_wire *wire)
{
	const char *path = shmbus_wire_file(wire)->path;
	const char *created = shmbus_wire_is_new(wire) ? ", which it created" : "";

	if (wire->readonly)
		SHMBUS_LOG(INFO, "%s: reads %s, without a slot", name, path);
	else if (wire->format == SHMBUS_WIRE_SHMIF)
		SHMBUS_LOG(INFO, "%s: number %u of this driver's ports on the shmif bus %s%s", name,
			   wire->slot, path, created);
	else
		SHMBUS_LOG(INFO, "%s: port %u of %u on %s%s", name, wire->slot,
			   wire->lanes.geo.ports, path,
			   wire->took_over ? ", taken over from a dead port" : created);
}

/* Tells what the port has to take from a bus that was there before it. */
static void
log_existing(const char *name, const struct shmbus_wire *wire)
{
	const char *path = shmbus_wire_file(wire)->path;
	const uint32_t queues = shmbus_wire_max_queues(wire);
	const uint32_t peers = shmbus_wire_count_peers(wire);

	if (shmbus_wire_is_new(wire))
		return;
	if (wire->format == SHMBUS_WIRE_SHMIF)
		SHMBUS_LOG(NOTICE, "%s: one queue, frames of at most %u bytes: from the existing bus %s, of format shmif",
			   name, shmbus_wire_frame_max(wire), path);
	else if (peers == 0)
		SHMBUS_LOG(NOTICE, "%s: %u queue%s: from the existing bus %s; no other port is alive on it",
			   name, queues, queues == 1 ? "" : "s", path);
	else
		SHMBUS_LOG(NOTICE, "%s: %u queue%s: from the existing bus %s; %u other port%s alive on it",
			   name, queues, queues == 1 ? "" : "s", path, peers, peers == 1 ? " is" : "s are");
}

int
shmbus_relink_join(struct rte_eth_dev *dev, struct shmbus_wire *wire)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_args *args = &priv->args;
	struct shmbus_wire_conf conf = {
		.bus = {
			.path = args->path,
			.ports = args->ports,
			.queues = args->queues,
			.lane_size = args->lane_size,
			.deliver = args->deliver,
			.mode = args->mode,
		},
		.format = priv->format,
		.port = { .numa_node = priv->numa_node },
		.sender = priv->format == SHMBUS_WIRE_SHMIF ? priv->shmif.sender : 0,
	};
	struct shmbus_error error;
	int ret;

	shmbus_wire_init(wire, priv->format);
	if (args->path[0] == '\0') {
		priv->slot = SHMBUS_NO_SLOT;
		if (priv->format == SHMBUS_WIRE_SHMIF)
			set_limits(priv, wire);
		SHMBUS_LOG(INFO, "%s: on no bus", dev->data->name);
		return 0;
	}
	memcpy(conf.port.mac, priv->macs[0].addr_bytes, sizeof(conf.port.mac));
	rte_strscpy(conf.port.name, dev->data->name, sizeof(conf.port.name));
	if (args->readonly)
		ret = shmbus_wire_look(wire, &conf, &error);
	else
		ret = shmbus_wire_attach(wire, &conf, &error);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: %s", dev->data->name, error.text);
		return ret;
	}
	ret = shmbus_switch_join(dev, wire);
	if (ret != 0) {
		leave(priv, wire);
		return ret;
	}
	priv->slot = wire->slot;
	set_limits(priv, wire);
	log_joined(dev->data->name, wire);
	log_existing(dev->data->name, wire);
	return 0;
}

/* Returns 0, or -ENOSPC, logged, if the bus has fewer queues than the application has set up. */
static int
check_queues(const struct rte_eth_dev *dev, const struct shmbus_wire *wire)
{
	const struct rte_eth_dev_data *data = dev->data;
	const uint32_t max = shmbus_wire_max_queues(wire);
	uint16_t i, n = 0;

	for (i = 0; i < data->nb_rx_queues; i++)
		if (data->rx_queues[i] != NULL)
			n = i + 1;
	for (i = 0; i < data->nb_tx_queues; i++)
		if (data->tx_queues[i] != NULL)
			n = RTE_MAX(n, i + 1);
	if (n <= max)
		return 0;
	SHMBUS_LOG(ERR, "%s: path=%s: the bus has queues=%u, but the port %u, so the port is on no bus now;"
		" reset the port and set up fewer queues, or give it another bus", data->name,
		shmbus_priv(dev)->args.path, max, n);
	return -ENOSPC;
}

/* ---- relink */

/* Puts the port on the bus of fresh, or on no bus if the queues do not fit. */
static int
settle(struct rte_eth_dev *dev, struct shmbus_wire *fresh)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_wire *wire = shmbus_wire(dev);
	int ret = 0;

	if (shmbus_wire_is_open(fresh)) {
		ret = check_queues(dev, fresh);
		if (ret == 0)
			ret = shmbus_queues_fit(dev, fresh);
		if (ret != 0)
			leave(priv, fresh);
	}
	leave(priv, wire);
	if (ret != 0 || !shmbus_wire_is_open(fresh))
		priv->slot = SHMBUS_NO_SLOT;
	/* Without a new bus the wire keeps the last geometry, for the port's limits. */
	if (shmbus_wire_is_open(fresh))
		*wire = *fresh;
	shmbus_link_set_status(dev, ret == 0 ? SHMBUS_STATUS_INTACT : SHMBUS_STATUS_GONE);
	return ret;
}

/*
 * Moves the port to the bus at path; "": to no bus. Returns 0, or -errno, logged.
 * A secondary process uses priv->args.path as the name of the bus. So the path
 * changes under the lock of the wire, while no secondary process has the port.
 */
static int
relink_locked(struct rte_eth_dev *dev, const char *path, bool leave_first)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	char before[sizeof(priv->args.path)];
	struct shmbus_wire fresh;
	int ret;

	if (leave_first) {
		leave(priv, shmbus_wire(dev));
		priv->slot = SHMBUS_NO_SLOT;
		shmbus_link_set_status(dev, SHMBUS_STATUS_GONE);
	}
	rte_strscpy(before, priv->args.path, sizeof(before));
	memmove(priv->args.path, path, strlen(path) + 1); /* path may be args.path */
	ret = shmbus_relink_join(dev, &fresh);
	if (ret == 0)
		ret = settle(dev, &fresh);
	/* A port that has not moved keeps its path. */
	if (ret != 0 && (shmbus_wire_is_open(shmbus_wire(dev)) || before[0] == '\0'))
		rte_strscpy(priv->args.path, before, sizeof(priv->args.path));
	return ret;
}

static int
relink(struct rte_eth_dev *dev, const char *path, bool leave_first)
{
	const bool due = shmbus_link_hold_events(dev);
	int ret;

	ret = shmbus_mp_lock_wire(dev);
	if (ret == 0) {
		ret = relink_locked(dev, path, leave_first);
		shmbus_mp_unlock_wire();
		shmbus_queues_update(dev);
	}
	if (due)
		shmbus_link_resume_events(dev);
	return ret;
}

int
shmbus_relink_if_lost(struct rte_eth_dev *dev)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);

	shmbus_guard_renew();
	shmbus_link_is_gone(dev);
	if (shmbus_load(&priv->link.status) == SHMBUS_STATUS_INTACT)
		return 0;
	return relink(dev, priv->args.path, true);
}

int
shmbus_dev_reset(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	bool due;
	int ret;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	shmbus_guard_renew();
	due = shmbus_link_hold_events(dev);
	/* The lock is held until all is done: a secondary process must not use the old queues. */
	ret = shmbus_mp_lock_wire(dev);
	if (ret == 0) {
		shmbus_queues_release(dev);
		shmbus_steer_close(dev);
		priv->link.set_down = false;
		ret = relink_locked(dev, priv->args.path, true);
		shmbus_mp_unlock_wire();
	}
	if (due)
		shmbus_link_resume_events(dev);
	return ret;
}

/* ---- rte_pmd_shmbus.h */

static int
find_port(uint16_t port_id, struct rte_eth_dev **dev)
{
	if (!rte_eth_dev_is_valid_port(port_id))
		return -ENODEV;
	*dev = &rte_eth_devices[port_id];
	if ((*dev)->dev_ops == NULL || (*dev)->process_private == NULL ||
	    !shmbus_is_our_port(*dev))
		return -ENODEV;
	return 0;
}

static int
relink_stopped(uint16_t port_id, const char *path)
{
	struct rte_eth_dev *dev;
	struct shmbus_priv *priv;
	int ret;

	ret = find_port(port_id, &dev);
	if (ret != 0)
		return ret;
	if (!shmbus_is_primary())
		return -ENOTSUP;
	if (dev->data->dev_started)
		return -EBUSY;
	if (path == NULL)
		return -EINVAL;
	priv = shmbus_priv(dev);
	if (strlen(path) >= sizeof(priv->args.path))
		return -ENAMETOOLONG;
	return relink(dev, path, shmbus_link_is_gone(dev) || strcmp(path, priv->args.path) == 0);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_shmbus_linkstr_set, 26.11)
int
rte_pmd_shmbus_linkstr_set(uint16_t port_id, const char *path)
{
	return relink_stopped(port_id, path != NULL && path[0] != '\0' ? path : NULL);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_shmbus_linkstr_get, 26.11)
int
rte_pmd_shmbus_linkstr_get(uint16_t port_id, char *path, size_t size)
{
	struct rte_eth_dev *dev;
	int ret;

	ret = find_port(port_id, &dev);
	if (ret != 0)
		return ret;
	if (path == NULL)
		return -EINVAL;
	return rte_strscpy(path, shmbus_priv(dev)->args.path, size) < 0 ? -ENAMETOOLONG : 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_shmbus_linkstr_unset, 26.11)
int
rte_pmd_shmbus_linkstr_unset(uint16_t port_id)
{
	return relink_stopped(port_id, "");
}
