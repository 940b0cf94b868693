/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_priv.h"
#include "shmbus_rss.h"
#include "shmbus_steer.h"

static bool
key_fits(const struct rte_eth_dev *dev, const struct rte_eth_rss_conf *conf)
{
	if (conf->rss_key == NULL || conf->rss_key_len == SHMBUS_RSS_KEY)
		return true;
	SHMBUS_LOG(ERR, "port %u: the RSS key has %u bytes; it must have %u", dev->data->port_id,
		   conf->rss_key_len, SHMBUS_RSS_KEY);
	return false;
}

int
shmbus_rss_configure(struct rte_eth_dev *dev)
{
	const struct rte_eth_conf *conf = &dev->data->dev_conf;
	const struct rte_eth_rss_conf *rss_conf = &conf->rx_adv_conf.rss_conf;
	struct shmbus_rss rss = { .on = conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS };
	unsigned int i;

	if (!rss.on && conf->rxmode.mq_mode != RTE_ETH_MQ_RX_NONE) {
		SHMBUS_LOG(ERR, "port %u: rxmode.mq_mode %#x: only none and RSS (%#x) are supported",
			   dev->data->port_id, (unsigned int)conf->rxmode.mq_mode,
			   (unsigned int)RTE_ETH_MQ_RX_RSS);
		return -ENOTSUP;
	}
	if (rss.on && !key_fits(dev, rss_conf))
		return -EINVAL;
	shmbus_toeplitz_set(&rss.toeplitz, rss.on ? rss_conf->rss_hf : 0,
			    rss.on ? rss_conf->rss_key : NULL);
	for (i = 0; i < SHMBUS_RSS_RETA; i++)
		rss.reta[i] = dev->data->nb_rx_queues != 0 ? i % dev->data->nb_rx_queues : 0;
	return shmbus_steer_set_rss(dev, &rss);
}

int
shmbus_rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	struct shmbus_rss rss = shmbus_priv(dev)->rss;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	if (!key_fits(dev, conf))
		return -EINVAL;
	shmbus_toeplitz_set(&rss.toeplitz, conf->rss_hf,
			    conf->rss_key != NULL ? conf->rss_key : rss.toeplitz.key);
	return shmbus_steer_set_rss(dev, &rss);
}

int
shmbus_rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	const struct shmbus_rss *rss = &shmbus_priv(dev)->rss;

	conf->rss_hf = rss->toeplitz.types;
	if (conf->rss_key != NULL) {
		if (conf->rss_key_len < SHMBUS_RSS_KEY)
			return -EINVAL;
		memcpy(conf->rss_key, rss->toeplitz.key, SHMBUS_RSS_KEY);
	}
	conf->rss_key_len = SHMBUS_RSS_KEY;
	return 0;
}

/* Returns the place of an entry of the table in conf, or NULL if conf leaves it out. */
static uint16_t *
entry_of(struct rte_eth_rss_reta_entry64 *conf, unsigned int i)
{
	struct rte_eth_rss_reta_entry64 *group = &conf[i / RTE_ETH_RETA_GROUP_SIZE];
	const unsigned int bit = i % RTE_ETH_RETA_GROUP_SIZE;

	return group->mask & RTE_BIT64(bit) ? &group->reta[bit] : NULL;
}

/* ethdev has checked the numbers of the queues. */
int
shmbus_reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	struct shmbus_rss rss = shmbus_priv(dev)->rss;
	const uint16_t *entry;
	unsigned int i;

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	if (size != SHMBUS_RSS_RETA)
		return -EINVAL;
	for (i = 0; i < SHMBUS_RSS_RETA; i++) {
		entry = entry_of(conf, i);
		if (entry != NULL)
			rss.reta[i] = *entry;
	}
	return shmbus_steer_set_rss(dev, &rss);
}

int
shmbus_reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	uint16_t *entry;
	unsigned int i;

	if (size != SHMBUS_RSS_RETA)
		return -EINVAL;
	for (i = 0; i < SHMBUS_RSS_RETA; i++) {
		entry = entry_of(conf, i);
		if (entry != NULL)
			*entry = shmbus_priv(dev)->rss.reta[i];
	}
	return 0;
}
