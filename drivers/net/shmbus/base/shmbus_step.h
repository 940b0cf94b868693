/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_STEP_H
#define SHMBUS_STEP_H

#include "shmbus_atomic.h"

/*
 * The steps of the protocols. Every store into the shared file has a name in
 * this list, and so has every look that is the other end of an edge.
 *
 * shmbus_step_store() and the macros like it store a word of the shared file;
 * their first argument is the name of the step. base stores there in no other
 * way, so no store is without a name. shmbus_store() is for words of one
 * process (tests/stress/test_steps.py finds other uses). A system call, a copy
 * or a look has SHMBUS_STEP(name) directly before it, or directly behind it if
 * the name says that it is done.
 *
 * A process that dies at a step has done everything before the step, and has
 * not done what the step names. In a normal build a step compiles to nothing.
 * With SHMBUS_STEPS defined a step calls shmbus_step(), which the program that contains
 * the core provides: tests stop, delay and kill processes there.
 *
 * X(name, format, kind, what is about to happen)
 *   format  LANES, SHMIF; BOTH: in code for both; SWITCH: lanes, version 2 of the format
 *   kind    STORE   changes the file, its size, its name or its locks
 *           LOOK    changes nothing: the reading end of an edge
 *           REPAIR  changes the file, but only if a stranger has damaged it
 */
