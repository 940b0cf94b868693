/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_H
#define SHMBUS_H

/*
 * libshmbus: Ethernet frames through a file in shared memory, without DPDK.
 *
 * A bus is a file. Every station that opens the file is on one Ethernet segment
 * with all others: ports of this library, ports of DPDK's driver net_shmbus, and,
 * on a bus of the format shmif, NetBSD's rump kernels. docs/library.rst is the
 * guide.
 *
 * Errors: a function that fails returns a negative errno. shmbus_error_text()
 * then returns one line that names the file, the value that was wrong, and a
 * value that would be right.
 *
 * Structs: a field that is 0 selects the default. Fields called reserved must be 0; the
 * library refuses other values with -EINVAL. In structs that the library writes, they are 0.
 *
 * Threads: a queue of a station has a sending side (shmbus_send, _send_offload, _send_all, _reserve, _commit,
 * _wait_room, _room_fd, _arm_room, _disarm_room) and a receiving side (shmbus_receive,
 * _receive_offload, _peek, _release, _fd, _arm, _disarm, _wait).
 * Each side is for one thread at a time; the two sides may be used at once, and so may the
 * queues of a port with several (shmbus_get_queue). Any
 * thread may call shmbus_get_*() and shmbus_station_bus() at any time between
 * open and close. shmbus_close, _detach and _forget require that no other thread
 * uses the object that they free. All other functions, shmbus_complete() among
 * them, share nothing, and any thread may call them.
 *
 * Processes: a bus or a station belongs to the process that opened it. After
 * fork() the child may call exec, or shmbus_forget() and shmbus_close(), and then
 * open a bus for itself. It must not use the inherited objects otherwise.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Version of this header: as text, and as a number for #if, major << 16 | minor << 8 |
 * patch. None of the three is more than 255.
 */
#define SHMBUS_LIB_VERSION "0.1.0"
#define SHMBUS_LIB_VERSION_NUMBER ((0 << 16) | (1 << 8) | 0)

/*
 * Return the version of the library, in the two forms above. It may be newer than that
 * of the header that the program was compiled with (docs/compatibility.rst).
 */
const char *shmbus_version(void);
uint32_t shmbus_version_number(void);

/* Returns the reason of the last failure in the calling thread; never NULL. */
const char *shmbus_error_text(void);

/* Default path of a bus. The driver has the same default. */
#define SHMBUS_DEFAULT_PATH "/dev/shm/shmbus"

/* ---- configuration of a bus or a station */

enum shmbus_format {
	SHMBUS_FORMAT_AUTO = 0, /* the file's format; a new file becomes lanes */
	SHMBUS_FORMAT_LANES = 1,
	SHMBUS_FORMAT_SHMIF = 2 /* NetBSD's format */
};

/* Who gets a unicast frame. */
enum shmbus_delivery {
	SHMBUS_DELIVERY_HUB = 1,   /* every port */
	SHMBUS_DELIVERY_SWITCH = 2 /* the port with its address, if the sender knows that port */
};

/* shmbus_conf.flags */
#define SHMBUS_EXISTING (1u << 0)  /* attach: fail if the bus does not exist */
#define SHMBUS_NEW (1u << 1)       /* attach: fail if the file exists */
#define SHMBUS_NO_PAUSE (1u << 2)  /* lanes: send without waiting; slow receivers lose frames */
#define SHMBUS_NO_HOLD (1u << 3)   /* lanes: no sender waits for this station; it may miss frames */
#define SHMBUS_FILTER (1u << 4)    /* receive only frames to mac, broadcast and multicast */
#define SHMBUS_SEND_ONLY (1u << 5) /* receive nothing; no sender waits for this station */
#define SHMBUS_UNLINK (1u << 6)    /* remove the file if this is the last port to leave */
#define SHMBUS_OLDEST (1u << 7)    /* monitor: begin with the oldest frame that the bus holds */
#define SHMBUS_QUIET (1u << 8)     /* shmif: do not wake sleeping receivers */
#define SHMBUS_NO_BREAK (1u << 9)  /* shmif: never break the lock of a foreign peer */
/*
 * The library installs no handler of SIGBUS for this bus. For hosts whose run-time system
 * handles signals itself. A process that truncates the file then ends this process:
 * docs/library.rst, "Without a handler of SIGBUS".
 */
