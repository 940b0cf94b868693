/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus create: makes a new bus in a file that does not exist yet. */

#include <sys/stat.h>

#include <shmbus.h>

#include "cmd.h"
#include "options.h"
#include "say.h"

static int
take_format(const char *value, void *conf)
{
	return options_format(value, &((struct shmbus_conf *)conf)->format);
}

static int
take_ports(const char *value, void *conf)
{
	return options_u32(value, 1, UINT32_MAX, &((struct shmbus_conf *)conf)->ports);
}

static int
take_queues(const char *value, void *conf)
{
	return options_u32(value, 1, UINT32_MAX, &((struct shmbus_conf *)conf)->queues);
}

static int
take_lane_size(const char *value, void *conf)
{
	return options_size(value, 1, UINT64_MAX, &((struct shmbus_conf *)conf)->lane_size);
}

static int
take_mode(const char *value, void *conf)
{
	return options_mode(value, &((struct shmbus_conf *)conf)->mode);
}

static int
take_numa(const char *value, void *conf)
{
	return options_numa(value, &((struct shmbus_conf *)conf)->numa);
}

static const struct option_entry options[] = {
	{ "format", 'f', "FORMAT", "lanes (default), or NetBSD's shmif", .take = take_format,
	  .expects = "lanes or shmif" },
	{ "ports", 'p', "N", "lanes: the number of places for ports (default 32)",
	  .take = take_ports,
	  .expects = "a number from 1 on" },
	{ "queues", 'q', "N", "lanes: the most Tx queues, and Rx queues, of a port (default 4)",
	  .take = take_queues,
	  .expects = "a number from 1 on" },
	{ "lane-size", 's', "BYTES", "lanes: size of the ring of one Tx queue, as 256K (default 4M)",
	  .take = take_lane_size, .expects = "a power of two of bytes, which may end in K, M or G" },
	{ "mode", 'm', "MODE", "permission bits in octal (default 0600)", .take = take_mode,
	  .expects = "permission bits in octal, as 0600 or 0660" },
	{ "numa", 'n', "NODE", "lanes: NUMA node for its memory (default: by first touch)",
	  .take = take_numa, .expects = OPTIONS_NUMA_EXPECTS },
	{ .name = NULL },
};

static enum cmd_status
run(int n, char **operands, const void *conf)
{
	const char *path = operands[0];
	struct stat st;

	(void)n;
	/* A port that attaches may turn an empty file into a bus; create leaves even that alone. */
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
