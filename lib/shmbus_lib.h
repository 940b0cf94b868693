/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_LIB_H
#define SHMBUS_LIB_H

/*
 * Interfaces between the files of the library. The library exports none of them.
 *
 * A station of the library is a station of the core (base/station) for plain
 * buffers. It consists of the bus, of the receiving and the sending half for the
 * format of the bus, and of the functions that copy frames between these halves and
 * the buffers of the caller.
 *
 * A struct shmbus_station is one queue. What the queues of a port share is in a struct
 * shmbus_lib_port; a station with one queue has one, too.
 */

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "shmbus.h"
#include "shmbus_lanes_rx.h"
#include "shmbus_lanes_tx.h"
#include "shmbus_shmif_rx.h"
#include "shmbus_shmif_writer.h"
#include "shmbus_wire.h"

/* Most frames that one peek shows. */
#define SHMBUS_PEEK_MAX SHMBUS_BURST_FRAMES_MAX

/* Most frames of one reservation: those of a record. */
#define SHMBUS_RESERVE_MAX SHMBUS_RECORD_FRAMES

/* Bytes of each of the two buffers of a station. */
#define SHMBUS_LIB_ROOM 65536u

struct shmbus {
	struct shmbus_wire wire;
	/* 1: the bus is gone for good, even if the file changes back. Any thread sets this. */
	shmbus_a32 gone;
};

/* The position behind a frame that a peek has shown. */
struct shmbus_lib_shown {
	struct shmbus_walk walk; /* shmif: walk.off only, in the piece */
	uint64_t bytes;          /* of all frames shown up to here */
};

/* A frame that is copied out of the bus and has to be finished, see shmbus_complete(). */
struct shmbus_lib_unfinished {
	uint32_t len; /* of the frame, which is in room_in; 0: there is none */
	uint32_t done;
	struct shmbus_offload offload;
	struct shmbus_meta meta;
	uint32_t final_len; /* of the next final frame, which is in room_out; 0: not made yet */
};

/* The frames of the last shmbus_reserve(); see shmbus_reserve.c. */
struct shmbus_lib_reserved {
	unsigned int n; /* 0: nothing is reserved */
	uint8_t *at[SHMBUS_RESERVE_MAX];
	uint32_t len[SHMBUS_RESERVE_MAX]; /* at most */
	struct shmbus_record record; /* lanes */
};

struct shmbus_lib_lanes {
	struct shmbus_lanes_rx rx;
	struct shmbus_lanes_tx tx;
	bool directed;          /* frames on the bus may be directed */
	void *rx_memory;
	void *tx_memory;
	uint64_t *reported; /* [lanes] the part of readers[].missed that meta has reported */
	uint64_t *round_end; /* [lanes] position, see shmbus_lib_merge.c */
	struct shmbus_reader *peeked;
	struct shmbus_lib_unfinished part;
};

struct shmbus_lib_shmif {
	struct shmbus_shmif_rx rx;
	struct shmbus_shmif_writer writer;
	uint64_t reported; /* the same, of the ring */
};

/* What one side of a station sleeps on. A descriptor that is not open yet is -1. */
struct shmbus_lib_sleeper {
	int notify_fd;
	int timer_fd;
	int epoll_fd;
	bool timer_set;
};

/* The receiving side counts what begins with rx, the sending side the others. */
struct shmbus_lib_counters {
	shmbus_a64 rx_frames;
	shmbus_a64 rx_bytes;
	shmbus_a64 rx_corrupt;
	shmbus_a64 rx_filtered;
	shmbus_a64 rx_truncated;
	shmbus_a64 tx_frames;
	shmbus_a64 tx_bytes;
};

/* What the queues of a station share. */
struct shmbus_lib_port {
	struct shmbus bus;
	struct shmbus_pollers pollers;
	struct shmbus_fdb *fdb; /* of a port on a switch; else NULL */
	pthread_mutex_t lock;   /* of the port's entry on the bus, and of sleeps */
	bool sleeps;            /* senders know that a queue of the port may sleep */
	uint32_t n_queues;
	struct shmbus_station *queues[SHMBUS_QUEUES_MAX];
};

