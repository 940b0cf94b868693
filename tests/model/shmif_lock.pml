/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The lock of a shmif bus: two ports of ours, and NetBSD kernels one after the
 * other, who know of the lock word only. All of them may die at any step. A
 * dead port stays dead, or is followed by another one of its number. A port
 * that wants nothing watches for the others, as an idle receiver does.
 *
 * The memory is sequentially consistent. The words that decide, lock and
 * spare, are changed by compare-and-swap with acquire, or by release stores of
 * whoever owns them, so nobody acts upon an old one; what else is to be seen
 * is last and gen, behind lock: NO_L1 and NO_L2 do by hand what a processor
 * could do without these edges.
 *
 * The ring is two records long, and each record has a number. The second one
 * ends with the data, so that gen goes up. first is one word, which is moved
 * before all else, and is left out. A repair is only in two steps here, and
 * knows where the record before ended; what it makes of the bytes is the
 * matter of tests/unit.
 *
 * Time: that a lock has stood still for long enough can be found if its holder
 * is dead, and nobody else has had it since the watch began. So a NetBSD
 * kernel that lives is never slower than the time-out. Between finding it and
 * doing anything about it, anything can happen.
 *
 * Left out, as docs/design.rst does: a port that dies between claim and
 * marking as held, while the lock is that of a kernel that died in the middle
 * of a record. Who takes this over does not repair.
 *
 * Properties
 *   one holder  never two among the living
 *   no panic    a kernel that lets go finds its lock as it was
 *   whole       who has the lock finds last and gen such that all that was published counts
 *   repaired    and no record that a dead kernel had begun
 *   not stuck   is what spin says if nobody can do anything while somebody wants the lock
 */

#ifndef ROUNDS
#define ROUNDS 1 /* of each port */
#endif
#ifndef DEATHS
#define DEATHS 1 /* of ports */
#endif
#ifndef KERNEL_ROUNDS
#define KERNEL_ROUNDS 2
#endif
#ifndef KERNEL_DEATHS
#define KERNEL_DEATHS 1
#endif

/* The spare word: kind, number of the port, what last will be, and gen modulo 2. */
#define NOBODY 0
#define CLAIM 1
#define HELD 2
#define INTENT 3
#define REPAIRING 4
#define WATCHED 5      /* a lock that is NetBSD's, or was */
#define WATCHED_OURS 6 /* or that of a dead port */
#define WORD(kind, port, to, parity) ((kind) * 16 + ((port) + 1) * 4 + (to) * 2 + (parity))
#define KIND(word) ((word) / 16)
#define PORT(word) ((word) / 4 % 4 - 1)
#define TO(word) ((word) / 2 % 2)
#define PARITY(word) ((word) % 2)
#define IS_WATCH(word) ((word) >= WATCHED * 16)

/* The file. */
byte lock, spare, last, gen;

/* The kernel's locks of numbers: by whom + 1. */
byte number[2];

/* What nobody knows: */
byte published = 1; /* records, of dead ones too if they had announced it */
bool begun;         /* a record of a kernel that is dead now */
byte inside;        /* living ones who believe that they have the lock */
byte owner;         /* port + 1; 3: a kernel; 0: none */
bool dead;          /* and that is dead */
byte deaths = DEATHS;
byte gone;          /* ports that stay dead */
byte ready;         /* who want nothing any more */

#define RECORDS(last, gen) ((last) == 0 -> 2 * (gen) + 1 : 2 * (gen))

/* Die, or do it. */
#define STEP(name, it) atomic { if :: deaths > 0 -> deaths--; goto died :: skip fi; it }

inline take(who)
{
	inside++;
	assert(inside == 1); /* one holder */
	owner = who;
	dead = false
}

inline let_go()
{
	inside--;
	owner = 0;
	dead = false;
	lock = 0
}

/* The lock has stood still for as long as no living kernel holds it. */
#define LONG (lock == 1 && dead)

/* Nobody of ours has a claim. */
#define UNCLAIMED(word) ((word) == 0 || IS_WATCH(word))

#define MINE(kind) WORD(kind, p, 0, 0)
#define OTHER (1 - p)
#define DEAD_PORTS (PORT(spare) == OTHER && !IS_WATCH(spare) && number[OTHER] == 0)
#ifndef NO_STEAL
#define DEAD_PORTS_WATCH (lock == 1 && IS_WATCH(spare) && PORT(spare) == OTHER && number[OTHER] == 0)
#else
#define DEAD_PORTS_WATCH false
#endif
#ifndef OLD_BREAK
#define CAN_TAKE (DEAD_PORTS || (spare == 0 && lock == 1) || DEAD_PORTS_WATCH || \
		  (LONG && IS_WATCH(spare) && PORT(spare) == p))
#else
#define CAN_TAKE (DEAD_PORTS || (spare == 0 && LONG))
#endif

