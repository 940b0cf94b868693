/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SENDERS_H
#define SENDERS_H

/*
 * Who sent what dump reads: a sender is a port between its coming and its
 * going. On lanes a slot may have one owner after the other, and who a frame is
 * from is told by when it was sent; on shmif a frame bears its sender.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

struct sender {
	char name[96];
	char description[160];
	bool has_mac;
	uint8_t mac[6];
	uint64_t id;         /* shmif: what its frames bear; lanes: the slot's incarnation */
	/* what became of its frames */
	uint64_t received;   /* before the filter */
	uint64_t captured;
	uint64_t missed;
	uint64_t missed_told; /* of these, what the user knows of */
	uint64_t missed_since; /* the last frame that was captured */
	uint64_t first_ns;
	uint64_t last_ns;
};

struct senders;

/* NULL: out of memory. */
struct senders *senders_new(struct shmbus *bus, const struct shmbus_info *info);
void senders_free(struct senders *senders);

/* Look who is on the bus now. */
void senders_refresh(struct senders *senders);

/* Whom a frame is from: a number from 0 on, counted as they are met. -ENOMEM. */
int senders_find(struct senders *senders, const struct shmbus_meta *meta);

unsigned int senders_count(const struct senders *senders);

/* The pointer holds until the next find. */
struct sender *senders_get(struct senders *senders, unsigned int number);

#endif /* SENDERS_H */
