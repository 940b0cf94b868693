/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Dumps the frames that a bus still holds, and those that arrive later.
 *
 * A dump is a monitor: it writes nothing to the bus, and no sender waits for it.
 * Frames that arrive faster than dump reads them are missed. Every frame that was
 * sent is either captured, filtered or missed, and dump reports the three numbers.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shmbus.h>

#include "dump.h"
#include "say.h"
#include "senders.h"
#include "shmbus_clock.h"
#include "snapshot.h"
#include "stop.h"
#include "throttle.h"

#define BURST 64

/* While there are frames: the number of bursts between two looks at the ports. */
#define LOOK_EVERY 256

/* While there are no frames: the time between two looks at signals and ports. */
#define WAIT_MS 200

/*
 * The longest wait for a frame of the snapshot: so much time, and so many polls. Each lane
 * has had its turn by then, even if dump was not scheduled for a while. The frame does not
 * come if the lock of a shmif bus is stuck, or if a sender claims frames that it never sent.
 */
#define STALL_NS UINT64_C(2000000000)
#define STALL_POLLS 1000

/* The longest time that a frame is in a buffer while there are more frames to read. */
#define FLUSH_NS UINT64_C(100000000)

/* The time between two messages about missed frames. */
#define TELL_NS UINT64_C(1000000000)

struct dump {
	const struct dump_conf *conf;
	struct shmbus_station *st;
	struct senders *senders;
	struct snapshot *snapshot;
	struct recorder *recorder;
	const struct filter *filter;
	struct throttle throttle;
	struct shmbus_rx rx[BURST];
	uint8_t *room;
	uint32_t mode;       /* the bus's permission bits */
	uint64_t captured;
	uint64_t filtered;
	uint64_t missed;
	uint64_t missed_all; /* before all frames, also those outside the snapshot */
	uint64_t flushed_ns; /* the time of the last flush */
	uint64_t told_ns;    /* the time of the last message about missed frames */
	uint64_t stall_ns;   /* the time of the first poll without a frame of the snapshot */
	unsigned int stalls; /* polls without a frame of the snapshot in a row */
	unsigned int bursts;
	bool removed; /* the file has no name any more, and the user was told */
	bool done;
};

/* ---- frames */

/*
 * Counts a frame, and the frames missed before it, for the frame's sender. If the
 * frame is not wanted, only the missed frames are counted. Returns the number of the
 * sender, or -errno after a message.
 */
static int
count_frame(struct dump *d, const struct shmbus_rx *rx, uint64_t missed, bool wanted)
{
	struct sender *sender;
	int number;

	number = senders_find(d->senders, &rx->meta);
	if (number < 0)
		return say_no_memory();
	sender = senders_get(d->senders, (unsigned int)number);
	sender->missed += missed;
	sender->missed_since += missed;
	d->missed += missed;
	if (!wanted)
		return number;
	if (sender->received++ == 0)
		sender->first_ns = rx->meta.tstamp_ns;
	sender->last_ns = rx->meta.tstamp_ns;
	return number;
}

static int
take_frame(struct dump *d, const struct shmbus_rx *rx)
{
	uint64_t missed = rx->meta.missed;
	struct sender *sender;
	int number, ret;
	bool wanted;

	d->missed_all += missed;
	if (d->done)
		return 0;
	wanted = snapshot_pass(d->snapshot, &rx->meta, rx->len, &missed);
	if (wanted)
		d->stalls = 0;
	if (!wanted && missed == 0)
		return 0;
	number = count_frame(d, rx, missed, wanted);
	if (number < 0)
		return number;
	if (!wanted)
		return 0;
	if (!filter_match(d->filter, rx->data, rx->room, rx->len)) {
		d->filtered++;
		return 0;
	}
	ret = recorder_frame(d->recorder, d->senders, (unsigned int)number,
			     &(const struct recorder_frame){
		.data = rx->data,
		.room = rx->room,
		.len = rx->len,
		.queue = rx->meta.queue,
		.tstamp_ns = rx->meta.tstamp_ns,
	});
	if (ret != 0)
		return ret;
	sender = senders_get(d->senders, (unsigned int)number);
	sender->captured++;
	sender->missed_since = 0;
	d->captured++;
	d->done = d->captured == d->conf->count;
	return 0;
}