#define SHMBUS_NO_GUARD (1u << 10)
#define SHMBUS_MIRROR (1u << 11)   /* on a switch: also receive what is for other ports */

struct shmbus_conf {
	uint32_t flags;
	uint32_t format;           /* enum shmbus_format */
	/*
	 * A new bus gets these values; 0 selects the default at the end of each comment. An
	 * existing bus must have this geometry, and keeps its mode; 0 accepts any geometry.
	 */
	uint32_t ports;            /* lanes: slots for ports, 32 */
	uint32_t queues;           /* lanes: queues per port, 4 */
	uint64_t lane_size;        /* lanes: bytes per ring, 4 MiB */
	uint32_t mode;             /* permission bits of a new file, 0600 */
	uint32_t pause_timeout_ms; /* lanes: longest wait for a receiver that does not move, 1000 */
	uint32_t lock_break_ms;    /* shmif: time until a foreign peer's lock is broken, 5000 */
	uint8_t mac[6];            /* all 0: a random address that begins with b2:a0 */
	uint8_t reserved0[6];
	const char *name;          /* lanes: shown to people, at most 63 bytes; NULL: the program */
	/*
	 * lanes: SHMBUS_NUMA_NODE(node) of the NUMA node that memory comes from: of the lane that
	 * a port writes, or of a new bus where its ports do not choose. 0: the node of the thread
	 * that touches the memory first. A preference: a node that does not exist is no error.
	 */
	uint32_t numa;
	/* lanes: enum shmbus_delivery of a new bus, a hub; a condition for an existing one, as above. */
	uint32_t deliver;
	/*
	 * lanes: queues of this port, from 1 to 64; 0: one. A new bus has at least as many queues per
	 * port. See shmbus_get_queue().
	 */
	uint32_t port_queues;
	uint32_t reserved1;
	uint64_t reserved[2];
};

#define SHMBUS_NUMA_NODE(node) ((uint32_t)(node) + 1)

/*
 * Creates a bus without becoming a port. conf may be NULL. Returns 0; -EEXIST: the file
 * exists, even if it is empty, and is unchanged; -EINVAL: path is empty or NULL, or a
 * value in conf is out of range; -ETIMEDOUT: another process has held the attach lock for
 * 10 s; -ENOMEM; else the error of open(2) or posix_fallocate(3).
 */
int shmbus_create(const char *path, const struct shmbus_conf *conf);

/*
 * Removes the file of a bus. conf as for shmbus_open(). Returns 0; -EBUSY: living
 * ports are on the bus; -ETIMEDOUT: another process has held the attach lock for 10 s;
 * else the errors of shmbus_open() and unlink(2). NetBSD kernels on a shmif bus leave
 * no trace and do not count as ports.
 */
int shmbus_remove(const char *path, const struct shmbus_conf *conf);

/* ---- a bus, examined without a port */

struct shmbus;

/*
 * Opens a bus to examine it. Needs permission to read the file, not to write it.
 * Changes nothing, and no port notices. conf may be NULL. Of its flags the function
 * accepts SHMBUS_NO_GUARD and _EXISTING (which changes nothing); of its other fields
 * only format, ports, queues, lane_size and deliver have an effect: the bus must have them.
 * Returns 0; -ENOENT: no file; -EMEDIUMTYPE: the file is not a bus, or not of conf's
 * format; -EEXIST: the bus has another geometry than conf; -EINVAL: conf is invalid;
 * -EPROTO: the library does not know this version of the format; -ENODATA: the file is
 * truncated, or its creator has not finished it; -ENOMEM; else the error of open(2) or
 * mmap(2). After a failure *bus is NULL.
 */
int shmbus_open(struct shmbus **bus, const char *path, const struct shmbus_conf *conf);

/* Closes a bus that shmbus_open() has opened. NULL is allowed. */
void shmbus_close(struct shmbus *bus);

