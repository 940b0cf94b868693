/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/uio.h>

#include "packet.h"
#include "shmbus_ip.h"

#define VLAN_LEN 4u
#define TCP_DATA_OFF 12u /* the offset of the header's own length in a TCP header */

/* Returns the offset of the IP header, which may follow VLAN tags. 0: there is none. */
static uint32_t
find_ip(const struct tap_packet *p)
{
	uint32_t off = ETHER_HDR_LEN;

	while (off <= p->len) {
		switch (shmbus_ip_get16(p->bytes + off - 2)) {
		case ETHERTYPE_VLAN:
		case 0x88a8: /* 802.1ad, provider tags */
			off += VLAN_LEN;
			break;
		case ETHERTYPE_IP:
		case ETHERTYPE_IPV6:
			return off;
		default:
			return 0;
		}
	}
	return 0;
}

/*
 * Completes a checksum. The kernel has stored the sum of the pseudo header in the
 * checksum field, so only the sum from csum_start on is missing.
 */
static int
finish_checksum(struct tap_packet *p)
{
	const uint32_t start = p->hdr.csum_start;
	const uint32_t at = start + p->hdr.csum_offset;
	uint16_t sum;

	if (start > p->len || at + 2 > p->len)
		return -EINVAL;
	sum = (uint16_t)~shmbus_ip_sum(p->bytes + start, p->len - start);
	/* 0 means "no checksum" in UDP; 0xffff is the same number in a ones' complement sum. */
	if (sum == 0)
		sum = 0xffff;
	memcpy(p->bytes + at, &sum, sizeof(sum));
	return 0;
}

/* Translates the kernel's GSO request to the library's. */
static int
plan_segments(struct tap_packet *p)
{
	const uint32_t l4_off = p->hdr.csum_start;

	if (!(p->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || l4_off + SHMBUS_TCP_MIN > p->len)
		return -EINVAL;
	p->offload = (struct shmbus_offload){
		.flags = SHMBUS_OFFLOAD_SEGMENT | SHMBUS_OFFLOAD_L4_CKSUM,
		.l4 = IPPROTO_TCP,
		.l3_off = (uint16_t)find_ip(p),
		.l4_off = (uint16_t)l4_off,
		.data_off = (uint16_t)(l4_off + (p->bytes[l4_off + TCP_DATA_OFF] >> 4) * 4u),
		.segment = p->hdr.gso_size,
	};
	return p->offload.l3_off == 0 ? -EINVAL : 0;
}

/* Determines the offload of a packet. Completes the checksum if there is nothing else to do. */
static int
plan(struct tap_packet *p)
{
	p->offload = (struct shmbus_offload){ .flags = 0 };
	switch (p->hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return p->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? finish_checksum(p) : 0;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return plan_segments(p);
	default:
		return -EOPNOTSUPP; /* tap_device_open has not enabled it */
	}
}

int
tap_packet_read(struct tap_packet *p, const struct tap_device *dev)
{
	const struct iovec to[2] = {
		{ .iov_base = &p->hdr, .iov_len = sizeof(p->hdr) },
		{ .iov_base = p->bytes, .iov_len = sizeof(p->bytes) },
	};
	ssize_t len;

	len = readv(dev->fd, to, 2);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	p->done = 0;
	p->len = (size_t)len > sizeof(p->hdr) ? (uint32_t)((size_t)len - sizeof(p->hdr)) : 0;
	return p->len != 0;
}

int
tap_packet_next(struct tap_packet *p, void *buf, uint32_t room)
{
	int ret = 0;

	if (p->done == 0)
		ret = plan(p);
	if (ret == 0)
		ret = shmbus_complete(p->bytes, p->len, &p->offload, &p->done, buf, room);
	if (ret <= 0)
		p->len = 0;
	return ret;
}