static void
tell_missed(struct dump *d)
{
	struct sender *sender;
	unsigned int i;

	for (i = 0; i < senders_count(d->senders); i++) {
		sender = senders_get(d->senders, i);
		if (sender->missed == sender->missed_told)
			continue;
		say_progress_clear();
		say("%" PRIu64 " frames missed from %s", sender->missed - sender->missed_told,
		    sender->name);
		sender->missed_told = sender->missed;
	}
	d->told_ns = shmbus_clock_mono_ns();
}

/* Reports once that the file has been removed: no new port can join it any more. */
static void
look_at_file(struct dump *d)
{
	struct shmbus_info info;

	if (d->removed || shmbus_get_info(shmbus_station_bus(d->st), &info) != 0 || info.nlink != 0)
		return;
	d->removed = true;
	say("path=%s: the file has been removed; ports that open this name from now on are on another "
	    "bus, and are not shown here", info.path);
}

/* Looks for new ports, and reports the progress. */
static void
look_around(struct dump *d)
{
	senders_refresh(d->senders);
	look_at_file(d);
	if (shmbus_clock_mono_ns() - d->told_ns >= TELL_NS)
		tell_missed(d);
	if (d->conf->recorder.file != NULL)
		say_progress("%" PRIu64 " frames captured, %" PRIu64 " filtered, %" PRIu64 " missed",
			     d->captured, d->filtered, d->missed);
}

/* Waits for a frame. Returns 1 if there is one, 0 if not, or -errno after a message. */
static int
wait_ms(struct dump *d, int ms)
{
	const int ret = shmbus_wait(d->st, ms);

	if (ret == -EINTR)
		return 0;
	return ret < 0 ? say_library_error(ret) : ret;
}

/* Called after each poll. Ends the dump if frames of the snapshot do not come. */
static void
give_up_if_stalled(struct dump *d)
{
	const uint64_t now = shmbus_clock_mono_ns();

	if (d->done || !snapshot_is_taken(d->snapshot) || snapshot_is_complete(d->snapshot))
		return;
	if (d->stalls++ == 0)
		d->stall_ns = now;
	d->done = d->stalls > STALL_POLLS && now - d->stall_ns >= STALL_NS;
	if (d->done)
		say("some frames cannot be read, because their sender has not finished writing them");
}

static int
flush(struct dump *d)
{
	d->flushed_ns = shmbus_clock_mono_ns();
	return recorder_flush(d->recorder);
}

/* Called after each burst: dump may never be idle on a fast bus, and a filter lets little pass. */
static int
flush_if_due(struct dump *d)
{
	return shmbus_clock_mono_ns() - d->flushed_ns < FLUSH_NS ? 0 : flush(d);
}

/* Called when there is nothing to read now. */
static int
idle(struct dump *d)
{
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	int ret;

	look_around(d);
	if (!snapshot_is_taken(d->snapshot)) {
		ret = flush(d);
		if (ret != 0)
			return ret;
		ret = wait_ms(d, WAIT_MS);
		return ret < 0 ? ret : 0;
	}
	ret = wait_ms(d, 0);
	d->done = ret != 1;
	if (d->done)
		return ret;
	/* A frame that cannot be read now: its writer is still at work, or has died. */
	nanosleep(&nap, NULL);
	return 0;
}

static int
burst(struct dump *d)
{
	int i, n, ret;

	n = shmbus_receive(d->st, d->rx, BURST);
	if (n < 0)
		return say_library_error(n);
	if (n == 0)
		return idle(d);
	for (i = 0; i < n; i++) {
		ret = take_frame(d, &d->rx[i]);
		if (ret != 0)
			return ret;
	}
	if (++d->bursts % LOOK_EVERY == 0)
		look_around(d);
	/* A snapshot is finite, so dump is not throttled while it reads one. */
	if (d->conf->keep_up || snapshot_is_taken(d->snapshot) || !throttle_poll(&d->throttle))
		return flush_if_due(d);
	ret = flush(d);
	if (ret == 0)
		throttle_rest(&d->throttle);
	return ret;
}

static int
take_snapshot(struct dump *d)
{
	const int ret = snapshot_take(d->snapshot, shmbus_station_bus(d->st));

	return ret == 0 ? 0 : say_library_error(ret);
}

static int
dump_all(struct dump *d)
{
	int ret = 0;

	if (!d->conf->follow)
		ret = take_snapshot(d);
	throttle_begin(&d->throttle, recorder_process(d->recorder));
	while (ret == 0 && !d->done && !snapshot_is_complete(d->snapshot)) {
		if (stop_wanted() && !d->conf->follow)
			break;
		/* The frames that were sent before the signal are still captured. */
		if (stop_wanted() && !snapshot_is_taken(d->snapshot))
			ret = take_snapshot(d);
		if (ret == 0)
			ret = burst(d);
		if (ret == 0)
			give_up_if_stalled(d);
	}
	throttle_end(&d->throttle);
	return ret;
}

