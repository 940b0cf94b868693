/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef RECORDER_H
#define RECORDER_H

/*
 * Where dump puts frames: a pcapng file, a pcap file, tcpdump, or lines of text.
 * All functions that can fail say why on stderr, and give 0 or -errno.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "senders.h"

enum recorder_kind {
	RECORDER_PCAPNG,
	RECORDER_PCAP,
	RECORDER_TCPDUMP, /* TEXT, where there is no tcpdump */
	RECORDER_TEXT,
};

struct recorder_conf {
	enum recorder_kind kind;
	const char *file; /* pcapng and pcap: "-" is stdout */
	const char *bus;  /* its name */
	uint32_t snaplen;
	/* tcpdump's */
	bool ethernet;
	bool verbose;
	bool hex;
	bool hex_ascii;
};

struct recorder;

int recorder_open(struct recorder **recorder, const struct recorder_conf *conf);

/* The process that prints; 0: there is none. */
pid_t recorder_process(const struct recorder *r);

struct recorder_frame {
	const uint8_t *data;
	uint32_t len;
	uint32_t queue;
	uint64_t tstamp_ns;
};

/* number: of the sender; missed_since of it is written, too. */
int recorder_frame(struct recorder *r, struct senders *senders, unsigned int number,
		   const struct recorder_frame *frame);

/* What was given to it so far can be read by others. */
int recorder_flush(struct recorder *r);

/*
 * The end: what became of each sender's frames, and of unknown ones, that
 * were lost but nobody knows whose they were. Frees it, also if it fails.
 */
int recorder_close(struct recorder *r, struct senders *senders, uint64_t unknown);

#endif /* RECORDER_H */
