/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * The vhost library listens on the sockets, speaks vhost-user, and maps the memory of the guests.
 * It calls new_device() and destroy_device() in a thread of its own, once a guest has a driver and
 * when the guest has lost it: at a reset, at the end of QEMU, or at its death. Only between these two
 * calls the port of the guest is started and its workers run.
 *
 * If QEMU is killed and started again, the library may report the new connection before it notices
 * the end of the old one. So the latest guest of a socket counts.
 *
 *   thread          does                                       with
 *   of the library  new_device, destroy_device                 the lock of the guest
 *   of the library  vring_state_changed                        atomics: it holds the locks of all
 *                                                              rings, which workers take, and a
 *                                                              thread that waits for workers has
 *                                                              the lock of the guest
 *   main            guests_close, guests_print                 the lock of the guest
 *
 * A front end can let the library's thread wait for the rest of a message. So nothing at the
 * program's end waits for that thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_vhost.h>

#include "guest.h"
#include "port.h"
#include "say.h"
#include "shmbus_atomic.h"
#include "unix_socket.h"
#include "worker.h"

#define NOBODY UINT32_MAX
#define RINGS_MAX (2 * CONF_QUEUES_MAX)
#define BIT(n) (UINT64_C(1) << (n))

/* What the driver cannot carry, and what a killed program could not continue (see guest_offer). */
#define FEATURES_NOT_OFFERED \
	(BIT(VIRTIO_NET_F_HOST_UFO) | BIT(VIRTIO_NET_F_GUEST_UFO) | BIT(VIRTIO_F_RING_PACKED))

/* Requests of vhost-user that check_message() looks at. */
#define MESSAGE_SET_MEM_TABLE 5
#define MESSAGE_SET_VRING_NUM 8

struct guest {
	const struct conf *conf;
	const struct conf_guest *name;
	struct port port;
	struct worker workers[CONF_QUEUES_MAX];
	struct worker_rings rings;
	int kicks[RINGS_MAX]; /* our copies of the guest's descriptors, or -1 */

	pthread_mutex_t lock; /* of what follows, and of workers coming and going */
	shmbus_a32 vid;	      /* of the guest that is there, or NOBODY; read without the lock */
	bool closed;
	bool listening;
};

static struct guest *guests;
static unsigned int n_guests;

/* Receive rings that are enabled, a bit each, by the library's number of the guest. */
static shmbus_a64 rx_enabled[RTE_MAX_VHOST_DEVICE];

static struct guest *
find(int vid)
{
	char name[PATH_MAX];
	unsigned int i;

	if (rte_vhost_get_ifname(vid, name, sizeof(name)) != 0)
		return NULL;
	for (i = 0; i < n_guests; i++)
		if (strcmp(guests[i].name->socket, name) == 0)
			return &guests[i];
	return NULL;
}

/* ---- kicks */

static struct worker *
worker_of(struct guest *g, uint16_t ring)
{
	return &g->workers[ring / 2 % g->conf->queues];
}

/*
 * Takes the guest's descriptor of a ring, or drops it. The library closes its own at any time, and
 * the number may mean another file then; so a copy is used.
 */
static void
set_kick(struct guest *g, uint16_t ring, int fd)
{
	const int old = g->kicks[ring];

	g->kicks[ring] = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	worker_set_kick(worker_of(g, ring), old, g->kicks[ring]);
	if (old >= 0)
		close(old);
}

static void
fetch_kick(struct guest *g, int vid, uint16_t ring)
{
	struct rte_vhost_vring vring;

	if (rte_vhost_get_vhost_vring(vid, ring, &vring) != 0)
		vring.kickfd = -1;
	set_kick(g, ring, vring.kickfd);
}

/* ---- a guest comes and goes */

static void
negotiated(int vid, struct port_offloads *offloads, bool *mergeable)
{
	uint64_t features = 0;

	rte_vhost_get_negotiated_features(vid, &features);
	*mergeable = features & BIT(VIRTIO_NET_F_MRG_RXBUF);
	offloads->checksums = features & BIT(VIRTIO_NET_F_GUEST_CSUM);
	/* The driver delivers whole packets of both families or of none. */
	offloads->segments = offloads->checksums && (features & BIT(VIRTIO_NET_F_GUEST_TSO4)) &&
			     (features & BIT(VIRTIO_NET_F_GUEST_TSO6));
	if (rte_vhost_get_mtu(vid, &offloads->mtu) != 0 || offloads->mtu < RTE_ETHER_MIN_MTU)
		offloads->mtu = RTE_ETHER_MTU;
}

/* Ends the workers and stops the port. The caller holds the lock, and the guest is there. */
static void
leave_locked(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < g->conf->queues; i++)
		worker_stop(&g->workers[i]);
	port_stop(&g->port);
	for (i = 0; i < RINGS_MAX; i++)
		set_kick(g, (uint16_t)i, -1);
	shmbus_store(&g->vid, NOBODY);
	printf("%s: the guest is gone\n", g->name->socket);
	say_flush();
}

