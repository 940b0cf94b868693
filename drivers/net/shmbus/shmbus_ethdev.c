/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * net_shmbus: a port on an Ethernet segment whose wire is a file in shared
 * memory. Here: how the port comes, is configured, and goes. The primary
 * process owns the slot on the bus; secondaries use it through it.
 */

#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>

#include "shmbus_ethdev.h"

#define SHMBUS_DESC_DEFAULT 1024
#define SHMBUS_BURST_DEFAULT 32

static int
shmbus_dev_configure(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

static int
shmbus_dev_start(struct rte_eth_dev *dev)
{
	int ret;

	ret = shmbus_queues_start(dev);
	if (ret != 0)
		return ret;
	shmbus_link_start(dev);
	return 0;
}

static int
shmbus_dev_stop(struct rte_eth_dev *dev)
{
	struct shmbus_port port = shmbus_base_port(dev);

	shmbus_link_stop(dev);
	shmbus_queues_stop(dev);
	shmbus_port_set_queues(&port, 0, 0);
	return 0;
}

static void
leave_bus(struct rte_eth_dev *dev)
{
	struct shmbus_bus *bus = shmbus_process_bus(dev);
	struct shmbus_port port = shmbus_base_port(dev);
	int locked;

	/* The lock keeps newcomers away while the last one removes the file. */
	locked = shmbus_file_lock(&bus->file);
	shmbus_port_detach(&port);
	if (locked == 0) {
		if (shmbus_priv(dev)->args.unlink && shmbus_port_count_peers(&port) == 0)
			shmbus_file_unlink(&bus->file);
		shmbus_file_unlock(&bus->file);
	}
}

static int
shmbus_dev_close(struct rte_eth_dev *dev)
{
	struct shmbus_bus *bus = shmbus_process_bus(dev);
	uint16_t i;

	if (bus == NULL)
		return 0;
	if (rte_eal_process_type() == RTE_PROC_PRIMARY) {
		if (dev->data->dev_started)
			shmbus_dev_stop(dev);
		for (i = 0; i < dev->data->nb_rx_queues; i++)
			shmbus_rx_queue_release(dev, i);
		for (i = 0; i < dev->data->nb_tx_queues; i++)
			shmbus_tx_queue_release(dev, i);
		leave_bus(dev);
		shmbus_mp_unserve();
		/* Part of dev_private, which ethdev frees by itself. */
		dev->data->mac_addrs = NULL;
	}
	dev->process_private = NULL;
	shmbus_bus_close(bus);
	free(bus);
	return 0;
}

static int
shmbus_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct shmbus_bus *bus = shmbus_process_bus(dev);
	const struct shmbus_priv *priv = shmbus_priv(dev);

	info->if_index = 0;
	info->max_mac_addrs = 1;
	info->min_rx_bufsize = SHMBUS_LINE;
	info->max_rx_pktlen = priv->max_frame;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = (uint16_t)(priv->max_frame - SHMBUS_OVERHEAD);
	info->max_rx_queues = (uint16_t)bus->geo.queues;
	info->max_tx_queues = (uint16_t)bus->geo.queues;
	info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	info->speed_capa = RTE_ETH_LINK_SPEED_100G;
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
	dev->data->mtu = mtu; /* ethdev has checked it against dev_infos */
	shmbus_queues_update(dev);
	return 0;
}

static const struct eth_dev_ops shmbus_ops = {
	.dev_configure = shmbus_dev_configure,
	.dev_start = shmbus_dev_start,
	.dev_stop = shmbus_dev_stop,
	.dev_close = shmbus_dev_close,
	.dev_infos_get = shmbus_dev_infos_get,
	.dev_set_link_up = shmbus_set_link_up,
	.dev_set_link_down = shmbus_set_link_down,
	.link_update = shmbus_link_update,
	.mtu_set = shmbus_mtu_set,
	.promiscuous_enable = shmbus_promiscuous_enable,
	.promiscuous_disable = shmbus_promiscuous_disable,
	.allmulticast_enable = shmbus_allmulticast_enable,
	.allmulticast_disable = shmbus_allmulticast_disable,
	.mac_addr_set = shmbus_mac_addr_set,
	.rx_queue_setup = shmbus_rx_queue_setup,
	.rx_queue_release = shmbus_rx_queue_release,
	.tx_queue_setup = shmbus_tx_queue_setup,
	.tx_queue_release = shmbus_tx_queue_release,
	.stats_get = shmbus_stats_get,
	.stats_reset = shmbus_stats_reset,
	.xstats_get = shmbus_xstats_get,
	.xstats_get_names = shmbus_xstats_get_names,
	.xstats_reset = shmbus_xstats_reset,
};

/* b2:a0 is locally administered; the rest is by chance. */
static void
random_mac(struct rte_ether_addr *mac)
{
	rte_eth_random_addr(mac->addr_bytes);
	mac->addr_bytes[0] = 0xb2;
	mac->addr_bytes[1] = 0xa0;
}

static int
choose_numa_node(const struct shmbus_args *args, const struct rte_vdev_device *vdev)
{
	if (args->numa != SHMBUS_NUMA_AUTO)
		return args->numa;
	return vdev->device.numa_node >= 0 ? vdev->device.numa_node : (int)rte_socket_id();
}

