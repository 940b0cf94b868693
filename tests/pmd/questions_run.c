/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev_info.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <rte_power_intrinsics.h>

#include "nic.h"
#include "questions.h"

/* Questions about the link, frames and counters, filters, queues and interrupts. */

/* ---- link */

static void
say_link(uint16_t port, char *answer)
{
	struct rte_eth_link link;

	assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
	say(answer, "%s%s %s %s %s", answer[0] != '\0' ? ", " : "", link.link_status ? "up" : "down",
	    rte_eth_link_speed_to_str(link.link_speed), link.link_duplex ? "full" : "half",
	    link.link_autoneg ? "auto" : "fixed");
}

void
ask_link(uint16_t port, char *answer)
{
	say_link(port, answer);
}

void
ask_link_set(uint16_t port, char *answer)
{
	struct rte_eth_link link;
	unsigned int up;

	for (up = 0; up < 2; up++) {
		say_ret(answer, up ? rte_eth_dev_set_link_up(port) : rte_eth_dev_set_link_down(port));
		assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
		say(answer, " %s", link.link_status ? "up" : "down");
	}
}

/* ---- frames and counters */

static uint16_t
send_four(uint16_t port)
{
	struct rte_mbuf *pkts[4];
	uint16_t i, n;

	for (i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = mbuf_new(pool, 60, i, 0);
	n = rte_eth_tx_burst(port, 0, pkts, RTE_DIM(pkts));
	rte_pktmbuf_free_bulk(&pkts[n], RTE_DIM(pkts) - n);
	return n;
}

/* Four frames; none is left in a ring that is its own peer. */
static void
pass_four(uint16_t port)
{
	struct rte_mbuf *pkts[32];

	send_four(port);
	rte_pktmbuf_free_bulk(pkts, rte_eth_rx_burst(port, 0, pkts, RTE_DIM(pkts)));
}

/* Four frames, and how many of them the port then receives itself. */
void
ask_send(uint16_t port, char *answer)
{
	struct rte_mbuf *pkts[32];
	struct rte_eth_stats stats;
	unsigned int own = 0;
	uint16_t i, n;

	say(answer, "%u taken", send_four(port));
	n = rte_eth_rx_burst(port, 0, pkts, RTE_DIM(pkts));
	for (i = 0; i < n; i++)
		own += rte_pktmbuf_pkt_len(pkts[i]) == 60 &&
		       frame_is(rte_pktmbuf_mtod(pkts[i], const uint8_t *), 60, own);
	rte_pktmbuf_free_bulk(pkts, n);
	stats = stats_of(port);
	say(answer, ", %" PRIu64 " sent, %" PRIu64 " errors, %u received", stats.opackets,
	    stats.oerrors, own);
}

void
ask_stats_reset(uint16_t port, char *answer)
{
	static const struct rte_eth_stats zero;
	struct rte_eth_stats stats;

	pass_four(port);
	say_ret(answer, rte_eth_stats_reset(port));
	stats = stats_of(port);
	say(answer, " %s", memcmp(&stats, &zero, sizeof(stats)) == 0 ? "all 0" : "not 0");
}

void
ask_queue_stats(uint16_t port, char *answer)
{
	pass_four(port);
	say(answer, "%" PRIu64, stats_of(port).q_opackets[0]);
}

/* Whether the names are as many as the values, different, and the same as before the start. */
void
ask_xstats(uint16_t port, char *answer)
{
	static struct rte_eth_xstat_name names[2][512];
	static struct rte_eth_xstat values[512];
	bool unique = true;
	int n, i, k;

	n = rte_eth_xstats_get_names(port, names[0], RTE_DIM(names[0]));
	assert_in_range(n, 1, RTE_DIM(names[0]));
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			unique = unique && strcmp(names[0][i].name, names[0][k].name) != 0;
	say(answer, "%s", rte_eth_xstats_get(port, values, RTE_DIM(values)) == n ? "as many" : "others");
	say(answer, ", %s", unique ? "different" : "some twice");
	assert_int_equal(rte_eth_dev_start(port), 0);
	pass_four(port);
	k = rte_eth_xstats_get_names(port, names[1], RTE_DIM(names[1]));
	for (i = 0; i < n && k == n && strcmp(names[0][i].name, names[1][i].name) == 0; i++)
		;
	say(answer, ", %s", i == n && k == n ? "stable" : "they change");
}

void
ask_xstats_reset(uint16_t port, char *answer)
{
	static struct rte_eth_xstat values[512];
	uint64_t sum = 0;
	int n, i;

	pass_four(port);
	say_ret(answer, rte_eth_xstats_reset(port));
	n = rte_eth_xstats_get(port, values, RTE_DIM(values));
	for (i = 0; i < n; i++)
		sum += values[i].value;
	say(answer, " %s", sum == 0 ? "all 0" : "not 0");
}

void
ask_prepare(uint16_t port, char *answer)
{
	struct rte_mbuf *m = mbuf_new(pool, 60, 1, 0);

	say(answer, "%u", rte_eth_tx_prepare(port, 0, &m, 1));
	m->ol_flags |= RTE_MBUF_F_TX_SCTP_CKSUM | RTE_MBUF_F_TX_IPV4;
	say(answer, " %u", rte_eth_tx_prepare(port, 0, &m, 1));
	rte_pktmbuf_free(m);
}

/* ---- filters and addresses */

void
ask_promiscuous(uint16_t port, char *answer)
{
	say(answer, "%d,", rte_eth_promiscuous_get(port));
	say_ret(answer, rte_eth_promiscuous_enable(port));
	say_ret(answer, rte_eth_promiscuous_get(port));
	say_ret(answer, rte_eth_promiscuous_disable(port));
	say_ret(answer, rte_eth_promiscuous_get(port));
}

void
ask_allmulticast(uint16_t port, char *answer)
{
	say(answer, "%d,", rte_eth_allmulticast_get(port));
	say_ret(answer, rte_eth_allmulticast_enable(port));
	say_ret(answer, rte_eth_allmulticast_get(port));
	say_ret(answer, rte_eth_allmulticast_disable(port));
	say_ret(answer, rte_eth_allmulticast_get(port));
}

void
ask_address(uint16_t port, char *answer)
{
	struct rte_ether_addr mac;

	assert_int_equal(rte_eth_macaddr_get(port, &mac), 0);
	say(answer, "%s, %s", rte_is_valid_assigned_ether_addr(&mac) ? "valid" : "not valid",
	    rte_is_local_admin_ether_addr(&mac) ? "local" : "universal");
}

static struct rte_ether_addr
numbered(uint8_t n)
{
	return (struct rte_ether_addr){ { 2, 0, 0, 0, 7, n } };
}

void
ask_address_add(uint16_t port, char *answer)
{
	struct rte_ether_addr mac = numbered(1), absent = numbered(2);

	say_ret(answer, rte_eth_dev_mac_addr_add(port, &mac, 0));
	say_ret(answer, rte_eth_dev_mac_addr_add(port, &mac, 0));
	say_ret(answer, rte_eth_dev_mac_addr_remove(port, &mac));
	say_ret(answer, rte_eth_dev_mac_addr_remove(port, &absent));
	assert_int_equal(rte_eth_macaddr_get(port, &mac), 0);
	say_ret(answer, rte_eth_dev_mac_addr_remove(port, &mac));
}

void
ask_address_set(uint16_t port, char *answer)
{
	struct rte_ether_addr mac = numbered(3), now;
	const struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };

	say_ret(answer, rte_eth_dev_default_mac_addr_set(port, &mac));
	assert_int_equal(rte_eth_macaddr_get(port, &now), 0);
	say(answer, " %s,", rte_is_same_ether_addr(&mac, &now) ? "new" : "old");
	mac = group;
	say_ret(answer, rte_eth_dev_default_mac_addr_set(port, &mac));
}