struct shmbus_info {
	uint32_t format;       /* enum shmbus_format */
	uint32_t version;      /* of the format */
	uint32_t ports;        /* lanes: slots; shmif: 255, NetBSD's peers need none */
	uint32_t queues;       /* per port */
	uint64_t lane_size;    /* bytes of a lane; shmif: of the ring */
	uint64_t file_size;
	uint64_t used;         /* bytes of memory or disk that the file occupies now */
	uint64_t created_ns;   /* since 1970; shmif: 0, unknown */
	uint8_t id[16];        /* lanes: random, made with the bus */
	uint32_t mode;         /* permission bits */
	uint32_t frame_max;    /* longest frame, without FCS */
	uint32_t hugetlb;      /* 1: on hugetlbfs */
	uint32_t nlink;        /* names of the file; 0: the file has been removed */
	/* shmif: words of the file's header */
	uint64_t gen;
	uint32_t lock;
	uint32_t spare;
	uint32_t first;
	uint32_t last;
	uint32_t deliver;      /* lanes: enum shmbus_delivery; shmif: 0 */
	uint32_t reserved0;
	uint64_t reserved[3];
	char path[4096];
};

/* Writes the properties of a bus. Returns 0, or the error of fstat(2). */
int shmbus_get_info(const struct shmbus *bus, struct shmbus_info *info);

/* shmbus_peer_info.flags */
/* The flags from STARTED to SLEEPS are the port's own statement, and so outlive a dead process. */
#define SHMBUS_PEER_ALIVE (1u << 0)   /* its process lives, or a child that it forked */
#define SHMBUS_PEER_STARTED (1u << 1) /* it sends and receives */
#define SHMBUS_PEER_LINK_UP (1u << 2)
#define SHMBUS_PEER_HOLDS (1u << 3)   /* senders wait for it */
#define SHMBUS_PEER_SLEEPS (1u << 4)  /* it may wait for interrupts */
#define SHMBUS_PEER_SELF (1u << 5)    /* it is this station */
#define SHMBUS_PEER_LEFT (1u << 6)    /* it has detached, see shmbus_get_owner() */
#define SHMBUS_PEER_MIRROR (1u << 7)  /* it also receives what is for other ports, on a switch */

/* A port on the bus. On a shmif bus only slot, flags and the queues (1 and 1) are set. */
struct shmbus_peer_info {
	uint32_t slot;
	uint32_t flags;
	uint32_t pid;          /* in the port's own pid namespace */
	uint8_t mac[6];
	uint8_t reserved0[2];
	uint32_t tx_queues;
	uint32_t rx_queues;
	uint32_t reserved1;
	uint64_t incarnation;  /* number of owners that the slot has had */
	uint64_t attached_ns;  /* since 1970 */
	uint64_t tx_frames;    /* of the slot, earlier owners included */
	uint64_t tx_bytes;
	uint64_t tx_pauses;    /* bursts cut short by a slow receiver */
	uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t rx_missed;
	uint64_t rx_skipped; /* for other ports, on a switch */
	uint64_t reserved[3];
	/*
	 * The port chooses its name. Each byte of it that is not printable ASCII is a
	 * question mark here, so the name may be written to a terminal. It may have
	 * quotation marks and backslashes.
	 */
	char name[64];
};

/*
 * Writes the ports on the bus, by slot, at most n; peers may be NULL if n is 0.
 * Ports that died without detaching are included. Returns the number of ports,
 * which may be more than n; never fails. NetBSD's peers on a shmif bus leave no
 * trace and are not included.
 */
int shmbus_get_peers(const struct shmbus *bus, struct shmbus_peer_info *peers, unsigned int n);

/*
 * Writes the owner of a slot, or its last owner: the port whose frames are in the
 * slot's rings. Lanes only. Returns 0; -ENOENT: the slot has had no owner yet;
 * -EINVAL: the bus has no such slot; -ENOTSUP: shmif, which records no owners.
 */
int shmbus_get_owner(const struct shmbus *bus, uint32_t slot, struct shmbus_peer_info *owner);

/* A ring. Lanes: one per sending queue that was ever used; shmif: one for all ports. */
struct shmbus_lane_info {
	uint32_t lane;
	uint32_t slot;
	uint32_t queue;
	uint32_t reserved0;
	uint64_t head;       /* position of the oldest intact byte */
	uint64_t tail;       /* position behind the last published byte */
	uint64_t generation; /* tail / size: how often the ring was filled */
	uint64_t size;       /* bytes */
	uint64_t held;       /* frames in the ring that a reader can still get */
	uint64_t frames;     /* published since the bus was made; shmif: 0, unknown */
	uint64_t bytes;      /* published since the bus was made; shmif: 0, unknown */
	uint64_t pauses;     /* bursts cut short by a slow receiver; shmif: 0 */
	uint64_t reserved[4];
};

