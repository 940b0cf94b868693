/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "cmd.h"
#include "conf.h"
#include "options.h"
#include "say.h"

static int
take_socket(const char *value, void *c)
{
	struct conf *conf = c;
	uint32_t i;

	if (conf->n_guests == CONF_GUESTS_MAX || *value == '\0' ||
	    strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -EINVAL;
	for (i = 0; i < conf->n_guests; i++)
		if (strcmp(conf->guests[i].socket, value) == 0)
			return -EINVAL;
	conf->guests[conf->n_guests++].socket = value;
	return 0;
}

/* The address belongs to the guest of the socket before it. */
static int
take_mac(const char *value, void *c)
{
	struct conf *conf = c;
	struct conf_guest *guest;

	if (conf->n_guests == 0)
		return -EINVAL;
	guest = &conf->guests[conf->n_guests - 1];
	if (guest->mac_given || rte_ether_unformat_addr(value, &guest->mac) != 0 ||
	    !rte_is_valid_assigned_ether_addr(&guest->mac))
		return -EINVAL;
	guest->mac_given = true;
	return 0;
}

static const struct option_entry options[] = {
	{ "socket", 's', "SOCKET", "the socket of a virtual machine; may be repeated",
	  .take = take_socket,
	  .expects = "the path of a Unix socket, of at most 107 bytes, once, and 32 of them at most" },
	{ "mac", 'M', "MAC", "MAC address of the device in the guest of the socket before it",
	  .take = take_mac,
	  .expects = "a unicast address as 02:00:00:00:00:01, once behind its --socket" },
	{ "client", 'c', NULL, "connect to sockets that QEMU listens on (server=on)",
	  .flag = offsetof(struct conf, client) },
	{ "queues", 'q', "NUMBER", "queues of each port, with a thread for each (default 1)",
	  OPTION_U32(struct conf, queues, 1, CONF_QUEUES_MAX), .expects = "a number from 1 to 64" },
	{ "lossy", 'l', NULL, "senders do not wait for slow guests, which lose frames",
	  .flag = offsetof(struct conf, lossy) },
	{ .name = NULL },
};

static const struct cmd command = {
	.name = "shmbus-vhost",
	.operands = "PATH",
	.about = "Makes virtual machines ports of the bus PATH, by vhost-user. The bus is created if it\n"
		 "does not exist. One line on stdout says that all sockets are ready, and one each that\n"
		 "a guest has come or gone. The counters are printed at the end, and on SIGUSR1.\n"
		 "EAL options may come first: shmbus-vhost [EAL options] -- [options] PATH. Without\n"
		 "them the program needs no hugepages, and looks for no devices.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.defaults = &(const struct conf){ .queues = 1 },
	.conf_size = sizeof(struct conf),
};

int
conf_parse(int argc, char **argv, struct conf *conf)
{
	const int n = options_parse(&command, argc, argv, conf);

	if (n < 0)
		return n;
	conf->path = argv[argc - 1];
	if (conf->n_guests == 0) {
		say("--socket is missing: it names the socket for a virtual machine");
		return -2;
	}
	/* The driver's arguments are separated by commas. */
	if (strchr(conf->path, ',') != NULL) {
		say("path=%s: a path with a comma cannot be given to the driver", conf->path);
		return -2;
	}
	return 0;
}
