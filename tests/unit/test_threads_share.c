/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Queues that read lanes of their own begin to read all lanes, while threads poll them and
 * others send: no data race, and each frame is taken once.
 */

#include <sched.h>
#include <stdlib.h>

#include "check.h"
#include "shmbus_barrier.h"
#include "shmbus_gate.h"
#include "shmbus_lanes_rx.h"
#include "threads.h"
#include "tmpdir.h"

#define QUEUES 2 /* as threads_join() makes them */
#define FRAMES 2048 /* of each lane; the last burst may go beyond */
#define ROUNDS 12

struct port {
	struct threads t;
	struct poller {
		struct port *port;
		struct shmbus_lanes_rx rx;
		struct shmbus_gate gate;
		shmbus_a32 closed;
		shmbus_a32 lock;
		void *memory;
	} pollers[QUEUES];
	uint64_t shared_from[4 * QUEUES]; /* written under all locks, read under one */
	bool shared;
	shmbus_a32 taken;
	shmbus_a32 stop;
	shmbus_a8 seen[QUEUES][FRAMES + 64];
};

/* Returns whether the queue takes the frame, as all queues must agree. */
static bool
is_for(const struct poller *p, const struct shmbus_reader *r, uint64_t seq)
{
	const uint32_t own = (r->lane / QUEUES + r->lane % QUEUES) % QUEUES;

	if (!p->port->shared || (int64_t)(r->pos - p->port->shared_from[r->lane]) < 0)
		return own == p->rx.conf.queue;
	return seq / 3 % QUEUES == p->rx.conf.queue;
}

static void
take(struct poller *p, const struct shmbus_reader *r, uint64_t seq, const uint8_t *frame,
     uint32_t len)
{
	struct port *port = p->port;

	if (!is_for(p, r, seq))
		return;
	if (!frame_is(frame, len, seq))
		fail_msg("frame %u is torn", (unsigned int)seq);
	if (shmbus_add(&port->seen[r->lane % QUEUES][seq], 1) != 0)
		fail_msg("frame %u came twice", (unsigned int)seq);
	shmbus_add(&port->taken, 1);
}

/* Reads some frames of a record. */
static void
read_some(struct poller *p, struct shmbus_reader *r, uint32_t max)
{
	const struct shmbus_bus *bus = &p->port->t.b.bus;
	static _Thread_local uint8_t buf[4096];
	const struct shmbus_reader before = *r;
	struct shmbus_walk walk;
	const uint8_t *frame;
	uint32_t n, i, len;

	n = shmbus_reader_peek(bus, r);
	if (n == 0)
		return;
	for (i = 0; i < n && i < max; i++) {
		const uint64_t seq = r->rec_seq + r->next;
		const struct shmbus_reader at = *r;

		shmbus_reader_walk(bus, r, &walk);
		len = shmbus_reader_next(r, &walk, &frame);
		if (len == 0 || len > sizeof(buf))
			fail_msg("not a frame");
		shmbus_copy_exact(buf, frame, len);
		if (!shmbus_reader_commit(bus, r, &walk))
			fail_msg("overtaken");
		take(p, &at, seq, buf, len);
	}
	if (r->pos != before.pos)
		shmbus_lanes_rx_publish(bus, &p->rx, r);
}

static void
burst(struct poller *p)
{
	struct shmbus_bus *bus = &p->port->t.b.bus;
	struct shmbus_lanes_rx_active *a;
	struct shmbus_reader *r;
	uint32_t left;

	if (shmbus_lanes_rx_due(&p->rx))
		shmbus_lanes_rx_attend(bus, &p->rx);
	left = p->rx.n_active;
	while ((a = shmbus_lanes_rx_next(bus, &p->rx, &left)) != NULL) {
		r = shmbus_lanes_rx_reader(bus, &p->rx, a->lane);
		assert_non_null(r);
		read_some(p, r, 5);
		shmbus_lanes_rx_leave(bus, &p->rx, a);
	}
	shmbus_lanes_rx_polled(&p->rx, 1);
}

static void *
poll_queue(void *arg)
{
	struct poller *p = arg;
	bool closed;

	while (shmbus_load(&p->port->stop) == 0) {
		shmbus_gate_enter(&p->gate);
		closed = shmbus_load_acquire(&p->closed) != 0;
		if (!closed)
			burst(p);
		shmbus_gate_leave(&p->gate);
		if (closed && shmbus_swap_acquire(&p->lock, 0, 1)) {
			burst(p);
			shmbus_store_release(&p->lock, 0);
		}
		sched_yield();
	}
	return NULL;
}