void
ask_multicast_list(uint16_t port, char *answer)
{
	struct rte_ether_addr group = { { 1, 0, 0x5e, 0, 0, 1 } };

	say_ret(answer, rte_eth_dev_set_mc_addr_list(port, &group, 1));
	say_ret(answer, rte_eth_dev_set_mc_addr_list(port, NULL, 0));
}

void
ask_vlan(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_get_vlan_offload(port));
	say_ret(answer, rte_eth_dev_set_vlan_offload(port, RTE_ETH_VLAN_STRIP_OFFLOAD));
	say_ret(answer, rte_eth_dev_vlan_filter(port, 5, 1));
}

/* The MTU of a new port, and others, the last of them after a start. */
void
ask_mtu(uint16_t port, char *answer)
{
	uint16_t mtu;

	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	say(answer, "%u,", mtu);
	say_ret(answer, rte_eth_dev_set_mtu(port, 1400));
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	say(answer, " %u,", mtu);
	assert_int_equal(rte_eth_dev_start(port), 0);
	say_ret(answer, rte_eth_dev_set_mtu(port, 1300));
}

void
ask_mtu_beyond(uint16_t port, char *answer)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	say_ret(answer, rte_eth_dev_set_mtu(port, info.min_mtu - 1));
	if (info.max_mtu == UINT16_MAX)
		say(answer, ", no limit");
	else
		say_ret(answer, rte_eth_dev_set_mtu(port, info.max_mtu + 1));
}

