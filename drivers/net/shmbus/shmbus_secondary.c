/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The port in a secondary process: how it comes, and what may be done with it.
 *
 * A secondary sends and receives, looks, and counts. What the port is, and the
 * queues, are the primary's business. Where ethdev acts before it asks the
 * driver, so that a refusal would come too late (it lets go of queues, takes
 * the burst functions away, forgets an address), there is no operation at all,
 * and the application is told -ENOTSUP; elsewhere it is -E_RTE_SECONDARY.
 */

#include <stdlib.h>
#include <unistd.h>

#include <rte_errno.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>

#include "shmbus_flow.h"
#include "shmbus_ops.h"

static int
refuse_dev(__rte_unused struct rte_eth_dev *dev)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_mtu(__rte_unused struct rte_eth_dev *dev, __rte_unused uint16_t mtu)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_mac_set(__rte_unused struct rte_eth_dev *dev, __rte_unused struct rte_ether_addr *mac)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_mac_add(__rte_unused struct rte_eth_dev *dev, __rte_unused struct rte_ether_addr *mac,
	       __rte_unused uint32_t index, __rte_unused uint32_t pool)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_mc_list(__rte_unused struct rte_eth_dev *dev, __rte_unused struct rte_ether_addr *list,
	       __rte_unused uint32_t n)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_vlan_filter(__rte_unused struct rte_eth_dev *dev, __rte_unused uint16_t vlan_id,
		   __rte_unused int on)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_vlan_offload(__rte_unused struct rte_eth_dev *dev, __rte_unused int mask)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_ptypes(__rte_unused struct rte_eth_dev *dev, __rte_unused uint32_t mask)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_rss_hash(__rte_unused struct rte_eth_dev *dev, __rte_unused struct rte_eth_rss_conf *conf)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_reta(__rte_unused struct rte_eth_dev *dev,
	    __rte_unused struct rte_eth_rss_reta_entry64 *conf, __rte_unused uint16_t size)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_flows(__rte_unused struct rte_eth_dev *dev, __rte_unused const struct rte_flow_ops **ops)
{
	/* Positive here: rte_flow takes it as it is for rte_errno, and negates it. */
	return E_RTE_SECONDARY;
}

static int
refuse_flow_ctrl(__rte_unused struct rte_eth_dev *dev, __rte_unused struct rte_eth_fc_conf *conf)
{
	return -E_RTE_SECONDARY;
}

static int
refuse_rate_limit(__rte_unused struct rte_eth_dev *dev, __rte_unused uint16_t id,
		  __rte_unused uint32_t mbps)
{
	return -E_RTE_SECONDARY;
}

const struct eth_dev_ops shmbus_secondary_ops = {
	.dev_start = refuse_dev,
	.dev_close = shmbus_dev_close,
	.dev_infos_get = shmbus_dev_infos_get,
	.dev_set_link_up = refuse_dev,
	.dev_set_link_down = refuse_dev,
	.link_update = shmbus_link_update,
	.mtu_set = refuse_mtu,
	.read_clock = shmbus_read_clock,
	/* These four for dpdk-dumpcap. */
	.promiscuous_enable = shmbus_promiscuous_enable,
	.promiscuous_disable = shmbus_promiscuous_disable,
	.allmulticast_enable = shmbus_allmulticast_enable,
	.allmulticast_disable = shmbus_allmulticast_disable,
	.mac_addr_set = refuse_mac_set,
	.mac_addr_add = refuse_mac_add,
	.set_mc_addr_list = refuse_mc_list,
	.vlan_filter_set = refuse_vlan_filter,
	.vlan_offload_set = refuse_vlan_offload,
	.dev_supported_ptypes_get = shmbus_supported_ptypes_get,
	.dev_ptypes_set = refuse_ptypes,
	.rss_hash_update = refuse_rss_hash,
	.rss_hash_conf_get = shmbus_rss_hash_conf_get,
	.reta_update = refuse_reta,
	.reta_query = shmbus_reta_query,
	.flow_ops_get = refuse_flows,
	.get_monitor_addr = shmbus_get_monitor_addr,
	.rx_queue_intr_enable = shmbus_rx_queue_intr_enable,
	.rx_queue_intr_disable = shmbus_rx_queue_intr_disable,
	/* A queue is that process's which uses it. */
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
	.flow_ctrl_set = refuse_flow_ctrl,
	.fw_version_get = shmbus_fw_version_get,
	.get_reg = shmbus_get_reg,
	.eth_dev_priv_dump = shmbus_priv_dump,
	.set_queue_rate_limit = refuse_rate_limit,
	.stats_get = shmbus_stats_get,
	.stats_reset = shmbus_stats_reset,
	.xstats_get = shmbus_xstats_get,
	.xstats_get_names = shmbus_xstats_get_names,
	.xstats_reset = shmbus_xstats_reset,
};

int
shmbus_secondary_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct shmbus_error error;
	struct shmbus_priv *priv;
	struct rte_eth_dev *dev;
	struct shmbus_wire *wire;
	int fd, ret;

	dev = rte_eth_dev_attach_secondary(name);
	if (dev == NULL) {
		SHMBUS_LOG(ERR, "%s: the primary process has no such port", name);
		return -ENODEV;
	}
	priv = shmbus_priv(dev);
	wire = calloc(1, sizeof(*wire));
	if (wire == NULL) {
		ret = -ENOMEM;
		goto err_release;
	}
	ret = shmbus_mp_listen();
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: cannot listen to the primary process: %s", name,
			   rte_strerror(-ret));
		goto err_free;
	}
	fd = shmbus_mp_request_bus(name);
	if (fd < 0) {
		ret = fd;
		SHMBUS_LOG(ERR, "%s: the primary process does not give its bus: %s", name,
			   rte_strerror(-ret));
		goto err_unlisten;
	}
	wire->ops = shmbus_wire_ops(priv->format, priv->args.readonly);
	wire->serial = priv->serial;
	ret = wire->ops->share(wire, priv, fd, &error);
	if (ret != 0) {
		close(fd);
		SHMBUS_LOG(ERR, "%s: %s", name, error.text);
		goto err_unlisten;
	}
	shmbus_add(&priv->secondaries, 1);
	dev->device = &vdev->device;
	dev->process_private = wire;
	dev->dev_ops = &shmbus_secondary_ops;
	shmbus_set_fast_path(dev);
	/* It can do without, and has said so. */
	shmbus_intr_open(dev);
	rte_eth_dev_probing_finish(dev);
	return 0;

err_unlisten:
	shmbus_mp_unlisten();
err_free:
	free(wire);
err_release:
	rte_eth_dev_release_port(dev);
	return ret;
}
