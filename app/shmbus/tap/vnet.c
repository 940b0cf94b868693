/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "shmbus_finish.h"
#include "shmbus_ip.h"
#include "vnet.h"

#define VLAN_LEN 4u
/* Offsets in the headers. */
#define IPV4_PROTOCOL_OFF 9
#define IPV6_NEXT_OFF 6
#define TCP_DATA_OFF 12u /* the header's own length */
#define TCP_FLAGS_OFF 13u
#define TCP_CKSUM_OFF 16u
#define UDP_CKSUM_OFF 6u

#define TCP_CWR 0x80u

/* Returns the offset of the IP header, which may follow VLAN tags. 0: there is none. */
static uint32_t
find_ip(const uint8_t *frame, uint32_t len)
{
	uint32_t off = ETHER_HDR_LEN;

	while (off <= len) {
		switch (shmbus_ip_get16(frame + off - 2)) {
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
finish_checksum(const struct virtio_net_hdr *hdr, uint8_t *frame, uint32_t len)
{
	const uint32_t start = hdr->csum_start;
	const uint32_t at = start + hdr->csum_offset;
	uint16_t sum;

	if (start > len || at + 2 > len)
		return -EINVAL;
	sum = (uint16_t)~shmbus_ip_sum(frame + start, len - start);
	/* 0 means "no checksum" in UDP; 0xffff is the same number in a ones' complement sum. */
	if (sum == 0)
		sum = 0xffff;
	memcpy(frame + at, &sum, sizeof(sum));
	return 0;
}

/* Returns whether the offload is that of the first IP header, so that receivers find all of it. */
static bool
is_outermost(const uint8_t *frame, uint32_t len, const struct shmbus_offload *offload)
{
	struct shmbus_ip ip;

	return offload->l3_off != 0 && offload->l4_off <= len &&
	       shmbus_ip_read(&ip, frame + offload->l3_off, len - offload->l3_off) &&
	       (uint32_t)offload->l4_off - offload->l3_off == ip.len &&
	       ip.at[ip.v6 ? IPV6_NEXT_OFF : IPV4_PROTOCOL_OFF] == offload->l4;
}

static uint8_t
protocol_of(uint32_t csum_offset)
{
	if (csum_offset == TCP_CKSUM_OFF)
		return IPPROTO_TCP;
	return csum_offset == UDP_CKSUM_OFF ? IPPROTO_UDP : 0;
}

static int
leave_checksum(const struct virtio_net_hdr *hdr, uint8_t *frame, uint32_t len, bool final,
	       struct shmbus_offload *offload)
{
	*offload = (struct shmbus_offload){
		.flags = SHMBUS_OFFLOAD_L4_CKSUM,
		.l4 = protocol_of(hdr->csum_offset),
		.l3_off = (uint16_t)find_ip(frame, len),
		.l4_off = hdr->csum_start,
	};
	if (!final && offload->l4 != 0 && is_outermost(frame, len, offload))
		return 0;
	*offload = (struct shmbus_offload){ .flags = 0 };
	return finish_checksum(hdr, frame, len);
}

static int
leave_segments(const struct virtio_net_hdr *hdr, const uint8_t *frame, uint32_t len,
	       struct shmbus_offload *offload)
{
	const uint32_t l4_off = hdr->csum_start;

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || l4_off + SHMBUS_TCP_MIN > len)
		return -EINVAL;
	*offload = (struct shmbus_offload){
		.flags = SHMBUS_OFFLOAD_SEGMENT | SHMBUS_OFFLOAD_L4_CKSUM,
		.l4 = IPPROTO_TCP,
		.l3_off = (uint16_t)find_ip(frame, len),
		.l4_off = (uint16_t)l4_off,
		.data_off = (uint16_t)(l4_off + (frame[l4_off + TCP_DATA_OFF] >> 4) * 4u),
		.segment = hdr->gso_size,
	};
	return offload->l3_off == 0 ? -EINVAL : 0;
}

int
vnet_to_offload(const struct virtio_net_hdr *hdr, uint8_t *frame, uint32_t len, bool final,
		struct shmbus_offload *offload)
{
	*offload = (struct shmbus_offload){ .flags = 0 };
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ?
		       leave_checksum(hdr, frame, len, final, offload) : 0;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return leave_segments(hdr, frame, len, offload);
	default:
		return -EOPNOTSUPP; /* tap_device_open has not enabled it */
	}
}

static void
ask_for_segments(struct virtio_net_hdr *hdr, const uint8_t *frame,
		 const struct shmbus_offload *offload)
{
	const bool v6 = frame[offload->l3_off] >> 4 == 6;

	hdr->gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	/* Only the first segment is to have CWR: RFC 3168. */
	if (frame[offload->l4_off + TCP_FLAGS_OFF] & TCP_CWR)
		hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	hdr->gso_size = offload->segment;
	hdr->hdr_len = offload->data_off;
}

bool
vnet_from_offload(struct virtio_net_hdr *hdr, uint8_t *frame, uint32_t len,
		  const struct shmbus_offload *offload)
{
	const struct shmbus_request req = {
		.flags = offload->flags,
		.l4 = offload->l4,
		.l3_off = offload->l3_off,
		.l4_off = offload->l4_off,
		.data_off = offload->data_off,
		.segment = offload->segment,
	};

	memset(hdr, 0, sizeof(*hdr));
	if (req.flags == 0)
		return true;
	if (!shmbus_finish_head(frame, len, &req))
		return false;
	if (!(req.flags & SHMBUS_REQUEST_L4_CKSUM))
		return true;
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = req.l4_off;
	hdr->csum_offset = req.l4 == IPPROTO_TCP ? TCP_CKSUM_OFF : UDP_CKSUM_OFF;
	/* A packet of one segment is none for the kernel. */
	if ((req.flags & SHMBUS_REQUEST_SEGMENT) && len - req.data_off > req.segment)
		ask_for_segments(hdr, frame, offload);
	return true;
}
