/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef CAPTURE_H
#define CAPTURE_H

/* Reads the Ethernet frames of a capture, pcap or pcapng, once or several times. */

#include <stdbool.h>
#include <stdint.h>

struct capture;

struct capture_frame {
	const uint8_t *data; /* valid until the next call */
	uint32_t captured;   /* bytes of data */
	uint32_t len;        /* of the whole frame; the record may say less than captured */
	uint64_t tstamp_ns;
};

struct capture_conf {
	bool again;               /* the capture will be rewound, so it is kept in memory */
	int stop;                 /* the descriptor of stop.h */
	int (*idle)(void *arg);   /* called before a read waits; not 0, after a message, ends the read */
	void *arg;
};

/* Opens a capture. file: "-" is stdin. Returns 0, or -errno after a message. */
int capture_open(struct capture **capture, const char *file, const struct capture_conf *conf);
void capture_close(struct capture *capture);

/*
 * Reads the next frame. Returns 1; 0 behind the last frame; or -errno after a message;
 * -EINTR, without a message: a signal ended the read (stop.h).
 */
int capture_next(struct capture *capture, struct capture_frame *frame);

/* Returns the number of frames that were left out, because they are not of Ethernet. */
uint64_t capture_others(const struct capture *capture);

/* Goes back to the first frame. Call it after the last frame was read. */
void capture_rewind(struct capture *capture);

#endif /* CAPTURE_H */
