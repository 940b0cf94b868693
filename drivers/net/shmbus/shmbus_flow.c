/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Flow rules: rte_flow's operations. */

#include <rte_malloc.h>

#include "shmbus_flow.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"

bool
shmbus_flow_chooses(const struct rte_flow *flow)
{
	return flow->fate == SHMBUS_FLOW_QUEUE || flow->fate == SHMBUS_FLOW_RSS;
}

void
shmbus_flow_put(struct rte_flow *flow)
{
	if (--flow->refs == 0)
		rte_free(flow);
}

static int
refuse(struct rte_flow_error *error, int ret)
{
	const char *text = "out of memory";

	if (ret == -EBUSY)
		text = "an Rx queue is in a burst that does not end; try again";
	if (ret == -ENOENT)
		text = "no such rule";
	return rte_flow_error_set(error, -ret, RTE_FLOW_ERROR_TYPE_HANDLE, NULL, text);
}

/* Makes a rule that is in no table yet. Returns NULL, and the reason in error. */
static struct rte_flow *
make_flow(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	  const struct rte_flow_item *items, const struct rte_flow_action *actions,
	  struct rte_flow_error *error)
{
	const uint16_t n_counts = (uint16_t)shmbus_wire_max_queues(shmbus_wire(dev));
	struct rte_flow *flow;

	flow = rte_zmalloc("shmbus_flow", sizeof(*flow) + n_counts * sizeof(flow->counts[0]),
			   RTE_CACHE_LINE_SIZE);
	if (flow == NULL) {
		refuse(error, -ENOMEM);
		return NULL;
	}
	flow->refs = 1;
	flow->n_counts = n_counts;
	if (shmbus_flow_parse(dev, attr, items, actions, flow, error) != 0)
		goto err_free;
	if (shmbus_flow_chooses(flow) && !shmbus_steer_may_choose(dev)) {
		rte_flow_error_set(error, EBUSY, RTE_FLOW_ERROR_TYPE_ACTION, NULL,
				   "a started port takes rules that choose queues only if mq_mode is RSS "
				   "or such a rule was there at its start; stop the port first");
		goto err_free;
	}
	return flow;

err_free:
	rte_free(flow);
	return NULL;
}

static int
flow_validate(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	      const struct rte_flow_item items[], const struct rte_flow_action actions[],
	      struct rte_flow_error *error)
{
	struct rte_flow *flow = make_flow(dev, attr, items, actions, error);

	if (flow == NULL)
		return -rte_errno;
	rte_free(flow);
	return 0;
}

static struct rte_flow *
flow_create(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	    const struct rte_flow_item items[], const struct rte_flow_action actions[],
	    struct rte_flow_error *error)
{
	struct rte_flow *flow = make_flow(dev, attr, items, actions, error);
	int ret;

	if (flow == NULL)
		return NULL;
	ret = shmbus_steer_add(dev, flow);
	if (ret != 0) {
		rte_free(flow);
		refuse(error, ret);
		return NULL;
	}
	return flow;
}

static int
flow_destroy(struct rte_eth_dev *dev, struct rte_flow *flow, struct rte_flow_error *error)
{
	/* To shmbus_steer_remove() NULL means all rules. */
	const int ret = flow != NULL ? shmbus_steer_remove(dev, flow) : -ENOENT;

	return ret != 0 ? refuse(error, ret) : 0;
}

static int
flow_flush(struct rte_eth_dev *dev, struct rte_flow_error *error)
{
	const int ret = shmbus_steer_remove(dev, NULL);

	return ret != 0 ? refuse(error, ret) : 0;
}

static int
query_count(struct rte_flow *flow, struct rte_flow_query_count *query)
{
	struct shmbus_flow_count sum = { .hits = 0 };
	uint16_t i;

	for (i = 0; i < flow->n_counts; i++) {
		sum.hits += flow->counts[i].hits;
		sum.bytes += flow->counts[i].bytes;
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
		if (action->type == RTE_FLOW_ACTION_TYPE_COUNT && flow->count)
			return query_count(flow, data);
		break;
	}
	return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, action,
				  "only a COUNT action, of a rule that has one, can be queried");
}

static int
flow_isolate(struct rte_eth_dev *dev, int set, struct rte_flow_error *error)
{
	const int ret = shmbus_steer_isolate(dev, set != 0);

	return ret != 0 ? refuse(error, ret) : 0;
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
