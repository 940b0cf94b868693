/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * How a secondary process gets at the bus: the primary gives it the file's
 * descriptor, over EAL's channel. So both share one open file description,
 * and the slot's lock with it: the port lives as long as any of them; and it
 * matters not whether the file still has its name.
 */

#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "shmbus_wire.h"

#define ACTION "net_shmbus_bus"
#define TIMEOUT_S 5

static rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
static unsigned int served; /* ports of this process */

static int
reply_bus(const struct rte_mp_msg *request, const void *peer)
{
	struct rte_mp_msg reply = { .num_fds = 0 };
	const struct shmbus_wire *wire;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id;

	rte_strscpy(reply.name, ACTION, sizeof(reply.name));
	if (request->len_param > 0 && request->len_param <= (int)sizeof(name)) {
		memcpy(name, request->param, (size_t)request->len_param);
		name[request->len_param - 1] = '\0';
		if (rte_eth_dev_get_port_by_name(name, &port_id) == 0) {
			wire = shmbus_port_wire(port_id);
			if (wire != NULL && wire->ops->fd(wire) >= 0) {
				reply.fds[0] = wire->ops->fd(wire);
				reply.num_fds = 1;
			}
		}
	}
	return rte_mp_reply(&reply, peer);
}

int
shmbus_mp_serve(void)
{
	int ret = 0;

	rte_spinlock_lock(&lock);
	/* Without shared configuration (--no-shconf, --in-memory) there are no secondaries. */
	if (served == 0 && rte_mp_action_register(ACTION, reply_bus) != 0 && rte_errno != ENOTSUP)
		ret = -rte_errno;
	else
		served++;
	rte_spinlock_unlock(&lock);
	return ret;
}

void
shmbus_mp_unserve(void)
{
	rte_spinlock_lock(&lock);
	if (served != 0 && --served == 0)
		rte_mp_action_unregister(ACTION);
	rte_spinlock_unlock(&lock);
}

int
shmbus_mp_request_bus(const char *name)
{
	const struct timespec timeout = { .tv_sec = TIMEOUT_S };
	struct rte_mp_msg request = { .num_fds = 0 };
	struct rte_mp_reply reply;
	int fd = -ENOENT;
	int i;

	rte_strscpy(request.name, ACTION, sizeof(request.name));
	rte_strscpy((char *)request.param, name, sizeof(request.param));
	request.len_param = (int)strlen((char *)request.param) + 1;
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
