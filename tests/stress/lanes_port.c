/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A port on a bus of lanes, which does what the driver does in its order.
 *
 * Theory of operation
 *
 * A frame's number is that of the lane, so each can be compared with what the
 * core says that it has read. What a reader got and what it counted as missed
 * must make up all of the lane from where it began, at any moment; at the end
 * that must be all that was sent.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hook.h"
#include "port.h"
#include "shmbus_bus_open.h"
#include "shmbus_clock.h"
#include "shmbus_directed.h"
#include "shmbus_notice.h"
#include "shmbus_port.h"
#include "shmbus_reader.h"
#include "shmbus_room.h"
#include "shmbus_wake.h"
#include "shmbus_writer.h"
#include "stream.h"

/* Not so long that it is taken for a deadlock. */
#define INSISTS_NS (3 * 1000 * 1000)
/* A sender sleeps for so long at most until there is room. */
#define ROOM_MS 20
#define PORTS MEMBERS
#define QUEUES 2u
#define LANES (PORTS * QUEUES)
#define BURST 32u
/* Frames that a receiver takes at once. */
#define BATCH 16u
/* Of 100 ms: so long a queue sleeps over a living sender's frames before that is an error. */
#define SLICES 300u
#define LONGEST (SHMBUS_LANE_SIZE_MIN / 4 - 2 * SHMBUS_LINE)

static_assert(LANES <= LANES_MAX, "no place on the board for so many lanes");

struct mouth {
	struct shmbus_writer w;
	struct shmbus_waker waker;
	struct shmbus_stall stalls[LANES];
	struct shmbus_sleeper sleepers[PORTS];
	struct shmbus_receivers receivers; /* of the burst */
	struct shmbus_addressees addressees; /* of the record */
	uint64_t quarter; /* of a lap, at the last burst; see shmbus_director_end() */
	struct holdup holdup;
	uint64_t stream;
	uint64_t given_up; /* of those, told already */
};

struct ear {
	struct shmbus_reader r;
	struct shmbus_cursor *cursor; /* NULL: holds nobody up */
	uint32_t rxq;
	bool begun;      /* where it began is known */
	uint64_t start;  /* number of the first frame that it is to get, or to miss */
	uint64_t next;   /* no frame below is to come any more */
	uint64_t frames;
	uint64_t stream; /* of the frame before; UINT64_MAX: there was none */
	uint64_t told;   /* of what it missed */
};

struct lanes_port {
	struct life *life;
	struct member *me;
	struct deeds does;
	struct shmbus_bus bus;
	struct shmbus_port port;
	uint32_t n_txq;
	uint32_t n_rxq;
	bool pause;
	bool started;
	int notify_fd[QUEUES]; /* -1: it does not sleep */
	int room_fd; /* what it sleeps on until there is room; -1: it does not */
	struct shmbus_pollers pollers;
	struct mouth mouths[QUEUES];
	struct ear ears[LANES]; /* but those of its own lanes */
	uint8_t copy[BATCH][SHMBUS_ALIGN(LONGEST)];
};

static bool
is_switch(void)
{
	return board->format == STRESS_SWITCH;
}

static void
add(shmbus_a64 *count, uint64_t n)
{
	shmbus_store(count, shmbus_load(count) + n);
}

static bool
is_own(const struct lanes_port *p, uint32_t lane)
{
	return lane / QUEUES == p->port.slot;
}

/* Which lane of which bus: others than the run's are one process's own. */
static uint64_t
lane_key(const struct lanes_port *p, uint32_t lane)
{
	return p->life->path == board->path ? lane : (uint64_t)getpid() << 32 | lane;
}

/* ---- coming and leaving */

