/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef FAULT_H
#define FAULT_H

/*
 * The memory of a guest is a file that belongs to its QEMU. QEMU may truncate the file, or say that
 * it is longer than it is. An access to the missing part raises SIGBUS, in a worker or in the vhost
 * library's thread. A page of zeros, private to this process, takes the place of each missing page.
 * So such a guest harms itself alone. The driver does the same for the bus, with more care, because
 * there zeros must not become frames; its handler passes faults in other memory on to this one.
 *
 * Memory in huge pages is not protected: a single page of it cannot be replaced.
 */

/* Installs the handler. Call it before EAL starts, and with it the driver. */
void fault_catch(void);

#endif /* FAULT_H */
