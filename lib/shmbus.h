/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_H
#define SHMBUS_H

/*
 * libshmbus: Ethernet frames through a file in shared memory, without DPDK.
 *
 * A bus is a file; every station that opens it is on the same Ethernet segment
 * as ports of DPDK's driver net_shmbus, and, on a bus of the format shmif, as
 * NetBSD's rump kernels. docs/library.rst is the guide.
 *
 * Functions that can fail return a negative errno, and leave a line for people
 * that says what was wrong, and what would be right: shmbus_error_text().
 *
 * Every struct that is given to the library may be all zeros but for what is
 * wanted otherwise. Fields called reserved must be 0.
 *
 * Threads: a station has a sending side (shmbus_send, _send_all) and a
 * receiving side (shmbus_receive, _peek, _release, _fd, _arm, _disarm, _wait),
 * and each is for one thread at a time. Both may be used at once. shmbus_get_*()
 * and shmbus_station_bus() may be called by any thread at any time between open
 * and close; shmbus_close, _detach and _forget when no other thread uses what
 * they free. The others, shmbus_complete() among them, share nothing, and are
 * for any thread.
 *
 * Processes: what was opened belongs to the process that opened it. After
 * fork() the child may use exec, or shmbus_forget() and shmbus_close(), and
 * open for itself. It must not use what it inherited.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; shmbus_version() is that of the library. */
#define SHMBUS_LIB_VERSION "0.1.0"

const char *shmbus_version(void);

/* What was wrong when a function failed in this thread last. Never NULL. */
const char *shmbus_error_text(void);

/* Where a bus is if nobody says otherwise: the driver's default, too. */
#define SHMBUS_DEFAULT_PATH "/dev/shm/shmbus"

/* ---- what a bus or a station is to be */

enum shmbus_format {
	SHMBUS_FORMAT_AUTO = 0, /* whatever the file is; a new one becomes lanes */
	SHMBUS_FORMAT_LANES = 1,
	SHMBUS_FORMAT_SHMIF = 2 /* NetBSD's */
};

/* shmbus_conf.flags */
#define SHMBUS_EXISTING (1u << 0)  /* attach: the bus must be there, it is not created */
#define SHMBUS_NEW (1u << 1)       /* attach: the file must not be there */
#define SHMBUS_NO_PAUSE (1u << 2)  /* sending waits for no slow receiver; they lose frames */
#define SHMBUS_NO_HOLD (1u << 3)   /* senders do not wait for this station; it may miss frames */
#define SHMBUS_FILTER (1u << 4)    /* receive only what is to mac, broadcast or multicast */
#define SHMBUS_SEND_ONLY (1u << 5) /* receives nothing, and no sender waits for it */
#define SHMBUS_UNLINK (1u << 6)    /* remove the file if this is the last port to leave */
#define SHMBUS_OLDEST (1u << 7)    /* monitor: begin with the oldest frame that the bus holds */
#define SHMBUS_QUIET (1u << 8)     /* shmif: wake no sleeping receivers */
#define SHMBUS_NO_BREAK (1u << 9)  /* shmif: never break a lock that others hold */

struct shmbus_conf {
	uint32_t flags;
	uint32_t format;           /* enum shmbus_format */
	/* Of a bus that is created, 0: the default; if it exists it must be so, 0: whatever it is. */
	uint32_t ports;            /* lanes: places for ports, 32 */
	uint32_t queues;           /* lanes: per port, 4 */
	uint64_t lane_size;        /* lanes: bytes, 4 MiB */
	uint32_t mode;             /* permission bits of a new file, 0600 */
	uint32_t pause_timeout_ms; /* lanes: wait for one slow receiver so long, 1000 */
	uint32_t lock_break_ms;    /* shmif: break a foreign lock after, 5000 */
	uint8_t mac[6];            /* all 0: a random one that begins with b2:a0 */
	uint8_t reserved0[2];
	const char *name;          /* lanes: for people, at most 63 bytes; NULL: the program's */
	/*
	 * lanes: the NUMA node for the memory of the lane that a port writes, and of a bus that
	 * is created (where its ports do not say otherwise), SHMBUS_NUMA_NODE(its number); 0:
	 * wherever it is touched first. A wish: a node that is not there is no error.
	 */
	uint32_t numa;
	uint32_t reserved1;
	uint64_t reserved[3];
};

#define SHMBUS_NUMA_NODE(node) ((uint32_t)(node) + 1)

/*
 * Make a bus in a file that is not there, or is empty, and leave it. conf may be
 * NULL. -EEXIST: there is a file, which stays as it is; -EINVAL: a number in conf
 * is out of range; else what open(2) and posix_fallocate(3) say.
 */
int shmbus_create(const char *path, const struct shmbus_conf *conf);