static bool
join(struct lanes_port *p)
{
	const struct shmbus_bus_conf conf = {
		.path = p->life->path,
		.ports = PORTS,
		.queues = QUEUES,
		.lane_size = board->lane_size,
		.deliver = is_switch() ? SHMBUS_DELIVER_SWITCH : SHMBUS_DELIVER_ANY,
	};
	const struct shmbus_port_conf port_conf = {
		.mac = { 0xb2, 0xa0, 0, 0, 0, 1 }, .name = "stress", .numa_node = -1,
	};
	const uint64_t since = shmbus_clock_mono_ns();
	struct shmbus_error e;
	int ret;

	do {
		ret = shmbus_bus_open(&p->bus, &conf, &e);
		if (ret != 0) {
			board_wrong(WRONG_OTHER, "cannot open: %s", e.text);
			return false;
		}
		ret = shmbus_port_attach(&p->port, &p->bus, &port_conf, &e);
		if (ret == 0)
			break;
		shmbus_bus_undo(&p->bus);
		/* The slot's lock goes with the last mapping of the file, and who reads a
		 * process's memory by /proc, as ps(1) does, keeps its mappings for as long
		 * as that takes; even when the process has been waited for.
		 */
		add(&p->me->slot_waits, 1);
		usleep(1000);
	} while (ret == -EUSERS && shmbus_clock_mono_ns() - since < PATIENCE);
	if (ret != 0) {
		board_wrong(WRONG_OTHER, "cannot attach: %s", e.text);
		return false;
	}
	shmbus_file_unlock(&p->bus.file);
	if (p->port.took_over)
		add(&p->me->took_over, 1);
	return true;
}

static void
leave(struct lanes_port *p)
{
	int locked;

	locked = shmbus_file_lock(&p->bus.file);
	shmbus_port_detach(&p->port);
	if (locked == 0) {
		if (p->life->unlinks && shmbus_port_count_peers(&p->port) == 0)
			shmbus_file_unlink(&p->bus.file);
		shmbus_file_unlock(&p->bus.file);
	}
	shmbus_bus_close(&p->bus);
}

static bool
start_mouth(struct lanes_port *p, uint32_t queue)
{
	struct mouth *m = &p->mouths[queue];
	int ret;

	ret = shmbus_port_prepare_lane(&p->port, queue);
	if (ret != 0) {
		board_wrong(WRONG_OTHER, "no memory for a lane: %s", strerror(-ret));
		return false;
	}
	shmbus_writer_start(&p->bus, &m->w, p->port.slot, queue, m->stalls, p->pause,
			    board->pause_ns);
	m->w.pollers = &p->pollers;
	shmbus_waker_start(&p->bus, &m->waker, m->w.lane, m->sleepers);
	memset(&m->holdup, 0, sizeof(m->holdup));
	memset(&m->receivers, 0, sizeof(m->receivers));
	m->quarter = m->w.tail / (m->w.size / 4);
	m->given_up = 0;
	m->stream = stream_new(m->w.seq, lane_key(p, m->w.lane));
	if ((p->me->mortal && !board->lossless) || !p->pause)
		shmbus_store(&board->lossy[m->w.lane], 1);
	if (!p->me->mortal && p->life->path == board->path)
		shmbus_store(&board->steady[m->w.lane], 1);
	return true;
}

static bool
start_ear(struct lanes_port *p, uint32_t lane)
{
	struct ear *ear = &p->ears[lane];

	memset(ear, 0, sizeof(*ear));
	ear->rxq = lane % p->n_rxq;
	ear->stream = UINT64_MAX;
	if (shmbus_bus_map_lane(&p->bus, lane, SHMBUS_LANE_READ) != 0) {
		board_wrong(WRONG_OTHER, "cannot map a lane");
		return false;
	}
	shmbus_reader_start(&p->bus, &ear->r, lane);
	if (p->does.holds) {
		ear->cursor = shmbus_bus_cursor(&p->bus, p->port.slot, ear->rxq, lane);
		shmbus_reader_hold(&p->bus, &ear->r, ear->cursor);
	}
	ear->begun = !ear->r.seq_unknown;
	ear->start = ear->r.seq;
	ear->next = ear->r.seq;
	return true;
}

