/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * Creation, attaching and leaving happen under the attach lock, an
 * open-file-description lock on the file's first byte. The kernel drops it
 * when its holder dies.
 *
 * Between open and lock the last port may have removed the file's name (the
 * unlink devarg). Then the descriptor is of a file that no other process will
 * find, and the function starts again from open.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "shmbus_clock.h"
#include "shmbus_file.h"
#include "shmbus_lock.h"
#include "shmbus_step.h"

#define ATTACH_LOCK_OFF 0
#define ATTACH_LOCK_WAIT_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define ATTACH_LOCK_POLL_NS (1000 * 1000)

#define OPEN_TRIES 100

/* Above the descriptors that a process usually has, and below its usual limit. */
#define HIGH_FD 512

int
shmbus_file_lock(const struct shmbus_file *f)
{
	const struct timespec nap = { .tv_nsec = ATTACH_LOCK_POLL_NS };
	const uint64_t start = shmbus_clock_mono_ns();
	int ret;

	for (;;) {
		ret = f->readonly ? shmbus_lock_try_shared(f->fd, ATTACH_LOCK_OFF) :
				    shmbus_lock_try(f->fd, ATTACH_LOCK_OFF);
		if (ret != -EAGAIN) {
			SHMBUS_STEP(file_locked);
			return ret;
		}
		if (shmbus_clock_mono_ns() - start > ATTACH_LOCK_WAIT_NS)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
}

void
shmbus_file_unlock(const struct shmbus_file *f)
{
	SHMBUS_STEP(file_unlock);
	shmbus_lock_drop(f->fd, ATTACH_LOCK_OFF);
}

static int
set_path(struct shmbus_file *f, const char *path, struct shmbus_error *e)
{
	if (path == NULL || path[0] == '\0')
		return shmbus_error_set(e, -EINVAL, "path=: no file named; name one");
	if (strlen(path) >= sizeof(f->path))
		return shmbus_error_set(e, -ENAMETOOLONG,
			"path=%.64s...: %zu bytes, at most %zu are possible",
			path, strlen(path), sizeof(f->path) - 1);
	strcpy(f->path, path);
	return 0;
}

/*
 * Opening a device or a FIFO may have effects. If another process puts one
 * there between this look and open(2), it is opened, but no more: look_at()
 * checks what was opened.
 */
static bool
is_special(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
	       !S_ISLNK(st.st_mode);
}

/*
 * The kernel closes a dead process's descriptors from the lowest to the
 * highest, and drops the files behind them in the reverse order. Dropping an
 * inotify instance waits for a worker of the kernel, on a busy machine for
 * seconds. A bus file with a lower number keeps its locks for that time, and
 * its dead port counts as alive.
 */
int
shmbus_file_raise(int fd)
{
	int high;

	if (fd < 0 || fd >= HIGH_FD)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

static int
open_or_create(struct shmbus_file *f, enum shmbus_file_want want)
{
	const int access = f->readonly ? O_RDONLY : O_RDWR;
	const int flags = access | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	/* O_CREAT only for an absent file: in a sticky directory such as /dev/shm the kernel
	 * may refuse it for another user's file.
	 */
	f->created = false;
	f->fd = -1;
	if (is_special(f->path))
		return -EMEDIUMTYPE;
	if (want != SHMBUS_FILE_NEW)
		f->fd = open(f->path, flags);
	if (want == SHMBUS_FILE_NEW ||
	    (want == SHMBUS_FILE_ANY && f->fd < 0 && errno == ENOENT)) {
		SHMBUS_STEP(file_create);
		f->fd = open(f->path, flags | O_CREAT | O_EXCL, 0600);
		f->created = f->fd >= 0;
	}
	if (f->fd < 0)
		return -errno;
	f->fd = shmbus_file_raise(f->fd);
	return 0;
}

static int
no_permission(const struct shmbus_file *f, int ret, struct shmbus_error *e)
{
	struct stat st;

	if (lstat(f->path, &st) == 0)
		return shmbus_error_set(e, ret,
			"path=%s: no permission to open it for reading%s: it belongs to user %u and group %u, with mode 0%o, and this process runs as user %u; let its owner create it with mode=0%o and a group that both are in",
			f->path, f->readonly ? "" : " and writing", st.st_uid, st.st_gid,
			(unsigned int)st.st_mode & 07777, geteuid(), f->readonly ? 0640 : 0660);
	if (errno == ENOENT)
		return shmbus_error_set(e, ret,
			"path=%s: no permission to create it: user %u may not write its directory",
			f->path, geteuid());
	return shmbus_error_set(e, ret,
		"path=%s: no permission to reach it: user %u may not search a directory above it",
		f->path, geteuid());
}

static int
open_failed(const struct shmbus_file *f, int ret, enum shmbus_file_want want,
	    struct shmbus_error *e)
{
	const char *path = f->path;

	switch (ret) {
	case -ELOOP:
		return shmbus_error_set(e, ret,
			"path=%s: a symbolic link, which is not followed; name the file itself", path);
	case -EISDIR:
		return shmbus_error_set(e, ret, "path=%s: a directory; name a file", path);
	case -EACCES:
	case -EPERM:
		return no_permission(f, ret, e);
	case -EROFS:
		return shmbus_error_set(e, ret,
			"path=%s: the filesystem is mounted read-only; a port with readonly=on looks on",
			path);
	case -EMEDIUMTYPE:
		return shmbus_error_set(e, ret, "path=%s: not a regular file; name one",
			path);
	case -ENOENT:
		if (f->readonly)
			return shmbus_error_set(e, ret,
				"path=%s: no such file; a read-only port does not create it", path);
		if (want == SHMBUS_FILE_OLD)
			return shmbus_error_set(e, ret,
				"path=%s: no such file; create the bus first", path);
		return shmbus_error_set(e, ret, "path=%s: its directory does not exist", path);
	case -EEXIST:
		return shmbus_error_set(e, ret,
			"path=%s: there is such a file already; name a file that does not exist", path);
	case -ENAMETOOLONG:
		return shmbus_error_set(e, ret, "path=%.64s...: too long", path);
	default:
		return shmbus_error_set(e, ret, "path=%s: cannot open: %s", path, strerror(-ret));
	}
}

static int
look_at(struct shmbus_file *f, uint64_t *size, struct shmbus_error *e)
{
	struct statfs fs;
	struct stat st;

	if (fstat(f->fd, &st) != 0 || fstatfs(f->fd, &fs) != 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot stat: %s", f->path,
					strerror(errno));
	if (!S_ISREG(st.st_mode))
		return open_failed(f, -EMEDIUMTYPE, SHMBUS_FILE_ANY, e);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->hugetlb = (uint32_t)fs.f_type == HUGETLBFS_MAGIC;
	f->page_size = f->hugetlb ? (size_t)fs.f_bsize : (size_t)sysconf(_SC_PAGESIZE);
	*size = (uint64_t)st.st_size;
	return 0;
}

static bool
still_named(const struct shmbus_file *f)
{
	struct stat st;

	return lstat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino;
}

/* Locks the open file and reads its properties. Returns -EAGAIN if its name is gone. */
static int
lock_and_look(struct shmbus_file *f, uint64_t *size, struct shmbus_error *e)
{
	int ret;

	ret = look_at(f, size, e);
	if (ret != 0)
		return ret;
	ret = shmbus_file_lock(f);
	if (ret != 0)
		return shmbus_error_set(e, ret, "path=%s: cannot get the attach lock: %s", f->path,
			ret == -ETIMEDOUT ?
			"another process has kept it for 10 seconds (is it stopped?)" :
			strerror(-ret));
	if (!still_named(f))
		return -EAGAIN;
	return look_at(f, size, e);
}

/* Removes the file that this process created, unless another process uses it by now. */
static void
remove_unused(struct shmbus_file *f)
{
	uint64_t size;

	if (f->created && shmbus_lock_try(f->fd, ATTACH_LOCK_OFF) == 0 &&
	    look_at(f, &size, NULL) == 0 && size == 0)
		shmbus_file_unlink(f);
}

int
shmbus_file_open(struct shmbus_file *f, const char *path, enum shmbus_file_want want,
		 uint64_t *size, struct shmbus_error *e)
{
	unsigned int i;
	int ret;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->unguarded = want & SHMBUS_FILE_UNGUARDED;
	want &= ~(enum shmbus_file_want)SHMBUS_FILE_UNGUARDED;
	f->readonly = want == SHMBUS_FILE_READ;
	ret = set_path(f, path, e);
	if (ret != 0)
		return ret;
	for (i = 0; i < OPEN_TRIES; i++) {
		ret = open_or_create(f, want);
		if (ret == -EEXIST && want == SHMBUS_FILE_ANY) /* another process was faster */
			continue;
		if (ret != 0)
			return open_failed(f, ret, want, e);
		ret = lock_and_look(f, size, e);
		/* Another process has filled the file before this process got the lock, so the
		 * file belongs to that process.
		 */
		if (ret == 0 && want == SHMBUS_FILE_NEW && *size != 0)
			ret = open_failed(f, -EEXIST, want, e);
		if (ret == 0)
			return 0;
		/* Even if the name seems to be gone: if it is still there, this process would
		 * find its own file again.
		 */
		remove_unused(f);
		shmbus_file_close(f);
		if (ret != -EAGAIN)
			return ret;
	}
	return shmbus_error_set(e, -EBUSY, "path=%s: other processes create and remove it too fast; try again", f->path);
}

int
shmbus_file_adopt(struct shmbus_file *f, int fd, const char *path, uint64_t *size,
		  struct shmbus_error *e)
{
	const int flags = fcntl(fd, F_GETFL);
	int ret;

	memset(f, 0, sizeof(*f));
	f->fd = fd;
	f->readonly = (flags & O_ACCMODE) == O_RDONLY;
	ret = set_path(f, path, e);
	if (ret == 0)
		ret = look_at(f, size, e);
	return ret;
}

void
shmbus_file_close(struct shmbus_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int
shmbus_file_map(const struct shmbus_file *f, size_t len, int flags, const char *what,
		uint8_t **map, struct shmbus_guard **guard, struct shmbus_error *e)
{
	const int pages = f->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	struct shmbus_guard *g = NULL;
	void *p;
	int ret;

	if (!f->unguarded)
		g = shmbus_guard_begin(f->page_size);
	if (g == NULL && !f->unguarded)
		return shmbus_error_set(e, -ENOMEM, "path=%s: out of memory", f->path);
	p = mmap(NULL, len, pages, MAP_SHARED | flags, f->fd, 0);
	if (p == MAP_FAILED) {
		ret = shmbus_error_set(e, -errno, "path=%s: cannot map %s: %s", f->path, what,
				       strerror(errno));
		shmbus_guard_end(g);
		return ret;
	}
	*map = p;
	*guard = g;
	return 0;
}

int
shmbus_file_set_mode(const struct shmbus_file *f, mode_t mode, struct shmbus_error *e)
{
	if (f->created && fchmod(f->fd, mode) != 0)
		return shmbus_error_set(e, -errno, "path=%s: cannot set mode=0%o: %s", f->path,
					(unsigned int)mode, strerror(errno));
	return 0;
}

int
shmbus_file_allocate(const struct shmbus_file *f, uint64_t off, uint64_t end)
{
	const uint64_t mask = f->page_size - 1;
	int ret;

	off &= ~mask;
	end = (end + mask) & ~mask;
	do {
		ret = posix_fallocate(f->fd, (off_t)off, (off_t)(end - off));
	} while (ret == EINTR);
	return -ret;
}

int
shmbus_file_empty(const struct shmbus_file *f)
{
	return ftruncate(f->fd, 0) == 0 ? 0 : -errno;
}

int
shmbus_file_unlink(const struct shmbus_file *f)
{
	if (!still_named(f))
		return -ENOENT;
	SHMBUS_STEP(file_unlink);
	return unlink(f->path) == 0 ? 0 : -errno;
}
