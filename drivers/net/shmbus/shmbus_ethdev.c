/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * net_shmbus: a port on an Ethernet segment whose wire is a file in shared
 * memory. This file: probe, configuration, start, stop and close of a port. The
 * primary process owns the slot on the bus; secondary processes use it
 * (shmbus_secondary.c).
 */

#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_random.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>

#include "base/shmbus_clock.h"
#include "base/shmbus_guard.h"
#include "shmbus_checksum.h"
#include "shmbus_conf.h"
#include "shmbus_announce.h"
#include "shmbus_fast_path.h"
#include "shmbus_filter.h"
#include "shmbus_flow.h"
#include "shmbus_info.h"
#include "shmbus_intr.h"
#include "shmbus_limit.h"
#include "shmbus_flags.h"
#include "shmbus_link.h"
#include "shmbus_mp.h"
#include "shmbus_node.h"
#include "shmbus_ops.h"
#include "shmbus_ptype.h"
#include "shmbus_queue.h"
#include "shmbus_relink.h"
#include "shmbus_rss.h"
#include "shmbus_stats.h"
#include "shmbus_steer.h"
#include "shmbus_switch.h"
#include "shmbus_vlan.h"

#define SHMBUS_DESC_DEFAULT 1024
#define SHMBUS_BURST_DEFAULT 32

static int
shmbus_dev_configure(struct rte_eth_dev *dev)
{
	int ret;

	ret = shmbus_conf_check(dev);
	if (ret != 0)
		return ret;
	ret = shmbus_relink_if_lost(dev);
	if (ret != 0)
		return ret;
	return shmbus_rss_configure(dev);
}

static int
shmbus_dev_start(struct rte_eth_dev *dev)
{
	int ret;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	ret = shmbus_relink_if_lost(dev);
	if (ret != 0)
		return ret;
	ret = shmbus_intr_open(dev);
	if (ret != 0)
		return ret;
	/* Before senders wait for these queues. */
	shmbus_wire_prefault(shmbus_wire(dev));
	ret = shmbus_queues_start(dev);
	if (ret != 0) {
		shmbus_intr_close(dev);
		return ret;
	}
	shmbus_link_start(dev);
	shmbus_intr_tell(dev);
	return 0;
}

static int
shmbus_dev_stop(struct rte_eth_dev *dev)
{
	shmbus_guard_renew();
	shmbus_link_stop(dev);
	shmbus_intr_tell(dev);
	shmbus_queues_stop(dev);
	shmbus_announce_stop(dev);
	shmbus_intr_stop(dev);
	return 0;
}

static void
close_primary(struct rte_eth_dev *dev)
{
	if (dev->data->dev_started)
		shmbus_dev_stop(dev);
	shmbus_link_end_poll(dev);
	shmbus_queues_release(dev);
	shmbus_steer_close(dev);
	shmbus_switch_close(dev);
	shmbus_wire_leave(shmbus_wire(dev), shmbus_priv(dev)->args.unlink);
	shmbus_mp_unserve(dev);
	/* A part of dev_private, which ethdev frees. */
	dev->data->mac_addrs = NULL;
}

static int
shmbus_dev_close(struct rte_eth_dev *dev)
{
	struct shmbus_local *local = dev->process_private;

	if (local == NULL)
		return 0;
	shmbus_guard_renew();
	if (shmbus_is_primary())
		close_primary(dev);
	shmbus_intr_close(dev);
	shmbus_mp_lock_ports();
	dev->process_private = NULL;
	shmbus_mp_unlock_ports();
	shmbus_wire_close(&local->wire);
	if (local->presence >= 0)
		close(local->presence);
	free(local);
	return 0;
}

static int
shmbus_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_priv *priv = shmbus_priv(dev);

	info->if_index = 0;
	info->max_mac_addrs = SHMBUS_UNICAST_MAX;
	info->min_rx_bufsize = SHMBUS_LINE;
	info->max_rx_pktlen = priv->max_frame;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = (uint16_t)(priv->max_frame - priv->overhead);
	info->max_rx_queues = (uint16_t)shmbus_wire_max_queues(wire);
	info->max_tx_queues = info->max_rx_queues;
	info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_RSS_HASH |
				SHMBUS_RX_CHECKSUMS | SHMBUS_VLAN_RX_OFFLOADS;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE |
				SHMBUS_TX_CHECKSUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO |
				SHMBUS_VLAN_TX_OFFLOADS;
	info->flow_type_rss_offloads = SHMBUS_RSS_TYPES;
	info->hash_key_size = SHMBUS_RSS_KEY;
	info->reta_size = SHMBUS_RSS_RETA;
	info->dev_capa |= RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
			  RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP |
			  RTE_ETH_DEV_CAPA_FLOW_RULE_KEEP;
	/* A shmif bus has no long frames, and its timestamps come from unknown clocks. */
	if (priv->format == SHMBUS_WIRE_LANES) {
		info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_TIMESTAMP | RTE_ETH_RX_OFFLOAD_TCP_LRO;
		info->max_lro_pkt_size = priv->max_frame;
	}
	info->speed_capa = SHMBUS_SPEED_CAPA;
	/* A queue has no ring (shmbus_info.c), so any number suits. */
	info->rx_desc_lim.nb_min = 1;
	info->tx_desc_lim.nb_min = 1;
	info->default_rxportconf = (struct rte_eth_dev_portconf){
		.burst_size = SHMBUS_BURST_DEFAULT,
		.ring_size = SHMBUS_DESC_DEFAULT,
		.nb_queues = 1,
	};
	info->default_txportconf = info->default_rxportconf;
	return 0;
}

