/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include "fault.h"

/* Other threads have calls of their own, of which none fails. */
static _Thread_local unsigned int left; /* calls until one fails; 0: none will */
static const char *failed;
static int failed_errno;

void
fault_arm(unsigned int n)
{
	left = n;
	failed = NULL;
}

const char *
fault_disarm(void)
{
	left = 0;
	return failed;
}

int
fault_errno(void)
{
	return failed_errno;
}

bool
fault_is_due(const char *name, int err)
{
	if (left == 0 || --left != 0)
		return false;
	failed = name;
	failed_errno = err;
	errno = err;
	return true;
}

/* The linker's names of the real function and of its replacement. */
#define WRAP(type, name, params, args, err, failure) \
	type __real_##name params; \
	type __wrap_##name params; \
	type \
	__wrap_##name params \
	{ \
		return fault_is_due(#name, err) ? (failure) : __real_##name args; \
	}

WRAP(void *, mmap64, (void *at, size_t len, int prot, int flags, int fd, off_t off),
     (at, len, prot, flags, fd, off), ENOMEM, MAP_FAILED)
WRAP(int, ftruncate64, (int fd, off_t len), (fd, len), EIO, -1)
/* This one gives its error back. */
WRAP(int, posix_fallocate64, (int fd, off_t off, off_t len), (fd, off, len), ENOSPC, ENOSPC)
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st), EIO, -1)
WRAP(int, lstat64, (const char *path, struct stat *st), (path, st), EIO, -1)
WRAP(int, fstatfs64, (int fd, struct statfs *fs), (fd, fs), EIO, -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), EPERM, -1)
WRAP(ssize_t, pread64, (int fd, void *to, size_t len, off_t off), (fd, to, len, off), EIO, -1)
WRAP(ssize_t, pwrite64, (int fd, const void *from, size_t len, off_t off), (fd, from, len, off),
     ENOSPC, -1)
WRAP(ssize_t, getrandom, (void *to, size_t len, unsigned int flags), (to, len, flags), EAGAIN, -1)
WRAP(int, inotify_init1, (int flags), (flags), EMFILE, -1)
WRAP(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask), ENOSPC,
     -1)
WRAP(int, epoll_create1, (int flags), (flags), EMFILE, -1)
WRAP(int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *ev), (ep, op, fd, ev), ENOSPC, -1)
WRAP(int, timerfd_create, (int id, int flags), (id, flags), EMFILE, -1)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL)
WRAP(void *, malloc, (size_t size), (size), ENOMEM, NULL)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int
__wrap_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return fault_is_due("open64", EMFILE) ? -1 : __real_open64(path, flags, mode);
}

int __real_fcntl64(int fd, int op, ...);
int __wrap_fcntl64(int fd, int op, ...);
int
__wrap_fcntl64(int fd, int op, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, op);
	arg = va_arg(ap, void *);
	va_end(ap);
	/* Letting go of a lock does not fail. */
	if ((op == F_OFD_SETLK && ((struct flock *)arg)->l_type != F_UNLCK) || op == F_OFD_GETLK)
		return fault_is_due("fcntl64", ENOLCK) ? -1 : __real_fcntl64(fd, op, arg);
	return __real_fcntl64(fd, op, arg);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long
__wrap_syscall(long number, ...)
{
	long a, b, c;
	va_list ap;

	va_start(ap, number);
	a = va_arg(ap, long);
	b = va_arg(ap, long);
	c = va_arg(ap, long);
	va_end(ap);
	return fault_is_due("syscall", ENOSYS) ? -1 : __real_syscall(number, a, b, c);
}
