/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FORMAT_H
#define SHMBUS_FORMAT_H

/*
 * The layout of a bus file in the lanes format, versions 1 and 2. docs/format.rst
 * describes the same in prose. All integers are in the byte order of the host.
 *
 *   0           struct shmbus_header      written once, by the creator
 *   256         struct shmbus_bell        wakes sleeping ports
 *   roster_off  u32[ports]                one change counter per slot
 *   port_off    struct shmbus_port_entry[ports]
 *   lane_off    struct shmbus_lane_entry[ports * queues]
 *   notice_off  struct shmbus_notice[ports][ports * queues]    only on a switch
 *   cursor_off  struct shmbus_cursor[ports][queues][ports * queues]
 *   data_off    u8[ports * queues][lane_size]      sparse
 *   file_size
 *
 * Lane L belongs to Tx queue L % queues of slot L / queues. It is a ring of
 * burst records. A position is a 64-bit count of bytes. It only grows, also
 * when the lane changes its owner, and wraps at 2^64:
 *
 *   offset in the ring = position % lane_size
 *
 *         head                                tail
 *          |                                   |
 *   -------+-------------+-----------+---------+-----------
 *    may   | burst       | burst     | burst   | being
 *    be    | record      | record    | record  | written
 *    gone  |             |           |         |
 *   -------+-------------+-----------+---------+-----------
 *
 * A burst record holds the frames that one transmit burst published at once:
 *
 *    0  struct shmbus_burst                 32 bytes
 *   32  u32 desc[count]                     length and flag of each frame
 *       padding up to data_off (a multiple of 64)
 *       frame 0, padded to a multiple of 64
 *       frame 1, ...
 *   len (a multiple of 64)
 *
 * Every record and every frame begins on a cache line, so a burst of small
 * frames takes little more than one line per frame. A process maps the ring
 * twice in a row: the end of the ring never splits a record.
 *
 * A frame whose descriptor has SHMBUS_DESC_REQUEST has 16 more bytes at the
 * end of its last line:
 *
 *    0                  frame, len bytes
 *    len                padding
 *    up(len + 16) - 16  struct shmbus_request
 *
 * These bytes usually lie in padding that the frame has anyway.
 *
 * Version 2 is version 1 with directed frames. A sender can direct a frame to one
 * slot; the readers of the other slots step over it. A notice for each slot and lane
 * tells a reader whether the lane has anything for its slot at all. "v2" marks the
 * words and bits that version 2 adds. They are 0 in version 1, where readers refuse
 * the bits.
 */

#include <assert.h>
#include <stddef.h>

#include "shmbus_atomic.h"
#include "shmbus_copy.h"

#define SHMBUS_MAGIC UINT64_C(0x0a315355424d4853)          /* "SHMBUS1\n" in the file */
#define SHMBUS_MAGIC_CREATING UINT64_C(0x0a305355424d4853) /* "SHMBUS0\n": not ready yet */
#define SHMBUS_VERSION_HUB 1    /* of a bus on which every port gets every frame */
#define SHMBUS_VERSION_SWITCH 2 /* frames may be directed */

/* The tables begin on multiples of this. */
#define SHMBUS_TABLE_ALIGN 4096
/* Lanes are mapped one by one, so data_off is a multiple of any host's page. */
#define SHMBUS_DATA_ALIGN 65536

#define SHMBUS_PORTS_MAX 256
#define SHMBUS_QUEUES_MAX 64
#define SHMBUS_LANES_MAX 4096
#define SHMBUS_LANE_SIZE_MIN (UINT64_C(1) << 16)
#define SHMBUS_LANE_SIZE_MAX (UINT64_C(1) << 30)

#define SHMBUS_PORTS_DEFAULT 32
#define SHMBUS_QUEUES_DEFAULT 4
/*
 * More than an L2 cache: the lines of a smaller ring move from core to core
 * instead of through L3.
 */
#define SHMBUS_LANE_SIZE_DEFAULT (UINT64_C(1) << 22)

/* A lane is divided into this many chunks; head moves by whole chunks. */
#define SHMBUS_CHUNKS 16

/* An Ethernet header, as NetBSD wants it on a shmif bus. Shorter frames are invalid. */
#define SHMBUS_FRAME_MIN 14u
#define SHMBUS_FRAME_MAX 65535u

