/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sends the frames of a capture as a port of its own.
 *
 * Frames that are due are collected in a burst. The burst is sent when it is full,
 * when the next frame is not due yet, or before replay waits for more of the capture.
 * A slow receiver delays the burst; frames that have become late meanwhile are sent
 * at once.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <shmbus.h>

#include "capture.h"
#include "replay.h"
#include "say.h"
#include "shmbus_clock.h"
#include "stop.h"
#include "units.h"

#define BURST 64

/* The time between two looks for signals while a burst waits for receivers. */
#define STUCK_MS 100

/* The time between two looks at the ports, while replay waits for peers. */
#define LOOK_MS 10

/* A wait that is longer than this, and longer than those before, is announced. */
#define LONG_NS UINT64_C(10000000000)

/* The precision of sleeps. The kernel's default is 50 us. */
#define TIMER_SLACK_NS 1000

struct replay {
	const struct replay_conf *conf;
	const char *file;
	int stop; /* descriptor */
	struct capture *capture;
	struct timing timing;
	struct shmbus_station *st;
	struct shmbus_self self;
	struct shmbus_tx tx[BURST];
	uint8_t *room; /* the data of a burst, self.frame_max bytes for each frame */
	unsigned int n;
	uint64_t begin_ns;
	uint64_t frames;
	uint64_t bytes;
	uint64_t longest_ns; /* of the waits that were announced */
	bool stopped; /* a signal came before all was sent */
	/* frames of the capture that are not sent, or not as they were */
	uint64_t too_long;
	uint64_t too_short;
	uint64_t wrong;
	uint64_t cut;
};

/* ---- time */

/* Sleeps for this time, or until a signal comes. */
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

	if (say_progress_due())
		say_progress("%" PRIu64 " frames sent, %s", r->frames,
			     units_rate((double)r->frames / seconds, "pps", pps));
}

/* Sends the burst. Frames that are left when a signal comes are not sent. */
static int
send_burst(struct replay *r)
{
	unsigned int done = 0;
	unsigned int i;
	int ret;

	while (done < r->n && !stop_wanted()) {
		ret = shmbus_send_all(r->st, r->tx + done, r->n - done, STUCK_MS);
		if (ret == -EINTR)
			ret = 0;
		if (ret < 0)
			return say_library_error(ret);
		for (i = done; i < done + (unsigned int)ret; i++)
			r->bytes += r->tx[i].len;
		done += (unsigned int)ret;
		r->frames += (unsigned int)ret;
		show(r);
	}
	r->stopped |= done < r->n;
	r->n = 0;
	return 0;
}

