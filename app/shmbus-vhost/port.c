/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "port.h"
#include "say.h"
#include "worker.h"

/* The queues of a new bus that is made without an argument. */
#define QUEUES_DEFAULT 4

/* As many mbufs as the two bursts of a worker can have, and as driver and caches may keep. */
#define ROOM 2048
#define CACHE 256
#define MBUFS (2 * WORKER_BURST * (WORKER_FRAME_MAX / ROOM + 2) + 4 * CACHE)

static int
probe(struct port *p, const char *name)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	char args[PATH_MAX + 64];
	size_t len;
	int ret;

	len = (size_t)snprintf(args, sizeof(args), "path=%s", p->conf->path);
	/* A bus that is there has its own number, which is checked afterwards. */
	if (p->conf->queues > QUEUES_DEFAULT && access(p->conf->path, F_OK) != 0 &&
	    len < sizeof(args))
		len += (size_t)snprintf(args + len, sizeof(args) - len, ",queues=%u",
					p->conf->queues);
	if (p->guest->mac_given && len < sizeof(args)) {
		rte_ether_format_addr(mac, sizeof(mac), &p->guest->mac);
		len += (size_t)snprintf(args + len, sizeof(args) - len, ",mac=%s", mac);
	}
	if (len >= sizeof(args)) {
		say("path=%s: the path is too long; the longest has %d bytes", p->conf->path,
		    PATH_MAX - 1);
		return -ENAMETOOLONG;
	}
	ret = rte_eal_hotplug_add("vdev", name, args);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(name, &p->id);
	if (ret != 0)
		say("path=%s: cannot join the bus; the lines above say why", p->conf->path);
	return ret;
}

static int
make_pools(struct port *p, const char *name)
{
	char pool[48];
	unsigned int i;

	for (i = 0; i < p->conf->queues; i++) {
		snprintf(pool, sizeof(pool), "%s.%u", name, i);
		p->pools[i] = rte_pktmbuf_pool_create(pool, MBUFS, CACHE, 0,
			ROOM + RTE_PKTMBUF_HEADROOM, rte_eth_dev_socket_id(p->id));
		if (p->pools[i] == NULL) {
			say("no memory for %d mbufs of queue %u: give EAL more, with -m or with "
			    "hugepages", MBUFS, i);
			return -ENOMEM;
		}
	}
	return 0;
}

int
port_open(struct port *p, unsigned int number, const struct conf *conf,
	  const struct conf_guest *guest)
{
	struct rte_eth_dev_info info;
	uint32_t queues;
	char name[32];
	int ret;

	p->conf = conf;
	p->guest = guest;
	snprintf(name, sizeof(name), "net_shmbus%u", number);
	ret = probe(p, name);
	if (ret != 0)
		return ret;
	ret = rte_eth_dev_info_get(p->id, &info);
	queues = ret == 0 ? RTE_MIN(info.max_rx_queues, info.max_tx_queues) : 0;
	if (ret == 0 && conf->queues > queues) {
		say("--queues: '%u' is not right; a port of the bus %s has %u at most", conf->queues,
		    conf->path, queues);
		ret = -EINVAL;
	}
	if (ret == 0)
		ret = make_pools(p, name);
	if (ret != 0)
		port_close(p);
	return ret;
}

void
port_close(struct port *p)
{
	struct rte_eth_dev_info info;
	unsigned int i;

	if (rte_eth_dev_info_get(p->id, &info) == 0)
		rte_dev_remove(info.device);
	for (i = 0; i < p->conf->queues; i++)
		rte_mempool_free(p->pools[i]);
}

static int
configure(struct port *p, const struct port_offloads *offloads)
{
	static const uint64_t taken = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
				      RTE_ETH_RX_OFFLOAD_TCP_LRO;
	struct rte_eth_conf conf = {
		.rxmode = {
			.mtu = offloads->mtu,
			.offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		},
		.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
				   RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.intr_conf = { .rxq = 1, .rmv = 1 },
	};
	const uint16_t queues = (uint16_t)p->conf->queues;
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(p->id, &info);
	if (ret != 0)
		return ret;
	/*
	 * The driver leaves checksums out only for ports with LRO; a packet that LRO may not have
	 * comes in segments.
	 */
	if (offloads->checksums) {
		conf.rxmode.offloads |= taken & info.rx_offload_capa;
		conf.rxmode.max_lro_pkt_size = offloads->segments ? info.max_lro_pkt_size :
								    RTE_ETHER_MIN_LEN;
	}
	/* One sender has one queue as a rule; its flows are to reach all queues of the guest. */
	if (queues > 1) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads;
	}
	return rte_eth_dev_configure(p->id, queues, queues, &conf);
}

static int
set_up_queues(struct port *p)
{
	const int node = rte_eth_dev_socket_id(p->id);
	uint16_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < p->conf->queues; i++) {
		ret = rte_eth_rx_queue_setup(p->id, i, 1024, (unsigned int)node, NULL, p->pools[i]);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(p->id, i, 1024, (unsigned int)node, NULL);
	}
	return ret;
}

/* A guest's address is known only if it was given: QEMU tells a backend neither it nor filters. */
static int
set_filter(struct port *p)
{
	return p->guest->mac_given ? rte_eth_allmulticast_enable(p->id) :
				     rte_eth_promiscuous_enable(p->id);
}

static int
set_pause(struct port *p)
{
	struct rte_eth_fc_conf fc;
	int ret;

	if (!p->conf->lossy)
		return 0;
	ret = rte_eth_dev_flow_ctrl_get(p->id, &fc);
	if (ret == -ENOTSUP) /* shmif: nobody waits for anybody */
		return 0;
	if (ret != 0)
		return ret;
	/* The port waits for others, and they do not wait for it. */
	fc.mode = RTE_ETH_FC_RX_PAUSE;
	return rte_eth_dev_flow_ctrl_set(p->id, &fc);
}

int
port_start(struct port *p, const struct port_offloads *offloads)
{
	int ret;

	ret = configure(p, offloads);
	if (ret == 0)
		ret = set_up_queues(p);
	if (ret == 0)
		ret = set_filter(p);
	if (ret == 0)
		ret = set_pause(p);
	if (ret == 0)
		ret = rte_eth_dev_start(p->id);
	if (ret != 0)
		say("%s: cannot start the port on %s: %s", p->guest->socket, p->conf->path,
		    strerror(-ret));
	return ret;
}

void
port_get_losses(const struct port *p, struct port_losses *losses)
{
	struct rte_eth_stats stats;

	*losses = p->before;
	if (rte_eth_stats_get(p->id, &stats) != 0)
		return;
	losses->missed += stats.imissed;
	losses->refused += stats.oerrors;
}

void
port_stop(struct port *p)
{
	rte_eth_dev_stop(p->id);
	/* The next start sets up the queues anew, and with them their counters. */
	port_get_losses(p, &p->before);
	rte_eth_stats_reset(p->id);
}