struct shmbus_header {
	shmbus_a64 magic; /* SHMBUS_MAGIC, stored last */
	uint32_t version;
	uint32_t ports;     /* slots */
	uint32_t queues;    /* lanes, and Rx queues, per slot */
	uint32_t deliver;   /* v2: SHMBUS_HUB or SHMBUS_SWITCH; else 0 */
	uint64_t lane_size; /* bytes, a power of two */
	uint64_t roster_off;
	uint64_t port_off;
	uint64_t lane_off;
	uint64_t cursor_off;
	uint64_t data_off;
	uint64_t file_size;
	uint64_t created_ns; /* CLOCK_REALTIME */
	uint8_t id[16];      /* random */
	uint64_t notice_off; /* v2: of a switch; else 0 */
	uint8_t reserved1[144];
};

/* shmbus_header.deliver: what senders do. 1 was a switch without notices, in no release. */
#define SHMBUS_HUB 0u    /* they direct no frame */
#define SHMBUS_SWITCH 2u /* they direct the frames whose receiver they know */

/* Behind the header; see shmbus_wake.h. */
#define SHMBUS_BELL_OFF 256

struct shmbus_bell {
	/* One line, which every sender loads after every burst. A port atomically adds one when
	 * it begins or ceases to use interrupts, and when it takes over the slot of a dead port
	 * that used them.
	 */
	shmbus_a32 changes;
	/* v2: a port atomically adds one after each change of its entry, behind the roster:
	 * senders look here for new owners of addresses.
	 */
	shmbus_a32 entries;
	uint32_t reserved0[14];
	/* Another line: a system call writes here and so wakes the processes that watch the
	 * file. Nobody reads this word.
	 */
	uint32_t rung; /* 0 */
	uint32_t reserved1[15];
};

/* enum shmbus_port_state: bits of shmbus_port_entry.state */
#define SHMBUS_PORT_ATTACHED (1u << 0)   /* a port owns this slot */
#define SHMBUS_PORT_STARTED (1u << 1)    /* it sends and receives */
#define SHMBUS_PORT_LINK_UP (1u << 2)    /* its link has not been set down */
#define SHMBUS_PORT_RX_CURSORS (1u << 3) /* its cursors hold senders back */
#define SHMBUS_PORT_RX_INTR (1u << 4)    /* its Rx queues may sleep */
#define SHMBUS_PORT_MIRROR (1u << 5)     /* v2: it also reads frames directed to others */

/*
 * One per slot. Only the process that holds the slot's lock writes the entry;
 * the lock is an open-file-description lock on the entry's first byte. After a
 * change of the entry its owner adds one to roster[slot].
 */
struct shmbus_port_entry {
	shmbus_a32 state;
	shmbus_a32 pid;         /* in its owner's pid namespace; for people only */
	shmbus_a64 incarnation; /* number of owners so far */
	shmbus_a64 mac;         /* 6 bytes in wire order, then two of 0 */
	shmbus_a32 n_txq;       /* lanes in use, from the slot's first */
	shmbus_a32 n_rxq;       /* cursor rows in use */
	shmbus_a64 attached_ns; /* CLOCK_REALTIME */
	shmbus_a64 reserved0[3];
	shmbus_a8 name[64];     /* NUL-terminated, for people only */
	shmbus_a8 sleeping[64]; /* one per Rx queue; 1: the queue sleeps */
	shmbus_a64 sleeps;      /* sleeps begun by its Rx queues, added to atomically */
	shmbus_a64 reserved1[7];
};

struct shmbus_stamp {
	shmbus_a64 pos;
	shmbus_a64 seq;
};

/* One per lane. Only the Tx queue that owns the lane writes it. */
struct shmbus_lane_entry {
	/* One line: a reader polls it. */
	shmbus_a64 tail; /* end of the published records; stored last, with release */
	/* The stamp whose pos is tail holds the sequence number of the next frame. The other
	 * stamp belongs to the tail before or after.
	 */
	struct shmbus_stamp stamp[2];
	shmbus_a64 bytes; /* frame bytes sent, for people only */
	shmbus_a64 reserved0[2];
	/* One line: a reader loads it after copying. */
	shmbus_a64 head;    /* bytes below this position may be overwritten */
	shmbus_a64 pauses;  /* bursts cut short by a slow reader, for people only; may lag */
	/* While the sender is held back, and its thread receives, too; see shmbus_deadlock.h. */
	shmbus_a64 waits; /* for: slot + 1 | Rx queue << 16 | a count << 32; 0: for nobody */
	shmbus_a64 polls; /* the port's Rx queues that the thread polls, as bits */
	/* While the sender sleeps until a cursor has come to a position: the position, a multiple
	 * of the chunk, plus the number of the cursor, slot * queues + Rx queue; 0: it does not
	 * sleep; see shmbus_room.h.
	 */
	shmbus_a64 room;
	shmbus_a64 reserved1[3];
	/* Two lines: the position of the first record of each chunk of the ring. */
	shmbus_a64 mark[SHMBUS_CHUNKS];
};

