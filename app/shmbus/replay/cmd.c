/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus replay: its options. The work is done in replay.c. */

#include <stddef.h>

#include "cmd.h"
#include "options.h"
#include "replay.h"
#include "say.h"

struct conf {
	struct replay_conf replay;
	/* whether these options, which exclude each other, were given */
	bool rated;
	bool fast;
	bool sped;
};

static int
take_rate(const char *value, void *conf)
{
	struct conf *c = conf;

	c->rated = true;
	return timing_parse(value, &c->replay.timing);
}

static int
take_speed(const char *value, void *conf)
{
	struct conf *c = conf;

	c->sped = true;
	return options_seconds(value, 1e-6, 1e6, &c->replay.timing.rate);
}

static const struct option_entry options[] = {
	{ "rate", 'r', "RATE", "send at 1000pps, 2.5Mpps, 100Mbps, ... (default: as recorded)",
	  .take = take_rate, .expects = "a number with pps, kpps, Mpps, Gpps, bps, kbps, Mbps or Gbps" },
	{ "fast", 'f', NULL, "send as fast as possible", .flag = offsetof(struct conf, fast) },
	{ "speed", 's', "X", "send X times as fast as recorded", .take = take_speed,
	  .expects = "a number from 0.000001 to 1000000" },
	{ "max-gap", 'g', "SECONDS", "wait no longer than this for the next frame, as recorded",
	  OPTION_SECONDS(struct conf, replay.timing.gap_max_s, 1e-6, 1e9),
	  .expects = "a number of seconds from 0.000001 to 1000000000" },
	{ "loop", 'l', "N", "send the capture N times, 0: until a signal (default 1)",
	  OPTION_U32(struct conf, replay.loops, 0, UINT32_MAX), .expects = "a number, 0 or more" },
	{ "wait-peers", 'w', "N", "begin when N other ports are on the bus",
	  OPTION_U32(struct conf, replay.peers, 1, UINT32_MAX), .expects = "a number, 1 or more" },
	{ "no-pause", 'n', NULL, "lanes: do not wait for slow receivers, which then lose frames",
	  .flag = offsetof(struct conf, replay.no_pause) },
	{ "numa", 0, "NODE", "lanes: NUMA node for the memory of the ring that replay writes",
	  OPTION_NUMA(struct conf, replay.numa) },
	{ .name = NULL },
};

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct conf *conf = c;
	struct replay_conf how = conf->replay;

	(void)n;
	if (conf->sped && (conf->rated || conf->fast)) {
		say("--speed scales the recorded timing; give it without --rate and --fast");
		return CMD_USAGE;
	}
	if (conf->replay.timing.gap_max_s != 0 && (conf->rated || conf->fast)) {
		say("--max-gap shortens the recorded gaps; give it without --rate and --fast");
		return CMD_USAGE;
	}
	if (conf->rated && conf->fast) {
		say("--rate and --fast exclude each other; expected one of them");
		return CMD_USAGE;
	}
	if (conf->fast)
		how.timing.kind = TIMING_FAST;
	return replay(operands[0], operands[1], &how) == 0 ? CMD_DONE : CMD_FAILED;
}

const struct cmd cmd_replay = {
	.name = "replay",
	.operands = "PATH FILE",
	.summary = "send the frames of a capture",
	.about = "Becomes a port on the bus PATH and sends the frames of the capture FILE (pcap or\n"
		 "pcapng; - for stdin) with the recorded timing. Waits for slow receivers.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
	.defaults = &(const struct conf){
		.replay = { .timing = { .kind = TIMING_RECORDED, .rate = 1 }, .loops = 1 },
	},
	.conf_size = sizeof(struct conf),
};
