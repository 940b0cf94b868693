/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

/*
 * Frames, and what is expected of them, as scapy made them: vectors.py writes the tables of these
 * structs. They share no code with the driver.
 */

#include "nic.h"

/* Bytes in two pieces. */
struct vector_frame {
	const uint8_t *head;
	uint32_t head_len;
	const uint8_t *tail;
	uint32_t tail_len;
};

/* A packet that is sent with requests. */
struct vector {
	const char *name;
	uint64_t flags; /* that ask for all of it */
	uint16_t l2_len, l3_len, l4_len, segsz;
	uint16_t padding; /* behind the packet */
	struct vector_frame right; /* with all checksums */
	const struct vector_frame *more; /* what becomes of it: the table says what that is */
	uint32_t n_more;
};

/* A frame, and what a receiver says of its checksums. */
struct verdict {
	const char *name;
	struct vector_frame frame;
	uint64_t flags;
};

/* A packet, for which types of RSS it is hashed without ports and with them, and the hashes. */
struct hashed {
	const char *name;
	struct vector_frame frame;
	uint64_t l3_types, l4_types;
	uint32_t l3, l4;
};

/* A frame, and what is left and said of it if tags of no type, of 0x8100, 0x88a8, both go. */
struct stripped {
	const char *name;
	struct vector_frame sent;
	struct {
		struct vector_frame frame;
		uint64_t flags;
		uint16_t tci, tci_outer;
	} of[4];
};

/* A frame and its VLAN. */
struct member {
	const char *name;
	struct vector_frame frame;
	enum {
		VLAN_ANY = 4096, /* it is untagged */
		VLAN_NEVER,      /* it ends before that is said */
	} vlan;
};

/* A packet that patterns of rules are tried on, and a pattern, with y for each that it matches. */
struct packet {
	const char *name;
	struct vector_frame frame;
};

struct match {
	const char *pattern;
	const char *packets;
};

/* A packet, its RTE_PTYPE_*, and where layers 3 and 4 of it end; 0: no frame of it is cut. */
struct packet_type {
	const char *name;
	struct vector_frame frame;
	uint32_t type;
	uint32_t l3_end, l4_end;
};

/* Copies a frame's bytes. Returns their number. */
uint32_t vector_copy(uint8_t *to, const struct vector_frame *frame);
/* An mbuf with these bytes, in segments of at most seg bytes if given. */
struct rte_mbuf *vector_mbuf_of(const uint8_t *bytes, uint32_t len, uint32_t seg);
struct rte_mbuf *vector_mbuf(const struct vector_frame *frame);
/* Is it a proper mbuf with these bytes? The name tells which. */
void vector_assert_bytes(const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len,
			 const char *name);
void vector_assert(const struct rte_mbuf *m, const struct vector_frame *frame, const char *name);
/* The next frame of a queue must be it, with exactly these flags. */
void vector_expect(uint16_t port, uint16_t queue, const struct vector_frame *frame, uint64_t flags,
		   const char *name);
/* The next frame of a queue, which must be there. */
struct rte_mbuf *vector_receive(uint16_t port, uint16_t queue, const char *name);

/* The vector with that name. */
const struct vector *vector_find(const struct vector *table, uint32_t n, const char *name);
#define VECTOR(table, name) vector_find(table, RTE_DIM(table), name)

/* Overwrites the checksums that these flags of an mbuf ask for. */
#define VECTOR_NO_IP_SUM 0x1234
#define VECTOR_NO_L4_SUM 0x5678
void vector_spoil(uint8_t *bytes, const struct vector *v, uint64_t flags);
/* An mbuf with these flags; the checksums that they ask for are wrong in it. */
struct rte_mbuf *vector_request(const struct vector *v, uint64_t flags, uint32_t seg);

#endif /* TEST_VECTORS_H */