/*
 * v2, on a switch: one per (receiving slot, lane). Only the Tx queue that owns the lane writes it,
 * before tail; see shmbus_notice.h.
 */
struct shmbus_notice {
	shmbus_a64 word; /* end of the last record with a frame for the slot, plus a lap count */
	shmbus_a64 reserved0[7];
};

/* The low bits of the word: the quarters of the lane that have been filled so far, modulo 64. */
#define SHMBUS_NOTICE_QUARTERS 63u

/* One per (reading slot, Rx queue, lane). Only that Rx queue writes it. */
#define SHMBUS_CURSOR_ACTIVE 1u /* senders do not overwrite bytes at or above pos */

struct shmbus_cursor {
	shmbus_a64 pos; /* start of the first record that is not wholly read */
	shmbus_a32 state;
	shmbus_a32 reserved0;
	shmbus_a64 frames; /* received, for people only */
	shmbus_a64 bytes;
	shmbus_a64 missed; /* frames overwritten before they were read */
	shmbus_a64 skipped; /* v2: frames directed to other slots */
	shmbus_a64 reserved1[2];
};

/* The start of each burst record. */
struct shmbus_burst {
	shmbus_a64 shape;     /* len | count << 32 | data_off << 48 */
	shmbus_a64 seq;       /* sequence number of the first frame */
	shmbus_a64 tstamp_ns; /* CLOCK_REALTIME of the sender */
	shmbus_a64 pos;       /* position of this record */
};

#define SHMBUS_DESC_LEN 0x00ffffffu   /* length of the frame, without FCS */
#define SHMBUS_DESC_REQUEST 0x01000000u /* the frame's lines end with a request */
#define SHMBUS_DESC_FLAGS 0xff000000u   /* all other flags are 0 in version 1 */

/* v2: the length has 16 bits, as no frame is longer than SHMBUS_FRAME_MAX. */
#define SHMBUS_DESC_SLOT 0x00ff0000u     /* with DIRECTED the receiving slot, else 0 */
#define SHMBUS_DESC_SLOT_SHIFT 16
#define SHMBUS_DESC_DIRECTED 0x02000000u /* for one slot alone */

/* Bits of shmbus_request.flags: work that the sender leaves to the receiver. */
#define SHMBUS_REQUEST_IP_CKSUM (1u << 0) /* the header checksum of IPv4 */
#define SHMBUS_REQUEST_L4_CKSUM (1u << 1) /* the checksum of TCP or UDP */
#define SHMBUS_REQUEST_SEGMENT (1u << 2)  /* TCP: the receiver splits the frame into segments */
#define SHMBUS_REQUEST_FLAGS 7u

/* shmbus_request.l4, as in IP. */
#define SHMBUS_REQUEST_TCP 6
#define SHMBUS_REQUEST_UDP 17

/* Offsets count from the start of the frame. */
struct shmbus_request {
	uint8_t flags;     /* not 0 */
	uint8_t l4;        /* with L4_CKSUM, else 0 */
	uint16_t l3_off;   /* of the IP header */
	uint16_t l4_off;   /* of the TCP or UDP header */
	uint16_t data_off; /* SEGMENT: of the TCP payload, else 0 */
	uint16_t segment;  /* SEGMENT: payload of each segment at most, else 0 */
	uint16_t reserved[3];
};

#define SHMBUS_BURST_FRAMES_MAX 1024

/*
 * The longest record. In a longer record a descriptor with SHMBUS_DESC_REQUEST
 * could also be the length of a plain frame. The fast path does not test the
 * flag: it only rejects lengths beyond the record.
 */
#define SHMBUS_RECORD_MAX (SHMBUS_DESC_REQUEST - SHMBUS_LINE)

