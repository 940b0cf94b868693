/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PCAPNG_H
#define PCAPNG_H

/*
 * Writes pcapng, as specified by draft-ietf-opsawg-pcapng. This file format records
 * interfaces and missed frames. libpcap reads it, but cannot write it.
 *
 * A file has one section. Ethernet interfaces may be added at any time. Timestamps
 * are in nanoseconds. All functions return 0 or -errno.
 */

#include <stdint.h>
#include <stdio.h>

/* Writes the section header; call it first. application: the program that writes. */
int pcapng_begin(FILE *out, const char *application);

struct pcapng_interface {
	const char *name;
	const char *description;
	const uint8_t *mac; /* 6 bytes, or NULL: unknown */
	uint32_t snaplen;
};

/* Adds an interface. Interfaces are numbered from 0, in the order of the calls. */
int pcapng_interface(FILE *out, const struct pcapng_interface *interface);

struct pcapng_packet {
	uint32_t interface;
	uint32_t queue;
	uint64_t tstamp_ns;
	uint64_t dropped; /* between the interface's last packet and this one */
	const void *data;
	uint32_t captured; /* bytes of data */
	uint32_t len;      /* of the whole packet */
};

/* Adds a packet of an interface. */
int pcapng_packet(FILE *out, const struct pcapng_packet *packet);

struct pcapng_statistics {
	uint32_t interface;
	uint64_t first_ns; /* valid if received is not 0 */
	uint64_t last_ns;
	uint64_t received; /* before the filter */
	uint64_t dropped;
	uint64_t accepted; /* matched the filter */
	const char *comment; /* or NULL */
};

/* Adds the final counters of an interface. */
int pcapng_statistics(FILE *out, const struct pcapng_statistics *statistics);

#endif /* PCAPNG_H */
