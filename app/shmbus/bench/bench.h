/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BENCH_H
#define BENCH_H

/*
 * What shmbus bench measures. The parent (run.c) makes a bus, starts a
 * process for each station (worker.c), reads the counters that these
 * keep on a board in shared memory, and takes the differences.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

#include "histogram.h"

#define BENCH_WORKERS_MAX 64
#define BENCH_BURST_MAX 256

struct bench_conf {
	uint32_t senders;
	uint32_t receivers;
	uint32_t sizes[16]; /* of frames */
	uint32_t n_sizes;
	uint32_t burst;
	uint32_t runs;
	double seconds;
	uint32_t format; /* enum shmbus_format */
	uint64_t lane_size;
	uint32_t numa; /* as in shmbus_conf */
	uint32_t cpus[BENCH_WORKERS_MAX];
	uint32_t n_cpus; /* 0: those that we may use */
	bool no_pause;
	bool zero_copy;
	bool check;
	bool latency;
	bool json;
	bool csv;
};

enum bench_role {
	BENCH_SENDER,
	BENCH_RECEIVER,
	BENCH_PING,
	BENCH_PONG,
};

/* ---- the board: one writer per word, all relaxed but ready and go */

enum bench_phase {
	BENCH_WAIT,   /* attach, tell that you are ready */
	BENCH_GO,
	BENCH_STOP,   /* senders end */
	BENCH_DRAIN,  /* they have; receivers take what is left */
	BENCH_END,
};

struct bench_seat {
	_Alignas(64) _Atomic uint64_t frames; /* by its worker */
	_Atomic uint64_t bytes;
	_Atomic uint64_t missed; /* receivers */
	_Atomic uint64_t overruns; /* receivers */
	_Atomic uint64_t bad;	 /* receivers, with check */
	_Atomic bool ready;
	_Atomic bool idle; /* receivers: nothing has come for a while */
	char error[256];   /* written before it exits with 1 */
	struct histogram latency; /* pong: one way; ping: round trip */
};

struct bench_board {
	_Alignas(64) _Atomic int phase; /* by the parent */
	struct bench_seat seats[BENCH_WORKERS_MAX];
};

/* What a worker has to know; it never returns. */
_Noreturn void bench_worker(const struct bench_conf *conf, const char *path, enum bench_role role,
			    uint32_t size, uint32_t number, struct bench_board *board);

/* ---- results */

struct bench_result {
	uint32_t size;
	double tx_pps; /* of all senders together */
	double rx_pps; /* of the mean receiver */
	uint64_t sent;
	uint64_t received; /* by all receivers together */
	uint64_t missed;   /* so */
	uint64_t bad;
	uint64_t unaccounted; /* neither received nor missed, or received unsent: something is broken */
};

/* account.c: one receiver's, of so many frames that it should have got, into the result. */
struct bench_receipt {
	uint64_t received;
	uint64_t missed; /* as its station says; shmif: not used, as that is an estimate */
	uint64_t overruns;
	uint64_t bad;
};

void bench_account(struct bench_result *result, uint32_t format, const struct bench_receipt *receipt);

struct bench_latency {
	uint32_t size;
	struct histogram one_way;
	struct histogram round_trip;
};

/*
 * Measure once. path must not exist, and does not afterwards. 0, or -errno
 * after a message; -EINTR: we were asked to stop.
 */
int bench_throughput(const struct bench_conf *conf, const char *path, uint32_t size,
		     struct bench_result *result);
int bench_latency(const struct bench_conf *conf, const char *path, uint32_t size,
		  struct bench_latency *result);

/* ---- report.c: results[size][run], latencies[size] or NULL */

/* False: out of memory. */
bool bench_report(const struct bench_conf *conf, const struct bench_result *results,
		  const struct bench_latency *latencies);

#endif /* BENCH_H */
