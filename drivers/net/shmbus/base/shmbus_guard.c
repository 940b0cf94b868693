/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shmbus_atomic.h"
#include "shmbus_guard.h"

/*
 * The kernel's data for a handler is on the stack within this distance above
 * the handler's frame.
 */
#define FRAME_REACH (256 * 1024)

struct range {
	uint8_t *from;
	size_t len;
	int prot;
};

struct shmbus_guard {
	struct shmbus_guard *_Atomic next;
	size_t page_size;
	shmbus_a32 n_ranges; /* stored last, with release */
	struct range ranges[SHMBUS_GUARD_RANGES];
	struct shmbus_guard_words words; /* in the first range; count 0: none */
	shmbus_a32 struck;
	shmbus_a32 spoiled;
};

/* For all functions but the handler, which only reads. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct shmbus_guard *_Atomic guards;
static shmbus_a32 inside; /* handlers that may be looking at the shared data */

/* The handler before ours. Two places: one can be filled while the other is read. */
static struct sigaction before[2];
static shmbus_a32 which;
static shmbus_a32 spent; /* it has been called once, which counts with SA_RESETHAND */
static bool known;       /* ours is the handler, or a later handler may call ours */

/*
 * G1: with G2 in wait_for_handlers. Either a thread that removes a guard sees
 * this handler inside, or this handler does not find the guard.
 */
static void
enter(void)
{
	shmbus_add(&inside, 1);
	shmbus_fence_full();
}

static void
leave(void)
{
	shmbus_add_release(&inside, UINT32_MAX);
}

/* Waits until no handler uses data that the caller has removed before. */
static void
wait_for_handlers(void)
{
	/* G2 */
	shmbus_fence_full();
	while (shmbus_load_acquire(&inside) != 0)
		sched_yield();
}

static uint8_t *
page_of(const struct shmbus_guard *g, const uint8_t *at)
{
	return (uint8_t *)((uintptr_t)at & ~(uintptr_t)(g->page_size - 1));
}

/* Returns the end of the pages of the words to spoil. */
static uint8_t *
end_of_words(const struct shmbus_guard *g)
{
	const struct shmbus_guard_words *w = &g->words;

	return page_of(g, w->at + (w->count - 1) * w->stride + sizeof(w->value) + g->page_size - 1);
}

/*
 * Replaces the pages of the words by pages of zeros with spoilt words. The new
 * pages are made elsewhere, so that no thread sees them before they are ready.
 * Two threads may do this at once, with the same result.
 */
static bool
spoil(struct shmbus_guard *g)
{
	const struct shmbus_guard_words *w = &g->words;
	uint8_t *from, *made;
	size_t len;
	uint32_t i;

	if (w->count == 0 || shmbus_load_acquire(&g->spoiled))
		return true;
	from = page_of(g, w->at);
	len = (size_t)(end_of_words(g) - from);
	made = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (made == MAP_FAILED)
		return false;
	for (i = 0; i < w->count; i++)
		memcpy(made + (w->at - from) + i * w->stride, &w->value, sizeof(w->value));
	if (mprotect(made, len, g->ranges[0].prot) != 0 ||
	    mremap(made, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, from) == MAP_FAILED) {
		munmap(made, len);
		return false;
	}
	shmbus_store_release(&g->spoiled, 1);
	return true;
}

static bool
among_words(const struct shmbus_guard *g, const uint8_t *at)
{
	return g->words.count != 0 && at >= page_of(g, g->words.at) && at < end_of_words(g);
}

static const struct range *
find_range(const struct shmbus_guard *g, const uint8_t *at)
{
	const uint32_t n = shmbus_load_acquire(&g->n_ranges);
	uint32_t i;

	for (i = 0; i < n; i++)
		if (at >= g->ranges[i].from && at < g->ranges[i].from + g->ranges[i].len)
			return &g->ranges[i];
	return NULL;
}

/* Returns whether the fault is in a covered mapping; then there is a page in its place now. */
static bool
rescue(const uint8_t *at)
{
	const struct range *range;
	struct shmbus_guard *g;

	for (g = shmbus_load_acquire(&guards); g != NULL; g = shmbus_load_acquire(&g->next)) {
		range = find_range(g, at);
		if (range == NULL)
			continue;
		shmbus_store(&g->struck, 1);
		if (!spoil(g))
			return false;
		return among_words(g, at) ||
		       mmap(page_of(g, at), g->page_size, range->prot,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
		       MAP_FAILED;
	}
	return false;
}

/*
 * Returns whether the handler has a second argument. EAL's handler for
 * hot-unplug calls the one before it with a single argument if that has any
 * flag but SA_SIGINFO, and glibc always reports one.
 */
static bool
is_told(const siginfo_t *info, int sig)
{
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const uintptr_t there = (uintptr_t)info;

	return there > here && there - here < FRAME_REACH &&
	       there % _Alignof(siginfo_t) == 0 && info->si_signo == sig;
}

/* Returns whether the same instruction would fault again. If not, a process sent the signal. */
static bool
comes_again(const siginfo_t *info)
{
	return info == NULL || (info->si_code > 0 && info->si_code != BUS_MCEERR_AO);
}

/* Does what the kernel does without a handler. */
static void
act_by_default(int sig, const siginfo_t *info, bool ignored)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };

	if (ignored && !comes_again(info))
		return;
	sigaction(sig, &by_default, NULL);
	if (!comes_again(info))
		raise(sig);
}