#define SHMBUS_STEPS_LIST(X) \
	/* the file: shmbus_file.c */ \
	X(file_create, BOTH, STORE, "the file is made, empty") \
	X(file_locked, BOTH, STORE, "the attach lock has been taken") \
	X(file_unlock, BOTH, STORE, "the attach lock is released") \
	X(file_unlink, BOTH, STORE, "the last port removes the file") \
	/* a new bus of lanes: shmbus_create.c */ \
	X(create_truncate, LANES, STORE, "the remains of a dead creator are cut off") \
	X(create_sign, LANES, STORE, "the creator's magic is written") \
	X(create_extend, LANES, STORE, "the file gets its size") \
	X(create_allocate, LANES, STORE, "memory for the tables is allocated") \
	X(create_header, LANES, STORE, "the header is written") \
	X(create_magic, LANES, STORE, "M1: the file becomes a bus") \
	/* slots: shmbus_port.c */ \
	X(attach_slot_locked, LANES, STORE, "the slot's lock has been taken") \
	X(attach_allocate, LANES, STORE, "memory for the cursors and the first lane is allocated") \
	X(attach_clear_cursors, LANES, STORE, "the last owner's cursors are cleared") \
	X(attach_clear_reserved, LANES, STORE, "one more reserved word of the slot, its lanes and cursors is cleared") \
	X(attach_store_entry, LANES, STORE, "one more word of the entry is filled in") \
	X(attach_end_intr, LANES, STORE, "W4: the interrupts of the slot's dead owner end") \
	X(port_clear_cursor, LANES, STORE, "one more of the slot's cursors is cleared") \
	X(port_store_queues, LANES, STORE, "the numbers of queues in use change") \
	X(port_store_mac, LANES, STORE, "the address changes") \
	X(port_store_state, LANES, STORE, "the state changes") \
	X(port_tell, LANES, STORE, "P1: the roster counts a change of the entry") \
	X(port_tell_senders, SWITCH, STORE, "E1: the bell counts a change of an entry") \
	X(detach_clear_cursors, LANES, STORE, "the leaving port's cursors are cleared") \
	X(detach_drop_slot, LANES, STORE, "the slot's lock is dropped") \
	X(reader_look_at_roster, LANES, LOOK, "P2: which entries have changed?") \
	X(sender_look_at_entries, SWITCH, LOOK, "E2: has any entry changed?") \
	/* the writing end of a lane: shmbus_writer.c, .h, and the functions that copy frames */ \
	X(writer_give_up_ring, LANES, REPAIR, "head is corrupt: the ring's records are given up") \
	X(writer_look_at_cursors, LANES, LOOK, "A2, C2: how far may head be raised?") \
	X(writer_raise_head, LANES, STORE, "H1: bytes below head may be overwritten from now on") \
	X(writer_count_pause, LANES, STORE, "bursts that were cut short are counted") \
	X(writer_tell_wait, LANES, STORE, "the lane's entry says whom the writer waits for") \
	X(writer_end_wait, LANES, STORE, "the writer waits for nobody any more") \
	X(writer_ask_room, LANES, STORE, "Q1: the lane's entry says how far which cursor must come") \
	X(writer_end_ask, LANES, STORE, "the writer does not sleep for room any more") \
	X(writer_copy, LANES, STORE, "one more frame is copied above tail") \
	X(writer_store_header, LANES, STORE, "one more word of the record's header is written above tail") \
	X(writer_store_mark, LANES, STORE, "the chunk's first record is marked") \
	X(writer_store_bytes, LANES, STORE, "the bytes sent are counted") \
	X(writer_store_stamp, LANES, STORE, "the next stamp gets its position") \
	X(writer_store_seq, LANES, STORE, "S1: the next stamp gets its number") \
	X(writer_store_notice, SWITCH, STORE, "D3: one more slot is told of the record that comes next") \
	X(writer_publish, LANES, STORE, "T1, D1: tail is stored: the record is published") \
	X(writer_published, LANES, STORE, "the record is published; no sleeper is woken yet") \
	/* the reading end of a lane: shmbus_reader.c, .h */ \
	X(reader_look_at_tail, LANES, LOOK, "T2: is there a new record?") \
	X(reader_look_at_notice, SWITCH, LOOK, "D2, D4: is anything below the tail for this slot?") \
	X(reader_look_at_stamp, LANES, LOOK, "S2: does the stamp still belong to the tail?") \
	X(reader_validate, LANES, LOOK, "H2: are the copies whole?") \
	X(reader_store_counts, LANES, STORE, "one more of the counts of frames received changes") \
	X(reader_publish_cursor, LANES, STORE, "C1: bytes below pos may be overwritten") \
	X(reader_look_at_room, LANES, LOOK, "Q2: does the writer sleep until this cursor has moved?") \
	X(reader_place_cursor, LANES, STORE, "the cursor gets a position before it is active") \
	X(reader_hold, LANES, STORE, "A1: the cursor becomes active") \
	X(reader_move_cursor, LANES, STORE, "the cursor gets the first position to read") \
	X(reader_release, LANES, STORE, "the cursor becomes inactive") \
	/* sleeping: shmbus_wake.c, .h */ \
	X(wake_tell, LANES, STORE, "W4: a port begins or ceases to use interrupts") \
	X(wake_count_sleep, LANES, STORE, "the port's sleeps are counted") \
	X(wake_set_flag, LANES, STORE, "W6: the queue's sleep flag is set") \
	X(wake_flag_set, LANES, STORE, "W1: the flag is set; the queue looks at the tails next") \
	X(wake_clear_flag, LANES, STORE, "the queue is awake again") \
	X(wake_look_at_changes, LANES, LOOK, "W3, W5: does any port use interrupts?") \
	X(wake_look_at_flags, LANES, LOOK, "W2, W7: does any queue sleep?") \
	X(wake_ring, LANES, STORE, "the bell is rung") \
	/* a new shmif bus, and ports' numbers: shmbus_shmif_bus.c */ \
	X(shmif_create_header, SHMIF, STORE, "the file gets its header") \
	X(shmif_create_extend, SHMIF, STORE, "the file gets its size") \
	X(shmif_create_allocate, SHMIF, STORE, "memory for the file is allocated") \
	X(shmif_number_taken, SHMIF, STORE, "a number's lock has been taken") \
	X(shmif_number_drop, SHMIF, STORE, "the lock of a dead port's number is released") \
	X(shmif_wake, SHMIF, STORE, "sleeping ports are woken") \
	/* the lock of a shmif bus: shmbus_shmif_lock.c */ \
	X(shmif_claim, SHMIF, STORE, "the spare word is claimed") \
	X(shmif_lock, SHMIF, STORE, "L1: the lock is taken") \
	X(shmif_hold, SHMIF, STORE, "the spare word says that the lock is held") \
	X(shmif_drop_claim, SHMIF, STORE, "a NetBSD kernel was faster: the claim is dropped") \
	X(shmif_unhold, SHMIF, STORE, "the spare word says that the lock is being released") \
	X(shmif_unlock, SHMIF, STORE, "L2: the lock is released") \
	X(shmif_unclaim, SHMIF, STORE, "the claim is dropped") \
	X(shmif_take_over, SHMIF, STORE, "the state that a dead port left is taken over") \
	X(shmif_taken_over, SHMIF, STORE, "its change is finished; the spare word says so next") \
	X(shmif_redo_last, SHMIF, STORE, "last, as a dead port announced it") \
	X(shmif_redo_gen, SHMIF, STORE, "gen, as a dead port announced it") \
	X(shmif_watch, SHMIF, REPAIR, "a stuck lock of unknown owner is watched from now on") \
	X(shmif_take_watched, SHMIF, REPAIR, "the lock was stuck too long for a live owner") \
	X(shmif_inherit, SHMIF, STORE, "the claim of the number's last port is cleared") \
	X(shmif_take_nonsense, SHMIF, REPAIR, "a word that no port of ours writes is taken over") \
	X(shmif_break_sign, SHMIF, REPAIR, "NetBSD's lock is stuck: the repairer signs") \
	X(shmif_break_late, SHMIF, REPAIR, "the lock was not stuck: the signature is taken back") \
	X(shmif_broken, SHMIF, REPAIR, "the ring is repaired; the spare word says so next") \
	/* the ring of a shmif bus: shmbus_shmif_ring.c */ \
	X(shmif_ask_repair, SHMIF, REPAIR, "one record stays: a death now requires a repair") \
	X(shmif_raise_first, SHMIF, STORE, "N3, B1: the oldest records leave the ring") \
	X(shmif_copy, SHMIF, STORE, "a burst is copied behind the newest record") \
	X(shmif_copy_rest, SHMIF, STORE, "its part beyond the end of the data is copied") \
	X(shmif_store_last, SHMIF, STORE, "the burst is published") \
	X(shmif_intent, SHMIF, STORE, "last and gen are announced") \
	X(shmif_wrap_last, SHMIF, STORE, "last, as announced") \
	X(shmif_wrap_gen, SHMIF, STORE, "gen, as announced") \
	X(shmif_intent_done, SHMIF, STORE, "both are changed; the spare word says so next") \
	/* repair of a ring that a NetBSD kernel left: shmbus_shmif_repair.c */ \
	X(shmif_blank, SHMIF, REPAIR, "a record that is skipped takes the place of a doubtful one") \
	X(shmif_anew_begin, SHMIF, REPAIR, "last becomes invalid: the ring is beginning anew") \
	X(shmif_anew_record, SHMIF, REPAIR, "an empty record is written where the ring begins anew") \
	X(shmif_anew_gen, SHMIF, REPAIR, "gen is raised for a new ring") \
	X(shmif_anew_first, SHMIF, REPAIR, "first is set for a new ring") \
	X(shmif_anew_last, SHMIF, REPAIR, "last is set: the ring is a new one") \
	X(shmif_repair_gen, SHMIF, REPAIR, "gen is raised, as no reader can have followed") \
	X(shmif_repair_last, SHMIF, REPAIR, "last becomes the offset of a whole record")

#define SHMBUS_STEP_ENUM(name, format, kind, meaning) SHMBUS_STEP_##name,
enum shmbus_step {
	SHMBUS_STEPS_LIST(SHMBUS_STEP_ENUM)
	SHMBUS_STEP_COUNT
};
#undef SHMBUS_STEP_ENUM

#ifdef SHMBUS_STEPS
void shmbus_step(enum shmbus_step step);
#define SHMBUS_STEP(name) shmbus_step(SHMBUS_STEP_##name)
#else
#define SHMBUS_STEP(name) ((void)0)
#endif

#define shmbus_step_store(name, p, v) (SHMBUS_STEP(name), shmbus_store(p, v))
#define shmbus_step_store_release(name, p, v) (SHMBUS_STEP(name), shmbus_store_release(p, v))
#define shmbus_step_add(name, p, v) (SHMBUS_STEP(name), shmbus_add(p, v))
#define shmbus_step_add_release(name, p, v) (SHMBUS_STEP(name), shmbus_add_release(p, v))
#define shmbus_step_swap_acquire(name, p, from, to) \
	(SHMBUS_STEP(name), shmbus_swap_acquire(p, from, to))

#endif /* SHMBUS_STEP_H */
