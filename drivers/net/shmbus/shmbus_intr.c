/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Rx interrupts on a shmif bus: through inotify, as NetBSD's peers do it.
 * Whoever sends writes the version number into the file, with write(2), and
 * that wakes all who watch it. What a store into the mapping does nobody
 * hears, so a sender with wake=never wakes nobody.
 */

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "shmbus_wire.h"

static bool
is_wanted(const struct rte_eth_dev *dev)
{
	return dev->data->dev_conf.intr_conf.rxq != 0 &&
	       shmbus_priv(dev)->format == SHMBUS_FORMAT_SHMIF &&
	       rte_eal_process_type() == RTE_PROC_PRIMARY;
}

/* A descriptor that can be read when somebody has written the file. */
static int
watch_file(const struct shmbus_wire *wire)
{
	char name[32];
	int fd, ret;

	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (wire->ops->fd(wire) >= 0) {
		/* The file that is open, whatever its name leads to now. */
		snprintf(name, sizeof(name), "/proc/self/fd/%d", wire->ops->fd(wire));
		if (inotify_add_watch(fd, name, IN_MODIFY) < 0) {
			ret = -errno;
			close(fd);
			return ret;
		}
	}
	return fd;
}

static int
set_handle(struct rte_intr_handle *handle, int fd)
{
	if (rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0 ||
	    rte_intr_efd_counter_size_set(handle, 0) != 0 || /* EAL is not to read from it */
	    rte_intr_efds_index_set(handle, 0, fd) != 0 ||
	    rte_intr_nb_efd_set(handle, 1) != 0 ||
	    rte_intr_max_intr_set(handle, 2) != 0 ||
	    rte_intr_vec_list_alloc(handle, "shmbus", 1) != 0 ||
	    rte_intr_vec_list_index_set(handle, 0, RTE_INTR_VEC_RXTX_OFFSET) != 0)
		return -rte_errno;
	return 0;
}

int
shmbus_intr_start(struct rte_eth_dev *dev)
{
	struct rte_intr_handle *handle;
	int fd, ret;

	if (!is_wanted(dev))
		return 0;
	handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (handle == NULL)
		return -ENOMEM;
	fd = watch_file(shmbus_wire(dev));
	if (fd < 0) {
		ret = fd;
		goto err_free;
	}
	ret = set_handle(handle, fd);
	if (ret != 0)
		goto err_close;
	dev->intr_handle = handle;
	return 0;

err_close:
	close(fd);
	rte_intr_vec_list_free(handle);
err_free:
	rte_intr_instance_free(handle);
	SHMBUS_LOG(ERR, "port %u: cannot watch the bus for interrupts: %s", dev->data->port_id,
		   rte_strerror(-ret));
	return ret;
}

void
shmbus_intr_stop(struct rte_eth_dev *dev)
{
	struct rte_intr_handle *handle = dev->intr_handle;

	if (handle == NULL)
		return;
	dev->intr_handle = NULL;
	close(rte_intr_efds_index_get(handle, 0));
	rte_intr_vec_list_free(handle);
	rte_intr_instance_free(handle);
}

/* Forget what was signalled; without this the next signal would not be one. */
static void
drain(const struct rte_eth_dev *dev)
{
	uint8_t events[4096];
	const int fd = rte_intr_efds_index_get(dev->intr_handle, 0);

	while (read(fd, events, sizeof(events)) > 0)
		;
}

int
shmbus_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_rxq *q = dev->data->rx_queues[id];

	if (dev->intr_handle == NULL)
		return -ENOTSUP;
	drain(dev);
	/* What came before it was drained must not be slept through; if it can be received. */
	if (wire->shmif.map != NULL && !(shmbus_load(&q->flags) & SHMBUS_RX_DOWN) &&
	    (shmbus_shmif_has_next(&q->shmif) || shmbus_shmif_pending(&wire->shmif, &q->shmif)))
		shmbus_shmif_wake(&wire->shmif);
	return 0;
}

int
shmbus_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
	RTE_SET_USED(id);
	return dev->intr_handle == NULL ? -ENOTSUP : 0;
}
