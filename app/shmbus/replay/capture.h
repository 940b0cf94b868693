/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CAPTURE_H
#define CAPTURE_H

/* Reads a capture of Ethernet frames, pcap or pcapng, once or several times. */

#include <stdbool.h>
#include <stdint.h>

struct capture;

struct capture_frame {
	const uint8_t *data; /* valid until the next call */
	uint32_t captured;   /* bytes of data */
	uint32_t len;        /* of the whole frame */
	uint64_t tstamp_ns;
};

/*
 * Opens a capture. file: "-" is stdin. again: the capture will be rewound, so it
 * is kept in memory. Returns 0, or -errno after a message.
 */
int capture_open(struct capture **capture, const char *file, bool again);
void capture_close(struct capture *capture);

/* Reads the next frame. Returns 1; 0 behind the last frame; or -errno after a message. */
int capture_next(struct capture *capture, struct capture_frame *frame);

/* Goes back to the first frame. Call it after the last frame was read. */
void capture_rewind(struct capture *capture);

#endif /* CAPTURE_H */
