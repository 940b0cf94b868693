/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus tap: makes the host's kernel a station on the bus. */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/ethernet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmbus.h>

#include "bridge/join.h"
#include "cmd.h"
#include "device.h"
#include "link.h"
#include "options.h"
#include "say.h"
#include "side.h"

#define ADDRESSES_MAX 16
#define MTU_MIN 68 /* of IPv4 */
#define MTU_MIN_V6 1280u

/* Below 64 KB: the kernel does not count the headers of a TCP packet in its length. */
#define PACKET_LIMIT 65000

struct conf {
	const char *name;
	const char *netns;
	const char *bridge;
	uint32_t mtu; /* 0: the default */
	uint32_t format;
	uint32_t numa;
	uint32_t queues;
	uint8_t mac[6];
	bool mac_given;
	bool up;
	bool background;
	unsigned int n_addresses;
	struct tap_address addresses[ADDRESSES_MAX];
};

static int
take_address(const char *value, void *c)
{
	struct conf *conf = c;
	struct tap_address *a = &conf->addresses[conf->n_addresses];
	const char *slash = strchr(value, '/');
	char text[INET6_ADDRSTRLEN];
	uint32_t prefix;

	if (conf->n_addresses == ADDRESSES_MAX || slash == NULL ||
	    (size_t)(slash - value) >= sizeof(text))
		return -EINVAL;
	memcpy(text, value, (size_t)(slash - value));
	text[slash - value] = '\0';
	a->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(a->family, text, &a->v6) != 1 ||
	    options_u32(slash + 1, 0, a->family == AF_INET6 ? 128 : 32, &prefix) != 0)
		return -EINVAL;
	a->prefix = (uint8_t)prefix;
	a->text = value;
	conf->n_addresses++;
	conf->up = true;
	return 0;
}

static int
take_mac(const char *value, void *c)
{
	static const uint8_t none[6];
	struct conf *conf = c;
	uint8_t *m = conf->mac;
	int end = 0;

	/* sscanf would also take signs, blanks and 0x. */
	if (value[strspn(value, "0123456789abcdefABCDEF:")] != '\0' ||
	    sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1], &m[2], &m[3],
		   &m[4], &m[5], &end) != 6 || value[end] != '\0')
		return -EINVAL;
	if ((m[0] & 1) || memcmp(m, none, sizeof(none)) == 0)
		return -EINVAL;
	conf->mac_given = true;
	return 0;
}

static const struct option_entry options[] = {
	{ "name", 'n', "NAME", "the name of the device (default: tap0, tap1, ...)",
	  OPTION_TEXT(struct conf, name), .expects = "a name" },
	{ "netns", 'N', "NETNS", "network namespace of the device: a name, or a path",
	  OPTION_TEXT(struct conf, netns), .expects = "a name of ip-netns, or a path" },
	{ "address", 'a', "ADDR/LEN", "add an IPv4 or IPv6 address, and bring the device up; may be "
	  "repeated",
	  .take = take_address,
	  .expects = "an address with the length of its prefix, as 10.0.0.1/24 or fd00::1/64, "
	  "and 16 of them at most" },
	{ "mtu", 'm', "BYTES", "MTU of the device (default 1500, or what the bus takes)",
	  OPTION_U32(struct conf, mtu, MTU_MIN, UINT16_MAX),
	  .expects = "bytes from 68 to what the bus takes" },
	{ "mac", 'M', "MAC", "MAC address of the device (default: random)", .take = take_mac,
	  .expects = "a unicast address as 02:00:00:00:00:01" },
	{ "bridge", 'B', "NAME", "make the device a port of this bridge of the kernel, and bring it up",
	  OPTION_TEXT(struct conf, bridge), .expects = "the name of a bridge" },
	{ "up", 'u', NULL, "bring the device up", .flag = offsetof(struct conf, up) },
	{ "background", 'b', NULL, "go on in the background once the device is ready",
	  .flag = offsetof(struct conf, background) },
	{ "format", 'f', "FORMAT", "format of a new bus: lanes (default) or shmif",
	  OPTION_FORMAT(struct conf, format) },
	{ "queues", 'q', "N", "queues of the device and of the port, with a thread each (default 1)",
	  OPTION_U32(struct conf, queues, 1, TAP_DEVICE_QUEUES_MAX),
	  .expects = "a number from 1 to 64; a bus that is there has as many queues per port" },
	{ "numa", 0, "NODE", "lanes: NUMA node for the memory of the ring that tap writes",
	  OPTION_NUMA(struct conf, numa) },
	{ .name = NULL },
};

