/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * idle-poll PLUGIN PEERS...: what an empty poll of a port costs with so many idle peers on the bus,
 * in nanoseconds: of many polls the median, all ports in this process.
 */

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "nic.h"

#define SAMPLES 2001
#define POLLS 500 /* in a sample */
#define BURST 32

static int
by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
poll_ns(uint16_t port)
{
	static double samples[SAMPLES];
	struct rte_mbuf *pkts[BURST];
	unsigned int i, k;
	uint64_t start;

	for (i = 0; i < SAMPLES; i++) {
		start = rte_rdtsc();
		for (k = 0; k < POLLS; k++)
			if (rte_eth_rx_burst(port, 0, pkts, BURST) != 0)
				exit(1);
		samples[i] = (double)(rte_rdtsc() - start) * 1e9 / (double)rte_get_tsc_hz() / POLLS;
	}
	qsort(samples, SAMPLES, sizeof(samples[0]), by_size);
	return samples[SAMPLES / 2];
}

int
main(int argc, char **argv)
{
	uint16_t peers[RTE_MAX_ETHPORTS];
	char *path;
	uint16_t port, n, i;
	int arg;

	if (argc < 3) {
		fprintf(stderr, "idle-poll: expected the path of the driver, and numbers of peers\n");
		return 2;
	}
	nic_plugin = argv[1];
	if (eal_start(NULL) != 0)
		return 1;
	for (arg = 2; arg < argc; arg++) {
		n = (uint16_t)RTE_MIN(strtoul(argv[arg], NULL, 10), RTE_MAX_ETHPORTS - 1ul);
		path = tmpdir_new_path();
		port = nic_new(path, "ports=32,lane_size=64K");
		nic_start(port, NULL);
		for (i = 0; i < n; i++) {
			peers[i] = nic_new(path, NULL);
			nic_start(peers[i], NULL);
		}
		printf("%u %.1f\n", n, poll_ns(port));
		fflush(stdout);
		while (i-- > 0)
			nic_remove(peers[i]);
		nic_remove(port);
		free(path);
	}
	return eal_stop(NULL);
}
