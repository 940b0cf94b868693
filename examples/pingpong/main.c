/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * dpdk-pingpong measures the time that a burst of frames takes to the other side and back.
 *
 * Theory of operation. Two processes run this program on the two ends of a wire, any ethdev.
 * "pong" sends every frame back to its sender. "ping" sends a burst, spins until the whole burst
 * has come back, and records the time in a histogram. Only then does it check the contents and
 * build the next burst: neither is part of the measured time. Frames carry a sequence number, so
 * that an echo that comes back after its time-out does not count for a later burst.
 *
 * A side runs on the main lcore, and spins: give each process a core of its own. With --role both,
 * pong runs on a second lcore of the same process. That is for ports that hear themselves, as
 * net_ring's do: ping sends on --port and receives from --rx-port, pong the other way round.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "frame.h"
#include "histogram.h"
#include "options.h"

#define RX_BURST 32 /* some drivers' vector code returns nothing when asked for less */
#define MBUFS 8191
#define DESCRIPTORS 1024
#define RETRY_MS 10 /* the time between two attempts to find the other side, or to stop it */

struct result {
	struct histogram rtt;
	uint64_t lost;       /* frames that did not come back in time */
	uint64_t corrupt;    /* frames that came back changed */
	uint64_t misordered; /* frames that came back twice, or overtaken by a later one */
};

/* What one side sends and receives with. */
struct side {
	uint16_t tx_port;
	uint16_t rx_port;
	struct rte_ether_addr own_addr; /* of tx_port */
	struct rte_ether_addr peer_addr;
};

static struct rte_mempool *pool;
static volatile sig_atomic_t quit;
static volatile sig_atomic_t removed; /* the port is gone: nothing comes back any more */

static void
on_signal(int sig __rte_unused)
{
	quit = 1;
}

static int
on_removal(uint16_t port __rte_unused, enum rte_eth_event_type event __rte_unused,
	   void *arg __rte_unused, void *ret __rte_unused)
{
	removed = 1;
	quit = 1;
	return 0;
}

static uint64_t
ms_to_tsc(uint64_t ms)
{
	return ms * rte_get_tsc_hz() / MS_PER_S;
}

static struct rte_mbuf *
frame_new(const struct side *s, uint16_t size, enum frame_type type, uint64_t seq)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m == NULL)
		rte_exit(EXIT_FAILURE, "out of mbufs: all %u are in use\n", MBUFS);
	frame_write(m, &s->own_addr, size, type, seq);
	rte_ether_addr_copy(&s->peer_addr, &frame_of(m)->eth.dst_addr);
	return m;
}

/* Sends a burst. Frames that the port has not taken at the deadline are freed. */
static void
send_burst(uint16_t port, struct rte_mbuf **m, uint16_t n, uint64_t deadline)
{
	uint16_t sent = 0;

	do {
		sent += rte_eth_tx_burst(port, 0, m + sent, n - sent);
	} while (sent < n && !quit && rte_rdtsc() < deadline);
	if (sent < n)
		rte_pktmbuf_free_bulk(m + sent, n - sent);
}

/*
 * Sends a burst, and waits until it is back. Returns the cycles that this took, or 0 if a frame did
 * not come back in time. Inside the timed loop only the header distinguishes an echo from other
 * traffic; see above.
 */
static uint64_t
round_trip(struct side *s, const struct options *o, uint64_t seq, struct result *r)
{
	struct rte_mbuf *out[MAX_BURST], *in[RX_BURST], *got[MAX_BURST] = {NULL};
	const uint64_t timeout = ms_to_tsc(o->timeout_ms);
	uint16_t n, i, back = 0, next = 0;
	uint64_t start, end, nth;

	for (i = 0; i < o->burst; i++)
		out[i] = frame_new(s, o->size, PING, seq + i);

	start = rte_rdtsc();
	send_burst(s->tx_port, out, o->burst, start + timeout);
	do {
		n = rte_eth_rx_burst(s->rx_port, 0, in, RX_BURST);
		for (i = 0; i < n; i++) {
			nth = frame_type(in[i]) == PONG ?
				      rte_be_to_cpu_64(frame_of(in[i])->seq) - seq : UINT64_MAX;
			if (nth >= o->burst) { /* other traffic, or the echo of an earlier burst */
				rte_pktmbuf_free(in[i]);
				continue;
			}
			r->misordered += nth < next;
			next = nth + 1;
			if (got[nth] != NULL)
				rte_pktmbuf_free(in[i]);
			else
				got[nth] = in[i], back++;
		}
		end = rte_rdtsc();
	} while (back < o->burst && !quit && end - start < timeout);

	for (i = 0; i < o->burst; i++) {
		if (got[i] == NULL) {
			r->lost += !quit;
			continue;
		}
		r->corrupt += !frame_intact(got[i], o->size);
		/* From the first echo on frames are unicast: other ports need not see them. */
		rte_ether_addr_copy(&frame_of(got[i])->eth.src_addr, &s->peer_addr);
		rte_pktmbuf_free(got[i]);
	}
	return back == o->burst ? end - start : 0;
}