struct shmbus_station {
	struct shmbus_lib_port *port;
	struct shmbus *bus; /* of the port */
	uint32_t queue;
	/* These five are the same in all queues. */
	const struct shmbus_lib_ops *ops; /* of the format of the bus */
	uint32_t flags; /* of shmbus_conf */
	bool monitor;
	uint8_t mac[6];
	uint32_t frame_max;
	struct shmbus_lib_sleeper rx_sleeper;
	/* See shmbus_wait.c for these two. */
	bool hinted;   /* the last look found something, and nothing was read since then */
	uint32_t vain; /* wake-ups in a row that led to nothing */
	/* See shmbus_lib_room.c for these four. */
	struct shmbus_lib_sleeper tx_sleeper;
	uint64_t room_since_ns; /* the first shmbus_arm_room() without room; 0: there was room */
	uint32_t refused; /* shmif: sends in a row for which the lock was not available */
	bool unrung; /* the last sleep after which there was room ended by its time-out */
	uint64_t looked_ns; /* the last check of the sending side that the bus is there */
	struct shmbus_lib_counters stats; /* what the core does not count itself */
	uint8_t *room_in;  /* lanes: the unfinished frame; shmif: the piece that is read */
	uint8_t *room_out; /* lanes: its next final frame; shmif: the burst that is sent */
	struct shmbus_lib_lanes lanes;
	struct shmbus_lib_shmif shmif;
	struct shmbus_lib_reserved reserved;
	unsigned int peeked; /* frames */
	struct shmbus_lib_shown shown[SHMBUS_PEEK_MAX];
};

/* Operations that differ between the formats. */
struct shmbus_lib_ops {
	/*
	 * Joins the open bus, or begins to monitor it, with all queues. conf is complete, and
	 * wire_conf is made from it.
	 */
	int (*begin)(struct shmbus_lib_port *port, const struct shmbus_conf *conf,
		     const struct shmbus_wire_conf *wire_conf);
	/*
	 * Sends frames whose lengths and offloads the caller has checked. offloads: NULL if all
	 * frames are final, as they are on shmif.
	 */
	unsigned int (*send)(struct shmbus_station *st, const struct shmbus_tx *frames,
			     const struct shmbus_offload *offloads, unsigned int n);
	/*
	 * Writes the places of up to n frames to st->reserved.at. Their longest lengths are in
	 * st->reserved.len, which the caller has checked. Returns their number.
	 */
	unsigned int (*reserve)(struct shmbus_station *st, unsigned int n);
	/* Sends the first n reserved frames, with lengths that the caller has checked. */
	unsigned int (*commit)(struct shmbus_station *st, const struct shmbus_place *frames,
			       unsigned int n);
	/*
	 * Called only for stations that receive: receive, peek and pending. offloads: NULL if the
	 * frames are to be final.
	 */
	unsigned int (*receive)(struct shmbus_station *st, struct shmbus_rx *frames,
				struct shmbus_offload *offloads, unsigned int n);
	unsigned int (*peek)(struct shmbus_station *st, struct shmbus_view *frames,
			     unsigned int n);
	bool (*pending)(struct shmbus_station *st);
	/* Releases the first n frames of the last peek. Returns false if they were overwritten. */
	bool (*release)(struct shmbus_station *st, unsigned int n);
	/* Adds the counters of the queue that the core keeps. */
	void (*count)(const struct shmbus_station *st, struct shmbus_stats *stats);
};

extern const struct shmbus_lib_ops shmbus_lib_lanes_ops;
extern const struct shmbus_lib_ops shmbus_lib_shmif_ops;

static inline bool
shmbus_lib_is_lanes(const struct shmbus *bus)
{
	return bus->wire.format == SHMBUS_WIRE_LANES;
}

static inline bool
shmbus_lib_receives(const struct shmbus_station *st)
{
	return !(st->flags & SHMBUS_SEND_ONLY);
}

