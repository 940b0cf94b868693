/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Rx interrupts.
 *
 * Theory of operation
 *
 * Each Rx queue has an inotify descriptor that watches the bus file. A sender
 * wakes sleeping queues with write(2) of four bytes into the file: inotify does
 * not notice stores into a mapping.
 *
 * On lanes a queue announces its sleep, and senders make the system call only if
 * a queue sleeps (base/lanes/shmbus_wake.h). On a shmif bus a sender wakes all
 * queues after each burst, as NetBSD's peers do; with wake=never it wakes none.
 *
 * A readonly port has interrupts on a shmif bus, where queues do not announce
 * their sleep. On lanes it has none: it cannot write the announcement.
 *
 * EAL polls the descriptors edge-triggered and reads nothing from them: a queue wakes
 * once for each rte_eth_dev_rx_intr_enable(). An application may also wait for the
 * descriptor in a loop of its own, level-triggered. It cannot read the 8 bytes that it
 * would read from an eventfd: the read fails with EINVAL. So both the enable and the
 * disable of the interrupt drain the descriptor, and no application needs to read it.
 *
 * Each process has its own handle with descriptors. A secondary process opens
 * them when it attaches, because its driver is not called when the primary starts
 * the port.
 */

#include <unistd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "shmbus_announce.h"
#include "shmbus_intr.h"
#include "shmbus_ops.h"
#include "shmbus_rxq.h"

/* Returns whether the port is configured with interrupts and can have them. */
static bool
is_wanted(const struct rte_eth_dev *dev)
{
	return dev->data->dev_conf.intr_conf.rxq != 0 &&
	       !(shmbus_priv(dev)->args.readonly && shmbus_priv(dev)->format == SHMBUS_WIRE_LANES);
}

/* Makes one descriptor of this process readable. Wakes no other process. */
static void
wake_self(const struct rte_eth_dev *dev, uint16_t id)
{
	shmbus_notify_self(rte_intr_efds_index_get(dev->intr_handle, id),
			 shmbus_wire_file(shmbus_wire(dev))->fd);
}

static void
close_queues(struct rte_intr_handle *handle, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		close(rte_intr_efds_index_get(handle, i));
}

static int
open_queues(struct rte_intr_handle *handle, const struct shmbus_wire *wire, uint16_t n)
{
	uint16_t i;
	int fd;

	for (i = 0; i < n; i++) {
		fd = shmbus_notify_open(shmbus_wire_file(wire)->fd);
		if (fd < 0) {
			close_queues(handle, i);
			return fd;
		}
		rte_intr_efds_index_set(handle, i, fd);
		rte_intr_vec_list_index_set(handle, i, RTE_INTR_VEC_RXTX_OFFSET + i);
	}
	return 0;
}

static int
set_handle(struct rte_intr_handle *handle, uint16_t n)
{
	if (rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0 ||
	    rte_intr_efd_counter_size_set(handle, 0) != 0 || /* EAL must not read from it */
	    rte_intr_nb_efd_set(handle, n) != 0 ||
	    rte_intr_max_intr_set(handle, n + RTE_INTR_VEC_RXTX_OFFSET) != 0 ||
	    rte_intr_vec_list_alloc(handle, "shmbus", n) != 0)
		return -rte_errno;
	return 0;
}

int
shmbus_intr_open(struct rte_eth_dev *dev)
{
	const uint16_t n = dev->data->nb_rx_queues;
	struct rte_intr_handle *handle;
	int ret;

	shmbus_intr_close(dev);
	if (!is_wanted(dev))
		return 0;
	handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (handle == NULL)
		return -ENOMEM;
	ret = set_handle(handle, n);
	if (ret == 0)
		ret = open_queues(handle, shmbus_wire(dev), n);
	if (ret != 0)
		goto err_free;
	dev->intr_handle = handle;
	return 0;

err_free:
	rte_intr_vec_list_free(handle);
	rte_intr_instance_free(handle);
	SHMBUS_LOG(ERR, "port %u: cannot watch the bus for interrupts: %s%s", dev->data->port_id,
		   rte_strerror(-ret), ret == -EMFILE ?
		   "; each Rx queue needs one of fs.inotify.max_user_instances, raise that" : "");
	return ret;
}

