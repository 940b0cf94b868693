/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * shmbus replay: the frames of a capture, sent by a port of its own.
 *
 * Frames that are due are gathered to a burst, which is sent when it is full or
 * the next frame is not due yet. What slow receivers make wait is sent later,
 * and what has become late meanwhile at once.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <shmbus.h>
#include <stddef.h>

#include "capture.h"
#include "cmd.h"
#include "options.h"
#include "pace.h"
#include "progress.h"
#include "say.h"
#include "shmbus_clock.h"
#include "stop.h"
#include "units.h"

#define BURST 64

/* How long a burst may be stuck before signals are looked at. */
#define STUCK_MS 100

/* Between two looks who is there, while peers are waited for. */
#define LOOK_MS 10

/* Of a thread that has no other: so exact its sleeping is. */
#define TIMER_SLACK_NS 1000

struct conf {
	struct pace pace;
	bool paced; /* by --rate or --fast */
	bool sped;
	uint32_t loops; /* 0: for ever */
	uint32_t peers;
	bool no_pause;
};

struct replay {
	const struct conf *conf;
	const char *file;
	int stop; /* descriptor */
	struct capture *capture;
	struct pace pace;
	struct shmbus_station *st;
	struct shmbus_self self;
	struct shmbus_tx tx[BURST];
	uint8_t *room; /* for the data of a burst, self.frame_max each */
	unsigned int n;
	uint64_t begin_ns;
	uint64_t frames;
	uint64_t bytes;
	/* frames of the capture that are not sent as they were */
	uint64_t too_long;
	uint64_t too_short;
	uint64_t cut;
};

/* ---- options */

static int
take_rate(const char *value, void *conf)
{
	struct conf *c = conf;

	c->paced = true;
	return pace_parse(value, &c->pace);
}

static int
take_fast(const char *value, void *conf)
{
	struct conf *c = conf;

	(void)value;
	c->paced = true;
	c->pace.kind = PACE_FAST;
	return 0;
}

static int
take_speed(const char *value, void *conf)
{
	struct conf *c = conf;

	c->sped = true;
	return options_seconds(value, 1e-6, 1e6, &c->pace.rate);
}

static int
take_loop(const char *value, void *conf)
{
	return options_u32(value, 0, UINT32_MAX, &((struct conf *)conf)->loops);
}

static int
take_wait_peers(const char *value, void *conf)
{
	return options_u32(value, 1, UINT32_MAX, &((struct conf *)conf)->peers);
}

static const struct option_entry options[] = {
	{ "rate", 'r', "RATE", "as 1000pps, 2.5Mpps, 100Mbps (default: as it was recorded)",
	  .take = take_rate,
	  .expects = "a number with pps, kpps, Mpps, Gpps, bps, kbps, Mbps or Gbps" },
	{ "fast", 'f', NULL, "as fast as possible", .take = take_fast },
	{ "speed", 's', "X", "X times as fast as it was recorded", .take = take_speed,
	  .expects = "a number from 0.000001 to 1000000" },
	{ "loop", 'l', "N", "N times, 0: until a signal (default 1)",
	  .take = take_loop, .expects = "a number from 0 on" },
	{ "wait-peers", 'w', "N", "begin when N other ports are on the bus",
	  .take = take_wait_peers,
	  .expects = "a number from 1 on" },
	{ "no-pause", 'n', NULL, "lanes: wait for no slow receiver; they lose frames",
	  .flag = offsetof(struct conf, no_pause) },
	{ .name = NULL },
};

/* ---- time */

/* Or until a signal comes. */
static void
sleep_ns(const struct replay *r, uint64_t ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
	struct pollfd on = { .fd = r->stop, .events = POLLIN };

	ppoll(&on, 1, &ts, NULL);
}

/* ---- sending */

static void
show(const struct replay *r)
{
	const double seconds = (double)(shmbus_clock_mono_ns() - r->begin_ns) / 1e9;
	char pps[UNITS_LEN];

	if (progress_due())
		progress_show("%" PRIu64 " frames sent, %s", r->frames,
			      units_rate((double)r->frames / seconds, "pps", pps));
}