/* Remove the file of a bus. -EBUSY: living ports are on it; else as shmbus_open and unlink(2). */
int shmbus_remove(const char *path);

/* ---- a bus, looked at */

struct shmbus;

/*
 * Open a bus to look at it. Needs permission to read the file only, changes
 * nothing, and nobody notices. -ENOENT: no file; -EMEDIUMTYPE: not a bus;
 * -EPROTO: of a version that this library does not know; -ENODATA: truncated,
 * or not ready yet; -ENOMEM; else what open(2) and mmap(2) say. shmbus_close
 * takes NULL, too.
 */
int shmbus_open(struct shmbus **bus, const char *path);
void shmbus_close(struct shmbus *bus);

struct shmbus_info {
	uint32_t format;       /* enum shmbus_format */
	uint32_t version;      /* of the format */
	uint32_t ports;        /* lanes: places; shmif: 255, ports of NetBSD's not counted */
	uint32_t queues;       /* per port */
	uint64_t lane_size;    /* bytes; shmif: of the ring */
	uint64_t file_size;
	uint64_t used;         /* bytes of memory or disk that the file really takes now */
	uint64_t created_ns;   /* since 1970; shmif: 0, it is not known */
	uint8_t id[16];        /* lanes: random, made with the bus */
	uint32_t mode;         /* permission bits */
	uint32_t frame_max;    /* longest frame, without FCS */
	uint32_t hugetlb;      /* 1: on hugetlbfs */
	uint32_t nlink;        /* names that the file has; 0: it has been removed */
	/* shmif, as in the file's header: */
	uint64_t gen;
	uint32_t lock;
	uint32_t spare;
	uint32_t first;
	uint32_t last;
	uint64_t reserved[4];
	char path[4096];
};

/* 0, or what fstat(2) says. */
int shmbus_get_info(struct shmbus *bus, struct shmbus_info *info);

/* shmbus_peer_info.flags */
#define SHMBUS_PEER_ALIVE (1u << 0)   /* its process lives; all below is what it said itself */
#define SHMBUS_PEER_STARTED (1u << 1) /* sends and receives */
#define SHMBUS_PEER_LINK_UP (1u << 2)
#define SHMBUS_PEER_HOLDS (1u << 3)   /* senders wait for it */
#define SHMBUS_PEER_SLEEPS (1u << 4)  /* may wait for interrupts */
#define SHMBUS_PEER_SELF (1u << 5)    /* this station itself */
#define SHMBUS_PEER_LEFT (1u << 6)    /* it said so; see shmbus_get_owner() */

/* A port on the bus. Of one on a shmif bus nothing but slot and flags is known. */
struct shmbus_peer_info {
	uint32_t slot;
	uint32_t flags;
	uint32_t pid;          /* as it sees itself: in a container it is another one */
	uint8_t mac[6];
	uint8_t reserved0[2];
	uint32_t tx_queues;
	uint32_t rx_queues;
	uint64_t incarnation;  /* owners that the slot has had */
	uint64_t attached_ns;  /* since 1970 */
	uint64_t tx_frames;    /* of the slot, also by owners before */
	uint64_t tx_bytes;
	uint64_t tx_pauses;    /* bursts cut short by a slow receiver */
	uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t rx_missed;
	uint64_t reserved[4];
	char name[64];
};

/*
 * The ports on the bus, by slot, up to n of them, those that died without
 * saying so among them. Returns how many there are, which may be more than n;
 * it never fails. Of NetBSD's peers on a shmif bus nothing is known.
 */
int shmbus_get_peers(struct shmbus *bus, struct shmbus_peer_info *peers, unsigned int n);

/*
 * Who has a slot of a bus of lanes, or had it last: whose frames are in its
 * rings. 0; -ENOENT: nobody yet; -EINVAL: there is no such slot; -ENOTSUP: a
 * shmif bus does not tell.
 */
int shmbus_get_owner(struct shmbus *bus, uint32_t slot, struct shmbus_peer_info *owner);

/* A ring: on lanes one per sending queue that was ever used, on shmif one for all. */
struct shmbus_lane_info {
	uint32_t lane;
	uint32_t slot;
	uint32_t queue;
	uint32_t reserved0;
	uint64_t head;       /* position of the oldest byte that is intact */
	uint64_t tail;       /* position of the end of what is published */
	uint64_t generation; /* tail / size: times that the ring was filled */
	uint64_t size;       /* bytes */
	uint64_t held;       /* frames that the ring holds, and a reader can still get */
	uint64_t frames;     /* ever published; shmif: 0, it is not known */
	uint64_t bytes;      /* so */
	uint64_t pauses;     /* so */
	uint64_t reserved[4];
};

/* The rings, up to n of them. Returns how many there are, or, on lanes, what mmap(2) says. */
int shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n);

/* ---- stations */

/* A station on a bus: a port, which others see, or a monitor, which nobody does. */
struct shmbus_station;

