/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The link.
 *
 * Theory of operation
 *
 * The link is up while the port is started, the link is not set down, the bus
 * exists and, with carrier=peer, another live port is on the bus. The kernel
 * knows the state of the bus file and which ports live. It is asked when the
 * application asks for the link, and every POLL_US by the link poll, which runs
 * in EAL's interrupt thread.
 *
 *   bus file   noticed by             consequences
 *   nameless   the link poll, or a    a line in the log; the port goes on
 *              call for the link
 *   gone       the link poll, or a    a line in the log; queues and link down;
 *              call for the link      the poll sends the events LSC and RMV
 *
 * A bus that is gone never comes back; the port needs a relink, shmbus_relink.c.
 *
 * Only the interrupt thread sends events. Each run of the poll sends at most one
 * event, as its last act: the application may stop, start or close the port in
 * the callback, so nothing that was read before a callback is used after it.
 * Calls that change the link (link up and down, start and stop) let the poll run
 * at once. After a stop the poll runs once more for each event that is due, and
 * ends.
 */

#include <rte_alarm.h>
#include <rte_errno.h>

#include "shmbus_announce.h"
#include "shmbus_intr.h"
#include "shmbus_flags.h"
#include "shmbus_link.h"
#include "shmbus_priv.h"
#include "shmbus_queue.h"

#define POLL_US (100 * 1000)
#define AT_ONCE_US 1

static bool
has_carrier(const struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	const struct shmbus_priv *priv = shmbus_priv(dev);

	if (!shmbus_wire_is_open(wire) || shmbus_load(&priv->link.status) == SHMBUS_STATUS_GONE)
		return false;
	return priv->args.carrier == SHMBUS_CARRIER_BUS || shmbus_wire_count_peers(wire) != 0;
}

/*
 * Recomputes the link and returns whether it changed. The application's threads and
 * the interrupt thread may call this at the same time.
 */
static bool
refresh(struct rte_eth_dev *dev)
{
	struct shmbus_link *l = &shmbus_priv(dev)->link;
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
	};
	bool changed;

	rte_spinlock_lock(&l->lock);
	if (dev->data->dev_started && !l->set_down && has_carrier(dev))
		link.link_status = RTE_ETH_LINK_UP;
	changed = link.link_status != dev->data->dev_link.link_status;
	l->changes_due += changed && dev->data->dev_conf.intr_conf.lsc;
	rte_eth_linkstatus_set(dev, &link);
	rte_spinlock_unlock(&l->lock);
	return changed;
}

/* ---- the bus file */

/* Stores a worse status. Returns true for the first thread that noticed it. */
static bool
take_note(struct shmbus_link *l, uint32_t status)
{
	bool news;

	rte_spinlock_lock(&l->lock);
	news = status > shmbus_load(&l->status);
	if (news) {
		shmbus_store(&l->status, status);
		l->removal_due |= status == SHMBUS_STATUS_GONE;
	}
	rte_spinlock_unlock(&l->lock);
	return news;
}

bool
shmbus_link_is_gone(struct rte_eth_dev *dev)
{
	const struct shmbus_wire *wire = shmbus_wire(dev);
	struct shmbus_priv *priv = shmbus_priv(dev);
	struct shmbus_error why;
	uint32_t status;

	if (shmbus_load(&priv->link.status) == SHMBUS_STATUS_GONE)
		return true;
	if (!shmbus_wire_is_open(wire)) /* the port is on no bus */
		return false;
	status = shmbus_wire_status(wire, &why);
	/* What a secondary process sees of the file, in a container say, need not be so here. */
	if (shmbus_is_primary() && take_note(&priv->link, status)) {
		if (status == SHMBUS_STATUS_GONE)
			SHMBUS_LOG(ERR, "%s: path=%s: %s; stop and start the port", dev->data->name,
				   priv->args.path, why.text);
		else
			SHMBUS_LOG(WARNING, "%s: path=%s: %s", dev->data->name, priv->args.path,
				   why.text);
		shmbus_queues_update(dev);
	}
	return status == SHMBUS_STATUS_GONE;
}

void
shmbus_link_set_status(struct rte_eth_dev *dev, uint32_t status)
{
	struct shmbus_link *l = &shmbus_priv(dev)->link;

	rte_spinlock_lock(&l->lock);
	shmbus_store(&l->status, status);
	l->removal_due = false;
	rte_spinlock_unlock(&l->lock);
}

/* ---- events */

