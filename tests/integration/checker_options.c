/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "checker_frame.h"
#include "checker_options.h"

#define QUEUES_MAX 16
#define BURST_MAX 512
#define FLAGS 7 /* options that are no numbers */

enum {
	OPT_SEND = 256,
	OPT_RECEIVE,
	OPT_FAST_FREE,
	OPT_WAIT,
	OPT_SLEEP,
	OPT_LENGTHS,
	OPT_TO,
	OPT_NUMBER, /* and all behind it: numbers[opt - OPT_NUMBER] */
};

#define NUMBER(name, field, min, max) \
	{ name, offsetof(struct options, field), RTE_SIZEOF_FIELD(struct options, field), min, max }

static const struct {
	const char *name;
	size_t off;
	size_t size;
	uint64_t min;
	uint64_t max;
} numbers[] = {
	NUMBER("port", port, 0, UINT16_MAX),
	NUMBER("id", id, 0, UINT16_MAX),
	NUMBER("queues", queues, 1, QUEUES_MAX),
	NUMBER("burst", burst, 1, BURST_MAX),
	NUMBER("count", count, 0, UINT32_MAX),
	NUMBER("short", short_len, FRAME_MIN, FRAME_MAX),
	NUMBER("long-percent", long_percent, 0, 100),
	NUMBER("segments", segments, 1, 64),
	NUMBER("mtu", mtu, 68, FRAME_MAX - FRAME_MIN),
	NUMBER("room", room, 64, 32768),
	NUMBER("mbufs", mbufs, 64, 1 << 20),
	NUMBER("hold", hold, 0, 1 << 16),
	NUMBER("slow-us", slow_us, 0, 60 * 1000 * 1000),
	NUMBER("slow-every", slow_every, 1, UINT32_MAX),
	NUMBER("seed", seed, 0, UINT64_MAX),
};

static void
usage(void)
{
	fprintf(stderr,
		"usage: dpdk-checker EAL-ARGUMENTS -- --send and/or --receive [options]\n"
		"  --port N           ethdev port (0)\n"
		"  --queues N         Rx and Tx queues (1)\n"
		"  --id N             of the first stream sent; a stream per Tx queue (0)\n"
		"  --count N          frames to send; 0: until told to stop (0)\n"
		"  --to MAC           send to this address, from the port's own\n"
		"  --lengths MIN-MAX  of the frames sent, without FCS (14-1514)\n"
		"  --short N          most frames are no longer than this ... (256)\n"
		"  --long-percent P   ... but P %% of them (5)\n"
		"  --segments N       mbufs per frame sent, at most (1)\n"
		"  --fast-free        ask for the Tx offload MBUF_FAST_FREE\n"
		"  --wait             do not send before the command go\n"
		"  --sleep            receive only, on one queue: where nothing comes, until an interrupt\n"
		"  --burst N          (32)\n"
		"  --mtu N            (1500)\n"
		"  --room N           bytes per mbuf (2048)\n"
		"  --mbufs N          (2048)\n"
		"  --hold N           look at received frames N frames later (128)\n"
		"  --slow-us T        sleep about T microseconds ... (0)\n"
		"  --slow-every N     ... after about N received frames (1000)\n"
		"  --seed N           of lengths and contents (1)\n"
		"commands on the standard input: report [STREAM...], go, stop; its end means stop\n");
}

static bool
parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *value >= min &&
	       *value <= max;
}

static bool
take_number(struct options *opt, unsigned int i, const char *text)
{
	void *field = (uint8_t *)opt + numbers[i].off;
	uint64_t value;

	if (!parse_number(text, numbers[i].min, numbers[i].max, &value)) {
		fprintf(stderr, "checker: --%s %s: expected a number from %" PRIu64 " to %" PRIu64 "\n",
			numbers[i].name, text, numbers[i].min, numbers[i].max);
		return false;
	}
	if (numbers[i].size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)value;
	else if (numbers[i].size == sizeof(uint32_t))
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
	return true;
}