/*
 * Writes the rings, by lane, at most n; lanes may be NULL if n is 0. Returns the number
 * of rings, which may be more than n; or, on lanes, the error of mmap(2). The bus is not
 * const, because the function maps the lanes.
 */
int shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n);

/* ---- stations */

/* A station on a bus: a port, which sends and receives, or a monitor, which no port sees. */
struct shmbus_station;

/*
 * Attaches to a bus as a port. Creates the bus if the file does not exist or is
 * empty, unless conf has SHMBUS_EXISTING. conf may be NULL. The port receives
 * the frames that other stations send from now on, to any address (on a switch, without
 * SHMBUS_MIRROR, not those that their senders have directed to other ports); with
 * SHMBUS_FILTER only frames to its own address, broadcast and multicast. It never
 * receives its own frames.
 *
 * Returns 0; -EEXIST: the bus has another geometry than conf, or fewer queues per port than
 * port_queues, or SHMBUS_NEW and the file
 * exists; -ENOENT: SHMBUS_EXISTING and there is no bus; -EUSERS: living ports have all
 * slots; -ENOSPC: the filesystem is full; -EINVAL: conf is invalid, or port_queues is more than
 * 1 on a shmif bus; -ETIMEDOUT:
 * another process has held the attach lock for 10 s; else the errors of
 * shmbus_open(). After a failure *st is NULL and the file is as before.
 */
int shmbus_attach(struct shmbus_station **st, const char *path, const struct shmbus_conf *conf);

/*
 * Begins to monitor an existing bus, without a slot. Needs permission to read the
 * file, not to write it. Writes nothing, so no sender waits for the monitor: it
 * misses frames that arrive faster than it reads, and counts them. conf may be
 * NULL; of its flags a monitor accepts SHMBUS_FILTER, _OLDEST, _NO_GUARD and _EXISTING
 * (which changes nothing). Returns 0; -EINVAL: other flags, port_queues of more than 1, or conf
 * is invalid; else the errors of shmbus_open(): the bus must have conf's format and geometry. After a failure
 * *st is NULL.
 */
int shmbus_monitor(struct shmbus_station **st, const char *path, const struct shmbus_conf *conf);

/*
 * Writes to *handle the handle of a queue of a port with several queues (conf.port_queues), for
 * the functions that send, receive and wait. The handle of queue 0 is st itself, as
 * shmbus_attach() returned it. st may be the handle of any queue of the port. Any thread may call
 * this. Returns 0; -EINVAL: the port has no such queue, and *handle is NULL.
 *
 * Each queue is for one thread at a time, as a station with one queue is. The queues share the
 * slot, the address and the flags of the port. A queue sends into a ring of its own. Each frame that
 * arrives reaches one queue: the port divides the rings of the other ports among its queues, so
 * the frames of one sending queue arrive at one queue, in their order. Between two ports of this
 * library with n queues each, what queue i sends arrives at a queue j, and what that queue j sends
 * arrives at i. A queue that is not read holds back the senders of its frames only, as a slow
 * port does.
 *
 * The handles end together, by shmbus_detach() or shmbus_forget() of any one of them.
 * shmbus_get_stats() counts what all queues have sent and received.
 */
int shmbus_get_queue(struct shmbus_station *st, uint32_t queue, struct shmbus_station **handle);

/*
 * Leaves the bus and frees the station, with all its queues. NULL is allowed. A port waits for the
 * attach lock, for 10 s at most.
 */
void shmbus_detach(struct shmbus_station *st);

/*
 * Frees the copy of a station that a child inherited by fork(). The parent's
 * station stays attached. Until the child calls this function or exec, or ends,
 * other ports take the parent's port for alive even if the parent has died.
 */
void shmbus_forget(struct shmbus_station *st);

/* Returns the bus of a station, for shmbus_get_*(). It is closed with the station. */
struct shmbus *shmbus_station_bus(struct shmbus_station *st);

