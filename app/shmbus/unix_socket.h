/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

/*
 * Finds out whether path is a Unix socket that nobody listens on, as a killed program leaves it.
 * Returns 1: it is; 0: it is not, or it cannot be reached; -errno: this process has no socket to
 * try it with.
 */
int unix_socket_left_behind(const char *path);

#endif /* UNIX_SOCKET_H */
