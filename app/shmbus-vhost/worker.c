/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_vhost.h>

#include "offload.h"
#include "port.h"
#include "say.h"
#include "worker.h"

/* How long a worker polls without finding anything before it sleeps. */
#define SPIN_US 50

/* Bursts that are fetched from a guest that goes away: a ring of 1024 entries. */
#define LAST_BURSTS 32

/* The longest sleeps: while a burst is held back, and otherwise. */
#define RETRY_MIN_US 50
#define RETRY_MAX_US 10000
#define SLEEP_US 1000000

/* The rings of a pair, as the guest numbers them. */
#define RX_RING(pair) ((uint16_t)(2 * (pair)))
#define TX_RING(pair) ((uint16_t)(2 * (pair) + 1))

static void
count(struct worker_counters *c, uint16_t n, uint64_t bytes)
{
	shmbus_count(&c->frames, n);
	shmbus_count(&c->bytes, bytes);
}

/* Begins a burst with n packets. prepare returns a packet as the other side takes it, or NULL. */
static void
begin(struct worker_burst *b, uint16_t n, struct rte_mbuf *(*prepare)(struct rte_mbuf *m),
      struct worker_counters *c)
{
	struct rte_mbuf *m;
	uint16_t i;

	b->n = b->sent = 0;
	for (i = 0; i < n; i++) {
		m = prepare(b->pkts[i]);
		if (m != NULL)
			b->pkts[b->n++] = m;
		else
			shmbus_count(&c->dropped, 1);
	}
}

static bool
is_empty(const struct worker_burst *b)
{
	return b->sent == b->n;
}

static uint64_t
bytes_of(const struct worker_burst *b)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = b->sent; i < b->n; i++)
		bytes += b->pkts[i]->pkt_len;
	return bytes;
}

static void
drop(struct worker_burst *b, uint16_t n, struct worker_counters *c)
{
	rte_pktmbuf_free_bulk(b->pkts + b->sent, n);
	b->sent += n;
	shmbus_count(&c->dropped, n);
}

/* ---- from the guest to the bus */

static uint32_t
pairs(const struct worker *w)
{
	return shmbus_load(&w->rings->pairs);
}

/* Fetches a burst from the worker's transmit rings in turn. Returns whether there was any. */
static bool
fetch_from_guest(struct worker *w)
{
	const uint32_t end = pairs(w);
	uint32_t pair;
	uint16_t n;

	for (pair = w->queue; pair < end; pair += w->n_workers) {
		w->turn += w->n_workers;
		if (w->turn >= end)
			w->turn = w->queue;
		n = rte_vhost_dequeue_burst(w->vid, TX_RING(w->turn), w->port->pools[w->queue],
					    w->to_bus.pkts, WORKER_BURST);
		if (n == 0)
			continue;
		begin(&w->to_bus, n, offload_pass_to_bus, &w->bus_counters);
		return true;
	}
	return false;
}

static bool
move_to_bus(struct worker *w)
{
	struct worker_burst *b = &w->to_bus;
	const bool fetched = is_empty(b) && fetch_from_guest(w);
	uint64_t bytes;
	uint16_t n;

	if (is_empty(b))
		return fetched;
	/* The driver frees what it has taken, so the bytes are counted first. */
	bytes = bytes_of(b);
	n = rte_eth_tx_burst(w->port->id, w->queue, b->pkts + b->sent, (uint16_t)(b->n - b->sent));
	b->sent += n;
	count(&w->bus_counters, n, bytes - bytes_of(b));
	return n != 0;
}

/* ---- from the bus to the guest */

/* Returns the receive ring that this worker fills, or UINT16_MAX if the guest uses none. */
static uint16_t
rx_ring(const struct worker *w)
{
	uint64_t enabled = shmbus_load(&w->rings->rx_enabled);
	unsigned int skip;

	if (enabled == 0)
		return UINT16_MAX;
	if (enabled >> w->queue & 1)
		return RX_RING(w->queue);
	for (skip = w->queue % (unsigned int)__builtin_popcountll(enabled); skip > 0; skip--)
		enabled &= enabled - 1;
	return RX_RING((unsigned int)__builtin_ctzll(enabled));
}