proctype port(byte p)
{
	byte rounds = ROUNDS;
	byte seen;  /* spare, or what it was just before */
	byte n;
	byte w_lock, w_ring; /* the rest of what was seen */
	bool taken, wants, late, counted;

begin:
	atomic {
		number[p] == 0 -> number[p] = p + 1
	}

	/* shmbus_shmif_lock_inherit() */
	seen = spare;
#ifndef NO_INHERIT
	if
	:: PORT(seen) == p && IS_WATCH(seen) ->
		STEP(shmif_inherit,
			if
			:: spare == seen && KIND(seen) == WATCHED_OURS -> spare = MINE(CLAIM); seen = spare
			:: spare == seen && KIND(seen) == WATCHED -> spare = 0; goto next
			:: else -> goto next
			fi
		)
	:: else
	fi;
#endif
	if
#ifndef NO_INHERIT
	:: PORT(seen) == p && !IS_WATCH(seen) ->
#else
	:: false ->
#endif
		if
		:: KIND(seen) != CLAIM && lock != 0 ->
			d_step { take(p + 1); taken = true }
			goto redo
		:: else
		fi;
		if
		:: lock == 0 ->
			STEP(shmif_inherit, spare = 0)
		:: atomic { LONG ->
				take(p + 1);
				begun = false;
				published = RECORDS(last, gen)
			}
			goto unlock
		fi
	:: else
	fi;

next:
	skip; /* a jump may not lead into d_step */
	d_step {
		seen = 0; n = 0; taken = false; late = false;
		w_lock = 0; w_ring = 0;
	}
	atomic {
		wants = (rounds > 0);
		if
		:: !wants && !counted -> counted = true; ready++
		:: else
		fi
	}

	/* shmbus_shmif_lock(), or shmbus_shmif_lock_recover() */
look:
	atomic {
		seen = 0; n = 0; w_lock = 0; w_ring = 0; late = false;
		if
		:: ready == 3 - gone -> goto left
#ifndef LOCK_FIRST
		:: wants && lock == 0 && UNCLAIMED(spare) -> seen = spare; goto claim
#else
		/* The lock is looked at before the spare word. */
		:: wants && lock == 0 -> goto look_at_spare
#endif
#ifndef NO_IDLE
		:: CAN_TAKE ->
#else
		:: CAN_TAKE && wants ->
#endif
			/* take_from_dead() */
			seen = spare; w_lock = lock; w_ring = RECORDS(last, gen);
			if
			:: DEAD_PORTS -> number[OTHER] = p + 1; goto take_from
#ifdef OLD_BREAK
			:: spare == 0 && LONG -> goto break_foreign
#else
			:: spare == 0 && lock == 1 -> goto sign
			:: DEAD_PORTS_WATCH -> goto sign
			:: spare == MINE(WATCHED) && LONG -> goto break_foreign
			:: spare == MINE(WATCHED_OURS) && LONG -> goto take_watched
#endif
			fi
		fi
	}

#ifdef LOCK_FIRST
look_at_spare:
	if
	:: UNCLAIMED(spare) -> seen = spare; goto claim
	:: else -> goto look
	fi;
#endif

claim:
	STEP(shmif_claim,
		if
		:: spare == seen -> spare = MINE(CLAIM)
		:: else -> goto look
		fi
	);
lock_claimed:
#ifdef NO_L1
	n = RECORDS(last, gen);
#endif
	STEP(shmif_lock,
		if
		:: lock == 0 -> lock = 1; take(p + 1)
		:: else -> goto drop
		fi
	);
	STEP(shmif_hold, spare = MINE(HELD));
	goto holding;
drop:
	STEP(shmif_drop_claim, spare = 0);
	goto look;

take_from:
	STEP(shmif_take_over,
		if
		:: spare != seen -> taken = false
		:: spare == seen ->
			taken = true;
			if
			:: w_lock == 0 -> spare = MINE(CLAIM)
			:: w_lock != 0 && KIND(seen) == CLAIM ->
#ifndef OLD_CLAIM
				spare = MINE(WATCHED_OURS)
#else
				spare = MINE(HELD);
				take(p + 1);
				begun = false;
				published = RECORDS(last, gen)
#endif
			:: w_lock != 0 && KIND(seen) != CLAIM ->
				spare = WORD(KIND(seen), p, TO(seen), PARITY(seen));
				take(p + 1)
			fi
		fi
	);
	STEP(shmif_number_drop, number[OTHER] = 0);
	if
	:: !taken -> goto look
	:: taken && w_lock == 0 -> goto lock_claimed
#ifndef OLD_CLAIM
	:: taken && w_lock != 0 && KIND(seen) == CLAIM -> goto look
#endif
	:: else
	fi;

redo:
	if
#ifndef NO_REDO
	:: KIND(seen) == INTENT ->
		STEP(shmif_redo_last, last = TO(seen));
		if
		:: gen % 2 == PARITY(seen) ->
			STEP(shmif_redo_gen, gen++)
		:: else
		fi
#endif
	:: KIND(seen) == REPAIRING -> goto repair
	:: else
	fi;
taken_over:
	STEP(shmif_taken_over, spare = MINE(HELD));
	goto holding;

sign:
	STEP(shmif_watch,
		if
		:: spare == seen ->
			spare = (KIND(seen) == WATCHED_OURS -> MINE(WATCHED_OURS) : MINE(WATCHED))
		:: else
		fi
	);
	goto look;

take_watched:
	STEP(shmif_take_watched,
		if
		:: spare == seen -> spare = MINE(CLAIM)
		:: else -> goto look
		fi
	);
	if
	:: lock == 0 -> goto lock_claimed
	:: atomic { else -> take(p + 1); begun = false; published = RECORDS(last, gen) }
	fi;
	STEP(shmif_hold, spare = MINE(HELD));
	goto holding;

break_foreign:
	STEP(shmif_break_sign,
		if
		:: spare == seen -> spare = MINE(REPAIRING)
		:: else -> goto look
		fi
	);
	atomic {
		if
		:: lock != w_lock || RECORDS(last, gen) != w_ring -> late = true
		:: else -> take(p + 1)
		fi
	}
	if
	:: late ->
		STEP(shmif_break_late, spare = 0);
		goto look
	:: else
	fi;
repair:
	if
#ifndef NO_REPAIR
	:: begun ->
		STEP(shmif_repair_gen, gen = (published + 1) / 2);
		STEP(shmif_repair_last, last = published % 2; begun = false; published = RECORDS(last, gen))
#endif
	:: else
	fi;
	STEP(shmif_broken, spare = MINE(HELD));

holding:
	assert(!begun);                            /* repaired */
	assert(RECORDS(last, gen) == published);   /* whole */
	if
	:: !wants
	:: wants /* reads */
	:: wants ->
#ifndef NO_L1
		n = RECORDS(last, gen);
#endif
		if
		:: n % 2 == 0 ->
			STEP(shmif_store_last,
				published++;
#ifndef NO_L2
				last = 0
#endif
			);
		:: n % 2 == 1 ->
			STEP(shmif_intent, skip);
#ifndef NO_INTENT
			atomic { spare = WORD(INTENT, p, 1, gen % 2); published++ }
#else
			published++;
#endif
			STEP(shmif_wrap_last, last = 1);
			STEP(shmif_wrap_gen, gen++);
			STEP(shmif_intent_done, spare = MINE(HELD))
		fi
	fi;

unlock:
#ifdef UNLOCK_FIRST
	STEP(shmif_unlock, let_go())
	STEP(shmif_unhold, spare = MINE(CLAIM));
#else
	STEP(shmif_unhold, spare = MINE(CLAIM));
	STEP(shmif_unlock, let_go())
#endif
#ifdef NO_L2
	last = (n == 0 -> last : (n % 2 == 0 -> 0 : 1));
#endif
	if
	:: wants -> rounds--
	:: else
	fi;
	STEP(shmif_unclaim, spare = 0);
	goto next;

died:
	skip;
	/* The kernel drops its number's lock, and that of the number that it was looking at. */
	d_step {
		if
		:: owner == p + 1 && !dead -> inside--; dead = true
		:: else
		fi;
		if
		:: number[OTHER] == p + 1 -> number[OTHER] = 0
		:: else
		fi;
		number[p] = 0;
		seen = 0; n = 0; taken = false; late = false; wants = false;
		w_lock = 0; w_ring = 0;
		if
		:: rounds > 0 -> rounds--
		:: else
		fi;
	}
	if
	:: goto begin
	:: atomic {
			gone == 0 -> gone++;
			if
			:: counted -> ready--
			:: else
			fi
		}
	fi;
left:
	skip
}

proctype kernel()
{
	byte rounds = KERNEL_ROUNDS;
	byte may_die = KERNEL_DEATHS;

	do
	:: rounds == 0 -> break
	:: else ->
		atomic { lock == 0 -> lock = 1; take(3) }
		if
		:: skip /* reads */
		:: begun = true;
			last = published % 2;
			if
			:: may_die > 0 -> may_die--; goto died
			:: skip
			fi;
			atomic { gen = (published + 1) / 2; published++; begun = false }
		fi;
		if
		:: may_die > 0 -> may_die--; goto died
		:: skip
		fi;
		assert(!begun && RECORDS(last, gen) == published); /* whole */
		atomic {
			assert(lock == 1); /* no panic */
			let_go()
		}
		rounds--;
		goto more;
died:
		skip;
		d_step { inside--; dead = true; rounds-- }
more:
		skip
	od;
	ready++
}

init {
	atomic {
		run port(0);
		run port(1);
		run kernel()
	}
}
