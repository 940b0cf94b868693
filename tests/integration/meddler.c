/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * dpdk-meddler: a secondary process that calls every ethdev function on port 0,
 * permitted or not, and prints the result of each: "call NAME STATUS". It compares
 * all memory that the processes of a port share before and after each call:
 * "changed NAME WHAT OFFSET". Then it receives on queue 1, and prints the number
 * of received frames, "frames N", at each change, until its standard input ends.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ethdev_driver.h>
#include <rte_dev.h>
#include <rte_dev_info.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_malloc.h>

#include "shmbus_rxq.h"
#include "shmbus_txq.h"

#define PORT 0
#define QUEUE 1
#define BURST 32

/* ---- what the processes share */

/* A part of it, and as it was. */
struct part {
	char name[32];
	const uint8_t *bytes;
	size_t size;
	uint8_t *before;
};

static struct part parts[64];
static unsigned int n_parts;

static void
add_part(const char *name, unsigned int number, const void *bytes, size_t size)
{
	struct part *part = &parts[n_parts];

	if (bytes == NULL || n_parts == RTE_DIM(parts))
		return;
	/* What DPDK has allocated it knows the size of. */
	if (size == 0 && rte_malloc_validate(bytes, &size) != 0)
		rte_exit(EXIT_FAILURE, "%s%u is not in DPDK's memory\n", name, number);
	part->before = malloc(size);
	if (part->before == NULL)
		rte_exit(EXIT_FAILURE, "no memory\n");
	snprintf(part->name, sizeof(part->name), "%s%u", name, number);
	part->bytes = bytes;
	part->size = size;
	memcpy(part->before, bytes, size);
	n_parts++;
}

static void
look_at_all(void)
{
	const struct rte_eth_dev_data *data = rte_eth_devices[PORT].data;
	const struct shmbus_rxq *rxq;
	const struct shmbus_txq *txq;
	unsigned int i;

	while (n_parts != 0)
		free(parts[--n_parts].before);
	add_part("data", 0, data, sizeof(*data));
	add_part("priv", 0, data->dev_private, 0);
	for (i = 0; i < data->nb_rx_queues; i++) {
		rxq = data->rx_queues[i];
		add_part("rxq", i, rxq, 0);
		add_part("rx_memory", i, rxq != NULL ? rxq->memory : NULL, 0);
	}
	for (i = 0; i < data->nb_tx_queues; i++) {
		txq = data->tx_queues[i];
		add_part("txq", i, txq, 0);
		add_part("tx_memory", i, txq != NULL ? txq->memory : NULL, 0);
	}
}

static void
tell_changes(const char *call)
{
	const struct part *part;
	size_t i;

	for (part = parts; part != parts + n_parts; part++) {
		for (i = 0; i < part->size && part->bytes[i] == part->before[i]; i++)
			;
		if (i < part->size)
			printf("changed %s %s %zu\n", call, part->name, i);
	}
}

/* What ethdev calls unchecked in this process. */
static bool
has_functions(void)
{
	const struct rte_eth_fp_ops *fast = &rte_eth_fp_ops[PORT];
	const struct rte_eth_dev *dev = &rte_eth_devices[PORT];

	return dev->rx_pkt_burst != NULL && dev->tx_pkt_burst != NULL &&
	       dev->rx_queue_count != NULL && dev->rx_descriptor_status != NULL &&
	       dev->tx_descriptor_status != NULL && fast->rx_pkt_burst == dev->rx_pkt_burst &&
	       fast->tx_pkt_burst == dev->tx_pkt_burst &&
	       fast->rx_queue_count == dev->rx_queue_count &&
	       fast->rx_descriptor_status == dev->rx_descriptor_status &&
	       fast->tx_descriptor_status == dev->tx_descriptor_status;
}

/* ---- calls */

#define CALL(name, expression) \
	do { \
		look_at_all(); \
		printf("call %s %d\n", name, expression); \
		tell_changes(name); \
		if (!has_functions()) \
			printf("missing %s\n", name); \
	} while (0)

