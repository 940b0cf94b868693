/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BENCH_H
#define BENCH_H

/*
 * The parts of shmbus bench. The parent (run.c) makes a bus, and starts a process
 * for each station (worker.c). The workers keep their counters on a board in
 * shared memory. The parent reads the board twice and takes the differences.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

/* Of the example that measures round trips, which is complete in its own folder. */
#include "../../../examples/pingpong/histogram.h"

#define BENCH_WORKERS_MAX 64
#define BENCH_BURST_MAX 256
#define BENCH_RUNS_MAX 100

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
	uint32_t n_cpus; /* 0: all that the process may use */
	bool no_pause;
	bool zero_copy; /* each run twice: copying, and in place */
	bool in_place;  /* of one run: workers write and read frames where the bus has them */
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

/*
 * ---- the board: each word has one writer. All accesses are relaxed, except those
 * to ready, idle and phase.
 */

enum bench_phase {
	BENCH_WAIT,   /* workers attach, and set ready */
	BENCH_GO,
	BENCH_STOP,   /* senders end */
	BENCH_DRAIN,  /* all senders have ended; receivers take what is left */
	BENCH_END,
};

/* Written by one worker. */
struct bench_seat {
	_Alignas(64) _Atomic uint64_t frames;
	_Atomic uint64_t bytes;
	_Atomic uint64_t missed; /* receivers */
	_Atomic uint64_t overruns; /* receivers */
	_Atomic uint64_t bad; /* receivers, with check */
	_Atomic uint64_t sum; /* receivers, with zero_copy: stored so that frames are read */
	_Atomic bool ready;
	_Atomic bool idle; /* receivers: no frame has come for a while */
	char error[256];   /* written before the worker exits with 1 */
	struct histogram latency; /* pong: one way; ping: round trip */
};

struct bench_board {
	_Alignas(64) _Atomic int phase; /* written by the parent */
	struct bench_seat seats[BENCH_WORKERS_MAX];
};

/* Runs a worker, in a process of its own. Never returns. */
_Noreturn void bench_worker(const struct bench_conf *conf, const char *path, enum bench_role role,
			    uint32_t size, uint32_t number, struct bench_board *board);

/* ---- results */

struct bench_result {
	uint32_t size;
	double tx_pps; /* the sum of all senders */
	double rx_pps; /* the mean of all receivers */
	uint64_t sent;
	uint64_t received; /* the sum of all receivers */
	uint64_t missed;   /* the sum of all receivers */
	uint64_t bad;
	uint64_t unaccounted; /* neither received nor missed, or received unsent: a fault */
};

/* The counters of one receiver. */
struct bench_receipt {
	uint64_t received;
	uint64_t missed; /* counted by its station; not used on shmif, where it is an estimate */
	uint64_t overruns;
	uint64_t bad;
};

/* account.c: adds the counters of one receiver to the result. result->sent is set before. */
void bench_account(struct bench_result *result, uint32_t format, const struct bench_receipt *receipt);

struct bench_latency {
	uint32_t size;
	struct histogram one_way;
	struct histogram round_trip;
};

/*
 * Each of these functions makes one measurement. path must not exist before, and does
 * not exist afterwards. They return 0, or -errno after a message; -EINTR, without a
 * message: a signal came.
 */
int bench_throughput(const struct bench_conf *conf, const char *path, uint32_t size,
		     struct bench_result *result);
int bench_latency(const struct bench_conf *conf, const char *path, uint32_t size,
		  struct bench_latency *result);

/* What was measured: runs[size][run]. */
struct bench_found {
	struct bench_result *runs;
	struct bench_result *copying;     /* with zero_copy, of the same order; else NULL */
	struct bench_latency *latencies;  /* [size]; NULL: not measured */
};

/* ---- report.c */

/* Prints the results. False: out of memory. */
bool bench_report(const struct bench_conf *conf, const struct bench_found *found);

#endif /* BENCH_H */
