/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * What an application may ask for in struct rte_eth_conf and the port has not.
 * ethdev compares offloads and types of RSS with what the port says it has, but
 * takes the rest as it is: without a word from here it would be ignored.
 */

#include "shmbus_ethdev.h"

static int
check_speed(const struct rte_eth_dev *dev)
{
	const uint32_t speeds = dev->data->dev_conf.link_speeds;
	const uint32_t only = RTE_ETH_LINK_SPEED_FIXED | SHMBUS_SPEED_CAPA;

	/* Otherwise it is a list to agree on with a peer, and there is nobody to ask. */
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
		SHMBUS_LOG(ERR, "port %u: txmode.mq_mode %d: only none (%d) is there",
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
	SHMBUS_LOG(ERR, "port %u: txmode.%s 1: there is no such thing, it must be 0",
		   dev->data->port_id, what);
	return -ENOTSUP;
}

int
shmbus_conf_check(const struct rte_eth_dev *dev)
{
	const int ret = check_speed(dev);

	return ret != 0 ? ret : check_txmode(dev);
}
