/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Rx interrupts, through inotify: each Rx queue has a descriptor that watches
 * the bus file, and who has sent something that others sleep for writes four
 * bytes into the file, with write(2). What a store into the mapping does
 * nobody hears.
 *
 * On lanes a queue says that it sleeps, and is woken only then
 * (base/lanes/shmbus_wake.h). On a shmif bus, as NetBSD's peers do it, a sender
 * wakes all after each burst, but with wake=never nobody.
 *
 * A port that only looks on may sleep on a shmif bus, where senders wake all
 * that sleep.
 *
 * EAL watches the descriptors for edges: a queue is woken once for each time
 * that its interrupt was enabled, with rte_eth_dev_rx_intr_enable().
 *
 * The handle with the descriptors is a process's own. A secondary process
 * makes its own when it attaches, as nobody calls it when the port starts.
 */

#include <unistd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "shmbus_announce.h"
#include "shmbus_intr.h"
#include "shmbus_ops.h"
#include "shmbus_rxq.h"

/* A port on lanes that only looks on cannot say that it sleeps. On shmif no port says so. */
static bool
is_wanted(const struct rte_eth_dev *dev)
{
	return dev->data->dev_conf.intr_conf.rxq != 0 &&
	       !(shmbus_priv(dev)->args.readonly && shmbus_priv(dev)->format == SHMBUS_WIRE_LANES);
}

/* Make one descriptor of this process readable. Nobody else is woken. */
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
	    rte_intr_efd_counter_size_set(handle, 0) != 0 || /* EAL is not to read from it */
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
		   "; each Rx queue takes one of fs.inotify.max_user_instances" : "");
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
	/* Queues of the port that are used, and asleep, in other processes. */
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
	/* The descriptors stay until the next start, or the port is closed: a thread that was woken
	 * finds an event only if its descriptor is still there.
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

/* Is there anything that the queue must not sleep through? It is said to be asleep by now. */
static bool
is_pending(const struct rte_eth_dev *dev, const struct shmbus_rxq *q)
{
	/* Then nothing is received. shmbus_set_link_up() wakes. */
	if (shmbus_load(&q->flags) & SHMBUS_RX_DOWN)
		return false;
	return shmbus_ops(dev)->rxq_pending(dev, q);
}

/*
 * A secondary's handle is of when it attached; the port may have been configured
 * anew. A stopped port has its descriptors for threads that are about to wake.
 */
static bool
has_descriptor(const struct rte_eth_dev *dev, uint16_t id)
{
	return dev->intr_handle != NULL && dev->data->dev_started && is_wanted(dev) &&
	       id < rte_intr_nb_efd_get(dev->intr_handle);
}

int
shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (!has_descriptor(dev, id) || q == NULL)
		return -ENOTSUP;
	shmbus_notify_drain(rte_intr_efds_index_get(dev->intr_handle, id));
	shmbus_announce_sleep(dev, id, true);
	/* The sender that wakes it may be new: the next poll looks at the roster. */
	if (shmbus_priv(dev)->format == SHMBUS_WIRE_LANES)
		q->lanes.idle = 0;
	if (is_pending(dev, q))
		wake_self(dev, id);
	return 0;
}

int
shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
	if (!has_descriptor(dev, id))
		return -ENOTSUP;
	shmbus_announce_sleep(dev, id, false);
	return 0;
}