/* shmbus_self.flags */
#define SHMBUS_SELF_CREATED (1u << 0)   /* this station created the bus */
#define SHMBUS_SELF_TOOK_OVER (1u << 1) /* the slot belonged to a port that died */
#define SHMBUS_SELF_MONITOR (1u << 2)

struct shmbus_self {
	uint32_t flags;
	uint32_t slot;      /* monitor: UINT32_MAX, it has none */
	uint32_t frame_max; /* longest frame that can be sent, without FCS */
	uint32_t frame_min; /* shortest frame: 14, the Ethernet header */
	uint64_t sender;    /* shmif: the number of the sender in its frames */
	uint8_t mac[6];
	uint8_t reserved0[2];
	uint32_t queue;     /* of this handle; 0 without shmbus_get_queue() */
	uint32_t queues;    /* of the station */
	uint64_t reserved[3];
};

/* Writes the properties of a station. Returns 0; never fails. */
int shmbus_get_self(const struct shmbus_station *st, struct shmbus_self *self);

/* ---- send */

struct shmbus_tx {
	const void *data;
	uint32_t len; /* bytes, without FCS; at least 14, the Ethernet header */
	uint32_t flags; /* 0: no flag is defined yet */
};

/*
 * Sends n frames. The frames are copied, and all other stations can see them when
 * this function returns. Returns the number of frames that were taken. This number is
 * less than n, or 0, while a slow receiver delays the station, or, on shmif, if the
 * lock was not available; send the other frames again later. A frame that cannot be
 * sent ends the burst before it; if it is the first frame, the function returns its
 * error: -EMSGSIZE: its length is not between frame_min and frame_max; -EINVAL: its
 * flags are not 0. Other errors: -EROFS: the station is a monitor; -ENODEV: the bus is
 * gone, and the station can only be detached.
 */
int shmbus_send(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n);

/* shmbus_offload.flags: work that the sender leaves to the receiver. */
#define SHMBUS_OFFLOAD_IP_CKSUM (1u << 0) /* the header checksum of IPv4 */
#define SHMBUS_OFFLOAD_L4_CKSUM (1u << 1) /* the checksum of TCP or UDP */
#define SHMBUS_OFFLOAD_SEGMENT (1u << 2)  /* a TCP packet that is to be cut into segments */

/* Offsets count from the start of the frame. */
struct shmbus_offload {
	uint8_t flags;     /* 0: the frame is final */
	uint8_t l4;        /* 6 TCP, 17 UDP, or 0 */
	uint16_t l3_off;   /* of the IP header */
	uint16_t l4_off;   /* of the TCP or UDP header */
	uint16_t data_off; /* SEGMENT: of the TCP payload */
	uint16_t segment;  /* SEGMENT: longest payload of a segment, in bytes */
	uint16_t reserved[3];
};

/*
 * As shmbus_send(), for frames of which the sender leaves work to the receivers, as with the
 * offloads of a NIC: offloads[i] belongs to frames[i]; its flags are 0 if the frame is final. A
 * receiver that does not know what to do with such a frame gets it finished by its library or
 * driver: a TCP packet with SEGMENT in segments. So a checksum that nobody looks at need not be
 * computed, and a long packet crosses the bus in one piece.
 *
 * The lengths in the IP header of a frame with SEGMENT are those of the whole packet, or 0 in one
 * that is too long for them. L4_CKSUM comes with l4; SEGMENT comes with L4_CKSUM and l4 6. What is
 * in a checksum that is left to the receiver does not matter.
 *
 * Returns as shmbus_send(). Further errors, of the first frame: -EINVAL: the offload does not fit
 * the length of the frame, or a reserved field is not 0; -ENOTSUP: an offload on shmif, which
 * carries final frames only: see shmbus_complete().
 */
int shmbus_send_offload(struct shmbus_station *st, const struct shmbus_tx *frames,
			const struct shmbus_offload *offloads, unsigned int n);

/*
 * Sends n frames, and waits until all are taken, for at most timeout_ms; -1: without
 * a limit. A signal ends the wait, as that of shmbus_wait(). Returns the number of
 * frames that were taken. If none was taken because of an error, returns that error:
 * -EINTR: a signal came; else as shmbus_send(). On lanes two threads that both send so,
 * and receive only afterwards, can hold each other back: after 5 to 10 ms one of the two
 * goes on, and the other one's station misses frames (pause_deadlocks, rx_missed).
 */
