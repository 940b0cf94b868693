/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Runs one measurement: a bus and its processes.
 *
 * The counters are read twice in the middle of the traffic, and the difference is
 * the rate. It contains neither the start nor the end of a process. Then the
 * senders end, the receivers take what is left, and the sums must agree.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "say.h"
#include "shmbus_clock.h"
#include "stop.h"

#define WARM_UP_S 0.2
#define TICK_NS (2 * 1000 * 1000)

/* A receiver that still receives after this time never comes to an end. */
#define DRAIN_S 60

struct run {
	const struct bench_conf *conf;
	struct bench_board *board;
	pid_t pids[BENCH_WORKERS_MAX];
	unsigned int n;
	uint32_t size;
};

static double
now_s(void)
{
	return (double)shmbus_clock_mono_ns() / 1e9;
}

/* ---- processes */

/* Binds a process to one CPU: the CPUs given, or else those allowed, are taken in turn. */
static void
pin(const struct bench_conf *conf, unsigned int number)
{
	cpu_set_t allowed, one;
	int cpu, left;

	CPU_ZERO(&one);
	if (conf->n_cpus != 0) {
		CPU_SET(conf->cpus[number % conf->n_cpus], &one);
	} else {
		if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
			return;
		left = (int)number % CPU_COUNT(&allowed);
		for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &allowed) && left-- == 0)
				CPU_SET(cpu, &one);
	}
	/* cmd.c has checked the CPUs. If this fails even so, the scheduler chooses. */
	sched_setaffinity(0, sizeof(one), &one);
}

static int
start(struct run *run, const char *path, enum bench_role role)
{
	const unsigned int number = run->n;
	const pid_t parent = getpid();
	pid_t pid;

	pid = fork();
	if (pid < 0) {
		say("cannot start a process: %s", strerror(errno));
		return -errno;
	}
	if (pid == 0) {
		/* Ctrl-C also signals this process. Only the parent reacts, and ends its workers. */
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		pin(run->conf, number);
		bench_worker(run->conf, path, role, run->size, number, run->board);
	}
	run->pids[run->n++] = pid;
	return 0;
}

/* Returns 0 if all workers are running and no signal came; else -errno. */
static int
look(struct run *run)
{
	unsigned int i;
	int status;

	if (stop_wanted())
		return -EINTR;
	for (i = 0; i < run->n; i++) {
		if (run->pids[i] == 0 || waitpid(run->pids[i], &status, WNOHANG) != run->pids[i])
			continue;
		run->pids[i] = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		run->board->seats[i].error[sizeof(run->board->seats[i].error) - 1] = '\0';
		if (WIFSIGNALED(status))
			say("process %u died: %s", i, strsignal(WTERMSIG(status)));
		else
			say("process %u: %s", i, run->board->seats[i].error);
		return -ECHILD;
	}
	return 0;
}

static int
nap(struct run *run)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };

	nanosleep(&tick, NULL);
	return look(run);
}

static int
nap_until(struct run *run, double when, const char *what)
{
	int ret = 0;

	while (ret == 0 && now_s() < when) {
		say_progress("%u bytes: %s, %.1f s left", run->size, what, when - now_s());
		ret = nap(run);
	}
	return ret;
}

static void
set_phase(struct run *run, enum bench_phase phase)
{
	atomic_store_explicit(&run->board->phase, phase, memory_order_release);
}

static int
wait_ready(struct run *run)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < run->n && ret == 0; i++)
		while (ret == 0 &&
		       !atomic_load_explicit(&run->board->seats[i].ready, memory_order_acquire))
			ret = nap(run);
	return ret;
}

static void
end(struct run *run, bool kill_them)
{
	unsigned int i;

	set_phase(run, BENCH_END);
	for (i = 0; i < run->n; i++) {
		if (run->pids[i] == 0)
			continue;
		if (kill_them)
			kill(run->pids[i], SIGKILL);
		waitpid(run->pids[i], NULL, 0);
	}
	munmap(run->board, sizeof(*run->board));
	say_progress_clear();
}

/*
 * Makes the bus, and starts a process for each station. The file is removed as soon
 * as all stations have attached.
 */
static int
begin(struct run *run, const struct bench_conf *conf, const char *path, uint32_t size,
      enum bench_role first, uint32_t n_first, enum bench_role second, uint32_t n_second)
{
	const struct shmbus_conf bus = {
		.format = conf->format,
		.lane_size = conf->lane_size,
		.numa = conf->numa,
		.ports = conf->format == SHMBUS_FORMAT_LANES ? n_first + n_second : 0,
		.queues = conf->format == SHMBUS_FORMAT_LANES ? 1 : 0,
	};
	uint32_t i;
	int ret;

