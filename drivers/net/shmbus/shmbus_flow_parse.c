/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Flow rules: parses a rule of the application, or refuses it with a reason. */

#include <rte_ether.h>
#include <rte_flow.h>
#include <rte_ip.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "shmbus_flow.h"
#include "shmbus_headers.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"

/* The items. parse_extra() parses the fields of an item behind the hdr_len bytes of its header. */
static const struct item_info {
	enum rte_flow_item_type type;
	enum shmbus_pattern_layer layer;
	uint8_t hdr_len;
	size_t size;
	const void *default_mask;
	uint32_t l3;
	uint32_t l4;
} item_table[] = {
#define ITEM(NAME, name, hdr, layer, l3, l4) \
	{ RTE_FLOW_ITEM_TYPE_##NAME, layer, sizeof(struct hdr), \
	  sizeof(struct rte_flow_item_##name), &rte_flow_item_##name##_mask, l3, l4 }
	ITEM(ETH, eth, rte_ether_hdr, SHMBUS_PATTERN_ETH, 0, 0),
	ITEM(VLAN, vlan, rte_vlan_hdr, SHMBUS_PATTERN_VLAN, 0, 0),
	ITEM(IPV4, ipv4, rte_ipv4_hdr, SHMBUS_PATTERN_L3, RTE_PTYPE_L3_IPV4, 0),
	ITEM(IPV6, ipv6, rte_ipv6_hdr, SHMBUS_PATTERN_L3, RTE_PTYPE_L3_IPV6, 0),
	ITEM(TCP, tcp, rte_tcp_hdr, SHMBUS_PATTERN_L4, 0, RTE_PTYPE_L4_TCP),
	ITEM(UDP, udp, rte_udp_hdr, SHMBUS_PATTERN_L4, 0, RTE_PTYPE_L4_UDP),
	ITEM(SCTP, sctp, rte_sctp_hdr, SHMBUS_PATTERN_L4, 0, RTE_PTYPE_L4_SCTP),
#undef ITEM
};

static int
refuse_item(struct rte_flow_error *error, const struct rte_flow_item *item, const char *text)
{
	return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, item, text);
}

static int
refuse_action(struct rte_flow_error *error, int code, const struct rte_flow_action *action,
	      const char *text)
{
	return rte_flow_error_set(error, code, RTE_FLOW_ERROR_TYPE_ACTION, action, text);
}

static const struct item_info *
find_item(enum rte_flow_item_type type)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(item_table); i++)
		if (item_table[i].type == type)
			return &item_table[i];
	return NULL;
}

/* Sets bytes and mask of a header. Fields with two names in an older DPDK are the same bytes. */
static void
set_part(struct shmbus_pattern_part *part, const uint8_t *spec, const uint8_t *mask, uint8_t len)
{
	uint8_t i;

	for (i = 0; i < len; i++) {
		part->mask[i] = mask[i];
		part->value[i] = spec[i] & mask[i];
		if (mask[i] != 0)
			part->len = i + 1;
	}
}

/* Requires, or excludes, tags behind the first n. Returns false if that would be too many tags. */
static bool
set_more_vlans(struct shmbus_pattern *pattern, uint8_t n, bool more)
{
	if (more)
		pattern->min_vlan = n + 1;
	else
		pattern->max_vlan = n;
	return pattern->min_vlan <= SHMBUS_VLANS;
}

static int
parse_extra(struct shmbus_pattern *pattern, const struct rte_flow_item *item, const void *spec,
	    const void *mask, uint8_t n_vlan, struct rte_flow_error *error)
{
	const struct rte_flow_item_vlan *vlan_spec = spec, *vlan_mask = mask;
	const struct rte_flow_item_eth *eth_spec = spec, *eth_mask = mask;
	const struct rte_flow_item_ipv6 *ip6_mask = mask;

	switch (item->type) {
	case RTE_FLOW_ITEM_TYPE_ETH:
		if (eth_mask->has_vlan)
			set_more_vlans(pattern, 0, eth_spec->has_vlan);
		return 0;
	case RTE_FLOW_ITEM_TYPE_VLAN:
		if (vlan_mask->has_more_vlan &&
		    !set_more_vlans(pattern, n_vlan, vlan_spec->has_more_vlan))
			return refuse_item(error, item, "at most two VLAN tags are supported");
		return 0;
	case RTE_FLOW_ITEM_TYPE_IPV6:
		if (ip6_mask->has_hop_ext || ip6_mask->has_route_ext || ip6_mask->has_frag_ext ||
		    ip6_mask->has_auth_ext || ip6_mask->has_esp_ext || ip6_mask->has_dest_ext ||
		    ip6_mask->has_mobil_ext || ip6_mask->has_hip_ext || ip6_mask->has_shim6_ext)
			return refuse_item(error, item,
					   "IPv6 extension headers are not supported");
		return 0;
	default:
		return 0;
	}
}

