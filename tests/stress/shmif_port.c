/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port on a shmif bus.
 *
 * Theory of operation
 *
 * A shmif bus numbers nothing, so frames bear numbers of their streams. Where
 * those jump, the reader must have been overrun; all bytes that passed in the
 * ring must have been fetched, or counted as missed; and the frames that the
 * jumps left out must be as long as what was missed, but for the last burst of
 * each stream whose sender died: nobody knows whether that was published.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hook.h"
#include "port.h"
#include "shmbus_clock.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_reader.h"
#include "shmbus_shmif_writer.h"
#include "shmbus_wake.h"
#include "steps.h"
#include "stream.h"

#define RECORD ((uint32_t)sizeof(struct shmbus_shmif_record))
#define LONGEST SHMBUS_SHMIF_FRAME_MAX
/* Many times what it takes to take a lock over, of time in which somebody looked at it. */
#define DEATH_MAX (5 * SECOND)

/* What is known of one stream. */
struct heard {
	uint64_t next;  /* 0: nothing */
	uint64_t overruns; /* of the reader, when it was heard last */
};

struct shmif_port {
	struct life *life;
	struct member *me;
	struct deeds does;
	struct shmbus_shmif bus;
	struct shmbus_shmif_writer w;
	struct shmbus_shmif_reader r;
	struct holdup holdup[2]; /* sending, receiving */
	uint64_t stream;
	uint64_t number; /* of the next frame */
	uint64_t begun;  /* the reader's first position */
	uint64_t first_stream; /* that did not exist when the reader began */
	uint64_t told;   /* of what it missed */
	uint64_t told_overruns;
	uint64_t taken_over; /* locks of the dead, told already */
	uint64_t got_bytes; /* in the ring, of frames that were looked at */
	uint64_t gap_bytes; /* in the ring, of frames that were left out */
	struct heard *heard; /* [STREAMS_MAX] */
	int notify_fd;
	uint8_t burst[SHMBUS_SHMIF_BURST];
	uint8_t piece[SHMBUS_SHMIF_PIECE];
};

static void
add(shmbus_a64 *count, uint64_t n)
{
	shmbus_store(count, shmbus_load(count) + n);
}

/* ---- coming and leaving */

static bool
start(struct shmif_port *p)
{
	struct shmbus_error e;
	int ret;

	ret = shmbus_shmif_open(&p->bus, p->life->path, SHMBUS_FILE_ANY, 0, 1, &e);
	if (ret != 0) {
		board_wrong(WRONG_OTHER, "cannot open: %s", e.text);
		return false;
	}
	/* Each of the others may have a dead port's number, for a moment, to take over from it. */
	if (p->life->path == board->path && p->bus.id > 2 * MEMBERS)
		board_wrong(WRONG_OTHER, "number %u, of %u ports", p->bus.id, MEMBERS);
	shmbus_store(&p->me->number, p->bus.id);
	p->w.bytes = p->burst;
	p->r.bytes = p->piece;
	p->w.lock_wait.break_ns = p->life->break_ns;
	p->r.lock_wait.break_ns = p->life->break_ns;
	p->stream = stream_new(0, p->life->path == board->path ? 0 : (uint64_t)getpid() << 32);
	p->bus.sender = p->stream;
	shmbus_shmif_begin(&p->w, 0);
	shmbus_shmif_reader_start(&p->bus, &p->r, SHMBUS_SHMIF_START_MS);
	p->begun = p->r.pos;
	/* The steady ones of the run come before anything is sent. */
	p->first_stream = p->me->mortal || p->life->path != board->path ?
			  shmbus_load(&board->n_streams) : 0;
	p->notify_fd = -1;
	if (p->does.sleeps) {
		p->notify_fd = shmbus_notify_open(p->bus.file.fd);
		if (p->notify_fd < 0) {
			board_wrong(WRONG_OTHER, "cannot watch the file: %s", strerror(-p->notify_fd));
			shmbus_shmif_close(&p->bus);
			return false;
		}
	}
	return true;
}

static void
leave(struct shmif_port *p)
{
	struct shmbus_shmif *bus = &p->bus;

	if (p->notify_fd >= 0)
		close(p->notify_fd);
	if (p->life->unlinks && shmbus_file_lock(&bus->file) == 0) {
		if (shmbus_shmif_count_peers(bus) == 0)
			shmbus_file_unlink(&bus->file);
		shmbus_file_unlock(&bus->file);
	}
	shmbus_store(&p->me->number, 0);
	shmbus_shmif_close(bus);
}

