/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

/*
 * Counts the page faults of this thread in pieces of the code, and the processor time of
 * all and of the longest piece. Costs a system call on both sides of each piece.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

struct faults {
	long count;
	uint64_t total_ns;
	uint64_t longest_ns;
	long before;
	uint64_t since_ns;
};

static inline long
faults_now(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_minflt + u.ru_majflt;
}

static inline uint64_t
faults_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline void
faults_begin(struct faults *f)
{
	f->before = faults_now();
	f->since_ns = faults_clock();
}

static inline void
faults_end(struct faults *f)
{
	const uint64_t ns = faults_clock() - f->since_ns;

	f->count += faults_now() - f->before;
	f->total_ns += ns;
	if (ns > f->longest_ns)
		f->longest_ns = ns;
}

/* Returns why this build or this kernel has faults in any case; NULL: it has none. */
static inline const char *
faults_excuse(void)
{
	const size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *p;
	int ret;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return "a sanitizer touches memory of its own";
#endif
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ret = madvise(p, len, 23 /* MADV_POPULATE_WRITE */);
	munmap(p, len);
	return ret != 0 ? "the kernel cannot fault in pages ahead (before Linux 5.14)" : NULL;
}

static inline void
faults_skip_if_excused(void)
{
	const char *why = faults_excuse();

	if (why != NULL)
		skip_because("%s", why);
}

#endif /* TEST_FAULTS_H */