int shmbus_send_all(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n,
		    int timeout_ms);

/* ---- send in place: frames that the caller writes where the bus has them, without a copy */

struct shmbus_place {
	void *data;     /* set by shmbus_reserve(): where the caller writes the frame */
	uint32_t len;   /* set by the caller: bytes at most for reserve, bytes of the frame for commit */
	uint32_t flags; /* 0: no flag is defined yet */
};

/*
 * Reserves places for up to n frames, of at most len bytes each. Returns the number of places,
 * from the first on. There are 64 at most, and no more than one burst holds (a sixteenth of the
 * ring, but always one frame; shmif: 60000 bytes); the number is less also while a slow receiver
 * delays the station; 0: there is no room now. Errors: -EMSGSIZE, -EINVAL: as shmbus_send(), for
 * the first frame; -EROFS: the station is a monitor; -ENODEV: the bus is gone.
 *
 * The caller writes its frames to the places, in any order, each from data on and at most len
 * bytes, and then calls shmbus_commit(). The places have old bytes of the bus. On lanes data is a
 * multiple of 64. Nobody reads the places before the commit, and nobody waits for it: a
 * reservation may last as long as it likes. It ends without a trace by another
 * shmbus_reserve(), by shmbus_send() or _send_all(), by shmbus_detach() or the end of the process.
 */
int shmbus_reserve(struct shmbus_station *st, struct shmbus_place *places, unsigned int n);

/*
 * Sends the first n frames of the reservation, each with the len that it now has: as reserved, or
 * less. The other places are given up. All other stations can see the frames when this function
 * returns. Frames behind one that is 64 bytes or more shorter than reserved are moved, which is a
 * copy: reserve frames of unknown length one by one. n 0: the reservation ends, and nothing is sent.
 *
 * Returns n. 0: on shmif, the lock was not available; commit the same frames again later, and do
 * not write to them meanwhile. Errors: -EINVAL: fewer than n frames are reserved, or flags are not
 * 0; -EMSGSIZE: a length is less than frame_min or more than reserved: these change nothing, and
 * the reservation stays; -ENODEV: the bus is gone.
 *
 * After the commit the caller must not write to the places: other stations read the frames there
 * and would receive them changed or torn, and later frames lie there.
 */
int shmbus_commit(struct shmbus_station *st, const struct shmbus_place *places, unsigned int n);

/* ---- sleep until there is room */

/*
 * Sleeps until the bus takes frames again, after shmbus_send() or shmbus_reserve() has taken
 * fewer than it was given, for at most timeout_ms; -1: without a limit; 0: does not sleep.
 * Returns 1: there is room for the next of those frames, or no frame was refused; 0: the time
 * has passed; -EINTR: a signal came; -EROFS: the station is a monitor; -ENODEV: the bus is gone.
 * A reservation stays.
 *
 * On lanes the receiver that the station waits for wakes it. A receiver that runs an older
 * library or driver, or another implementation, need not: then the station looks at intervals, from
 * 50 us to 10 ms. It also gives up receivers meanwhile that have died or do not move, as
 * shmbus_send() does. On shmif, where a sender waits for the lock and not for a receiver, it returns
 * 1 after a nap of 50 us, and of twice that after each send in vain, up to 10 ms.
 */
int shmbus_wait_room(struct shmbus_station *st, int timeout_ms);

/*
 * Returns a descriptor for poll(2), epoll(7) and the like, which is readable (POLLIN) when the
 * station should try to send again: the counterpart of shmbus_fd(), and another descriptor. It
 * is readable only between shmbus_arm_room() and shmbus_disarm_room(), so it may stay in an epoll
 * instance. It belongs to the library: do not read from it, do not close it.
 *
 *	while ((ret = shmbus_send(st, &tx, 1)) == 0) {
 *		ret = shmbus_arm_room(st);
 *		if (ret == 0)
 *			poll(on, n, -1); (shmbus_room_fd(st), and what else the program waits for)
 *		shmbus_disarm_room(st);
 *	}
 *
 * Errors: -EROFS: the station is a monitor; else those of shmbus_fd(), except -ENOTSUP. Only the
 * first call can fail.
 */
int shmbus_room_fd(struct shmbus_station *st);

