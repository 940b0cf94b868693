/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus create: makes a new bus in a file that does not exist yet. */

#include <sys/stat.h>

#include <shmbus.h>

#include "cmd.h"
#include "options.h"
#include "say.h"

static const struct option_entry options[] = {
	{ "format", 'f', "FORMAT", "lanes (default), or NetBSD's shmif",
	  OPTION_FORMAT(struct shmbus_conf, format) },
	{ "ports", 'p', "N", "lanes: the number of places for ports (default 32)",
	  OPTION_U32(struct shmbus_conf, ports, 1, 256), .expects = "a number from 1 to 256" },
	{ "queues", 'q', "N", "lanes: most Tx queues, and most Rx queues, of a port (default 4)",
	  OPTION_U32(struct shmbus_conf, queues, 1, 64), .expects = "a number from 1 to 64" },
	{ "lane-size", 's', "BYTES", "lanes: size of the ring of one Tx queue, as 256K (default 4M)",
	  OPTION_SIZE(struct shmbus_conf, lane_size) },
	{ "deliver", 'd', "HOW", "lanes: hub (default), or switch: unicast to its port alone",
	  OPTION_DELIVER(struct shmbus_conf, deliver) },
	{ "mode", 'm', "MODE", "permission bits in octal (default 0600)",
	  OPTION_MODE(struct shmbus_conf, mode) },
	{ "numa", 'n', "NODE", "lanes: NUMA node for its memory (default: by first touch)",
	  OPTION_NUMA(struct shmbus_conf, numa) },
	{ .name = NULL },
};

static enum cmd_status
run(int n, char **operands, const void *conf)
{
	const char *path = operands[0];
	struct stat st;

	(void)n;
	/* A port that attaches makes a bus of an empty file. create leaves an empty file alone. */
	if (lstat(path, &st) == 0) {
		say("path=%s: already exists and was not changed; choose another name", path);
		return CMD_FAILED;
	}
	if (shmbus_create(path, conf) != 0) {
		say("%s", shmbus_error_text());
		return CMD_FAILED;
	}
	return CMD_DONE;
}

const struct cmd cmd_create = {
	.name = "create",
	.operands = "PATH",
	.summary = "make a new bus",
	.about = "Makes a bus in the file PATH, which must not exist. Ports that attach later need not\n"
		 "know its geometry. On hugetlbfs the bus consists of huge pages.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
	.defaults = &(const struct shmbus_conf){ .format = SHMBUS_FORMAT_LANES },
	.conf_size = sizeof(struct shmbus_conf),
};
