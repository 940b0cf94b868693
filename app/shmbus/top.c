/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * shmbus top: shows ports and their rates, refreshed at an interval.
 *
 * A rate is the growth of a counter between two readings of the bus. The counters
 * belong to a slot and not to its owner: they continue when a port takes over the
 * slot of a dead one.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shmbus.h>
#include <stddef.h>

#include "bus_state.h"
#include "cmd.h"
#include "json.h"
#include "options.h"
#include "say.h"
#include "stop.h"
#include "terminal.h"
#include "units.h"

/* Per byte. Preamble, FCS and gap, which a frame needs on a cable, are not counted. */
#define BITS 8

struct conf {
	double interval_s;
	bool once;
	bool json;
};

struct rates {
	double tx_pps;
	double tx_bps;
	double rx_pps;
	double rx_bps;
	double missed_pps;
	double skipped_pps;
	double pauses_ps;
};

static const struct option_entry options[] = {
	{ "interval", 'i', "SECONDS", "time between two readings (default 1)",
	  OPTION_SECONDS(struct conf, interval_s, 0.01, 3600), .expects = "seconds from 0.01 to 3600" },
	{ "once", '1', NULL, "end after one interval",
	  .flag = offsetof(struct conf, once) },
	{ "json", 'j', NULL, "print one JSON object per interval and line, for programs",
	  .flag = offsetof(struct conf, json) },
	{ .name = NULL },
};

/*
 * Returns the growth of a counter per second. A counter that went back, because
 * the bus is new or a port writes nonsense, counts as unchanged.
 */
static double
grown(uint64_t before, uint64_t now, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

static struct rates
rates_of(const struct bus_state *before, const struct bus_state *now,
	 const struct shmbus_peer_info *p)
{
	const double seconds = (double)(now->taken_ns - before->taken_ns) / 1e9;
	const struct shmbus_peer_info *was = NULL;
	unsigned int i;

	for (i = 0; i < before->n_peers; i++)
		if (before->peers[i].slot == p->slot)
			was = &before->peers[i];
	if (was == NULL || seconds <= 0)
		return (struct rates){ .tx_pps = 0 };
	return (struct rates){
		.tx_pps = grown(was->tx_frames, p->tx_frames, seconds),
		.tx_bps = BITS * grown(was->tx_bytes, p->tx_bytes, seconds),
		.rx_pps = grown(was->rx_frames, p->rx_frames, seconds),
		.rx_bps = BITS * grown(was->rx_bytes, p->rx_bytes, seconds),
		.missed_pps = grown(was->rx_missed, p->rx_missed, seconds),
		.skipped_pps = grown(was->rx_skipped, p->rx_skipped, seconds),
		.pauses_ps = grown(was->tx_pauses, p->tx_pauses, seconds),
	};
}

/* The columns of the table. A line has at most 80 characters, so the heading has the units. */
struct layout {
	int name; /* characters */
	int rate;
	bool skips; /* the last column: frames for other ports, on a switch */
};

static struct layout
layout_of(const struct shmbus_info *info)
{
	const bool skips = info->deliver == SHMBUS_DELIVERY_SWITCH;

	return (struct layout){ .name = skips ? 15 : 16, .rate = skips ? 6 : 7, .skips = skips };
}

static void
print_port(const struct bus_state *before, const struct bus_state *now,
	   const struct shmbus_peer_info *p)
{
	const struct rates r = rates_of(before, now, p);
	const struct layout l = layout_of(&now->info);
	char tx_pps[UNITS_LEN], tx_bps[UNITS_LEN], rx_pps[UNITS_LEN], rx_bps[UNITS_LEN];
	char missed[UNITS_LEN], skipped[UNITS_LEN];

	printf("%4" PRIu32 "  %-*.*s %-7" PRIu32 " %-7s %*s %*s %*s %*s %*s", p->slot,
	       l.name, l.name, p->name, p->pid, bus_state_peer(now, p),
	       l.rate, units_rate(r.tx_pps, "", tx_pps), l.rate, units_rate(r.tx_bps, "", tx_bps),
	       l.rate, units_rate(r.rx_pps, "", rx_pps), l.rate, units_rate(r.rx_bps, "", rx_bps),
	       l.rate, units_rate(r.missed_pps, "", missed));
	if (l.skips)
		printf(" %7s", units_rate(r.skipped_pps, "", skipped));
	putchar('\n');
}

/*
 * Returns the position of the newest record, counted from the beginning of the
 * bus. The header is enough for that; the ring itself is hard to read while many
 * ports write it.
 */
static uint64_t
shmif_position(const struct shmbus_info *info)
{
	return info->gen * info->lane_size + info->last;
}

/* Returns the bits per second of the ring of a shmif bus, the only rate known there. */
static double
shmif_bps(const struct bus_state *before, const struct bus_state *now)
{
	const double seconds = (double)(now->taken_ns - before->taken_ns) / 1e9;

	return BITS * grown(shmif_position(&before->info), shmif_position(&now->info), seconds);
}

static void
print_table(const struct bus_state *before, const struct bus_state *now)
{
	const bool lanes = now->info.format == SHMBUS_FORMAT_LANES;
	const struct layout l = layout_of(&now->info);
	char used[UNITS_LEN], bps[UNITS_LEN];
	unsigned int i;

	printf("%s%s: %s, %u port%s, %s in use\n\n", now->info.path,
	       now->info.nlink == 0 ? " (removed)" : "", lanes ? "lanes" : "shmif", now->n_peers,
	       now->n_peers == 1 ? "" : "s", units_bytes(now->info.used, used));
	if (!lanes) {
		printf("port  state\n");
		for (i = 0; i < now->n_peers; i++)
			printf("%4" PRIu32 "  %s\n", now->peers[i].slot,
			       bus_state_peer(now, &now->peers[i]));
		printf("ring  %s, record headers included\n",
		       units_rate(shmif_bps(before, now), "bit/s", bps));
		return;
	}
	printf("port  %-*s %-7s %-7s %*s %*s %*s %*s %*s%s\n", l.name, "name", "pid", "state", l.rate,
	       "tx pps", l.rate, "bit/s", l.rate, "rx pps", l.rate, "bit/s", l.rate, "missed",
	       l.skips ? " skipped" : "");
	for (i = 0; i < now->n_peers; i++)
		print_port(before, now, &now->peers[i]);
}

/* Prints the state as info does, with the rates of each port. False: out of memory. */
static bool
print_json(const struct bus_state *before, const struct bus_state *now)
{
	json_t *bus = bus_state_json(now);
	json_t *port;
	struct rates r;
	unsigned int i;
	bool ok = bus != NULL;

	if (ok)
		ok = json_object_set_new(bus, "interval_ns",
			json_integer((json_int_t)(now->taken_ns - before->taken_ns))) == 0;
	if (ok && now->info.format == SHMBUS_FORMAT_SHMIF)
		ok = json_object_set_new(bus, "ring_bps", json_real(shmif_bps(before, now))) == 0;
	for (i = 0; ok && now->info.format == SHMBUS_FORMAT_LANES && i < now->n_peers; i++) {
		r = rates_of(before, now, &now->peers[i]);
		port = json_array_get(json_object_get(bus, "ports"), i);
		ok = json_object_update_new(port, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
			"tx_pps", r.tx_pps, "tx_bps", r.tx_bps, "rx_pps", r.rx_pps, "rx_bps", r.rx_bps,
			"missed_pps", r.missed_pps, "skipped_pps", r.skipped_pps,
			"pauses_ps", r.pauses_ps)) == 0;
	}
	if (ok)
		json_print(bus, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(bus);
	return ok;
}

/* Sleeps until the interval has passed or a key was pressed. False: top is to end. */
static bool
nap(double seconds, int stop)
{
	struct pollfd on[2] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = terminal_keys(), .events = POLLIN },
	};
	struct timespec left = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};
	char key;

	if (ppoll(on, 2, &left, NULL) <= 0)
		return !stop_wanted();
	if (stop_wanted())
		return false;
	/* Any other key than q: read the bus at once. */
	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q';
}