/* Takes the next event that is due. Returns false if none is. */
static bool
take_event(struct rte_eth_dev *dev, enum rte_eth_event_type *event)
{
	struct shmbus_link *l = &shmbus_priv(dev)->link;
	bool found = true;

	rte_spinlock_lock(&l->lock);
	if (l->changes_due != 0) {
		l->changes_due--;
		*event = RTE_ETH_EVENT_INTR_LSC;
	} else {
		found = l->removal_due && dev->data->dev_conf.intr_conf.rmv;
		l->removal_due = false;
		*event = RTE_ETH_EVENT_INTR_RMV;
	}
	rte_spinlock_unlock(&l->lock);
	return found;
}

static void
have_poll(struct rte_eth_dev *dev, rte_eal_alarm_callback poll, uint64_t us)
{
	const int ret = rte_eal_alarm_set(us, poll, dev);

	if (ret != 0)
		SHMBUS_LOG(WARNING, "port %u: the link is not polled, so events may be missing: no alarm: %s",
			   dev->data->port_id, rte_strerror(-ret));
}

static void
poll_once(void *arg)
{
	struct rte_eth_dev *dev = arg;
	enum rte_eth_event_type event;

	if (dev->data->dev_started)
		shmbus_link_is_gone(dev);
	refresh(dev);
	if (!take_event(dev, &event))
		return;
	/* Before the callback, which may stop the port or even close it. */
	have_poll(dev, poll_once, AT_ONCE_US);
	rte_eth_dev_callback_process(dev, event, NULL);
}

static void
poll_link(void *arg)
{
	struct rte_eth_dev *dev = arg;

	if (shmbus_priv(dev)->link.polls)
		have_poll(dev, poll_link, POLL_US);
	poll_once(dev);
}

/* Ends the polls. Waits for a run of a poll, unless a callback of that run is the caller. */
static void
end_polls(struct rte_eth_dev *dev)
{
	shmbus_priv(dev)->link.polls = false;
	rte_eal_alarm_cancel(poll_link, dev);
	rte_eal_alarm_cancel(poll_once, dev);
}

/* ---- operations */

int
shmbus_link_update(struct rte_eth_dev *dev, int wait_to_complete)
{
	RTE_SET_USED(wait_to_complete);
	/* In a secondary process the link is as the primary's poll has found it. */
	if (!shmbus_is_primary())
		return 0;
	shmbus_link_is_gone(dev);
	return refresh(dev) ? 0 : -1;
}

int
shmbus_set_link_up(struct rte_eth_dev *dev)
{
	struct shmbus_priv *priv = shmbus_priv(dev);

	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	if (!priv->link.set_down)
		return 0;
	priv->link.set_down = false;
	/* First the state: senders read cursors only of a port whose state says that it has some,
	 * and would otherwise overwrite frames that were sent in between. Then the cursors, at the
	 * current end of the bus: frames sent while the link was down are not received. Then the
	 * queues.
	 */
	shmbus_announce_state_now(dev);
	shmbus_queues_restart(dev);
	shmbus_queues_update(dev);
	/* A queue that fell asleep while the link was down has not looked for frames. */
	shmbus_intr_wake(dev);
	refresh(dev);
	if (dev->data->dev_started)
		have_poll(dev, poll_once, AT_ONCE_US);
	return 0;
}

int
shmbus_set_link_down(struct rte_eth_dev *dev)
{
	if (!shmbus_is_primary())
		return SHMBUS_REFUSED;
	shmbus_priv(dev)->link.set_down = true;
	shmbus_queues_update(dev);
	shmbus_announce_state(dev);
	refresh(dev);
	if (dev->data->dev_started)
		have_poll(dev, poll_once, AT_ONCE_US);
	return 0;
}

void
shmbus_link_init(struct shmbus_priv *priv)
{
	rte_spinlock_init(&priv->link.lock);
}

void
shmbus_link_start(struct rte_eth_dev *dev)
{
	dev->data->dev_started = 1; /* as ethdev does when dev_start has returned */
	shmbus_announce_state(dev);
	refresh(dev);
	shmbus_priv(dev)->link.polls = true;
	have_poll(dev, poll_link, AT_ONCE_US);
}

void
shmbus_link_stop(struct rte_eth_dev *dev)
{
	end_polls(dev);
	shmbus_priv(dev)->link.removal_due = false;
	dev->data->dev_started = 0;
	shmbus_announce_state(dev);
	refresh(dev);
	have_poll(dev, poll_once, AT_ONCE_US);
}

void
shmbus_link_close(struct rte_eth_dev *dev)
{
	end_polls(dev);
}
