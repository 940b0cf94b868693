/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The layout of all public structs, as compiled programs have it: the offset and the size of
 * each field, and that the fields leave no hole. Compiled as C and as C++. A struct of a
 * library with the same soname never fails here.
 *
 * A machine of 32 bits has other offsets behind a pointer; there is none to test on.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "shmbus.h"

#define FIELD(type, field, off, size) \
	static_assert(offsetof(struct type, field) == (off), #type "." #field ": offset"); \
	static_assert(sizeof(((struct type *)NULL)->field) == (size), #type "." #field ": size");
#define PLUS(type, field, off, size) +(size)

#define STRUCT(type, size, fields) \
	static_assert(sizeof(struct type) == (size), #type ": size"); \
	fields(FIELD, type) \
	static_assert(0 fields(PLUS, type) == (size), #type ": a hole, or a field that is not listed")

#define CONF(F, T) \
	F(T, flags, 0, 4) F(T, format, 4, 4) F(T, ports, 8, 4) F(T, queues, 12, 4) \
	F(T, lane_size, 16, 8) F(T, mode, 24, 4) F(T, pause_timeout_ms, 28, 4) \
	F(T, lock_break_ms, 32, 4) F(T, mac, 36, 6) F(T, reserved0, 42, 6) F(T, name, 48, 8) \
	F(T, numa, 56, 4) F(T, deliver, 60, 4) F(T, port_queues, 64, 4) \
	F(T, reserved1, 68, 4) F(T, reserved, 72, 16)

#define INFO(F, T) \
	F(T, format, 0, 4) F(T, version, 4, 4) F(T, ports, 8, 4) F(T, queues, 12, 4) \
	F(T, lane_size, 16, 8) F(T, file_size, 24, 8) F(T, used, 32, 8) F(T, created_ns, 40, 8) \
	F(T, id, 48, 16) F(T, mode, 64, 4) F(T, frame_max, 68, 4) F(T, hugetlb, 72, 4) \
	F(T, nlink, 76, 4) F(T, gen, 80, 8) F(T, lock, 88, 4) F(T, spare, 92, 4) \
	F(T, first, 96, 4) F(T, last, 100, 4) F(T, deliver, 104, 4) \
	F(T, reserved0, 108, 4) F(T, reserved, 112, 24) F(T, path, 136, 4096)

#define PEER_INFO(F, T) \
	F(T, slot, 0, 4) F(T, flags, 4, 4) F(T, pid, 8, 4) F(T, mac, 12, 6) \
	F(T, reserved0, 18, 2) F(T, tx_queues, 20, 4) F(T, rx_queues, 24, 4) \
	F(T, reserved1, 28, 4) F(T, incarnation, 32, 8) F(T, attached_ns, 40, 8) \
	F(T, tx_frames, 48, 8) F(T, tx_bytes, 56, 8) F(T, tx_pauses, 64, 8) \
	F(T, rx_frames, 72, 8) F(T, rx_bytes, 80, 8) F(T, rx_missed, 88, 8) \
	F(T, rx_skipped, 96, 8) F(T, reserved, 104, 24) F(T, name, 128, 64)

#define LANE_INFO(F, T) \
	F(T, lane, 0, 4) F(T, slot, 4, 4) F(T, queue, 8, 4) F(T, reserved0, 12, 4) \
	F(T, head, 16, 8) F(T, tail, 24, 8) F(T, generation, 32, 8) F(T, size, 40, 8) \
	F(T, held, 48, 8) F(T, frames, 56, 8) F(T, bytes, 64, 8) F(T, pauses, 72, 8) \
	F(T, reserved, 80, 32)

#define SELF(F, T) \
	F(T, flags, 0, 4) F(T, slot, 4, 4) F(T, frame_max, 8, 4) F(T, frame_min, 12, 4) \
	F(T, sender, 16, 8) F(T, mac, 24, 6) F(T, reserved0, 30, 2) F(T, queue, 32, 4) \
	F(T, queues, 36, 4) F(T, reserved, 40, 24)

#define TX(F, T) F(T, data, 0, 8) F(T, len, 8, 4) F(T, flags, 12, 4)

#define PLACE(F, T) F(T, data, 0, 8) F(T, len, 8, 4) F(T, flags, 12, 4)

#define META(F, T) \
	F(T, tstamp_ns, 0, 8) F(T, seq, 8, 8) F(T, missed, 16, 8) F(T, sender, 24, 8) \
	F(T, slot, 32, 4) F(T, queue, 36, 4) F(T, flags, 40, 4) F(T, reserved0, 44, 4)

#define RX(F, T) F(T, data, 0, 8) F(T, room, 8, 4) F(T, len, 12, 4) F(T, meta, 16, 48)

#define OFFLOAD(F, T) \
	F(T, flags, 0, 1) F(T, l4, 1, 1) F(T, l3_off, 2, 2) F(T, l4_off, 4, 2) \
	F(T, data_off, 6, 2) F(T, segment, 8, 2) F(T, reserved, 10, 6)

#define VIEW(F, T) \
	F(T, data, 0, 8) F(T, len, 8, 4) F(T, reserved0, 12, 4) F(T, offload, 16, 16) \
	F(T, meta, 32, 48)

#define STATS(F, T) \
	F(T, rx_frames, 0, 8) F(T, rx_bytes, 8, 8) F(T, rx_missed, 16, 8) \
	F(T, rx_overruns, 24, 8) F(T, rx_corrupt, 32, 8) F(T, rx_filtered, 40, 8) \
	F(T, rx_truncated, 48, 8) F(T, tx_frames, 56, 8) F(T, tx_bytes, 64, 8) \
	F(T, tx_pauses, 72, 8) F(T, pause_timeouts, 80, 8) F(T, pause_dead, 88, 8) \
	F(T, lock_busy, 96, 8) F(T, lock_broken, 104, 8) F(T, pause_deadlocks, 112, 8) \
	F(T, rx_skipped, 120, 8) F(T, reserved, 128, 16)

#if UINTPTR_MAX == UINT64_MAX
STRUCT(shmbus_conf, 88, CONF);
STRUCT(shmbus_info, 4232, INFO);
STRUCT(shmbus_peer_info, 192, PEER_INFO);
STRUCT(shmbus_lane_info, 112, LANE_INFO);
STRUCT(shmbus_self, 64, SELF);
STRUCT(shmbus_tx, 16, TX);
STRUCT(shmbus_place, 16, PLACE);
STRUCT(shmbus_meta, 48, META);
STRUCT(shmbus_rx, 64, RX);
STRUCT(shmbus_offload, 16, OFFLOAD);
STRUCT(shmbus_view, 80, VIEW);
STRUCT(shmbus_stats, 144, STATS);
#endif
