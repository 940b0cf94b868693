/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Commands of the telemetry socket about ports and their buses. They run in a thread
 * of EAL while ports may come and go, so they hold shmbus_mp_lock_ports().
 */

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <rte_string_fns.h>
#include <rte_telemetry.h>

#include "base/lanes/shmbus_geometry.h"
#include "shmbus_mp.h"
#include "shmbus_ops.h"
#include "shmbus_printable.h"

/*
 * The most slots or lanes in one answer, which has at most 16 KiB. A second parameter of
 * the command names the first slot or lane.
 */
#define ANSWER_MAX 48

/* Characters that JSON would have to escape, in text of other processes. */
#define JSON_ESCAPES "\"\\"

/* What was wrong with the parameters of a command. */
struct complaint {
	char text[RTE_TEL_MAX_STRING_LEN];
};

static const struct rte_eth_dev *
refuse(struct complaint *why, const char *reason, const char *params)
{
	snprintf(why->text, sizeof(why->text), "%s%s", reason, params); /* possibly cut */
	shmbus_printable(why->text, JSON_ESCAPES);
	return NULL;
}

/*
 * Parses "PORT" or "PORT,FIRST". Returns NULL, and the reason in why, if the port is not one of
 * this driver's. The caller holds shmbus_mp_lock_ports().
 */
static const struct rte_eth_dev *
find_port(const char *params, uint32_t *first, struct complaint *why)
{
	const struct rte_eth_dev *dev;
	unsigned long id;
	char *end;

	*first = 0;
	if (params == NULL || params[0] == '\0')
		return refuse(why, "expected PORT or PORT,FIRST behind the command", "");
	id = isdigit((unsigned char)params[0]) ? strtoul(params, &end, 10) : ULONG_MAX;
	if (id != ULONG_MAX && *end == ',' && isdigit((unsigned char)end[1]))
		*first = (uint32_t)strtoul(end + 1, &end, 10);
	if (id == ULONG_MAX || *end != '\0')
		return refuse(why, "expected PORT or PORT,FIRST, two numbers, not ", params);
	if (id >= RTE_MAX_ETHPORTS || !rte_eth_dev_is_valid_port((uint16_t)id))
		return refuse(why, "no such port: ", params);
	dev = &rte_eth_devices[id];
	if (!shmbus_is_our_port(dev))
		return refuse(why, "not a port of net_shmbus: ", params);
	if (dev->process_private == NULL)
		return refuse(why, "this process does not use the port: ", params);
	return dev;
}

static void
add_mac(struct rte_tel_data *d, const struct rte_ether_addr *mac)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(text, sizeof(text), mac);
	rte_tel_data_add_dict_string(d, "mac", text);
}

/* Adds a dictionary to a dictionary. Returns NULL without memory. */
static struct rte_tel_data *
add_dict(struct rte_tel_data *d, const char *name, uint32_t number)
{
	struct rte_tel_data *inner;
	char key[32];

	inner = rte_tel_data_alloc();
	if (inner == NULL)
		return NULL;
	snprintf(key, sizeof(key), "%s%u", name, number);
	rte_tel_data_start_dict(inner);
	if (rte_tel_data_add_dict_container(d, key, inner, 0) == 0)
		return inner;
	rte_tel_data_free(inner);
	return NULL;
}

static void
add_info(const struct rte_eth_dev *dev, uint32_t first, struct rte_tel_data *d)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_wire *wire = shmbus_wire(dev);
	char path[RTE_TEL_MAX_STRING_LEN];

	RTE_SET_USED(first);
	rte_strscpy(path, priv->args.path, sizeof(path)); /* possibly cut */
	shmbus_printable(path, JSON_ESCAPES);
	rte_tel_data_add_dict_string(d, "name", dev->data->name);
	rte_tel_data_add_dict_string(d, "path", path);
	rte_tel_data_add_dict_string(d, "format", shmbus_ops(dev)->name);
	rte_tel_data_add_dict_uint(d, "version", shmbus_wire_version(wire));
	add_mac(d, &priv->macs[0]);
	if (priv->format == SHMBUS_WIRE_LANES && priv->slot != SHMBUS_NO_SLOT)
		rte_tel_data_add_dict_uint(d, "slot", priv->slot);
	rte_tel_data_add_dict_string(d, "readonly", priv->args.readonly ? "yes" : "no");
	rte_tel_data_add_dict_string(d, "mirror", priv->args.mirror ? "yes" : "no");
	rte_tel_data_add_dict_string(d, "started", dev->data->dev_started ? "yes" : "no");
	rte_tel_data_add_dict_string(d, "link_set_down", priv->link.set_down ? "yes" : "no");
	rte_tel_data_add_dict_uint(d, "rx_queues", dev->data->nb_rx_queues);
	rte_tel_data_add_dict_uint(d, "tx_queues", dev->data->nb_tx_queues);
	rte_tel_data_add_dict_uint(d, "mtu", dev->data->mtu);
	rte_tel_data_add_dict_uint(d, "max_frame", priv->max_frame);
}