/* Returns whether the guest has as many receive buffers as a packet can ever ask for. */
static bool
has_room(const struct worker *w, uint16_t ring)
{
	const uint16_t there = rte_vhost_avail_entries(w->vid, ring);
	struct rte_vhost_vring vring;

	if (!w->mergeable)
		return there != 0;
	return rte_vhost_get_vhost_vring(w->vid, ring, &vring) == 0 && there >= vring.size;
}

static uint16_t
enqueue(struct worker *w, uint16_t ring)
{
	struct worker_burst *b = &w->to_guest;

	return rte_vhost_enqueue_burst(w->vid, ring, b->pkts + b->sent,
				       (uint16_t)(b->n - b->sent));
}

static bool
move_to_guest(struct worker *w)
{
	struct worker_burst *b = &w->to_guest;
	uint16_t ring, n;
	uint64_t bytes;

	if (is_empty(b)) {
		n = rte_eth_rx_burst(w->port->id, w->queue, b->pkts, WORKER_BURST);
		if (n == 0)
			return false;
		begin(b, n, offload_pass_to_guest, &w->guest_counters);
		if (is_empty(b))
			return true;
	}
	ring = rx_ring(w);
	if (ring == UINT16_MAX)
		return false;
	bytes = bytes_of(b);
	n = enqueue(w, ring);
	if (n == 0 && has_room(w, ring)) {
		/* A packet that is not taken now will never fit the buffers of this guest. */
		n = enqueue(w, ring);
		if (n == 0) {
			drop(b, 1, &w->guest_counters);
			return true;
		}
	}
	/* The library has copied the packets. */
	rte_pktmbuf_free_bulk(b->pkts + b->sent, n);
	b->sent += n;
	count(&w->guest_counters, n, bytes - bytes_of(b));
	return n != 0;
}

static bool
move(struct worker *w)
{
	const bool out = move_to_bus(w);
	const bool in = move_to_guest(w);

	return out || in;
}

/* ---- sleep */

/* Turns kicks of a direction on or off. */
static void
notify(const struct worker *w, bool on)
{
	const uint32_t end = pairs(w);
	const uint16_t ring = rx_ring(w);
	uint32_t pair;

	/* A ring that is not wanted now is left as it is: off. */
	if (is_empty(&w->to_bus) || !on)
		for (pair = w->queue; pair < end; pair += w->n_workers)
			rte_vhost_enable_guest_notification(w->vid, TX_RING(pair), on);
	if (ring != UINT16_MAX && (!is_empty(&w->to_guest) || !on))
		rte_vhost_enable_guest_notification(w->vid, ring, on);
}

/* Returns whether the guest has sent something that cannot be fetched: no mbufs, or nonsense. */
static bool
is_stuck(const struct worker *w)
{
	const uint32_t end = pairs(w);
	uint32_t pair;

	for (pair = w->queue; pair < end; pair += w->n_workers)
		if (rte_vhost_rx_queue_count(w->vid, TX_RING(pair)) != 0)
			return true;
	return false;
}

static void
wait_for_event(struct worker *w, unsigned int us)
{
	const struct timespec limit = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };
	struct epoll_event events[8];
	uint64_t count_of_events;

	/* Before Linux 5.11 there are milliseconds only. */
	if (epoll_pwait2(w->epoll, events, 8, &limit, NULL) < 0 && errno == ENOSYS)
		epoll_wait(w->epoll, events, 8, (int)(us / 1000) + 1);
	if (read(w->event, &count_of_events, sizeof(count_of_events)) < 0) {
		/* Nobody has written to it. */
	}
}

/* Sleeps until there is something to do. Returns at once if there is something already. */
static void
sleep_until_needed(struct worker *w)
{
	const bool armed = is_empty(&w->to_guest) &&
			   rte_eth_dev_rx_intr_enable(w->port->id, w->queue) == 0;
	unsigned int us = SLEEP_US;

	notify(w, true);
	/* The guest looks at the flag after it has added a buffer, so the worker looks after the flag. */
	shmbus_fence_full();
	if (move(w)) {
		w->wait_us = RETRY_MIN_US;
		goto out;
	}
	if (!is_empty(&w->to_bus) || !is_empty(&w->to_guest) || is_stuck(w)) {
		us = w->wait_us;
		w->wait_us = RTE_MIN(2 * us, RETRY_MAX_US);
	}
	if (!shmbus_load_acquire(&w->stop))
		wait_for_event(w, us);
out:
	notify(w, false);
	if (armed)
		rte_eth_dev_rx_intr_disable(w->port->id, w->queue);
}