/* What a secondary may do. */
static void
look(void)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = UINT64_MAX }, { .mask = UINT64_MAX } };
	struct rte_eth_rss_conf rss = { .rss_key = NULL };
	struct rte_dev_reg_info regs = { .data = NULL };
	struct rte_eth_burst_mode mode;
	struct rte_eth_xstat xstats[64];
	struct rte_eth_dev_info info;
	struct rte_eth_fc_conf fc;
	struct rte_eth_rxq_info rxq;
	struct rte_eth_txq_info txq;
	struct rte_eth_stats stats;
	struct rte_eth_link link;
	struct rte_eth_xstat_name names[64];
	struct rte_ether_addr mac;
	uint32_t ptypes[32];
	char text[64];
	uint64_t clock;
	uint64_t id;
	uint16_t mtu;
	FILE *nowhere;

	CALL("info_get", rte_eth_dev_info_get(PORT, &info));
	CALL("numa_node", rte_eth_dev_socket_id(PORT) >= 0 &&
	     rte_dev_numa_node(info.device) == rte_eth_dev_socket_id(PORT) ? 0 : -1);
	CALL("link_get", rte_eth_link_get_nowait(PORT, &link));
	CALL("macaddr_get", rte_eth_macaddr_get(PORT, &mac));
	CALL("supported_ptypes",
	     rte_eth_dev_get_supported_ptypes(PORT, RTE_PTYPE_ALL_MASK, ptypes, RTE_DIM(ptypes)) > 0 ?
	     0 : -1);
	CALL("get_vlan_offload", rte_eth_dev_get_vlan_offload(PORT));
	CALL("promiscuous_get", rte_eth_promiscuous_get(PORT) == 1 ? 0 : -1);
	CALL("allmulticast_get", rte_eth_allmulticast_get(PORT) < 0);
	CALL("queue_count", rte_eth_rx_queue_count(PORT, QUEUE));
	CALL("rx_descriptor_status", rte_eth_rx_descriptor_status(PORT, QUEUE, 0) < 0);
	CALL("tx_descriptor_status", rte_eth_tx_descriptor_status(PORT, QUEUE, 0) < 0);
	CALL("tx_done_cleanup", rte_eth_tx_done_cleanup(PORT, QUEUE, 0));
	CALL("xstats_names", rte_eth_xstats_get_names(PORT, names, RTE_DIM(names)) > 0 ? 0 : -1);
	CALL("xstat_id", rte_eth_xstats_get_id_by_name(PORT, "peers", &id));
	CALL("get_mtu", rte_eth_dev_get_mtu(PORT, &mtu));
	CALL("stats_get", rte_eth_stats_get(PORT, &stats));
	CALL("stats_reset", rte_eth_stats_reset(PORT));
	CALL("xstats_get", rte_eth_xstats_get(PORT, xstats, RTE_DIM(xstats)) > 0 ? 0 : -1);
	CALL("xstats_reset", rte_eth_xstats_reset(PORT));
	CALL("rx_queue_info_get", rte_eth_rx_queue_info_get(PORT, QUEUE, &rxq));
	CALL("tx_queue_info_get", rte_eth_tx_queue_info_get(PORT, QUEUE, &txq));
	CALL("rx_burst_mode_get", rte_eth_rx_burst_mode_get(PORT, QUEUE, &mode));
	CALL("tx_burst_mode_get", rte_eth_tx_burst_mode_get(PORT, QUEUE, &mode));
	CALL("flow_ctrl_get", rte_eth_dev_flow_ctrl_get(PORT, &fc));
	CALL("rss_hash_conf_get", rte_eth_dev_rss_hash_conf_get(PORT, &rss));
	CALL("rss_reta_query", rte_eth_dev_rss_reta_query(PORT, reta, 128));
	CALL("read_clock", rte_eth_read_clock(PORT, &clock));
	CALL("fw_version_get", rte_eth_dev_fw_version_get(PORT, text, sizeof(text)));
	CALL("get_reg_info", rte_eth_dev_get_reg_info(PORT, &regs));
	nowhere = fopen("/dev/null", "w");
	CALL("priv_dump", rte_eth_dev_priv_dump(PORT, nowhere));
	fclose(nowhere);
	CALL("promiscuous_disable", rte_eth_promiscuous_disable(PORT));
	CALL("promiscuous_enable", rte_eth_promiscuous_enable(PORT));
	CALL("allmulticast_enable", rte_eth_allmulticast_enable(PORT));
	CALL("allmulticast_disable", rte_eth_allmulticast_disable(PORT));
}

