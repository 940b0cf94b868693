/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The processes that shmbus bench measures. Each of them is one station with one loop. */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "shmbus_clock.h"

/* After this many polls in vain a worker yields its CPU: there may be fewer CPUs than workers. */
#define SPINS 256

/* A receiver that gets no frame for this long has received all frames. */
#define IDLE_NS (50 * 1000 * 1000)

/* IEEE's EtherType for experiments. */
#define ETHER_TYPE_HI 0x88
#define ETHER_TYPE_LO 0xb5
#define HEADER_LEN 14

struct worker {
	const struct bench_conf *conf;
	struct bench_board *board;
	struct bench_seat *seat;
	struct shmbus_station *station;
	uint32_t number;
	uint32_t size;
	unsigned int vain;
	uint8_t *bytes; /* burst frames of size bytes */
	uint64_t sum;   /* of what was read, with zero_copy */
};

static _Noreturn void
fail(struct worker *w, const char *what)
{
	snprintf(w->seat->error, sizeof(w->seat->error), "%s", what);
	_exit(1);
}

static int
phase(const struct worker *w)
{
	return atomic_load_explicit(&w->board->phase, memory_order_relaxed);
}

static void
add(_Atomic uint64_t *counter, uint64_t n)
{
	/* The calling worker is the only writer. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Counts a poll in vain. */
static void
pass(struct worker *w)
{
	if (++w->vain % SPINS == 0)
		sched_yield();
}

/* Evaluates n, the result of a call of the library: ends the worker after an error. Returns n. */
static unsigned int
polled(struct worker *w, int n)
{
	if (n < 0)
		fail(w, shmbus_error_text());
	if (n == 0)
		pass(w);
	return (unsigned int)n;
}

static void
make_frames(struct worker *w, unsigned int n)
{
	uint8_t *frame;
	unsigned int i;

	w->bytes = calloc(n, w->size);
	if (w->bytes == NULL)
		fail(w, "out of memory");
	for (i = 0; i < n; i++) {
		frame = w->bytes + (size_t)i * w->size;
		memset(frame, 0xff, 6); /* broadcast */
		frame[6] = 0xb2;
		frame[7] = 0xa0;
		frame[11] = (uint8_t)w->number;
		frame[12] = ETHER_TYPE_HI;
		frame[13] = ETHER_TYPE_LO;
	}
}

/* Writes the number to both ends of the payload. In short frames the ends overlap. */
static void
put_number(const struct worker *w, uint8_t *frame, uint64_t number)
{
	memcpy(frame + HEADER_LEN, &number, sizeof(number));
	memcpy(frame + w->size - sizeof(number), &number, sizeof(number));
}

static bool
ends_agree(const struct worker *w, const uint8_t *frame, uint32_t len)
{
	return len == w->size &&
	       memcmp(frame + HEADER_LEN, frame + len - sizeof(uint64_t), sizeof(uint64_t)) == 0;
}

/* ---- throughput */

/* Writes a frame, all of it, as a program does that makes its frames. */
static void
write_frame(const struct worker *w, uint8_t *frame, uint64_t number)
{
	const uint32_t size = w->size;
	uint32_t off;

	memcpy(frame, w->bytes, HEADER_LEN);
	for (off = HEADER_LEN; off + sizeof(number) <= size; off += sizeof(number))
		memcpy(frame + off, &number, sizeof(number));
	put_number(w, frame, number);
}

/* Reads a frame, all of it, as a program does that uses its frames. */
static void
read_frame(struct worker *w, const uint8_t *frame, uint32_t len)
{
	uint64_t sum = 0;
	uint64_t word;
	uint32_t off;

	for (off = 0; off + sizeof(word) <= len; off += sizeof(word)) {
		memcpy(&word, frame + off, sizeof(word));
		sum += word;
	}
	w->sum += sum;
}

static int
send_copies(struct worker *w, uint64_t number)
{
	struct shmbus_tx frames[BENCH_BURST_MAX];
	const unsigned int n = w->conf->burst;
	uint8_t *frame;
	unsigned int i;

	for (i = 0; i < n; i++) {
		frame = w->bytes + (size_t)i * w->size;
		frames[i] = (struct shmbus_tx){ .data = frame, .len = w->size };
		if (w->conf->zero_copy)
			write_frame(w, frame, number + i);
		else if (w->conf->check)
			put_number(w, frame, number + i);
	}
	return shmbus_send(w->station, frames, n);
}

static int
send_in_place(struct worker *w, uint64_t number)
{
	struct shmbus_place places[BENCH_BURST_MAX];
	int i, n, ret;

	for (i = 0; i < (int)w->conf->burst; i++)
		places[i] = (struct shmbus_place){ .len = w->size };
	n = shmbus_reserve(w->station, places, w->conf->burst);
	if (n <= 0)
		return n;
	for (i = 0; i < n; i++)
		write_frame(w, places[i].data, number + (unsigned int)i);
	do
		ret = shmbus_commit(w->station, places, (unsigned int)n);
	while (ret == 0 && phase(w) == BENCH_GO); /* shmif: the lock is not available */
	return ret;
}

static void
run_sender(struct worker *w)
{
	uint64_t number = 0;
	unsigned int sent;

	make_frames(w, w->conf->burst);
	while (phase(w) == BENCH_GO) {
		sent = polled(w, w->conf->in_place ? send_in_place(w, number) : send_copies(w, number));
		number += sent;
		add(&w->seat->frames, sent);
	}
}

static int
receive_copies(struct worker *w)
{
	struct shmbus_rx frames[BENCH_BURST_MAX];
	unsigned int i;
	int n;

	for (i = 0; i < w->conf->burst; i++)
		frames[i] = (struct shmbus_rx){ .data = w->bytes + (size_t)i * w->size, .room = w->size };
	n = shmbus_receive(w->station, frames, w->conf->burst);
	for (i = 0; (int)i < n; i++) {
		if (w->conf->check && !ends_agree(w, frames[i].data, frames[i].len))
			add(&w->seat->bad, 1);
		if (w->conf->zero_copy)
			read_frame(w, frames[i].data, frames[i].len);
	}
	return n;
}

static int
receive_views(struct worker *w)
{
	struct shmbus_view views[BENCH_BURST_MAX];
	uint64_t bad = 0;
	unsigned int i;
	int n, ret;

	n = shmbus_peek(w->station, views, w->conf->burst);
	if (n <= 0)
		return n;
	for (i = 0; (int)i < n; i++) {
		bad += w->conf->check && !ends_agree(w, views[i].data, views[i].len);
		read_frame(w, views[i].data, views[i].len);
	}
	ret = shmbus_release(w->station, (unsigned int)n);
	if (ret > 0) /* else the views were overwritten, and the frames count as missed */
		add(&w->seat->bad, bad);
	return ret;
}

/*
 * Sets idle if no frame has come for a while. Polls that found the lock of a shmif
 * bus held do not count, because a frame may have been there.
 */
static void
tell_if_quiet(struct worker *w, uint64_t *quiet_ns, uint64_t *busy)
{
	struct shmbus_stats stats;

	shmbus_get_stats(w->station, &stats);
	if (*quiet_ns == 0 || stats.lock_busy != *busy) {
		*quiet_ns = shmbus_clock_mono_ns();
		*busy = stats.lock_busy;
	} else if (shmbus_clock_mono_ns() - *quiet_ns >= IDLE_NS) {
		atomic_store_explicit(&w->seat->missed, stats.rx_missed, memory_order_relaxed);
		atomic_store_explicit(&w->seat->overruns, stats.rx_overruns, memory_order_relaxed);
		atomic_store_explicit(&w->seat->idle, true, memory_order_release);
	}
}

static void
run_receiver(struct worker *w)
{
	uint64_t quiet_ns = 0;
	uint64_t busy = 0;
	unsigned int n;

	make_frames(w, w->conf->burst);
	while (phase(w) != BENCH_END) {
		n = polled(w, w->conf->in_place ? receive_views(w) : receive_copies(w));
		add(&w->seat->frames, n);
		if (n != 0)
			quiet_ns = 0;
		else if (phase(w) == BENCH_DRAIN)
			tell_if_quiet(w, &quiet_ns, &busy);
	}
	atomic_store_explicit(&w->seat->sum, w->sum, memory_order_relaxed);
}

/* ---- latency: one frame that goes there and back, and carries the time it was sent at */

static void
send_one(struct worker *w)
{
	const struct shmbus_tx frame = { .data = w->bytes, .len = w->size };

	while (polled(w, shmbus_send(w->station, &frame, 1)) == 0 && phase(w) == BENCH_GO)
		;
}

/* Receives one frame. *began: the sending time in the frame. False: the run is over. */
static bool
receive_one(struct worker *w, uint64_t *began)
{
	struct shmbus_rx frame = { .data = w->bytes, .room = w->size };
	unsigned int n;

	do
		n = polled(w, shmbus_receive(w->station, &frame, 1));
	while (n == 0 && phase(w) == BENCH_GO);
	memcpy(began, w->bytes + HEADER_LEN, sizeof(*began));
	return n == 1;
}

static void
run_ping(struct worker *w)
{
	uint64_t began, unused;

	make_frames(w, 1);
	while (phase(w) == BENCH_GO) {
		began = shmbus_clock_mono_ns();
		memcpy(w->bytes + HEADER_LEN, &began, sizeof(began));
		send_one(w);
		if (!receive_one(w, &unused))
			return;
		histogram_add(&w->seat->latency, shmbus_clock_mono_ns() - began);
		add(&w->seat->frames, 1);
	}
}

static void
run_pong(struct worker *w)
{
	uint64_t began;

	make_frames(w, 1);
	while (receive_one(w, &began)) {
		histogram_add(&w->seat->latency, shmbus_clock_mono_ns() - began);
		add(&w->seat->frames, 1);
		send_one(w);
	}
}

/* ---- a worker's life */

static void
attach(struct worker *w, const char *path, enum bench_role role)
{
	char name[32];
	const struct shmbus_conf conf = {
		.flags = SHMBUS_EXISTING | (role == BENCH_SENDER ? SHMBUS_SEND_ONLY : 0) |
			 (w->conf->no_pause ? SHMBUS_NO_PAUSE : 0),
		.pause_timeout_ms = 10 * 1000, /* on a busy machine a receiver may sleep for long */
		.name = name,
	};

	snprintf(name, sizeof(name), "bench %s %u", role == BENCH_SENDER || role == BENCH_PING ?
		 "sender" : "receiver", w->number);
	if (shmbus_attach(&w->station, path, &conf) != 0)
		fail(w, shmbus_error_text());
}

void
bench_worker(const struct bench_conf *conf, const char *path, enum bench_role role, uint32_t size,
	     uint32_t number, struct bench_board *board)
{
	struct worker w = {
		.conf = conf,
		.board = board,
		.seat = &board->seats[number],
		.number = number,
		.size = size,
	};

	attach(&w, path, role);
	atomic_store_explicit(&w.seat->ready, true, memory_order_release);
	while (atomic_load_explicit(&board->phase, memory_order_acquire) == BENCH_WAIT)
		pass(&w);
	switch (role) {
	case BENCH_SENDER:
		run_sender(&w);
		break;
	case BENCH_RECEIVER:
		run_receiver(&w);
		break;
	case BENCH_PING:
		run_ping(&w);
		break;
	case BENCH_PONG:
		run_pong(&w);
		break;
	}
	free(w.bytes);
	shmbus_detach(w.station);
	_exit(0);
}
