/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef WORKER_H
#define WORKER_H

/*
 * A worker is a thread that moves packets between one pair of queues of a guest and one pair of
 * queues of its port.
 *
 * Theory of operation
 *
 * The worker alternates between a burst from the guest to the bus and a burst from the bus to the
 * guest. While either side has packets it polls. When both have been empty for SPIN_US, the worker
 * asks for a wake-up: a kick of the guest, and an Rx interrupt of the port. It looks once more, and
 * sleeps.
 *
 * Packets that a side does not take stay in their burst, and no more are fetched for it. So a guest
 * without receive buffers holds the senders of the bus back, and a bus with a slow receiver holds
 * the guest back, neither for longer than the driver waits (pause_timeout_ms). The other direction
 * continues. Meanwhile the worker looks at growing intervals: neither side always says when it
 * takes packets again.
 *
 * A guest may have more pairs of queues than there are workers. Then a worker has several transmit
 * rings of the guest in turn. It fills the receive ring of its own number, or another one if the
 * guest does not use that: the vhost library locks a ring.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "shmbus_atomic.h"

struct port;

#define WORKER_BURST 32

/* The longest frame that both sides can have. */
#define WORKER_FRAME_MAX 65535

/* What all workers of a guest look at. One thread at a time writes it. */
struct worker_rings {
	shmbus_a64 rx_enabled; /* receive rings that the guest uses, a bit each */
	shmbus_a32 pairs;      /* of rings that the guest has */
};

struct worker_counters {
	shmbus_a64 frames;
	shmbus_a64 bytes;
	shmbus_a64 dropped;
};

/* Packets on their way to one side. */
struct worker_burst {
	struct rte_mbuf *pkts[WORKER_BURST];
	uint16_t n;
	uint16_t sent; /* pkts[sent..n-1] are left */
};

struct worker {
	/* constant while the thread runs */
	const struct port *port;
	const struct worker_rings *rings;
	int vid;
	uint16_t queue;
	uint16_t n_workers;
	bool mergeable; /* the guest lets a packet lie in several receive buffers */

	/* the thread's own */
	struct worker_burst to_bus;
	struct worker_burst to_guest;
	uint32_t turn;	      /* of the guest's transmit rings */
	unsigned int wait_us; /* the next interval at which a held-back burst is tried again */

	struct worker_counters bus_counters;   /* to the bus */
	struct worker_counters guest_counters; /* to the guest */

	/* for life */
	int epoll;
	int event; /* wakes the thread */
	shmbus_a32 stop;
	bool running;
	pthread_t thread;
};

/* Returns 0, or -errno after a message. */
int worker_init(struct worker *w);

/* Lets a kick of one of the guest's rings wake the worker. old: the descriptor before, or -1. */
void worker_set_kick(struct worker *w, int old, int fd);

/* Starts the thread on a started port. The constant members are set. Returns 0, or -errno. */
int worker_start(struct worker *w);

/* Ends the thread. It does not use the guest or the port any more. */
void worker_stop(struct worker *w);

#endif /* WORKER_H */