	memset(run, 0, sizeof(*run));
	run->conf = conf;
	run->size = size;
	run->board = mmap(NULL, sizeof(*run->board), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->board == MAP_FAILED)
		return say_no_memory();
	ret = shmbus_create(path, &bus);
	if (ret != 0) {
		munmap(run->board, sizeof(*run->board));
		return say_library_error(ret);
	}
	for (i = 0; ret == 0 && i < n_first; i++)
		ret = start(run, path, first);
	for (i = 0; ret == 0 && i < n_second; i++)
		ret = start(run, path, second);
	if (ret == 0)
		ret = wait_ready(run);
	unlink(path);
	if (ret != 0)
		end(run, true);
	return ret;
}

/* ---- throughput */

struct look {
	double when;
	uint64_t sent;
	uint64_t received;
};

static struct look
take_look(const struct run *run)
{
	const struct bench_conf *conf = run->conf;
	struct look found = { .when = now_s() };
	unsigned int i;
	uint64_t frames;

	for (i = 0; i < run->n; i++) {
		frames = atomic_load_explicit(&run->board->seats[i].frames, memory_order_relaxed);
		if (i < conf->senders)
			found.sent += frames;
		else
			found.received += frames;
	}
	return found;
}

/* Ends the senders, and waits until the receivers have taken all that is left. */
static int
drain(struct run *run)
{
	const double limit = now_s() + DRAIN_S;
	unsigned int i;
	int ret = 0;

	set_phase(run, BENCH_STOP);
	for (i = 0; i < run->conf->senders; i++)
		while (ret == 0 && run->pids[i] != 0)
			ret = nap(run);
	set_phase(run, BENCH_DRAIN);
	for (; ret == 0 && i < run->n; i++) {
		while (ret == 0 &&
		       !atomic_load_explicit(&run->board->seats[i].idle, memory_order_acquire)) {
			ret = nap(run);
			if (now_s() < limit)
				continue;
			say("process %u still receives %d s after the last frame was sent", i, DRAIN_S);
			ret = -ETIMEDOUT;
		}
	}
	return ret;
}

static void
count(const struct run *run, struct bench_result *result)
{
	struct bench_receipt receipt;
	struct bench_seat *seat;
	unsigned int i;

	result->sent = take_look(run).sent;
	for (i = run->conf->senders; i < run->n; i++) {
		seat = &run->board->seats[i];
		receipt = (struct bench_receipt){
			.received = atomic_load_explicit(&seat->frames, memory_order_relaxed),
			.missed = atomic_load_explicit(&seat->missed, memory_order_relaxed),
			.overruns = atomic_load_explicit(&seat->overruns, memory_order_relaxed),
			.bad = atomic_load_explicit(&seat->bad, memory_order_relaxed),
		};
		bench_account(result, run->conf->format, &receipt);
	}
}

int
bench_throughput(const struct bench_conf *conf, const char *path, uint32_t size,
		 struct bench_result *result)
{
	struct look from = { .when = 0 }, to = { .when = 0 };
	struct run run;
	int ret;

	*result = (struct bench_result){ .size = size };
	ret = begin(&run, conf, path, size, BENCH_SENDER, conf->senders, BENCH_RECEIVER,
		    conf->receivers);
	if (ret != 0)
		return ret;
	set_phase(&run, BENCH_GO);
	ret = nap_until(&run, now_s() + WARM_UP_S, "warming up");
	if (ret == 0) {
		from = take_look(&run);
		ret = nap_until(&run, from.when + conf->seconds, "measuring");
		to = take_look(&run);
	}
	if (ret == 0)
		ret = drain(&run);
	if (ret == 0) {
		count(&run, result);
		result->tx_pps = (double)(to.sent - from.sent) / (to.when - from.when);
		result->rx_pps = (double)(to.received - from.received) / (to.when - from.when) /
				 conf->receivers;
	}
	end(&run, ret != 0);
	return ret;
}

/* ---- latency */

int
bench_latency(const struct bench_conf *conf, const char *path, uint32_t size,
	      struct bench_latency *result)
{
	struct run run;
	unsigned int i;
	int ret;

	ret = begin(&run, conf, path, size, BENCH_PING, 1, BENCH_PONG, 1);
	if (ret != 0)
		return ret;
	set_phase(&run, BENCH_GO);
	ret = nap_until(&run, now_s() + conf->seconds, "latency");
	set_phase(&run, BENCH_END);
	for (i = 0; i < run.n; i++)
		while (ret == 0 && run.pids[i] != 0)
			ret = nap(&run);
	if (ret == 0) {
		result->size = size;
		result->round_trip = run.board->seats[0].latency;
		result->one_way = run.board->seats[1].latency;
	}
	end(&run, ret != 0);
	return ret;
}
