/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Pairs of ports that exchange frames, on one bus or each on its own, in one thread: what a
 * port pays for the traffic of others, whatever the machine is busy with.
 *
 *   pairs PLUGIN FOLDER hub|switch|buses PAIRS LEN ROUNDS
 *
 * In a round each port sends a burst to its partner, and then each port receives until nothing
 * more comes. Prints the frames that were delivered to partners, and the nanoseconds.
 */

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#define BURST 32
#define PAIRS_MAX 16

static struct rte_mempool *pool;

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "pairs: %s\n", what);
	exit(1);
}

static void
address(uint8_t *mac, unsigned int n)
{
	const uint8_t of[6] = { 2, 0, 0, 0, 0, (uint8_t)(n + 1) };

	memcpy(mac, of, sizeof(of));
}

static uint16_t
new_port(const char *folder, const char *kind, unsigned int n)
{
	const struct rte_eth_conf conf = { .txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	char name[32], args[512], which[16] = "";
	uint16_t port;

	if (strcmp(kind, "buses") == 0)
		snprintf(which, sizeof(which), "%u", n / 2);
	snprintf(name, sizeof(name), "net_shmbus%u", n);
	snprintf(args, sizeof(args), "path=%s/%s%s,unlink=on,deliver=%s,lane_size=1M,"
		 "mac=02:00:00:00:00:%02x", folder, kind, which,
		 strcmp(kind, "switch") == 0 ? "switch" : "hub", n + 1);
	if (rte_eal_hotplug_add("vdev", name, args) != 0 || rte_eth_dev_get_port_by_name(name, &port) != 0)
		die("no port");
	if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(port, 0, 512, rte_socket_id(), NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(port, 0, 512, rte_socket_id(), NULL) != 0 ||
	    rte_eth_dev_start(port) != 0)
		die("a port does not start");
	return port;
}

static void
send_burst(uint16_t port, unsigned int n, uint16_t len)
{
	struct rte_mbuf *pkts[BURST];
	uint8_t *head;
	uint16_t i;

	if (rte_pktmbuf_alloc_bulk(pool, pkts, BURST) != 0)
		die("no mbufs");
	for (i = 0; i < BURST; i++) {
		pkts[i]->pkt_len = len;
		pkts[i]->data_len = len;
		head = rte_pktmbuf_mtod(pkts[i], uint8_t *);
		address(head, n ^ 1);
		address(head + 6, n);
		head[12] = 0x88;
		head[13] = 0xb5;
	}
	if (rte_eth_tx_burst(port, 0, pkts, BURST) != BURST)
		die("a burst was cut short");
}

static uint64_t
receive_all(uint16_t port)
{
	struct rte_mbuf *pkts[BURST];
	uint64_t got = 0;
	uint16_t n;

	do {
		n = rte_eth_rx_burst(port, 0, pkts, BURST);
		rte_pktmbuf_free_bulk(pkts, n);
		got += n;
	} while (n != 0);
	return got;
}

static uint64_t
run(const uint16_t *ports, unsigned int n, uint16_t len, uint64_t rounds)
{
	uint64_t got = 0;
	unsigned int i;

	while (rounds-- != 0) {
		for (i = 0; i < n; i++)
			send_burst(ports[i], i, len);
		for (i = 0; i < n; i++)
			got += receive_all(ports[i]);
	}
	return got;
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
start_eal(const char *plugin)
{
	char prefix[64];
	char *args[] = {
		(char *)(uintptr_t)"pairs", (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"128", (char *)(uintptr_t)"--no-pci", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--log-level=warning",
		(char *)(uintptr_t)"--lcores=0", (char *)(uintptr_t)"--file-prefix", prefix, NULL,
	};

	snprintf(prefix, sizeof(prefix), "shmbus-pairs-%d", (int)getpid());
	if (dlopen(plugin, RTLD_NOW) == NULL)
		die(dlerror());
	if (rte_eal_init((int)(sizeof(args) / sizeof(args[0])) - 1, args) < 0)
		die("EAL does not start");
	pool = rte_pktmbuf_pool_create("pool", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		die("no pool");
}

int
main(int argc, char **argv)
{
	uint16_t ports[2 * PAIRS_MAX], len;
	uint64_t rounds, begin, got;
	unsigned int n, i;

	if (argc != 7)
		die("usage: pairs PLUGIN FOLDER hub|switch|buses PAIRS LEN ROUNDS");
	n = 2 * (unsigned int)atoi(argv[4]);
	len = (uint16_t)atoi(argv[5]);
	rounds = strtoull(argv[6], NULL, 10);
	if (n == 0 || n > 2 * PAIRS_MAX || len < 60 || len > 1514)
		die("1 to 16 pairs, and frames of 60 to 1514 bytes");
	start_eal(argv[1]);
	for (i = 0; i < n; i++)
		ports[i] = new_port(argv[2], argv[3], i);
	/* The first round finds the ports, and maps their lanes. */
	run(ports, n, len, 20);
	begin = now_ns();
	got = run(ports, n, len, rounds);
	printf("%" PRIu64 " %" PRIu64 "\n", got, now_ns() - begin);
	if (got != rounds * n * BURST)
		die("not every frame has reached its partner");
	for (i = 0; i < n; i++)
		if (rte_eth_dev_stop(ports[i]) != 0 || rte_eth_dev_close(ports[i]) != 0)
			die("a port does not close");
	return 0;
}
