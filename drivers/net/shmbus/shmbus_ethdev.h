/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ETHDEV_H
#define SHMBUS_ETHDEV_H

/*
 * The structures of the driver.
 *
 *   dev->data->dev_private    struct shmbus_priv    shared by all processes
 *   dev->data->rx_queues[i]   struct shmbus_rxq     of the application
 *   dev->data->tx_queues[i]   struct shmbus_txq
 *   dev->process_private      struct shmbus_wire    each process has its own
 *
 * Secondary processes map the bus at other addresses, so nothing that is
 * shared points into it.
 */

#include <rte_common.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include <ethdev_driver.h>

#include "base/shmbus_reader.h"
#include "base/shmbus_shmif_reader.h"
#include "base/shmbus_shmif_writer.h"
#include "base/shmbus_wake.h"
#include "base/shmbus_writer.h"
#include "shmbus_args.h"
#include "shmbus_log.h"
#include "shmbus_rss.h"

/* On lanes a frame may have two VLAN tags more than the MTU says. */
#define SHMBUS_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

/* Nominal: there is no clock that frames would be sent by. */
#define SHMBUS_SPEED_CAPA RTE_ETH_LINK_SPEED_100G

/* Addresses that a port may have, and multicast addresses besides. */
#define SHMBUS_UNICAST_MAX 64
#define SHMBUS_MULTICAST_MAX 256

/* Spare mbufs that an Rx queue holds at most. */
#define SHMBUS_STASH 64
/* Taken from the pool at once, if it has them. */
#define SHMBUS_REFILL 32

/* Bits of shmbus_rxq.flags: why the plain receive path is not enough. */
#define SHMBUS_RX_CLASSIFY (1u << 0) /* not every frame is for the queue: shmbus_frame.h */
#define SHMBUS_RX_SCATTER (1u << 1) /* frames may take several mbufs */
#define SHMBUS_RX_DOWN (1u << 2)    /* the queue or the link is, or there is no bus */
#define SHMBUS_RX_LOOPBACK (1u << 3) /* own frames too; lanes choose their lanes by that */
#define SHMBUS_RX_COMPLETE (1u << 4) /* offloads: shmbus_frame.h */
#define SHMBUS_RX_REQUESTS (1u << 5) /* within a burst only: frames with requests are there */
#define SHMBUS_RX_STEER (1u << 6) /* RSS or flow rules: shmbus_steer.h */

/* Bits of shmbus_txq.flags. */
#define SHMBUS_TX_FAST_FREE (1u << 0)
#define SHMBUS_TX_DOWN (1u << 1)
#define SHMBUS_TX_QUIET (1u << 2) /* wake nobody */
#define SHMBUS_TX_OFFLOADS (1u << 3) /* mbufs may ask for something: shmbus_checksum.h, _vlan.h */
#define SHMBUS_TX_LIMITED (1u << 4) /* shmbus_limit.h */

struct shmbus_rxq_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t too_long;
	uint64_t filtered;
};

/* How a lane, or a bus, is polled, see shmbus_pace.h. */
struct shmbus_pace {
	uint64_t since_tsc; /* left alone since then, for nap_tsc; 0: is not */
	uint32_t nap_tsc;
	uint16_t full;      /* polls since the last empty one, all of them full */
	uint16_t suspicions;
};

/* What has been told of broken locks, see shmbus_shmif_rxtx.c. */
struct shmbus_shmif_told {
	uint64_t since_ns;
	uint64_t broken;
};

/*
 * An Rx queue. Its thread writes all of it but flags and restart, by which
 * other threads tell it something.
 */
struct __rte_cache_aligned shmbus_rxq {
	shmbus_a32 flags;
	shmbus_a32 restart; /* changes when the queue must begin again, where its marks stand */
	uint32_t restart_seen;
	uint16_t port_id;
	uint16_t queue_id;
	uint16_t room;     /* of one mbuf */
	uint16_t n_stash;
	uint16_t n_active;
	uint16_t turn;     /* which active lane is asked first */
	uint16_t slot;     /* of this port */
	uint32_t max_len;  /* longest frame that is delivered */
	uint32_t idle;     /* polls until the roster is looked at again */
	uint64_t mbuf_init;  /* rearm data */
	uint64_t mbuf_flags; /* that mbufs of this pool always have */
	struct rte_mempool *pool;
	struct shmbus_rxq_stats stats;
	uint32_t max_lro;     /* longest frame that is delivered for others to segment */
	uint64_t tstamp_flag; /* of an mbuf with a time, */
	int tstamp_off;       /* and where in it that is */