static int
start_workers(struct guest *g, int vid, bool mergeable)
{
	struct worker *w;
	unsigned int i;
	int ret = 0;

	for (i = 0; ret == 0 && i < g->conf->queues; i++) {
		w = &g->workers[i];
		w->vid = vid;
		w->mergeable = mergeable;
		ret = worker_start(w);
	}
	if (ret == 0)
		return 0;
	say("%s: cannot start a thread: %s", g->name->socket, strerror(-ret));
	for (i = 0; i < g->conf->queues; i++)
		worker_stop(&g->workers[i]);
	return ret;
}

static int
join_locked(struct guest *g, int vid)
{
	const uint16_t rings = RTE_MIN(rte_vhost_get_vring_num(vid), RINGS_MAX);
	struct port_offloads offloads;
	bool mergeable;
	uint16_t i;
	int ret;

	negotiated(vid, &offloads, &mergeable);
	ret = port_start(&g->port, &offloads);
	if (ret != 0)
		return ret;
	shmbus_store(&g->rings.rx_enabled, shmbus_load(&rx_enabled[vid]));
	shmbus_store(&g->rings.pairs, rings / 2);
	for (i = 0; i < rings; i++)
		fetch_kick(g, vid, i);
	shmbus_store(&g->vid, (uint32_t)vid);
	ret = start_workers(g, vid, mergeable);
	if (ret != 0) {
		leave_locked(g);
		return ret;
	}
	printf("%s: the guest is there, MTU %u, %s, %s\n", g->name->socket, offloads.mtu,
	       offloads.checksums ? "takes packets without checksums" : "takes no requests",
	       offloads.segments ? "TCP packets of up to 64 KB" : "segments");
	say_flush();
	return 0;
}

static int
new_device(int vid)
{
	struct guest *g = find(vid);
	int ret = -EINVAL;

	if (g == NULL)
		return ret;
	pthread_mutex_lock(&g->lock);
	if (!g->closed) {
		if (shmbus_load(&g->vid) != NOBODY)
			leave_locked(g);
		ret = join_locked(g, vid);
	}
	pthread_mutex_unlock(&g->lock);
	return ret;
}

static void
destroy_device(int vid)
{
	struct guest *g = find(vid);

	if (g == NULL)
		return;
	pthread_mutex_lock(&g->lock);
	if (shmbus_load(&g->vid) == (uint32_t)vid)
		leave_locked(g);
	pthread_mutex_unlock(&g->lock);
}

/*
 * Looks at a message before the library does. A memory table that cannot be mapped makes the library
 * unmap the old one under the workers. So the connection of a running guest ends instead, and QEMU
 * begins anew with its new table: this happens when memory is added to a guest. A ring of no entries
 * would be as long as its indices.
 */
static enum rte_vhost_msg_result
check_message(int vid, void *message)
{
	const struct guest *g = find(vid);
	uint32_t words[5]; /* request, flags, size, and of SET_VRING_NUM the ring and its size */

	memcpy(words, message, sizeof(words));
	if ((words[0] == MESSAGE_SET_MEM_TABLE && g != NULL &&
	     shmbus_load(&g->vid) == (uint32_t)vid) ||
	    (words[0] == MESSAGE_SET_VRING_NUM && words[4] == 0))
		return RTE_VHOST_MSG_RESULT_ERR;
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static const struct rte_vhost_user_extern_ops message_ops = { .pre_msg_handle = check_message };

static int
new_connection(int vid)
{
	shmbus_store(&rx_enabled[vid], 0);
	return rte_vhost_extern_callback_register(vid, &message_ops, NULL);
}

static int
vring_state_changed(int vid, uint16_t ring, int enable)
{
	struct guest *g = find(vid);
	uint64_t rings = shmbus_load(&rx_enabled[vid]);

	if (g == NULL || ring >= RINGS_MAX)
		return 0;
	if (ring % 2 == 0) {
		rings = enable ? rings | BIT(ring / 2) : rings & ~BIT(ring / 2);
		shmbus_store(&rx_enabled[vid], rings);
	}
	if (shmbus_load(&g->vid) != (uint32_t)vid)
		return 0;
	shmbus_store(&g->rings.rx_enabled, rings);
	shmbus_store(&g->rings.pairs, RTE_MIN(rte_vhost_get_vring_num(vid), RINGS_MAX) / 2);
	fetch_kick(g, vid, ring);
	return 0;
}

static const struct rte_vhost_device_ops ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
	.vring_state_changed = vring_state_changed,
	.new_connection = new_connection,
};

/* ---- sockets */

