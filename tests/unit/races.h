/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_RACES_H
#define TEST_RACES_H

/*
 * The one data race that is meant: on a lane without pause frames are copied
 * in while a reader may be copying out what was there, as with a sequence
 * lock. ThreadSanitizer is not to look at these two copies, and at nothing
 * less. (Not by a list of names for it: it often has forgotten where the
 * other thread was.)
 */

#include <stdbool.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES_ARE_SEEN
#endif
#elif defined(__SANITIZE_THREAD__)
#define RACES_ARE_SEEN
#endif

#ifdef RACES_ARE_SEEN

/* Of ThreadSanitizer's library, which has no header for them. */
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static inline void
races_begin(bool races)
{
	if (races)
		AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static inline void
races_end(bool races)
{
	if (races)
		AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

#else

static inline void
races_begin(bool races)
{
	(void)races;
}

static inline void
races_end(bool races)
{
	(void)races;
}

#endif /* RACES_ARE_SEEN */

#endif /* TEST_RACES_H */
