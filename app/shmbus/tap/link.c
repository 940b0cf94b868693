/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "link.h"
#include "say.h"

/* Large enough for every request and answer. An error answer contains a copy of the request. */
#define MESSAGE_MAX 1024

int
tap_link_open(struct tap_link *link, const char *name)
{
	struct ifreq ifr = { .ifr_mtu = 0 };
	int ret;

	link->name = name;
	link->index = if_nametoindex(name);
	if (link->index == 0)
		goto err;
	link->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (link->nl == NULL)
		goto err;
	if (mnl_socket_bind(link->nl, 0, MNL_SOCKET_AUTOPID) != 0)
		goto err_close;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(mnl_socket_get_fd(link->nl), SIOCGIFMTU, &ifr) != 0)
		goto err_close;
	link->mtu = (uint32_t)ifr.ifr_mtu;
	return 0;

err_close:
	ret = -errno;
	mnl_socket_close(link->nl);
	errno = -ret;
err:
	ret = -errno;
	say("name=%s: cannot reach the device over netlink: %s", name, strerror(-ret));
	return ret;
}

void
tap_link_close(struct tap_link *link)
{
	mnl_socket_close(link->nl);
}

/* Sends a request, and waits for the kernel's answer. Returns 0 or -errno. */
static int
ask(struct tap_link *link, struct nlmsghdr *nlh)
{
	char answer[MESSAGE_MAX];
	ssize_t len;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = (uint32_t)time(NULL);
	if (mnl_socket_sendto(link->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	len = mnl_socket_recvfrom(link->nl, answer, sizeof(answer));
	if (len < 0)
		return -errno;
	if (mnl_cb_run(answer, (size_t)len, nlh->nlmsg_seq, mnl_socket_get_portid(link->nl), NULL,
		       NULL) < 0)
		return -errno;
	return 0;
}

static struct nlmsghdr *
begin_link(const struct tap_link *link, char *message)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	struct ifinfomsg *info;

	nlh->nlmsg_type = RTM_NEWLINK;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)link->index;
	return nlh;
}

/* Does the same. what: the request in words, for the message after an error. */
static int
ask_for(struct tap_link *link, struct nlmsghdr *nlh, const char *what)
{
	const int ret = ask(link, nlh);

	if (ret != 0)
		say("name=%s: cannot %s: %s%s", link->name, what, strerror(-ret),
		    ret == -EPERM ? "; this needs CAP_NET_ADMIN" : "");
	return ret;
}

int
tap_link_set_mac(struct tap_link *link, const uint8_t mac[6])
{
	char message[MESSAGE_MAX];
	struct nlmsghdr *nlh = begin_link(link, message);

	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	return ask_for(link, nlh, "set the MAC address");
}

int
tap_link_set_mtu(struct tap_link *link, uint32_t mtu)
{
	char message[MESSAGE_MAX];
	struct nlmsghdr *nlh = begin_link(link, message);
	char what[32];

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	snprintf(what, sizeof(what), "set mtu=%" PRIu32, mtu);
	return ask_for(link, nlh, what);
}

void
tap_link_limit_packets(struct tap_link *link, uint32_t len)
{
	char message[MESSAGE_MAX];
	struct nlmsghdr *nlh = begin_link(link, message);

	mnl_attr_put_u32(nlh, IFLA_GSO_MAX_SIZE, len);
	ask(link, nlh);
}

int
tap_link_set_bridge(struct tap_link *link, const char *bridge)
{
	const unsigned int index = if_nametoindex(bridge);
	char message[MESSAGE_MAX];
	struct nlmsghdr *nlh = begin_link(link, message);
	char what[64];
	int ret;

	if (index == 0) {
		ret = -errno;
		say("bridge=%s: %s; expected the name of a bridge of the kernel: ip link add %s type "
		    "bridge", bridge, strerror(-ret), bridge);
		return ret;
	}
	mnl_attr_put_u32(nlh, IFLA_MASTER, index);
	snprintf(what, sizeof(what), "make it a port of the bridge %.32s", bridge);
	return ask_for(link, nlh, what);
}

int
tap_link_set_up(struct tap_link *link)
{
	char message[MESSAGE_MAX];
	struct nlmsghdr *nlh = begin_link(link, message);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);

	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	return ask_for(link, nlh, "bring the device up");
}

int
tap_link_add_address(struct tap_link *link, const struct tap_address *address)
{
	char message[MESSAGE_MAX];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	const bool v6 = address->family == AF_INET6;
	const size_t len = v6 ? sizeof(address->v6) : sizeof(address->v4);
	struct ifaddrmsg *ifa;
	char what[128];

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = (uint8_t)address->family;
	ifa->ifa_prefixlen = address->prefix;
	ifa->ifa_flags = v6 ? IFA_F_NODAD : 0;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = link->index;
	mnl_attr_put(nlh, IFA_LOCAL, len, &address->v6);
	mnl_attr_put(nlh, IFA_ADDRESS, len, &address->v6);
	if (!v6 && address->prefix < 31)
		mnl_attr_put_u32(nlh, IFA_BROADCAST,
				 address->v4.s_addr | htonl(UINT32_MAX >> address->prefix));
	snprintf(what, sizeof(what), "add the address %s", address->text);
	return ask_for(link, nlh, what);
}
