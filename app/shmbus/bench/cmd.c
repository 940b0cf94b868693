/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus bench: measures how fast a bus is, with the library and without DPDK. */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "cmd.h"
#include "options.h"
#include "say.h"
#include "stop.h"

/* The header, and a number at each end of the payload. */
#define FRAME_MIN 30
#define FRAME_MAX 65535

/* Most senders, and most receivers. */
#define SIDE_MAX (BENCH_WORKERS_MAX / 2)

/* Parses "1,2,3" into at most max numbers of a range. */
static int
take_list(const char *value, uint32_t from, uint32_t to, uint32_t *list, uint32_t max, uint32_t *n)
{
	char text[256], *rest = text, *item;

	if (strlen(value) >= sizeof(text))
		return -EINVAL;
	strcpy(text, value);
	*n = 0;
	while ((item = strsep(&rest, ",")) != NULL) {
		if (*n == max || options_u32(item, from, to, &list[*n]) != 0)
			return -EINVAL;
		++*n;
	}
	return 0;
}

static int
take_sizes(const char *value, void *c)
{
	struct bench_conf *conf = c;

	return take_list(value, FRAME_MIN, FRAME_MAX, conf->sizes,
			 sizeof(conf->sizes) / sizeof(conf->sizes[0]), &conf->n_sizes);
}

