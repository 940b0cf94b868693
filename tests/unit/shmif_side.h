/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_SHMIF_SIDE_H
#define TEST_SHMIF_SIDE_H

/*
 * A side: one opening of a shmif bus, that sends frames with running numbers
 * and checks every byte of those it receives. And what tests do to the bus
 * behind its back.
 */

#include <stdbool.h>

#include "frame.h"
#include "shmbus_shmif_reader.h"
#include "shmbus_shmif_writer.h"

#define DATA SHMBUS_SHMIF_DATA
#define RECORD 24u
#define FRAME_MIN 16u /* has room for its number */

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
/* For what takes a moment, unless it hangs. */
#define PATIENCE (20 * SECOND)

/* The spare word, as shmbus_shmif_lock.h has it. */
#define HELD (1u << 29)
#define INTENT (1u << 31)
#define REPAIRING (INTENT | HELD | 0xfffffu << 8)

struct side {
	struct shmbus_shmif bus;
	struct shmbus_shmif_writer w;
	struct shmbus_shmif_reader r;
	uint64_t sent; /* number of the newest frame added */
	/* Of the frames received: */
	uint64_t expect_sender;
	uint64_t seq;    /* number of the newest from that sender */
	uint64_t jumped; /* numbers of it that were left out */
	uint64_t frames;
	uint64_t others; /* from other senders */
	uint64_t empty;  /* records too short for a frame */
};

/* Open, or create; it must go well. Reading begins behind what is there. */
void side_join(struct side *s, const char *path, uint64_t sender);
void side_leave(struct side *s);

/* One more frame for the burst. False: it is full. */
bool side_add(struct side *s, uint32_t len);
/* Put the burst on the bus, which must go well in a while, and begin a new one. */
void side_send(struct side *s);
void side_send_one(struct side *s, uint32_t len);

/* One more frame for the burst; if it is full it is sent, and a new one begun. */
void side_push(struct side *s, uint32_t len);
/* n frames of one length, in bursts of some. */
void side_send_many(struct side *s, unsigned int n, uint32_t len);
/* n frames of lengths by chance. How many bytes their records have. */
uint64_t side_send_random(struct side *s, struct dice *d, unsigned int n);

/* Take the lock, within PATIENCE. How long that took. */
uint64_t side_lock(struct side *s);

/* All frames there are, each checked; how many from the expected sender. */
uint64_t side_receive(struct side *s);
/* What of it a fetch has got already. */
uint64_t side_take(struct side *s);

/* A frame by its sender and number, and back. False: it is torn. */
void side_fill(uint8_t *frame, uint32_t len, uint64_t sender, uint64_t seq);
bool side_check(const uint8_t *frame, uint32_t len, uint64_t sender, uint64_t *seq);

/*
 * A ring with one record, without a frame, that ends at offset end in
 * generation gen. Nobody holds the lock.
 */
void forge_ring(struct side *s, uint64_t gen, uint32_t end);

/* Records from first to last, both counted; 0: they do not chain, or overlap. */
uint32_t ring_records(const struct shmbus_shmif *bus);

void nap_ms(unsigned int ms);

#endif /* TEST_SHMIF_SIDE_H */