/* Only the primary may do these. */
static void
meddle(void)
{
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_DROP }, { .type = RTE_FLOW_ACTION_TYPE_END },
	};
	const struct rte_flow_item items[] = { { .type = RTE_FLOW_ITEM_TYPE_END } };
	const struct rte_flow_attr attr = { .ingress = 1 };
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1 }, { .mask = 1 } };
	struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_IPV4 };
	struct rte_ether_addr multicast = { { 0x33, 0x33, 0, 0, 0, 1 } };
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 99 } };
	const struct rte_eth_conf conf = { .link_speeds = 0 };
	struct rte_eth_fc_conf fc = { .mode = RTE_ETH_FC_NONE };
	struct rte_mempool *pool;
	struct rte_eth_rxq_info rxq;

	CALL("configure", rte_eth_dev_configure(PORT, 1, 1, &conf));
	pool = rte_eth_rx_queue_info_get(PORT, QUEUE, &rxq) == 0 ? rxq.mp : NULL;
	CALL("rx_queue_setup", rte_eth_rx_queue_setup(PORT, QUEUE, 0, 0, NULL, pool));
	CALL("tx_queue_setup", rte_eth_tx_queue_setup(PORT, QUEUE, 0, 0, NULL));
	CALL("start", rte_eth_dev_start(PORT));
	CALL("stop", rte_eth_dev_stop(PORT));
	CALL("reset", rte_eth_dev_reset(PORT));
	CALL("set_link_down", rte_eth_dev_set_link_down(PORT));
	CALL("set_link_up", rte_eth_dev_set_link_up(PORT));
	CALL("set_mtu", rte_eth_dev_set_mtu(PORT, 1000));
	CALL("mac_addr_set", rte_eth_dev_default_mac_addr_set(PORT, &mac));
	CALL("mac_addr_add", rte_eth_dev_mac_addr_add(PORT, &mac, 0));
	CALL("mac_addr_remove", rte_eth_dev_mac_addr_remove(PORT, &mac));
	CALL("set_mc_addr_list", rte_eth_dev_set_mc_addr_list(PORT, &multicast, 1));
	CALL("vlan_offload", rte_eth_dev_set_vlan_offload(PORT, RTE_ETH_VLAN_STRIP_OFFLOAD));
	CALL("set_ptypes", rte_eth_dev_set_ptypes(PORT, RTE_PTYPE_L2_MASK, NULL, 0));
	CALL("rss_hash_update", rte_eth_dev_rss_hash_update(PORT, &rss));
	CALL("rss_reta_update", rte_eth_dev_rss_reta_update(PORT, reta, 128));
	CALL("vlan_filter", rte_eth_dev_vlan_filter(PORT, 7, 1));
	CALL("flow_validate", rte_flow_validate(PORT, &attr, items, actions, NULL));
	CALL("flow_create", rte_flow_create(PORT, &attr, items, actions, NULL) == NULL ?
	     -rte_errno : 0);
	CALL("flow_isolate", rte_flow_isolate(PORT, 1, NULL));
	CALL("flow_flush", rte_flow_flush(PORT, NULL));
	CALL("flow_ctrl_set", rte_eth_dev_flow_ctrl_set(PORT, &fc));
	CALL("rate_limit", rte_eth_set_queue_rate_limit(PORT, QUEUE, 10));
}

/* Of a queue of its own, it may. */
static void
restart_queue(void)
{
	CALL("rx_queue_stop", rte_eth_dev_rx_queue_stop(PORT, QUEUE));
	CALL("rx_queue_start", rte_eth_dev_rx_queue_start(PORT, QUEUE));
	CALL("tx_queue_stop", rte_eth_dev_tx_queue_stop(PORT, QUEUE));
	CALL("tx_queue_start", rte_eth_dev_tx_queue_start(PORT, QUEUE));
}

static void
receive(void)
{
	struct pollfd input = { .fd = STDIN_FILENO };
	struct rte_mbuf *pkts[BURST];
	uint64_t frames = 0;
	uint16_t n;

	while (poll(&input, 1, 0) == 0) {
		n = rte_eth_rx_burst(PORT, QUEUE, pkts, BURST);
		if (n == 0)
			continue;
		rte_pktmbuf_free_bulk(pkts, n);
		frames += n;
		printf("frames %" PRIu64 "\n", frames);
	}
}

int
main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (rte_eal_init(argc, argv) < 0)
		return EXIT_FAILURE;
	if (rte_eal_process_type() != RTE_PROC_SECONDARY) {
		printf("meddler: there is no primary process\n");
		return EXIT_FAILURE;
	}
	printf("secondary %d\n", E_RTE_SECONDARY);
	look();
	meddle();
	restart_queue();
	printf("ready\n");
	receive();
	rte_eth_dev_close(PORT);
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
