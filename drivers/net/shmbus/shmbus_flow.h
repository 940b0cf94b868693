/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FLOW_H
#define SHMBUS_FLOW_H

/* Flow rules. A rule never changes after it was made; only its counters do. */

#include <rte_flow_driver.h>

#include "shmbus_toeplitz.h"

/* Entries of an RSS action's list of queues. */
#define SHMBUS_FLOW_QUEUES SHMBUS_RSS_RETA

/* Headers that a rule can match. */
enum shmbus_flow_layer {
	SHMBUS_FLOW_ETH,
	SHMBUS_FLOW_VLAN, /* two layers: the outer tag, and the inner one */
	SHMBUS_FLOW_L3 = SHMBUS_FLOW_VLAN + 2,
	SHMBUS_FLOW_L4,
	SHMBUS_FLOW_LAYERS,
};

/* Bytes of one header that must have a value. */
struct shmbus_flow_part {
	uint8_t len; /* 0: any */
	uint8_t mask[40];
	uint8_t value[40]; /* masked */
};

struct shmbus_flow_match {
	uint32_t l3; /* RTE_PTYPE_L3_IPV4 or _IPV6, 0: any */
	uint32_t l4; /* RTE_PTYPE_L4_, 0: any */
	uint8_t min_vlan;
	uint8_t max_vlan;
	struct shmbus_flow_part parts[SHMBUS_FLOW_LAYERS];
};

enum shmbus_flow_fate {
	SHMBUS_FLOW_DEFAULT, /* the queue is the same as without the rule */
	SHMBUS_FLOW_PASSTHRU,
	SHMBUS_FLOW_DROP,
	SHMBUS_FLOW_QUEUE,
	SHMBUS_FLOW_RSS,
};

/* Each queue writes its own entry. */
struct __rte_cache_aligned shmbus_flow_count {
	uint64_t hits;
	uint64_t bytes;
};

struct rte_flow {
	struct rte_flow *next;
	uint32_t refs; /* from the application, and from tables (shmbus_steer.h) */
	uint32_t priority;
	struct shmbus_flow_match match;

	enum shmbus_flow_fate fate;
	uint8_t found; /* SHMBUS_FRAME_MARK, _FLAG */
	bool count;
	uint32_t mark;
	uint16_t n_queues; /* 1, or the length of RSS's list; 0: the port's redirection table */
	uint16_t queues[SHMBUS_FLOW_QUEUES];
	struct shmbus_toeplitz toeplitz;

	struct shmbus_flow_count reset_at;
	uint16_t n_counts;
	struct shmbus_flow_count counts[]; /* one per queue that the port can have */
};

struct shmbus_headers;

/*
 * shmbus_flow_parse.c: writes the rule into flow, which is all zeros. Returns 0, or -errno
 * with the reason in error.
 */
int shmbus_flow_parse(const struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
		      const struct rte_flow_item *items, const struct rte_flow_action *actions,
		      struct rte_flow *flow, struct rte_flow_error *error);
/* shmbus_flow_match.c: returns whether the headers match. */
bool shmbus_flow_matches(const struct shmbus_flow_match *match, const struct shmbus_headers *h);

/* shmbus_flow.c */
int shmbus_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops);
/* Returns whether the rule chooses among queues. */
bool shmbus_flow_chooses(const struct rte_flow *flow);
/* Drops a reference; the last one frees the rule. */
void shmbus_flow_put(struct rte_flow *flow);

#endif /* SHMBUS_FLOW_H */
