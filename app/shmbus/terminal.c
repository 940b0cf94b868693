/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * The terminal belongs to the shell and all its jobs, and is set back whenever this
 * process does not run in the foreground. The kernel stops a background process that
 * sets its terminal (SIGTTOU), so such a process leaves the terminal alone.
 *
 *   event                       the terminal is
 *   begins in the foreground    set
 *   begins in the background    left alone
 *   SIGTSTP (^Z)                set back, then the process stops
 *   SIGCONT, in the foreground  set again
 *   SIGCONT, in the background  left alone: the shell has set it back
 *   SIGINT, SIGTERM             set back at the first signal: the second one kills
 *   SIGQUIT, SIGHUP             set back, then the process dies
 *   the end                     set back
 *
 * The work is done in signal handlers, with all signals blocked. A SIGTTOU that is
 * blocked stops no process, in case that the shell is just changing the foreground.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

#include "stop.h"
#include "terminal.h"

static struct termios before;
static volatile sig_atomic_t is_set;

/* A terminal that is not the controlling one knows no foreground: no job control applies. */
static bool
in_foreground(void)
{
	const pid_t group = tcgetpgrp(STDIN_FILENO);

	return group == getpgrp() || (group < 0 && errno == ENOTTY);
}

/* All signals are blocked in these two. */
static void
set(void)
{
	struct termios keys;

	if (!in_foreground() || stop_wanted())
		return;
	if (!is_set && tcgetattr(STDIN_FILENO, &before) != 0)
		return;
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	is_set = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
}

static void
set_back(void)
{
	if (is_set && in_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	is_set = 0;
}

static void
catch(int signal, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigfillset(&action.sa_mask);
	sigaction(signal, &action, NULL);
}

/* Lets a signal do what it does by default: it stops or kills this process. */
static void
give_in(int signal)
{
	sigset_t one;

	catch(signal, SIG_DFL);
	raise(signal);
	sigemptyset(&one);
	sigaddset(&one, signal);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void
on_stop_or_death(int signal)
{
	const int saved = errno;

	set_back();
	give_in(signal);
	/* Only a process that was stopped comes here. SIGCONT is pending until this handler ends. */
	catch(signal, on_stop_or_death);
	errno = saved;
}

static void
on_continue(int signal)
{
	const int saved = errno;

	(void)signal;
	set();
	errno = saved;
}

/* A signal that the parent has set to be ignored stays ignored: nohup(1) does that. */
static void
catch_unless_ignored(int signal, void (*handler)(int))
{
	struct sigaction now;

	if (sigaction(signal, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
		catch(signal, handler);
}

void
terminal_begin(void)
{
	sigset_t all, old;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	stop_call(set_back);
	catch_unless_ignored(SIGTSTP, on_stop_or_death);
	catch_unless_ignored(SIGQUIT, on_stop_or_death);
	catch_unless_ignored(SIGHUP, on_stop_or_death);
	catch(SIGCONT, on_continue);
	set();
	sigprocmask(SIG_SETMASK, &old, NULL);
}

void
terminal_end(void)
{
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	set_back();
	sigprocmask(SIG_SETMASK, &old, NULL);
}

int
terminal_keys(void)
{
	return is_set ? STDIN_FILENO : -1;
}