/* ---- the thread */

/*
 * The guest or the port goes away. Sends what the guest has sent before, as far as the bus takes it,
 * and frees the rest.
 */
static void
empty(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < LAST_BURSTS && move_to_bus(w); i++)
		continue;
	drop(&w->to_bus, (uint16_t)(w->to_bus.n - w->to_bus.sent), &w->bus_counters);
	drop(&w->to_guest, (uint16_t)(w->to_guest.n - w->to_guest.sent), &w->guest_counters);
}

static void *
work(void *arg)
{
	const uint64_t spin = rte_get_tsc_hz() / 1000000 * SPIN_US;
	struct worker *w = arg;
	uint64_t last = rte_rdtsc();

	/* With a number of its own the thread has caches in the pools. It works without one, too. */
	rte_thread_register();
	notify(w, false);
	while (!shmbus_load_acquire(&w->stop)) {
		if (move(w)) {
			w->wait_us = RETRY_MIN_US;
			last = rte_rdtsc();
		} else if (rte_rdtsc() - last > spin) {
			sleep_until_needed(w);
			last = rte_rdtsc();
		}
	}
	empty(w);
	rte_thread_unregister();
	return NULL;
}

int
worker_init(struct worker *w)
{
	struct epoll_event on = { .events = EPOLLIN };
	int ret;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll >= 0 && w->event >= 0 &&
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->event, &on) == 0)
		return 0;
	ret = -errno;
	say("cannot make a descriptor to sleep on: %s", strerror(-ret));
	return ret;
}

void
worker_set_kick(struct worker *w, int old, int fd)
{
	/*
	 * Edge-triggered: the descriptor is never read, as a read might block. It is a stranger's, and
	 * need not be an eventfd.
	 */
	struct epoll_event on = { .events = EPOLLIN | EPOLLET };

	if (old >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, old, &on);
	if (fd >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &on);
}

static void
set_interrupt(struct worker *w, int how)
{
	/* Edge-triggered: events of other ports keep it readable while the interrupt is off. */
	struct epoll_event on = { .events = EPOLLIN | EPOLLET };
	const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(w->port->id, w->queue);

	if (fd >= 0)
		epoll_ctl(w->epoll, how, fd, &on);
}

/* Lets the thread run on the processors that EAL has been given. */
static void
set_affinity(pthread_attr_t *attr)
{
	rte_cpuset_t all, one;
	unsigned int lcore;

	CPU_ZERO(&all);
	for (lcore = 0; lcore < RTE_MAX_LCORE; lcore++) {
		if (!rte_lcore_is_enabled(lcore))
			continue;
		one = rte_lcore_cpuset(lcore);
		CPU_OR(&all, &all, &one);
	}
	pthread_attr_setaffinity_np(attr, sizeof(all), &all);
}

int
worker_start(struct worker *w)
{
	pthread_attr_t attr;
	char name[16];
	int ret;

	memset(&w->to_bus, 0, sizeof(w->to_bus));
	memset(&w->to_guest, 0, sizeof(w->to_guest));
	w->turn = w->queue;
	w->wait_us = RETRY_MIN_US;
	shmbus_store(&w->stop, 0);
	set_interrupt(w, EPOLL_CTL_ADD);
	ret = pthread_attr_init(&attr);
	if (ret != 0)
		return -ret;
	set_affinity(&attr);
	ret = pthread_create(&w->thread, &attr, work, w);
	pthread_attr_destroy(&attr);
	w->running = ret == 0;
	if (ret != 0)
		return -ret;
	snprintf(name, sizeof(name), "vhost-q%u", w->queue);
	pthread_setname_np(w->thread, name);
	return 0;
}

void
worker_stop(struct worker *w)
{
	const uint64_t one = 1;

	if (!w->running)
		return;
	shmbus_store_release(&w->stop, 1);
	if (write(w->event, &one, sizeof(one)) < 0) {
		/* It is readable already. */
	}
	pthread_join(w->thread, NULL);
	w->running = false;
	set_interrupt(w, EPOLL_CTL_DEL);
}