/*
 * Announces that the station sleeps until there is room. Returns 0: sleep, the descriptor becomes
 * readable; 1: there is room already, do not sleep; -ENODEV: the bus is gone; else the errors of
 * shmbus_room_fd(), if that function was not called before. The descriptor becomes readable after
 * 10 ms at the latest, with room or without: try to send, and arm again.
 */
int shmbus_arm_room(struct shmbus_station *st);

/* Ends what shmbus_arm_room() began: receivers need not wake this station. */
void shmbus_disarm_room(struct shmbus_station *st);

/* ---- receive */

/* shmbus_meta.flags */
#define SHMBUS_META_SEGMENT (1u << 0)   /* the receiver cut it out of a longer TCP packet */
#define SHMBUS_META_TRUNCATED (1u << 1) /* the frame is longer than its room */
#define SHMBUS_META_UPTIME (1u << 2)    /* tstamp_ns counts from the start of the sender's host */

struct shmbus_meta {
	uint64_t tstamp_ns; /* time of sending: since 1970, or see SHMBUS_META_UPTIME */
	uint64_t seq;       /* lanes: number of the frame in its slot and queue, from 0; shmif: 0 */
	uint64_t missed;    /* frames lost right before it; lanes: of its slot and queue, exact */
	uint64_t sender;    /* shmif: number that the sender chose; lanes: 0 */
	uint32_t slot;      /* lanes: slot of the sender; shmif: UINT32_MAX */
	uint32_t queue;     /* lanes: sending queue; shmif: 0 */
	uint32_t flags;
	uint32_t reserved0;
};

struct shmbus_rx {
	void *data;    /* set by the caller: buffer for the frame */
	uint32_t room; /* set by the caller: bytes in the buffer */
	uint32_t len;  /* length of the frame; if it is more than room, room bytes were copied */
	struct shmbus_meta meta;
};

/*
 * Receives up to n frames. The frames are whole and final: the library has done
 * what the sender left undone (checksums, TCP segmentation). They have at least
 * frame_min bytes, and a room of frame_max bytes is always enough. Returns the number of frames, 0: none now; -ENODEV: the
 * bus is gone.
 */
int shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n);

/*
 * As shmbus_receive(), but leaves the work that the sender has left to the caller, who can pass it
 * on, to a kernel or a virtual machine, or have it done by shmbus_complete(). Writes to offloads[i]
 * what is left of frames[i]; its flags are 0 if the frame is final, or truncated. The caller
 * checks the headers of the frame against the offload before it relies on them: the library has
 * compared the offsets with the length of the frame, and no more.
 */
int shmbus_receive_offload(struct shmbus_station *st, struct shmbus_rx *frames,
			   struct shmbus_offload *offloads, unsigned int n);

struct shmbus_view {
	const void *data;
	uint32_t len;
	uint32_t reserved0;
	struct shmbus_offload offload;
	struct shmbus_meta meta; /* missed is 0: shmbus_release() counts */
};

/*
 * Shows up to n frames in place, without a copy. Returns the number of frames,
 * which may be less than the number that the bus holds; 0: none now; -ENODEV: the bus
 * is gone. The frames stay pending until shmbus_release(). The next call of
 * shmbus_peek, _receive, _receive_offload, _arm or _wait ends the peek without a release.
 *
 * A sender that does not wait, or a hostile one, may overwrite the frames while the
 * caller reads them. So read each byte once, into a variable; check the variable
 * before it serves as an index or a length; do nothing that cannot be undone before
 * shmbus_release() has confirmed that the frames were intact; never write there.
 */
int shmbus_peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n);

/*
 * Releases the first n frames of the last peek; a later call shows the others again.
 * Returns n if the n frames were whole and unchanged all the time. Returns 0 if they
 * were overwritten: everything that was read from them is worthless, and they count
 * as missed. -EINVAL: the last peek showed fewer than n frames.
 */
int shmbus_release(struct shmbus_station *st, unsigned int n);

/*
 * Writes the next final frame of a frame with an offload into buf: the frame with
 * its checksums, or its next TCP segment. Set *done to 0 before the first call and
 * do not change it afterwards. frame is only read, and must not change between the
 * calls: pass a copy, not a frame on the bus. Returns the length of the frame in buf;
 * 0: there are no more frames; -EMSGSIZE: room is too small; -EINVAL: the frame does
 * not match its offload, or a reserved field of the offload is not 0.
 */