/* All that were gathered. What is left when a signal comes is not sent. */
static int
send_burst(struct replay *r)
{
	unsigned int done = 0;
	unsigned int i;
	int ret;

	while (done < r->n && !stop_wanted()) {
		ret = shmbus_send_all(r->st, r->tx + done, r->n - done, STUCK_MS);
		if (ret < 0) {
			progress_clear();
			say("%s", shmbus_error_text());
			return ret;
		}
		for (i = done; i < done + (unsigned int)ret; i++)
			r->bytes += r->tx[i].len;
		done += (unsigned int)ret;
		r->frames += (unsigned int)ret;
		show(r);
	}
	r->n = 0;
	return 0;
}

/* Into the burst, unless the bus could not carry it. */
static int
add(struct replay *r, const struct capture_frame *frame)
{
	uint8_t *data = r->room + (size_t)r->n * r->self.frame_max;

	r->cut += frame->captured < frame->len;
	if (frame->captured > r->self.frame_max) {
		r->too_long++;
		return 0;
	}
	if (frame->captured < r->self.frame_min) {
		r->too_short++;
		return 0;
	}
	memcpy(data, frame->data, frame->captured);
	r->tx[r->n++] = (struct shmbus_tx){ .data = data, .len = frame->captured };
	return r->n == BURST ? send_burst(r) : 0;
}

/* The frame is due then. What was due before it must not wait. */
static int
wait_until(struct replay *r, uint64_t due_ns)
{
	uint64_t passed;
	int ret;

	passed = shmbus_clock_mono_ns() - r->begin_ns;
	if (passed >= due_ns)
		return 0;
	ret = send_burst(r);
	while (ret == 0 && !stop_wanted()) {
		passed = shmbus_clock_mono_ns() - r->begin_ns;
		if (passed >= due_ns)
			break;
		show(r);
		/* Long gaps in pieces, so that the progress goes on. */
		sleep_ns(r, due_ns - passed < 200000000 ? due_ns - passed : 200000000);
	}
	return ret;
}

/* The capture once. */
static int
pass(struct replay *r)
{
	struct capture_frame frame;
	uint64_t due_ns;
	int ret;

	pace_again(&r->pace);
	for (;;) {
		ret = capture_next(r->capture, &frame);
		if (ret <= 0 || stop_wanted())
			break;
		due_ns = pace_next(&r->pace, frame.tstamp_ns, frame.captured);
		ret = r->pace.kind == PACE_FAST ? 0 : wait_until(r, due_ns);
		if (ret == 0)
			ret = add(r, &frame);
		if (ret != 0)
			break;
	}
	if (ret > 0)
		ret = 0;
	/* What was read before the capture broke off is sent, too. */
	return send_burst(r) != 0 && ret == 0 ? -EIO : ret;
}

static int
replay_all(struct replay *r)
{
	uint64_t before;
	uint32_t loop;
	int ret = 0;

	r->begin_ns = shmbus_clock_mono_ns();
	for (loop = 0; ret == 0 && !stop_wanted(); loop++) {
		if (r->conf->loops != 0 && loop == r->conf->loops)
			break;
		capture_rewind(r->capture);
		before = r->frames;
		ret = pass(r);
		if (r->frames == before && ret == 0)
			break; /* nothing in it can be sent: that would go on for ever */
	}
	return ret;
}

/* ---- begin and end */

static int
wait_peers(struct replay *r)
{
	struct shmbus *bus = shmbus_station_bus(r->st);
	struct shmbus_info info;
	struct shmbus_peer_info *peers;
	const uint32_t up = SHMBUS_PEER_ALIVE | SHMBUS_PEER_STARTED;
	uint32_t wanted, there;
	int i, n, ret;

	ret = shmbus_get_info(bus, &info);
	if (ret != 0) {
		say("%s", shmbus_error_text());
		return ret;
	}
	wanted = info.format == SHMBUS_FORMAT_LANES ? up : SHMBUS_PEER_ALIVE;
	peers = calloc(info.ports, sizeof(*peers));
	if (peers == NULL) {
		say("out of memory");
		return -ENOMEM;
	}
	while (!stop_wanted()) {
		n = shmbus_get_peers(bus, peers, info.ports);
		there = 0;
		for (i = 0; i < n && i < (int)info.ports; i++)
			there += (peers[i].flags & (wanted | SHMBUS_PEER_SELF)) == wanted;
		if (there >= r->conf->peers)
			break;
		progress_show("%" PRIu32 " of %" PRIu32 " ports are there", there, r->conf->peers);
		sleep_ns(r, LOOK_MS * 1000000);
	}
	free(peers);
	return 0;
}

