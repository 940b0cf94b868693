/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The memory that the models run on: the part of C11 that the bus uses.
 *
 * Theory of operation
 *
 * A location is the list of all that was ever stored to it. A load may take
 * any entry of it, so it may be stale for as long as nothing forbids it; and
 * what a thread stores, others may come to see in any order. What forbids it:
 *
 *   floor  of each location, the newest entry that the thread itself has
 *          stored or loaded: coherence
 *   cur    a clock: the stores of each thread that happened before. Of each
 *          location, the thread takes none but the newest of those, or later ones
 *
 * Each entry carries a clock: that of its thread when it was stored with
 * release, or when that thread last had a release fence. Who loads the entry
 * with acquire takes that clock over at once, who loads it relaxed does so at
 * the next acquire fence. A full fence is both, and joins a clock that all
 * full fences share.
 *
 * These are the rules of RC11 and C++20. So processors that keep stores back,
 * store out of order or load out of order are all covered, as is a compiler
 * that does what the language allows. Where they differ a little, it allows
 * more: what a thread has loaded relaxed binds itself, not those to whom it
 * releases; and a store that follows a release store carries nothing of it.
 *
 * What it does not do: a store never takes effect before a load that comes
 * earlier in its thread (RC11 forbids it where it would close a circle; C11
 * itself does not quite). Where an edge is there for that, as C1 and L2 are,
 * the model asks instead whether what must come first happens before what
 * must come later: if not, that is what C11 calls a data race.
 * The entries of a location have the order in which they are made: each has
 * one writer at a time, or is changed by read-modify-write only.
 *
 * With SC memory is sequentially consistent instead: a load takes the newest
 * entry, no other is kept, and there are no clocks. For models that have too
 * many threads for all of the above.
 *
 * The model says before it includes this:
 *   LOCS, THREADS   how many there are; threads from CLOCKS on store nothing
 *   CLOCKS
 *   BASE(x)         where the entries of location x begin
 *   ENTRIES         BASE(LOCS): of all locations
 */

#ifdef SC

hidden byte c11_i, c11_j;
byte value[LOCS];

inline store(t, x, v)
{
	value[x] = v
}

#define store_release(t, x, v) store(t, x, v)

inline load(t, x, into)
{
	into = value[x]
}

#define load_acquire(t, x, into) load(t, x, into)

#define fence_acquire(t) skip
#define fence_release(t) skip
#define fence_full(t) skip
#define see_all(t) skip

#define LATEST(x) value[x]

#else

typedef clock {
	byte upto[CLOCKS]
};

clock cur[THREADS];
clock acq[THREADS];        /* what cur will be at the next acquire fence */
clock rel[THREADS];        /* what it was at the last release fence */
clock sc;                  /* of the last full fence of all */
byte floor[THREADS * LOCS];
byte stores[CLOCKS];       /* that each thread has made */

byte newest[LOCS];         /* entry of each location; the first is 0, and 0 */
byte value[ENTRIES];
byte by[ENTRIES];          /* whose store it was, */
byte time[ENTRIES];        /* and which of them */
clock carried[ENTRIES];

hidden byte c11_i, c11_j;

inline join(to, from)
{
	c11_i = 0;
	do
	:: c11_i < CLOCKS ->
		if
		:: from.upto[c11_i] > to.upto[c11_i] -> to.upto[c11_i] = from.upto[c11_i]
		:: else
		fi;
		c11_i++
	:: else -> break
	od;
	c11_i = 0
}

#define ENTRY(x, n) (BASE(x) + (n))
#define FLOOR(t, x) floor[(t) * LOCS + (x)]

inline add_entry(t, x, v)
{
	assert(ENTRY(x, newest[x]) + 1 < BASE((x) + 1)); /* the model has room for it */
	newest[x]++;
	stores[t]++;
	cur[t].upto[t] = stores[t];
	acq[t].upto[t] = stores[t];
	FLOOR(t, x) = newest[x];
	value[ENTRY(x, newest[x])] = v;
	by[ENTRY(x, newest[x])] = t;
	time[ENTRY(x, newest[x])] = stores[t]
}

