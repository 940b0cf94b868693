/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_LINK_H
#define TAP_LINK_H

/*
 * The kernel's side of a network device, set over netlink: what ip-link(8) and
 * ip-address(8) set. Each function: 0, or -errno after a message.
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
	const char *text; /* as it was given */
};

struct tap_link {
	struct mnl_socket *nl;
	unsigned int index;
	uint32_t mtu; /* when it was opened */
	const char *name; /* the caller's */
};

int tap_link_open(struct tap_link *link, const char *name);
void tap_link_close(struct tap_link *link);

int tap_link_set_mac(struct tap_link *link, const uint8_t mac[6]);
int tap_link_set_mtu(struct tap_link *link, uint32_t mtu);
int tap_link_set_up(struct tap_link *link);
/* An address of IPv6 can be used at once: nobody is asked whether it is free. */
int tap_link_add_address(struct tap_link *link, const struct tap_address *address);

/*
 * The kernel hands out no TCP packet longer than that. No message: a device
 * that somebody else has made may forbid it, and works all the same.
 */
void tap_link_limit_packets(struct tap_link *link, uint32_t len);

#endif /* TAP_LINK_H */