/*
 * Become a port on a bus, which is created if it is not there. conf may be
 * NULL. It receives what is sent from now on, by all others but itself.
 * -EEXIST: the bus contradicts conf, or SHMBUS_NEW; -ENOENT: SHMBUS_EXISTING;
 * -EUSERS: every place is taken by a living port; -ENOSPC; -EINVAL: conf makes
 * no sense; else as shmbus_open.
 */
int shmbus_attach(struct shmbus_station **st, const char *path, const struct shmbus_conf *conf);

/*
 * Look on, without a place on the bus. Needs permission to read the file only,
 * and writes nothing, so no sender waits: what it is too slow for it misses,
 * and counts. Of conf's flags FILTER and OLDEST are for it; EXISTING is true of
 * it anyway. -EINVAL: others, or conf makes no sense; else as shmbus_open.
 */
int shmbus_monitor(struct shmbus_station **st, const char *path, const struct shmbus_conf *conf);

/* Leave, and free all that belongs to the station. NULL is allowed. */
void shmbus_detach(struct shmbus_station *st);

/*
 * In a child after fork(): free what it inherited of the station. The parent's
 * goes on. (As long as a child has not done this, or exec, the port is taken
 * to be alive even if the parent dies.)
 */
void shmbus_forget(struct shmbus_station *st);

/* The station's bus, to look at; it is closed with the station. */
struct shmbus *shmbus_station_bus(struct shmbus_station *st);

/* shmbus_self.flags */
#define SHMBUS_SELF_CREATED (1u << 0)   /* this station made the bus */
#define SHMBUS_SELF_TOOK_OVER (1u << 1) /* the place belonged to a port that died */
#define SHMBUS_SELF_MONITOR (1u << 2)

struct shmbus_self {
	uint32_t flags;
	uint32_t slot;      /* UINT32_MAX: a monitor, which has none */
	uint32_t frame_max; /* longest frame that can be sent, without FCS */
	uint32_t frame_min; /* shortest */
	uint64_t sender;    /* shmif: what its frames bear */
	uint8_t mac[6];
	uint8_t reserved0[2];
	uint64_t reserved[4];
};

/* 0; it never fails. */
int shmbus_get_self(struct shmbus_station *st, struct shmbus_self *self);

/* ---- send */

struct shmbus_tx {
	const void *data;
	uint32_t len; /* without FCS; 14 bytes of Ethernet header and more */
};

/*
 * Send n frames. They are copied, and seen by all others when this returns.
 * Returns how many were taken: fewer, or 0, where a slow receiver is waited for
 * or, on shmif, where the lock was not to be had; try again later. If the first
 * one cannot be sent: -EMSGSIZE, its length is not between frame_min and
 * frame_max. (One further back ends the burst before it.) -EROFS: a monitor;
 * -ENODEV: the bus is gone, the station can only be detached.
 */
int shmbus_send(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n);

/*
 * The same, but wait until all are taken, for at most timeout_ms; -1: for ever.
 * Returns how many were taken, or what is wrong with the first that was not.
 */
int shmbus_send_all(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n,
		    int timeout_ms);

/* ---- receive */

/* shmbus_meta.flags */
#define SHMBUS_META_SEGMENT (1u << 0)   /* was cut here out of a longer TCP packet */
#define SHMBUS_META_TRUNCATED (1u << 1) /* is longer than the room for it */
#define SHMBUS_META_UPTIME (1u << 2)    /* tstamp_ns counts since its sender came up */

struct shmbus_meta {
	uint64_t tstamp_ns; /* when it was sent: since 1970, or see SHMBUS_META_UPTIME */
	uint64_t seq;       /* lanes: its number, from 0, among those of its slot and queue */
	uint64_t missed;    /* frames lost right before it; on lanes of its slot and queue, exactly */
	uint64_t sender;    /* shmif: what the sender calls itself; lanes: 0 */
	uint32_t slot;      /* lanes: of the sender; shmif: UINT32_MAX */
	uint32_t queue;     /* so; shmif: 0 */
	uint32_t flags;
	uint32_t reserved0;
};

struct shmbus_rx {
	void *data;    /* given: where the frame goes */
	uint32_t room; /* given: bytes there */
	uint32_t len;  /* of the frame; if it is more than room, room bytes were copied */
	struct shmbus_meta meta;
};

/*
 * Receive up to n frames, whole and final: what their sender has left undone
 * (checksums, TCP segmentation) has been done. frame_max bytes of room are
 * always enough. Returns how many there were, 0: none now; -ENODEV: the bus is
 * gone.
 */
int shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n);