/* Open the bus and take a slot. */
static int
join_bus(const char *name, struct shmbus_priv *priv, struct shmbus_bus *bus)
{
	const struct shmbus_args *args = &priv->args;
	const struct shmbus_bus_conf bus_conf = {
		.path = args->path,
		.ports = args->ports,
		.queues = args->queues,
		.lane_size = args->lane_size,
		.mode = args->mode,
	};
	struct shmbus_port_conf port_conf = { .numa_node = priv->numa_node };
	struct shmbus_error error;
	struct shmbus_port port;
	int ret;

	ret = shmbus_bus_open(bus, &bus_conf, &error);
	if (ret != 0)
		goto err_log;
	memcpy(port_conf.mac, priv->mac.addr_bytes, sizeof(port_conf.mac));
	rte_strscpy(port_conf.name, name, sizeof(port_conf.name));
	ret = shmbus_port_attach(&port, bus, &port_conf, &error);
	if (ret != 0) {
		shmbus_bus_undo(bus);
		goto err_log;
	}
	shmbus_file_unlock(&bus->file);
	priv->slot = port.slot;
	priv->max_frame = shmbus_frame_max(&bus->geo);
	SHMBUS_LOG(INFO, "%s: port %u of %u on %s%s", name, port.slot, bus->geo.ports, bus->file.path,
		   port.took_over ? ", taken over from a dead port" :
		   bus->filled ? ", which it created" : "");
	return 0;

err_log:
	SHMBUS_LOG(ERR, "%s: %s", name, error.text);
	return ret;
}

static int
probe_primary(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *dev;
	struct shmbus_args args;
	struct shmbus_priv *priv;
	struct shmbus_bus *bus;
	int ret;

	ret = shmbus_args_parse(&args, rte_vdev_device_args(vdev));
	if (ret != 0)
		return ret;
	bus = calloc(1, sizeof(*bus));
	if (bus == NULL)
		return -ENOMEM;
	dev = rte_eth_vdev_allocate(vdev, sizeof(*priv));
	if (dev == NULL) {
		ret = -ENOMEM;
		goto err_free;
	}
	priv = shmbus_priv(dev);
	priv->args = args;
	priv->numa_node = choose_numa_node(&args, vdev);
	rte_spinlock_init(&priv->link_lock);
	if (args.mac_given)
		priv->mac = args.mac;
	else
		random_mac(&priv->mac);
	ret = shmbus_mp_serve();
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: cannot serve secondary processes: %s", name, rte_strerror(-ret));
		goto err_release;
	}
	ret = join_bus(name, priv, bus);
	if (ret != 0)
		goto err_unserve;

	dev->process_private = bus;
	dev->data->mac_addrs = &priv->mac;
	dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	dev->data->promiscuous = 0;
	dev->dev_ops = &shmbus_ops;
	dev->rx_pkt_burst = shmbus_rx_burst;
	dev->tx_pkt_burst = shmbus_tx_burst;
	rte_eth_dev_probing_finish(dev);
	return 0;

err_unserve:
	shmbus_mp_unserve();
err_release:
	rte_eth_dev_release_port(dev);
err_free:
	free(bus);
	return ret;
}

static int
probe_secondary(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct shmbus_error error;
	struct rte_eth_dev *dev;
	struct shmbus_bus *bus;
	int fd, ret;

	dev = rte_eth_dev_attach_secondary(name);
	if (dev == NULL) {
		SHMBUS_LOG(ERR, "%s: the primary process has no such port", name);
		return -ENODEV;
	}
	bus = calloc(1, sizeof(*bus));
	if (bus == NULL) {
		ret = -ENOMEM;
		goto err_release;
	}
	fd = shmbus_mp_request_bus(name);
	if (fd < 0) {
		ret = fd;
		SHMBUS_LOG(ERR, "%s: the primary process does not give its bus: %s", name,
			   rte_strerror(-ret));
		goto err_free;
	}
	ret = shmbus_bus_open_fd(bus, fd, shmbus_priv(dev)->args.path, &error);
	if (ret != 0) {
		close(fd);
		SHMBUS_LOG(ERR, "%s: %s", name, error.text);
		goto err_free;
	}
	dev->device = &vdev->device;
	dev->process_private = bus;
	dev->dev_ops = &shmbus_ops;
	dev->rx_pkt_burst = shmbus_rx_burst;
	dev->tx_pkt_burst = shmbus_tx_burst;
	rte_eth_dev_probing_finish(dev);
	return 0;

err_free:
	free(bus);
err_release:
	rte_eth_dev_release_port(dev);
	return ret;
}

static int
shmbus_probe(struct rte_vdev_device *vdev)
{
	int ret;

	if (rte_eal_process_type() == RTE_PROC_SECONDARY)
		ret = probe_secondary(vdev);
	else
		ret = probe_primary(vdev);
	/* EAL takes that for a device that is there already, and goes on as if all were well. */
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
	"format=auto|lanes "
	"mac=<xx:xx:xx:xx:xx:xx> "
	"ports=<1..256> "
	"queues=<1..64> "
	"lane_size=<bytes|nK|nM> "
	"mode=<octal> "
	"pause=on|off "
	"pause_timeout_ms=<n> "
	"carrier=bus|peer "
	"numa=auto|none|<node> "
	"unlink=on|off");
RTE_LOG_REGISTER_DEFAULT(shmbus_logtype, NOTICE)
