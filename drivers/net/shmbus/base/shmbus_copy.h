/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_COPY_H
#define SHMBUS_COPY_H

/*
 * The two copies of the data path. A memcpy of constant size compiles to a few
 * vector moves. The C library's memcpy, called for long frames, was half as
 * fast between two cores at 1518 bytes.
 */

#include <stdint.h>
#include <string.h>

/* A cache line. */
#define SHMBUS_LINE 64
#define SHMBUS_ALIGN(n) (((n) + (SHMBUS_LINE - 1)) & ~(uint64_t)(SHMBUS_LINE - 1))

/* Asks for a line that is to be read soon. An address that is not mapped does no harm. */
static inline void
shmbus_prefetch(const void *p)
{
#if defined(__x86_64__)
	/* gcc removes loops of __builtin_prefetch() whose length it does not know. */
	__asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)p));
#else
	__builtin_prefetch(p, 0, 3);
#endif
}

/* Asks for a line that is to be written soon: no other processor keeps a copy of it. */
static inline void
shmbus_prefetch_write(void *p)
{
#if defined(__x86_64__)
	/* The compiler uses this instruction only if it is told so for the whole build. */
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1, 3);
#endif
}

/* Copies out of a lane: whole lines, as frames are padded there. dst has room for them. */
static inline void
shmbus_copy_lines(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i += SHMBUS_LINE)
		memcpy(dst + i, src + i, SHMBUS_LINE);
}

/*
 * Copies less than a line, by two moves of one size that overlap: frames have
 * at least 14 bytes. A call of memcpy() costs more than the copy.
 */
static inline void
shmbus_copy_short(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	if (len >= 32) {
		memcpy(dst, src, 32);
		memcpy(dst + len - 32, src + len - 32, 32);
	} else if (len >= 16) {
		memcpy(dst, src, 16);
		memcpy(dst + len - 16, src + len - 16, 16);
	} else if (len >= 8) {
		memcpy(dst, src, 8);
		memcpy(dst + len - 8, src + len - 8, 8);
	} else {
		memcpy(dst, src, len);
	}
}

/* Copies into a lane: exactly len bytes, as the bytes behind src may not be readable. */
static inline void
shmbus_copy_exact(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t i;

	if (len < SHMBUS_LINE) {
		shmbus_copy_short(dst, src, len);
		return;
	}
	for (i = 0; i + SHMBUS_LINE <= len; i += SHMBUS_LINE)
		memcpy(dst + i, src + i, SHMBUS_LINE);
	if (i != len) /* the last line, overlapping the one before */
		memcpy(dst + len - SHMBUS_LINE, src + len - SHMBUS_LINE, SHMBUS_LINE);
}

#endif /* SHMBUS_COPY_H */