int shmbus_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
		    uint32_t *done, void *buf, uint32_t room);

/* ---- sleep until frames arrive */

/*
 * Returns a descriptor for poll(2), epoll(7) and the like. It is readable (POLLIN)
 * when the station should look for frames. It belongs to the library: do not read
 * from it, do not close it.
 *
 *	struct pollfd on = { .fd = shmbus_fd(st), .events = POLLIN };
 *
 *	ret = on.fd < 0 ? on.fd : 0;
 *	while (ret >= 0 && !stop) {
 *		ret = shmbus_arm(st);
 *		if (ret >= 0)
 *			poll(&on, 1, ret == 0 ? 1000 : 0);
 *		shmbus_disarm(st);
 *		while (ret >= 0 && (ret = shmbus_receive(st, &rx, 1)) == 1)
 *			use(rx.data, rx.len < rx.room ? rx.len : rx.room);
 *	}
 *	if (ret < 0)
 *		fprintf(stderr, "%s\n", shmbus_error_text());
 *	shmbus_detach(st);
 *
 * stop is set by a signal handler of the program. The loop looks at the bus once a second
 * even if nothing wakes it. -ENODEV ends the loop: the bus is gone.
 *
 * Errors: -ENOTSUP: the station is a monitor of a bus of lanes, which senders do not
 * see and cannot wake; use shmbus_wait(), or look at intervals. -EMFILE: the user has
 * too many inotify instances (fs.inotify.max_user_instances), or the process too many
 * files; else the error of inotify_init1(2), inotify_add_watch(2), epoll_create1(2),
 * epoll_ctl(2) or timerfd_create(2). The first call takes a few milliseconds; later calls
 * cannot fail.
 */
int shmbus_fd(struct shmbus_station *st);

/*
 * Announces that the station goes to sleep. Returns 0: sleep, the next frame wakes the
 * station; 1: there are frames already, do not sleep; else the errors of shmbus_fd(),
 * if that function was not called before. Frames that could not be received after the last
 * wake-up (the lock of a shmif bus is held) wake the station again after a while, from
 * 50 us to 10 ms.
 */
int shmbus_arm(struct shmbus_station *st);

/* Ends what shmbus_arm() began: senders need not wake this station. */
void shmbus_disarm(struct shmbus_station *st);

/*
 * Sleeps until there are frames on the bus, for at most timeout_ms; -1: without a
 * limit. Returns 1: there are frames, though possibly none for this station; 0: the
 * time has passed; -EINTR: a signal came; -ENODEV: the bus is gone; else the errors of
 * shmbus_fd(), except -ENOTSUP: a monitor of lanes looks every millisecond instead.
 * After a wake-up that led to no frame the next one comes later, as for shmbus_arm().
 */
int shmbus_wait(struct shmbus_station *st, int timeout_ms);

/* ---- counters of a station, of all its queues, from its beginning */

struct shmbus_stats {
	uint64_t rx_frames;
	uint64_t rx_bytes;
	uint64_t rx_missed;      /* overwritten before they were read; shmif: estimated, own included */
	uint64_t rx_overruns;    /* how often frames were missed */
	uint64_t rx_corrupt;     /* invalid records and frames that were dropped */
	uint64_t rx_filtered;    /* frames for other stations, see SHMBUS_FILTER */
	uint64_t rx_truncated;   /* frames longer than their room */
	uint64_t tx_frames;
	uint64_t tx_bytes;
	uint64_t tx_pauses;      /* bursts cut short by a slow receiver */
	uint64_t pause_timeouts; /* receivers given up because they did not move */
	uint64_t pause_dead;     /* receivers given up because they were dead */
	uint64_t lock_busy;      /* shmif: how often the lock was not available */
	uint64_t lock_broken;    /* shmif: how often the lock was broken */
	uint64_t pause_deadlocks; /* receivers given up because they waited for this station */
	uint64_t rx_skipped;     /* frames for other ports that were not read, on a switch */
	uint64_t reserved[2];
};

/* Writes the counters of a station. Returns 0; never fails. */
int shmbus_get_stats(const struct shmbus_station *st, struct shmbus_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* SHMBUS_H */
