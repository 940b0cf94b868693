/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * dpdk-checker: send frames that tell whether they are whole, or receive them
 * and look at every byte; over any ethdev, from any number of processes at
 * once. What it found is one line of JSON, at the command "report" and at the
 * end. It exits with status 3 if a frame was damaged or came twice.
 *
 * A sender ends when it has sent its frames (--wait: it begins at the command
 * "go"). A receiver ends when it is told
 * "stop" and nothing more comes. A port that only sends has no Rx queue, and
 * one that only receives no Tx queue.
 *
 * Everything runs on the main lcore.
 */

#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "checker_clock.h"
#include "checker_frame.h"
#include "checker_options.h"
#include "checker_receive.h"
#include "checker_send.h"
#include "checker_streams.h"

#define DESCRIPTORS 1024
#define COMMANDS_EVERY_NS 1000000
#define REPORTED_MAX 64
#define XSTATS_MAX 512

/* A receiver is at the end when nothing came for so long and so often. */
#define QUIET_NS 100000000
#define QUIET_POLLS 5000

/* Polls without a frame until the CPU is offered to others. */
#define IDLE_POLLS 64

#define EXIT_DAMAGED 3

struct checker {
	struct options opt;
	struct rte_mempool *pool;
	struct sender sender;
	struct receiver receiver;
	uint64_t started; /* moment, in ns */
	bool go;   /* what is to be sent may be sent */
	bool stop;
};

static volatile sig_atomic_t interrupted;

static void
interrupt(int signum)
{
	RTE_SET_USED(signum);
	interrupted = 1;
}

static uint64_t
us(uint64_t ns)
{
	return ns / 1000;
}

/* Those that are not zero, as members of a JSON object. */
static void
print_xstats(uint16_t port)
{
	struct rte_eth_xstat_name names[XSTATS_MAX];
	struct rte_eth_xstat values[XSTATS_MAX];
	const char *comma = "";
	int n, i;

	n = rte_eth_xstats_get_names(port, names, XSTATS_MAX);
	if (n > XSTATS_MAX || n != rte_eth_xstats_get(port, values, XSTATS_MAX))
		n = 0;
	for (i = 0; i < n; i++) {
		if (values[i].value == 0)
			continue;
		printf("%s\"%s\": %" PRIu64, comma, names[values[i].id].name, values[i].value);
		comma = ", ";
	}
}

static void
report(const struct checker *c, const char *event, const uint16_t *streams, unsigned int n)
{
	const struct sender *s = &c->sender;
	const struct receiver *r = &c->receiver;
	const uint64_t now = now_ns();
	struct rte_eth_stats st = { .ipackets = 0 };

	rte_eth_stats_get(c->opt.port, &st);
	printf("{\"event\": \"%s\", \"us\": %" PRIu64, event, us(now - c->started));
	printf(", \"sent\": %" PRIu64 ", \"sent_bytes\": %" PRIu64 ", \"sent_multi\": %" PRIu64
	       ", \"full\": %" PRIu64 ", \"longest_stall_us\": %" PRIu64 ", \"stalled_us\": %" PRIu64,
	       s->frames, s->bytes, s->multi, s->full, us(s->longest_stall),
	       s->last_progress == 0 ? 0 : us(now - s->last_progress));
	printf(", \"received\": %" PRIu64 ", \"received_bytes\": %" PRIu64 ", \"received_multi\": %"
	       PRIu64 ", \"damaged\": %" PRIu64 ", \"stale\": %" PRIu64 ", \"missing\": %" PRIu64
	       ", \"sleeps\": %" PRIu64,
	       r->frames, r->bytes, r->multi, r->damaged, r->stale, streams_missing(), r->sleeps);
	printf(", \"port\": {\"ipackets\": %" PRIu64 ", \"ibytes\": %" PRIu64 ", \"imissed\": %" PRIu64
	       ", \"ierrors\": %" PRIu64 ", \"rx_nombuf\": %" PRIu64 ", \"opackets\": %" PRIu64
	       ", \"obytes\": %" PRIu64 ", \"oerrors\": %" PRIu64 "}",
	       st.ipackets, st.ibytes, st.imissed, st.ierrors, st.rx_nombuf, st.opackets, st.obytes,
	       st.oerrors);
	printf(", \"xstats\": {");
	print_xstats(c->opt.port);
	printf("}, \"streams\": ");
	streams_print(stdout, streams, n);
	printf("}\n");
	fflush(stdout);
}

