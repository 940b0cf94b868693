/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The application's configuration: struct rte_eth_conf, and flow control.
 *
 * ethdev checks offloads and RSS types against the port's capabilities. It does not
 * check the other fields of struct rte_eth_conf. This file refuses the values that
 * the port does not support; otherwise they would be ignored silently.
 */

#include "shmbus_announce.h"
#include "shmbus_conf.h"
#include "shmbus_priv.h"
#include "shmbus_txq.h"

static int
check_speed(const struct rte_eth_dev *dev)
{
	const uint32_t speeds = dev->data->dev_conf.link_speeds;
	const uint32_t only = RTE_ETH_LINK_SPEED_FIXED | SHMBUS_SPEED_CAPA;

	/* Without FIXED the speeds are a list for autonegotiation, but there is no link partner. */
	if ((speeds & RTE_ETH_LINK_SPEED_FIXED) == 0 || speeds == only)
		return 0;
	SHMBUS_LOG(ERR, "port %u: link_speeds %#x: the only fixed speed is 100G (%#x)",
		   dev->data->port_id, speeds, only);
	return -ENOTSUP;
}

static int
check_txmode(const struct rte_eth_dev *dev)
{
	const struct rte_eth_txmode *txmode = &dev->data->dev_conf.txmode;
	const char *what;

	if (txmode->mq_mode != RTE_ETH_MQ_TX_NONE) {
		SHMBUS_LOG(ERR, "port %u: txmode.mq_mode %d: only RTE_ETH_MQ_TX_NONE (%d) is supported",
			   dev->data->port_id, (int)txmode->mq_mode, (int)RTE_ETH_MQ_TX_NONE);
		return -ENOTSUP;
	}
	if (txmode->hw_vlan_reject_tagged)
		what = "hw_vlan_reject_tagged";
	else if (txmode->hw_vlan_reject_untagged)
		what = "hw_vlan_reject_untagged";
	else if (txmode->hw_vlan_insert_pvid)
		what = "hw_vlan_insert_pvid";
	else
		return 0;
	SHMBUS_LOG(ERR, "port %u: txmode.%s 1: not supported; it must be 0",
		   dev->data->port_id, what);
	return -ENOTSUP;
}

int
shmbus_conf_check(const struct rte_eth_dev *dev)
{
	const int ret = check_speed(dev);

	return ret != 0 ? ret : check_txmode(dev);
}

/*
 * Flow control of Ethernet, on a bus of lanes:
 *
 *   mode      on Ethernet                 on the bus
 *   RX_PAUSE  the port heeds pause frames   the port waits for slow receivers
 *   TX_PAUSE  the port sends pause frames   senders wait for this port
 *
 * There are no pause frames. A sender reads how far each receiver has come, and a
 * receiver writes into its slot whether senders are to wait for it.
 */

static bool
has_pause(const struct shmbus_priv *priv)
{
	return priv->format == SHMBUS_WIRE_LANES && !priv->args.readonly;
}

int
shmbus_flow_ctrl_get(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);

	if (!has_pause(priv))
		return -ENOTSUP;
	memset(conf, 0, sizeof(*conf));
	conf->pause_time = (uint16_t)RTE_MIN(priv->args.pause_timeout_ms, (uint32_t)UINT16_MAX);
	conf->mac_ctrl_frame_fwd = 1; /* a pause frame is a frame like any other */
	if (priv->args.pause)
		conf->mode = priv->lanes.holds ? RTE_ETH_FC_FULL : RTE_ETH_FC_RX_PAUSE;
	else
		conf->mode = priv->lanes.holds ? RTE_ETH_FC_TX_PAUSE : RTE_ETH_FC_NONE;
	return 0;
}

/* Refuses all settings but the mode and the time. */
static int
check(const struct rte_eth_dev *dev, const struct rte_eth_fc_conf *conf)
{
	const char *what;

	if (conf->high_water != 0 || conf->low_water != 0)
		what = "high_water and low_water";
	else if (conf->send_xon != 0)
		what = "send_xon";
	else if (conf->autoneg != 0)
		what = "autoneg";
	else
		return 0;
	SHMBUS_LOG(ERR, "port %u: flow control has no %s; they must be 0", dev->data->port_id, what);
	return -ENOTSUP;
}

/* Says once that frames may be lost from now on: many applications switch pause off unasked. */
static void
tell_lossy(const struct rte_eth_dev *dev, const struct rte_eth_fc_conf *conf)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	const bool had = priv->args.pause || priv->lanes.holds;

	if (conf->mode == RTE_ETH_FC_FULL || !had || priv->lanes.told_lossy)
		return;
	priv->lanes.told_lossy = true;
	SHMBUS_LOG(NOTICE, "%s: the application has switched pause (flow control) %s: slow receivers lose frames; with RTE_ETH_FC_FULL they lose none (Open vSwitch: rx-flow-ctrl=true and tx-flow-ctrl=true)",
		   dev->data->name, conf->mode == RTE_ETH_FC_NONE ? "off" : "off in one direction");
}

int
shmbus_flow_ctrl_set(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_txq *q;
	uint16_t i;
	bool pause;
	int ret;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	if (!has_pause(priv))
		return -ENOTSUP;
	ret = check(dev, conf);
	if (ret != 0)
		return ret;
	tell_lossy(dev, conf);
	pause = conf->mode == RTE_ETH_FC_FULL || conf->mode == RTE_ETH_FC_RX_PAUSE;
	priv->args.pause = pause;
	/* 0 keeps the time. 65535 keeps a longer time, which flow_ctrl_get returns as 65535. */
	if (pause && conf->pause_time != 0 &&
	    conf->pause_time != RTE_MIN(priv->args.pause_timeout_ms, (uint32_t)UINT16_MAX))
		priv->args.pause_timeout_ms = conf->pause_time;
	priv->lanes.holds = conf->mode == RTE_ETH_FC_FULL || conf->mode == RTE_ETH_FC_TX_PAUSE;
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		q = dev->data->tx_queues[i];
		if (q != NULL)
			shmbus_writer_set_pause(&q->lanes.writer, priv->args.pause,
				(uint64_t)priv->args.pause_timeout_ms * 1000 * 1000);
	}
	shmbus_announce_state_now(dev);
	return 0;
}
