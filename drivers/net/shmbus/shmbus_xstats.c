/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Extended statistics: first those of all configured queues, with the names that
 * ethdev would give them (its own are limited to 16 queues), then the port's.
 */

#include <stddef.h>
#include <stdio.h>

#include <rte_string_fns.h>

#include "shmbus_priv.h"
#include "shmbus_stats.h"

/* A counter by its name and its place in a structure. */
struct xstat {
	const char *name;
	size_t off;
};

static const struct xstat rxq_table[] = {
	{ "packets", offsetof(struct shmbus_rxq_counts, packets) },
	{ "bytes", offsetof(struct shmbus_rxq_counts, bytes) },
	{ "errors", offsetof(struct shmbus_rxq_counts, errors) },
};

static const struct xstat txq_table[] = {
	{ "packets", offsetof(struct shmbus_txq_counts, packets) },
	{ "bytes", offsetof(struct shmbus_txq_counts, bytes) },
};

/* Counters beyond the basic statistics, on both formats. */
static const struct xstat port_table[] = {
	{ "rx_overruns", offsetof(struct shmbus_counts, overruns) },
	{ "rx_filtered", offsetof(struct shmbus_counts, filtered) },
	{ "rx_corrupt", offsetof(struct shmbus_counts, corrupt) },
	{ "rx_too_long", offsetof(struct shmbus_counts, rx_too_long) },
};

/* The same on one format alone. */
static const struct xstat lanes_table[] = {
	{ "tx_paused", offsetof(struct shmbus_counts, paused) },
	{ "tx_pause_timeouts", offsetof(struct shmbus_counts, pause_timeouts) },
	{ "tx_pause_dead", offsetof(struct shmbus_counts, pause_dead) },
};

static const struct xstat shmif_table[] = {
	{ "rx_overrun_bytes", offsetof(struct shmbus_counts, missed_bytes) },
	{ "tx_corrupt", offsetof(struct shmbus_counts, tx_corrupt) },
	{ "lock_busy", offsetof(struct shmbus_counts, lock_busy) },
	{ "lock_broken_own_kind", offsetof(struct shmbus_counts, lock_broken_ours) },
	{ "lock_broken_foreign", offsetof(struct shmbus_counts, lock_broken_foreign) },
};

static const struct xstat *
format_table(const struct rte_eth_dev *dev, unsigned int *n)
{
	const bool lanes = shmbus_priv(dev)->format == SHMBUS_WIRE_LANES;

	*n = lanes ? RTE_DIM(lanes_table) : RTE_DIM(shmif_table);
	return lanes ? lanes_table : shmif_table;
}

/* Returns the number of all entries; the last one, peers, is not a counter. */
static unsigned int
count_xstats(const struct rte_eth_dev *dev)
{
	unsigned int n;

	format_table(dev, &n);
	return dev->data->nb_rx_queues * RTE_DIM(rxq_table) +
	       dev->data->nb_tx_queues * RTE_DIM(txq_table) + RTE_DIM(port_table) + n + 1;
}

static unsigned int
name_queues(struct rte_eth_xstat_name *names, const char *direction, uint16_t n_queues,
	    const struct xstat *table, unsigned int n)
{
	unsigned int i, k = 0;
	uint16_t q;

	for (q = 0; q < n_queues; q++)
		for (i = 0; i < n; i++)
			snprintf(names[k++].name, sizeof(names[0].name), "%s_q%u_%s", direction, q,
				 table[i].name);
	return k;
}

int
shmbus_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	const unsigned int all = count_xstats(dev);
	const struct xstat *table;
	unsigned int n_table, i, k;

	if (names == NULL || n < all)
		return (int)all;
	k = name_queues(names, "rx", dev->data->nb_rx_queues, rxq_table, RTE_DIM(rxq_table));
	k += name_queues(&names[k], "tx", dev->data->nb_tx_queues, txq_table, RTE_DIM(txq_table));
	for (i = 0; i < RTE_DIM(port_table); i++)
		rte_strscpy(names[k++].name, port_table[i].name, sizeof(names[0].name));
	table = format_table(dev, &n_table);
	for (i = 0; i < n_table; i++)
		rte_strscpy(names[k++].name, table[i].name, sizeof(names[0].name));
	rte_strscpy(names[k].name, "peers", sizeof(names[0].name));
	return (int)all;
}

static uint64_t
pick(const void *counts, size_t off)
{
	return *(const uint64_t *)(const void *)((const uint8_t *)counts + off);
}

static unsigned int
get_port(struct rte_eth_xstat *xstats, const struct shmbus_priv *priv,
	 const struct shmbus_counts *now, const struct xstat *table, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		xstats[i].value = pick(now, table[i].off) - pick(&priv->xreset_at, table[i].off);
	return n;
}

int
shmbus_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const unsigned int all = count_xstats(dev);
	struct shmbus_rxq_counts rx;
	struct shmbus_txq_counts tx;
	struct shmbus_counts now;
	const struct xstat *table;
	unsigned int n_table, i, k = 0;
	uint16_t q;

	if (xstats == NULL || n < all)
		return (int)all;
	for (q = 0; q < dev->data->nb_rx_queues; q++) {
		shmbus_stats_rxq(dev, q, &rx);
		for (i = 0; i < RTE_DIM(rxq_table); i++)
			xstats[k++].value = pick(&rx, rxq_table[i].off);
	}
	for (q = 0; q < dev->data->nb_tx_queues; q++) {
		shmbus_stats_txq(dev, q, &tx);
		for (i = 0; i < RTE_DIM(txq_table); i++)
			xstats[k++].value = pick(&tx, txq_table[i].off);
	}
	shmbus_stats_count(dev, &now);
	k += get_port(&xstats[k], priv, &now, port_table, RTE_DIM(port_table));
	table = format_table(dev, &n_table);
	k += get_port(&xstats[k], priv, &now, table, n_table);
	xstats[k].value = shmbus_wire_count_peers(shmbus_wire(dev));
	for (i = 0; i < all; i++)
		xstats[i].id = i;
	return (int)all;
}

int
shmbus_xstats_reset(struct rte_eth_dev *dev)
{
	/* ethdev puts the basic statistics in front of the extended ones. */
	shmbus_stats_count(dev, &shmbus_priv(dev)->xreset_at);
	return shmbus_stats_reset(dev);
}
