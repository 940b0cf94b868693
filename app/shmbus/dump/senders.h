/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SENDERS_H
#define SENDERS_H

/*
 * Determines which port sent a frame. A sender is a port from the time it attaches
 * to the time it leaves. On lanes a slot has one owner after another, and the time
 * of a frame tells the owner. On shmif each frame carries the number of its sender.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

struct sender {
	char name[96];
	char description[512]; /* longer than the recorder writes */
	bool has_mac;
	uint8_t mac[6];
	uint64_t id;           /* shmif: the number in its frames; lanes: the slot's incarnation */
	/* the counters of its frames */
	uint64_t received;     /* before the filter */
	uint64_t captured;
	uint64_t missed;
	uint64_t missed_told;  /* of missed: already reported to the user */
	uint64_t missed_since; /* of missed: since its last captured frame */
	uint64_t first_ns;
	uint64_t last_ns;
};

struct senders;

/* Prepares a list of senders, which is empty. NULL: out of memory. */
struct senders *senders_new(struct shmbus *bus, const struct shmbus_info *info);
void senders_free(struct senders *senders);

/* Reads the current owners of all slots. */
void senders_refresh(struct senders *senders);

/* Returns the number of the sender of a frame, in the order of first frames. -1: out of memory. */
int senders_find(struct senders *senders, const struct shmbus_meta *meta);

unsigned int senders_count(const struct senders *senders);

/* Returns a sender. The pointer is valid until the next call of senders_find. */
struct sender *senders_get(struct senders *senders, unsigned int number);

#endif /* SENDERS_H */
