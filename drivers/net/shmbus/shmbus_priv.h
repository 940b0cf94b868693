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
 * Secondary processes map the bus at other addresses, so shared structures hold
 * no pointers into the mapping.
 */

#include <string.h>

#include <rte_common.h>
#include <rte_spinlock.h>

#include <dev_driver.h>
#include <ethdev_driver.h>

#include "base/lanes/shmbus_pollers.h"
#include "base/station/shmbus_wire.h"
#include "shmbus_args.h"
#include "shmbus_drop.h"
#include "shmbus_log.h"
#include "shmbus_toeplitz.h"

/* On lanes a frame may have two VLAN tags beyond the MTU. */
#define SHMBUS_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

/* The largest numbers of unicast and of multicast addresses of a port. */
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
	uint64_t tx_drops[SHMBUS_DROPS];
	/* lanes */
	uint64_t skipped;
	uint64_t paused;
	uint64_t pause_timeouts;
	uint64_t pause_dead;
	uint64_t pause_deadlocks;
	/* shmif */
	uint64_t missed_bytes;
	uint64_t tx_corrupt;
	uint64_t lock_busy;
	uint64_t lock_broken_ours;
	uint64_t lock_broken_foreign;
};

/* The addresses of the receive filter, see shmbus_filter.c. The control thread writes them. */
struct shmbus_filter {
	shmbus_a32 n_unicast; /* places to compare; some of them may be empty (0) */
	shmbus_a32 n_multicast;
	shmbus_a64 unicast[SHMBUS_UNICAST_MAX]; /* as dev->data->mac_addrs */
	shmbus_a64 multicast[SHMBUS_MULTICAST_MAX];
};

struct shmbus_fdb;
struct shmbus_steer_table;

/* The choice among the Rx queues of a port, see shmbus_steer.h. */
struct shmbus_steer {
	rte_spinlock_t lock;
	bool spread; /* every queue reads every lane, from then on until the next start */
	bool active; /* the queues use the table */
	bool closing; /* the queues are to use the table, as the port begins to spread */
	bool marks;  /* some rule has MARK or FLAG */
	struct shmbus_steer_table *table; /* in force; it holds the rules */
	/* For each lane the position from which all queues read it. NULL: since the start. */
	uint64_t *shared_from;
};

/* The link, see shmbus_link.c. */
struct shmbus_link {
	rte_spinlock_t lock; /* guards dev_link, status and the events that are due */
	bool set_down;       /* by dev_set_link_down; the control thread writes it */
	bool polls;          /* the link poll is running */
	uint32_t changes_due; /* LSC events that are still to be sent */
	bool removal_due;    /* the RMV event is still to be sent */
	shmbus_a32 status;   /* enum shmbus_status: the worst seen of this bus */
};

struct shmbus_priv {
	struct shmbus_args args;
	struct rte_ether_addr macs[SHMBUS_UNICAST_MAX]; /* dev->data->mac_addrs: ethdev's */
	struct shmbus_filter filter;
	enum shmbus_wire_format format; /* never AUTO */
	uint32_t slot;        /* SHMBUS_NO_SLOT: the port is readonly, or on no bus */
	uint32_t max_frame;   /* longest frame the bus carries */
	uint32_t overhead;    /* the part of a frame that the MTU does not count */
	int numa_node;
	union {
		struct {
			bool holds; /* senders wait for this port */
			bool told_lossy; /* that the application has switched pause off */
			bool directed; /* frames on the bus may be directed: format version 2 */
			struct shmbus_fdb *fdb; /* on a switch, else NULL; see shmbus_switch.h */
			struct shmbus_pollers pollers;
		} lanes;
		struct {
			uint64_t sender; /* the number that marks frames as this port's */
		} shmif;
	};
	struct shmbus_link link;
	rte_spinlock_t queues_lock; /* shmbus_queues_update(), which the link poll calls, too */
	struct shmbus_rss rss;
	struct shmbus_steer steer;
	uint32_t ptypes;      /* the layers of packet types that mbufs get, RTE_PTYPE_*_MASK */
	bool ptypes_set;      /* the application has chosen them */
	struct shmbus_counts retired;  /* counters of queues that were released */
	struct shmbus_counts reset_at; /* counters at stats_reset, which stats_get subtracts */
	struct shmbus_counts xreset_at;
};

/* A process's own part of a port. */
struct shmbus_local {
	struct shmbus_wire wire;
	int presence; /* descriptor of the presence file, see shmbus_mp.c; -1: none */
};

static inline struct shmbus_priv *
shmbus_priv(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

/* Returns this process's attachment to the port's bus. */
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

/* Returns the port's first address as the first 8 bytes of a frame, the last two of them 0. */
static inline uint64_t
shmbus_own_address(const struct shmbus_priv *priv)
{
	return shmbus_load(&priv->filter.unicast[0]) & ~(UINT64_C(1) << 63);
}

/* Returns whether the port is one of this driver's. */
static inline bool
shmbus_is_our_port(const struct rte_eth_dev *dev)
{
	return dev->device != NULL && dev->device->driver != NULL &&
	       strcmp(dev->device->driver->name, "net_shmbus") == 0;
}

/* Returns whether this is the primary process, which alone may change the port. */
static inline bool
shmbus_is_primary(void)
{
	return rte_eal_process_type() == RTE_PROC_PRIMARY;
}

/* The return value, in a secondary process, of operations that change the port. */
#define SHMBUS_REFUSED (-E_RTE_SECONDARY)

#endif /* SHMBUS_PRIV_H */
