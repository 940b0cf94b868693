/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * dpdk-mover: a primary process whose port 0, with two queues, goes where it is
 * told. Behind "--" stands the plugin's path. Each line of the standard input
 * is a command; "NAME STATUS" is the answer.
 *
 *   start, stop, reset   rte_eth_dev_start() and so on; reset sets up again
 *   set PATH, unset      rte_pmd_shmbus_linkstr_set(), _unset()
 *   get                  "path PATH" before the answer
 *   dance PATH PATH      to and fro, until "rest": how often it went, "moves N",
 *                        and how often it was -EBUSY, "busy N", before the answer,
 *                        which is the last other error
 *   look                 "link 0" or 1, "frames N", before the answer
 *
 * The end of the input ends it.
 */

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#define PORT 0
#define QUEUES 2

static int (*linkstr_set)(uint16_t port, const char *path);
static int (*linkstr_get)(uint16_t port, char *path, size_t size);
static int (*linkstr_unset)(uint16_t port);

static struct rte_mempool *pool;

/* Of the plugin that EAL has loaded. */
static int
find_functions(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW | RTLD_NOLOAD);

	if (plugin == NULL)
		return -1;
	*(void **)&linkstr_set = dlsym(plugin, "rte_pmd_shmbus_linkstr_set");
	*(void **)&linkstr_get = dlsym(plugin, "rte_pmd_shmbus_linkstr_get");
	*(void **)&linkstr_unset = dlsym(plugin, "rte_pmd_shmbus_linkstr_unset");
	return linkstr_set == NULL || linkstr_get == NULL || linkstr_unset == NULL ? -1 : 0;
}

static int
set_up(void)
{
	const struct rte_eth_conf conf = { .link_speeds = 0 };
	uint16_t i;
	int ret;

	ret = rte_eth_dev_configure(PORT, QUEUES, QUEUES, &conf);
	for (i = 0; i < QUEUES && ret == 0; i++)
		ret = rte_eth_rx_queue_setup(PORT, i, 0, 0, NULL, pool);
	for (i = 0; i < QUEUES && ret == 0; i++)
		ret = rte_eth_tx_queue_setup(PORT, i, 0, 0, NULL);
	return ret == 0 ? rte_eth_promiscuous_enable(PORT) : ret;
}

static bool
has_input(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) != 0;
}

static int
dance(char *paths)
{
	char *there = strchr(paths, ' ');
	unsigned int moves = 0, busy = 0;
	int ret, failed = 0;

	if (there == NULL)
		return -EINVAL;
	*there++ = '\0';
	printf("dancing\n");
	while (!has_input()) {
		ret = linkstr_set(PORT, moves % 2 == 0 ? there : paths);
		if (ret == 0)
			moves++;
		else if (ret == -EBUSY)
			busy++;
		else
			failed = ret;
	}
	printf("moves %u\nbusy %u\n", moves, busy);
	return failed;
}

static int
tell_path(void)
{
	char path[4096];
	int ret;

	ret = linkstr_get(PORT, path, sizeof(path));
	if (ret == 0)
		printf("path %s\n", path);
	return ret;
}

static int
look(void)
{
	struct rte_eth_stats stats;
	struct rte_eth_link link;
	int ret;

	ret = rte_eth_link_get_nowait(PORT, &link);
	if (ret == 0)
		ret = rte_eth_stats_get(PORT, &stats);
	if (ret == 0)
		printf("link %d\nframes %" PRIu64 "\n", (int)link.link_status, stats.ipackets);
	return ret;
}

static int
obey(const char *command, char *argument)
{
	int ret;

	if (strcmp(command, "start") == 0)
		return rte_eth_dev_start(PORT);
	if (strcmp(command, "stop") == 0)
		return rte_eth_dev_stop(PORT);
	if (strcmp(command, "reset") == 0) {
		ret = rte_eth_dev_reset(PORT);
		return ret == 0 ? set_up() : ret;
	}
	if (strcmp(command, "set") == 0)
		return linkstr_set(PORT, argument);
	if (strcmp(command, "unset") == 0)
		return linkstr_unset(PORT);
	if (strcmp(command, "get") == 0)
		return tell_path();
	if (strcmp(command, "dance") == 0)
		return dance(argument);
	if (strcmp(command, "rest") == 0)
		return 0;
	return strcmp(command, "look") == 0 ? look() : -ENOTSUP;
}

int
main(int argc, char **argv)
{
	char line[8192];
	char *argument;
	int n;

	setlinebuf(stdout);
	/* No byte is read before it is wanted: has_input() asks the kernel. */
	setvbuf(stdin, NULL, _IONBF, 0);
	n = rte_eal_init(argc, argv);
	if (n < 0 || n + 1 >= argc)
		return EXIT_FAILURE;
	pool = rte_pktmbuf_pool_create("mbufs", 2048, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL || find_functions(argv[n + 1]) != 0 || set_up() != 0) {
		printf("mover: cannot begin\n");
		return EXIT_FAILURE;
	}
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		argument = strchr(line, ' ');
		if (argument != NULL)
			*argument++ = '\0';
		n = obey(line, argument);
		printf("%s %d\n", line, n);
	}
	rte_eth_dev_stop(PORT);
	rte_eth_dev_close(PORT);
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