/* ---- the command */

static bool
show(const struct conf *conf, const struct bus_state *before, const struct bus_state *now)
{
	const bool refresh = !conf->once && isatty(STDOUT_FILENO);

	if (conf->json) {
		if (!print_json(before, now)) {
			say("path=%s: out of memory", now->info.path);
			return false;
		}
	} else {
		if (refresh)
			fputs("\033[H\033[J", stdout);
		print_table(before, now);
		if (refresh && terminal_keys() >= 0)
			puts("\nq ends top, another key reads the bus at once");
		if (!refresh && !conf->once)
			putchar('\n');
	}
	return say_flush() == 0;
}

/* No port shortens the file of a bus. A file that becomes shorter is a bus no more. */
static bool
is_truncated(const struct bus_state *before, const struct bus_state *now)
{
	if (now->info.file_size >= before->info.file_size)
		return false;
	say("path=%s: the bus is gone: its file was truncated to %" PRIu64 " of %" PRIu64 " bytes",
	    now->info.path, now->info.file_size, before->info.file_size);
	return true;
}

static enum cmd_status
show_until_stopped(const struct conf *conf, struct shmbus *bus, int stop)
{
	struct bus_state before, now;
	bool ended = false;
	bool ok = true;

	if (bus_state_take(&before, bus) != 0)
		return CMD_FAILED;
	while (ok && nap(conf->interval_s, stop)) {
		ok = bus_state_take(&now, bus) == 0;
		if (!ok)
			break;
		ok = !is_truncated(&before, &now);
		/* After a key the interval may be too short for a rate. */
		if (ok && now.taken_ns - before.taken_ns >= 1000 * 1000)
			ok = show(conf, &before, &now);
		bus_state_free(&before);
		before = now;
		ended = conf->once;
		if (ended)
			break;
	}
	bus_state_free(&before);
	if (ok && conf->once && !ended) {
		say("stopped before the end of the interval, so there are no rates");
		ok = false;
	}
	return ok ? CMD_DONE : CMD_FAILED;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct conf *conf = c;
	enum cmd_status status = CMD_FAILED;
	struct shmbus *bus;
	int stop;

	(void)n;
	if (shmbus_open(&bus, operands[0], NULL) != 0) {
		say("%s", shmbus_error_text());
		return CMD_FAILED;
	}
	stop = stop_catch();
	if (stop >= 0) {
		stop_finish_writes();
		if (!conf->once && !conf->json)
			terminal_begin();
		status = show_until_stopped(conf, bus, stop);
		terminal_end();
	}
	shmbus_close(bus);
	return status;
}

const struct cmd cmd_top = {
	.name = "top",
	.operands = "PATH",
	.summary = "show the ports and their rates, refreshed at an interval",
	.about = "Shows the ports on the bus PATH, and what each of them sends, receives and misses, in\n"
		 "frames and bits per second; on a switch also what it skips because it is for other\n"
		 "ports. On a terminal the table is refreshed in place; q ends\n"
		 "it, and another key reads the bus at once. Needs permission to read the file only, and does not disturb the ports.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
	.defaults = &(const struct conf){ .interval_s = 1 },
	.conf_size = sizeof(struct conf),
};