/* Sends single frames until the other side answers. */
static void
find_peer(struct side *s, const struct options *o, uint64_t *seq)
{
	const uint64_t deadline = rte_rdtsc() + ms_to_tsc(o->wait_s * MS_PER_S);
	static struct result ignored;
	struct options single = *o;

	single.burst = 1;
	single.timeout_ms = RETRY_MS;
	while (round_trip(s, &single, (*seq)++, &ignored) == 0 && !quit)
		if (rte_rdtsc() > deadline)
			rte_exit(EXIT_FAILURE, "no echo on port %u within %" PRIu64 " s: is the other "
				 "side running with --role pong on this wire?\n", s->tx_port, o->wait_s);
}

/* Asks the other side to end. It may have left already, or miss the frame; neither is an error. */
static void
stop_peer(const struct side *s, const struct options *o)
{
	struct rte_mbuf *m[RX_BURST];
	bool stopped = false;
	uint64_t deadline;
	uint16_t n, i;

	for (int attempt = 0; attempt < 100 && !stopped; attempt++) {
		deadline = rte_rdtsc() + ms_to_tsc(RETRY_MS);
		m[0] = frame_new(s, o->size, STOP, 0);
		send_burst(s->tx_port, m, 1, deadline);
		do {
			n = rte_eth_rx_burst(s->rx_port, 0, m, RX_BURST);
			for (i = 0; i < n; i++)
				stopped |= frame_type(m[i]) == STOPPED;
			rte_pktmbuf_free_bulk(m, n);
		} while (!stopped && rte_rdtsc() < deadline);
	}
}

static void
report(const struct options *o, const struct result *r)
{
	const struct histogram *h = &r->rtt;
	const double ns = 1e9 / (double)rte_get_tsc_hz();
	const struct {
		const char *name;
		uint64_t cycles;
	} rows[] = {{"min", h->min}, {"p50", histogram_percentile(h, 50)},
		    {"p90", histogram_percentile(h, 90)}, {"p99", histogram_percentile(h, 99)},
		    {"p99_9", histogram_percentile(h, 99.9)}, {"max", h->max}};

	if (o->json) {
		printf("{\"frame_size\": %u, \"burst\": %u, \"count\": %" PRIu64 
		       ", \"lost\": %" PRIu64 ", \"corrupt\": %" PRIu64 ", \"misordered\": %" PRIu64,
		       o->size, o->burst, h->n, r->lost, r->corrupt, r->misordered);
		for (unsigned int i = 0; h->n > 0 && i < RTE_DIM(rows); i++)
			printf(", \"%s_ns\": %.0f", rows[i].name, (double)rows[i].cycles * ns);
		printf("}\n");
		return;
	}
	printf("%u bytes, burst %u: %" PRIu64 " round trips; frames lost %" PRIu64
	       ", corrupt %" PRIu64 ", misordered %" PRIu64 "\n",
	       o->size, o->burst, h->n, r->lost, r->corrupt, r->misordered);
	for (unsigned int i = 0; h->n > 0 && i < RTE_DIM(rows); i++)
		printf("  %-5s %12.3f us\n", rows[i].name, (double)rows[i].cycles * ns / 1000);
}

static bool
run_ping(struct side *s, const struct options *o)
{
	static struct result result, warmup;
	uint64_t seq = 0, cycles, i;
	bool interrupted;

	find_peer(s, o, &seq);
	for (i = 0; i < o->warmup && !quit; i++, seq += o->burst)
		round_trip(s, o, seq, &warmup);
	for (i = 0; i < o->count && !quit; i++, seq += o->burst) {
		cycles = round_trip(s, o, seq, &result);
		if (cycles != 0)
			histogram_add(&result.rtt, cycles);
	}
	interrupted = i < o->count;
	if (!removed) {
		quit = 0; /* an interrupted ping still stops its pong */
		stop_peer(s, o);
	}
	report(o, &result);
	if (interrupted)
		fprintf(stderr, "stopped before all %" PRIu64 " bursts were measured\n", o->count);
	return !interrupted && result.lost == 0 && result.corrupt == 0 && result.misordered == 0;
}

/* Sends back what it receives until ping ends. Returns the number of frames. */
static uint64_t
run_pong(const struct side *s, const struct options *o)
{
	struct rte_mbuf *m[RX_BURST];
	uint64_t echoed = 0;
	uint16_t n, i, echo;
	struct frame *f;
	bool stop = false;

	while (!quit && !stop) {
		n = rte_eth_rx_burst(s->rx_port, 0, m, RX_BURST);
		for (i = 0, echo = 0; i < n; i++) {
			int type = frame_type(m[i]);

			if (type != PING && type != STOP) {
				rte_pktmbuf_free(m[i]);
				continue;
			}
			stop |= type == STOP;
			f = frame_of(m[i]);
			f->type = rte_cpu_to_be_16(type == STOP ? STOPPED : PONG);
			rte_ether_addr_copy(&f->eth.src_addr, &f->eth.dst_addr);
			rte_ether_addr_copy(&s->own_addr, &f->eth.src_addr);
			m[echo++] = m[i];
		}
		if (echo > 0)
			send_burst(s->tx_port, m, echo, rte_rdtsc() + ms_to_tsc(o->timeout_ms));
		echoed += echo;
	}
	return echoed;
}

