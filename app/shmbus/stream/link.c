/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 *   state       ends when                         and becomes
 *   PAUSING     the time has passed               LISTENING or CONNECTING
 *   LISTENING   a peer connects                   UP
 *   CONNECTING  the peer accepts                  UP
 *               the peer refuses                  PAUSING; with once an error
 *   UP          the connection ends               PAUSING; with once ENDED
 *
 * The pause doubles while connections end before a frame has passed: a peer that is not
 * there, or that talks nonsense, costs a line of the log per second and no more.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/rights.h"
#include "link.h"
#include "say.h"
#include "shmbus_clock.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000
#define NS_PER_MS 1000000u

void
stream_link_begin(struct stream_link *l, struct stream_address *address, int listener, bool once)
{
	*l = (struct stream_link){
		.name = address->text,
		.address = address,
		.once = once,
		.listener = listener,
		.fd = -1,
		.pause_ms = PAUSE_MIN_MS,
		.next = address->list,
	};
}

void
stream_link_begin_connected(struct stream_link *l, const char *name, int fd)
{
	*l = (struct stream_link){
		.name = name,
		.once = true,
		.state = STREAM_LINK_UP,
		.listener = -1,
		.fd = fd,
	};
}

static void
pause_a_while(struct stream_link *l)
{
	l->state = STREAM_LINK_PAUSING;
	l->until_ns = shmbus_clock_mono_ns() + (uint64_t)l->pause_ms * NS_PER_MS;
	l->pause_ms = l->pause_ms < PAUSE_MAX_MS / 2 ? 2 * l->pause_ms : PAUSE_MAX_MS;
}

static void
close_listener(struct stream_link *l)
{
	if (l->listener < 0)
		return;
	stream_address_remove(l->address);
	close(l->listener);
	l->listener = -1;
}

static void
up(struct stream_link *l)
{
	stream_address_prepare(l->address, l->fd);
	l->state = STREAM_LINK_UP;
	l->useful = false;
	l->told = 0;
	/* Others learn at once that nobody will serve them. */
	if (l->once)
		close_listener(l);
	say("%s: connected", l->name);
}

/* Returns whether an error is to be reported: the last one was another. */
static bool
is_news(struct stream_link *l, int err)
{
	const bool news = l->told != err;

	l->told = err;
	return news;
}

static int
listen_step(struct stream_link *l)
{
	l->fd = accept4(l->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (l->fd >= 0) {
		up(l);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		if (is_news(l, errno))
			say("%s: cannot accept a connection: %s", l->name, strerror(errno));
		pause_a_while(l);
	}
	return 0;
}

static int
refused(struct stream_link *l, int err)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->next = l->next->ai_next;
	if (l->next != NULL) {
		l->state = STREAM_LINK_PAUSING;
		l->until_ns = 0;
		return 0;
	}
	l->next = l->address->list;
	if (is_news(l, err))
		say("%s: cannot connect: %s%s", l->name, strerror(err),
		    l->once ? "" : "; trying again every second");
	if (l->once)
		return -err;
	pause_a_while(l);
	return 0;
}

static int
connect_begin(struct stream_link *l)
{
	const struct addrinfo *to = l->next;

	l->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return refused(l, errno);
	if (connect(l->fd, to->ai_addr, to->ai_addrlen) == 0)
		up(l);
	else if (errno == EINPROGRESS)
		l->state = STREAM_LINK_CONNECTING;
	else
		return refused(l, errno);
	return 0;
}

static int
connect_step(struct stream_link *l)
{
	struct pollfd on = { .fd = l->fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err;

	if (poll(&on, 1, 0) != 1)
		return 0;
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err != 0)
		return refused(l, err);
	up(l);
	return 0;
}

int
stream_link_step(struct stream_link *l)
{
	if (l->state == STREAM_LINK_PAUSING) {
		if (shmbus_clock_mono_ns() < l->until_ns)
			return 0;
		if (l->listener < 0)
			return connect_begin(l);
		l->state = STREAM_LINK_LISTENING;
	}
	if (l->state == STREAM_LINK_LISTENING)
		return listen_step(l);
	if (l->state == STREAM_LINK_CONNECTING)
		return connect_step(l);
	return 0;
}

int
stream_link_sleep_on(const struct stream_link *l, struct pollfd *on)
{
	uint64_t now;

	switch (l->state) {
	case STREAM_LINK_LISTENING:
		*on = (struct pollfd){ .fd = l->listener, .events = POLLIN };
		return -1;
	case STREAM_LINK_CONNECTING:
		*on = (struct pollfd){ .fd = l->fd, .events = POLLOUT };
		return -1;
	case STREAM_LINK_PAUSING:
		now = shmbus_clock_mono_ns();
		return now >= l->until_ns ? 0 : (int)((l->until_ns - now) / NS_PER_MS + 1);
	case STREAM_LINK_UP:
	case STREAM_LINK_ENDED:
		break;
	}
	return -1;
}

void
stream_link_down(struct stream_link *l, const char *why)
{
	close(l->fd);
	l->fd = -1;
	say("%s: the connection has ended: %s", l->name, why);
	if (l->once) {
		l->state = STREAM_LINK_ENDED;
		return;
	}
	if (l->useful)
		l->pause_ms = PAUSE_MIN_MS;
	pause_a_while(l);
}

unsigned int
stream_link_needs(const struct stream_link *l)
{
	unsigned int needs = 0;

	if (l->address == NULL)
		return 0;
	if (l->listener >= 0)
		needs |= BRIDGE_RIGHTS_ACCEPT;
	else if (!l->once)
		needs |= BRIDGE_RIGHTS_CONNECT;
	if (needs != 0 && l->address->is_unix)
		needs |= BRIDGE_RIGHTS_PATHS;
	return needs;
}

void
stream_link_end(struct stream_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	close_listener(l);
	l->fd = -1;
	l->state = STREAM_LINK_ENDED;
}