static uint32_t
cursors(const struct lanes_port *p)
{
	return p->does.holds ? SHMBUS_PORT_RX_CURSORS : 0;
}

static bool
open_watch(const struct lanes_port *p, int *fd)
{
	*fd = shmbus_notify_open(p->bus.file.fd);
	if (*fd < 0)
		board_wrong(WRONG_OTHER, "cannot watch the file: %s", strerror(-*fd));
	return *fd >= 0;
}

static bool
open_watches(struct lanes_port *p)
{
	uint32_t q;

	for (q = 0; q < p->n_rxq; q++)
		if (!open_watch(p, &p->notify_fd[q]))
			return false;
	return open_watch(p, &p->room_fd);
}

static bool
start(struct lanes_port *p)
{
	uint32_t i;

	p->n_txq = dice_range(&p->life->dice, 1, QUEUES);
	p->n_rxq = dice_range(&p->life->dice, 1, QUEUES);
	/* The steady ones always wait: so something is known to be lossless. */
	p->pause = !p->me->mortal || board->lossless || dice_range(&p->life->dice, 0, 3) != 0;
	for (i = 0; p->does.sends && i < p->n_txq; i++)
		if (!start_mouth(p, i))
			return false;
	if (p->does.sleeps && !open_watches(p))
		return false;
	shmbus_port_set_queues(&p->port, p->does.sends ? p->n_txq : 0, p->n_rxq);
	shmbus_port_set_state(&p->port, SHMBUS_PORT_ATTACHED | cursors(p));
	for (i = 0; p->does.receives && i < LANES; i++)
		if (!is_own(p, i) && !start_ear(p, i))
			return false;
	shmbus_port_set_state(&p->port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED |
			      SHMBUS_PORT_LINK_UP | cursors(p) |
			      (p->does.sleeps ? SHMBUS_PORT_RX_INTR : 0));
	if (p->does.sleeps)
		shmbus_wake_tell(&p->bus, true);
	p->started = true;
	return true;
}

/* A reader that holds a cursor misses nothing of a sender that waits for it. */
static void
check_held(const struct ear *ear)
{
	if (ear->cursor != NULL && ear->r.missed != 0 && shmbus_load(&board->lossy[ear->r.lane]) == 0)
		board_wrong(WRONG_OVERWRITTEN, "lane %u: %" PRIu64 " frames", ear->r.lane,
			    ear->r.missed);
}

static void
stop(struct lanes_port *p)
{
	uint32_t i;

	if (p->started)
		shmbus_port_set_state(&p->port, SHMBUS_PORT_ATTACHED);
	if (p->started && p->does.sleeps)
		shmbus_wake_tell(&p->bus, false);
	for (i = 0; p->started && p->does.receives && i < LANES; i++)
		if (!is_own(p, i) && p->ears[i].cursor != NULL) {
			/* Else a sender may give up this reader just now, and say so later. */
			if (board->lossless)
				check_held(&p->ears[i]);
			shmbus_reader_release(p->ears[i].cursor);
		}
	if (p->started)
		shmbus_port_set_queues(&p->port, 0, 0);
	for (i = 0; i < QUEUES; i++) {
		if (p->notify_fd[i] >= 0)
			close(p->notify_fd[i]);
		p->notify_fd[i] = -1;
	}
	if (p->room_fd >= 0)
		close(p->room_fd);
	p->room_fd = -1;
	p->started = false;
}

/* ---- sending */

/* The lane's readers may have lost something from now on. */
static void
tell_given_up(struct lanes_port *p, struct mouth *m)
{
	const uint64_t given_up = m->w.timeouts + m->w.deadlocks;

	if (given_up == m->given_up)
		return;
	shmbus_store(&board->lossy[m->w.lane], 1);
	add(&p->me->given_up, given_up - m->given_up);
	m->given_up = given_up;
}