/* Removes a socket that nobody listens on, which a killed program has left. */
static int
clear_socket(const char *path)
{
	struct stat st;
	int ret;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		say("--socket: '%s' is not right; it is there, and is no socket", path);
		return -EEXIST;
	}
	ret = unix_socket_left_behind(path);
	if (ret < 0)
		return ret;
	if (ret == 1)
		return unlink(path) == 0 ? 0 : -errno;
	say("--socket: '%s' is not right; another program listens on it. If that is QEMU "
	    "(server=on), use --client", path);
	return -EADDRINUSE;
}

static int
listen_for(struct guest *g)
{
	const uint64_t flags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS |
			       (g->conf->client ? RTE_VHOST_USER_CLIENT : 0);
	const char *path = g->name->socket;
	int ret = 0;

	if (!g->conf->client)
		ret = clear_socket(path);
	if (ret != 0)
		return ret;
	/*
	 * Packed rings are not offered: after the death of this program QEMU cannot say where to go on,
	 * as the position is nowhere in the guest's memory.
	 */
	if (rte_vhost_driver_register(path, flags) != 0 ||
	    rte_vhost_driver_disable_features(path, FEATURES_NOT_OFFERED) != 0 ||
	    rte_vhost_driver_callback_register(path, &ops) != 0 ||
	    rte_vhost_driver_start(path) != 0) {
		say("--socket: cannot use '%s': %s", path, strerror(errno));
		return -EINVAL;
	}
	g->listening = true;
	return 0;
}

/* ---- all guests */

static int
open_guest(struct guest *g, const struct conf *conf, unsigned int number)
{
	unsigned int i;
	int ret;

	g->conf = conf;
	g->name = &conf->guests[number];
	g->vid = NOBODY;
	pthread_mutex_init(&g->lock, NULL);
	for (i = 0; i < RINGS_MAX; i++)
		g->kicks[i] = -1;
	for (i = 0; i < conf->queues; i++) {
		g->workers[i].port = &g->port;
		g->workers[i].rings = &g->rings;
		g->workers[i].queue = (uint16_t)i;
		g->workers[i].n_workers = (uint16_t)conf->queues;
		ret = worker_init(&g->workers[i]);
		if (ret != 0)
			return ret;
	}
	return port_open(&g->port, number, conf, g->name);
}

int
guests_open(const struct conf *conf)
{
	int ret;

	guests = calloc(conf->n_guests, sizeof(*guests));
	if (guests == NULL)
		return say_no_memory();
	for (; n_guests < conf->n_guests; n_guests++) {
		ret = open_guest(&guests[n_guests], conf, n_guests);
		if (ret != 0)
			return ret;
	}
	return 0;
}

int
guests_listen(void)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_ether_addr mac;
	struct guest *g;
	unsigned int i;
	int ret;

	for (i = 0; i < n_guests; i++) {
		g = &guests[i];
		ret = listen_for(g);
		if (ret != 0)
			return ret;
		rte_eth_macaddr_get(g->port.id, &mac);
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x",
			 RTE_ETHER_ADDR_BYTES(&mac));
		printf("%s waits for a guest, net_shmbus%u on %s, MAC %s\n",
		       g->name->socket, i, g->conf->path, text);
	}
	return say_flush();
}

void
guests_close(void)
{
	struct guest *g;
	unsigned int i;

	for (i = 0; i < n_guests; i++) {
		g = &guests[i];
		pthread_mutex_lock(&g->lock);
		g->closed = true;
		if (shmbus_load(&g->vid) != NOBODY)
			leave_locked(g);
		if (g->listening && !g->conf->client)
			unlink(g->name->socket);
		pthread_mutex_unlock(&g->lock);
	}
}

static void
print(struct guest *g)
{
	uint64_t in[3] = { 0 }, out[3] = { 0 };
	struct port_losses losses;
	const struct worker *w;
	unsigned int i;

	for (i = 0; i < g->conf->queues; i++) {
		w = &g->workers[i];
		out[0] += shmbus_counted(&w->bus_counters.frames);
		out[1] += shmbus_counted(&w->bus_counters.bytes);
		out[2] += shmbus_counted(&w->bus_counters.dropped);
		in[0] += shmbus_counted(&w->guest_counters.frames);
		in[1] += shmbus_counted(&w->guest_counters.bytes);
		in[2] += shmbus_counted(&w->guest_counters.dropped);
	}
	port_get_losses(&g->port, &losses);
	printf("%s to bus: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped\n",
	       g->name->socket, out[0], out[1], out[2] + losses.refused);
	printf("bus to %s: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped, %" PRIu64
	       " missed\n", g->name->socket, in[0], in[1], in[2], losses.missed);
}

void
guests_print(void)
{
	unsigned int i;

	for (i = 0; i < n_guests; i++) {
		pthread_mutex_lock(&guests[i].lock);
		print(&guests[i]);
		pthread_mutex_unlock(&guests[i].lock);
	}
}
