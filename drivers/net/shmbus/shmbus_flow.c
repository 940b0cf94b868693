/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Flow rules: rte_flow's operations. */

#include <rte_malloc.h>

#include "shmbus_flow.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"

/* Returns ret, and writes the reason into error if ret is not 0. */
static int
report(struct rte_flow_error *error, int ret)
{
	const char *text = "out of memory";

	if (ret == 0)
		return 0;
	if (ret == -EBUSY)
		text = "an Rx queue is in a burst that does not end; try again";
	if (ret == -ENOENT)
		text = "no such rule";
	if (ret == -ENOSPC)
		text = "a port has at most " RTE_STR(SHMBUS_RULES_MAX) " rules; destroy others first";
	return rte_flow_error_set(error, -ret, RTE_FLOW_ERROR_TYPE_HANDLE, NULL, text);
}

/* Returns a rule of no set yet, or NULL. */
static struct rte_flow *
make_flow(const struct rte_eth_dev *dev, const struct shmbus_flow_request *request,
	  const struct shmbus_pattern_form *form, const struct shmbus_pattern_key *key)
{
	const bool has_rss = request->action.fate == SHMBUS_FLOW_RSS;
	const uint16_t n_counts = request->action.count ?
				  (uint16_t)shmbus_wire_max_queues(shmbus_wire(dev)) : 0;
	const size_t key_len = form->n_words * sizeof(key->words[0]);
	struct rte_flow *flow;
	size_t len, counts_off, rss_off;

	len = sizeof(*flow) + key_len;
	counts_off = RTE_ALIGN_CEIL(len, sizeof(flow->counts[0]));
	if (n_counts != 0)
		len = counts_off + n_counts * sizeof(flow->counts[0]);
	rss_off = RTE_ALIGN_CEIL(len, sizeof(uint64_t));
	if (has_rss)
		len = rss_off + sizeof(*flow->rss);
	flow = rte_zmalloc("shmbus_flow", len, RTE_CACHE_LINE_SIZE);
	if (flow == NULL)
		return NULL;
	flow->by_form.priority = flow->by_key.priority = request->priority;
	flow->action = request->action;
	memcpy(flow->key, key->words, key_len);
	flow->n_counts = n_counts;
	if (n_counts != 0)
		flow->counts = RTE_PTR_ADD(flow, counts_off);
	if (has_rss) {
		flow->rss = RTE_PTR_ADD(flow, rss_off);
		*flow->rss = request->rss;
	}
	return flow;
}

/* Parses a rule, and refuses one that the port cannot add now. */
static int
parse(struct rte_eth_dev *dev, const struct rte_flow_attr *attr, const struct rte_flow_item *items,
      const struct rte_flow_action *actions, struct shmbus_flow_request *request,
      struct rte_flow_error *error)
{
	const int ret = shmbus_flow_parse(dev, attr, items, actions, request, error);

	if (ret != 0)
		return ret;
	if (shmbus_steer_is_full(dev))
		return report(error, -ENOSPC);
	return 0;
}

static int
flow_validate(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	      const struct rte_flow_item items[], const struct rte_flow_action actions[],
	      struct rte_flow_error *error)
{
	struct shmbus_flow_request request = { .priority = 0 };

	return parse(dev, attr, items, actions, &request, error);
}

static struct rte_flow *
flow_create(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	    const struct rte_flow_item items[], const struct rte_flow_action actions[],
	    struct rte_flow_error *error)
{
	struct shmbus_flow_request request = { .priority = 0 };
	struct shmbus_pattern_form form;
	struct shmbus_pattern_key key;
	struct rte_flow *flow;
	int ret;

	if (parse(dev, attr, items, actions, &request, error) != 0)
		return NULL;
	shmbus_pattern_divide(&request.pattern, &form, &key);
	flow = make_flow(dev, &request, &form, &key);
	ret = flow != NULL ? shmbus_steer_add(dev, flow, &form) : -ENOMEM;
	if (ret == 0)
		return flow;
	rte_free(flow);
	report(error, ret);
	return NULL;
}

static int
flow_destroy(struct rte_eth_dev *dev, struct rte_flow *flow, struct rte_flow_error *error)
{
	/* To shmbus_steer_remove() NULL means all rules. */
	return report(error, flow != NULL ? shmbus_steer_remove(dev, flow) : -ENOENT);
}

static int
flow_flush(struct rte_eth_dev *dev, struct rte_flow_error *error)
{
	return report(error, shmbus_steer_remove(dev, NULL));
}

static int
query_count(struct rte_flow *flow, struct rte_flow_query_count *query)
{
	struct shmbus_flow_hits sum = { .hits = 0 };
	uint16_t i;

	for (i = 0; i < flow->n_counts; i++) {
		sum.hits += flow->counts[i].sum.hits;
		sum.bytes += flow->counts[i].sum.bytes;
	}
	query->hits = sum.hits - flow->reset_at.hits;
	query->bytes = sum.bytes - flow->reset_at.bytes;
	query->hits_set = 1;
	query->bytes_set = 1;
	if (query->reset)
		flow->reset_at = sum;
	return 0;
}

static int
flow_query(struct rte_eth_dev *dev, struct rte_flow *flow, const struct rte_flow_action *action,
	   void *data, struct rte_flow_error *error)
{
	RTE_SET_USED(dev);
	for (; action->type != RTE_FLOW_ACTION_TYPE_END; action++) {
		if (action->type == RTE_FLOW_ACTION_TYPE_VOID)
			continue;
		if (action->type == RTE_FLOW_ACTION_TYPE_COUNT && flow->action.count)
			return query_count(flow, data);
		break;
	}
	return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, action,
				  "only the COUNT action of a rule that has one can be queried");
}

static int
flow_isolate(struct rte_eth_dev *dev, int set, struct rte_flow_error *error)
{
	return report(error, shmbus_steer_isolate(dev, set != 0));
}

static const struct rte_flow_ops flow_ops = {
	.validate = flow_validate,
	.create = flow_create,
	.destroy = flow_destroy,
	.flush = flow_flush,
	.query = flow_query,
	.isolate = flow_isolate,
};

int
shmbus_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops)
{
	RTE_SET_USED(dev);
	/* Positive: rte_flow stores it in rte_errno and negates it for the caller. */
	if (!shmbus_is_primary())
		return -SHMBUS_REFUSED;
	*ops = &flow_ops;
	return 0;
}