/* The bits of a frame's descriptor that say for whom it is. */
static uint32_t
direct(struct mouth *m, uint64_t number)
{
	const uint32_t slot = is_switch() ? stream_to(m->stream, number, PORTS) : PORTS;

	if (slot == PORTS) {
		m->receivers.all = true;
		m->addressees.all = true;
		return 0;
	}
	shmbus_addressees_add(&m->addressees, slot);
	m->receivers.slots[0] |= UINT64_C(1) << slot;
	return SHMBUS_DESC_DIRECTED | slot << SHMBUS_DESC_SLOT_SHIFT;
}

/* As the driver does it, frame by frame in place. Returns frames; *full: there was no room. */
static uint32_t
send_record(struct lanes_port *p, struct mouth *m, uint32_t max, bool *full)
{
	const struct shmbus_bus *bus = &p->bus;
	const uint32_t burst_max = shmbus_burst_max(&bus->geo);
	const uint32_t data_off = shmbus_burst_data_off(max);
	uint8_t *record = shmbus_writer_record(bus, &m->w);
	shmbus_a32 *desc = shmbus_burst_desc(record);
	uint32_t off = data_off;
	uint64_t bytes = 0;
	uint32_t i, len, next;

	*full = !shmbus_writer_room(bus, &m->w, data_off);
	m->addressees = (struct shmbus_addressees){ .all = false };
	for (i = 0; i < max && !*full; i++) {
		len = stream_len(m->stream, m->w.seq + i, LONGEST);
		next = off + (uint32_t)SHMBUS_ALIGN(len);
		if (next > burst_max && i != 0)
			break;
		*full = !shmbus_writer_room(bus, &m->w, next);
		if (*full)
			break;
		SHMBUS_STEP(writer_copy);
		stream_fill(record + off, len, m->stream, m->w.seq + i);
		shmbus_store(&desc[i], len | direct(m, m->w.seq + i));
		bytes += len;
		off = next;
	}
	tell_given_up(p, m);
	if (i == 0)
		return 0;
	stream_attempt(m->stream, m->w.seq + i);
	if (is_switch())
		shmbus_notice_store(bus, m->w.lane, &m->addressees, m->w.tail, m->w.tail + off);
	shmbus_writer_publish(bus, &m->w, record, i, data_off, off, bytes,
			      shmbus_clock_real_ns());
	stream_published(m->stream, m->w.seq);
	add(&p->me->sent, i);
	return i;
}

/* Sleeps until the reader moves that holds the lane back. It may be stopped, or dead. */
static void
sleep_for_room(struct lanes_port *p, struct mouth *m)
{
	struct pollfd fd = { .fd = p->room_fd, .events = POLLIN };

	shmbus_notify_drain(fd.fd);
	if (!shmbus_room_ask(&p->bus, &m->w)) {
		if (poll(&fd, 1, ROOM_MS) > 0)
			add(&p->me->room_rung, 1);
		else if (shmbus_room_look(&p->bus, &m->w))
			add(&p->me->room_late, 1);
		shmbus_room_end(&p->bus, &m->w);
	}
	tell_given_up(p, m);
}

static void
send_burst(struct lanes_port *p, struct mouth *m)
{
	uint32_t n = dice_range(&p->life->dice, 1, BURST);
	uint64_t since = 0;
	bool full = false;
	uint32_t sent;

	while (n != 0 && (!full || shmbus_clock_mono_ns() - since < INSISTS_NS)) {
		sent = send_record(p, m, n, &full);
		n -= sent;
		if (sent != 0)
			holdup_accepted(&m->holdup);
		if (full && p->room_fd >= 0 && dice_range(&p->life->dice, 0, 7) == 0)
			sleep_for_room(p, m);
		/* Now and then it tries on without receiving. */
		if (full && since == 0) {
			if (dice_range(&p->life->dice, 0, 63) != 0)
				break;
			since = shmbus_clock_mono_ns();
		}
	}
	if (full && holdup_refused(&m->holdup, p->me) == HOLDUP_HANGS)
		board_wrong(WRONG_HANG, "lane %u: no room for a burst", m->w.lane);
	/* Those who get nothing must move their cursors, too. */
	m->receivers.all |= m->w.tail / (m->w.size / 4) != m->quarter;
	m->quarter = m->w.tail / (m->w.size / 4);
	shmbus_waker_published_to(&p->bus, &m->waker, &m->receivers);
	memset(&m->receivers, 0, sizeof(m->receivers));
}

