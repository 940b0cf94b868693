/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_PRIV_H
#define SHMBUS_PRIV_H

/*
 * A port of the driver.
 *
 *   dev->data->dev_private    struct shmbus_priv    shared by all processes
 *   dev->data->rx_queues[i]   struct shmbus_rxq     shared, shmbus_rxq.h
 *   dev->data->tx_queues[i]   struct shmbus_txq     shared, shmbus_txq.h
 *   dev->process_private      struct shmbus_local   each process has its own
 *
 * Secondary processes map the bus at other addresses, so nothing that is
 * shared points into it.
 */

#include <rte_common.h>
#include <rte_spinlock.h>

#include <ethdev_driver.h>

#include "base/station/shmbus_wire.h"
#include "shmbus_args.h"
#include "shmbus_log.h"
#include "shmbus_rss.h"

/* On lanes a frame may have two VLAN tags more than the MTU says. */
#define SHMBUS_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

/* Addresses that a port may have, and multicast addresses besides. */
#define SHMBUS_UNICAST_MAX 64
#define SHMBUS_MULTICAST_MAX 256

struct shmbus_counts {
	uint64_t ipackets;
	uint64_t ibytes;
	uint64_t opackets;
	uint64_t obytes;
	uint64_t imissed;
	uint64_t ierrors;
	uint64_t oerrors;
	uint64_t overruns;
	uint64_t filtered;
	uint64_t corrupt;
	uint64_t rx_too_long;
	/* lanes */
	uint64_t paused;
	uint64_t pause_timeouts;
	uint64_t pause_dead;
	/* shmif */
	uint64_t missed_bytes;
	uint64_t tx_corrupt;
	uint64_t lock_busy;
	uint64_t lock_broken_ours;
	uint64_t lock_broken_foreign;
};

/* Of one queue. */
struct shmbus_rxq_counts {
	uint64_t packets;
	uint64_t bytes;
	uint64_t errors;
};

struct shmbus_txq_counts {
	uint64_t packets;
	uint64_t bytes;
};

/* Addresses that the port receives for, see shmbus_filter.c. The control thread writes it. */
struct shmbus_filter {
	shmbus_a32 n_unicast; /* places to look at; some of them may be empty (0) */
	shmbus_a32 n_multicast;
	shmbus_a64 unicast[SHMBUS_UNICAST_MAX]; /* as dev->data->mac_addrs */
	shmbus_a64 multicast[SHMBUS_MULTICAST_MAX];
};

struct shmbus_steer_table;
struct rte_flow;

/* What decides between the Rx queues of a port, see shmbus_steer.h. */
struct shmbus_steer {
	rte_spinlock_t lock;
	bool spread; /* every queue reads every lane; from one start to the next */
	bool active; /* the table is to be asked */
	bool marks;  /* some rule marks */
	bool isolated;
	struct shmbus_steer_table *table;
	struct rte_flow *flows; /* by priority, then by age */
};

/* The link, see shmbus_link.c. */
struct shmbus_link {
	rte_spinlock_t lock; /* dev_link, and what is due below */
	bool set_down;       /* by dev_set_link_down */
	bool polls;          /* the link poll is running */
	uint32_t changes_due; /* of the link, of which no LSC event has told yet */
	bool removal_due;    /* the application has not been told that the bus is gone */
	shmbus_a32 status;   /* enum shmbus_status, the worst that was seen of this bus */
};

struct shmbus_priv {
	struct shmbus_args args;
	struct rte_ether_addr macs[SHMBUS_UNICAST_MAX]; /* dev->data->mac_addrs: ethdev's */
	struct shmbus_filter filter;
	enum shmbus_wire_format format; /* never AUTO */
	uint32_t slot;        /* SHMBUS_NO_SLOT: the port only looks on, or is on no bus */
	uint32_t max_frame;   /* longest frame the bus carries */
	uint32_t overhead;    /* of it, what the MTU does not count */
	int numa_node;
	union {
		struct {
			bool holds; /* senders are to wait for this port */
		} lanes;
		struct {
			uint64_t sender; /* what the port's frames bear */
		} shmif;
	};
	struct shmbus_link link;
	rte_spinlock_t queues_lock; /* shmbus_queues_update, which the link poll calls, too */
	struct shmbus_rss rss;
	struct shmbus_steer steer;
	uint32_t ptypes;      /* RTE_PTYPE_*_MASK of the packet types that mbufs get */
	bool ptypes_set;      /* the application has chosen them */
	struct shmbus_counts retired;  /* what queues that are gone have counted */
	struct shmbus_counts reset_at; /* what stats_reset subtracts */
	struct shmbus_counts xreset_at;
	struct {
		struct shmbus_rxq_counts rx;
		struct shmbus_txq_counts tx;
	} reset_queue_at[SHMBUS_QUEUES_MAX];
};

/* What a process has of a port. */
struct shmbus_local {
	struct shmbus_wire wire;
	int presence; /* a descriptor, see shmbus_mp.c; -1: none */
};

static inline struct shmbus_priv *
shmbus_priv(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

/* This process's view of the port's bus. */
static inline struct shmbus_wire *
shmbus_wire(const struct rte_eth_dev *dev)
{
	return &((struct shmbus_local *)dev->process_private)->wire;
}

static inline struct shmbus_wire *
shmbus_port_wire(uint16_t port_id)
{
	return shmbus_wire(&rte_eth_devices[port_id]);
}

/* A secondary process sends, receives, looks and counts. What the port is, the primary says. */
static inline bool
shmbus_is_primary(void)
{
	return rte_eal_process_type() == RTE_PROC_PRIMARY;
}

/* What the operations that change a port return in a secondary process. */
#define SHMBUS_REFUSED (-E_RTE_SECONDARY)

#endif /* SHMBUS_PRIV_H */
