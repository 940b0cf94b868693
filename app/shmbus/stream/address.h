/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STREAM_ADDRESS_H
#define STREAM_ADDRESS_H

/*
 * The address of a stream on the command line: the path of a Unix socket, or HOST:PORT of
 * TCP. A text with a colon and without a slash is HOST:PORT.
 */

#include <stdbool.h>
#include <stdint.h>

#include <netdb.h>
#include <sys/types.h>
#include <sys/un.h>

struct stream_address {
	const char *text; /* owned by the caller */
	bool is_unix;
	struct sockaddr_un un; /* is_unix */
	struct addrinfo un_info; /* is_unix: the only entry of list */
	struct addrinfo *list; /* what the address stands for */
	dev_t dev; /* is_unix, after stream_address_listen(): the file of the socket */
	ino_t ino;
};

/* Looks up the address. Returns 0, or -errno after a message. */
int stream_address_find(struct stream_address *address, const char *text);
void stream_address_free(struct stream_address *address);

/*
 * Listens on the address, the first of those that a host name stands for. mode: the
 * permission bits of a Unix socket. A socket on which nobody listens any more is replaced.
 * Returns a descriptor that does not block, or -errno after a message.
 */
int stream_address_listen(struct stream_address *address, uint32_t mode);

/* Removes the Unix socket of a listener, unless another one has taken its place. */
void stream_address_remove(const struct stream_address *address);

/* Sets what a connection of this address needs. */
void stream_address_prepare(const struct stream_address *address, int fd);

#endif /* STREAM_ADDRESS_H */