/* ---- receiving */

/* One frame that the core said is whole, and the number that the core gives it. */
static void
check_frame(struct lanes_port *p, struct ear *ear, const uint8_t *frame, uint32_t len,
	    uint64_t number)
{
	uint64_t stream, its;

	add(&p->me->checked, 1);
	ear->frames++;
	if (!stream_check(frame, len, LONGEST, &stream, &its)) {
		ear->next = number + 1;
		ear->stream = UINT64_MAX;
		return;
	}
	if (!ear->begun) {
		ear->begun = true;
		ear->start = number;
		ear->next = number;
	}
	if (is_switch() && stream_to(stream, its, PORTS) != PORTS &&
	    stream_to(stream, its, PORTS) != p->port.slot)
		board_wrong(WRONG_OTHER, "lane %u: frame %" PRIu64 " is for another slot",
			    ear->r.lane, its);
	if (its != number)
		board_wrong(WRONG_MISORDERED, "lane %u: frame %" PRIu64 " in the place of %" PRIu64,
			    ear->r.lane, its, number);
	else if (number < ear->next)
		board_wrong(WRONG_DUPLICATED, "lane %u: frame %" PRIu64 ", and %" PRIu64
			    " had been read", ear->r.lane, number, ear->next - 1);
	else if (number == ear->next && stream != ear->stream && ear->stream != UINT64_MAX &&
		 number != shmbus_load(&board->streams[stream].base))
		board_wrong(WRONG_MISORDERED, "lane %u: frame %" PRIu64 " begins a stream that began"
			    " with %" PRIu64, ear->r.lane, number,
			    shmbus_load(&board->streams[stream].base));
	ear->next = number + 1;
	ear->stream = stream;
}

/* Up to the reader's number, each frame is one that was got, or counted. */
static void
check_counts(struct lanes_port *p, struct ear *ear)
{
	const struct shmbus_reader *r = &ear->r;

	if (r->missed != ear->told) {
		add(&p->me->missed, r->missed - ear->told);
		ear->told = r->missed;
	}
	if (ear->begun && ear->start + ear->frames + r->skipped + r->missed != r->seq) {
		board_wrong(WRONG_UNACCOUNTED, "lane %u: began with %" PRIu64 ", %" PRIu64
			    " received, %" PRIu64 " skipped and %" PRIu64
			    " missed, but the next is %" PRIu64, r->lane, ear->start, ear->frames,
			    r->skipped, r->missed, r->seq);
		ear->begun = false;
	}
	if (r->corrupt != 0) {
		board_wrong(WRONG_OTHER, "lane %u: %" PRIu64 " records make no sense", r->lane,
			    r->corrupt);
		ear->r.corrupt = 0;
	}
}

/* Also of a lane without a frame, as idle queues of the driver look now and then. */
static void
answer_for_room(struct lanes_port *p, struct ear *ear)
{
	if (ear->cursor != NULL && shmbus_room_is_asked(&p->bus, &ear->r))
		shmbus_room_answer(&p->bus, &ear->r, p->port.slot * QUEUES + ear->rxq);
}

static void
publish(const struct shmbus_reader *r, struct shmbus_cursor *cursor)
{
	if (is_switch())
		shmbus_reader_publish_skipped(r, cursor);
	shmbus_reader_publish(r, cursor);
}

