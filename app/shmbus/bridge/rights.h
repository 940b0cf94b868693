/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BRIDGE_RIGHTS_H
#define BRIDGE_RIGHTS_H

/* What a bridge may still do once it carries frames, and the process that ends a gateway's passt. */

#include <sys/types.h>

/* What a device or that process needs besides the descriptors that it has. */
enum bridge_rights {
	BRIDGE_RIGHTS_ACCEPT = 1 << 0,	/* to accept connections */
	BRIDGE_RIGHTS_CONNECT = 1 << 1, /* to make sockets, and to connect them */
	BRIDGE_RIGHTS_KILL = 1 << 2,	/* to end the child; root: whoever the child has become */
	BRIDGE_RIGHTS_PATHS = 1 << 3,	/* root: to reach sockets whatever their permissions; to unlink one */
};

/*
 * Gives up, for the rest of the process: all capabilities, but CAP_DAC_OVERRIDE with _PATHS
 * and CAP_KILL with _KILL; new privileges through exec; and all system calls that neither the
 * library nor the device uses, which then fail with EPERM. needs: of the device; child: the
 * process to end, with _KILL, else -1. What cannot be given up is reported, and kept.
 *
 * Capabilities belong to a thread. Each other thread that exists has called
 * bridge_rights_keep_thread() before; no thread can be made afterwards.
 */
void bridge_rights_keep_thread(unsigned int needs);
void bridge_rights_keep(unsigned int needs, pid_t child);

#endif /* BRIDGE_RIGHTS_H */
