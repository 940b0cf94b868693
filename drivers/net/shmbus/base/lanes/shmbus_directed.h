/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_DIRECTED_H
#define SHMBUS_DIRECTED_H

/*
 * Directed frames, the reading end: version 2 of the format.
 *
 * Theory of operation
 *
 * A descriptor of version 2 can name the one slot that its frame is for. A reader
 * of another slot steps over the frame by the descriptor alone. It reads neither the
 * lines of the frame nor its request, so these lines stay in the caches of the
 * sender and of the receiver. Frames that were stepped over count as skipped; as
 * always they count at the commit, so received + skipped + missed = sent.
 *
 *   shmbus_reader_walk()
 *   shmbus_reader_next_directed()   the next frame that is not for another slot, if it
 *                                   has no request; or both of these:
 *   shmbus_reader_pass()            steps over frames for other slots
 *   shmbus_reader_next_any()        the next frame of any kind
 *   shmbus_reader_commit()
 *
 * The slot in a descriptor is the sender's word. A lie makes a frame reach one port
 * more or one port fewer. Every length is checked before the next frame is looked
 * for, whether the frame is read or not.
 */

#include "shmbus_reader.h"

/* In place of a slot: the reader gets all frames, whoever they are for. */
#define SHMBUS_ALL_SLOTS UINT32_MAX

/* Returns whether a frame is directed to a slot other than that of the reader. */
static inline bool
shmbus_desc_is_others(uint32_t word, uint32_t slot)
{
	return (word & SHMBUS_DESC_DIRECTED) && slot != SHMBUS_ALL_SLOTS &&
	       shmbus_desc_slot(word) != slot;
}

/* Returns the bits in the descriptor of a frame that is directed to the slot. */
static inline uint32_t
shmbus_desc_to(uint32_t slot)
{
	return slot == SHMBUS_ALL_SLOTS ? 0 : SHMBUS_DESC_DIRECTED | slot << SHMBUS_DESC_SLOT_SHIFT;
}

/*
 * Returns the bytes that a frame takes in its record, by its descriptor; 0 if the descriptor is
 * invalid. The receiver of the frame refuses it, too (shmbus_reader_next_any).
 */
static inline uint32_t
shmbus_desc_extent(uint32_t word)
{
	const uint32_t plain = shmbus_desc_plain(word, true);
	const uint32_t len = plain & SHMBUS_DESC_LEN;

	if (len < SHMBUS_FRAME_MIN || (plain & SHMBUS_DESC_FLAGS & ~SHMBUS_DESC_REQUEST) != 0)
		return 0;
	return plain & SHMBUS_DESC_REQUEST ? shmbus_request_extent(len) : (uint32_t)SHMBUS_ALIGN(len);
}

/*
 * Returns how many descriptors from the index next on are the same as that one, which is word, or
 * fewer: those behind it are read two at a time.
 */
static inline uint32_t
shmbus_desc_run(uint8_t *record, uint32_t next, uint32_t end, uint32_t word)
{
	/* Descriptors begin at a multiple of 8 bytes. */
	shmbus_a64 *const pairs = (shmbus_a64 *)(void *)(record + sizeof(struct shmbus_burst));
	const uint64_t two = word | (uint64_t)word << 32;
	uint32_t i = next + 1;

	if (i % 2 != 0) {
		if (i == end || shmbus_load(&shmbus_burst_desc(record)[i]) != word)
			return 1;
		i++;
	}
	while (i + 2 <= end && shmbus_load(&pairs[i / 2]) == two)
		i += 2;
	return i - next;
}

/*
 * Steps over the next frames of the record as long as they are directed to another slot than
 * the reader's, or up to a descriptor that is invalid. Returns whether the record has frames
 * behind them. The caller reads the next descriptor again: a sender that changes it meanwhile
 * may as well have written the other value at first.
 */
static inline bool
shmbus_reader_pass(const struct shmbus_reader *r, struct shmbus_walk *walk, uint32_t slot)
{
	shmbus_a32 *const desc = shmbus_burst_desc(walk->record);
	const uint32_t first = walk->next;
	const uint32_t end = r->next + r->left;
	uint32_t next = first;
	uint32_t off = walk->off;
	uint32_t word, extent, run;

	while (next < end) {
		word = shmbus_load(&desc[next]);
		if (!shmbus_desc_is_others(word, slot))
			break;
		extent = shmbus_desc_extent(word);
		if (extent == 0 || extent > r->len - off)
			break;
		/* Frames of one length for one slot often come in a row. */
		run = shmbus_desc_run(walk->record, next, end, word);
		if (run * extent > r->len - off)
			run = (r->len - off) / extent;
		next += run;
		off += run * extent;
	}
	walk->next = next;
	walk->off = off;
	walk->skipped += next - first;
	return next < end;
}

/*
 * As shmbus_reader_next(), for version 2: steps over frames for other slots, and returns the
 * first that is not. Returns 0 at the end of the record, where walk->next is r->next + r->left,
 * or at a frame that is not plain.
 */
static inline uint32_t
shmbus_reader_next_directed(const struct shmbus_reader *r, struct shmbus_walk *walk,
			    uint32_t slot, const uint8_t **frame)
{
	uint32_t word, len;

	if (walk->next == r->next + r->left)
		return 0;
	word = shmbus_walk_desc(walk);
	/* Any other bit than those of the slot makes the length too large. */
	len = shmbus_reader_take(r, walk, word ^ shmbus_desc_to(slot), frame);
	if (len != 0)
		return len;
	if (shmbus_desc_is_others(word, slot)) {
		if (!shmbus_reader_pass(r, walk, slot))
			return 0;
		word = shmbus_walk_desc(walk);
	}
	/* A descriptor that could not be stepped over is refused here for the same reason. */
	return shmbus_reader_take(r, walk, shmbus_desc_plain(word, true), frame);
}

#endif /* SHMBUS_DIRECTED_H */