/* The second lcore of --role both. Its frames count where ping gets them back. */
static int
pong_lcore(void *arg)
{
	const struct options *o = arg;
	struct side s = {.tx_port = o->rx_port, .rx_port = o->port};

	rte_eth_macaddr_get(s.tx_port, &s.own_addr);
	run_pong(&s, o);
	return 0;
}

static bool
run_both(struct side *s, struct options *o)
{
	const unsigned int lcore = rte_get_next_lcore(-1, 1, 0);
	bool good;

	if (lcore == RTE_MAX_LCORE || rte_eal_remote_launch(pong_lcore, o, lcore) != 0)
		rte_exit(EXIT_FAILURE, "--role both: expected two lcores, as in -l 0,1\n");
	good = run_ping(s, o);
	quit = 1; /* should the frame that stops pong have been lost */
	rte_eal_wait_lcore(lcore);
	return good;
}

static void
pool_create(const struct options *o)
{
	pool = rte_pktmbuf_pool_create("pingpong", MBUFS, 256, 0,
				       RTE_PKTMBUF_HEADROOM + RTE_MAX(o->size, 2048),
				       rte_eth_dev_socket_id(o->port));
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for %u mbufs: %s\n", MBUFS,
			 rte_strerror(rte_errno));
}

static void
port_start(uint16_t port, const struct options *o)
{
	/* With its default MTU every port takes 1518 bytes: a tagged frame without FCS. */
	const uint16_t mtu = o->size > RTE_ETHER_MAX_LEN ? o->size - RTE_ETHER_HDR_LEN : 0;
	struct rte_eth_conf conf = {.rxmode = {.mtu = mtu}};
	struct rte_eth_dev_info info;
	int socket, ret;
	uint16_t nb_rxd = DESCRIPTORS, nb_txd = DESCRIPTORS;

	if (!rte_eth_dev_is_valid_port(port))
		rte_exit(EXIT_FAILURE, "--port %u: there are %u ports; is a --vdev missing?\n",
			 port, rte_eth_dev_count_avail());
	if (pool == NULL)
		pool_create(o);
	socket = rte_eth_dev_socket_id(port);
	if ((ret = rte_eth_dev_info_get(port, &info)) != 0)
		rte_exit(EXIT_FAILURE, "port %u: %s\n", port, rte_strerror(-ret));
	conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	if ((ret = rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_RMV, on_removal,
						 NULL)) != 0 ||
	    (ret = rte_eth_dev_configure(port, 1, 1, &conf)) != 0 ||
	    (ret = rte_eth_dev_adjust_nb_rx_tx_desc(port, &nb_rxd, &nb_txd)) != 0 ||
	    (ret = rte_eth_rx_queue_setup(port, 0, nb_rxd, socket, NULL, pool)) != 0 ||
	    (ret = rte_eth_tx_queue_setup(port, 0, nb_txd, socket, NULL)) != 0 ||
	    (ret = rte_eth_dev_start(port)) != 0)
		rte_exit(EXIT_FAILURE, "port %u does not start for frames of %u bytes: %s\n",
			 port, o->size, rte_strerror(-ret));
	fprintf(stderr, "port %u is ready\n", port);
}

static void
port_close(uint16_t port)
{
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
}

int
main(int argc, char **argv)
{
	struct side s = {.peer_addr.addr_bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct options o;
	bool good = true;
	uint64_t echoed;
	int n;

	n = rte_eal_init(argc, argv);
	if (n < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start: %s\n", rte_strerror(rte_errno));
	options_parse(argc - n, argv + n, &o);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	port_start(o.port, &o);
	if (o.rx_port != o.port)
		port_start(o.rx_port, &o);
	s.tx_port = o.port;
	s.rx_port = o.rx_port;
	rte_eth_macaddr_get(s.tx_port, &s.own_addr);

	if (o.role == ROLE_BOTH) {
		good = run_both(&s, &o);
	} else if (o.role == ROLE_PING) {
		good = run_ping(&s, &o);
	} else {
		echoed = run_pong(&s, &o);
		printf(o.json ? "{\"echoed\": %" PRIu64 "}\n" : "echoed %" PRIu64 " frames\n",
		       echoed);
	}

	if (removed)
		fprintf(stderr, "port %u is gone\n", o.port);
	port_close(o.port);
	if (o.rx_port != o.port)
		port_close(o.rx_port);
	rte_eal_cleanup();
	return good && !removed ? 0 : 1;
}
