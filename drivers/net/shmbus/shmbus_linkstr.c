/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Move a port from one bus to another: rte_pmd_shmbus.h. */

#include <rte_string_fns.h>

#include <eal_export.h>

#include "rte_pmd_shmbus.h"
#include "shmbus_ops.h"

static int
find_port(uint16_t port_id, struct rte_eth_dev **dev)
{
	if (!rte_eth_dev_is_valid_port(port_id))
		return -ENODEV;
	*dev = &rte_eth_devices[port_id];
	if ((*dev)->dev_ops == NULL || (*dev)->process_private == NULL ||
	    !shmbus_is_our_port(*dev))
		return -ENODEV;
	return 0;
}

static int
find_stopped_port(uint16_t port_id, struct rte_eth_dev **dev)
{
	int ret;

	ret = find_port(port_id, dev);
	if (ret != 0)
		return ret;
	if (shmbus_priv(*dev)->format != SHMBUS_FORMAT_SHMIF ||
	    rte_eal_process_type() != RTE_PROC_PRIMARY)
		return -ENOTSUP;
	return (*dev)->data->dev_started ? -EBUSY : 0;
}

/* The wire is what the port is on from now on. */
static void
exchange(struct rte_eth_dev *dev, struct shmbus_shmif *bus, const char *path)
{
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_wire *wire = shmbus_wire(dev);

	shmbus_telemetry_lock();
	wire->ops->leave(wire, priv);
	wire->ops->close(wire);
	wire->shmif = *bus;
	shmbus_telemetry_unlock();
	/* Secondary processes have the old bus open; theirs is none from now on. */
	priv->serial++;
	wire->serial = priv->serial;
	shmbus_store(&priv->fate, SHMBUS_FATE_WELL);
	priv->removal_due = false;
	rte_strscpy(priv->args.path, path, sizeof(priv->args.path));
	shmbus_queues_update(dev);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_shmbus_linkstr_set, 26.11)
int
rte_pmd_shmbus_linkstr_set(uint16_t port_id, const char *path)
{
	struct shmbus_error error;
	struct shmbus_shmif bus;
	struct shmbus_priv *priv;
	struct rte_eth_dev *dev;
	int ret;

	ret = find_stopped_port(port_id, &dev);
	if (ret != 0)
		return ret;
	if (path == NULL || path[0] == '\0')
		return -EINVAL;
	priv = shmbus_priv(dev);
	if (strlen(path) >= sizeof(priv->args.path))
		return -ENAMETOOLONG;
	if (priv->args.readonly)
		ret = shmbus_shmif_open_readonly(&bus, path, &error);
	else
		ret = shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, priv->args.mode, priv->sender,
					&error);
	if (ret != 0) {
		SHMBUS_LOG(ERR, "port %u: %s", port_id, error.text);
		return ret;
	}
	exchange(dev, &bus, path);
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_shmbus_linkstr_get, 26.11)
int
rte_pmd_shmbus_linkstr_get(uint16_t port_id, char *path, size_t size)
{
	struct rte_eth_dev *dev;
	int ret;

	ret = find_port(port_id, &dev);
	if (ret != 0)
		return ret;
	if (path == NULL)
		return -EINVAL;
	return rte_strscpy(path, shmbus_priv(dev)->args.path, size) < 0 ? -ENAMETOOLONG : 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_shmbus_linkstr_unset, 26.11)
int
rte_pmd_shmbus_linkstr_unset(uint16_t port_id)
{
	struct shmbus_shmif none = { .file = { .fd = -1 } };
	struct rte_eth_dev *dev;
	int ret;

	ret = find_stopped_port(port_id, &dev);
	if (ret == 0)
		exchange(dev, &none, "");
	return ret;
}
