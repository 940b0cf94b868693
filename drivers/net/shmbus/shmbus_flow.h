/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FLOW_H
#define SHMBUS_FLOW_H

/* Flow rules. A rule never changes after it was made; only its counters do. */

#include <rte_flow_driver.h>

#include "shmbus_order.h"
#include "shmbus_pattern.h"
#include "shmbus_toeplitz.h"

/* Entries of an RSS action's list of queues. */
#define SHMBUS_FLOW_QUEUES SHMBUS_RSS_RETA

enum shmbus_flow_fate {
	SHMBUS_FLOW_DEFAULT, /* the queue is the same as without the rule */
	SHMBUS_FLOW_PASSTHRU,
	SHMBUS_FLOW_DROP,
	SHMBUS_FLOW_QUEUE,
	SHMBUS_FLOW_RSS,
};

struct shmbus_flow_hits {
	uint64_t hits;
	uint64_t bytes;
};

/* Each queue writes its own entry. */
struct __rte_cache_aligned shmbus_flow_count {
	struct shmbus_flow_hits sum;
};

/* The RSS action. */
struct shmbus_flow_rss {
	struct shmbus_toeplitz toeplitz;
	uint16_t n_queues; /* the length of the list; 0: the port's redirection table */
	uint16_t queues[SHMBUS_FLOW_QUEUES];
};

/* The action of a rule, without the queues of RSS. */
struct shmbus_flow_action {
	enum shmbus_flow_fate fate;
	uint32_t mark;
	uint16_t queue;
	uint8_t found; /* SHMBUS_FRAME_MARK, _FLAG */
	bool count;
};

/* A rule as an application describes it. */
struct shmbus_flow_request {
	uint32_t priority;
	struct shmbus_flow_action action;
	struct shmbus_flow_rss rss;
	struct shmbus_pattern pattern;
};

struct shmbus_rules_group;

/* counts, rss and key lie in the rule's own memory. */
struct rte_flow {
	/* Written by the set of rules: shmbus_rules.h */
	struct shmbus_order by_form;
	struct shmbus_rules_group *group;
	uint32_t hash; /* of the key */

	uint16_t n_counts;
	struct shmbus_flow_count *counts; /* one per queue that the port can have; only with COUNT */
	struct shmbus_flow_hits reset_at;
	struct shmbus_flow_rss *rss;

	/* Searches read what follows. */
	struct shmbus_order by_key;
	struct shmbus_flow_action action;
	uint64_t key[]; /* as many words as the form of the pattern has */
};

struct shmbus_headers;

/*
 * shmbus_flow_parse.c: writes the rule into request, which is all zeros. Returns 0, or -errno
 * with the reason in error.
 */
int shmbus_flow_parse(const struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
		      const struct rte_flow_item *items, const struct rte_flow_action *actions,
		      struct shmbus_flow_request *request, struct rte_flow_error *error);

/* shmbus_flow.c */
int shmbus_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops);
/* Returns whether the rule chooses among queues. */
static inline bool
shmbus_flow_chooses(const struct shmbus_flow_action *action)
{
	return action->fate == SHMBUS_FLOW_QUEUE || action->fate == SHMBUS_FLOW_RSS;
}

#endif /* SHMBUS_FLOW_H */
