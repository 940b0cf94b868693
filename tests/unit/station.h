/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_STATION_H
#define TEST_STATION_H

/*
 * A station: one opening of a bus and the port on it. With a transmitter and
 * receivers that use the core as the driver does, and check every byte.
 */

#include "frame.h"
#include "shmbus_port.h"
#include "shmbus_reader.h"
#include "shmbus_writer.h"

struct station {
	struct shmbus_bus bus;
	struct shmbus_port port;
};

/* Open, or create, and attach; all must go well. 0 in the geometry: any. */
void station_join(struct station *st, const char *path, uint32_t ports, uint32_t queues,
		  uint64_t lane_size);
/* The same, but with an error if there is one. */
int station_try(struct station *st, const struct shmbus_bus_conf *conf, struct shmbus_error *e);
/* Leave as the driver does; with unlink the last one removes the file. */
void station_leave(struct station *st, bool unlink);
/* As if this process had died: the locks go, and nothing is tidied up. */
void station_die(struct station *st);
/* Say, as a started port does, that it has cursors. */
void station_announce(struct station *st, uint32_t n_txq, uint32_t n_rxq);

struct transmitter {
	struct station *st;
	struct shmbus_writer w;
	struct shmbus_stall *stalls;
	bool races; /* readers may be copying what it overwrites; so for the receivers */
};

void transmitter_start(struct transmitter *tx, struct station *st, uint32_t queue, bool pause,
		       uint64_t timeout_ms);
void transmitter_stop(struct transmitter *tx);
/* One record of count frames. False if there is no room now. */
bool transmitter_send(struct transmitter *tx, const uint32_t *lens, uint32_t count);
/*
 * n frames as the driver sends a burst: one record, or several if it is long.
 * Returns how many the lane had room for.
 */
uint32_t transmitter_burst(struct transmitter *tx, const uint32_t *lens, uint32_t n);
/* One record of one frame. */
bool transmitter_send_one(struct transmitter *tx, uint32_t len);
/* n records of one frame, none of which may be refused. */
void transmitter_send_many(struct transmitter *tx, uint64_t n, uint32_t len);

/* A station's own lane, by its queue, and what is shared of it. */
uint32_t station_lane(const struct station *st, uint32_t queue);
struct shmbus_lane_entry *station_entry(const struct station *st, uint32_t queue);

struct receiver {
	struct station *st;
	struct shmbus_reader r;
	struct shmbus_cursor *cursor; /* NULL: a reader that holds nobody up */
	bool trusting;     /* content is not checked: the sender lies */
	bool races;
	uint64_t seq;      /* of the next frame, if none is missed */
	uint64_t frames;   /* received and checked */
	uint64_t missed;   /* jumps of the sequence numbers, counted here */
	uint64_t refused;  /* times that commit said no */
	uint32_t last_len;
	struct shmbus_request request; /* of the last frame */
	uint32_t (*len_of)(uint64_t seq); /* how long each frame must be, if known */
	uint8_t *buf;
	/* Called after frames were copied and before they are committed. */
	void (*meanwhile)(void *arg);
	void *arg;
};

/* Begin at the tail of a lane, as Rx queue rxq; with hold its writer waits for us. */
void receiver_start(struct receiver *rx, struct station *st, uint32_t rxq, uint32_t lane, bool hold);
void receiver_stop(struct receiver *rx);
/* Up to max frames that are there; each is checked. */
uint32_t receiver_receive(struct receiver *rx, uint32_t max);
/* All that is there. */
uint64_t receiver_drain(struct receiver *rx);

/* A lane that has been used up to a position and a sequence number. */
void forge_lane(struct station *st, uint32_t queue, uint64_t pos, uint64_t seq);

#endif /* TEST_STATION_H */