static inline const char *
shmbus_lib_path(const struct shmbus *bus)
{
	return shmbus_wire_file(&bus->wire)->path;
}

static inline uint64_t
shmbus_lib_min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Returns a time-out of the interface in ns. */
static inline uint64_t
shmbus_lib_limit_ns(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000;
}

static inline uint32_t
shmbus_lib_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- shmbus_error_text.c */

/* Returns the thread's error text, for functions of the core to write into. */
struct shmbus_error *shmbus_lib_error(void);

/* Sets the thread's error text. Returns err. */
int shmbus_lib_fail(int err, const char *format, ...) SHMBUS_LIKE_PRINTF(2, 3);
int shmbus_lib_no_memory(const char *path);

/* ---- shmbus_open.c */

/*
 * Checks conf, writes it with its defaults into full, and makes the core's wire_conf from
 * it; the format stays as conf has it. Returns 0 or -EINVAL.
 */
int shmbus_lib_conf(const char *path, const struct shmbus_conf *conf, struct shmbus_conf *full,
		    struct shmbus_wire_conf *wire_conf);

/*
 * Returns -ENODEV with a text if the bus is known to be gone: the file was truncated, or
 * has another bus; else 0. Costs one load.
 */
int shmbus_lib_gone(const struct shmbus *bus);

/* Returns the same, but checks the file as well, with a few system calls. */
int shmbus_lib_gone_now(struct shmbus *bus);

/* Returns whether the file has another bus by now. Costs a few loads. */
bool shmbus_lib_lost(struct shmbus *bus);

/* ---- shmbus_station.c */

/* Writes the reason why a port with several queues cannot be on a shmif bus. Returns -EINVAL. */
int shmbus_lib_refuse_queues(const char *path, uint32_t queues);

/* ---- shmbus_complete.c */

/* Does what shmbus_complete() does, and leaves the thread's error text as it is. */
int shmbus_lib_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
			uint32_t *done, void *buf, uint32_t room);

static inline struct shmbus_request
shmbus_lib_request(const struct shmbus_offload *offload)
{
	return (struct shmbus_request){
		.flags = offload->flags,
		.l4 = offload->l4,
		.l3_off = offload->l3_off,
		.l4_off = offload->l4_off,
		.data_off = offload->data_off,
		.segment = offload->segment,
	};
}

/* Returns whether a frame of len bytes may have this offload. */
bool shmbus_lib_offload_is_legal(const struct shmbus_offload *offload, uint32_t len);

/* Writes the reason why it may not. Returns -EINVAL. */
int shmbus_lib_refuse_offload(const struct shmbus_offload *offload, uint32_t len);

/* ---- shmbus_send.c */

/*
 * Returns whether frames that are sent now would go to another bus. now_ns: time of one
 * clock for all calls. Checks the bus ten times a second.
 */
bool shmbus_lib_sends_astray(struct shmbus_station *st, uint64_t now_ns);

/* Returns -EROFS with a text if the station is a monitor; else 0. */
int shmbus_lib_may_send(const struct shmbus_station *st);

/* Returns whether a frame of this length with these flags can be sent. */
static inline bool
shmbus_lib_is_legal(const struct shmbus_station *st, uint32_t len, uint32_t flags)
{
	return len >= SHMBUS_FRAME_MIN && len <= st->frame_max && flags == 0;
}

/* Writes the reason why a frame is not legal. Returns its error. */
int shmbus_lib_refuse(const struct shmbus_station *st, uint32_t len, uint32_t flags);

/* ---- shmbus_sleeper.c */

void shmbus_lib_sleeper_init(struct shmbus_lib_sleeper *s);
void shmbus_lib_sleeper_close(struct shmbus_lib_sleeper *s);

/* Opens the inotify descriptor. Returns 0 or -errno with a text. */
int shmbus_lib_sleeper_open(struct shmbus_lib_sleeper *s, const struct shmbus *bus);

/* Opens the descriptor for callers. The inotify descriptor is open. As above. */
int shmbus_lib_sleeper_open_fd(struct shmbus_lib_sleeper *s, const struct shmbus *bus);

