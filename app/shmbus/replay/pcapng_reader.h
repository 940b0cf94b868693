/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PCAPNG_READER_H
#define PCAPNG_READER_H

/*
 * Reads the frames of pcapng. libpcap reads pcapng, too, but ends at the first interface that
 * differs from the others in its link type or its snap length, as files have that mergecap
 * joined, or that were captured on several interfaces. Other libraries do not do: libtrace 3
 * knows pcap only, DPDK's library pcapng only writes, and Wireshark's libwiretap has another
 * licence.
 */

#include <stdint.h>
#include <stdio.h>

#include "capture.h"

struct pcapng_reader;

/* Returns NULL if there is no memory. The stream stays the caller's. */
struct pcapng_reader *pcapng_reader_new(FILE *in);
void pcapng_reader_free(struct pcapng_reader *reader);

/*
 * Both functions return 1, or -errno: -EIO: the stream failed, errno says why; -EBADMSG: the
 * file is damaged, *why says how; -ENOMEM.
 */

/* Reads the header of the first section. Call it first. */
int pcapng_reader_begin(struct pcapng_reader *reader, const char **why);

/*
 * Reads the next frame, of any link type. Returns 0 at the end. A frame whose record has no time
 * has the time of the frame before it.
 */
int pcapng_reader_next(struct pcapng_reader *reader, struct capture_frame *frame, const char **why);

/* Returns the link type of the last frame. */
uint16_t pcapng_reader_link_type(const struct pcapng_reader *reader);

#endif /* PCAPNG_READER_H */
