/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CAPTURE_H
#define CAPTURE_H

/* Reading a capture, pcap or pcapng, of Ethernet frames: once, or again and again. */

#include <stdbool.h>
#include <stdint.h>

struct capture;

struct capture_frame {
	const uint8_t *data; /* until the next call */
	uint32_t captured;   /* bytes of data */
	uint32_t len;        /* that the frame had */
	uint64_t tstamp_ns;
};

/*
 * file: "-" is stdin. again: it will be rewound, so it is kept in memory.
 * 0, or -errno, and said why.
 */
int capture_open(struct capture **capture, const char *file, bool again);
void capture_close(struct capture *capture);

/* 1; 0: that was the last one; -errno, and said why. */
int capture_next(struct capture *capture, struct capture_frame *frame);

/* From the first one again, after the last one. */
void capture_rewind(struct capture *capture);

#endif /* CAPTURE_H */
