/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "packet.h"
#include "vnet.h"

int
tap_frame_read(int fd, struct virtio_net_hdr *hdr, uint8_t *frame, size_t room)
{
	const struct iovec to[2] = {
		{ .iov_base = hdr, .iov_len = sizeof(*hdr) },
		{ .iov_base = frame, .iov_len = room },
	};
	const ssize_t len = readv(fd, to, 2);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return (size_t)len > sizeof(*hdr) ? (int)((size_t)len - sizeof(*hdr)) : 0;
}

int
tap_packet_read(struct tap_packet *p, int fd)
{
	const int ret = tap_frame_read(fd, &p->hdr, p->bytes, sizeof(p->bytes));

	if (ret < 0)
		return ret;
	p->done = 0;
	p->len = (uint32_t)ret;
	return p->len != 0;
}

void
tap_packet_set(struct tap_packet *p, const struct virtio_net_hdr *hdr, const uint8_t *bytes,
	       uint32_t len)
{
	p->hdr = *hdr;
	memcpy(p->bytes, bytes, len);
	p->len = len;
	p->done = 0;
}

int
tap_packet_next(struct tap_packet *p, void *buf, uint32_t room)
{
	int ret = 0;

	if (p->done == 0)
		ret = vnet_to_offload(&p->hdr, p->bytes, p->len, true, &p->offload);
	if (ret == 0)
		ret = shmbus_complete(p->bytes, p->len, &p->offload, &p->done, buf, room);
	if (ret <= 0)
		p->len = 0;
	return ret;
}
