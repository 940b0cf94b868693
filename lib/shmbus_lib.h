/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LIB_H
#define SHMBUS_LIB_H

/*
 * What the files of the library know of each other. Nothing of it leaves the
 * library.
 *
 * A station is a bus, what is the same for both formats, and a wire: the
 * functions and the state of the format that the bus has.
 */

#include <stdbool.h>

#include "shmbus.h"
#include "shmbus_fate.h"
#include "shmbus_port.h"
#include "shmbus_reader.h"
#include "shmbus_shmif_reader.h"
#include "shmbus_shmif_writer.h"
#include "shmbus_wake.h"
#include "shmbus_writer.h"

/* Frames that one peek shows at most. */
#define SHMBUS_PEEK_MAX SHMBUS_BURST_FRAMES_MAX

struct shmbus {
	enum shmbus_format format;
	uint32_t slot; /* of the station whose bus this is; shmif: its number */
	shmbus_a32 gone; /* as was seen once; for good, whatever the file is later */
	union {
		struct shmbus_bus lanes;
		struct shmbus_shmif shmif;
	};
};

/* A frame that was copied out of the bus and is being finished, see shmbus_complete(). */
struct shmbus_unfinished {
	uint8_t *frame; /* SHMBUS_FRAME_MAX bytes; len 0: there is none */
	uint32_t len;
	uint32_t done;
	struct shmbus_offload offload;
	struct shmbus_meta meta;
	uint8_t *final; /* SHMBUS_FRAME_MAX bytes: the next one that came out */
	uint32_t final_len; /* 0: nothing is there */
};

/* What the receiving side of a port on lanes has. */
struct shmbus_lanes_side {
	struct shmbus_reader *readers; /* [lanes] */
	uint64_t *told;   /* [lanes] the part of readers[].missed that is in some frame's meta */
	uint32_t *active; /* lanes that are worth a look */
	uint32_t n_active;
	uint32_t turn;
	uint32_t idle;    /* polls until the next look at the roster */
	uint32_t *roster; /* [ports] */
	struct shmbus_reader *peeked;
	struct shmbus_walk *ends; /* [SHMBUS_PEEK_MAX] behind each frame of the peek */
	/* the sending side */
	struct shmbus_port port;
	struct shmbus_writer writer;
	struct shmbus_watch *watch;
	struct shmbus_waker waker;
	struct shmbus_watched *watched;
};

struct shmbus_shmif_side {
	struct shmbus_shmif_reader reader;
	bool start_later; /* a monitor that is to begin with the oldest, and could not yet */
	uint64_t told;
	uint32_t *ends; /* [SHMBUS_PEEK_MAX] */
	struct shmbus_shmif_writer writer;
};

/* Those with rx are counted by the receiving side, the others by the sending side. */
struct shmbus_counters {
	shmbus_a64 rx_frames;
	shmbus_a64 rx_bytes;
	shmbus_a64 rx_corrupt;
	shmbus_a64 rx_filtered;
	shmbus_a64 rx_truncated;
	shmbus_a64 tx_frames;
	shmbus_a64 tx_bytes;
};

struct shmbus_station {
	struct shmbus bus;
	const struct shmbus_wire_ops *wire;
	uint32_t flags; /* of shmbus_conf */
	bool monitor;
	bool created;
	bool took_over;
	uint8_t mac[6];
	uint32_t frame_max;
	uint64_t looked_ns; /* when the sending side looked whether the bus is there */
	int watch_fd; /* -1: not asked for yet */
	struct shmbus_counters stats; /* what the format does not count itself */
	struct shmbus_unfinished part;
	unsigned int peeked; /* frames */
	struct shmbus_lanes_side lanes;
	struct shmbus_shmif_side shmif;
};