static int
shmbus_mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	dev->data->mtu = mtu; /* ethdev has checked it against dev_infos */
	shmbus_queues_update(dev);
	if (dev->data->dev_started)
		shmbus_scatter_update(dev);
	return 0;
}

/* Reads the clock of the Rx timestamps. */
static int
shmbus_read_clock(struct rte_eth_dev *dev, uint64_t *clock)
{
	if (shmbus_priv(dev)->format != SHMBUS_WIRE_LANES)
		return -ENOTSUP; /* shmif has no Rx timestamps */
	*clock = shmbus_clock_real_ns();
	return 0;
}

static const struct eth_dev_ops primary_ops = {
	.dev_configure = shmbus_dev_configure,
	.dev_start = shmbus_dev_start,
	.dev_stop = shmbus_dev_stop,
	.dev_close = shmbus_dev_close,
	.dev_reset = shmbus_dev_reset,
	.dev_infos_get = shmbus_dev_infos_get,
	.dev_set_link_up = shmbus_set_link_up,
	.dev_set_link_down = shmbus_set_link_down,
	.link_update = shmbus_link_update,
	.mtu_set = shmbus_mtu_set,
	.read_clock = shmbus_read_clock,
	.promiscuous_enable = shmbus_promiscuous_enable,
	.promiscuous_disable = shmbus_promiscuous_disable,
	.allmulticast_enable = shmbus_allmulticast_enable,
	.allmulticast_disable = shmbus_allmulticast_disable,
	.mac_addr_set = shmbus_mac_addr_set,
	.mac_addr_add = shmbus_mac_addr_add,
	.mac_addr_remove = shmbus_mac_addr_remove,
	.set_mc_addr_list = shmbus_set_mc_addr_list,
	.vlan_filter_set = shmbus_vlan_filter_set,
	.vlan_offload_set = shmbus_vlan_offload_set,
	.dev_supported_ptypes_get = shmbus_supported_ptypes_get,
	.dev_ptypes_set = shmbus_ptypes_set,
	.rss_hash_update = shmbus_rss_hash_update,
	.rss_hash_conf_get = shmbus_rss_hash_conf_get,
	.reta_update = shmbus_reta_update,
	.reta_query = shmbus_reta_query,
	.flow_ops_get = shmbus_flow_ops_get,
	.get_monitor_addr = shmbus_get_monitor_addr,
	.rx_queue_intr_enable = shmbus_rx_queue_intr_enable,
	.rx_queue_intr_disable = shmbus_rx_queue_intr_disable,
	.rx_queue_setup = shmbus_rx_queue_setup,
	.rx_queue_release = shmbus_rx_queue_release,
	.tx_queue_setup = shmbus_tx_queue_setup,
	.tx_queue_release = shmbus_tx_queue_release,
	.rx_queue_start = shmbus_rx_queue_start,
	.rx_queue_stop = shmbus_rx_queue_stop,
	.tx_queue_start = shmbus_tx_queue_start,
	.tx_queue_stop = shmbus_tx_queue_stop,
	.tx_done_cleanup = shmbus_tx_done_cleanup,
	.rxq_info_get = shmbus_rxq_info_get,
	.txq_info_get = shmbus_txq_info_get,
	.rx_burst_mode_get = shmbus_rx_burst_mode_get,
	.tx_burst_mode_get = shmbus_tx_burst_mode_get,
	.flow_ctrl_get = shmbus_flow_ctrl_get,
	.flow_ctrl_set = shmbus_flow_ctrl_set,
	.fw_version_get = shmbus_fw_version_get,
	.get_reg = shmbus_get_reg,
	.eth_dev_priv_dump = shmbus_priv_dump,
	.set_queue_rate_limit = shmbus_set_queue_rate_limit,
	.stats_get = shmbus_stats_get,
	.stats_reset = shmbus_stats_reset,
	.xstats_get = shmbus_xstats_get,
	.xstats_get_names = shmbus_xstats_get_names,
	.xstats_reset = shmbus_xstats_reset,
};

/*
 * The operations in a secondary process. An operation that changes the port refuses
 * there. Some operations are missing: ethdev does a part of their work before it
 * calls the driver (releases queues, removes the burst functions, deletes an
 * address), so a refusal would come too late. The application gets -ENOTSUP.
 */
static struct eth_dev_ops secondary_ops;

