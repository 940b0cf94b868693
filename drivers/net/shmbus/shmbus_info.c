/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What a port tells of itself and its queues. */

#include <stdio.h>

#include <rte_dev_info.h>
#include <rte_string_fns.h>

#include "shmbus_ops.h"

void
shmbus_rxq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info)
{
	const struct shmbus_rxq *q = dev->data->rx_queues[id];

	info->mp = q->pool;
	info->conf.rx_drop_en = q->drop_en;
	info->conf.rx_deferred_start = q->deferred;
	info->conf.offloads = q->offloads;
	info->scattered_rx = !!(shmbus_load(&q->flags) & SHMBUS_RX_SCATTER);
	info->queue_state = dev->data->rx_queue_state[id];
	info->nb_desc = q->nb_desc;
	info->rx_buf_size = q->room;
}

void
shmbus_txq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info)
{
	const struct shmbus_txq *q = dev->data->tx_queues[id];

	info->conf.tx_deferred_start = q->deferred;
	info->conf.offloads = q->offloads;
	info->queue_state = dev->data->tx_queue_state[id];
	info->nb_desc = q->nb_desc;
}

int
shmbus_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
	const struct shmbus_rxq *q = dev->data->rx_queues[id];
	const uint32_t flags = shmbus_load(&q->flags) & ~SHMBUS_RX_DOWN;

	/* Per frame: what the flags ask for. Else nothing but copying. */
	snprintf(mode->info, sizeof(mode->info), "%s, %s%s", shmbus_wire(dev)->ops->name,
		 flags & ~SHMBUS_RX_LOOPBACK ? "frame by frame" : "plain",
		 flags & SHMBUS_RX_SCATTER ? ", scattered" : "");
	return 0;
}

int
shmbus_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
	const struct shmbus_txq *q = dev->data->tx_queues[id];

	snprintf(mode->info, sizeof(mode->info), "%s, %s", shmbus_wire(dev)->ops->name,
		 shmbus_load(&q->flags) & SHMBUS_TX_FAST_FREE ? "fast free" : "plain");
	return 0;
}

int
shmbus_fw_version_get(struct rte_eth_dev *dev, char *text, size_t size)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	int len;

	len = snprintf(text, size, "%s %u", wire->ops->name, wire->ops->version(wire)) + 1;
	/* The size that would do, if this does not. */
	return (size_t)len > size ? len : 0;
}

int
shmbus_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *regs)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	uint32_t *data = regs->data;
	shmbus_a32 *words;
	uint32_t size, n, i;

	words = wire->ops->header(wire, &size);
	n = size / sizeof(*data);
	regs->width = sizeof(*data);
	if (data == NULL) {
		regs->length = n;
		return 0;
	}
	if (words == NULL)
		return -ENODEV;
	/* All of them, or a part. */
	if (regs->length == 0)
		regs->length = n;
	if (regs->offset > n || regs->length > n - regs->offset)
		return -EINVAL;
	for (i = 0; i < regs->length; i++)
		data[i] = shmbus_load(&words[regs->offset + i]);
	regs->version = wire->ops->version(wire);
	return 0;
}

int
shmbus_priv_dump(struct rte_eth_dev *dev, FILE *file)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_priv *priv = shmbus_priv(dev);

	fprintf(file, "path: %s\n", priv->args.path);
	fprintf(file, "format: %s %u\n", wire->ops->name, wire->ops->version(wire));
	fprintf(file, "address: " RTE_ETHER_ADDR_PRT_FMT "\n", RTE_ETHER_ADDR_BYTES(&priv->macs[0]));
	fprintf(file, "longest frame: %u\n", priv->max_frame);
	fprintf(file, "link set down: %s\n", priv->link_down ? "yes" : "no");
	fprintf(file, "other living ports: %u\n", wire->ops->count_peers(wire, priv));
	wire->ops->dump(dev, file);
	return 0;
}