/*
 * Chooses the MTU. before: the MTU that the device has. Returns 0, or -EINVAL after
 * a message if the bus cannot carry frames of this length.
 */
static int
choose_mtu(const struct conf *conf, struct shmbus_station *st, uint32_t before, uint32_t *mtu)
{
	struct shmbus_self self;
	uint32_t max;

	shmbus_get_self(st, &self);
	max = self.frame_max - ETHER_HDR_LEN;
	*mtu = conf->mtu;
	if (conf->mtu == 0)
		*mtu = max < before ? max : before;
	if (*mtu <= max)
		return 0;
	say("mtu=%" PRIu32 ": the bus takes frames of %" PRIu32 " bytes, so %" PRIu32 " at most",
	    *mtu, self.frame_max, max);
	return -EINVAL;
}

/* Refuses an MTU that is too small for IPv6. The kernel's own error would be just "invalid". */
static int
check_addresses(const struct conf *conf, uint32_t mtu)
{
	unsigned int i;

	for (i = 0; i < conf->n_addresses; i++) {
		if (conf->addresses[i].family != AF_INET6 || mtu >= MTU_MIN_V6)
			continue;
		say("address=%s: IPv6 takes an MTU of %u at least; here it is %" PRIu32,
		    conf->addresses[i].text, MTU_MIN_V6, mtu);
		return -EINVAL;
	}
	return 0;
}

static bool
is_up(const struct conf *conf)
{
	return conf->up || conf->bridge != NULL;
}

/*
 * Configures the device. A property that has the right value already is not set
 * again: a device that an administrator has prepared then needs no privileges.
 */
static int
configure(const struct conf *conf, const char *name, struct shmbus_station *st, uint32_t *mtu)
{
	struct tap_link link;
	unsigned int i;
	int ret;

	ret = tap_link_open(&link, name);
	if (ret != 0)
		return ret;
	tap_link_limit_packets(&link, PACKET_LIMIT);
	ret = choose_mtu(conf, st, link.mtu, mtu);
	if (ret == 0)
		ret = check_addresses(conf, *mtu);
	if (ret == 0 && *mtu != link.mtu)
		ret = tap_link_set_mtu(&link, *mtu);
	if (ret == 0 && conf->mac_given)
		ret = tap_link_set_mac(&link, conf->mac);
	if (ret == 0 && conf->bridge != NULL)
		ret = tap_link_set_bridge(&link, conf->bridge);
	if (ret == 0 && is_up(conf))
		ret = tap_link_set_up(&link);
	for (i = 0; ret == 0 && i < conf->n_addresses; i++)
		ret = tap_link_add_address(&link, &conf->addresses[i]);
	tap_link_close(&link);
	return ret;
}

static bool
carries_offloads(struct shmbus_station *st)
{
	struct shmbus_info info;

	return shmbus_get_info(shmbus_station_bus(st), &info) == 0 &&
	       info.format == SHMBUS_FORMAT_LANES;
}