/* One of each format. */
struct shmbus_wire_ops {
	/* Memory that does not depend on the bus, before one is opened, or made. NULL: none. */
	int (*prepare)(struct shmbus_station *st);
	/* The bus is open; become a port of it, or begin to look on. conf is complete. */
	int (*begin)(struct shmbus_station *st, const struct shmbus_conf *conf);
	/* Tell the others goodbye. Not for monitors. */
	void (*leave)(struct shmbus_station *st);
	/* Memory. */
	void (*free)(struct shmbus_station *st);
	/* All lengths are legal. */
	unsigned int (*send)(struct shmbus_station *st, const struct shmbus_tx *frames,
			     unsigned int n);
	/* May leave a frame in st->part. */
	unsigned int (*receive)(struct shmbus_station *st, struct shmbus_rx *frames,
				unsigned int n);
	unsigned int (*peek)(struct shmbus_station *st, struct shmbus_view *frames,
			     unsigned int n);
	/* The first n, at least 1. False: they were overwritten. bytes: of frames. */
	bool (*release)(struct shmbus_station *st, unsigned int n);
	bool (*pending)(struct shmbus_station *st);
	/* Tell senders that the station sleeps from now on, or does not. */
	void (*sleep)(struct shmbus_station *st, bool asleep);
	/* It will sleep at times. NULL: nobody needs to know. */
	void (*will_sleep)(struct shmbus_station *st);
	void (*count)(struct shmbus_station *st, struct shmbus_stats *stats);
};

extern const struct shmbus_wire_ops shmbus_lib_lanes;
extern const struct shmbus_wire_ops shmbus_lib_shmif;

/* The thread's error text, for functions of the core to write into. */
struct shmbus_error *shmbus_lib_error(void);

/* A text without an error of the core's; returns err. */
int shmbus_lib_fail(int err, const char *format, ...) SHMBUS_LIKE_PRINTF(2, 3);

/* Open a bus of whatever format to look at it. slot is SHMBUS_NO_SLOT then. */
int shmbus_lib_look(struct shmbus *bus, const char *path);
/* Unmap and close, without a word to the others. */
void shmbus_lib_close(struct shmbus *bus);

const struct shmbus_file *shmbus_lib_file(const struct shmbus *bus);

/*
 * -ENODEV with a text if the bus is gone: cut off by somebody, or another one is
 * in its file. Costs one load. 0: it is not, as far as was noticed.
 */
int shmbus_lib_gone(const struct shmbus *bus);

/* The same, but ask the file as well: a few system calls. */
int shmbus_lib_gone_now(struct shmbus *bus);

/* Is another bus in the file by now? Costs a few loads. */
bool shmbus_lib_lost(struct shmbus *bus);

/* conf, checked, with the defaults put in. The format is one of the two, as the file has it. */
int shmbus_lib_conf(const char *path, const struct shmbus_conf *conf, struct shmbus_conf *full);

/* Open a bus to become a port of it, or just to make it. The attach lock is held for lanes. */
int shmbus_lib_open(struct shmbus *bus, const char *path, const struct shmbus_conf *full);

/* Does a station that filters want a frame that begins like this? It is read once. */
bool shmbus_lib_wants(const struct shmbus_station *st, const uint8_t *frame, uint32_t len);

/* Put a frame, which lies in the bus, where the caller wants it. */
void shmbus_lib_take(struct shmbus_station *st, struct shmbus_rx *rx, const uint8_t *frame,
		     uint32_t len);

/* How often who sends looks. */
#define SHMBUS_LOOK_NS (UINT64_C(100) * 1000 * 1000)

/* Is what would be sent now for another bus? now: of a clock, which is always the same one. */
static inline bool
shmbus_lib_sends_astray(struct shmbus_station *st, uint64_t now)
{
	if (now - st->looked_ns < SHMBUS_LOOK_NS)
		return false;
	if (shmbus_lib_lost(&st->bus)) /* and will be so the next time */
		return true;
	st->looked_ns = now;
	return false;
}

static inline uint32_t
shmbus_lib_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

#endif /* SHMBUS_LIB_H */
