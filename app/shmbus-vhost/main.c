/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * shmbus-vhost(1): makes virtual machines ports of a bus, by vhost-user.
 *
 * The command line has two parts, as those of other DPDK programs: EAL's options, and behind "--"
 * the program's own. This file starts EAL, then the guests (guest.h), and waits for a signal.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "cmd.h"
#include "conf.h"
#include "fault.h"
#include "guest.h"
#include "say.h"
#include "stop.h"

/* Megabytes: for EAL itself, and for each pair of queues. */
#define MEMORY_BASE 48
#define MEMORY_QUEUE 16

/* ---- EAL */

/* Returns the index of "--", or 0 if there are no options of EAL. */
static int
find_dashes(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return 0;
}

/*
 * Starts EAL. n: words of its command line, which are argv[0..n-1]. With the program's name alone
 * it gets options with which it works everywhere.
 */
static int
start_eal(int n, char **argv, const struct conf *conf)
{
	char memory[16];
	char *defaults[] = { argv[0], (char[]){ "--no-huge" }, (char[]){ "-m" }, memory,
			     (char[]){ "--no-pci" }, (char[]){ "--no-shconf" }, NULL };

	if (n == 1) {
		snprintf(memory, sizeof(memory), "%u",
			 MEMORY_BASE + MEMORY_QUEUE * conf->n_guests * conf->queues);
		argv = defaults;
		n = (int)RTE_DIM(defaults) - 1;
	}
	/* The library tells of each message, and means it as information. */
	rte_log_set_level_pattern("lib.vhost.*", RTE_LOG_WARNING);
	if (rte_eal_init(n, argv) >= 0)
		return 0;
	say("cannot start EAL: %s; the lines above say why", rte_strerror(rte_errno));
	return -rte_errno;
}

/* ---- signals and events */

static int gone[2]; /* a pipe: written when the bus is gone */

static int
on_removal(uint16_t port, enum rte_eth_event_type event, void *arg, void *ret)
{
	(void)port;
	(void)event;
	(void)arg;
	(void)ret;
	if (write(gone[1], "", 1) < 0) {
		/* It has been written already. */
	}
	return 0;
}

/* Lets SIGUSR1 arrive at a descriptor, whichever thread runs. Call it before there are threads. */
static int
catch_print(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static enum cmd_status
wait_for_end(const struct conf *conf, int stop, int print)
{
	struct pollfd on[] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = print, .events = POLLIN },
		{ .fd = gone[0], .events = POLLIN },
	};
	struct signalfd_siginfo info;

	while (!stop_wanted()) {
		if (poll(on, RTE_DIM(on), -1) < 0)
			continue;
		if (on[2].revents != 0) {
			say("path=%s: the bus is gone", conf->path);
			return CMD_FAILED;
		}
		if (on[1].revents == 0)
			continue;
		if (read(print, &info, sizeof(info)) == (ssize_t)sizeof(info))
			guests_print();
		if (say_flush() != 0)
			return CMD_FAILED;
	}
	return CMD_DONE;
}

static enum cmd_status
run(const struct conf *conf, int stop, int print)
{
	enum cmd_status status = CMD_FAILED;

	if (pipe(gone) != 0 ||
	    rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_removal, NULL) != 0)
		return CMD_FAILED;
	if (guests_open(conf) == 0 && guests_listen() == 0)
		status = wait_for_end(conf, stop, print);
	guests_close();
	guests_print();
	if (say_flush() != 0)
		status = CMD_FAILED;
	return status;
}

int
main(int argc, char **argv)
{
	const int dashes = find_dashes(argc, argv);
	struct conf conf;
	int stop, print, ret;

	say_as_program("shmbus-vhost");
	argv[dashes] = argv[0];
	ret = conf_parse(argc - dashes, argv + dashes, &conf);
	if (ret != 0)
		return ret == -1 ? CMD_DONE : CMD_USAGE;
	stop = stop_catch();
	print = catch_print();
	if (stop < 0 || print < 0)
		return CMD_FAILED;
	stop_finish_writes();
	fault_catch();
	if (start_eal(dashes > 0 ? dashes : 1, argv, &conf) != 0)
		return CMD_FAILED;
	return run(&conf, stop, print);
}
