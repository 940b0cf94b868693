/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STREAM_LINK_H
#define STREAM_LINK_H

/* The connection to a peer, and the next one when it has ended. One at a time. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"

enum stream_link_state {
	STREAM_LINK_PAUSING,	/* until it is time to listen or to connect */
	STREAM_LINK_LISTENING,
	STREAM_LINK_CONNECTING, /* to the address next */
	STREAM_LINK_UP,
	STREAM_LINK_ENDED,	/* there will be no other connection */
};

struct stream_link {
	const char *name; /* for messages */
	struct stream_address *address; /* NULL: the connection is the only one */
	bool once; /* the first connection is the only one */
	enum stream_link_state state;
	int listener; /* -1: this side connects */
	int fd; /* of the connection; CONNECTING and UP */
	bool useful; /* a frame has passed over this connection */
	uint64_t until_ns; /* PAUSING */
	unsigned int pause_ms; /* the next pause */
	const struct addrinfo *next;
	int told; /* the last error that was reported; 0: none since the last connection */
};

/* Begins with a listener, or with -1 to connect. It owns the listener from now on. */
void stream_link_begin(struct stream_link *link, struct stream_address *address, int listener,
		       bool once);

/* Begins with a connection of the caller's making, which it owns from now on. */
void stream_link_begin_connected(struct stream_link *link, const char *name, int fd);

/*
 * Goes on until the link is up, as far as that is possible without waiting. Returns 0;
 * -errno after a message: there can be no connection.
 */
int stream_link_step(struct stream_link *link);

/* Says what to sleep on while the link is not up. Returns the longest sleep in ms, or -1. */
int stream_link_sleep_on(const struct stream_link *link, struct pollfd *on);

/* Ends the connection. why: for the message. */
void stream_link_down(struct stream_link *link, const char *why);

/* Returns what the link needs for the connections after the first: enum bridge_rights. */
unsigned int stream_link_needs(const struct stream_link *link);

/* Closes everything. */
void stream_link_end(struct stream_link *link);

#endif /* STREAM_LINK_H */