static uint32_t
receive(struct lanes_port *p, struct ear *ear)
{
	const struct shmbus_bus *bus = &p->bus;
	struct shmbus_reader *r = &ear->r;
	const uint64_t pos = r->pos;
	const uint64_t skipped = r->skipped;
	uint64_t overruns = r->overruns;
	struct shmbus_walk walk;
	const uint8_t *frame;
	uint32_t lens[BATCH];
	uint64_t numbers[BATCH];
	uint32_t n, i;

	/* By its notice now, and by the records' own words then. */
	if (is_switch() && dice_range(&p->life->dice, 0, 1) != 0)
		shmbus_reader_pass_lane(bus, r, p->port.slot);
	n = shmbus_reader_peek(bus, r);
	if (n != 0) {
		n = n < BATCH ? n : BATCH;
		shmbus_reader_walk(bus, r, &walk);
		for (i = 0; i < n; i++) {
			lens[i] = is_switch() ? shmbus_reader_next_directed(r, &walk, p->port.slot,
									    &frame) :
						shmbus_reader_next(r, &walk, &frame);
			/* Nonsense, or overwritten meanwhile: commit knows. */
			if (lens[i] == 0 || lens[i] > LONGEST)
				break;
			numbers[i] = r->rec_seq + walk.next - 1;
			memcpy(p->copy[i], frame, lens[i]);
		}
		n = i;
		if (!shmbus_reader_commit(bus, r, &walk)) {
			n = 0;
		} else if (n == 0 && walk.skipped == 0) {
			board_wrong(WRONG_OTHER, "lane %u: a record without a frame", r->lane);
			shmbus_reader_give_up(r);
		}
		for (i = 0; i < n; i++)
			check_frame(p, ear, p->copy[i], lens[i], numbers[i]);
	}
	add(&p->me->overruns, r->overruns - overruns);
	check_counts(p, ear);
	if (ear->cursor != NULL && r->pos != pos)
		publish(r, ear->cursor);
	answer_for_room(p, ear);
	/* To skip frames is to go on, too. */
	return n + (uint32_t)(r->skipped - skipped);
}

static uint32_t
receive_all(struct lanes_port *p)
{
	uint32_t got = 0;
	uint32_t i;

	for (i = 0; i < p->n_rxq; i++)
		shmbus_pollers_note(&p->pollers, i);
	for (i = 0; i < LANES; i++)
		if (!is_own(p, i))
			got += receive(p, &p->ears[i]);
	return got;
}

/* ---- sleeping */

/* Is there a frame for this port in a lane? Those for others keep nobody awake. */
static bool
has_own(const struct lanes_port *p, const struct ear *ear)
{
	struct shmbus_reader ahead = ear->r;
	struct shmbus_walk walk;

	while (shmbus_reader_peek(&p->bus, &ahead) != 0) {
		shmbus_reader_walk(&p->bus, &ahead, &walk);
		if (shmbus_reader_pass(&ahead, &walk, p->port.slot) ||
		    !shmbus_reader_commit(&p->bus, &ahead, &walk))
			return true;
	}
	/* Its cursor must move, as the sender may have rung for that already. */
	return ahead.pos / (board->lane_size / 4) != ear->r.pos / (board->lane_size / 4);
}

/* Is there something to read for a queue? From those who live to the end, or from all. */
static bool
is_pending(const struct lanes_port *p, uint32_t rxq, bool steady)
{
	uint32_t i;

	for (i = 0; i < LANES; i++)
		if (!is_own(p, i) && p->ears[i].rxq == rxq &&
		    !(steady && shmbus_load(&board->steady[i]) == 0) &&
		    p->ears[i].r.pos !=
		    shmbus_load_acquire(&shmbus_bus_lane(&p->bus, i)->tail) &&
		    (!is_switch() || has_own(p, &p->ears[i])))
			return true;
	return false;
}