/* ---- begin and end */

static int
begin(struct dump *d)
{
	struct shmbus *bus = shmbus_station_bus(d->st);
	struct shmbus_info info;
	unsigned int i;

	if (shmbus_get_info(bus, &info) != 0)
		return say_library_error(-EIO);
	if (info.format == SHMBUS_FORMAT_SHMIF) {
		/*
		 * Times count from the start of the sender, and are no times of day. So no time
		 * zone is added, neither here nor in tcpdump.
		 */
		setenv("TZ", "UTC0", 1);
		tzset();
	}
	d->mode = info.mode;
	d->senders = senders_new(bus, &info);
	d->snapshot = snapshot_new(&info);
	d->room = malloc((size_t)BURST * info.frame_max);
	if (d->senders == NULL || d->snapshot == NULL || d->room == NULL)
		return say_no_memory();
	for (i = 0; i < BURST; i++) {
		d->rx[i].data = d->room + (size_t)i * info.frame_max;
		d->rx[i].room = info.frame_max;
	}
	if (d->conf->only_new && snapshot_skip(d->snapshot, bus) != 0)
		return say_library_error(-EIO);
	return 0;
}

static int
open_recorder(struct dump *d, const char *path)
{
	const struct dump_conf *conf = d->conf;
	struct recorder_conf rec = conf->recorder;
	const char *end;

	rec.bus = path;
	rec.mode = d->mode;
	if (rec.file == NULL) {
		rec.kind = conf->no_tcpdump ? RECORDER_TEXT : RECORDER_TCPDUMP;
	} else {
		end = strrchr(rec.file, '.');
		rec.kind = conf->format == DUMP_PCAP ||
			   (conf->format == DUMP_BY_NAME && end != NULL && strcmp(end, ".pcap") == 0) ?
			   RECORDER_PCAP : RECORDER_PCAPNG;
	}
	return recorder_open(&d->recorder, &rec);
}

/* Returns the number of frames missed behind the last frame that was read of their lane. */
static uint64_t
missed_unknown(struct dump *d, struct shmbus_stats *stats)
{
	shmbus_get_stats(d->st, stats);
	return stats->rx_missed > d->missed_all ? stats->rx_missed - d->missed_all : 0;
}

static int
finish(struct dump *d)
{
	struct shmbus_stats stats;
	const uint64_t unknown = missed_unknown(d, &stats);
	int ret;

	say_progress_clear();
	ret = recorder_close(d->recorder, d->senders, unknown);
	tell_missed(d);
	if (unknown != 0)
		say("%" PRIu64 " frames missed, sender unknown", unknown);
	if (stats.rx_corrupt != 0)
		say("%" PRIu64 " times the bus held data that is not valid", stats.rx_corrupt);
	if (d->throttle.throttled && d->missed + unknown != 0)
		say("no CPU was idle, so dump gave way to others and missed frames; --keep-up takes the "
		    "CPU time that dump needs");
	say("%" PRIu64 " frames captured, %" PRIu64 " filtered, %" PRIu64 " missed", d->captured,
	    d->filtered, d->missed + unknown);
	return ret;
}

static int
run(struct dump *d, const char *path)
{
	const struct shmbus_conf monitor = { .flags = d->conf->only_new ? 0 : SHMBUS_OLDEST };
	int ret, ended;

	ret = stop_catch();
	if (ret < 0)
		return ret;
	stop_finish_writes();
	ret = shmbus_monitor(&d->st, path, &monitor);
	if (ret != 0)
		return say_library_error(ret);
	ret = begin(d);
	if (ret == 0)
		ret = open_recorder(d, path);
	if (ret == 0) {
		ret = dump_all(d);
		ended = finish(d);
		if (ret == 0)
			ret = ended;
	}
	free(d->room);
	snapshot_free(d->snapshot);
	senders_free(d->senders);
	shmbus_detach(d->st);
	return ret;
}

int
dump(const char *path, const struct dump_conf *conf, const struct filter *filter)
{
	struct dump *d = calloc(1, sizeof(*d));
	int ret;

	if (d == NULL)
		return say_no_memory();
	d->conf = conf;
	d->filter = filter;
	ret = run(d, path);
	free(d);
	return ret;
}