static bool
is_range(const struct rte_flow_item *item, const struct item_info *info)
{
	static const uint8_t zero[64];

	return item->last != NULL && memcmp(item->last, item->spec, info->size) != 0 &&
	       memcmp(item->last, zero, info->size) != 0;
}

static int
parse_item(struct shmbus_pattern *pattern, const struct rte_flow_item *item, int *layer,
	   uint8_t *n_vlan, struct rte_flow_error *error)
{
	const struct item_info *info = find_item(item->type);
	const void *mask;
	int now;

	if (info == NULL)
		return refuse_item(error, item,
				   "only ETH, VLAN, IPV4, IPV6, TCP, UDP, SCTP, VOID are supported");
	now = (int)info->layer;
	if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
		now += *n_vlan;
		if (*n_vlan == SHMBUS_VLANS)
			return refuse_item(error, item, "at most two VLAN tags are supported");
		(*n_vlan)++;
		pattern->min_vlan = RTE_MAX(pattern->min_vlan, *n_vlan);
	}
	if (now <= *layer)
		return refuse_item(error, item, "items must follow each other as headers do");
	*layer = now;
	pattern->l3 |= info->l3;
	pattern->l4 |= info->l4;
	if (item->spec == NULL) {
		if (item->mask != NULL || item->last != NULL)
			return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_SPEC,
						  item, "mask and last need a spec");
		return 0;
	}
	if (is_range(item, info))
		return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_LAST, item,
					  "ranges are not supported");
	mask = item->mask != NULL ? item->mask : info->default_mask;
	set_part(&pattern->parts[now], item->spec, mask, info->hdr_len);
	return parse_extra(pattern, item, item->spec, mask, *n_vlan, error);
}

static int
parse_items(struct shmbus_pattern *pattern, const struct rte_flow_item *items,
	    struct rte_flow_error *error)
{
	int layer = -1;
	uint8_t n_vlan = 0;
	int ret;

