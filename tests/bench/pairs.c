/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Pairs of ports that exchange frames, on one bus or each on its own, in one thread: what a
 * port pays for the traffic of others, whatever the machine is busy with.
 *
 *   pairs PLUGIN hub|switch|buses PAIRS LEN ROUNDS
 *
 * In a round each port sends a burst to its partner, and then each port receives until nothing
 * more comes. Prints the frames that were delivered to partners, and the nanoseconds. With 0
 * rounds: what the first port has delivered to its partner in the 10 ms from its first burst on.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "nic.h"

#define BURST 32
#define PAIRS_MAX 16

static struct rte_mempool *frames;

static uint16_t
new_port(const char *path, const char *kind, unsigned int n)
{
	const struct nic_conf conf = {
		.filter = true,
		.pool = frames,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	};
	char args[128];
	uint16_t port;

	snprintf(args, sizeof(args), "%smac=02:00:00:00:00:%02x",
		 strcmp(kind, "switch") == 0 ? "deliver=switch," : "", n + 1);
	port = nic_new(path, args);
	nic_start(port, &conf);
	return port;
}

static void
new_ports(uint16_t *ports, unsigned int n, const char *kind)
{
	char *path = NULL;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (i == 0 || (strcmp(kind, "buses") == 0 && i % 2 == 0)) {
			free(path);
			path = tmpdir_new_path();
		}
		ports[i] = new_port(path, kind, i);
	}
	free(path);
}

static void
send_burst(uint16_t port, unsigned int n, uint16_t len)
{
	const uint8_t header[] = {
		2, 0, 0, 0, 0, (uint8_t)((n ^ 1) + 1), 2, 0, 0, 0, 0, (uint8_t)(n + 1), 0x88, 0xb5,
	};
	struct rte_mbuf *pkts[BURST];
	uint16_t i;

	assert_int_equal(rte_pktmbuf_alloc_bulk(frames, pkts, BURST), 0);
	for (i = 0; i < BURST; i++)
		memcpy(rte_pktmbuf_append(pkts[i], len), header, sizeof(header));
	assert_int_equal(rte_eth_tx_burst(port, 0, pkts, BURST), BURST);
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

/* A function of its own: pairs.py counts the instructions of it alone. */
static __rte_noinline uint64_t
exchange(const uint16_t *ports, unsigned int n, uint16_t len, uint64_t rounds)
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

/* The first rounds find the ports, and map their lanes. */
static __rte_noinline void
settle(const uint16_t *ports, unsigned int n, uint16_t len)
{
	unsigned int i, round;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < n; i++)
			send_burst(ports[i], i, len);
		for (i = 0; i < n; i++)
			receive_all(ports[i]);
	}
}

#define FIRST_NS (UINT64_C(10) * 1000 * 1000)

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t
exchange_first(const uint16_t *ports, uint16_t len)
{
	uint64_t got = 0;
	uint64_t begin;

	/* As in an application, some time passes between the start of a port and its first burst. */
	usleep(300 * 1000);
	begin = now_ns();
	while (now_ns() - begin < FIRST_NS) {
		send_burst(ports[0], 0, len);
		got += receive_all(ports[1]);
	}
	return got;
}

int
main(int argc, char **argv)
{
	uint16_t ports[2 * PAIRS_MAX], len;
	uint64_t rounds, begin, got;
	unsigned int n;

	if (argc != 6) {
		fprintf(stderr, "pairs: usage: pairs PLUGIN hub|switch|buses PAIRS LEN ROUNDS\n");
		return 2;
	}
	n = 2 * (unsigned int)strtoul(argv[3], NULL, 10);
	len = (uint16_t)strtoul(argv[4], NULL, 10);
	rounds = strtoull(argv[5], NULL, 10);
	if (n == 0 || n > 2 * PAIRS_MAX || len < 60 || len > 1514) {
		fprintf(stderr, "pairs: 1 to 16 pairs, and frames of 60 to 1514 bytes\n");
		return 2;
	}
	nic_plugin = argv[1];
	if (eal_start(NULL) != 0)
		return 1;
	frames = rte_pktmbuf_pool_create("frames", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	assert_non_null(frames);
	new_ports(ports, n, argv[2]);
	if (rounds == 0) {
		printf("%" PRIu64 " %" PRIu64 "\n", exchange_first(ports, len), FIRST_NS);
		got = 0;
	} else {
		settle(ports, n, len);
		begin = now_ns();
		got = exchange(ports, n, len, rounds);
		printf("%" PRIu64 " %" PRIu64 "\n", got, now_ns() - begin);
	}
	fflush(stdout);
	if (got != rounds * n * BURST)
		fprintf(stderr, "pairs: not every frame has reached its partner\n");
	/*
	 * The ports go with the process, which ends at once. To stop one, EAL waits in a loop for its
	 * interrupt thread, which valgrind may give no turn with the lock that it needs; and this
	 * thread may log, that the files have gone, while exit() closes the log.
	 */
	_exit(eal_abandon(NULL) == 0 && got == rounds * n * BURST ? 0 : 1);
}
