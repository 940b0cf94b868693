/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_BARRIER_H
#define SHMBUS_BARRIER_H

/*
 * One side of a fence alone. Two threads that each store one word and then load the other's
 * need a full fence in between, both of them, so that at least one sees the other's store. If
 * one of the threads does this often and the other one rarely, the rare one can execute the
 * fence for both.
 */

/*
 * Puts a full fence into every running thread of the machine, also of other processes. Takes
 * milliseconds.
 */
void shmbus_barrier_everywhere(void);

#endif /* SHMBUS_BARRIER_H */