static struct shmif_port *
port_new(struct life *l)
{
	struct shmif_port *p;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		abort();
	p->life = l;
	p->me = l->me;
	p->does = l->me->does;
	/* Most of it will never be touched. */
	p->heard = mmap(NULL, STREAMS_MAX * sizeof(*p->heard), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->heard == MAP_FAILED)
		abort();
	return p;
}

static void
port_free(struct shmif_port *p)
{
	munmap(p->heard, STREAMS_MAX * sizeof(*p->heard));
	free(p);
}

/* What has become of the port of this number? */
static enum holder
holder_of(const struct shmif_port *p, uint32_t id, struct member **member)
{
	struct member *m;

	for (m = board->members; m < &board->members[MEMBERS]; m++)
		if (shmbus_load(&m->number) == id)
			break;
	*member = m;
	if (id == 0 || id == p->bus.id)
		return HOLDER_RUNS;
	if (!shmbus_shmif_number_alive(&p->bus, id))
		return HOLDER_DEAD;
	return m < &board->members[MEMBERS] && shmbus_load(&m->stopped) != 0 ? HOLDER_STOPPED :
	       HOLDER_RUNS;
}

static void
refused(struct shmif_port *p, struct holdup *h)
{
	static const char *const what[HOLDERS] = { "runs", "is stopped", "is dead" };
	struct shmbus_shmif_header *header = shmbus_shmif_header(&p->bus);
	const enum verdict verdict = holdup_refused(h, p->me);
	const uint32_t spare = shmbus_load(&header->spare);
	const uint64_t gen = shmbus_load(&header->gen);
	const uint32_t last = shmbus_load(&header->last);
	struct member *m;
	const enum holder holder = holder_of(p, spare & 0xff, &m);

	/* Good enough to tell one holding from the next. */
	holdup_behind(h, p->me, ((gen << 20 ^ last) << 20) ^ spare, holder);
	if (holder == HOLDER_DEAD && h->behind > DEATH_MAX) {
		board_wrong(WRONG_HANG, "port %u waits for a dead port's lock: spare is %#x", p->bus.id,
			    spare);
		h->behind = 0;
	}
	if (verdict == HOLDUP_HANGS)
		board_wrong(WRONG_HANG, "port %u does not get the lock: it is %u, spare is %#x, gen %"
			    PRIu64 ", last %u; the holder %s", p->bus.id,
			    shmbus_load(&header->lock), spare, gen, last, what[holder]);
	else if (verdict == HOLDUP_LONG)
		board_note("port %u waits long for the lock: it is %u, spare is %#x, for %" PRIu64
			   " ms; the holder %s, came to %s last, its state is %c", p->bus.id,
			   shmbus_load(&header->lock), spare, h->behind / MS, what[holder],
			   step_name(shmbus_load(&m->came_to)), port_state(m->pid));
}

/* ---- sending */

/* A new burst, if the last one is on the bus, and try to send it. */
static void
send_burst(struct shmif_port *p)
{
	uint32_t n, len;
	uint8_t *frame;
	int ret;

	if (p->w.len == 0) {
		/* Long ones often enough for the ring's end to be met often. */
		n = dice_range(&p->life->dice, 1, dice_range(&p->life->dice, 0, 15) == 0 ? 400 : 32);
		while (n-- != 0) {
			len = stream_len(p->stream, p->number, LONGEST);
			frame = shmbus_shmif_add(&p->w, p->stream, len);
			if (frame == NULL)
				break;
			stream_fill(frame, len, p->stream, p->number++);
		}
		stream_attempt(p->stream, p->number);
	}
	ret = shmbus_shmif_send(&p->bus, &p->w);
	if (ret == -EBUSY) {
		refused(p, &p->holdup[0]);
		return;
	}
	if (ret != 0 || p->w.corrupt != 0)
		board_wrong(WRONG_OTHER, "the ring makes no sense to a sender");
	p->w.corrupt = 0;
	holdup_accepted(&p->holdup[0]);
	add(&p->me->sent, p->number - shmbus_load(&board->streams[p->stream].published));
	stream_published(p->stream, p->number);
	shmbus_shmif_begin(&p->w, 0);
	shmbus_shmif_wake(&p->bus);
}

/* ---- receiving */

static uint64_t
bytes_of(uint64_t stream, uint64_t from, uint64_t to)
{
	uint64_t bytes = 0;

	for (; from < to; from++)
		bytes += RECORD + stream_len(stream, from, LONGEST);
	return bytes;
}