#define SHMBUS_AT(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field " moved")
#define SHMBUS_SIZE(type, size) \
	static_assert(sizeof(struct type) == (size), "size of " #type " changed")

SHMBUS_AT(shmbus_header, magic, 0);
SHMBUS_AT(shmbus_header, version, 8);
SHMBUS_AT(shmbus_header, ports, 12);
SHMBUS_AT(shmbus_header, queues, 16);
SHMBUS_AT(shmbus_header, deliver, 20);
SHMBUS_AT(shmbus_header, lane_size, 24);
SHMBUS_AT(shmbus_header, roster_off, 32);
SHMBUS_AT(shmbus_header, port_off, 40);
SHMBUS_AT(shmbus_header, lane_off, 48);
SHMBUS_AT(shmbus_header, cursor_off, 56);
SHMBUS_AT(shmbus_header, data_off, 64);
SHMBUS_AT(shmbus_header, file_size, 72);
SHMBUS_AT(shmbus_header, created_ns, 80);
SHMBUS_AT(shmbus_header, id, 88);
SHMBUS_AT(shmbus_header, notice_off, 104);
SHMBUS_SIZE(shmbus_header, 256);

SHMBUS_AT(shmbus_bell, changes, 0);
SHMBUS_AT(shmbus_bell, entries, 4);
SHMBUS_AT(shmbus_bell, rung, 64);
SHMBUS_SIZE(shmbus_bell, 128);

SHMBUS_AT(shmbus_port_entry, state, 0);
SHMBUS_AT(shmbus_port_entry, pid, 4);
SHMBUS_AT(shmbus_port_entry, incarnation, 8);
SHMBUS_AT(shmbus_port_entry, mac, 16);
SHMBUS_AT(shmbus_port_entry, n_txq, 24);
SHMBUS_AT(shmbus_port_entry, n_rxq, 28);
SHMBUS_AT(shmbus_port_entry, attached_ns, 32);
SHMBUS_AT(shmbus_port_entry, name, 64);
SHMBUS_AT(shmbus_port_entry, sleeping, 128);
SHMBUS_AT(shmbus_port_entry, sleeps, 192);
SHMBUS_SIZE(shmbus_port_entry, 256);

SHMBUS_AT(shmbus_stamp, pos, 0);
SHMBUS_AT(shmbus_stamp, seq, 8);
SHMBUS_SIZE(shmbus_stamp, 16);

SHMBUS_AT(shmbus_lane_entry, tail, 0);
SHMBUS_AT(shmbus_lane_entry, stamp, 8);
SHMBUS_AT(shmbus_lane_entry, bytes, 40);
SHMBUS_AT(shmbus_lane_entry, head, 64);
SHMBUS_AT(shmbus_lane_entry, pauses, 72);
SHMBUS_AT(shmbus_lane_entry, waits, 80);
SHMBUS_AT(shmbus_lane_entry, polls, 88);
SHMBUS_AT(shmbus_lane_entry, room, 96);
SHMBUS_AT(shmbus_lane_entry, mark, 128);
SHMBUS_SIZE(shmbus_lane_entry, 256);

SHMBUS_AT(shmbus_notice, word, 0);
SHMBUS_SIZE(shmbus_notice, 64);

SHMBUS_AT(shmbus_cursor, pos, 0);
SHMBUS_AT(shmbus_cursor, state, 8);
SHMBUS_AT(shmbus_cursor, frames, 16);
SHMBUS_AT(shmbus_cursor, bytes, 24);
SHMBUS_AT(shmbus_cursor, missed, 32);
SHMBUS_AT(shmbus_cursor, skipped, 40);
SHMBUS_SIZE(shmbus_cursor, 64);

SHMBUS_AT(shmbus_burst, shape, 0);
SHMBUS_AT(shmbus_burst, seq, 8);
SHMBUS_AT(shmbus_burst, tstamp_ns, 16);
SHMBUS_AT(shmbus_burst, pos, 24);
SHMBUS_SIZE(shmbus_burst, 32);

SHMBUS_AT(shmbus_request, flags, 0);
SHMBUS_AT(shmbus_request, l4, 1);
SHMBUS_AT(shmbus_request, l3_off, 2);
SHMBUS_AT(shmbus_request, l4_off, 4);
SHMBUS_AT(shmbus_request, data_off, 6);
SHMBUS_AT(shmbus_request, segment, 8);
SHMBUS_SIZE(shmbus_request, 16);

static_assert(SHMBUS_LANES_MAX <= SHMBUS_LANE_SIZE_MIN / SHMBUS_CHUNKS,
	      "the number of a cursor fits into the low bits of shmbus_lane_entry.room");
static_assert(sizeof(shmbus_a64) == 8 && sizeof(shmbus_a32) == 4 && sizeof(shmbus_a8) == 1,
	      "atomic words must be plain words in the file");

#endif /* SHMBUS_FORMAT_H */
