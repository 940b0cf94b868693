/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Any text as device arguments. What is taken keeps within its limits, and is taken again. */

#include <stdio.h>

#include <rte_log.h>

#include "input.h"
#include "shmbus_args.h"
#include "shmbus_log.h"

int shmbus_logtype; /* the driver's, which is not there */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FILE *nowhere = fopen("/dev/null", "w");

	(void)argc;
	(void)argv;
	/* Messages are made, and read by nobody. */
	shmbus_logtype = rte_log_register("pmd.net.shmbus");
	MUST(nowhere != NULL && shmbus_logtype >= 0);
	rte_log_set_level((uint32_t)shmbus_logtype, RTE_LOG_DEBUG);
	return rte_openlog_stream(nowhere);
}

static void
check(const struct shmbus_args *args)
{
	MUST(strnlen(args->path, sizeof(args->path)) < sizeof(args->path));
	MUST(args->path[0] != '\0' || args->format == SHMBUS_WIRE_SHMIF);
	MUST(args->format <= SHMBUS_WIRE_SHMIF);
	MUST(args->mode <= 0777 && (args->mode == 0 || (args->mode & 0600) == 0600));
	MUST(args->carrier <= SHMBUS_CARRIER_PEER);
	MUST(args->numa >= SHMBUS_NUMA_AUTO && args->numa < RTE_MAX_NUMA_NODES);
	MUST(rte_is_zero_ether_addr(&args->mac) || rte_is_valid_assigned_ether_addr(&args->mac));
	MUST(!args->readonly || !args->unlink);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct shmbus_args args, again;
	char text[8192];
	int ret;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	ret = shmbus_args_parse(&args, text);
	MUST(ret <= 0);
	if (ret != 0)
		return 0;
	check(&args);
	MUST(shmbus_args_parse(&again, text) == 0);
	MUST(strcmp(args.path, again.path) == 0 && args.given == again.given &&
	     args.lane_size == again.lane_size);
	shmbus_args_suit(&args, SHMBUS_WIRE_LANES);
	shmbus_args_suit(&args, SHMBUS_WIRE_SHMIF);
	return 0;
}