static int
attach(struct replay *r, const char *path)
{
	const struct shmbus_conf conf = {
		.flags = SHMBUS_EXISTING | SHMBUS_SEND_ONLY | (r->conf->no_pause ? SHMBUS_NO_PAUSE : 0),
		.name = "replay",
	};
	int ret;

	ret = shmbus_attach(&r->st, path, &conf);
	if (ret != 0) {
		say("%s", shmbus_error_text());
		return ret;
	}
	shmbus_get_self(r->st, &r->self);
	r->room = malloc((size_t)BURST * r->self.frame_max);
	if (r->room == NULL) {
		say("out of memory");
		return -ENOMEM;
	}
	return 0;
}

static void
tell(const struct replay *r)
{
	const double seconds = (double)(shmbus_clock_mono_ns() - r->begin_ns) / 1e9;
	char pps[UNITS_LEN], bps[UNITS_LEN];

	progress_clear();
	if (r->cut != 0)
		say("%s: %" PRIu64 " frames had been cut when they were captured; they were sent so",
		    r->file, r->cut);
	if (r->too_long != 0)
		say("%s: %" PRIu64 " frames were not sent, as they are longer than the %" PRIu32
		    " bytes that the bus takes", r->file, r->too_long, r->self.frame_max);
	if (r->too_short != 0)
		say("%s: %" PRIu64 " frames were not sent, as they are shorter than %" PRIu32 " bytes",
		    r->file, r->too_short, r->self.frame_min);
	printf("%" PRIu64 " frames, %" PRIu64 " bytes in %.3f s: %s, %s\n", r->frames, r->bytes,
	       seconds, units_rate((double)r->frames / seconds, "pps", pps),
	       units_rate(8 * (double)r->bytes / seconds, "bit/s", bps));
}

static int
replay(struct replay *r, const char *path)
{
	int ret;

	r->stop = stop_catch();
	if (r->stop < 0) {
		say("cannot catch signals: %s", strerror(-r->stop));
		return r->stop;
	}
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	ret = capture_open(&r->capture, r->file, r->conf->loops != 1);
	if (ret != 0)
		return ret;
	ret = attach(r, path);
	if (ret == 0 && r->conf->peers != 0)
		ret = wait_peers(r);
	if (ret == 0) {
		ret = replay_all(r);
		tell(r);
	}
	shmbus_detach(r->st);
	free(r->room);
	capture_close(r->capture);
	return ret;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct conf *conf = c;
	struct replay *r;
	int ret;

	(void)n;
	if (conf->sped && conf->paced) {
		say("--speed is of what was recorded; expected it without --rate and --fast");
		return CMD_USAGE;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		say("out of memory");
		return CMD_FAILED;
	}
	r->conf = conf;
	r->file = operands[1];
	r->pace = conf->pace;
	ret = replay(r, operands[0]);
	free(r);
	return ret == 0 ? CMD_DONE : CMD_FAILED;
}

const struct cmd cmd_replay = {
	.name = "replay",
	.operands = "PATH FILE",
	.summary = "send the frames of a capture",
	.about = "Becomes a port on the bus PATH and sends the frames of FILE, pcap or pcapng, or - for\n"
		 "stdin, with the gaps that they were recorded with. Slow receivers are waited for.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
	.defaults = &(const struct conf){
		.pace = { .kind = PACE_RECORDED, .rate = 1 },
		.loops = 1,
	},
	.conf_size = sizeof(struct conf),
};
