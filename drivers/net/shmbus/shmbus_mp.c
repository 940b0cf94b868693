/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * How a secondary process gets at the bus: the primary gives it the file's
 * descriptor, over EAL's channel. So both share one open file description,
 * and the slot's lock with it: the port lives as long as any of them; and it
 * matters not whether the file still has its name.
 *
 * When the port goes to another bus (shmbus_rejoin.c) the primary asks its
 * secondaries, first to leave the old one, then, with a descriptor, to come to
 * the new one.
 */

#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "shmbus_ops.h"

#define ACTION "net_shmbus_bus"   /* of the primary's */
#define MOVE "net_shmbus_move"    /* of the secondaries' */
#define TIMEOUT_S 5

static rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
static unsigned int served; /* ports of this process */

/* The port that a message is about, or NULL. With the lock of telemetry, as with the next. */
static struct rte_eth_dev *
find_port(const struct rte_mp_msg *request)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id;

	if (request->len_param <= 0 || request->len_param > (int)sizeof(name))
		return NULL;
	memcpy(name, request->param, (size_t)request->len_param);
	name[request->len_param - 1] = '\0';
	if (rte_eth_dev_get_port_by_name(name, &port_id) != 0 ||
	    shmbus_port_wire(port_id) == NULL || !shmbus_is_our_port(&rte_eth_devices[port_id]))
		return NULL;
	return &rte_eth_devices[port_id];
}

static void
name_port(struct rte_mp_msg *request, const char *action, const char *port)
{
	rte_strscpy(request->name, action, sizeof(request->name));
	rte_strscpy((char *)request->param, port, sizeof(request->param));
	request->len_param = (int)strlen((char *)request->param) + 1;
}

static int
reply_bus(const struct rte_mp_msg *request, const void *peer)
{
	struct rte_mp_msg reply = { .num_fds = 0 };
	const struct shmbus_wire *wire;
	struct rte_eth_dev *dev;
	int ret;

	rte_strscpy(reply.name, ACTION, sizeof(reply.name));
	/* The port does not move to another bus meanwhile. */
	shmbus_telemetry_lock();
	dev = find_port(request);
	wire = dev != NULL ? shmbus_wire(dev) : NULL;
	if (wire != NULL && wire->ops->fd(wire) >= 0) {
		reply.fds[0] = wire->ops->fd(wire);
		reply.num_fds = 1;
	}
	ret = rte_mp_reply(&reply, peer);
	shmbus_telemetry_unlock();
	return ret;
}

/* What the queues say is no longer of the bus that this process has open. */
static void
fall_silent(struct rte_eth_dev *dev)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[dev->data->port_id];

	dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->rx_queue_count = NULL;
	dev->rx_descriptor_status = NULL;
	ops->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	ops->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	ops->rx_queue_count = NULL;
	ops->rx_descriptor_status = NULL;
}

static void
speak_again(struct rte_eth_dev *dev)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[dev->data->port_id];

	shmbus_set_fast_path(dev);
	ops->rx_queue_count = dev->rx_queue_count;
	ops->rx_descriptor_status = dev->rx_descriptor_status;
	ops->rx_pkt_burst = dev->rx_pkt_burst;
	ops->tx_pkt_burst = dev->tx_pkt_burst;
}

/* To the bus of this descriptor, which is ours from now on. */
static int
come_along(struct rte_eth_dev *dev, int fd)
{
	struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_wire *fresh;
	struct shmbus_error error;
	int ret;

	fresh = calloc(1, sizeof(*fresh));
	if (fresh == NULL) {
		close(fd);
		return -ENOMEM;
	}
	fresh->ops = wire->ops;
	fresh->serial = shmbus_priv(dev)->serial;
	ret = wire->ops->share(fresh, shmbus_priv(dev), fd, &error);
	if (ret == 0) {
		/* Its descriptors watch the old file; the application takes up the new ones. */
		shmbus_intr_close(dev);
		wire->ops->close(wire);
		*wire = *fresh;
		shmbus_intr_open(dev);
		speak_again(dev);
	} else {
		close(fd);
		SHMBUS_LOG(ERR, "%s: %s", dev->data->name, error.text);
	}
	free(fresh);
	return ret;
}