	pattern->max_vlan = SHMBUS_VLANS;
	for (; items->type != RTE_FLOW_ITEM_TYPE_END; items++) {
		if (items->type == RTE_FLOW_ITEM_TYPE_VOID)
			continue;
		ret = parse_item(pattern, items, &layer, &n_vlan, error);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static int
parse_rss(const struct rte_eth_dev *dev, const struct rte_flow_action *action,
	  struct shmbus_flow_request *request, struct rte_flow_error *error)
{
	const struct shmbus_toeplitz *of_port = &shmbus_priv(dev)->rss.toeplitz;
	const struct rte_flow_action_rss *rss = action->conf;
	uint64_t types;
	uint32_t i;

	if (rss->func != RTE_ETH_HASH_FUNCTION_DEFAULT &&
	    rss->func != RTE_ETH_HASH_FUNCTION_TOEPLITZ)
		return refuse_action(error, ENOTSUP, action,
				     "RSS: only Toeplitz's function is supported");
	if (rss->level > 1)
		return refuse_action(error, ENOTSUP, action, "RSS: inner levels are not supported");
	if (rss->types & ~SHMBUS_RSS_TYPES)
		return refuse_action(error, ENOTSUP, action,
				     "RSS: a type is not in flow_type_rss_offloads");
	if (rss->key_len != 0 && (rss->key_len != SHMBUS_RSS_KEY || rss->key == NULL))
		return refuse_action(error, EINVAL, action, "RSS: a key must have 40 bytes");
	if (rss->queue_num > SHMBUS_FLOW_QUEUES)
		return refuse_action(error, ENOTSUP, action,
				     "RSS: at most 128 queues, or none for the port's own table");
	if (rss->queue_num != 0 && rss->queue == NULL)
		return refuse_action(error, EINVAL, action, "RSS: the list of queues is missing");
	for (i = 0; i < rss->queue_num; i++) {
		if (rss->queue[i] >= dev->data->nb_rx_queues)
			return refuse_action(error, EINVAL, action,
					     "RSS: the port does not have one of the queues");
		request->rss.queues[i] = rss->queue[i];
	}
	request->rss.n_queues = (uint16_t)rss->queue_num;
	types = rss->types != 0 ? rss->types : of_port->types;
	shmbus_toeplitz_set(&request->rss.toeplitz, types != 0 ? types : SHMBUS_RSS_TYPES,
			    rss->key_len != 0 ? rss->key : of_port->key);
	return 0;
}

static int
parse_queue(const struct rte_eth_dev *dev, const struct rte_flow_action *action,
	    struct shmbus_flow_request *request, struct rte_flow_error *error)
{
	const struct rte_flow_action_queue *queue = action->conf;

	if (queue->index >= dev->data->nb_rx_queues)
		return refuse_action(error, EINVAL, action, "the port does not have this queue");
	request->action.queue = queue->index;
	return 0;
}

static int
parse_mark(const struct rte_eth_dev *dev, const struct rte_flow_action *action,
	   struct shmbus_flow_request *request, struct rte_flow_error *error)
{
	const struct rte_flow_action_mark *mark = action->conf;

	RTE_SET_USED(dev);
	RTE_SET_USED(error);
	request->action.mark = mark->id;
	return 0;
}

/* The actions. parse is called for an action that needs a conf. */
static const struct action_info {
	enum rte_flow_action_type type;
	enum shmbus_flow_fate fate; /* SHMBUS_FLOW_DEFAULT: none */
	uint8_t found;
	bool count;
	int (*parse)(const struct rte_eth_dev *dev, const struct rte_flow_action *action,
		     struct shmbus_flow_request *request, struct rte_flow_error *error);
} action_table[] = {
	{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .fate = SHMBUS_FLOW_QUEUE, .parse = parse_queue },
	{ .type = RTE_FLOW_ACTION_TYPE_RSS, .fate = SHMBUS_FLOW_RSS, .parse = parse_rss },
	{ .type = RTE_FLOW_ACTION_TYPE_DROP, .fate = SHMBUS_FLOW_DROP },
	{ .type = RTE_FLOW_ACTION_TYPE_PASSTHRU, .fate = SHMBUS_FLOW_PASSTHRU },
	{ .type = RTE_FLOW_ACTION_TYPE_MARK, .found = SHMBUS_FRAME_MARK, .parse = parse_mark },
	{ .type = RTE_FLOW_ACTION_TYPE_FLAG, .found = SHMBUS_FRAME_FLAG },
	{ .type = RTE_FLOW_ACTION_TYPE_COUNT, .count = true },
};

static int
parse_action(const struct rte_eth_dev *dev, const struct rte_flow_action *action,
	     struct shmbus_flow_request *request, struct rte_flow_error *error)
{
	const struct action_info *info = action_table;

	while (info->type != action->type)
		if (++info == &action_table[RTE_DIM(action_table)])
			return refuse_action(error, ENOTSUP, action, "only QUEUE, RSS, DROP, "
					     "PASSTHRU, MARK, FLAG, COUNT, VOID are supported");
	if (info->fate != SHMBUS_FLOW_DEFAULT && request->action.fate != SHMBUS_FLOW_DEFAULT)
		return refuse_action(error, EINVAL, action,
				     "a rule has only one of QUEUE, RSS, DROP, PASSTHRU");
	if (info->fate != SHMBUS_FLOW_DEFAULT)
		request->action.fate = info->fate;
	request->action.found |= info->found;
	request->action.count |= info->count;
	if (info->parse == NULL)
		return 0;
	if (action->conf == NULL)
		return refuse_action(error, EINVAL, action, "the action needs a conf");
	return info->parse(dev, action, request, error);
}

static int
parse_attr(const struct rte_flow_attr *attr, struct rte_flow_error *error)
{
	if (attr->group != 0)
		return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, attr,
					  "only group 0 is supported");
	if (attr->egress)
		return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, attr,
					  "only ingress is supported");
	if (attr->transfer)
		return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, attr,
					  "transfer is not supported");
	if (!attr->ingress)
		return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS, attr,
					  "only ingress is supported; set it");
	return 0;
}

int
shmbus_flow_parse(const struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
		  const struct rte_flow_item *items, const struct rte_flow_action *actions,
		  struct shmbus_flow_request *request, struct rte_flow_error *error)
{
	int ret;

	if (attr == NULL || items == NULL || actions == NULL)
		return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL,
					  "attr, pattern and actions are needed");
	ret = parse_attr(attr, error);
	if (ret != 0)
		return ret;
	request->priority = attr->priority;
	ret = parse_items(&request->pattern, items, error);
	for (; ret == 0 && actions->type != RTE_FLOW_ACTION_TYPE_END; actions++)
		if (actions->type != RTE_FLOW_ACTION_TYPE_VOID)
			ret = parse_action(dev, actions, request, error);
	return ret;
}
