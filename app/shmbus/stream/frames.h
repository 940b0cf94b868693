/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STREAM_FRAMES_H
#define STREAM_FRAMES_H

/*
 * Frames in a stream of bytes: in front of each is its length, 32 bits, big-endian. QEMU's
 * -netdev stream, passt and others speak it.
 */

#include <stdint.h>
#include <sys/types.h>

#include <shmbus.h>

/* The length in front of a frame. */
#define STREAM_FRAMES_HDR_LEN 4u

struct stream_frames {
	uint32_t frame_max;

	/* From the peer: bytes[begin..end-1] have been read and not been taken. */
	uint8_t *bytes;
	size_t room;
	size_t begin;
	size_t end;

	/* To the peer: the bytes of the next frame, with its length, that were written. */
	size_t written;
};

/* Returns 0, or -ENOMEM after a message. */
int stream_frames_init(struct stream_frames *s, uint32_t frame_max);
void stream_frames_fini(struct stream_frames *s);

/* A new connection begins. Returns whether the end of a frame is missing in what was read. */
int stream_frames_restart(struct stream_frames *s);

/*
 * Reads what there is, as far as there is room. Returns the number of bytes; 0: the peer has
 * closed the connection; -EAGAIN: nothing now; -errno. Frames of stream_frames_take() are gone.
 */
ssize_t stream_frames_read(struct stream_frames *s, int fd);

/*
 * Takes up to n whole frames out of what was read, where they lie. Returns their number. If the
 * next frame claims to be longer than the bus takes, sets *claimed to its length, and 0
 * otherwise.
 */
unsigned int stream_frames_take(struct stream_frames *s, struct shmbus_tx *frames, unsigned int n,
				uint32_t *claimed);

/*
 * Writes up to n frames, which have room for their length in front. The first may be one that
 * was written in part. Returns the number of frames that were written to their end, which may
 * be 0; -errno.
 */
int stream_frames_write(struct stream_frames *s, int fd, const struct shmbus_rx *frames,
			unsigned int n);

#endif /* STREAM_FRAMES_H */