	rte_spinlock_t steer_lock; /* shmbus_steer.h */
	const struct shmbus_steer_table *table; /* while it is held */
	uint16_t sharers; /* queues of the port that read the same lanes */
	bool hash_wanted; /* in mbufs */

	struct rte_mbuf *stash[SHMBUS_STASH];

	/* As it was set up: */
	uint64_t offloads;
	uint16_t nb_desc;
	uint8_t drop_en;
	bool deferred; /* not started with the port */

	/* Format lanes: */
	struct shmbus_reader *readers; /* one per lane of the bus */
	struct shmbus_reader *marks;   /* so: where they were when the link came up */
	struct shmbus_pace *paces;     /* so */
	uint16_t *active;              /* lanes that are polled */
	uint32_t *roster;              /* as last seen, one per slot */
	struct shmbus_reader past;     /* counts of the readers of earlier starts */

	/* Format shmif: */
	uint32_t serial; /* of the bus that it was started for */
	struct shmbus_pace pace;
	struct shmbus_shmif_told told;
	struct shmbus_shmif_reader shmif;
	uint64_t mark; /* position where the bus was when the link came up */
};

struct shmbus_txq_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped;
};

/* A rate limit, see shmbus_limit.h. */
struct shmbus_limit {
	shmbus_a64 cost; /* of a byte, in cycles << SHMBUS_LIMIT_SHIFT; 0: no limit. By any thread. */
	uint64_t paid_tsc;
};
#define SHMBUS_LIMIT_SHIFT 16

/* A Tx queue. Its thread writes all of it but flags and limit.cost. */
struct __rte_cache_aligned shmbus_txq {
	shmbus_a32 flags;
	uint16_t port_id;
	uint16_t queue_id;
	uint32_t max_len;
	uint32_t max_whole; /* longest frame that is sent for others to segment */
	struct shmbus_txq_stats stats;
	struct shmbus_limit limit;

	/* As it was set up: */
	uint64_t offloads;
	uint16_t nb_desc;
	bool deferred; /* not started with the port */

	/* Format lanes: */
	uint32_t burst_max;
	struct shmbus_waker waker;
	struct shmbus_writer writer;
	struct shmbus_writer past; /* counts of the writers of earlier starts */

	/* Format shmif: */
	uint32_t serial; /* of the bus that it was started for */
	struct shmbus_shmif_told told;
	struct shmbus_shmif_writer shmif;
};

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
	uint64_t paused;
	uint64_t pause_timeouts;
	uint64_t pause_dead;
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
	shmbus_a32 n_unicast; /* places to look at; there may be empty ones (0) among them */
	shmbus_a32 n_multicast;
	shmbus_a64 unicast[SHMBUS_UNICAST_MAX]; /* as dev->data->mac_addrs */
	shmbus_a64 multicast[SHMBUS_MULTICAST_MAX];
};

struct shmbus_steer_table;
struct rte_flow;

/* What decides between the Rx queues of a port. */
struct shmbus_steer {
	rte_spinlock_t lock;
	bool spread; /* every queue reads every lane; from one start to the next */
	bool active; /* the table is to be asked */
	bool marks;  /* some rule marks */
	bool isolated;
	struct shmbus_steer_table *table;
	struct rte_flow *flows; /* by priority, then by age */
};