static void
print_ready(const struct conf *conf, const struct tap_device *dev, const uint8_t mac[6],
	    const char *path, uint32_t mtu)
{
	char queues[32] = "";

	if (dev->queues > 1)
		snprintf(queues, sizeof(queues), ", %u queues", dev->queues);
	printf("%s %s on %s, MAC %02x:%02x:%02x:%02x:%02x:%02x, MTU %" PRIu32 "%s%s\n", dev->name,
	       is_up(conf) ? "up" : "down", path, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mtu,
	       queues, is_up(conf) ? "" : "; it carries nothing while it is down (--address, --bridge, --up)");
}

static void
free_sides(struct tap_side *sides, unsigned int n)
{
	while (n != 0)
		tap_side_fini(&sides[--n]);
	free(sides);
}

/* Makes a side of each queue. NULL: out of memory, after a message. */
static struct tap_side *
make_sides(const struct tap_device *dev, struct shmbus_station *st)
{
	struct tap_side *sides = calloc(dev->queues, sizeof(*sides));
	const bool leave = carries_offloads(st);
	struct shmbus_self self;
	unsigned int i;

	shmbus_get_self(st, &self);
	if (sides == NULL) {
		say_no_memory();
		return NULL;
	}
	for (i = 0; i < dev->queues; i++) {
		if (tap_side_init(&sides[i], dev, i, self.frame_max, leave) != 0) {
			free_sides(sides, i);
			return NULL;
		}
		if (i != 0)
			sides[i - 1].dev.next = &sides[i].dev;
	}
	return sides;
}

/* Configures the device, and carries frames. The station is attached, and is left here. */
static enum cmd_status
carry(const struct conf *conf, struct bridge_join *join, struct tap_device *dev,
      const uint8_t mac[6])
{
	struct tap_side *sides = NULL;
	enum cmd_status status;
	uint32_t mtu;

	if (configure(conf, dev->name, join->st, &mtu) == 0)
		sides = make_sides(dev, join->st);
	if (sides == NULL) {
		bridge_join_give_up(join);
		return CMD_FAILED;
	}
	if (bridge_join_ready(join, &sides[0].dev) != 0) {
		bridge_join_give_up(join);
		status = CMD_FAILED;
	} else {
		print_ready(conf, dev, mac, join->path, mtu);
		status = bridge_join_carry(join);
	}
	free_sides(sides, dev->queues);
	return status;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	struct shmbus_conf bus = { .flags = 0 };
	enum cmd_status status = CMD_FAILED;
	const struct conf *conf = c;
	struct bridge_join join;
	struct tap_device dev;

	(void)n;
	if (bridge_join_begin(&join, conf->background) != 0)
		return CMD_FAILED;
	if (conf->netns != NULL && tap_device_enter_netns(conf->netns) != 0)
		return CMD_FAILED;
	if (tap_device_open(&dev, conf->name, conf->queues) != 0)
		return CMD_FAILED;
	/* The device and the port have the same address, so that the port's entry on the bus is right. */
	memcpy(bus.mac, conf->mac_given ? conf->mac : dev.mac, sizeof(bus.mac));
	bus.name = dev.name;
	bus.format = conf->format;
	bus.numa = conf->numa;
	bus.port_queues = conf->queues;
	if (bridge_join_attach(&join, operands[0], &bus) == 0)
		status = carry(conf, &join, &dev, bus.mac);
	tap_device_close(&dev);
	return status;
}

const struct cmd cmd_tap = {
	.name = "tap",
	.operands = "PATH",
	.summary = "join the bus to the host's kernel",
	.about = "Makes a tap device and joins it to the bus PATH, so that programs on this host, such\n"
		 "as ping or curl, reach the ports on the bus. The bus is created if it does not exist.\n"
		 "One line on stdout says that the device is ready. The counters are printed at the\n"
		 "end, and on SIGUSR1. The device is deleted at the end; deleting it ends the command, too.\n"
		 "Needs CAP_NET_ADMIN.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
	.defaults = &(const struct conf){ .format = SHMBUS_FORMAT_AUTO, .queues = 1 },
	.conf_size = sizeof(struct conf),
};