/* What the driver does at the first rule that chooses among queues. */
static void
share(struct port *port)
{
	struct shmbus_lanes_rx *queues[QUEUES];
	uint32_t i;

	for (i = 0; i < QUEUES; i++)
		shmbus_store_release(&port->pollers[i].closed, 1);
	shmbus_barrier_everywhere();
	for (i = 0; i < QUEUES; i++) {
		while (shmbus_gate_is_busy(&port->pollers[i].gate))
			sched_yield();
		while (!shmbus_swap_acquire(&port->pollers[i].lock, 0, 1))
			sched_yield();
		queues[i] = &port->pollers[i].rx;
	}
	for (i = 0; i < QUEUES; i++)
		shmbus_lanes_rx_share(&port->t.b.bus, queues[i]);
	for (i = 0; i < DIM(port->shared_from); i++)
		port->shared_from[i] = shmbus_lanes_rx_shared(&port->t.b.bus, queues, QUEUES, i);
	port->shared = true;
	for (i = 0; i < QUEUES; i++)
		shmbus_store_release(&port->pollers[i].lock, 0);
}

static void
start_poller(struct port *port, uint32_t queue)
{
	const struct shmbus_geometry *geo = &port->t.b.bus.geo;
	const struct shmbus_lanes_rx_conf conf = {
		.slot = port->t.b.port.slot, .queue = queue, .n_queues = QUEUES,
	};
	struct poller *p = &port->pollers[queue];

	p->port = port;
	p->memory = aligned_alloc(SHMBUS_LINE, shmbus_lanes_rx_size(geo));
	assert_non_null(p->memory);
	memset(p->memory, 0, shmbus_lanes_rx_size(geo));
	shmbus_lanes_rx_init(&p->rx, geo, p->memory);
	shmbus_lanes_rx_start(&port->t.b.bus, &p->rx, &conf);
}

/* The change comes after so many frames. */
static void
one_round(uint32_t when)
{
	static struct thread_sender senders[QUEUES];
	struct port *port = calloc(1, sizeof(*port));
	struct shmbus_lanes_rx_counts counts = { .missed = 0 };
	pthread_t threads[2 * QUEUES];
	uint32_t i, sent = 0;

	assert_non_null(port);
	threads_join(&port->t, SHMBUS_LANE_SIZE_MIN);
	station_announce(&port->t.a, QUEUES, 0);
	station_announce(&port->t.b, 0, QUEUES);
	for (i = 0; i < QUEUES; i++) {
		start_poller(port, i);
		transmitter_start(&senders[i].tx, &port->t.a, i, true, 60000);
		senders[i].frames = FRAMES;
	}
	for (i = 0; i < QUEUES; i++) {
		threads[i] = thread_start(poll_queue, &port->pollers[i]);
		threads[QUEUES + i] = thread_start(thread_send, &senders[i]);
	}
	while (shmbus_load(&port->taken) < when)
		sched_yield();
	share(port);
	for (i = 0; i < QUEUES; i++) {
		thread_wait(threads[QUEUES + i]);
		sent += (uint32_t)senders[i].tx.w.seq;
	}
	while (shmbus_load(&port->taken) < sent)
		sched_yield();
	shmbus_store(&port->stop, 1);
	for (i = 0; i < QUEUES; i++) {
		thread_wait(threads[i]);
		shmbus_lanes_rx_count(&port->pollers[i].rx, &counts);
		shmbus_lanes_rx_stop(&port->t.b.bus, &port->pollers[i].rx);
		free(port->pollers[i].memory);
		assert_int_equal(senders[i].tx.w.timeouts + senders[i].tx.w.dead, 0);
		transmitter_stop(&senders[i].tx);
	}
	assert_int_equal(port->taken, sent);
	assert_int_equal(counts.missed + counts.corrupt, 0);
	threads_leave(&port->t);
	free(port);
}

static void
test_share(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < ROUNDS; i++)
		one_round(i * QUEUES * FRAMES / ROUNDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests_name("threads_share", tests, tmpdir_create, tmpdir_remove);
}
