/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_ROOM_H
#define SHMBUS_ROOM_H

/*
 * Senders that sleep until a slow reader has moved, and readers that wake them.
 *
 * Theory of operation
 *
 * A writer that is held back knows which cursor holds it back, and to which position that
 * cursor must come. It stores both into the word room of its lane's entry and sleeps on the bus
 * file. The word is on the line of head, which every reader loads after copying. The reader that
 * the word names rings the file as soon as its cursor has come that far.
 *
 *   writer                                reader
 *   drain the descriptor                  copy and commit a record
 *   room = position | cursor              C1: cursor
 *   Q1: full fence                        Q2: room new, for this cursor, and reached?
 *   cursor far enough? then go on         then a full fence, and ring
 *   sleep
 *
 * A reader has no fence between its cursor and its look at room: that would be on the path of
 * every burst. So the two may miss each other once: the writer sees the old cursor, and the reader
 * the old word. A reader that goes on reading looks again at its next commit. A reader that has
 * nothing to read looks again
 *   - each time that it looks at the roster, every few idle polls;
 *   - before it sleeps, behind the full fence W1 of its sleep.
 * So no wake-up is lost with a reader that is polled or that sleeps. A reader that does
 * neither, or that does not know the word, wakes nobody: the writer sleeps with a time-out.
 *
 * A reader answers each value of the word once. It also answers only a position above the one
 * that its cursor had at its last answer. A correct writer never asks for less, as it has seen that
 * cursor when it was woken. So a writer that stores whatever it likes costs a reader at most one
 * ring for each chunk of the ring by which its cursor moves.
 */

#include "shmbus_reader.h"
#include "shmbus_writer.h"

/*
 * Asks for room for the record that was refused last. Returns true if there is room now; then
 * nothing is asked for any more. If it returns false, the caller may sleep: a ring follows, if
 * the reader knows the word. The writer's thread calls it with the descriptor drained, and
 * shmbus_room_end() when it does not sleep any more.
 */
bool shmbus_room_ask(const struct shmbus_bus *bus, struct shmbus_writer *w);

/* Returns whether there is room for the record that was refused last. Asks nobody. */
bool shmbus_room_look(const struct shmbus_bus *bus, struct shmbus_writer *w);

/* Ends what shmbus_room_ask() has begun. */
void shmbus_room_end(const struct shmbus_bus *bus, struct shmbus_writer *w);

/* Returns whether the lane's writer may be waiting for r's cursor, which has been published. */
static inline bool
shmbus_room_is_asked(const struct shmbus_bus *bus, const struct shmbus_reader *r)
{
	/* Q2 (reader_look_at_room): with Q1 in the writer */
	SHMBUS_STEP(reader_look_at_room);
	return shmbus_load(&shmbus_bus_lane(bus, r->lane)->room) != r->room_seen;
}

/*
 * Wakes the lane's writer if it waits for r's cursor and the cursor has come far enough. cursor:
 * its number, slot * queues + Rx queue.
 */
void shmbus_room_answer(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t cursor);

#endif /* SHMBUS_ROOM_H */
