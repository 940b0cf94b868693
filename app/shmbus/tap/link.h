/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_LINK_H
#define TAP_LINK_H

/*
 * Configures a network device over netlink, as ip-link(8) and ip-address(8) do.
 * Each function returns 0, or -errno after a message.
 */

#include <netinet/in.h>
#include <stdint.h>

struct tap_address {
	int family; /* AF_INET or AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
	uint8_t prefix;	   /* bits */
	const char *text; /* as on the command line */
};

struct tap_link {
	struct mnl_socket *nl;
	unsigned int index;
	uint32_t mtu; /* at the time of tap_link_open */
	const char *name; /* owned by the caller */
};

int tap_link_open(struct tap_link *link, const char *name);
void tap_link_close(struct tap_link *link);

int tap_link_set_mac(struct tap_link *link, const uint8_t mac[6]);
int tap_link_set_mtu(struct tap_link *link, uint32_t mtu);
int tap_link_set_up(struct tap_link *link);
/* Makes the device a port of a bridge of the kernel. */
int tap_link_set_bridge(struct tap_link *link, const char *bridge);
/* An IPv6 address can be used at once: there is no duplicate address detection. */
int tap_link_add_address(struct tap_link *link, const struct tap_address *address);

/*
 * Limits the length of the TCP packets that the kernel hands to the device. There
 * is no message after an error: a device that another user has made may forbid the
 * change, and works without it.
 */
void tap_link_limit_packets(struct tap_link *link, uint32_t len);

#endif /* TAP_LINK_H */