inline store(t, x, v)
{
	d_step {
		add_entry(t, x, v);
		join(carried[ENTRY(x, newest[x])], rel[t]);
	}
}

inline store_release(t, x, v)
{
	d_step {
		add_entry(t, x, v);
		join(carried[ENTRY(x, newest[x])], cur[t]);
	}
}

/* A read-modify-write adds one; what the entry before carried, its own carries on. */
inline add_one(t, x)
{
	d_step {
		join(acq[t], carried[ENTRY(x, newest[x])]);
		add_entry(t, x, value[ENTRY(x, newest[x] - 1)] + 1);
		join(carried[ENTRY(x, newest[x])], rel[t]);
		join(carried[ENTRY(x, newest[x])], carried[ENTRY(x, newest[x] - 1)]);
	}
}

inline add_one_release(t, x)
{
	d_step {
		join(acq[t], carried[ENTRY(x, newest[x])]);
		add_entry(t, x, value[ENTRY(x, newest[x] - 1)] + 1);
		join(carried[ENTRY(x, newest[x])], cur[t]);
		join(carried[ENTRY(x, newest[x])], carried[ENTRY(x, newest[x] - 1)]);
	}
}

/*
 * What has happened before hides older entries for good. Doing that at once, and not at the next
 * load, makes states equal that differ in nothing that matters.
 */
inline raise_floors(t)
{
	c11_i = 0;
	do
	:: c11_i < LOCS ->
		c11_j = FLOOR(t, c11_i);
		do
		:: c11_j < newest[c11_i] ->
			c11_j++;
			if
			:: time[ENTRY(c11_i, c11_j)] <= cur[t].upto[by[ENTRY(c11_i, c11_j)]] ->
				FLOOR(t, c11_i) = c11_j
			:: else
			fi
		:: else -> break
		od;
		c11_i++
	:: else -> break
	od;
	c11_i = 0;
	c11_j = 0
}

/* The thread has a variable n of its own, for the choice; 0 at all other times. */
inline load(t, x, into)
{
	atomic {
		n = FLOOR(t, x);
		do
		:: n < newest[x] -> n++
		:: break
		od;
		skip; /* break may not lead into d_step */
		d_step {
			into = value[ENTRY(x, n)];
			FLOOR(t, x) = n;
			join(acq[t], carried[ENTRY(x, n)]);
			n = 0;
		}
	}
}

inline load_acquire(t, x, into)
{
	atomic {
		n = FLOOR(t, x);
		do
		:: n < newest[x] -> n++
		:: break
		od;
		skip;
		d_step {
			into = value[ENTRY(x, n)];
			FLOOR(t, x) = n;
			join(cur[t], carried[ENTRY(x, n)]);
			join(acq[t], cur[t]);
			raise_floors(t);
			n = 0;
		}
	}
}

inline fence_acquire(t)
{
	d_step {
		join(cur[t], acq[t]);
		raise_floors(t);
	}
}

inline fence_release(t)
{
	d_step {
		join(rel[t], cur[t]);
	}
}

inline fence_full(t)
{
	d_step {
		join(cur[t], acq[t]);
		join(cur[t], sc);
		join(sc, cur[t]);
		join(acq[t], cur[t]);
		join(rel[t], cur[t]);
		raise_floors(t);
	}
}

/* All that was ever stored has reached the thread: by way of the kernel, or of time. */
inline see_all(t)
{
	d_step {
		c11_i = 0;
		do
		:: c11_i < CLOCKS ->
			cur[t].upto[c11_i] = stores[c11_i];
			acq[t].upto[c11_i] = stores[c11_i];
			c11_i++
		:: else -> break
		od;
		raise_floors(t);
	}
}

#define LATEST(x) value[ENTRY(x, newest[x])]

#endif
