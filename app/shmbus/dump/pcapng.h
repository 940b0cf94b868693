/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PCAPNG_H
#define PCAPNG_H

/*
 * Writing pcapng, as draft-ietf-opsawg-pcapng has it: the file format that
 * knows interfaces and losses. libpcap reads it, but does not write it.
 *
 * One section, Ethernet interfaces that may come at any time, timestamps in
 * nanoseconds. All functions give 0 or -errno.
 */

#include <stdint.h>
#include <stdio.h>

/* The section header: first of all. application: who writes. */
int pcapng_begin(FILE *out, const char *application);

struct pcapng_interface {
	const char *name;
	const char *description;
	const uint8_t *mac; /* 6 bytes, or NULL: not known */
	uint32_t snaplen;
};

/* Interfaces are numbered from 0 on, in the order in which they come. */
int pcapng_interface(FILE *out, const struct pcapng_interface *interface);

struct pcapng_packet {
	uint32_t interface;
	uint32_t queue;
	uint64_t tstamp_ns;
	uint64_t dropped; /* between the interface's last packet and this one */
	const void *data;
	uint32_t captured; /* bytes of data */
	uint32_t len;      /* that the packet had */
};

int pcapng_packet(FILE *out, const struct pcapng_packet *packet);

struct pcapng_statistics {
	uint32_t interface;
	uint64_t first_ns; /* if any were received */
	uint64_t last_ns;
	uint64_t received; /* before the filter */
	uint64_t dropped;
	uint64_t accepted; /* by the filter */
	const char *comment; /* or NULL */
};

int pcapng_statistics(FILE *out, const struct pcapng_statistics *statistics);

#endif /* PCAPNG_H */