/* ---- queues */

void
ask_queue_info(uint16_t port, char *answer)
{
	struct rte_eth_rxq_info rxq;
	struct rte_eth_txq_info txq;

	say_ret(answer, rte_eth_rx_queue_info_get(port, 0, &rxq));
	say_ret(answer, rte_eth_tx_queue_info_get(port, 0, &txq));
}

void
ask_descriptors(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_rx_queue_count(port, 0));
	say_ret(answer, rte_eth_rx_descriptor_status(port, 0, 0));
	say_ret(answer, rte_eth_rx_descriptor_status(port, 0, 512));
	say_ret(answer, rte_eth_tx_descriptor_status(port, 0, 0));
	say_ret(answer, rte_eth_tx_descriptor_status(port, 0, 512));
}

void
ask_queue_stop(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_rx_queue_stop(port, 0));
	say_ret(answer, rte_eth_dev_rx_queue_stop(port, 0));
	say_ret(answer, rte_eth_dev_rx_queue_start(port, 0));
	say_ret(answer, rte_eth_dev_rx_queue_start(port, 0));
	say_ret(answer, rte_eth_dev_tx_queue_stop(port, 0));
	say_ret(answer, rte_eth_dev_tx_queue_start(port, 0));
}

void
ask_queue_of_no_number(uint16_t port, char *answer)
{
	struct rte_eth_rxq_info rxq;

	say_ret(answer, rte_eth_dev_rx_queue_stop(port, 1));
	say_ret(answer, rte_eth_rx_queue_info_get(port, 1, &rxq));
	say_ret(answer, rte_eth_dev_rx_intr_enable(port, 1));
	say_ret(answer, rte_eth_rx_queue_setup(port, 1, 512, SOCKET_ID_ANY, NULL, pool));
}

void
ask_burst_mode(uint16_t port, char *answer)
{
	struct rte_eth_burst_mode mode;

	say_ret(answer, rte_eth_rx_burst_mode_get(port, 0, &mode));
	say_ret(answer, rte_eth_tx_burst_mode_get(port, 0, &mode));
}

void
ask_done_cleanup(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_tx_done_cleanup(port, 0, 0));
}

void
ask_rate(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_set_queue_rate_limit(port, 0, 100));
}

void
ask_monitor(uint16_t port, char *answer)
{
	struct rte_power_monitor_cond cond;

	say_ret(answer, rte_eth_get_monitor_addr(port, 0, &cond));
}

/* ---- interrupts */

