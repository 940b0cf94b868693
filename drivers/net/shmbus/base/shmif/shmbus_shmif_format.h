/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_SHMIF_FORMAT_H
#define SHMBUS_SHMIF_FORMAT_H

/*
 * The bus file of NetBSD's rump driver shmif, version 3, as its kernels on
 * x86_64 write it (sys/rump/net/lib/libshmif). Little-endian.
 *
 *   0    struct shmbus_shmif_header
 *   32   data, SHMBUS_SHMIF_DATA bytes: a ring of records, back to back
 *   1 MiB
 *
 * A record is a header of 24 bytes and a frame, at any alignment. The end of
 * the data may split either of them. Offsets count from the start of the data.
 *
 * Older kernels write version 2. It differs only in the header of a record: 12
 * bytes, without pad and sender. Our ports read version 2 and do not write it.
 *
 *        first                          last          end
 *          |                              |            |
 *   -------+----------+----- ... ---------+------------+-------
 *          | oldest   |                   | newest     | next one
 *   -------+----------+----- ... ---------+------------+-------
 */

#include <assert.h>
#include <stddef.h>

#include "shmbus_atomic.h"

#define SHMBUS_SHMIF_MAGIC 0xca11d054u
#define SHMBUS_SHMIF_VERSION 3u
#define SHMBUS_SHMIF_VERSION_OLD 2u

#define SHMBUS_SHMIF_SIZE 1048576u
#define SHMBUS_SHMIF_HEADER 32u
#define SHMBUS_SHMIF_DATA (SHMBUS_SHMIF_SIZE - SHMBUS_SHMIF_HEADER)

/* A longer record panics every NetBSD receiver; receivers skip shorter records. */
#define SHMBUS_SHMIF_FRAME_MAX 1514u
#define SHMBUS_SHMIF_FRAME_MIN 14u

struct shmbus_shmif_header {
	shmbus_a32 magic;
	shmbus_a32 version; /* 0 until the first wake-up */
	shmbus_a64 gen;     /* +1 when a record reaches or crosses the end of the data */
	shmbus_a32 first;   /* oldest record; SHMBUS_SHMIF_DATA: 0, before the first wrap */
	shmbus_a32 last;    /* start of the newest record */
	shmbus_a32 lock;    /* 0 or 1 */
	shmbus_a32 spare;   /* unused by NetBSD; ours: the lock's owner, shmbus_shmif_lock.h */
};

struct shmbus_shmif_record {
	uint32_t len; /* of the frame, without FCS; 0: the first record of a new bus */
	uint32_t sec; /* uptime of the sender */
	uint32_t usec;
	uint32_t pad; /* 0 */
	uint64_t sender; /* random, one per interface */
};

#define SHMBUS_SHMIF_AT(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field " moved")

SHMBUS_SHMIF_AT(shmbus_shmif_header, magic, 0);
SHMBUS_SHMIF_AT(shmbus_shmif_header, version, 4);
SHMBUS_SHMIF_AT(shmbus_shmif_header, gen, 8);
SHMBUS_SHMIF_AT(shmbus_shmif_header, first, 16);
SHMBUS_SHMIF_AT(shmbus_shmif_header, last, 20);
SHMBUS_SHMIF_AT(shmbus_shmif_header, lock, 24);
SHMBUS_SHMIF_AT(shmbus_shmif_header, spare, 28);
static_assert(sizeof(struct shmbus_shmif_header) == SHMBUS_SHMIF_HEADER, "header changed");

SHMBUS_SHMIF_AT(shmbus_shmif_record, len, 0);
SHMBUS_SHMIF_AT(shmbus_shmif_record, sec, 4);
SHMBUS_SHMIF_AT(shmbus_shmif_record, usec, 8);
SHMBUS_SHMIF_AT(shmbus_shmif_record, pad, 12);
SHMBUS_SHMIF_AT(shmbus_shmif_record, sender, 16);
static_assert(sizeof(struct shmbus_shmif_record) == 24, "record header changed");

/* The part of it that version 2 has. */
#define SHMBUS_SHMIF_RECORD_OLD 12u
static_assert(offsetof(struct shmbus_shmif_record, pad) == SHMBUS_SHMIF_RECORD_OLD,
	      "old record header changed");

#endif /* SHMBUS_SHMIF_FORMAT_H */
