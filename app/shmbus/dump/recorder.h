/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef RECORDER_H
#define RECORDER_H

/*
 * Records frames in a pcapng file or a pcap file, or prints them by tcpdump or as
 * lines of text. A function that can fail returns 0, or -errno after a message.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "senders.h"

enum recorder_kind {
	RECORDER_PCAPNG,
	RECORDER_PCAP,
	RECORDER_TCPDUMP, /* TEXT if tcpdump is not installed */
	RECORDER_TEXT,
};

struct recorder_conf {
	enum recorder_kind kind;
	const char *file; /* pcapng and pcap: "-" is stdout */
	const char *bus;  /* its path */
	uint32_t mode;    /* its permission bits: a new capture gets no more */
	uint32_t snaplen;
	/* options of tcpdump */
	bool ethernet;
	bool verbose;
	bool hex;
	bool hex_ascii;
};

struct recorder;

int recorder_open(struct recorder **recorder, const struct recorder_conf *conf);

/* Returns the id of the process that prints; 0: there is none. */
pid_t recorder_process(const struct recorder *r);

struct recorder_frame {
	const uint8_t *data;
	uint32_t room; /* the bytes of data that may be read, even if the frame is longer */
	uint32_t len;
	uint32_t queue;
	uint64_t tstamp_ns;
};

/* Records a frame of sender number, with the frames missed since the sender's last one. */
int recorder_frame(struct recorder *r, struct senders *senders, unsigned int number,
		   const struct recorder_frame *frame);

/* Writes out the buffers, so that other processes can read all frames so far. */
int recorder_flush(struct recorder *r);

/*
 * Finishes the recording with the counters of each sender. unknown: the number of
 * missed frames whose sender is unknown. Frees the recorder, also after an error.
 */
int recorder_close(struct recorder *r, struct senders *senders, uint64_t unknown);

#endif /* RECORDER_H */