/* Configures and starts with Rx interrupts, and says how far that comes. */
static int
start_interrupts(uint16_t port, char *answer)
{
	const struct rte_eth_conf conf = { .intr_conf.rxq = 1 };
	int ret;

	ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (ret == 0)
		ret = question_setup_queues(port, 512);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	say_ret(answer, ret);
	return ret;
}

void
ask_interrupts(uint16_t port, char *answer)
{
	if (start_interrupts(port, answer) != 0)
		return;
	say_ret(answer, rte_eth_dev_rx_intr_enable(port, 0));
	say_ret(answer, rte_eth_dev_rx_intr_ctl_q(port, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
						  NULL));
	say_ret(answer, rte_eth_dev_rx_intr_disable(port, 0));
	rte_eth_dev_rx_intr_ctl_q(port, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, NULL);
}

/* The descriptor, and a read of 8 bytes, as of an eventfd, while nothing has come. */
void
ask_interrupt_read(uint16_t port, char *answer)
{
	uint64_t count;
	int fd;

	if (start_interrupts(port, answer) != 0)
		return;
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port, 0);
	say(answer, ", %s", fd >= 0 ? "a descriptor:" : "none");
	if (fd >= 0)
		say_ret(answer, read(fd, &count, sizeof(count)) < 0 ? -errno : 0);
}

/* ---- the rest */

void
ask_ptypes(uint16_t port, char *answer)
{
	uint32_t ptypes[64];

	say_ret(answer, rte_eth_dev_get_supported_ptypes(port, RTE_PTYPE_ALL_MASK, ptypes,
							 RTE_DIM(ptypes)));
	say_ret(answer, rte_eth_dev_set_ptypes(port, RTE_PTYPE_L3_MASK, NULL, 0));
}

void
ask_flow(uint16_t port, char *answer)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH }, { .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_DROP }, { .type = RTE_FLOW_ACTION_TYPE_END },
	};

	say_ret(answer, rte_flow_validate(port, &attr, pattern, actions, NULL));
	say_ret(answer, rte_flow_flush(port, NULL));
	say_ret(answer, rte_flow_isolate(port, 1, NULL));
}

void
ask_rss_state(uint16_t port, char *answer)
{
	struct rte_eth_rss_reta_entry64 reta[8] = { { .mask = 1 } };
	struct rte_eth_rss_conf conf = { .rss_key = NULL };
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	say_ret(answer, rte_eth_dev_rss_hash_conf_get(port, &conf));
	say_ret(answer, rte_eth_dev_rss_reta_query(port, reta, info.reta_size));
}

void
ask_flow_control(uint16_t port, char *answer)
{
	struct rte_eth_fc_conf conf;

	say_ret(answer, rte_eth_dev_flow_ctrl_get(port, &conf));
}

void
ask_firmware(uint16_t port, char *answer)
{
	char text[64];

	say_ret(answer, rte_eth_dev_fw_version_get(port, text, sizeof(text)));
}

void
ask_registers(uint16_t port, char *answer)
{
	struct rte_dev_reg_info regs = { .data = NULL };

	say_ret(answer, rte_eth_dev_get_reg_info(port, &regs));
}

void
ask_clock(uint16_t port, char *answer)
{
	uint64_t clock;

	say_ret(answer, rte_eth_read_clock(port, &clock));
}

void
ask_module(uint16_t port, char *answer)
{
	struct rte_eth_dev_module_info info;

	say_ret(answer, rte_eth_dev_get_module_info(port, &info));
	say_ret(answer, rte_eth_dev_get_eeprom_length(port));
	say_ret(answer, rte_eth_led_on(port));
}

void
ask_dump(uint16_t port, char *answer)
{
	FILE *file = fopen("/dev/null", "w");

	assert_non_null(file);
	say_ret(answer, rte_eth_dev_priv_dump(port, file));
	fclose(file);
}

void
ask_pool(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_pool_ops_supported(port, "ring_mp_mc"));
}
