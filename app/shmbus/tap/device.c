/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "say.h"

#define TUN_PATH "/dev/net/tun"
#define NETNS_DIR "/run/netns"

int
tap_device_enter_netns(const char *netns)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s%s", strchr(netns, '/') == NULL ? NETNS_DIR "/" : "",
		 netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		say("netns=%s: cannot open %s: %s; expected a name as in ip netns list, or a path",
		    netns, path, strerror(-ret));
		return ret;
	}
	if (setns(fd, CLONE_NEWNET) != 0) {
		ret = -errno;
		say("netns=%s: cannot enter the namespace: %s%s", netns, strerror(-ret),
		    ret == -EPERM ? "; this needs CAP_SYS_ADMIN" : "");
	}
	close(fd);
	return ret;
}

static void
tell_no_tun(int err)
{
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		say(TUN_PATH ": %s; load the kernel module tun, or make the device visible in the container",
		    strerror(err));
	else
		say(TUN_PATH ": cannot open for reading and writing: %s", strerror(err));
}

/* Reports that no device can be had. name: NULL if the kernel chooses the name. */
static void
tell_no_device(const char *name, unsigned int queues, int err)
{
	char whose[64] = "";

	if (name != NULL)
		snprintf(whose, sizeof(whose), "name=%s: ", name);
	if (err == EPERM)
		say("%scannot make a tap device: this needs CAP_NET_ADMIN in the network namespace, or "
		    "the name of a device that ip tuntap add has made for this user", whose);
	else if (err == EBUSY)
		say("%sanother program uses this tap device", whose);
	else if (err == EINVAL)
		say("%scannot be a tap device with %s: a device of another kind has this name, "
		    "or the name is not valid", whose, queues == 1 ? "one queue" : "several queues");
	else
		say("%scannot make a tap device: %s", whose, strerror(err));
}

/*
 * Opens the next queue. The first one makes the device, and gets its name. name: as the caller
 * gave it. Returns 0, or -errno after a message.
 */
static int
open_queue(struct tap_device *dev, const char *name, unsigned int queues)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, ret;

	if (queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		tell_no_tun(-ret);
		return ret;
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev->name);
	if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
		ret = -errno;
		tell_no_device(name, queues, -ret);
		close(fd);
		return ret;
	}
	memcpy(dev->name, ifr.ifr_name, sizeof(dev->name));
	dev->fds[dev->queues++] = fd;
	return 0;
}

int
tap_device_open(struct tap_device *dev, const char *name, unsigned int queues)
{
	struct ifreq hw = { .ifr_flags = 0 };
	int len = TAP_DEVICE_HDR_LEN;
	int ret;

	dev->queues = 0;
	if (name != NULL && strlen(name) >= sizeof(dev->name)) {
		say("name=%s: too long; the name of a device has at most %zu bytes", name,
		    sizeof(dev->name) - 1);
		return -EINVAL;
	}
	snprintf(dev->name, sizeof(dev->name), "%s", name != NULL ? name : "tap%d");
	do {
		ret = open_queue(dev, name, queues);
		if (ret != 0)
			goto err_close;
	} while (dev->queues < queues);
	/* With these offloads a long TCP packet comes in one piece: one read for many frames. */
	if (ioctl(dev->fds[0], TUNSETVNETHDRSZ, &len) != 0 ||
	    ioctl(dev->fds[0], TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0 ||
	    ioctl(dev->fds[0], SIOCGIFHWADDR, &hw) != 0) {
		ret = -errno;
		say("name=%s: cannot set up the tap device: %s", dev->name, strerror(-ret));
		goto err_close;
	}
	memcpy(dev->mac, hw.ifr_hwaddr.sa_data, sizeof(dev->mac));
	return 0;

err_close:
	tap_device_close(dev);
	return ret;
}

void
tap_device_close(struct tap_device *dev)
{
	while (dev->queues != 0)
		close(dev->fds[--dev->queues]);
}