static void
check_frame(struct shmif_port *p, const struct shmbus_shmif_frame *frame)
{
	uint64_t stream, number;
	struct heard *h;

	p->got_bytes += RECORD + frame->len;
	/* Receivers skip those; there is one in a new ring. */
	if (frame->len < SHMBUS_SHMIF_FRAME_MIN)
		return;
	add(&p->me->checked, 1);
	if (!stream_check(frame->data, frame->len, LONGEST, &stream, &number))
		return;
	if (stream != frame->sender)
		board_wrong(WRONG_TORN, "a frame of stream %" PRIu64 " in a record of %" PRIu64, stream,
			    frame->sender);
	h = &p->heard[stream];
	/* Where a stream that is older than the reader was then nobody knows. */
	if (h->next == 0 && stream < p->first_stream)
		h->next = number;
	if (number < h->next) {
		board_wrong(number + 1 == h->next ? WRONG_DUPLICATED : WRONG_MISORDERED,
			    "stream %" PRIu64 ": frame %" PRIu64 " after %" PRIu64, stream, number,
			    h->next - 1);
	} else if (number != h->next) {
		if (p->r.overruns == h->overruns)
			board_wrong(WRONG_UNACCOUNTED, "stream %" PRIu64 ": frame %" PRIu64
				    " where %" PRIu64 " was to come", stream, number, h->next);
		p->gap_bytes += bytes_of(stream, h->next, number);
	}
	h->next = number + 1;
	h->overruns = p->r.overruns;
}

static void
take(struct shmif_port *p)
{
	struct shmbus_shmif_frame frame;

	while (shmbus_shmif_has_next(&p->r)) {
		shmbus_shmif_next(&p->r, &frame);
		check_frame(p, &frame);
	}
	add(&p->me->missed, p->r.missed - p->told);
	add(&p->me->overruns, p->r.overruns - p->told_overruns);
	p->told = p->r.missed;
	p->told_overruns = p->r.overruns;
	/* All that was passed was got, or counted. */
	if (p->begun != 0 && p->r.pos - p->begun != p->r.fetched_bytes + p->r.missed_bytes) {
		board_wrong(WRONG_UNACCOUNTED, "%" PRIu64 " bytes of the ring passed, %" PRIu64
			    " fetched, %" PRIu64 " missed", p->r.pos - p->begun, p->r.fetched_bytes,
			    p->r.missed_bytes);
		p->begun = 0;
	}
}

static bool
receive(struct shmif_port *p)
{
	int ret;

	if (!shmbus_shmif_pending(&p->bus, &p->r)) {
		shmbus_shmif_lock_recover(&p->bus, &p->r.lock_wait);
		holdup_accepted(&p->holdup[1]);
		return false;
	}
	ret = shmbus_shmif_fetch(&p->bus, &p->r);
	if (ret == -EBUSY) {
		refused(p, &p->holdup[1]);
		return true;
	}
	holdup_accepted(&p->holdup[1]);
	if (ret != 0)
		board_wrong(WRONG_OTHER, "the ring makes no sense to a receiver");
	take(p);
	return true;
}

/* ---- sleeping */

static void
sleep_port(struct shmif_port *p)
{
	struct pollfd fd = { .fd = p->notify_fd, .events = POLLIN };

	shmbus_notify_drain(fd.fd);
	if (shmbus_shmif_pending(&p->bus, &p->r))
		return;
	add(&p->me->sleeps_slept, 1);
	if (poll(&fd, 1, 100) > 0)
		add(&p->me->rung, 1);
	else if (shmbus_shmif_pending(&p->bus, &p->r))
		add(&p->me->late, 1);
}

/* ---- a life */

/* The least and the most that the ring had of streams and this reader did not get. */
static void
check_missed(const struct shmif_port *p)
{
	const uint64_t n = shmbus_load(&board->n_streams);
	uint64_t least = p->gap_bytes;
	uint64_t most = p->gap_bytes;
	uint64_t i, published, attempted, next;

	for (i = 0; i < n; i++) {
		if (shmbus_load_acquire(&board->streams[i].key) != 1) /* not of the run's bus */
			continue;
		next = p->heard[i].next;
		published = shmbus_load(&board->streams[i].published);
		attempted = shmbus_load(&board->streams[i].attempted);
		if (published > next)
			least += bytes_of(i, next, published);
		most += bytes_of(i, next, attempted);
	}
	if (p->r.missed_bytes < least || p->r.missed_bytes > most)
		board_wrong(WRONG_UNACCOUNTED, "%" PRIu64 " bytes missed, but frames of %" PRIu64
			    " to %" PRIu64 " bytes", p->r.missed_bytes, least, most);
	if (p->got_bytes != p->r.fetched_bytes)
		board_wrong(WRONG_UNACCOUNTED, "%" PRIu64 " bytes fetched, but frames of %" PRIu64,
			    p->r.fetched_bytes, p->got_bytes);
}