/* Adds a frame to the burst, unless the bus cannot carry it. Sends the burst if it is full. */
static int
add(struct replay *r, const struct capture_frame *frame)
{
	uint8_t *data = r->room + (size_t)r->n * r->self.frame_max;

	r->cut += frame->captured < frame->len;
	if (frame->captured > frame->len) {
		r->wrong++;
		return 0;
	}
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

/* No wait of minutes or days is silent. */
static void
announce(struct replay *r, uint64_t wait_ns)
{
	char text[UNITS_LEN];

	if (wait_ns < LONG_NS || wait_ns <= r->longest_ns)
		return;
	r->longest_ns = wait_ns;
	say("%s: the next frame is due in %s%s", r->file, units_duration((wait_ns + 999999999) / 1000000000, text),
	    r->timing.kind == TIMING_RECORDED ? "; --max-gap SECONDS shortens such gaps" : "");
}

/* Called before replay waits for more of the capture, for as long as it may take. */
static int
before_waiting(void *replay)
{
	struct replay *r = replay;

	return r->n != 0 ? send_burst(r) : 0;
}

/* Waits until the next frame is due. The burst, whose frames are due now, is sent first. */
static int
wait_until(struct replay *r, uint64_t due_ns)
{
	uint64_t passed;
	int ret;

	passed = shmbus_clock_mono_ns() - r->begin_ns;
	if (passed >= due_ns)
		return 0;
	ret = send_burst(r);
	announce(r, due_ns - passed);
	while (ret == 0 && !stop_wanted()) {
		passed = shmbus_clock_mono_ns() - r->begin_ns;
		if (passed >= due_ns)
			break;
		show(r);
		/* Long gaps are slept in pieces, so that the progress is refreshed. */
		sleep_ns(r, due_ns - passed < 200000000 ? due_ns - passed : 200000000);
	}
	return ret;
}

/* Sends the capture once. */
static int
pass(struct replay *r)
{
	struct capture_frame frame;
	uint64_t due_ns;
	int ret;

	timing_again(&r->timing);
	for (;;) {
		ret = capture_next(r->capture, &frame);
		r->stopped |= ret == -EINTR || (ret > 0 && stop_wanted());
		if (ret <= 0 || stop_wanted())
			break;
		due_ns = timing_next(&r->timing, frame.tstamp_ns, frame.captured);
		ret = r->timing.kind == TIMING_FAST ? 0 : wait_until(r, due_ns);
		if (ret == 0)
			ret = add(r, &frame);
		if (ret != 0)
			break;
	}
	if (ret > 0 || ret == -EINTR)
		ret = 0;
	/* The frames read before an error in the capture are sent, too. */
	return send_burst(r) != 0 && ret == 0 ? -EIO : ret;
}

static int
replay_all(struct replay *r)
{
	uint64_t before;
	uint32_t loop;
	int ret = 0;

	r->begin_ns = shmbus_clock_mono_ns();
	for (loop = 0; ret == 0 && (r->conf->loops == 0 || loop < r->conf->loops); loop++) {
		r->stopped |= stop_wanted();
		if (r->stopped)
			break;
		capture_rewind(r->capture);
		before = r->frames;
		ret = pass(r);
		if (r->frames == before && ret == 0)
			break; /* no frame can be sent: the loop would never end */
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
	if (ret != 0)
		return say_library_error(ret);
	if (r->conf->peers >= info.ports) {
		say("wait-peers=%" PRIu32 ": the bus has places for %" PRIu32 " ports, so %" PRIu32
		    " others at most", r->conf->peers, info.ports, info.ports - 1);
		return -EINVAL;
	}
	wanted = info.format == SHMBUS_FORMAT_LANES ? up : SHMBUS_PEER_ALIVE;
	peers = calloc(info.ports, sizeof(*peers));
	if (peers == NULL)
		return say_no_memory();
	while (!stop_wanted()) {
		n = shmbus_get_peers(bus, peers, info.ports);
		there = 0;
		for (i = 0; i < n && i < (int)info.ports; i++)
			there += (peers[i].flags & (wanted | SHMBUS_PEER_SELF)) == wanted;
		if (there >= r->conf->peers)
			break;
		say_progress("%" PRIu32 " of %" PRIu32 " ports are there", there, r->conf->peers);
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
		.numa = r->conf->numa,
		.name = "replay",
	};
	int ret;

	ret = shmbus_attach(&r->st, path, &conf);
	if (ret != 0)
		return say_library_error(ret);
	shmbus_get_self(r->st, &r->self);
	r->room = malloc((size_t)BURST * r->self.frame_max);
	return r->room != NULL ? 0 : say_no_memory();
}

static void
tell(const struct replay *r)
{
	const double seconds = (double)(shmbus_clock_mono_ns() - r->begin_ns) / 1e9;
	char pps[UNITS_LEN], bps[UNITS_LEN];

	say_progress_clear();
	if (r->cut != 0)
		say("%s: %" PRIu64 " frames were truncated when they were captured, and were sent truncated",
		    r->file, r->cut);
	if (r->too_long != 0)
		say("%s: %" PRIu64 " frames were not sent, because they are longer than the %" PRIu32
		    " bytes that the bus takes", r->file, r->too_long, r->self.frame_max);
	if (r->wrong != 0)
		say("%s: %" PRIu64 " frames were not sent, because their records say that more bytes were "
		    "captured than the frame has", r->file, r->wrong);
	if (capture_others(r->capture) != 0)
		say("%s: %" PRIu64 " frames were not sent, because their link type is not Ethernet (EN10MB)",
		    r->file, capture_others(r->capture));
	if (r->too_short != 0)
		say("%s: %" PRIu64 " frames were not sent, because they are shorter than %" PRIu32
		    " bytes", r->file, r->too_short, r->self.frame_min);
	/* A replay without an end is ended by a signal. */
	if (r->stopped && r->conf->loops != 0)
		say("%s: stopped by a signal after %" PRIu64 " frames, before the end", r->file, r->frames);
	printf("%" PRIu64 " frames, %" PRIu64 " bytes in %.3f s: %s, %s\n", r->frames, r->bytes,
	       seconds, units_rate((double)r->frames / seconds, "pps", pps),
	       units_rate(8 * (double)r->bytes / seconds, "bit/s", bps));
}

static int
run(struct replay *r, const char *path)
{
	struct capture_conf capture = {
		.again = r->conf->loops != 1, .idle = before_waiting, .arg = r,
	};
	int ret;

	r->stop = stop_catch();
	if (r->stop < 0)
		return r->stop;
	capture.stop = r->stop;
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	ret = capture_open(&r->capture, r->file, &capture);
	if (ret != 0)
		return ret;
	ret = attach(r, path);
	if (ret == 0 && r->conf->peers != 0)
		ret = wait_peers(r);
	if (ret == 0) {
		ret = replay_all(r);
		tell(r);
		if (ret == 0 && r->stopped && r->conf->loops != 0)
			ret = -EINTR;
	}
	shmbus_detach(r->st);
	free(r->room);
	capture_close(r->capture);
	return ret;
}

int
replay(const char *path, const char *file, const struct replay_conf *conf)
{
	struct replay *r = calloc(1, sizeof(*r));
	int ret;

	if (r == NULL)
		return say_no_memory();
	r->conf = conf;
	r->file = file;
	r->timing = conf->timing;
	ret = run(r, path);
	free(r);
	return ret;
}
