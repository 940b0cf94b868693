/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "say.h"
#include "unix_socket.h"

#define HOST_MAX 256

/* Connections that wait until the one before them has ended. */
#define BACKLOG 1

/* Seconds until a TCP peer that has gone without a word is noticed: idle + probes * interval. */
#define KEEP_IDLE_S 15
#define KEEP_INTERVAL_S 5
#define KEEP_PROBES 3

static int
find_unix(struct stream_address *a)
{
	if (strlen(a->text) >= sizeof(a->un.sun_path)) {
		say("%s: too long; the path of a socket has at most %zu bytes", a->text,
		    sizeof(a->un.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	a->is_unix = true;
	a->un.sun_family = AF_UNIX;
	strcpy(a->un.sun_path, a->text);
	a->un_info = (struct addrinfo){
		.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&a->un,
		.ai_addrlen = sizeof(a->un),
	};
	a->list = &a->un_info;
	return 0;
}

/* Splits HOST:PORT; an IPv6 address stands in brackets. Returns the port, or NULL. */
static const char *
split(const char *text, char host[HOST_MAX])
{
	const char *colon = strrchr(text, ':');
	size_t len = (size_t)(colon - text);

	if (text[0] == '[' && len >= 2 && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return NULL;
	}
	if (len == 0 || len >= HOST_MAX || colon[1] == '\0')
		return NULL;
	memcpy(host, text, len);
	host[len] = '\0';
	return colon + 1;
}

int
stream_address_find(struct stream_address *a, const char *text)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	char host[HOST_MAX];
	const char *port;
	int ret;

	*a = (struct stream_address){ .text = text };
	if (text[0] != '\0' && (strchr(text, '/') != NULL || strchr(text, ':') == NULL))
		return find_unix(a);
	port = text[0] != '\0' ? split(text, host) : NULL;
	if (port == NULL) {
		say("'%s' is no address; expected the path of a socket, or HOST:PORT as 127.0.0.1:7000 or "
		    "[::1]:7000", text);
		return -EINVAL;
	}
	ret = getaddrinfo(host, port, &hints, &a->list);
	if (ret == 0)
		return 0;
	say("%s: cannot find the address: %s", text, ret == EAI_SYSTEM ? strerror(errno) :
	    gai_strerror(ret));
	return -ENXIO;
}

void
stream_address_free(struct stream_address *a)
{
	if (!a->is_unix)
		freeaddrinfo(a->list);
}

/* Binds, and gives a Unix socket its mode: at no time may anybody else connect. */
static int
bind_to(const struct stream_address *a, int fd, uint32_t mode)
{
	const int one = 1;
	mode_t before;
	int ret;

	if (!a->is_unix) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		return bind(fd, a->list->ai_addr, a->list->ai_addrlen) == 0 ? 0 : -errno;
	}
	before = umask(0777 & ~mode);
	ret = bind(fd, a->list->ai_addr, a->list->ai_addrlen) == 0 ? 0 : -errno;
	if (ret == -EADDRINUSE && unix_socket_left_behind(a->text) == 1 && unlink(a->text) == 0)
		ret = bind(fd, a->list->ai_addr, a->list->ai_addrlen) == 0 ? 0 : -errno;
	umask(before);
	return ret;
}

int
stream_address_listen(struct stream_address *a, uint32_t mode)
{
	struct stat st;
	int fd, ret;

	fd = socket(a->list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		ret = -errno;
		say("%s: cannot make a socket: %s", a->text, strerror(-ret));
		return ret;
	}
	ret = bind_to(a, fd, mode);
	if (ret == 0 && listen(fd, BACKLOG) != 0)
		ret = -errno;
	if (ret == 0) {
		if (a->is_unix && lstat(a->text, &st) == 0) {
			a->dev = st.st_dev;
			a->ino = st.st_ino;
		}
		return fd;
	}
	close(fd);
	say("%s: cannot listen: %s%s", a->text, strerror(-ret), ret != -EADDRINUSE ? "" :
	    a->is_unix ? "; another program listens, or a file that is no socket has this name" :
	    "; another program listens");
	return ret;
}

void
stream_address_remove(const struct stream_address *a)
{
	struct stat st;

	if (a->is_unix && lstat(a->text, &st) == 0 && st.st_dev == a->dev && st.st_ino == a->ino)
		unlink(a->text);
}

void
stream_address_prepare(const struct stream_address *a, int fd)
{
	const int one = 1, idle = KEEP_IDLE_S, interval = KEEP_INTERVAL_S, probes = KEEP_PROBES;

	if (a->is_unix)
		return;
	/* None of them is needed to carry frames. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}
