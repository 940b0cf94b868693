/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The bus in secondary processes.
 *
 * Theory of operation
 *
 * The primary sends the descriptor of the bus file over EAL's channel. So both
 * processes share one open file description, and with it the lock of the slot:
 * the port lives as long as one of the processes does. The file need not have a
 * name any more.
 *
 * While a secondary process lives the primary's port stays on its bus. The
 * primary has a file in memory for each port, the presence file. A secondary
 * process opens this file anew and holds a shared lock on its first byte, which
 * the kernel drops when the process dies. The process takes that lock before it
 * asks for the bus: otherwise the port could move after the answer. The primary
 * answers no question while its port moves.
 *
 *   step   secondary                     primary
 *   1      asks for the presence file    sends its descriptor
 *   2      opens and locks the file
 *   3      asks for the bus              sends the descriptor of the current bus
 *   4      uses the bus                  finds the lock; the port does not move
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "base/shmbus_lock.h"
#include "shmbus_mp.h"
#include "shmbus_priv.h"

#define ACTION "net_shmbus_bus"
#define TIMEOUT_S 5

enum question {
	ASK_PRESENCE,
	ASK_BUS,
};

struct message {
	char name[RTE_ETH_NAME_MAX_LEN];
	uint8_t question;
};

/* Held while wires change, and by threads of EAL that read ports; possibly for long. */
static pthread_mutex_t ports_mutex = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t served_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned int served; /* ports of this process; guarded by served_mutex */

void
shmbus_mp_lock_ports(void)
{
	pthread_mutex_lock(&ports_mutex);
}

void
shmbus_mp_unlock_ports(void)
{
	pthread_mutex_unlock(&ports_mutex);
}

static const struct shmbus_local *
local_of(const struct rte_eth_dev *dev)
{
	return dev->process_private;
}

/* Returns whether a living secondary process has the primary's port. */
static bool
has_secondaries(const struct rte_eth_dev *dev)
{
	const int presence = local_of(dev)->presence;

	return presence >= 0 && shmbus_lock_shared_by_other(presence, 0);
}

int
shmbus_mp_lock_wire(const struct rte_eth_dev *dev)
{
	shmbus_mp_lock_ports();
	if (!has_secondaries(dev))
		return 0;
	shmbus_mp_unlock_ports();
	SHMBUS_LOG(ERR, "%s: a secondary process has this port, so the port stays on its bus; end the"
		   " secondary process, or, if the bus is gone, close the port and probe it again",
		   dev->data->name);
	return -EBUSY;
}

void
shmbus_mp_unlock_wire(void)
{
	shmbus_mp_unlock_ports();
}

/* Returns the port that a message names, or NULL. The caller holds ports_mutex. */
static struct rte_eth_dev *
find_port(const struct rte_mp_msg *request, struct message *message)
{
	struct rte_eth_dev *dev;
	uint16_t port_id;

	if (request->len_param != (int)sizeof(*message))
		return NULL;
	memcpy(message, request->param, sizeof(*message));
	message->name[sizeof(message->name) - 1] = '\0';
	if (rte_eth_dev_get_port_by_name(message->name, &port_id) != 0)
		return NULL;
	dev = &rte_eth_devices[port_id];
	return dev->process_private != NULL && shmbus_is_our_port(dev) ? dev : NULL;
}

static int
answer(const struct rte_mp_msg *request, const void *peer)
{
	struct rte_mp_msg reply = { .num_fds = 0 };
	const struct shmbus_local *local;
	struct rte_eth_dev *dev;
	struct message message;
	int fd = -1;
	int ret;

	rte_strscpy(reply.name, ACTION, sizeof(reply.name));
	shmbus_mp_lock_ports();
	dev = find_port(request, &message);
	if (dev != NULL) {
		local = local_of(dev);
		fd = message.question == ASK_BUS ? shmbus_wire_file(&local->wire)->fd :
						   local->presence;
	}
	if (fd >= 0) {
		reply.fds[0] = fd;
		reply.num_fds = 1;
	}
	ret = rte_mp_reply(&reply, peer);
	shmbus_mp_unlock_ports();
	return ret;
}

int
shmbus_mp_serve(struct rte_eth_dev *dev)
{
	struct shmbus_local *local = dev->process_private;
	int ret = 0;

	pthread_mutex_lock(&served_mutex);
	/* ENOTSUP: with --no-shconf or --in-memory there are no secondary processes. */
	if (served == 0 && rte_mp_action_register(ACTION, answer) != 0 && rte_errno != ENOTSUP)
		ret = -rte_errno;
	else
		served++;
	pthread_mutex_unlock(&served_mutex);
	/* Without a presence file, the answer to secondary processes is that there is no port. */
	local->presence = ret == 0 ? memfd_create("shmbus-presence", MFD_CLOEXEC) : -1;
	return ret;
}

void
shmbus_mp_unserve(struct rte_eth_dev *dev)
{
	struct shmbus_local *local = dev->process_private;

	pthread_mutex_lock(&served_mutex);
	if (served != 0 && --served == 0)
		rte_mp_action_unregister(ACTION);
	pthread_mutex_unlock(&served_mutex);
	if (local->presence >= 0)
		close(local->presence);
	local->presence = -1;
}

/* ---- in a secondary process */

static int
ask(const char *name, enum question question)
{
	const struct timespec timeout = { .tv_sec = TIMEOUT_S };
	struct message message = { .question = (uint8_t)question };
	struct rte_mp_msg request = { .num_fds = 0 };
	struct rte_mp_reply reply;
	int fd = -ENOENT;
	int i;

	rte_strscpy(message.name, name, sizeof(message.name));
	rte_strscpy(request.name, ACTION, sizeof(request.name));
	memcpy(request.param, &message, sizeof(message));
	request.len_param = sizeof(message);
	if (rte_mp_request_sync(&request, &reply, &timeout) != 0)
		return -rte_errno;
	if (reply.nb_received == 1 && reply.msgs[0].num_fds >= 1) {
		fd = reply.msgs[0].fds[0];
		for (i = 1; i < reply.msgs[0].num_fds; i++)
			close(reply.msgs[0].fds[i]);
	}
	free(reply.msgs);
	return fd;
}

/* Opens the presence file again and locks it. Closes given. Returns a descriptor or -errno. */
static int
lock_presence(int given)
{
	char name[32];
	int fd, ret;

	/* given shares its open file description, and so its locks, with the primary. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", given);
	fd = open(name, O_RDWR | O_CLOEXEC);
	ret = fd < 0 ? -errno : shmbus_lock_try_shared(fd, 0);
	close(given);
	if (ret == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

int
shmbus_mp_get_bus(const char *name, int *fd, int *presence)
{
	int ret;

	ret = ask(name, ASK_PRESENCE);
	if (ret >= 0)
		ret = lock_presence(ret);
	if (ret < 0)
		return ret;
	*presence = ret;
	ret = ask(name, ASK_BUS);
	if (ret >= 0) {
		*fd = ret;
		return 0;
	}
	close(*presence);
	return ret;
}
