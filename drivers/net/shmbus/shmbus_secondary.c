/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The port in a secondary process: probe. */

#include <stdlib.h>
#include <unistd.h>

#include <rte_errno.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>

#include "shmbus_fast_path.h"
#include "shmbus_intr.h"
#include "shmbus_mp.h"
#include "shmbus_priv.h"

static int
share(struct shmbus_local *local, const struct shmbus_priv *priv, const char *name)
{
	struct shmbus_error error;
	int fd, ret;

	ret = shmbus_mp_get_bus(name, &fd, &local->presence);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "%s: the primary process does not give its bus: %s; probe again"
			   " while it has the port on a bus", name, rte_strerror(-ret));
		return ret;
	}
	shmbus_wire_init(&local->wire, priv->format);
	ret = shmbus_wire_share(&local->wire, fd, priv->args.path, priv->slot,
				priv->format == SHMBUS_WIRE_SHMIF ? priv->shmif.sender : 0, &error);
	if (ret == 0)
		return 0;
	close(fd);
	close(local->presence);
	SHMBUS_LOG(ERR, "%s: %s", name, error.text);
	return ret;
}

int
shmbus_secondary_probe(struct rte_vdev_device *vdev, const struct eth_dev_ops *ops)
{
	const char *name = rte_vdev_device_name(vdev);
	struct shmbus_local *local;
	struct rte_eth_dev *dev;
	int ret;

	dev = rte_eth_dev_attach_secondary(name);
	if (dev == NULL) {
		SHMBUS_LOG(ERR, "%s: the primary process has no such port; probe it there first", name);
		return -ENODEV;
	}
	local = calloc(1, sizeof(*local));
	ret = local != NULL ? share(local, shmbus_priv(dev), name) : -ENOMEM;
	if (ret != 0) {
		free(local);
		rte_eth_dev_release_port(dev);
		return ret;
	}
	dev->device = &vdev->device;
	vdev->device.numa_node = dev->data->numa_node;
	dev->process_private = local;
	dev->dev_ops = ops;
	shmbus_set_fast_path(dev);
	/* Errors are logged; the port works without interrupts. */
	shmbus_intr_open(dev);
	rte_eth_dev_probing_finish(dev);
	return 0;
}