static void
add_peers(const struct rte_eth_dev *dev, uint32_t first, struct rte_tel_data *d)
{
	const struct shmbus_priv *priv = shmbus_priv(dev);
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_bus *bus = &wire->lanes;
	struct shmbus_peer peer;
	struct rte_ether_addr mac;
	struct rte_tel_data *p;
	uint32_t slot, n = 0;
	bool self;

	rte_tel_data_add_dict_uint(d, "count", shmbus_wire_count_peers(wire));
	/* A shmif bus has no list of its ports. */
	if (priv->format != SHMBUS_WIRE_LANES || !shmbus_wire_is_open(wire))
		return;
	for (slot = first; slot < bus->geo.ports && n < ANSWER_MAX; slot++) {
		if (!shmbus_port_peer(bus, slot, &peer))
			continue;
		p = add_dict(d, "slot", slot);
		if (p == NULL)
			return;
		n++;
		self = slot == priv->slot;
		shmbus_printable(peer.name, JSON_ESCAPES);
		memcpy(&mac, peer.mac, sizeof(mac));
		rte_tel_data_add_dict_string(p, "name", peer.name);
		add_mac(p, &mac);
		rte_tel_data_add_dict_uint(p, "pid", peer.pid);
		rte_tel_data_add_dict_string(p, "self", self ? "yes" : "no");
		rte_tel_data_add_dict_string(p, "alive",
			self || shmbus_port_alive(bus, slot) ? "yes" : "no");
		rte_tel_data_add_dict_string(p, "link",
			peer.state & SHMBUS_PORT_LINK_UP ? "up" : "down");
		rte_tel_data_add_dict_uint(p, "tx_queues", peer.n_txq);
		rte_tel_data_add_dict_uint(p, "rx_queues", peer.n_rxq);
	}
}

static void
add_lanes(const struct shmbus_bus *bus, uint32_t first, struct rte_tel_data *d)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_lane_entry *entry;
	struct shmbus_peer peer;
	struct rte_tel_data *p;
	uint32_t lane, n = 0;
	uint64_t tail, head;
	bool owned;

	rte_tel_data_add_dict_uint(d, "ports", geo->ports);
	rte_tel_data_add_dict_uint(d, "queues", geo->queues);
	rte_tel_data_add_dict_uint(d, "lane_size", geo->lane_size);
	rte_tel_data_add_dict_string(d, "deliver",
				     shmbus_deliver_word(shmbus_geometry_deliver(geo)));
	rte_tel_data_add_dict_uint(d, "file_size", geo->file_size);
	for (lane = first; lane < geo->lanes && n < ANSWER_MAX; lane++) {
		entry = shmbus_bus_lane(bus, lane);
		tail = shmbus_load(&entry->tail);
		head = shmbus_load(&entry->head);
		owned = shmbus_port_peer(bus, lane / geo->queues, &peer) &&
			lane % geo->queues < peer.n_txq;
		if (!owned && tail == 0)
			continue; /* never used */
		p = add_dict(d, "lane", lane);
		if (p == NULL)
			return;
		n++;
		rte_tel_data_add_dict_uint(p, "slot", lane / geo->queues);
		rte_tel_data_add_dict_uint(p, "queue", lane % geo->queues);
		rte_tel_data_add_dict_string(p, "owned", owned ? "yes" : "no");
		rte_tel_data_add_dict_uint(p, "tail", tail);
		rte_tel_data_add_dict_uint(p, "head", head);
		rte_tel_data_add_dict_uint(p, "bytes", shmbus_load(&entry->bytes));
		rte_tel_data_add_dict_uint(p, "pauses", shmbus_load(&entry->pauses));
	}
}

static void
add_ring(const struct shmbus_shmif *bus, struct rte_tel_data *d)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	rte_tel_data_add_dict_uint(d, "file_size", SHMBUS_SHMIF_SIZE);
	rte_tel_data_add_dict_uint(d, "generation", shmbus_load(&h->gen));
	rte_tel_data_add_dict_uint(d, "first", shmbus_load(&h->first));
	rte_tel_data_add_dict_uint(d, "last", shmbus_load(&h->last));
	rte_tel_data_add_dict_uint(d, "lock", shmbus_load(&h->lock));
}

static void
add_bus(const struct rte_eth_dev *dev, uint32_t first, struct rte_tel_data *d)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const int fd = shmbus_wire_file(wire)->fd;
	struct stat st;

	if (fd < 0) /* the port is on no bus */
		return;
	if (fstat(fd, &st) == 0)
		rte_tel_data_add_dict_uint(d, "memory", (uint64_t)st.st_blocks * 512);
	if (shmbus_priv(dev)->format == SHMBUS_WIRE_LANES)
		add_lanes(&wire->lanes, first, d);
	else
		add_ring(&wire->shmif, d);
}

static const struct command {
	const char *name;
	void (*add)(const struct rte_eth_dev *dev, uint32_t first, struct rte_tel_data *d);
	const char *help;
} commands[] = {
	{ "/net_shmbus/info", add_info, "A net_shmbus port. Parameters: port" },
	{ "/net_shmbus/peers", add_peers,
	  "Ports on the bus of a net_shmbus port. Parameters: port[,first slot]" },
	{ "/net_shmbus/bus", add_bus,
	  "The bus of a net_shmbus port. Parameters: port[,first lane]" },
};

static int
answer(const char *name, const char *params, struct rte_tel_data *d)
{
	const struct command *command = commands;
	const struct rte_eth_dev *dev;
	struct complaint why;
	uint32_t first;

	while (strcmp(command->name, name) != 0) /* name is one of the registered commands */
		command++;
	shmbus_mp_lock_ports();
	dev = find_port(params, &first, &why);
	rte_tel_data_start_dict(d);
	/* An error number would become a bare null. */
	if (dev == NULL)
		rte_tel_data_add_dict_string(d, "error", why.text);
	else
		command->add(dev, first, d);
	shmbus_mp_unlock_ports();
	return 0;
}

RTE_INIT(shmbus_telemetry_init)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(commands); i++)
		rte_telemetry_register_cmd(commands[i].name, answer, commands[i].help);
}