/* Lets the descriptor for callers become readable after a ring, or not. At first it does. */
void shmbus_lib_sleeper_listen(const struct shmbus_lib_sleeper *s, bool on);

/* Lets the descriptor for callers become readable after this time; 0: after a ring only. */
void shmbus_lib_sleeper_set_timer(struct shmbus_lib_sleeper *s, uint64_t ns);

/*
 * Sleeps until a ring, for ns at most; without an inotify descriptor for ns. Returns 1: a
 * ring; 0: the time has passed; -EINTR.
 */
int shmbus_lib_sleeper_sleep(const struct shmbus_lib_sleeper *s, uint64_t ns);

struct timespec shmbus_lib_timespec(uint64_t ns);

/* Returns the length of the nap after so many wake-ups in vain; 0 of none. */
uint64_t shmbus_lib_vain_ns(uint32_t vain);

/* ---- shmbus_receive.c */

/* Copies the destination of a frame on the bus, so that it cannot change any more. */
static inline void
shmbus_lib_destination(uint8_t dst[6], const uint8_t *frame)
{
	memcpy(dst, frame, 6); /* the memory of a frame is a line at least */
	/* Or the compiler could read the frame once more in place of the copy. */
	shmbus_fence_compiler();
}

/* Returns whether the station's filter accepts a frame of len bytes to dst, which is a copy. */
bool shmbus_lib_wants(const struct shmbus_station *st, const uint8_t dst[6], uint32_t len);

/*
 * Copies up to room bytes of a frame on the bus to memory of this process. Returns
 * false if the station's filter rejects the frame.
 */
bool shmbus_lib_copy(const struct shmbus_station *st, uint8_t *to, uint32_t room,
		     const uint8_t *frame, uint32_t len);

/* Copies a frame to the buffer of a caller. Sets rx->len, and adds to rx->meta.flags. */
bool shmbus_lib_take(const struct shmbus_station *st, struct shmbus_rx *rx, const uint8_t *frame,
		     uint32_t len);

/* Records frame number i of a peek: a release up to this frame ends at walk. */
void shmbus_lib_show(struct shmbus_station *st, unsigned int i, const struct shmbus_view *view,
		     const struct shmbus_walk *walk);

/* ---- shmbus_lib_lanes.c and shmbus_lib_lanes_receive.c */

/* Announces that the port may sleep from now on. Several queues may do this at once. */
void shmbus_lib_lanes_will_sleep(struct shmbus_station *st);
/* Announces that the queue sleeps now, or no longer. */
void shmbus_lib_lanes_sleep(struct shmbus_station *st, bool asleep);

/*
 * Look for room for the burst that was refused last; the second function also asks the receiver
 * that holds the station back to ring. shmbus_lib_lanes_end_ask() takes that back.
 */
bool shmbus_lib_lanes_has_room(struct shmbus_station *st);
bool shmbus_lib_lanes_ask_room(struct shmbus_station *st);
void shmbus_lib_lanes_end_ask(struct shmbus_station *st);

unsigned int shmbus_lib_lanes_receive(struct shmbus_station *st, struct shmbus_rx *frames,
				      struct shmbus_offload *offloads, unsigned int n);
unsigned int shmbus_lib_lanes_peek(struct shmbus_station *st, struct shmbus_view *frames,
				   unsigned int n);
bool shmbus_lib_lanes_pending(struct shmbus_station *st);
bool shmbus_lib_lanes_release(struct shmbus_station *st, unsigned int n);

/* ---- shmbus_lib_room.c */

/* As shmbus_wait_room(), from begin_ns on for limit_ns at most. */
int shmbus_lib_wait_room(struct shmbus_station *st, uint64_t begin_ns, uint64_t limit_ns);

/* ---- shmbus_lib_merge.c */

/* Returns the reader that a monitor reads next. NULL: no active lane has a record. */
struct shmbus_reader *shmbus_lib_merge_next(struct shmbus_station *st);

#endif /* SHMBUS_LIB_H */
