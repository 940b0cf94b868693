/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_WIRE_H
#define SHMBUS_WIRE_H

/*
 * What differs between the formats of a bus, for the control paths: one table
 * each. The data paths differ as a whole (shmbus_rx.c, shmbus_tx.c for lanes,
 * shmbus_shmif_rxtx.c).
 */

#include "base/shmbus_bus.h"
#include "base/shmbus_fate.h"
#include "base/shmbus_shmif_bus.h"
#include "shmbus_ethdev.h"

/* What a process has open of a port's bus: dev->process_private. */
struct shmbus_wire {
	const struct shmbus_wire_ops *ops;
	uint32_t serial; /* of the bus that this is, see struct shmbus_priv */
	union {
		struct shmbus_bus lanes;
		struct shmbus_shmif shmif;
	};
};

struct shmbus_wire_ops {
	const char *name;
	uint32_t (*version)(const struct shmbus_wire *wire); /* of the format */
	eth_rx_burst_t rx_burst;
	eth_tx_burst_t tx_burst;

	/* Open the bus of priv->args and become a port of it. -errno with a text. */
	int (*join)(struct shmbus_wire *wire, struct shmbus_priv *priv, const char *name,
		    struct shmbus_error *e);
	/* In a secondary process: through the primary's descriptor, which is its own from then on. */
	int (*share)(struct shmbus_wire *wire, const struct shmbus_priv *priv, int fd,
		     struct shmbus_error *e);
	/* Give up the port's place; remove the file if it is asked for. */
	void (*leave)(struct shmbus_wire *wire, const struct shmbus_priv *priv);
	void (*close)(struct shmbus_wire *wire);
	/* The same, but what is done with the wire until it is closed, or opened anew, does no harm. */
	void (*blank)(struct shmbus_wire *wire);
	/* What has become of the bus's file? There is one. Any thread. */
	enum shmbus_fate (*fate)(const struct shmbus_wire *wire, const struct shmbus_priv *priv,
				 struct shmbus_error *why);
	/* The descriptor of the bus file; -1: none. */
	int (*fd)(const struct shmbus_wire *wire);

	uint16_t (*max_queues)(const struct shmbus_wire *wire);
	uint32_t (*count_peers)(const struct shmbus_wire *wire, const struct shmbus_priv *priv);
	void (*set_mac)(struct rte_eth_dev *dev, const uint8_t *mac);
	/* Tell the others the port's state, as dev->data and priv have it. */
	void (*set_state)(struct rte_eth_dev *dev);
	/* priv->holds or the pause arguments have changed. NULL: there is no pause. */
	void (*set_pause)(struct rte_eth_dev *dev);
	/* The port is about to start, with the queues that are configured; it was stopped. */
	void (*prepare)(struct rte_eth_dev *dev);
	void (*stopped)(struct rte_eth_dev *dev);

	int (*rxq_create)(struct rte_eth_dev *dev, struct shmbus_rxq *q, int socket);
	void (*rxq_free)(struct shmbus_rxq *q);
	void (*rxq_start)(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
	void (*rxq_stop)(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
	/* Note where the bus is now; the queue's thread, which reads nothing now, will begin there. */
	void (*rxq_mark)(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
	int (*txq_create)(struct rte_eth_dev *dev, struct shmbus_txq *q, int socket);
	void (*txq_free)(struct shmbus_txq *q);
	void (*txq_start)(struct rte_eth_dev *dev, struct shmbus_txq *q);
	/* Frames that the queue has not received yet, as far as can be told. */
	uint64_t (*rxq_waiting)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Is there anything that the queue, asleep by now, must not sleep through? Not while down. */
	bool (*rxq_pending)(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
	/* Tell the others that the queue sleeps, or no more. NULL: they wake all, each time. */
	void (*rxq_sleep)(const struct rte_eth_dev *dev, uint16_t id, bool asleep);
	/* Tell the others that the port uses interrupts now, or no more. NULL as above. */
	void (*use_intr)(const struct rte_eth_dev *dev, bool begins);
	/* Wake this port's sleepers; all others on the bus look up, too. */
	void (*wake)(const struct shmbus_wire *wire);
	/* The header of the bus file, of *size bytes; NULL: on no bus. */
	shmbus_a32 *(*header)(const struct shmbus_wire *wire, uint32_t *size);
	/* For people. */
	void (*dump)(const struct rte_eth_dev *dev, FILE *file);
	/* Add what this start of the queue, and all before it, counted. */
	void (*count_rx)(const struct shmbus_wire *wire, const struct shmbus_rxq *q,
			 struct shmbus_counts *counts);
	void (*count_tx)(const struct shmbus_txq *q, struct shmbus_counts *counts);
};

extern const struct shmbus_wire_ops shmbus_wire_lanes;
extern const struct shmbus_wire_ops shmbus_wire_lanes_readonly;
extern const struct shmbus_wire_ops shmbus_wire_shmif;
extern const struct shmbus_wire_ops shmbus_wire_shmif_readonly;

static inline const struct shmbus_wire_ops *
shmbus_wire_ops(enum shmbus_format format, bool readonly)
{
	if (format == SHMBUS_FORMAT_SHMIF)
		return readonly ? &shmbus_wire_shmif_readonly : &shmbus_wire_shmif;
	return readonly ? &shmbus_wire_lanes_readonly : &shmbus_wire_lanes;
}

static inline struct shmbus_wire *
shmbus_wire(const struct rte_eth_dev *dev)
{
	return dev->process_private;
}

static inline struct shmbus_wire *
shmbus_port_wire(uint16_t port_id)
{
	return rte_eth_devices[port_id].process_private;
}

/* This process's view of the port's bus of lanes. */
static inline struct shmbus_bus *
shmbus_process_bus(const struct rte_eth_dev *dev)
{
	return &shmbus_wire(dev)->lanes;
}

static inline struct shmbus_bus *
shmbus_port_bus(uint16_t port_id)
{
	return &shmbus_port_wire(port_id)->lanes;
}

#endif /* SHMBUS_WIRE_H */