RTE_INIT(shmbus_secondary_ops_init)
{
	secondary_ops = primary_ops;
	secondary_ops.dev_configure = NULL;
	secondary_ops.dev_stop = NULL;
	secondary_ops.dev_reset = NULL;
	secondary_ops.mac_addr_remove = NULL;
	secondary_ops.rx_queue_setup = NULL;
	secondary_ops.rx_queue_release = NULL;
	secondary_ops.tx_queue_setup = NULL;
	secondary_ops.tx_queue_release = NULL;
}

/* b2:a0 is locally administered; the other bytes are random. */
static void
random_mac(struct rte_ether_addr *mac)
{
	rte_eth_random_addr(mac->addr_bytes);
	mac->addr_bytes[0] = 0xb2;
	mac->addr_bytes[1] = 0xa0;
}

static void
init_priv(struct shmbus_priv *priv, const struct shmbus_args *args,
	  enum shmbus_wire_format format, const struct rte_vdev_device *vdev)
{
	priv->args = *args;
	priv->format = format;
	if (format == SHMBUS_WIRE_SHMIF)
		priv->shmif.sender = rte_rand();
	else
		priv->lanes.holds = !args->readonly;
	priv->numa_node = shmbus_node_of_lanes(args, vdev->device.numa_node);
	rte_spinlock_init(&priv->link.lock);
	rte_spinlock_init(&priv->queues_lock);
	rte_spinlock_init(&priv->steer.lock);
	if (rte_is_zero_ether_addr(&args->mac))
		random_mac(&priv->macs[0]);
	else
		priv->macs[0] = args->mac;
	shmbus_filter_init(priv);
	shmbus_ptypes_init(priv);
}

static int
probe_primary(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	enum shmbus_wire_format format;
	struct shmbus_local *local;
	struct rte_eth_dev *dev;
	struct shmbus_args args;
	int ret;

	ret = shmbus_args_parse(&args, rte_vdev_device_args(vdev));
	if (ret != 0)
		return ret;
	format = shmbus_wire_find_format(args.path, args.format);
	ret = shmbus_args_suit(&args, format);
	if (ret != 0)
		return ret;
	local = calloc(1, sizeof(*local));
	if (local == NULL)
		return -ENOMEM;
	dev = rte_eth_vdev_allocate(vdev, sizeof(struct shmbus_priv));
	if (dev == NULL) {
		ret = -ENOMEM;
		goto err_free;
	}
	init_priv(shmbus_priv(dev), &args, format, vdev);
	dev->process_private = local;
	ret = shmbus_mp_serve(dev);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: cannot serve secondary processes: %s", name, rte_strerror(-ret));
		goto err_release;
	}
	ret = shmbus_relink_join(dev, &local->wire);
	if (ret != 0)
		goto err_unserve;
	dev->data->mac_addrs = shmbus_priv(dev)->macs;
	/* Not RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS, which is limited to 16 queues. */
	dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_INTR_RMV;
	dev->data->promiscuous = 0;
	/* After the allocation of the port, which may have its memory on any node. */
	dev->data->numa_node = shmbus_node_of_port(shmbus_priv(dev)->numa_node);
	vdev->device.numa_node = dev->data->numa_node;
	dev->dev_ops = &primary_ops;
	shmbus_set_fast_path(dev);
	rte_eth_dev_probing_finish(dev);
	return 0;

err_unserve:
	shmbus_mp_unserve(dev);
err_release:
	dev->process_private = NULL;
	rte_eth_dev_release_port(dev);
err_free:
	free(local);
	return ret;
}

static int
shmbus_probe(struct rte_vdev_device *vdev)
{
	int ret;

	ret = shmbus_is_primary() ? probe_primary(vdev) : shmbus_secondary_probe(vdev, &secondary_ops);
	/* EAL takes -EEXIST for a device that exists already, and would go on without an error. */
	return ret == -EEXIST ? -EINVAL : ret;
}

static int
shmbus_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev;

	dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
	if (dev == NULL)
		return 0; /* closed already */
	shmbus_dev_close(dev);
	return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver shmbus_driver = {
	.probe = shmbus_probe,
	.remove = shmbus_remove,
};

RTE_PMD_REGISTER_VDEV(net_shmbus, shmbus_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_shmbus,
	"path=<file> "
	"format=auto|lanes|shmif "
	"mac=<xx:xx:xx:xx:xx:xx> "
	"ports=<1..256> "
	"queues=<1..64> "
	"lane_size=<bytes|nK|nM|nG> "
	"deliver=hub|switch "
	"mode=<octal> "
	"pause=on|off "
	"pause_timeout_ms=<n> "
	"carrier=bus|peer "
	"numa=auto|none|<node> "
	"unlink=on|off "
	"readonly=on|off "
	"mirror=on|off "
	"ptypes=asked|always "
	"wake=always|never "
	"lock_break_ms=<n>");
RTE_LOG_REGISTER_DEFAULT(shmbus_logtype, NOTICE)
