/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nic.h"
#include "questions.h"

/* Questions about what a port is, how it is configured, and when it starts and stops. */

/* ---- text */

void
say(char *answer, const char *format, ...)
{
	const size_t len = strlen(answer);
	va_list ap;

	va_start(ap, format);
	vsnprintf(answer + len, ANSWER_LEN - len, format, ap);
	va_end(ap);
}

/* Says what a call returned: a number, or the name of an error. */
void
say_ret(char *answer, int ret)
{
	static const struct {
		int number;
		const char *name;
	} errors[] = {
		{ ENOTSUP, "-ENOTSUP" }, { EINVAL, "-EINVAL" }, { EBUSY, "-EBUSY" },
		{ EPERM, "-EPERM" }, { ENOSYS, "-ENOSYS" }, { ENOMEM, "-ENOMEM" },
		{ EAGAIN, "-EAGAIN" }, { EADDRINUSE, "-EADDRINUSE" },
	};
	const char *space = answer[0] != '\0' ? " " : "";
	unsigned int i;

	for (i = 0; i < RTE_DIM(errors); i++) {
		if (ret == -errors[i].number) {
			say(answer, "%s%s", space, errors[i].name);
			return;
		}
	}
	say(answer, "%s%d", space, ret);
}

const char *
say_yes(bool condition)
{
	return condition ? "yes" : "no";
}

static struct rte_eth_dev_info
info_of(uint16_t port)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	return info;
}

/* ---- states */

int
question_setup_queues(uint16_t port, uint16_t n_desc)
{
	int ret;

	ret = rte_eth_rx_queue_setup(port, 0, n_desc, rte_eth_dev_socket_id(port), NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, n_desc, rte_eth_dev_socket_id(port), NULL);
	return ret;
}

int
question_configure(uint16_t port, uint16_t n_rxq, uint16_t n_txq)
{
	static const struct rte_eth_conf conf;

	return rte_eth_dev_configure(port, n_rxq, n_txq, &conf);
}

int
question_prepare(uint16_t port, enum question_state state)
{
	int ret = 0;

	if (state >= CONFIGURED)
		ret = question_configure(port, 1, 1);
	if (ret == 0 && state >= CONFIGURED)
		ret = question_setup_queues(port, 512);
	if (ret == 0 && state >= STARTED)
		ret = rte_eth_dev_start(port);
	if (ret == 0 && state >= STOPPED)
		ret = rte_eth_dev_stop(port);
	return ret;
}

/* ---- dev_info */

void
ask_node(uint16_t port, char *answer)
{
	say(answer, "%s", rte_eth_dev_socket_id(port) >= 0 ? "a node" : "none");
}

void
ask_queues(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say(answer, "%u %u", info.max_rx_queues, info.max_tx_queues);
}

void
ask_mtu_limits(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say(answer, "%u to %u", info.min_mtu, info.max_mtu);
}

void
ask_frame_limits(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say(answer, "mbuf %u, frame %d, lro %u", info.min_rx_bufsize, (int)info.max_rx_pktlen,
	    info.max_lro_pkt_size);
}

void
ask_address_limits(uint16_t port, char *answer)
{
	say(answer, "%u", info_of(port).max_mac_addrs);
}

static void
say_limits(char *answer, const struct rte_eth_desc_lim *lim)
{
	say(answer, "%u to %u by %u, segments %u", lim->nb_min, lim->nb_max, lim->nb_align,
	    lim->nb_seg_max);
}

void
ask_descriptor_limits(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say_limits(answer, &info.rx_desc_lim);
	if (memcmp(&info.rx_desc_lim, &info.tx_desc_lim, sizeof(info.rx_desc_lim)) != 0) {
		say(answer, "; ");
		say_limits(answer, &info.tx_desc_lim);
	}
}

static void
say_defaults(char *answer, const struct rte_eth_dev_portconf *conf)
{
	say(answer, "ring %u, burst %u, queues %u", conf->ring_size, conf->burst_size, conf->nb_queues);
}

void
ask_defaults(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say_defaults(answer, &info.default_rxportconf);
	if (memcmp(&info.default_rxportconf, &info.default_txportconf,
		   sizeof(info.default_rxportconf)) != 0) {
		say(answer, "; ");
		say_defaults(answer, &info.default_txportconf);
	}
}

static void
say_offloads(char *answer, uint64_t offloads, const char *(*name)(uint64_t))
{
	const char *space = "";
	uint64_t bit;

	for (bit = 1; bit != 0; bit <<= 1) {
		if (!(offloads & bit))
			continue;
		say(answer, "%s%s", space, name(bit));
		space = " ";
	}
}

void
ask_rx_offloads(uint16_t port, char *answer)
{
	say_offloads(answer, info_of(port).rx_offload_capa, rte_eth_dev_rx_offload_name);
}

void
ask_tx_offloads(uint16_t port, char *answer)
{
	say_offloads(answer, info_of(port).tx_offload_capa, rte_eth_dev_tx_offload_name);
}

