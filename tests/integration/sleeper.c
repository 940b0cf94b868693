/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * dpdk-sleeper: receives on one queue of port 0, and sleeps between frames
 * until an interrupt comes. The primary process sets up the port with two
 * queues and takes the first; a secondary process takes the second. Nothing
 * is ever polled for: a wake-up that is lost is a frame that never comes.
 *
 * "frames N, sleeps M" is told after each sleep that frames ended; the end of
 * the standard input ends it, whatever sleeps.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#define QUEUES 2
#define BURST 32

static int
failed(const char *what, int ret)
{
	printf("sleeper: %s: %s\n", what, rte_strerror(-ret));
	return -1;
}

static int
start_port(void)
{
	const struct rte_eth_conf conf = { .intr_conf.rxq = 1 };
	struct rte_mempool *pool;
	uint16_t i;
	int ret;

	pool = rte_pktmbuf_pool_create("mbufs", 2048, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		return failed("no memory for mbufs", -rte_errno);
	ret = rte_eth_dev_configure(0, QUEUES, 1, &conf);
	for (i = 0; i < QUEUES && ret == 0; i++)
		ret = rte_eth_rx_queue_setup(0, i, 0, 0, NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(0, 0, 0, 0, NULL);
	if (ret == 0)
		ret = rte_eth_promiscuous_enable(0);
	if (ret == 0)
		ret = rte_eth_dev_start(0);
	return ret == 0 ? 0 : failed("cannot start the port", ret);
}

static uint64_t
receive(uint16_t queue)
{
	struct rte_mbuf *pkts[BURST];
	uint64_t frames = 0;
	uint16_t n;

	while ((n = rte_eth_rx_burst(0, queue, pkts, BURST)) != 0) {
		rte_pktmbuf_free_bulk(pkts, n);
		frames += n;
	}
	return frames;
}

/* The standard input, beside the queue, so that it can be told to end. */
static int
watch_input(struct rte_epoll_event *event)
{
	event->epdata.event = EPOLLIN;
	event->epdata.data = NULL;
	return rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_ADD, STDIN_FILENO, event);
}

static int
run(uint16_t queue)
{
	static struct rte_epoll_event input;
	struct rte_epoll_event event;
	uint64_t frames = 0, sleeps = 0;
	int ret;

	ret = rte_eth_dev_rx_intr_ctl_q(0, queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
					(void *)(uintptr_t)1);
	if (ret != 0)
		return failed("no interrupts", ret);
	if (watch_input(&input) != 0)
		return failed("cannot watch the standard input", -1);
	printf("ready\n");
	for (;;) {
		ret = rte_eth_dev_rx_intr_enable(0, queue);
		if (ret != 0)
			return failed("cannot enable the interrupt", ret);
		if (rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, -1) != 1)
			return failed("cannot sleep", -1);
		sleeps++;
		rte_eth_dev_rx_intr_disable(0, queue);
		if (event.epdata.data == NULL)
			break;
		frames += receive(queue);
		printf("frames %" PRIu64 ", sleeps %" PRIu64 "\n", frames, sleeps);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	bool primary;
	int ret;

	setlinebuf(stdout);
	if (rte_eal_init(argc, argv) < 0)
		return EXIT_FAILURE;
	primary = rte_eal_process_type() == RTE_PROC_PRIMARY;
	if (primary && start_port() != 0)
		return EXIT_FAILURE;
	ret = run(primary ? 0 : 1);
	if (primary) {
		rte_eth_dev_stop(0);
		rte_eth_dev_close(0);
	}
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
