/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receive frames and look at every byte of them. A frame is kept for a while
 * beforehand: a driver that goes on using an mbuf that it has delivered is
 * found out.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_hexdump.h>

#include "checker_frame.h"
#include "checker_receive.h"
#include "checker_streams.h"

#define DAMAGED_SHOWN 3

static struct rte_mbuf **held; /* the last opt->hold frames */
static uint32_t n_held;
static uint32_t oldest;
static uint16_t turn;
static uint64_t until_sleep;
static uint64_t luck;
static struct rte_mbuf **pkts;

bool
receiver_init(const struct options *opt)
{
	luck = opt->seed;
	until_sleep = opt->slow_every;
	pkts = calloc(opt->burst, sizeof(*pkts));
	held = calloc(opt->hold + 1, sizeof(*held));
	if (pkts != NULL && held != NULL)
		return true;
	fprintf(stderr, "checker: out of memory\n");
	return false;
}

/* Does the chain hang together, and is it this port's? */
static bool
check_chain(const struct options *opt, const struct rte_mbuf *head)
{
	const struct rte_mbuf *m;
	uint32_t len = 0;
	uint32_t n = 0;

	if (head->port != opt->port)
		return false;
	for (m = head; m != NULL && n < head->nb_segs; m = m->next) {
		if (m->data_len == 0 || rte_mbuf_refcnt_read(m) != 1)
			return false;
		len += m->data_len;
		n++;
	}
	return m == NULL && n == head->nb_segs && len == head->pkt_len;
}

static void
show_damaged(const struct rte_mbuf *m, const void *frame, uint32_t len)
{
	fprintf(stderr, "checker: damaged frame: pkt_len %u, nb_segs %u, port %u\n", m->pkt_len,
		m->nb_segs, m->port);
	if (frame != NULL)
		rte_hexdump(stderr, "its beginning", frame, RTE_MIN(len, 128u));
}

static void
look_at(const struct options *opt, struct receiver *r, struct rte_mbuf *m)
{
	static uint8_t flat[FRAME_MAX];
	const uint32_t len = m->pkt_len;
	const uint8_t *frame = NULL;
	uint16_t stream;
	uint32_t seq;

	if (check_chain(opt, m) && len <= sizeof(flat))
		frame = rte_pktmbuf_read(m, 0, len, flat);
	r->frames++;
	r->bytes += len;
	r->multi += m->nb_segs > 1;
	if (frame == NULL || !frame_check(frame, len, &stream, &seq)) {
		if (r->damaged++ < DAMAGED_SHOWN)
			show_damaged(m, frame, len);
	} else if (!streams_take(stream, seq)) {
		if (r->stale++ < DAMAGED_SHOWN)
			fprintf(stderr, "checker: stream %u: frame %u came again, or too late\n",
				stream, seq);
	}
	rte_pktmbuf_free(m);
}

static void
keep(const struct options *opt, struct receiver *r, struct rte_mbuf *m)
{
	if (opt->hold == 0) {
		look_at(opt, r, m);
	} else if (n_held < opt->hold) {
		held[n_held++] = m;
	} else {
		look_at(opt, r, held[oldest]);
		held[oldest] = m;
		oldest = (oldest + 1) % opt->hold;
	}
}

void
receiver_flush(const struct options *opt, struct receiver *r)
{
	uint32_t i;

	for (i = 0; i < n_held; i++)
		look_at(opt, r, held[(oldest + i) % n_held]);
	n_held = 0;
	oldest = 0;
}

/* Between nothing and twice the time that was asked for. */
static void
be_slow(const struct options *opt, struct receiver *r)
{
	const uint32_t us = chance_in(&luck, 0, 2 * opt->slow_us);
	const struct timespec nap = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&nap, NULL);
	r->sleeps++;
	until_sleep = chance_in(&luck, 1, 2 * opt->slow_every);
}

/* The standard input, beside the queue, so that commands are heard. */
static bool
watch_input(void)
{
	static struct rte_epoll_event event = { .epdata.event = EPOLLIN };

	return rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0;
}

bool
receiver_prepare_sleep(const struct options *opt)
{
	if (rte_eth_dev_rx_intr_ctl_q(opt->port, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
				      NULL) == 0 &&
	    watch_input())
		return true;
	fprintf(stderr, "checker: no interrupts\n");
	return false;
}

void
receiver_sleep(const struct options *opt, struct receiver *r)
{
	struct rte_epoll_event event;

	if (rte_eth_dev_rx_intr_enable(opt->port, 0) != 0)
		return;
	rte_epoll_wait_interruptible(RTE_EPOLL_PER_THREAD, &event, 1, -1);
	rte_eth_dev_rx_intr_disable(opt->port, 0);
	r->sleeps++;
}

unsigned int
receiver_poll(const struct options *opt, struct receiver *r)
{
	uint16_t n, i;

	n = rte_eth_rx_burst(opt->port, turn, pkts, opt->burst);
	turn = (uint16_t)((turn + 1) % opt->queues);
	for (i = 0; i < n; i++)
		keep(opt, r, pkts[i]);
	if (opt->slow_us != 0 && n != 0) {
		if (until_sleep > n)
			until_sleep -= n;
		else
			be_slow(opt, r);
	}
	return n;
}
