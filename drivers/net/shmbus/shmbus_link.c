/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The link.
 *
 * Theory of operation
 *
 * The link is up while the port is started, the link is not set down, the bus
 * exists and, with carrier=peer, another live port is started and its link is not
 * set down. The state of a port in its slot says what its owner has done, not
 * whether the owner has a carrier: two such ports do not wait for each other. Only the
 * kernel knows the state of the bus file and which ports live. The driver asks the kernel
 * when the application asks for the link, and every POLL_US in the link poll,
 * which runs in EAL's interrupt thread.
 *
 *   bus file   noticed by             consequences
 *   nameless   the link poll, or a    a line in the log; the port goes on
 *              call for the link
 *   gone       the link poll, or a    a line in the log; queues and link down;
 *              call for the link      the poll sends the events LSC and RMV
 *
 * The link poll also maps the lanes of new ports, so that bursts need not (shmbus_prefault.h).
 *
 * A bus that is gone never comes back; the port needs a relink, shmbus_relink.c.
 *
 * Only the interrupt thread sends events. Each run of the poll sends at most one
 * event, as its last act: the application may stop, start or close the port in
 * the callback, so nothing that was read before a callback is used after it.
 * Calls that change the link (link up and down, start and stop) let the poll run
 * at once. After a stop the poll runs once more for each event that is due, and
 * ends. A callback asks for the link as a rule, and so looks at the bus file: a
 * port moves to another bus while no callback runs.
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
	return priv->args.carrier == SHMBUS_CARRIER_BUS || shmbus_wire_has_partner(wire);
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
store_worse(struct shmbus_link *l, uint32_t status)
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
	/* A secondary process may see the file differently, in a container for example. */
	if (shmbus_is_primary() && store_worse(&priv->link, status)) {
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

/* Takes the next event that is due. Returns false if no event is due. */
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
schedule_poll(struct rte_eth_dev *dev, rte_eal_alarm_callback poll, uint64_t us)
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
	schedule_poll(dev, poll_once, AT_ONCE_US);
	rte_eth_dev_callback_process(dev, event, NULL);
}

static void
poll_link(void *arg)
{
	struct rte_eth_dev *dev = arg;

	if (shmbus_priv(dev)->link.polls)
		schedule_poll(dev, poll_link, POLL_US);
	if (dev->data->dev_started)
		shmbus_wire_prefault(shmbus_wire(dev));
	poll_once(dev);
}

/* Waits for a run of a poll, unless a callback of that run is the caller. */
void
shmbus_link_end_poll(struct rte_eth_dev *dev)
{
	shmbus_priv(dev)->link.polls = false;
	rte_eal_alarm_cancel(poll_link, dev);
	rte_eal_alarm_cancel(poll_once, dev);
}

/* Waits as shmbus_link_end_poll(). A stopped port has no other poll. */
bool
shmbus_link_hold_events(struct rte_eth_dev *dev)
{
	return rte_eal_alarm_cancel(poll_once, dev) > 0;
}

void
shmbus_link_resume_events(struct rte_eth_dev *dev)
{
	schedule_poll(dev, poll_once, AT_ONCE_US);
}

/* ---- operations */

int
shmbus_link_update(struct rte_eth_dev *dev, int wait_to_complete)
{
	RTE_SET_USED(wait_to_complete);
	/* A secondary process reports the link that the primary's poll has found. */
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
	/* First the state: senders read the cursors of a port only if its state says that the port
	 * has cursors. With the cursors first, senders could overwrite frames that were sent in
	 * between. Then the cursors, at the current end of the bus: frames sent while the link was
	 * down are not received. Then the queues.
	 */
	shmbus_announce_state_now(dev);
	shmbus_queues_restart(dev);
	shmbus_queues_update(dev);
	/* A queue that fell asleep while the link was down has not looked for frames. */
	shmbus_intr_wake(dev);
	refresh(dev);
	if (dev->data->dev_started)
		schedule_poll(dev, poll_once, AT_ONCE_US);
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
		schedule_poll(dev, poll_once, AT_ONCE_US);
	return 0;
}

void
shmbus_link_start(struct rte_eth_dev *dev)
{
	dev->data->dev_started = 1; /* as ethdev does when dev_start has returned */
	shmbus_announce_state(dev);
	refresh(dev);
	shmbus_priv(dev)->link.polls = true;
	schedule_poll(dev, poll_link, AT_ONCE_US);
}

void
shmbus_link_stop(struct rte_eth_dev *dev)
{
	shmbus_link_end_poll(dev);
	shmbus_priv(dev)->link.removal_due = false;
	dev->data->dev_started = 0;
	shmbus_announce_state(dev);
	refresh(dev);
	schedule_poll(dev, poll_once, AT_ONCE_US);
}