/* Sleep for at most a second while nothing is there, and longer only if a bell must come. */
static void
sleep_queue(struct lanes_port *p, uint32_t rxq)
{
	struct pollfd fd = { .fd = p->notify_fd[rxq], .events = POLLIN };
	unsigned int slices;
	bool rung = false;
	uint32_t i;

	shmbus_notify_drain(fd.fd);
	shmbus_wake_sleep(&p->bus, p->port.slot, rxq);
	if (!is_pending(p, rxq, false)) {
		add(&p->me->sleeps_slept, 1);
		for (i = 0; i < LANES; i++)
			if (!is_own(p, i) && p->ears[i].rxq == rxq)
				answer_for_room(p, &p->ears[i]);
		for (slices = 0; !rung && slices < SLICES; slices++) {
			rung = poll(&fd, 1, 100) > 0;
			add(&p->me->turns, 1);
			if (shmbus_load(&board->phase) >= PHASE_LEAVE)
				break;
			if (slices >= 10 && !rung && !is_pending(p, rxq, true))
				break;
		}
		if (rung)
			add(&p->me->rung, 1);
		else if (slices == SLICES)
			board_wrong(WRONG_LOST_WAKEUP, "queue %u sleeps over frames", rxq);
		else if (is_pending(p, rxq, false))
			add(&p->me->late, 1);
	}
	shmbus_wake_rise(&p->bus, p->port.slot, rxq);
}

/* ---- a life */

/* The newest number that a lane has, from its stamps. */
static uint64_t
lane_end(const struct lanes_port *p, uint32_t lane)
{
	struct shmbus_lane_entry *entry = shmbus_bus_lane(&p->bus, lane);
	const uint64_t tail = shmbus_load_acquire(&entry->tail);
	unsigned int i = shmbus_load(&entry->stamp[0].pos) == tail ? 0 : 1;

	return shmbus_load(&entry->stamp[i].seq);
}

/* What the last sender of a lane says of it. */
static void
check_end(const struct lanes_port *p, uint32_t lane, uint64_t end)
{
	uint64_t i, published, attempted;

	for (i = shmbus_load(&board->n_streams); i-- != 0;)
		if (shmbus_load_acquire(&board->streams[i].key) == lane_key(p, lane) + 1)
			break;
	if (i == UINT64_MAX)
		return;
	published = shmbus_load(&board->streams[i].published);
	attempted = shmbus_load(&board->streams[i].attempted);
	if (end < published || end > attempted)
		board_wrong(WRONG_UNACCOUNTED, "lane %u ends with %" PRIu64 ", its sender with %" PRIu64
			    " to %" PRIu64, lane, end, published, attempted);
}

/* No port sends any more: reads the rest, and checks that no frame is missing. */
static void
account(struct lanes_port *p)
{
	struct ear *ear;
	uint64_t end;
	uint32_t i;

	while (receive_all(p) != 0 || receive_all(p) != 0)
		add(&p->me->turns, 1);
	for (i = 0; i < LANES; i++) {
		if (is_own(p, i))
			continue;
		ear = &p->ears[i];
		end = lane_end(p, i);
		check_end(p, i, end);
		if (ear->begun && ear->start + ear->frames + ear->r.skipped + ear->r.missed != end)
			board_wrong(WRONG_UNACCOUNTED, "lane %u: began with %" PRIu64 ", %" PRIu64
				    " received, %" PRIu64 " skipped and %" PRIu64 " missed, but %"
				    PRIu64 " were sent", i, ear->start, ear->frames, ear->r.skipped,
				    ear->r.missed, end);
		check_held(ear);
	}
}

static void
turn(struct lanes_port *p)
{
	struct dice *d = &p->life->dice;
	const uint32_t phase = shmbus_load(&board->phase);
	const bool sends = p->does.sends && phase != PHASE_COME && phase < PHASE_QUIET;
	uint32_t got = 0;
	uint32_t i;

	/* The steady ones rest now and then, so that others find nothing, and sleep. */
	for (i = 0; sends && i < p->n_txq; i++)
		send_burst(p, &p->mouths[i]);
	if (sends && dice_range(d, 0, 31) == 0)
		usleep(dice_range(d, 1, 1000));
	if (p->does.receives)
		got = receive_all(p);
	if (dice_range(d, 0, 127) == 0)
		shmbus_port_set_mac(&p->port, (const uint8_t[6]){ 0xb2, 0xa0, 0, 0, 1, 1 });
	if (p->does.naps && dice_range(d, 0, 63) == 0)
		usleep(100);
	if (got != 0)
		return;
	if (p->does.sleeps && dice_range(d, 0, 3) == 0)
		sleep_queue(p, dice_range(d, 0, p->n_rxq - 1));
	else
		sched_yield();
}