static int
move(const struct rte_mp_msg *request, const void *peer)
{
	struct rte_mp_msg reply = { .num_fds = 0 };
	struct rte_eth_dev *dev;
	int ret = 0;
	int i;

	shmbus_telemetry_lock();
	dev = find_port(request);
	if (dev != NULL && request->num_fds == 0) {
		fall_silent(dev);
		shmbus_wire(dev)->ops->blank(shmbus_wire(dev));
	}
	for (i = 0; i < request->num_fds; i++) {
		if (dev == NULL || i != 0) {
			close(request->fds[i]);
			continue;
		}
		ret = come_along(dev, request->fds[i]);
	}
	shmbus_telemetry_unlock();
	rte_strscpy(reply.name, MOVE, sizeof(reply.name));
	memcpy(reply.param, &ret, sizeof(ret));
	reply.len_param = sizeof(ret);
	return rte_mp_reply(&reply, peer);
}

/* A port more that has to do with messages. */
static int
begin(const char *action, rte_mp_t answer)
{
	int ret = 0;

	rte_spinlock_lock(&lock);
	/* Without shared configuration (--no-shconf, --in-memory) there are no secondaries. */
	if (served == 0 && rte_mp_action_register(action, answer) != 0 && rte_errno != ENOTSUP)
		ret = -rte_errno;
	else
		served++;
	rte_spinlock_unlock(&lock);
	return ret;
}

static void
end(const char *action)
{
	rte_spinlock_lock(&lock);
	if (served != 0 && --served == 0)
		rte_mp_action_unregister(action);
	rte_spinlock_unlock(&lock);
}

int
shmbus_mp_serve(void)
{
	return begin(ACTION, reply_bus);
}

void
shmbus_mp_unserve(void)
{
	end(ACTION);
}

int
shmbus_mp_listen(void)
{
	return begin(MOVE, move);
}

void
shmbus_mp_unlisten(void)
{
	end(MOVE);
}

/* Have all secondary processes move. fd -1: off the bus. */
static int
tell_all(const struct rte_eth_dev *dev, int fd)
{
	const struct timespec timeout = { .tv_sec = TIMEOUT_S };
	struct rte_mp_msg request = { .num_fds = 0 };
	struct rte_mp_reply reply;
	int i, one, ret = 0;

	if (shmbus_load(&shmbus_priv(dev)->secondaries) == 0)
		return 0;
	name_port(&request, MOVE, dev->data->name);
	if (fd >= 0) {
		request.fds[0] = fd;
		request.num_fds = 1;
	}
	if (rte_mp_request_sync(&request, &reply, &timeout) != 0)
		return rte_errno == ENOTSUP ? 0 : -rte_errno;
	if (reply.nb_received != reply.nb_sent)
		ret = -ETIMEDOUT;
	for (i = 0; i < reply.nb_received; i++) {
		memcpy(&one, reply.msgs[i].param, sizeof(one));
		if (reply.msgs[i].len_param == (int)sizeof(one) && one != 0)
			ret = one;
	}
	free(reply.msgs);
	return ret;
}

int
shmbus_mp_leave_bus(const struct rte_eth_dev *dev)
{
	return tell_all(dev, -1);
}

void
shmbus_mp_join_bus(const struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	int ret;

	ret = tell_all(dev, wire->ops->fd(wire));
	if (ret != 0)
		SHMBUS_LOG(WARNING, "%s: a secondary process has not come to the new bus with this"
			   " one, and neither sends nor receives: %s", dev->data->name,
			   rte_strerror(-ret));
}

int
shmbus_mp_request_bus(const char *name)
{
	const struct timespec timeout = { .tv_sec = TIMEOUT_S };
	struct rte_mp_msg request = { .num_fds = 0 };
	struct rte_mp_reply reply;
	int fd = -ENOENT;
	int i;

	name_port(&request, ACTION, name);
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