/* No port sends any more: reads the rest, and checks that no frame is missing. */
static void
account(struct shmif_port *p)
{
	struct shmbus_shmif_state s;

	while (receive(p))
		add(&p->me->turns, 1);
	if (shmbus_shmif_load(&p->bus, &s) != 0)
		board_wrong(WRONG_OTHER, "the ring makes no sense at the end");
	else if (s.end != p->r.pos)
		board_wrong(WRONG_UNACCOUNTED, "read to %" PRIu64 ", the ring ends at %" PRIu64,
			    p->r.pos, s.end);
	check_missed(p);
}

static void
turn(struct shmif_port *p)
{
	const uint32_t phase = shmbus_load(&board->phase);
	struct dice *d = &p->life->dice;
	bool got = false;

	/* A burst that was begun is sent, whatever the phase. */
	if (p->does.sends && phase != PHASE_COME && (phase < PHASE_QUIET || p->w.len != 0)) {
		send_burst(p);
		if (dice_range(d, 0, 3) == 0)
			usleep(dice_range(d, 1, 500));
	}
	if (p->does.receives)
		got = receive(p);
	if (p->does.naps && dice_range(d, 0, 63) == 0)
		usleep(100);
	if (got)
		return;
	if (p->does.sleeps && dice_range(d, 0, 3) == 0)
		sleep_port(p);
	else
		sched_yield();
}

static void
traffic(struct shmif_port *p)
{
	const bool mortal = p->me->mortal;
	uint64_t turns = p->life->turns;
	uint64_t broken;
	uint32_t phase;

	for (;;) {
		phase = shmbus_load_acquire(&board->phase);
		if (phase >= PHASE_QUIET && p->w.len == 0)
			shmbus_store(&p->me->quiet, 1);
		if (phase == PHASE_DRAIN || (mortal && phase >= PHASE_LEAVE))
			break;
		if (p->life->turns != 0 && turns-- == 0)
			break;
		turn(p);
		add(&p->me->turns, 1);
		broken = p->w.lock_wait.broken_ours + p->r.lock_wait.broken_ours;
		add(&p->me->took_over, broken - p->taken_over);
		p->taken_over = broken;
	}
	if (!mortal && p->does.receives)
		account(p);
}

bool
shmif_live(struct life *l)
{
	struct shmif_port *p = port_new(l);
	bool came;

	add(&l->me->lives, 1);
	came = start(p);
	if (came) {
		add(&l->me->ready, 1);
		traffic(p);
		leave(p);
	}
	port_free(p);
	return came;
}

/* ---- a probe */

void
shmif_probe(const char *path, uint64_t seed)
{
	static struct member talker = { .does.sends = true }, listener = { .does.receives = true };
	struct life lives[2] = {
		{ .me = &talker, .path = path, .unlinks = true, .dice = { .state = seed } },
		{ .me = &listener, .path = path, .unlinks = true, .dice = { .state = seed } },
	};
	const uint64_t since = shmbus_clock_mono_ns();
	struct shmif_port *p[2];
	uint64_t sent;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		p[i] = port_new(&lives[i]);
		/* On the run's bus there is no NetBSD kernel, so no lock of one. */
		lives[i].break_ns = path == board->path ? 0 : 20 * MS;
		if (!start(p[i]))
			return;
	}
	/* Over the ring's end, and all of it must arrive. */
	for (sent = 0; sent < 10000 || shmbus_load(&listener.checked) < sent;) {
		if (sent < 10000)
			send_burst(p[0]);
		sent = shmbus_load(&talker.sent);
		receive(p[1]);
		if (shmbus_clock_mono_ns() - since > PATIENCE) {
			board_wrong(WRONG_HANG, "probe: %" PRIu64 " frames sent, %" PRIu64 " received",
				    sent, shmbus_load(&listener.checked));
			return;
		}
	}
	if ((shmbus_load(&shmbus_shmif_header(&p[0]->bus)->lock) |
	     shmbus_load(&shmbus_shmif_header(&p[0]->bus)->spare)) != 0)
		board_wrong(WRONG_OTHER, "probe: the lock is not free");
	if (p[1]->r.overruns != 0)
		board_wrong(WRONG_UNACCOUNTED, "probe: overrun by itself");
	for (i = 0; i < 2; i++) {
		leave(p[i]);
		port_free(p[i]);
	}
	if (access(path, F_OK) == 0)
		board_wrong(WRONG_OTHER, "probe: %s is still there", path);
}