static void
traffic(struct lanes_port *p)
{
	const bool mortal = p->me->mortal;
	uint64_t turns = p->life->turns;
	uint32_t phase;

	for (;;) {
		phase = shmbus_load_acquire(&board->phase);
		if (phase >= PHASE_QUIET)
			shmbus_store(&p->me->quiet, 1);
		if (phase == PHASE_DRAIN || (mortal && phase >= PHASE_LEAVE))
			break;
		if (p->life->turns != 0 && turns-- == 0)
			break;
		turn(p);
		add(&p->me->turns, 1);
		/* As a port that is stopped and started again. */
		if (mortal && dice_range(&p->life->dice, 0, 255) == 0) {
			stop(p);
			if (!start(p))
				return;
		}
	}
	if (!mortal && p->does.receives)
		account(p);
}

bool
lanes_live(struct life *l)
{
	struct lanes_port *p;
	bool came = false;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		abort();
	p->life = l;
	p->me = l->me;
	p->does = l->me->does;
	p->notify_fd[0] = -1;
	p->notify_fd[1] = -1;
	p->room_fd = -1;
	add(&p->me->lives, 1);
	if (join(p)) {
		came = start(p);
		if (came) {
			add(&p->me->ready, 1);
			traffic(p);
		}
		stop(p);
		leave(p);
	}
	free(p);
	return came;
}

/* ---- a probe */

void
lanes_probe(const char *path, uint64_t seed)
{
	static struct member talker = { .does.sends = true }, listener = { .does = { .receives = true, .holds = true } };
	struct life lives[2] = {
		{ .me = &talker, .path = path, .unlinks = true, .dice = { .state = seed } },
		{ .me = &listener, .path = path, .unlinks = true, .dice = { .state = seed } },
	};
	const uint64_t since = shmbus_clock_mono_ns();
	struct lanes_port *p[2];
	uint64_t sent, got;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		p[i] = calloc(1, sizeof(*p[i]));
		if (p[i] == NULL)
			abort();
		p[i]->life = &lives[i];
		p[i]->me = lives[i].me;
		p[i]->does = lives[i].me->does;
		p[i]->notify_fd[0] = -1;
		p[i]->notify_fd[1] = -1;
		p[i]->room_fd = -1;
		if (!join(p[i]) || !start(p[i]))
			return;
	}
	/* More than a lap, and all of it must arrive. */
	for (sent = 0, got = 0; sent < 1000 || got < sent;) {
		if (sent < 1000)
			send_burst(p[0], &p[0]->mouths[0]);
		sent = shmbus_load(&talker.sent);
		receive_all(p[1]);
		/* What is for others arrives by being skipped. */
		for (got = 0, i = 0; i < LANES; i++)
			got += p[1]->ears[i].frames + p[1]->ears[i].r.skipped;
		if (shmbus_clock_mono_ns() - since > PATIENCE) {
			board_wrong(WRONG_HANG, "probe: %" PRIu64 " frames sent, %" PRIu64 " received; %"
				    PRIu64 " time-outs, %" PRIu64 " dead, %" PRIu64 " deadlocks",
				    sent, got, p[0]->mouths[0].w.timeouts, p[0]->mouths[0].w.dead,
				    p[0]->mouths[0].w.deadlocks);
			return;
		}
	}
	account(p[1]);
	for (i = 0; i < 2; i++) {
		stop(p[i]);
		leave(p[i]);
		free(p[i]);
	}
	if (access(path, F_OK) == 0)
		board_wrong(WRONG_OTHER, "probe: %s is still there", path);
}
