/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Completes DPDK's header of the same name; see ../README. */

#ifndef SHMBUS_COMPAT_ETHDEV_DRIVER_H
#define SHMBUS_COMPAT_ETHDEV_DRIVER_H

#pragma GCC system_header
#include_next <ethdev_driver.h>
#include <rte_version.h>

/*
 * The driver has the newest form of each operation. If an older DPDK has another form, this header
 * renames the driver's function, and gives its plain name, which the ops table uses, to a function
 * of the older form that calls the driver's. A function-like macro does the renaming: the compiler
 * expands it in "shmbus_x(a, b)", the definition, and not in ".x = shmbus_x".
 */

#if RTE_VERSION < RTE_VERSION_NUM(25, 11, 0, 0)
/* 25.11: queue counters moved from struct rte_eth_stats to a structure of the driver's interface */
#include <string.h>

struct eth_queue_stats {
	uint64_t q_ipackets[RTE_ETHDEV_QUEUE_STAT_CNTRS];
	uint64_t q_opackets[RTE_ETHDEV_QUEUE_STAT_CNTRS];
	uint64_t q_ibytes[RTE_ETHDEV_QUEUE_STAT_CNTRS];
	uint64_t q_obytes[RTE_ETHDEV_QUEUE_STAT_CNTRS];
	uint64_t q_errors[RTE_ETHDEV_QUEUE_STAT_CNTRS];
};

int shmbus_stats_get_compat(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
	struct eth_queue_stats *qstats);

static inline int
shmbus_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats)
{
	struct eth_queue_stats qstats;
	int ret;

	memset(&qstats, 0, sizeof(qstats));
	ret = shmbus_stats_get_compat(dev, stats, &qstats);
	memcpy(stats->q_ipackets, qstats.q_ipackets, sizeof(stats->q_ipackets));
	memcpy(stats->q_opackets, qstats.q_opackets, sizeof(stats->q_opackets));
	memcpy(stats->q_ibytes, qstats.q_ibytes, sizeof(stats->q_ibytes));
	memcpy(stats->q_obytes, qstats.q_obytes, sizeof(stats->q_obytes));
	memcpy(stats->q_errors, qstats.q_errors, sizeof(stats->q_errors));
	return ret;
}

#define shmbus_stats_get(dev, stats, qstats) shmbus_stats_get_compat(dev, stats, qstats)

/* 25.11: the number is signed and may be an error */
int shmbus_rx_queue_count_compat(void *rx_queue);

static inline uint32_t
shmbus_rx_queue_count(void *rx_queue)
{
	return (uint32_t)shmbus_rx_queue_count_compat(rx_queue);
}

#define shmbus_rx_queue_count(rx_queue) shmbus_rx_queue_count_compat(rx_queue)
#endif /* < 25.11 */

#if RTE_VERSION < RTE_VERSION_NUM(24, 3, 0, 0)
/* 24.03: the number of packet types is returned; before, RTE_PTYPE_UNKNOWN ended the list */
const uint32_t *shmbus_supported_ptypes_get_compat(struct rte_eth_dev *dev,
	size_t *no_of_elements);

static inline const uint32_t *
shmbus_supported_ptypes_get(struct rte_eth_dev *dev)
{
	/* filled with the same values every time, so readers never see a change */
	static uint32_t list[64];
	const uint32_t *ptypes;
	size_t i, n = 0;

	ptypes = shmbus_supported_ptypes_get_compat(dev, &n);
	if (ptypes == NULL)
		return NULL;
	for (i = 0; i < n && i < RTE_DIM(list) - 1; i++)
		list[i] = ptypes[i];
	list[i] = RTE_PTYPE_UNKNOWN;
	return list;
}

#define shmbus_supported_ptypes_get(dev, n) shmbus_supported_ptypes_get_compat(dev, n)
#endif /* < 24.03 */

/* 23.03 */
#ifndef RTE_ETH_SPEED_NUM_400G
#define RTE_ETH_LINK_SPEED_400G RTE_BIT32(16)
#define RTE_ETH_SPEED_NUM_400G 400000
#endif

#endif /* SHMBUS_COMPAT_ETHDEV_DRIVER_H */