static int
take_cpus(const char *value, void *c)
{
	struct bench_conf *conf = c;
	cpu_set_t allowed;
	uint32_t i;

	if (take_list(value, 0, CPU_SETSIZE - 1, conf->cpus, BENCH_WORKERS_MAX, &conf->n_cpus) != 0 ||
	    sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return -EINVAL;
	for (i = 0; i < conf->n_cpus; i++)
		if (!CPU_ISSET(conf->cpus[i], &allowed))
			return -EINVAL;
	return 0;
}

static const struct option_entry options[] = {
	{ "senders", 'n', "N", "processes that send (default 1)",
	  OPTION_U32(struct bench_conf, senders, 1, SIDE_MAX), .expects = "1 to 32" },
	{ "receivers", 'm', "M", "processes that receive (default 1)",
	  OPTION_U32(struct bench_conf, receivers, 1, SIDE_MAX), .expects = "1 to 32" },
	{ "size", 's', "LIST", "bytes of a frame (default 64,512,1518; shmif: 1514)",
	  .take = take_sizes, .expects = "numbers from 30 to 65535, with commas between, 16 at most" },
	{ "burst", 'b', "N", "frames sent or received at a time (default 32)",
	  OPTION_U32(struct bench_conf, burst, 1, BENCH_BURST_MAX), .expects = "1 to 256" },
	{ "seconds", 't', "SECONDS", "length of a run (default 1)",
	  OPTION_SECONDS(struct bench_conf, seconds, 0.01, 86400),
	  .expects = "seconds from 0.01 to 86400" },
	{ "runs", 'r', "N", "runs with each size; the median counts (default 3)",
	  OPTION_U32(struct bench_conf, runs, 1, BENCH_RUNS_MAX), .expects = "1 to 100" },
	{ "format", 'f', "FORMAT", "lanes (default), or shmif",
	  OPTION_FORMAT(struct bench_conf, format) },
	{ "lane-size", 0, "BYTES", "lanes: size of a sender's ring (default 4M)",
	  OPTION_SIZE(struct bench_conf, lane_size) },
	{ "numa", 0, "NODE", "lanes: NUMA node for the memory of the bus",
	  OPTION_NUMA(struct bench_conf, numa) },
	{ "cpus", 'c', "LIST", "CPUs for senders, then receivers, in turn", .take = take_cpus,
	  .expects = "CPUs that this process may use, with commas between" },
	{ "no-pause", 0, NULL, "senders do not wait for slow receivers",
	  .flag = offsetof(struct bench_conf, no_pause) },
	{ "zero-copy", 'z', NULL, "compare frames in place with copied frames",
	  .flag = offsetof(struct bench_conf, zero_copy) },
	{ "check", 0, NULL, "senders number each frame, and receivers compare the numbers",
	  .flag = offsetof(struct bench_conf, check) },
	{ "latency", 'l', NULL, "also measure latency: one frame there and back",
	  .flag = offsetof(struct bench_conf, latency) },
	{ "json", 'j', NULL, "print JSON",
	  .flag = offsetof(struct bench_conf, json) },
	{ "csv", 0, NULL, "print CSV, a line per run",
	  .flag = offsetof(struct bench_conf, csv) },
	{ .name = NULL },
};

/* Warns if there are fewer CPUs than processes: the results then depend on the scheduler. */
static void
warn_of_cpus(const struct bench_conf *conf)
{
	const uint32_t processes = conf->senders + conf->receivers;
	uint32_t cpus = conf->n_cpus;
	cpu_set_t allowed;

	if (cpus == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		cpus = (uint32_t)CPU_COUNT(&allowed);
	if (processes > cpus)
		say("%" PRIu32 " processes share %" PRIu32 " CPU%s, so the scheduler affects the results",
		    processes, cpus, cpus == 1 ? "" : "s");
}

static const struct bench_conf *
with_sizes(const struct bench_conf *given, struct bench_conf *conf)
{
	/* The longest frames without VLAN tag: 1518 bytes with FCS, 1514 without; shmif takes 1514. */
	const uint32_t longest = given->format == SHMBUS_FORMAT_SHMIF ? 1514 : 1518;

	*conf = *given;
	if (conf->n_sizes == 0) {
		conf->sizes[0] = 64;
		conf->sizes[1] = 512;
		conf->sizes[2] = longest;
		conf->n_sizes = 3;
	}
	return conf;
}

/* Runs one measurement, and checks its sums. As measure(). */
static int
measure_one(const struct bench_conf *conf, const char *path, uint32_t size, bool in_place,
	    struct bench_result *result)
{
	struct bench_conf one = *conf;
	int ret;

	one.in_place = in_place;
	ret = bench_throughput(&one, path, size, result);
	if (ret == 0 && (result->bad != 0 || result->unaccounted != 0)) {
		say("%" PRIu32 " bytes: of %" PRIu64 " frames %" PRIu64 " were damaged, and %" PRIu64
		    " neither received nor missed, or received without having been sent",
		    result->size, result->sent, result->bad, result->unaccounted);
		ret = -EIO;
	}
	return ret;
}

/* Runs all measurements. Returns 0, or -errno after a message; -EINTR without one. */
static int
measure(const struct bench_conf *conf, const char *path, const struct bench_found *found)
{
	uint32_t i;
	int ret = 0;

	/* Sizes and ways take turns, so that a change of the machine's speed affects all of them. */
	for (i = 0; ret == 0 && i < conf->n_sizes * conf->runs; i++) {
		const uint32_t s = i % conf->n_sizes;
		const uint32_t at = s * conf->runs + i / conf->n_sizes;

		if (conf->zero_copy)
			ret = measure_one(conf, path, conf->sizes[s], false, &found->copying[at]);
		if (ret == 0)
			ret = measure_one(conf, path, conf->sizes[s], conf->zero_copy, &found->runs[at]);
	}
	for (i = 0; ret == 0 && found->latencies != NULL && i < conf->n_sizes; i++)
		ret = bench_latency(conf, path, conf->sizes[i], &found->latencies[i]);
	return ret;
}

/* Returns false if there is no memory. */
static bool
allocate(const struct bench_conf *conf, struct bench_found *found)
{
	const size_t n = (size_t)conf->n_sizes * conf->runs;

	found->runs = calloc(n, sizeof(*found->runs));
	if (conf->zero_copy)
		found->copying = calloc(n, sizeof(*found->copying));
	if (conf->latency)
		found->latencies = calloc(conf->n_sizes, sizeof(*found->latencies));
	return found->runs != NULL && (found->copying != NULL) == conf->zero_copy &&
	       (found->latencies != NULL) == conf->latency;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	struct bench_conf sized;
	const struct bench_conf *conf = with_sizes(c, &sized);
	enum cmd_status status = CMD_FAILED;
	struct bench_found found = { .runs = NULL };
	char path[64];
	struct stat st;
	int ret;

	if (conf->json && conf->csv) {
		say("--json and --csv are two formats; expected one of them");
		return CMD_USAGE;
	}
	snprintf(path, sizeof(path), "/dev/shm/shmbus-bench-%ld", (long)getpid());
	if (n == 1 && lstat(operands[0], &st) == 0) {
		say("path=%s: already exists and was not changed; bench makes a bus of its own, so "
		    "choose another name", operands[0]);
		return CMD_FAILED;
	}
	if (stop_catch() < 0)
		return CMD_FAILED;
	warn_of_cpus(conf);
	if (!allocate(conf, &found)) {
		say_no_memory();
		goto out;
	}
	ret = measure(conf, n == 1 ? operands[0] : path, &found);
	if (ret == -EINTR)
		say("stopped before the end, so there are no results");
	else if (ret == 0 && bench_report(conf, &found))
		status = CMD_DONE;
	else if (ret == 0)
		say_no_memory();
out:
	free(found.latencies);
	free(found.copying);
	free(found.runs);
	return status;
}

const struct cmd cmd_bench = {
	.name = "bench",
	.operands = "[PATH]",
	.summary = "measure how fast a bus is",
	.about = "Starts senders and receivers as processes of their own, each on one CPU. They use a\n"
		 "new bus, which is made as PATH (default: below /dev/shm) and removed again. PATH must\n"
		 "not exist. Prints how many frames per second each receiver gets, how many were\n"
		 "missed, and with --latency the time of a frame one way, and there and back. With\n"
		 "--zero-copy each run is made twice: senders write each frame whole, and receivers read\n"
		 "each whole, in memory of their own and copied, and then in place; prints the ratio.\n",
	.options = options,
	.operands_min = 0,
	.operands_max = 1,
	.run = run,
	.defaults = &(const struct bench_conf){
		.senders = 1,
		.receivers = 1,
		.burst = 32,
		.runs = 3,
		.seconds = 1,
		.format = SHMBUS_FORMAT_LANES,
	},
	.conf_size = sizeof(struct bench_conf),
};
