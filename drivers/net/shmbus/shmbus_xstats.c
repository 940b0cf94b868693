/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Extended statistics: first the counters of all configured queues, then those of the
 * port. The queues' counters have the names that ethdev uses for up to 16 queues.
 */

#include <stddef.h>
#include <stdio.h>

#include <rte_string_fns.h>

#include "shmbus_priv.h"
#include "shmbus_stats.h"

/* The counters of an Rx queue; a Tx queue has those before the errors. */
static const char *const queue_names[] = { "packets", "bytes", "errors" };
#define PER_RXQ 3
#define PER_TXQ 2

/* A counter of the port beyond the basic statistics. */
struct xstat {
	const char *name;
	size_t off; /* in struct shmbus_counts */
	enum shmbus_wire_format only; /* the format that has it; SHMBUS_WIRE_AUTO: both */
};

#define OFF(counter) offsetof(struct shmbus_counts, counter)

static const struct xstat port_table[] = {
	{ "rx_overruns", OFF(overruns), SHMBUS_WIRE_AUTO },
	{ "rx_filtered", OFF(filtered), SHMBUS_WIRE_AUTO },
	{ "rx_corrupt", OFF(corrupt), SHMBUS_WIRE_AUTO },
	{ "rx_too_long", OFF(rx_too_long), SHMBUS_WIRE_AUTO },
	{ "tx_too_long", OFF(tx_drops[SHMBUS_DROP_TOO_LONG]), SHMBUS_WIRE_AUTO },
	{ "tx_too_short", OFF(tx_drops[SHMBUS_DROP_TOO_SHORT]), SHMBUS_WIRE_AUTO },
	{ "tx_bad_offload", OFF(tx_drops[SHMBUS_DROP_OFFLOAD]), SHMBUS_WIRE_AUTO },
	{ "tx_bad_chain", OFF(tx_drops[SHMBUS_DROP_CHAIN]), SHMBUS_WIRE_AUTO },
	{ "tx_readonly", OFF(tx_drops[SHMBUS_DROP_READONLY]), SHMBUS_WIRE_AUTO },
	{ "rx_skipped", OFF(skipped), SHMBUS_WIRE_LANES },
	{ "tx_paused", OFF(paused), SHMBUS_WIRE_LANES },
	{ "tx_pause_timeouts", OFF(pause_timeouts), SHMBUS_WIRE_LANES },
	{ "tx_pause_dead", OFF(pause_dead), SHMBUS_WIRE_LANES },
	{ "tx_pause_deadlocks", OFF(pause_deadlocks), SHMBUS_WIRE_LANES },
	{ "rx_overrun_bytes", OFF(missed_bytes), SHMBUS_WIRE_SHMIF },
	{ "tx_corrupt", OFF(tx_corrupt), SHMBUS_WIRE_SHMIF },
	{ "tx_cut", OFF(tx_drops[SHMBUS_DROP_CUT]), SHMBUS_WIRE_SHMIF },
	{ "lock_busy", OFF(lock_busy), SHMBUS_WIRE_SHMIF },
	{ "lock_broken_own_kind", OFF(lock_broken_ours), SHMBUS_WIRE_SHMIF },
	{ "lock_broken_foreign", OFF(lock_broken_foreign), SHMBUS_WIRE_SHMIF },
};

/* Returns whether the port has the counter. */
static bool
has(const struct rte_eth_dev *dev, const struct xstat *x)
{
	return x->only == SHMBUS_WIRE_AUTO || x->only == shmbus_priv(dev)->format;
}

/* Returns the number of all entries; the last one, peers, is not a counter. */
static unsigned int
count_xstats(const struct rte_eth_dev *dev)
{
	unsigned int n, i;

	n = dev->data->nb_rx_queues * PER_RXQ + dev->data->nb_tx_queues * PER_TXQ + 1;
	for (i = 0; i < RTE_DIM(port_table); i++)
		n += has(dev, &port_table[i]);
	return n;
}

static unsigned int
name_queues(struct rte_eth_xstat_name *names, const char *direction, uint16_t n_queues,
	    unsigned int per_queue)
{
	unsigned int i, k = 0;
	uint16_t q;

	for (q = 0; q < n_queues; q++)
		for (i = 0; i < per_queue; i++)
			snprintf(names[k++].name, sizeof(names[0].name), "%s_q%u_%s", direction, q,
				 queue_names[i]);
	return k;
}

int
shmbus_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	const unsigned int all = count_xstats(dev);
	unsigned int i, k;

	if (names == NULL || n < all)
		return (int)all;
	k = name_queues(names, "rx", dev->data->nb_rx_queues, PER_RXQ);
	k += name_queues(&names[k], "tx", dev->data->nb_tx_queues, PER_TXQ);
	for (i = 0; i < RTE_DIM(port_table); i++)
		if (has(dev, &port_table[i]))
			rte_strscpy(names[k++].name, port_table[i].name, sizeof(names[0].name));
	rte_strscpy(names[k].name, "peers", sizeof(names[0].name));
	return (int)all;
}

static uint64_t
pick(const struct shmbus_counts *counts, size_t off)
{
	return *(const uint64_t *)(const void *)((const uint8_t *)counts + off);
}

int
shmbus_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	const struct shmbus_counts *base = &shmbus_priv(dev)->xreset_at;
	const unsigned int all = count_xstats(dev);
	struct shmbus_queue_counts queue;
	const struct xstat *x;
	struct shmbus_counts now;
	unsigned int i, k = 0;
	uint16_t q;

	if (xstats == NULL || n < all)
		return (int)all;
	for (q = 0; q < dev->data->nb_rx_queues; q++) {
		queue = shmbus_stats_rxq(dev, q);
		xstats[k++].value = queue.packets;
		xstats[k++].value = queue.bytes;
		xstats[k++].value = queue.errors;
	}
	for (q = 0; q < dev->data->nb_tx_queues; q++) {
		queue = shmbus_stats_txq(dev, q);
		xstats[k++].value = queue.packets;
		xstats[k++].value = queue.bytes;
	}
	shmbus_stats_count(dev, &now);
	for (x = port_table; x != port_table + RTE_DIM(port_table); x++)
		if (has(dev, x))
			xstats[k++].value = pick(&now, x->off) - pick(base, x->off);
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
