/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STEER_TABLE_H
#define SHMBUS_STEER_TABLE_H

/* All that decides. Once it is published it never changes but for older; see shmbus_steer.h. */

#include "shmbus_steer.h"

struct shmbus_steer_table {
	struct shmbus_steer_table *older;
	bool rss;
	bool spread;
	bool isolated;
	bool counts; /* some rule counts */
	uint16_t n_queues;
	uint32_t lane_queues; /* lanes of one sender */
	uint32_t n_lanes;
	uint32_t n_flows;
	struct shmbus_toeplitz toeplitz;
	uint16_t reta[SHMBUS_RSS_RETA];
	struct rte_flow **flows; /* behind from */
	uint64_t from[]; /* the position in each lane at which it begins to be in force */
};

#endif /* SHMBUS_STEER_TABLE_H */