/* report [STREAM...] */
static void
report_command(struct checker *c, const char *args)
{
	uint16_t streams[REPORTED_MAX];
	unsigned int n = 0;
	unsigned int id;
	int used;

	while (n < REPORTED_MAX && sscanf(args, "%u%n", &id, &used) == 1 && id <= UINT16_MAX) {
		streams[n++] = (uint16_t)id;
		args += used;
	}
	if (c->opt.receive)
		receiver_flush(&c->opt, &c->receiver);
	report(c, "report", streams, n);
}

static void
command(struct checker *c, const char *line)
{
	if (strncmp(line, "report", strlen("report")) == 0)
		report_command(c, line + strlen("report"));
	else if (strcmp(line, "go") == 0)
		c->go = true;
	else if (strcmp(line, "stop") == 0)
		c->stop = true;
	else
		fprintf(stderr, "checker: '%s': expected report, go or stop\n", line);
}

/* Take what there is on the standard input, without waiting for it. */
static void
read_commands(struct checker *c)
{
	static char text[1024];
	static size_t have;
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char *end;
	ssize_t n;

	if (poll(&in, 1, 0) <= 0)
		return;
	n = read(STDIN_FILENO, text + have, sizeof(text) - 1 - have);
	if (n <= 0) {
		c->stop = true;
		return;
	}
	have += (size_t)n;
	text[have] = '\0';
	while ((end = strchr(text, '\n')) != NULL) {
		*end = '\0';
		command(c, text);
		have -= (size_t)(end + 1 - text);
		memmove(text, end + 1, have + 1);
	}
	if (have == sizeof(text) - 1)
		have = 0; /* no line of ours is so long */
}

static void
drain(struct checker *c)
{
	uint64_t since = now_ns();
	unsigned int quiet = 0;

	while (quiet < QUIET_POLLS || now_ns() - since < QUIET_NS) {
		if (receiver_poll(&c->opt, &c->receiver) != 0) {
			since = now_ns();
			quiet = 0;
		}
		quiet++;
	}
	receiver_flush(&c->opt, &c->receiver);
}

static void
run(struct checker *c)
{
	uint64_t next = 0;
	bool sending = c->opt.send;
	unsigned int idle = 0;
	uint64_t now, frames;

	c->go = !c->opt.wait;
	while (!c->stop && !interrupted) {
		frames = c->sender.frames;
		idle++;
		if (c->opt.receive && receiver_poll(&c->opt, &c->receiver) != 0)
			idle = 0;
		if (sending && c->go)
			sending = sender_poll(&c->opt, &c->sender);
		if (!sending && !c->opt.receive)
			break;
		if (frames != c->sender.frames)
			idle = 0;
		/* There may be more checkers than CPUs: yield to processes that have work. */
		if (idle >= IDLE_POLLS) {
			if (c->opt.sleep)
				receiver_sleep(&c->opt, &c->receiver);
			else
				sched_yield();
		}
		now = now_ns();
		if (now >= next) {
			read_commands(c);
			next = now + COMMANDS_EVERY_NS;
		}
	}
	if (c->opt.receive)
		drain(c);
	report(c, "end", NULL, 0);
}

static int
failed(const char *what, int ret)
{
	fprintf(stderr, "checker: %s: %s\n", what, rte_strerror(ret < 0 ? -ret : ret));
	return -1;
}