void
ask_rss(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say(answer, "table %u, key %u, types %s", info.reta_size, info.hash_key_size,
	    info.flow_type_rss_offloads == 0 ? "none" : "some");
}

void
ask_capabilities(uint16_t port, char *answer)
{
	say_offloads(answer, info_of(port).dev_capa, rte_eth_dev_capability_name);
}

void
ask_speeds(uint16_t port, char *answer)
{
	say(answer, "0x%x", info_of(port).speed_capa);
}

void
ask_interface(uint16_t port, char *answer)
{
	say(answer, "%s", info_of(port).if_index != 0 ? "an interface" : "none");
}

void
ask_flags(uint16_t port, char *answer)
{
	const uint32_t flags = *info_of(port).dev_flags;

	say(answer, "lsc %s, rmv %s", say_yes(flags & RTE_ETH_DEV_INTR_LSC),
	    say_yes(flags & RTE_ETH_DEV_INTR_RMV));
}

/* ---- configuration */

void
ask_adjusted_descriptors(uint16_t port, char *answer)
{
	static const uint16_t asked[] = { 0, 1, 1000, 1024, UINT16_MAX };
	uint16_t rx, tx;
	unsigned int i;

	for (i = 0; i < RTE_DIM(asked); i++) {
		rx = tx = asked[i];
		assert_int_equal(rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx, &tx), 0);
		say(answer, "%s%u", i != 0 ? " " : "", rx);
		if (rx != tx)
			say(answer, "/%u", tx);
	}
}

void
ask_queue_of_few_descriptors(uint16_t port, char *answer)
{
	say_ret(answer, question_configure(port, 1, 1));
	say_ret(answer, question_setup_queues(port, 1));
}

void
ask_too_many_queues(uint16_t port, char *answer)
{
	const struct rte_eth_dev_info info = info_of(port);

	say_ret(answer, question_configure(port, info.max_rx_queues + 1, 1));
	say_ret(answer, question_configure(port, 1, info.max_tx_queues + 1));
}

void
ask_no_queues(uint16_t port, char *answer)
{
	say_ret(answer, question_configure(port, 0, 1));
	say_ret(answer, question_configure(port, 1, 0));
	say_ret(answer, question_configure(port, 0, 0));
}

void
ask_two_queues(uint16_t port, char *answer)
{
	say_ret(answer, question_configure(port, 2, 1));
	say_ret(answer, question_configure(port, 2, 2));
}

void
ask_unknown_offload(uint16_t port, char *answer)
{
	const struct rte_eth_conf conf = { .rxmode.offloads = RTE_ETH_RX_OFFLOAD_MACSEC_STRIP };

	say_ret(answer, rte_eth_dev_configure(port, 1, 1, &conf));
}

void
ask_lsc(uint16_t port, char *answer)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	say_ret(answer, rte_eth_dev_configure(port, 1, 1, &conf));
}

void
ask_loopback(uint16_t port, char *answer)
{
	const struct rte_eth_conf conf = { .lpbk_mode = 1 };

	say_ret(answer, rte_eth_dev_configure(port, 1, 1, &conf));
}

/* mbufs that hold less than a frame of the MTU */
void
ask_small_mbufs(uint16_t port, char *answer)
{
	struct rte_mempool *small;

	small = rte_pktmbuf_pool_create("small", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 256, SOCKET_ID_ANY);
	assert_non_null(small);
	say_ret(answer, question_configure(port, 1, 1));
	say_ret(answer, rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, small));
	/* Another pool in the queue, so that this one can go. */
	say_ret(answer, rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, pool));
	rte_mempool_free(small);
}

/* ---- start, stop, close */

void
ask_start_unconfigured(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_start(port));
}

void
ask_start_without_queues(uint16_t port, char *answer)
{
	say_ret(answer, question_configure(port, 1, 1));
	say_ret(answer, rte_eth_dev_start(port));
}

void
ask_start_twice(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_start(port));
}

void
ask_stop_twice(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_stop(port));
	say_ret(answer, rte_eth_dev_stop(port));
}

void
ask_stop_unstarted(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_stop(port));
}

void
ask_configure_started(uint16_t port, char *answer)
{
	say_ret(answer, question_configure(port, 1, 1));
}

void
ask_setup_started(uint16_t port, char *answer)
{
	say_ret(answer, question_setup_queues(port, 256));
}

void
ask_close_started(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_close(port));
}

void
ask_reset(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_reset(port));
}

void
ask_restart(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_start(port));
	say_ret(answer, rte_eth_dev_stop(port));
	say_ret(answer, rte_eth_dev_start(port));
}

void
ask_reconfigure(uint16_t port, char *answer)
{
	say_ret(answer, question_configure(port, 1, 1));
	say_ret(answer, question_setup_queues(port, 128));
	say_ret(answer, rte_eth_dev_start(port));
}

void
ask_removed(uint16_t port, char *answer)
{
	say_ret(answer, rte_eth_dev_is_removed(port));
}