struct shmbus_priv {
	struct shmbus_args args;
	struct rte_ether_addr macs[SHMBUS_UNICAST_MAX]; /* dev->data->mac_addrs: ethdev's */
	struct shmbus_filter filter;
	enum shmbus_format format; /* never SHMBUS_FORMAT_AUTO */
	uint32_t serial;      /* counts the buses that the port has been on */
	uint64_t sender;      /* shmif: what the port's frames bear */
	uint32_t slot;        /* lanes */
	uint32_t max_frame;   /* longest frame the bus carries */
	uint32_t overhead;    /* of it, what the MTU does not count */
	int numa_node;
	bool link_down;       /* by dev_set_link_down */
	bool holds;           /* lanes: senders are to wait for this port */
	bool watching;        /* the link watch is running */
	bool removal_due;     /* the application has not been told that the bus is gone */
	shmbus_a32 fate;      /* enum shmbus_fate, the worst that was seen of this bus */
	shmbus_a32 secondaries; /* processes that have the port, or died with it */
	rte_spinlock_t link_lock;
	rte_spinlock_t queues_lock; /* shmbus_queues_update, which the link watch calls, too */
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

static inline struct shmbus_priv *
shmbus_priv(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

struct shmbus_wire; /* shmbus_wire.h: what a process has open */
struct shmbus_bus;

/* shmbus_ethdev.c: is it a port of this driver? */
bool shmbus_is_our_port(const struct rte_eth_dev *dev);
/* The functions of the data path, for the format of the process's bus. */
void shmbus_set_fast_path(struct rte_eth_dev *dev);
int shmbus_dev_close(struct rte_eth_dev *dev);
int shmbus_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info);
int shmbus_read_clock(struct rte_eth_dev *dev, uint64_t *clock);

/* shmbus_secondary.c */
extern const struct eth_dev_ops shmbus_secondary_ops;
struct rte_vdev_device;
int shmbus_secondary_probe(struct rte_vdev_device *vdev);

/* shmbus_rx.c, shmbus_tx.c: eth_rx_burst_t and eth_tx_burst_t */
uint16_t shmbus_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_rx_burst_readonly(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
/* shmbus_shmif_rxtx.c: the same on a shmif bus */
uint16_t shmbus_shmif_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_shmif_rx_burst_readonly(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t shmbus_shmif_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* shmbus_conf.c: refuse what is asked for in dev->data->dev_conf and is not there */
int shmbus_conf_check(const struct rte_eth_dev *dev);

/* shmbus_queue.c */
int shmbus_rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_rxconf *conf,
			  struct rte_mempool *pool);
int shmbus_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_txconf *conf);
void shmbus_rx_queue_release(struct rte_eth_dev *dev, uint16_t id);
void shmbus_tx_queue_release(struct rte_eth_dev *dev, uint16_t id);
/* Prepare all queues for the data path, and take that back. The port is stopped. */
int shmbus_queues_start(struct rte_eth_dev *dev);
void shmbus_queues_stop(struct rte_eth_dev *dev);
/* One queue of a started port. */
int shmbus_rx_queue_start(struct rte_eth_dev *dev, uint16_t id);
int shmbus_rx_queue_stop(struct rte_eth_dev *dev, uint16_t id);
int shmbus_tx_queue_start(struct rte_eth_dev *dev, uint16_t id);
int shmbus_tx_queue_stop(struct rte_eth_dev *dev, uint16_t id);
/* Work out the queues' flags and limits again after a change of the port's. Any time. */
void shmbus_queues_update(struct rte_eth_dev *dev);
/*
 * Does the port scatter? Only by the application's thread: the bit has neighbours
 * in dev->data, which the link watch must not write.
 */
void shmbus_scatter_update(struct rte_eth_dev *dev);

/* shmbus_lanes.c: which lanes an Rx queue reads */
int shmbus_lanes_create(const struct shmbus_bus *bus, struct shmbus_rxq *q, int socket);
void shmbus_lanes_free(struct shmbus_rxq *q);
void shmbus_lanes_start(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
/* Note where the lanes are, for a later restart by the queue's thread, which reads none now. */
void shmbus_lanes_mark(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
void shmbus_lanes_restart(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
void shmbus_lanes_stop(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
/* Look who is on the bus. By the queue's thread, now and then. */
void shmbus_lanes_refresh(const struct rte_eth_dev *dev, struct shmbus_rxq *q);
/* Has any of the queue's lanes something that was not received? By the queue's thread. */
bool shmbus_lanes_pending(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);
/* Frames in the queue's lanes that it has not read. Changes nothing. */
uint64_t shmbus_lanes_waiting(const struct rte_eth_dev *dev, const struct shmbus_rxq *q);

/* shmbus_descriptor.c: what a ring of descriptors would tell */
int shmbus_rx_queue_count(void *queue);
int shmbus_rx_descriptor_status(void *queue, uint16_t offset);
int shmbus_tx_descriptor_status(void *queue, uint16_t offset);
int shmbus_tx_done_cleanup(void *queue, uint32_t free_cnt);

/* shmbus_info.c */
void shmbus_rxq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info);
void shmbus_txq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info);
int shmbus_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int shmbus_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int shmbus_fw_version_get(struct rte_eth_dev *dev, char *text, size_t size);
int shmbus_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *regs);
int shmbus_priv_dump(struct rte_eth_dev *dev, FILE *file);

/* What a queue has counted of something that all the sharers of its lanes see. */
static inline uint64_t
shmbus_lanes_share(const struct shmbus_rxq *q, uint64_t n)
{
	/* If all have counted the same their shares add up to just that. */
	return q->sharers <= 1 ? n : (n + q->queue_id) / q->sharers;
}

/* shmbus_ptype.c */
const uint32_t *shmbus_supported_ptypes_get(struct rte_eth_dev *dev, size_t *n);
int shmbus_ptypes_set(struct rte_eth_dev *dev, uint32_t mask);
/* For a port that has no queues yet. */
void shmbus_ptypes_init(struct shmbus_priv *priv);
/* All that can be said of it. */
uint32_t shmbus_ptype_of(const struct rte_mbuf *m);

/* shmbus_filter.c */
int shmbus_promiscuous_enable(struct rte_eth_dev *dev);
int shmbus_promiscuous_disable(struct rte_eth_dev *dev);
int shmbus_allmulticast_enable(struct rte_eth_dev *dev);
int shmbus_allmulticast_disable(struct rte_eth_dev *dev);
int shmbus_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac);
int shmbus_mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index,
			uint32_t pool);