static int
setup_queues(const struct checker *c, uint16_t n_rx, uint16_t n_tx)
{
	const uint16_t port = c->opt.port;
	const int socket = rte_eth_dev_socket_id(port);
	uint16_t i;
	int ret;

	for (i = 0; i < n_rx; i++) {
		ret = rte_eth_rx_queue_setup(port, i, DESCRIPTORS, (unsigned int)socket, NULL,
					     c->pool);
		if (ret != 0)
			return failed("cannot set up an Rx queue", ret);
	}
	for (i = 0; i < n_tx; i++) {
		ret = rte_eth_tx_queue_setup(port, i, DESCRIPTORS, (unsigned int)socket, NULL);
		if (ret != 0)
			return failed("cannot set up a Tx queue", ret);
	}
	return 0;
}

static int
start_port(struct checker *c)
{
	const struct options *opt = &c->opt;
	const uint16_t n_rx = opt->receive ? opt->queues : 0;
	const uint16_t n_tx = opt->send ? opt->queues : 0;
	struct rte_eth_conf conf = { .rxmode.mtu = opt->mtu, .intr_conf.rxq = opt->sleep };
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(opt->port, &info);
	if (ret != 0)
		return failed("no such port", ret);
	c->pool = rte_pktmbuf_pool_create("mbufs", opt->mbufs, 64, 0,
					  (uint16_t)(opt->room + RTE_PKTMBUF_HEADROOM),
					  SOCKET_ID_ANY);
	if (c->pool == NULL)
		return failed("cannot create the mbuf pool", rte_errno);
	if (opt->room < opt->mtu + info.max_rx_pktlen - info.max_mtu)
		conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	if (opt->segments > 1)
		conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (opt->fast_free)
		conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	ret = rte_eth_dev_configure(opt->port, n_rx, n_tx, &conf);
	if (ret != 0)
		return failed("cannot configure the port", ret);
	ret = setup_queues(c, n_rx, n_tx);
	if (ret != 0)
		return ret;
	ret = rte_eth_promiscuous_enable(opt->port);
	if (ret != 0)
		return failed("cannot make the port promiscuous", ret);
	ret = rte_eth_dev_start(opt->port);
	if (ret != 0)
		return failed("cannot start the port", ret);
	return 0;
}

/* All mbufs must be back: a driver that loses them, or frees them twice, is found out. */
static bool
pool_is_whole(const struct checker *c)
{
	const unsigned int there = rte_mempool_avail_count(c->pool);

	if (there == c->opt.mbufs)
		return true;
	fprintf(stderr, "checker: %u mbufs of %u are in the pool at the end\n", there,
		c->opt.mbufs);
	return false;
}

/* False if the port has no address to send from. */
static bool
prepare_frames(const struct options *opt)
{
	struct rte_ether_addr own;

	if (rte_eth_macaddr_get(opt->port, &own) != 0)
		return false;
	frame_init(opt->seed, opt->addressed ? opt->to.addr_bytes : NULL, own.addr_bytes);
	return true;
}

static struct checker checker;

int
main(int argc, char **argv)
{
	struct checker *c = &checker;
	bool good;
	int n;

	n = rte_eal_init(argc, argv);
	if (n < 0)
		rte_exit(EXIT_FAILURE, "checker: cannot start EAL: %s\n", rte_strerror(rte_errno));
	if (!options_parse(&c->opt, argc - n, argv + n)) {
		rte_eal_cleanup();
		return 2;
	}
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
	if (start_port(c) != 0 || !prepare_frames(&c->opt) ||
	    (c->opt.send && !sender_init(&c->opt, c->pool)) ||
	    (c->opt.receive && !receiver_init(&c->opt)) ||
	    (c->opt.sleep && !receiver_prepare_sleep(&c->opt))) {
		rte_eal_cleanup();
		return EXIT_FAILURE;
	}
	c->started = now_ns();
	report(c, "ready", NULL, 0);
	run(c);
	good = c->receiver.damaged == 0 && c->receiver.stale == 0;
	if (c->opt.send)
		sender_end();
	rte_eth_dev_stop(c->opt.port);
	rte_eth_dev_close(c->opt.port);
	if (!pool_is_whole(c))
		good = false;
	rte_eal_cleanup();
	return good ? EXIT_SUCCESS : EXIT_DAMAGED;
}
