/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * A bridge reads what strangers write: frames, lengths, words of the bus. So a fault in it must
 * not be worth much. When it begins to carry frames it has all that it works with: the file
 * of the bus is mapped, the device, the sockets and the descriptors to sleep on are open. It
 * never opens a file again, starts no program, and changes nothing of the system.
 *
 * A system call that is not listed fails with EPERM. It does not kill the process: a libc that
 * asks for something harmless and new is no reason to lose frames.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cap-ng.h>
#include <seccomp.h>

#include "rights.h"
#include "say.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Some exist on some architectures only; libseccomp leaves the others out. */
static const int always[] = {
	/* frames, counters and messages */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(pwrite64), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	/* sleep and wake-ups */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(timerfd_settime), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(sched_yield),
	SCMP_SYS(futex), SCMP_SYS(membarrier), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(restart_syscall),
	/* the file of the bus: its locks, whether it is still the bus, lanes of new senders */
	SCMP_SYS(fcntl), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
	SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mbind), SCMP_SYS(utimensat),
	SCMP_SYS(close), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	/* memory and signals of the process itself, and its end */
	SCMP_SYS(brk), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(wait4), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int to_accept[] = { SCMP_SYS(accept4), SCMP_SYS(getsockname) };
static const int to_connect[] = { SCMP_SYS(socket), SCMP_SYS(connect) };
static const int on_paths[] = { SCMP_SYS(unlink), SCMP_SYS(unlinkat) };

static int
allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int ret = 0;
	size_t i;

	for (i = 0; ret == 0 && i < n; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return ret;
}

/* Memory may be mapped, but no memory that can be run. */
static int
allow_memory(scmp_filter_ctx filter)
{
	const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	int ret = 0;
	size_t i;

	for (i = 0; ret == 0 && i < N_OF(calls); i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return ret;
}

static int
limit_calls(unsigned int needs, pid_t child)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret;

	if (filter == NULL)
		return -ENOMEM;
	/* Of all threads. */
	ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (ret == 0)
		ret = allow(filter, always, N_OF(always));
	if (ret == 0)
		ret = allow_memory(filter);
	if (ret == 0 && (needs & BRIDGE_RIGHTS_ACCEPT))
		ret = allow(filter, to_accept, N_OF(to_accept));
	if (ret == 0 && (needs & BRIDGE_RIGHTS_CONNECT))
		ret = allow(filter, to_connect, N_OF(to_connect));
	if (ret == 0 && (needs & BRIDGE_RIGHTS_KILL))
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)child, 0));
	if (ret == 0 && (needs & BRIDGE_RIGHTS_PATHS))
		ret = allow(filter, on_paths, N_OF(on_paths));
	if (ret == 0)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}

static int
limit_capabilities(unsigned int needs)
{
	const struct {
		unsigned int need, capability;
	} kept[] = {
		{ BRIDGE_RIGHTS_PATHS, CAP_DAC_OVERRIDE },
		{ BRIDGE_RIGHTS_KILL, CAP_KILL },
	};
	bool has[N_OF(kept)], bounds;
	size_t i;

	if (capng_get_caps_process() != 0)
		return -EIO;
	for (i = 0; i < N_OF(kept); i++)
		has[i] = (needs & kept[i].need) &&
			 capng_have_capability(CAPNG_PERMITTED, kept[i].capability);
	/* Without it the bounding set stays; with no_new_privs nothing comes from there. */
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_BOTH);
	for (i = 0; i < N_OF(kept); i++)
		if (has[i] && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					   kept[i].capability) != 0)
			return -EIO;
	return capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) == 0 ? 0 : -EPERM;
}

void
bridge_rights_keep_thread(unsigned int needs)
{
	int ret;

	ret = limit_capabilities(needs);
	if (ret != 0)
		say("cannot give up capabilities: %s; going on with them", strerror(-ret));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		say("cannot give up new privileges: %s; going on with them", strerror(errno));
}

void
bridge_rights_keep(unsigned int needs, pid_t child)
{
	int ret = 0;

	bridge_rights_keep_thread(needs);
#ifndef SANITIZED
	ret = limit_calls(needs, child);
#else
	/* The sanitizers start a process at the end, and open files. */
	(void)limit_calls;
	(void)child;
#endif
	if (ret != 0)
		say("cannot give up system calls: %s; going on with them", strerror(-ret));
}
