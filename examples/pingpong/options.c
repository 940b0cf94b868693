/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The command line of dpdk-pingpong, after the EAL has taken its part. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_config.h>
#include <rte_eal.h>

#include "options.h"

static void __rte_noreturn
usage(int status)
{
	fprintf(status == 0 ? stdout : stderr,
		"usage: dpdk-pingpong EAL-OPTIONS -- --role ping|pong|both [options]\n"
		"  --port N        the ethdev port to use (default 0)\n"
		"  --rx-port N     another port to receive from (net_ring's ports hear themselves)\n"
		"  --size N        bytes per frame without FCS, %u to %u (default 64)\n"
		"  --burst N       frames sent at once, 1 to %u (default 1)\n"
		"  --count N       bursts that are measured (default 100000)\n"
		"  --warmup N      bursts before those (default 10000)\n"
		"  --timeout-ms N  a frame that is not back by then is lost (default 1000)\n"
		"  --wait-s N      give up when the other side has not appeared by then (default 30)\n"
		"  --json          print one line of JSON\n",
		MIN_SIZE, MAX_SIZE, MAX_BURST);
	rte_eal_cleanup();
	exit(status);
}

static uint64_t
number(const char *key, const char *value, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(value, &end, 10);

	if (*value < '0' || *value > '9' || *end != '\0' || n < min || n > max) {
		fprintf(stderr, "--%s %s: expected a number from %" PRIu64 " to %" PRIu64 "\n", key,
			value, min, max);
		usage(2);
	}
	return n;
}

static enum role
role_of(const char *name)
{
	if (strcmp(name, "ping") == 0)
		return ROLE_PING;
	if (strcmp(name, "pong") == 0)
		return ROLE_PONG;
	if (strcmp(name, "both") == 0)
		return ROLE_BOTH;
	fprintf(stderr, "--role %s: expected ping, pong or both\n", name);
	usage(2);
}

/* Ends the program if the options do not go together. */
static void
check(struct options *o, bool rx_port_given)
{
	if (o->role == ROLE_NONE) {
		fprintf(stderr, "--role is missing\n");
		usage(2);
	}
	if (!rx_port_given)
		o->rx_port = o->port;
	if (o->role == ROLE_BOTH && o->rx_port == o->port) {
		fprintf(stderr, "--role both: expected a --rx-port that is not --port %u\n",
			o->port);
		usage(2);
	}
}

void
options_parse(int argc, char **argv, struct options *o)
{
	enum { ROLE, PORT, RX_PORT, SIZE, BURST, COUNT, WARMUP, TIMEOUT, WAIT, JSON };
	static const struct option known[] = {
		{"role", required_argument, NULL, ROLE},
		{"port", required_argument, NULL, PORT},
		{"rx-port", required_argument, NULL, RX_PORT},
		{"size", required_argument, NULL, SIZE},
		{"burst", required_argument, NULL, BURST},
		{"count", required_argument, NULL, COUNT},
		{"warmup", required_argument, NULL, WARMUP},
		{"timeout-ms", required_argument, NULL, TIMEOUT},
		{"wait-s", required_argument, NULL, WAIT},
		{"json", no_argument, NULL, JSON},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	bool rx_port_given = false;
	int c;

	*o = (struct options){.size = 64, .burst = 1, .count = 100000, .warmup = 10000,
			      .timeout_ms = 1000, .wait_s = 30};
	optind = 1; /* the EAL has used getopt before */
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case ROLE:
			o->role = role_of(optarg);
			break;
		case PORT:
			o->port = number("port", optarg, 0, RTE_MAX_ETHPORTS - 1);
			break;
		case RX_PORT:
			o->rx_port = number("rx-port", optarg, 0, RTE_MAX_ETHPORTS - 1);
			rx_port_given = true;
			break;
		case SIZE:
			o->size = number("size", optarg, MIN_SIZE, MAX_SIZE);
			break;
		case BURST:
			o->burst = number("burst", optarg, 1, MAX_BURST);
			break;
		case COUNT:
			o->count = number("count", optarg, 1, UINT32_MAX);
			break;
		case WARMUP:
			o->warmup = number("warmup", optarg, 0, UINT32_MAX);
			break;
		case TIMEOUT:
			o->timeout_ms = number("timeout-ms", optarg, 1, 3600000);
			break;
		case WAIT:
			o->wait_s = number("wait-s", optarg, 1, 3600);
			break;
		case JSON:
			o->json = true;
			break;
		default: /* getopt has printed an error */
			usage(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "'%s': not an option\n", argv[optind]);
		usage(2);
	}
	check(o, rx_port_given);
}