/* What a sender has left undone. Offsets count from the start of the frame. */
#define SHMBUS_OFFLOAD_IP_CKSUM (1u << 0) /* the header checksum of IPv4 */
#define SHMBUS_OFFLOAD_L4_CKSUM (1u << 1) /* the checksum of TCP or UDP */
#define SHMBUS_OFFLOAD_SEGMENT (1u << 2)  /* a TCP packet that is to become several */

struct shmbus_offload {
	uint8_t flags;     /* 0: nothing, the frame is final */
	uint8_t l4;        /* 6 TCP, 17 UDP, or 0 */
	uint16_t l3_off;   /* of the IP header */
	uint16_t l4_off;
	uint16_t data_off; /* SEGMENT: of the TCP payload */
	uint16_t segment;  /* SEGMENT: payload of each frame at most */
	uint16_t reserved[3];
};

struct shmbus_view {
	const void *data;
	uint32_t len;
	uint32_t reserved0;
	struct shmbus_offload offload;
	struct shmbus_meta meta; /* missed: 0, shmbus_release counts */
};

/*
 * Look at up to n frames where they lie, without a copy. Returns how many, 0:
 * none now; -ENODEV: the bus is gone. Until shmbus_release() nothing else is
 * received.
 *
 * What is seen may be overwritten while it is looked at, by a sender that does
 * not wait, or by one that lies. So: read each byte once, believe nothing that
 * was read before, never use it as an index or a length without a check of the
 * copy, and do nothing with it that cannot be taken back before release has
 * said that the frames were intact.
 */
int shmbus_peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n);

/*
 * Done with the first n frames of the last peek; the others will be seen again.
 * Returns n if these were whole and unchanged all the time, 0 if they were
 * overwritten: then all that was read of them is worthless, and they are
 * counted as missed. -EINVAL: there were not so many.
 */
int shmbus_release(struct shmbus_station *st, unsigned int n);

/*
 * Finish a frame whose offload says that something is left undone: the next
 * final frame into buf. *done is 0 at first, and belongs to this function.
 * frame is not written, and must not change: use it on a copy. Returns the
 * length of the frame in buf; 0: there are no more; -EMSGSIZE: room does not
 * do; -EINVAL: the frame is not what its offload says.
 */
int shmbus_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
		    uint32_t *done, void *buf, uint32_t room);

/* ---- sleep until there is something to receive */

/*
 * A descriptor for poll(2), epoll(7) and the like, readable (POLLIN) when it is
 * time to look. It stays the library's: read nothing from it, do not close it.
 *
 *	fd = shmbus_fd(st);
 *	for (;;) {
 *		if (shmbus_arm(st) == 0)
 *			poll(fd and others);
 *		shmbus_disarm(st);
 *		while (shmbus_receive(st, ...) > 0)
 *			...
 *	}
 *
 * -ENOTSUP: a monitor of a bus of lanes: senders do not know that it is there,
 * and ring for nobody. It looks now and then, as shmbus_wait does. -EMFILE: too
 * many inotify instances of this user's (fs.inotify.max_user_instances), or open
 * files; else what inotify_init1(2) and inotify_add_watch(2) say. The first call
 * takes a few milliseconds; those that follow cannot fail.
 */
int shmbus_fd(struct shmbus_station *st);

/*
 * Going to sleep. 0: do so, what comes will wake you; 1: there is something
 * already; below 0: as shmbus_fd, whose first call this may be.
 */
int shmbus_arm(struct shmbus_station *st);

/* Awake again: nobody needs to wake this station. */
void shmbus_disarm(struct shmbus_station *st);

/*
 * Sleep until there is something on the bus. 1: there is, though it may turn out
 * to be nothing for this station; 0: timeout_ms have passed (-1: never);
 * -EINTR: a signal; -ENODEV: the bus is gone; else as shmbus_fd, but for
 * -ENOTSUP: a monitor of lanes naps instead.
 */
int shmbus_wait(struct shmbus_station *st, int timeout_ms);

/* ---- counters of a station, since it began */

struct shmbus_stats {
	uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t rx_missed;      /* overwritten before they were read; shmif: estimated, own ones too */
	uint64_t rx_overruns;    /* times that happened */
	uint64_t rx_corrupt;     /* what is on the bus makes no sense */
	uint64_t rx_filtered;    /* not for this station, see SHMBUS_FILTER */
	uint64_t rx_truncated;   /* there was not room enough */
	uint64_t tx_frames;
	uint64_t tx_bytes;
	uint64_t tx_pauses;      /* bursts cut short by a slow receiver */
	uint64_t pause_timeouts; /* receivers given up: stopped */
	uint64_t pause_dead;     /* receivers given up: dead */
	uint64_t lock_busy;      /* shmif: times that the lock was not to be had */
	uint64_t lock_broken;    /* shmif: times that it was broken */
	uint64_t reserved[4];
};

/* 0; it never fails. */
int shmbus_get_stats(struct shmbus_station *st, struct shmbus_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* SHMBUS_H */
