/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus stream: makes a program that speaks frames over a socket a station on the bus. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <shmbus.h>

#include "address.h"
#include "bridge/join.h"
#include "cmd.h"
#include "link.h"
#include "options.h"
#include "say.h"
#include "shmbus_clock.h"
#include "side.h"
#include "stop.h"

#define MODE_DEFAULT 0600

/* The longest name of a port. */
#define NAME_MAX_LEN 63

/* How long the command waits for its first connection until it reports that it is ready. */
#define FIRST_MS 5000

struct conf {
	const char *name;
	uint32_t mode; /* 0: the default */
	uint32_t format;
	uint32_t numa;
	bool listen;
	bool once;
	bool background;
};

static const struct option_entry options[] = {
	{ "listen", 'l', NULL, "wait for a peer that connects (default: connect to it)",
	  .flag = offsetof(struct conf, listen) },
	{ "mode", 'm', "MODE", "permissions of the socket to listen on (default 0600)",
	  OPTION_MODE(struct conf, mode) },
	{ "once", 'o', NULL, "end with the first connection (default: wait for the next)",
	  .flag = offsetof(struct conf, once) },
	{ "background", 'b', NULL, "go on in the background once the bus is joined",
	  .flag = offsetof(struct conf, background) },
	{ "name", 'n', "NAME", "the name of the port on the bus (default: the address)",
	  OPTION_TEXT(struct conf, name), .expects = "a name" },
	{ "format", 'f', "FORMAT", "format of a new bus: lanes (default) or shmif",
	  OPTION_FORMAT(struct conf, format) },
	{ "numa", 0, "NODE", "lanes: NUMA node for the memory of the ring that stream writes",
	  OPTION_NUMA(struct conf, numa) },
	{ .name = NULL },
};

/* Returns the last part of an address, as much of it as the name of a port may have. */
static const char *
short_name(const char *text)
{
	const char *slash = strrchr(text, '/');
	size_t len;

	if (slash != NULL && slash[1] != '\0')
		text = slash + 1;
	len = strlen(text);
	return len > NAME_MAX_LEN ? text + len - NAME_MAX_LEN : text;
}

/*
 * Connects for the first time, so that who waits for the line of print_ready() finds the peer
 * connected. A peer that does not answer in time is none yet. Returns 0, or -errno after a message.
 */
static int
connect_first(struct stream_link *link, int stop)
{
	const uint64_t until = shmbus_clock_mono_ns() + FIRST_MS * UINT64_C(1000000);
	struct pollfd on[2] = { { .fd = stop, .events = POLLIN } };
	int ret, ms;

	for (;;) {
		ret = stream_link_step(link);
		if (ret != 0 || link->state == STREAM_LINK_UP || link->told != 0 || stop_wanted() ||
		    shmbus_clock_mono_ns() >= until)
			return ret;
		on[1].fd = -1;
		ms = stream_link_sleep_on(link, &on[1]);
		poll(on, 2, ms >= 0 ? ms : FIRST_MS);
	}
}

static void
print_ready(const struct stream_address *address, const struct bridge_join *join)
{
	struct shmbus_self self;

	shmbus_get_self(join->st, &self);
	printf("%s joined to %s, MAC %02x:%02x:%02x:%02x:%02x:%02x, frames up to %" PRIu32 " bytes\n",
	       address->text, join->path, self.mac[0], self.mac[1], self.mac[2], self.mac[3],
	       self.mac[4], self.mac[5], self.frame_max);
}

/* Carries frames over a link that has begun. The station is attached, and is left here. */
static enum cmd_status
carry(const struct conf *conf, struct bridge_join *join, const struct stream_link *link)
{
	struct stream_side side;
	struct shmbus_self self;
	enum cmd_status status = CMD_FAILED;

	shmbus_get_self(join->st, &self);
	if (stream_side_init(&side, link, self.frame_max) != 0 ||
	    (!conf->listen && connect_first(&side.link, join->stop) != 0) ||
	    bridge_join_ready(join, &side.dev) != 0) {
		bridge_join_give_up(join);
	} else {
		print_ready(link->address, join);
		status = bridge_join_carry(join);
	}
	stream_side_fini(&side);
	return status;
}

static enum cmd_status
run_with(const struct conf *conf, const char *path, struct stream_address *address)
{
	const struct shmbus_conf bus = {
		.name = conf->name != NULL ? conf->name : short_name(address->text),
		.format = conf->format,
		.numa = conf->numa,
	};
	struct bridge_join join;
	struct stream_link link;
	int listener = -1;

	if (bridge_join_begin(&join, conf->background) != 0)
		return CMD_FAILED;
	if (conf->listen) {
		listener = stream_address_listen(address, conf->mode != 0 ? conf->mode : MODE_DEFAULT);
		if (listener < 0)
			return CMD_FAILED;
	}
	stream_link_begin(&link, address, listener, conf->once);
	if (bridge_join_attach(&join, path, &bus) == 0)
		return carry(conf, &join, &link);
	stream_link_end(&link);
	return CMD_FAILED;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct conf *conf = c;
	struct stream_address address;
	enum cmd_status status;
	int ret;

	(void)n;
	ret = stream_address_find(&address, operands[1]);
	if (ret != 0)
		return ret == -EINVAL ? CMD_USAGE : CMD_FAILED;
	if (conf->mode != 0 && !(conf->listen && address.is_unix)) {
		say("--mode is for a Unix socket with --listen");
		status = CMD_USAGE;
	} else {
		status = run_with(conf, operands[0], &address);
	}
	stream_address_free(&address);
	return status;
}

const struct cmd cmd_stream = {
	.name = "stream",
	.operands = "PATH SOCKET|HOST:PORT",
	.summary = "join the bus to a virtual machine, passt, or a bus elsewhere",
	.about = "Joins a stream of frames to the bus PATH: a Unix socket, or TCP. In front of each frame\n"
		 "is its length, 32 bits, big-endian, as with QEMU's -netdev stream, passt and others; and\n"
		 "two buses become one if a stream command at each end joins them. The bus is created if\n"
		 "it does not exist. One line on stdout says that the bus is joined. The counters are\n"
		 "printed at the end, and on SIGUSR1. A stream has no authentication: over a network let\n"
		 "ssh carry it.\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
	.defaults = &(const struct conf){ .format = SHMBUS_FORMAT_AUTO },
	.conf_size = sizeof(struct conf),
};
