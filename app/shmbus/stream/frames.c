/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bridge/device.h"
#include "frames.h"
#include "say.h"

/* What one read takes at most, besides a frame that was read in part. */
#define READ_LEN (256u * 1024)

/*
 * What one write takes at most, unless its first frame alone is longer. The kernel puts as much
 * into one buffer of a Unix socket, so that a reader at the other end finds whole frames: passt
 * (2023) loses its place in the stream when what it reads ends within or behind a length.
 */
#define WHOLE_LEN 32768u

int
stream_frames_init(struct stream_frames *s, uint32_t frame_max)
{
	*s = (struct stream_frames){ .frame_max = frame_max };
	s->room = STREAM_FRAMES_HDR_LEN + frame_max + READ_LEN;
	s->bytes = malloc(s->room);
	return s->bytes != NULL ? 0 : say_no_memory();
}

void
stream_frames_fini(struct stream_frames *s)
{
	free(s->bytes);
}

int
stream_frames_restart(struct stream_frames *s)
{
	const int rest = s->begin != s->end;

	s->begin = s->end = 0;
	s->written = 0;
	return rest;
}

ssize_t
stream_frames_read(struct stream_frames *s, int fd)
{
	ssize_t len;

	if (s->begin != 0) {
		memmove(s->bytes, s->bytes + s->begin, s->end - s->begin);
		s->end -= s->begin;
		s->begin = 0;
	}
	do {
		len = recv(fd, s->bytes + s->end, s->room - s->end, 0);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	s->end += (size_t)len;
	return len;
}

unsigned int
stream_frames_take(struct stream_frames *s, struct shmbus_tx *frames, unsigned int n,
		   uint32_t *claimed)
{
	unsigned int taken = 0;
	uint32_t len;

	*claimed = 0;
	while (taken < n && s->end - s->begin >= STREAM_FRAMES_HDR_LEN) {
		memcpy(&len, s->bytes + s->begin, sizeof(len));
		len = ntohl(len);
		if (len > s->frame_max) {
			*claimed = len;
			break;
		}
		if (len > s->end - s->begin - STREAM_FRAMES_HDR_LEN)
			break;
		frames[taken++] = (struct shmbus_tx){
			.data = s->bytes + s->begin + STREAM_FRAMES_HDR_LEN,
			.len = len,
		};
		s->begin += STREAM_FRAMES_HDR_LEN + len;
	}
	return taken;
}

int
stream_frames_write(struct stream_frames *s, int fd, const struct shmbus_rx *frames, unsigned int n)
{
	struct iovec parts[BRIDGE_BURST];
	struct msghdr message = { .msg_iov = parts };
	unsigned int i, done = 0;
	size_t total = 0;
	uint32_t len;
	ssize_t ret;

	for (i = 0; i < n; i++) {
		total += STREAM_FRAMES_HDR_LEN + frames[i].len;
		if (i != 0 && total > WHOLE_LEN)
			break;
		parts[i].iov_base = (uint8_t *)frames[i].data - STREAM_FRAMES_HDR_LEN;
		parts[i].iov_len = STREAM_FRAMES_HDR_LEN + frames[i].len;
		len = htonl(frames[i].len);
		memcpy(parts[i].iov_base, &len, sizeof(len));
	}
	n = i;
	message.msg_iovlen = n;
	parts[0].iov_base = (uint8_t *)parts[0].iov_base + s->written;
	parts[0].iov_len -= s->written;
	ret = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (ret < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	s->written += (size_t)ret;
	while (done < n && s->written >= STREAM_FRAMES_HDR_LEN + frames[done].len) {
		s->written -= STREAM_FRAMES_HDR_LEN + frames[done].len;
		done++;
	}
	return (int)done;
}