void
shmbus_intr_tell(struct rte_eth_dev *dev)
{
	if (dev->intr_handle != NULL)
		shmbus_announce_intr(dev, dev->data->dev_started);
}

void
shmbus_intr_wake(const struct rte_eth_dev *dev)
{
	uint16_t i;

	if (dev->intr_handle == NULL)
		return;
	for (i = 0; i < rte_intr_nb_efd_get(dev->intr_handle); i++)
		wake_self(dev, i);
	/* Queues of the port may sleep in other processes, too. */
	if (!shmbus_priv(dev)->args.readonly)
		shmbus_wire_wake(shmbus_wire(dev));
}

void
shmbus_intr_stop(struct rte_eth_dev *dev)
{
	uint16_t i;

	if (dev->intr_handle == NULL)
		return;
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		shmbus_announce_sleep(dev, i, false);
	/* The descriptors stay open until the next start or the close of the port: a thread that is
	 * about to wake gets its event only from an open descriptor.
	 */
	shmbus_intr_wake(dev);
}

void
shmbus_intr_close(struct rte_eth_dev *dev)
{
	struct rte_intr_handle *handle = dev->intr_handle;

	if (handle == NULL)
		return;
	dev->intr_handle = NULL;
	close_queues(handle, (uint16_t)rte_intr_nb_efd_get(handle));
	rte_intr_vec_list_free(handle);
	rte_intr_instance_free(handle);
}

/* Returns whether the queue must wake at once. The caller has announced its sleep. */
static bool
is_pending(const struct rte_eth_dev *dev, struct shmbus_rxq *q)
{
	bool pending;

	/* A queue that is down receives nothing. shmbus_set_link_up() wakes it. */
	if (shmbus_load(&q->flags) & SHMBUS_RX_DOWN)
		return false;
	/* A change of the rules may be giving other lanes to the queue: it looks again. */
	if (rte_spinlock_trylock(&q->steer_lock) == 0)
		return true;
	/* The sender that wakes the queue may be new: the next poll must read the roster. */
	if (shmbus_priv(dev)->format == SHMBUS_WIRE_LANES)
		q->lanes.idle = 0;
	pending = shmbus_ops(dev)->rxq_pending(dev, q);
	rte_spinlock_unlock(&q->steer_lock);
	return pending;
}

/*
 * Returns whether the queue has a descriptor that may be used. To have a handle is
 * not enough: a secondary process keeps the handle of its attachment although the
 * port may have been configured again, and a stopped port keeps its descriptors for
 * threads that are about to wake.
 */
static bool
has_descriptor(const struct rte_eth_dev *dev, uint16_t id)
{
	return dev->intr_handle != NULL && dev->data->dev_started && is_wanted(dev) &&
	       id < rte_intr_nb_efd_get(dev->intr_handle);
}

/* Makes the queue's descriptor unreadable until the next event. */
static void
drain(const struct rte_eth_dev *dev, uint16_t id)
{
	if (dev->intr_handle != NULL && id < rte_intr_nb_efd_get(dev->intr_handle))
		shmbus_notify_drain(rte_intr_efds_index_get(dev->intr_handle, id));
}

int
shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (!has_descriptor(dev, id) || q == NULL)
		return -ENOTSUP;
	drain(dev, id);
	shmbus_announce_sleep(dev, id, true);
	if (is_pending(dev, q))
		wake_self(dev, id);
	return 0;
}

int
shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
	/* Also after the stop of the port, which has woken the thread. */
	drain(dev, id);
	if (!has_descriptor(dev, id))
		return -ENOTSUP;
	shmbus_announce_sleep(dev, id, false);
	return 0;
}
