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
 * (base/shmbus_wake.h). On a shmif bus, as NetBSD's peers do it, a sender
 * wakes all after each burst, but with wake=never nobody.
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

#include "shmbus_ops.h"

/* A port that only looks on cannot say that it sleeps. */
static bool
is_wanted(const struct rte_eth_dev *dev)
{
	return dev->data->dev_conf.intr_conf.rxq != 0 && !shmbus_priv(dev)->args.readonly;
}

static void
wake(const struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);

	wire->ops->wake(wire);
}

static void
set_asleep(const struct rte_eth_dev *dev, uint16_t id, bool asleep)
{
	const struct shmbus_wire_ops *ops = shmbus_wire(dev)->ops;

	if (ops->rxq_sleep != NULL)
		ops->rxq_sleep(dev, id, asleep);
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
		fd = shmbus_wake_watch(wire->ops->fd(wire));
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
	const struct shmbus_wire_ops *ops = shmbus_wire(dev)->ops;

	if (dev->intr_handle != NULL && ops->use_intr != NULL)
		ops->use_intr(dev, dev->data->dev_started);
}

void
shmbus_intr_wake(const struct rte_eth_dev *dev)
{
	if (dev->intr_handle != NULL)
		wake(dev);
}

void
shmbus_intr_stop(struct rte_eth_dev *dev)
{
	uint16_t i;

	if (dev->intr_handle == NULL)
		return;
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		set_asleep(dev, i, false);
	shmbus_intr_close(dev);
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
	if (shmbus_load(&q->restart) != q->restart_seen)
		return true;
	return shmbus_wire(dev)->ops->rxq_pending(dev, q);
}

/* A secondary's handle is of when it attached; the port may have been configured anew. */
static bool
has_descriptor(const struct rte_eth_dev *dev, uint16_t id)
{
	return dev->intr_handle != NULL && is_wanted(dev) &&
	       id < rte_intr_nb_efd_get(dev->intr_handle);
}

int
shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
	struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (!has_descriptor(dev, id))
		return -ENOTSUP;
	shmbus_wake_drain(rte_intr_efds_index_get(dev->intr_handle, id));
	set_asleep(dev, id, true);
	/* Who wakes it may be new: on lanes the next poll looks who is on the bus. */
	q->idle = 0;
	if (is_pending(dev, q))
		wake(dev);
	return 0;
}

int
shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
	if (!has_descriptor(dev, id))
		return -ENOTSUP;
	set_asleep(dev, id, false);
	return 0;
}