void shmbus_mac_addr_remove(struct rte_eth_dev *dev, uint32_t index);
int shmbus_set_mc_addr_list(struct rte_eth_dev *dev, struct rte_ether_addr *list, uint32_t n);
/* The port has the address macs[0], and no other yet. */
void shmbus_filter_init(struct shmbus_priv *priv);
/* Is a frame that begins with these bytes for this port? */
bool shmbus_filter_accepts(const struct rte_eth_dev *dev, const uint8_t *frame, uint32_t len);

/* shmbus_link.c */
int shmbus_link_update(struct rte_eth_dev *dev, int wait_to_complete);
int shmbus_set_link_up(struct rte_eth_dev *dev);
int shmbus_set_link_down(struct rte_eth_dev *dev);
void shmbus_link_start(struct rte_eth_dev *dev);
void shmbus_link_stop(struct rte_eth_dev *dev);

/* shmbus_removal.c: look what has become of the bus, and say so once. Is it gone? */
bool shmbus_removal_look(struct rte_eth_dev *dev);
/* Is the application to be told that it is? True once, if it wants to be. */
bool shmbus_removal_due(struct rte_eth_dev *dev);

/* shmbus_rejoin.c: the port is stopped. If its bus is not what path leads to, go there. */
int shmbus_rejoin_if_lost(struct rte_eth_dev *dev);
int shmbus_dev_reset(struct rte_eth_dev *dev);

/* shmbus_intr.c: Rx interrupts */
/* Make this process's descriptors, if the port is configured to use them; and give them back. */
int shmbus_intr_open(struct rte_eth_dev *dev);
void shmbus_intr_close(struct rte_eth_dev *dev);
/* So, and nobody sleeps any more. */
void shmbus_intr_stop(struct rte_eth_dev *dev);
/* The port has told its state: that it is started, or no longer. */
void shmbus_intr_tell(struct rte_eth_dev *dev);
/* Wake the port's queues that sleep. */
void shmbus_intr_wake(const struct rte_eth_dev *dev);
int shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id);
int shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id);

/* shmbus_flowctrl.c */
int shmbus_flow_ctrl_get(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf);
int shmbus_flow_ctrl_set(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf);

/* shmbus_monitor.c: what a core may wait for instead of polling */
int shmbus_get_monitor_addr(void *queue, struct rte_power_monitor_cond *cond);

/* shmbus_stats.c */
int shmbus_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		     struct eth_queue_stats *qstats);
int shmbus_stats_reset(struct rte_eth_dev *dev);
/* All that the port and its queues have counted, no reset subtracted. */
void shmbus_stats_count(const struct rte_eth_dev *dev, struct shmbus_counts *counts);
/* Since the last reset. */
void shmbus_stats_rxq(const struct rte_eth_dev *dev, uint16_t id, struct shmbus_rxq_counts *counts);
void shmbus_stats_txq(const struct rte_eth_dev *dev, uint16_t id, struct shmbus_txq_counts *counts);
void shmbus_stats_retire_rx(struct rte_eth_dev *dev, const struct shmbus_rxq *q);
void shmbus_stats_retire_tx(struct rte_eth_dev *dev, const struct shmbus_txq *q);

/* shmbus_xstats.c */
int shmbus_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n);
int shmbus_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
			    unsigned int n);
int shmbus_xstats_reset(struct rte_eth_dev *dev);

/* shmbus_telemetry.c: while it is held, telemetry looks at no port */
void shmbus_telemetry_lock(void);
void shmbus_telemetry_unlock(void);

/* shmbus_mp.c: how a secondary process gets the primary's bus */
int shmbus_mp_serve(void);
void shmbus_mp_unserve(void);
/* The descriptor of the bus of the primary's port of this name, or -errno. */
int shmbus_mp_request_bus(const char *name);
/* In a secondary process: do what the next two say. */
int shmbus_mp_listen(void);
void shmbus_mp_unlisten(void);
/* All secondary processes are off the port's bus when this returns 0; on it again, if they can. */
int shmbus_mp_leave_bus(const struct rte_eth_dev *dev);
void shmbus_mp_join_bus(const struct rte_eth_dev *dev);

#endif /* SHMBUS_ETHDEV_H */