static void
pass_on(const struct sigaction *to, int sig, siginfo_t *info, void *context)
{
	const bool ignored = to->sa_handler == SIG_IGN;

	if (ignored || to->sa_handler == SIG_DFL ||
	    ((to->sa_flags & (int)SA_RESETHAND) && shmbus_load(&spent))) {
		act_by_default(sig, info, ignored);
		return;
	}
	shmbus_store(&spent, 1);
	if (to->sa_flags & SA_SIGINFO)
		to->sa_sigaction(sig, info, context);
	else
		to->sa_handler(sig);
}

static void
on_sigbus(int sig, siginfo_t *info, void *context)
{
	const int saved = errno;
	struct sigaction to;
	bool done = false;

	if (!is_told(info, sig))
		info = NULL;
	enter();
	if (info != NULL && (info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR))
		done = rescue(info->si_addr);
	if (!done)
		to = before[shmbus_load_acquire(&which)];
	leave();
	errno = saved;
	if (!done)
		pass_on(&to, sig, info, context);
}

static bool
is_function(const struct sigaction *a)
{
	return a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN;
}

static bool
is_same(const struct sigaction *a, const struct sigaction *b)
{
	if ((a->sa_flags & SA_SIGINFO) != (b->sa_flags & SA_SIGINFO))
		return false;
	return (a->sa_flags & SA_SIGINFO) ? a->sa_sigaction == b->sa_sigaction :
					    a->sa_handler == b->sa_handler;
}

static void
remember(const struct sigaction *a)
{
	const uint32_t next = shmbus_load(&which) ^ 1;

	wait_for_handlers();
	before[next] = *a;
	shmbus_store(&spent, 0);
	shmbus_store_release(&which, next);
}

static const struct sigaction ours = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

/* Installs our handler, unless a later one is there. The mutex is held. */
static void
put_in(void)
{
	struct sigaction now, a;

	if (sigaction(SIGBUS, NULL, &now) != 0 || is_same(&now, &ours))
		return;
	if (known && is_function(&now) && !is_same(&now, &before[shmbus_load(&which)]))
		return;
	remember(&now);
	a = ours;
	/* On any stack, with the mask and flags of the handler before ours. */
	a.sa_flags |= SA_ONSTACK;
	if (is_function(&now)) {
		a.sa_flags |= now.sa_flags & (SA_NODEFER | SA_RESTART);
		a.sa_mask = now.sa_mask;
	}
	known = sigaction(SIGBUS, &a, NULL) == 0 || known;
}

/* A later handler may still call ours: the code must stay. */
static void
stay_loaded(void)
{
	Dl_info info;

	if (dladdr((const void *)(uintptr_t)on_sigbus, &info) != 0 && info.dli_fname != NULL)
		(void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

/* The mutex is held. */
static void
take_out(void)
{
	struct sigaction now;

	if (!known || sigaction(SIGBUS, NULL, &now) != 0)
		return;
	if (is_same(&now, &ours)) {
		sigaction(SIGBUS, &before[shmbus_load(&which)], NULL);
		known = false;
		wait_for_handlers();
	} else {
		stay_loaded();
	}
}

struct shmbus_guard *
shmbus_guard_begin(size_t page_size)
{
	struct shmbus_guard *g;

	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->page_size = page_size;
	pthread_mutex_lock(&mutex);
	shmbus_store(&g->next, shmbus_load(&guards));
	shmbus_store_release(&guards, g);
	put_in();
	pthread_mutex_unlock(&mutex);
	return g;
}

void
shmbus_guard_cover(struct shmbus_guard *g, void *from, size_t len, int prot)
{
	uint32_t n;

	if (g == NULL)
		return;
	n = shmbus_load(&g->n_ranges);
	g->ranges[n] = (struct range){ .from = from, .len = len, .prot = prot };
	shmbus_store_release(&g->n_ranges, n + 1);
}

void
shmbus_guard_spoil(struct shmbus_guard *g, const struct shmbus_guard_words *words)
{
	if (g != NULL)
		g->words = *words;
}

void
shmbus_guard_end(struct shmbus_guard *g)
{
	struct shmbus_guard *_Atomic *link;

	if (g == NULL)
		return;
	pthread_mutex_lock(&mutex);
	for (link = &guards; shmbus_load(link) != g; link = &shmbus_load(link)->next)
		;
	shmbus_store_release(link, shmbus_load(&g->next));
	wait_for_handlers();
	if (shmbus_load(&guards) == NULL)
		take_out();
	pthread_mutex_unlock(&mutex);
	free(g);
}

bool
shmbus_guard_struck(const struct shmbus_guard *g)
{
	return g != NULL && shmbus_load(&g->struck);
}

void
shmbus_guard_renew(void)
{
	pthread_mutex_lock(&mutex);
	if (shmbus_load(&guards) != NULL)
		put_in();
	pthread_mutex_unlock(&mutex);
}
