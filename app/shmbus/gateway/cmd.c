/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus gateway: a gateway from the bus to the outside, without privileges, by passt. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <shmbus.h>

#include "bridge/join.h"
#include "cmd.h"
#include "options.h"
#include "passt.h"
#include "stream/side.h"

struct conf {
	uint32_t format;
	uint32_t numa;
	bool background;
};

static const struct option_entry options[] = {
	{ "background", 'b', NULL, "go on in the background once passt is ready",
	  .flag = offsetof(struct conf, background) },
	{ "format", 'f', "FORMAT", "format of a new bus: lanes (default) or shmif",
	  OPTION_FORMAT(struct conf, format) },
	{ "numa", 0, "NODE", "lanes: NUMA node for the memory of the ring that gateway writes",
	  OPTION_NUMA(struct conf, numa) },
	{ .name = NULL },
};

static void
print_ready(const struct bridge_join *join, const struct passt *passt)
{
	printf("passt %ld joined to %s", (long)passt->keeper.child, join->path);
	if (!passt->own_mtu)
		printf(", MTU %u", PASST_MTU);
	printf("\n");
}

/*
 * Carries frames to and from a passt that has been started. The station is attached, and is left
 * here; the stream is closed, and passt ends.
 */
static enum cmd_status
carry(struct bridge_join *join, struct passt *passt)
{
	enum cmd_status status = CMD_FAILED;
	struct stream_side side;
	struct stream_link link;
	struct shmbus_self self;
	bool wanted = false;
	int ret;

	shmbus_get_self(join->st, &self);
	stream_link_begin_connected(&link, "passt", passt->fd);
	ret = stream_side_init(&side, &link, self.frame_max);
	if (ret != 0 || passt_wait_ready(passt, self.mac, join->stop) != 0 ||
	    bridge_join_ready(join, &side.dev) != 0) {
		bridge_join_give_up(join);
	} else {
		print_ready(join, passt);
		status = bridge_join_carry(join);
		wanted = !side.dev.ended;
	}
	stream_side_fini(&side);
	return passt_end(passt, wanted) == 0 ? status : CMD_FAILED;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct conf *conf = c;
	const struct shmbus_conf bus = {
		.name = "passt",
		.format = conf->format,
		.numa = conf->numa,
	};
	struct bridge_join join;
	struct passt passt;

	if (bridge_join_begin(&join, conf->background) != 0 ||
	    passt_start(&passt, operands + 1, (unsigned int)n - 1, join.background) != 0)
		return CMD_FAILED;
	if (bridge_join_attach(&join, operands[0], &bus) != 0) {
		close(passt.fd);
		passt_end(&passt, true);
		return CMD_FAILED;
	}
	return carry(&join, &passt);
}

const struct cmd cmd_gateway = {
	.name = "gateway",
	.operands = "PATH [-- OPTION-OF-PASST...]",
	.summary = "join the bus to the outside through passt, without privileges",
	.about = "Starts passt(1) and joins it to the bus PATH: a gateway with a DHCP server, which passes\n"
		 "TCP, UDP and ping on to wherever this user's programs can connect. It needs no\n"
		 "privileges. All words after -- are options for passt, such as -t 8080 to pass a port of\n"
		 "this host in. One DHCP client or guest has room behind a passt. The bus is created if it\n"
		 "does not exist. One line on stdout says that passt is ready. The counters are printed at\n"
		 "the end, and on SIGUSR1. If passt ends, the command ends with status 1.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = -1,
	.run = run,
	.defaults = &(const struct conf){ .format = SHMBUS_FORMAT_AUTO },
	.conf_size = sizeof(struct conf),
};
