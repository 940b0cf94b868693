/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Flow control of Ethernet, in terms of a bus of lanes:
 *
 *   RX_PAUSE  heed pause frames: what this port sends waits for slow receivers
 *   TX_PAUSE  send pause frames: what others send waits for this port
 *
 * There are no pause frames. A sender sees how far each receiver is, and a
 * receiver says in its slot whether it is to be looked at.
 */

#include "shmbus_ops.h"

int
shmbus_flow_ctrl_get(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);

	if (shmbus_wire(dev)->ops->set_pause == NULL)
		return -ENOTSUP;
	memset(conf, 0, sizeof(*conf));
	conf->pause_time = (uint16_t)RTE_MIN(priv->args.pause_timeout_ms, (uint32_t)UINT16_MAX);
	conf->mac_ctrl_frame_fwd = 1; /* whatever comes is a frame like any other */
	if (priv->args.pause)
		conf->mode = priv->holds ? RTE_ETH_FC_FULL : RTE_ETH_FC_RX_PAUSE;
	else
		conf->mode = priv->holds ? RTE_ETH_FC_TX_PAUSE : RTE_ETH_FC_NONE;
	return 0;
}

/* What is there to be set besides the mode and the time? Nothing. */
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

int
shmbus_flow_ctrl_set(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_priv *priv = shmbus_priv(dev);
	bool pause;
	int ret;

	if (wire->ops->set_pause == NULL)
		return -ENOTSUP;
	ret = check(dev, conf);
	if (ret != 0)
		return ret;
	pause = conf->mode == RTE_ETH_FC_FULL || conf->mode == RTE_ETH_FC_RX_PAUSE;
	priv->args.pause = pause;
	/* None given: as it is. A time that get could not tell stays, if it is given back unchanged. */
	if (pause && conf->pause_time != 0 &&
	    conf->pause_time != RTE_MIN(priv->args.pause_timeout_ms, (uint32_t)UINT16_MAX))
		priv->args.pause_timeout_ms = conf->pause_time;
	priv->holds = conf->mode == RTE_ETH_FC_FULL || conf->mode == RTE_ETH_FC_TX_PAUSE;
	wire->ops->set_pause(dev);
	return 0;
}