static bool
take_lengths(struct options *opt, const char *text)
{
	unsigned int min, max;
	char extra;

	if (sscanf(text, "%u-%u%c", &min, &max, &extra) != 2 || min < FRAME_MIN || max > FRAME_MAX ||
	    min > max) {
		fprintf(stderr, "checker: --lengths %s: expected MIN-MAX from %u to %u\n", text,
			FRAME_MIN, FRAME_MAX);
		return false;
	}
	opt->min_len = min;
	opt->max_len = max;
	return true;
}

static bool
take_address(struct options *opt, const char *text)
{
	opt->addressed = rte_ether_unformat_addr(text, &opt->to) == 0;
	if (!opt->addressed)
		fprintf(stderr, "checker: --to %s: expected an Ethernet address\n", text);
	return opt->addressed;
}

static bool
check(const struct options *opt)
{
	if (!opt->send && !opt->receive) {
		fprintf(stderr, "checker: nothing to do: expected --send, --receive or both\n");
		return false;
	}
	if (opt->sleep && (opt->send || opt->queues != 1)) {
		fprintf(stderr, "checker: --sleep: expected --receive alone, and one queue\n");
		return false;
	}
	if (opt->id > UINT16_MAX - opt->queues) {
		fprintf(stderr, "checker: --id %u: no room for %u streams\n", opt->id, opt->queues);
		return false;
	}
	if (opt->send && opt->segments * opt->room < opt->max_len) {
		fprintf(stderr, "checker: --lengths up to %u do not fit %u segments of --room %u\n",
			opt->max_len, opt->segments, opt->room);
		return false;
	}
	if (opt->receive && opt->hold * 2 > opt->mbufs) {
		fprintf(stderr, "checker: --hold %u is too much for --mbufs %u\n", opt->hold,
			opt->mbufs);
		return false;
	}
	return true;
}

bool
options_parse(struct options *opt, int argc, char **argv)
{
	struct option longs[FLAGS + RTE_DIM(numbers) + 1] = {
		{ "send", no_argument, NULL, OPT_SEND },
		{ "receive", no_argument, NULL, OPT_RECEIVE },
		{ "fast-free", no_argument, NULL, OPT_FAST_FREE },
		{ "wait", no_argument, NULL, OPT_WAIT },
		{ "sleep", no_argument, NULL, OPT_SLEEP },
		{ "lengths", required_argument, NULL, OPT_LENGTHS },
		{ "to", required_argument, NULL, OPT_TO },
	};
	unsigned int i;
	bool good = true;
	int c;

	for (i = 0; i < RTE_DIM(numbers); i++)
		longs[FLAGS + i] = (struct option){ numbers[i].name, required_argument, NULL,
						OPT_NUMBER + (int)i };
	*opt = (struct options){ .queues = 1, .burst = 32, .min_len = 14, .max_len = 1514,
				 .short_len = 256, .long_percent = 5, .segments = 1, .mtu = 1500,
				 .room = 2048, .mbufs = 2048, .hold = 128, .slow_every = 1000,
				 .seed = 1 };
	while (good && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == OPT_SEND)
			opt->send = true;
		else if (c == OPT_RECEIVE)
			opt->receive = true;
		else if (c == OPT_FAST_FREE)
			opt->fast_free = true;
		else if (c == OPT_WAIT)
			opt->wait = true;
		else if (c == OPT_SLEEP)
			opt->sleep = true;
		else if (c == OPT_LENGTHS)
			good = take_lengths(opt, optarg);
		else if (c == OPT_TO)
			good = take_address(opt, optarg);
		else if (c >= OPT_NUMBER)
			good = take_number(opt, (unsigned int)(c - OPT_NUMBER), optarg);
		else
			good = false;
	}
	if (good && optind != argc) {
		fprintf(stderr, "checker: what is '%s'?\n", argv[optind]);
		good = false;
	}
	if (opt->addressed) {
		opt->min_len = RTE_MAX(opt->min_len, FRAME_ADDRESSED_MIN);
		opt->max_len = RTE_MAX(opt->max_len, opt->min_len);
	}
	if (good && check(opt))
		return true;
	usage();
	return false;
}
