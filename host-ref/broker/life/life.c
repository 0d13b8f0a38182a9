// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lives of the worker: start, watch, kill, reap, start again.
 *
 * A worker is started only after the one before and its helpers were reaped: then no
 * write of the dead ones can land after the replay (BUS-D3).
 */
#include "broker/life/life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blk/opener.h"
#include "broker/broker.h"
#include "broker/life/exe.h"
#include "broker/life/helpers.h"
#include "broker/life/request.h"
#include "broker/life/session.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

#define SHORT_LIFE_MS	1000
#define GIVE_UP		5	/* short lives, when none has served yet or the program is a new one */
#define BACKOFF_MIN_MS	20
#define BACKOFF_MAX_MS	5000
/* One that was killed from outside (SIGKILL) did nothing wrong; a killer without end is no operator. */
#define KILLED_OFTEN	32
#define BACKOFF_KILLED_MS 100
#define BACKOFF_KILLED_OFTEN_MS 1000
/* For a worker to die after its end of the connection was closed. */
#define MUTE_MS		1000
/* A worker that doesn't beat is looked at so often before it is killed. */
#define WATCHDOG_LOOKS	5

static int make_beat(struct hostd_life *life)
{
	void *mem;
	int err;

	life->beat_fd = memfd_create("pvkit-beat", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (life->beat_fd < 0)
		return -errno;
	if (ftruncate(life->beat_fd, HOSTD_BEAT_LEN) < 0 ||
	    fcntl(life->beat_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto close_beat;
	mem = mmap(NULL, HOSTD_BEAT_LEN, PROT_READ, MAP_SHARED, life->beat_fd, 0);
	if (mem == MAP_FAILED)
		goto close_beat;
	life->beat = mem;
	return 0;

close_beat:
	err = -errno;
	close(life->beat_fd);
	life->beat_fd = -1;
	return err;
}

/* The first two at once, then later and later while lives stay short. */
static void start_later(struct hostd_broker *b, uint64_t max_ms)
{
	unsigned int nr = b->life.short_lives;
	uint64_t delay_ms;

	if (nr < 2) {
		hostd_life_start(b);
		return;
	}
	delay_ms = (uint64_t)BACKOFF_MIN_MS << (nr - 2 < 8 ? nr - 2 : 8);
	if (delay_ms > max_ms)
		delay_ms = max_ms;
	if (delay_ms >= 1000)
		hostd_log(HOSTD_LOG_WARN, "%u workers in a row died within a second: the next starts in %u ms",
			  nr, (unsigned int)delay_ms);
	hostd_timer_set(&b->life.restart, delay_ms);
}

void hostd_life_start(struct hostd_broker *b)
{
	static char arg0[] = "pvhostd", arg1[] = "--worker";
	static char *const argv[] = { arg0, arg1, NULL };
	struct hostd_life *life = &b->life;
	int fd, worker_fd, err;
	pid_t pid;

	hostd_timer_cancel(&life->restart);
	err = hostd_exe_choose(&b->exe);
	if (!err)
		err = hostd_ipc_pair(&fd, &worker_fd);
	if (err)
		goto failed;
	err = hostd_loop_add(&b->loop, &life->ipc, fd, EPOLLIN);
	if (err) {
		close(fd);
		close(worker_fd);
		goto failed;
	}
	pid = hostd_spawn(&b->exe, argv, worker_fd);
	close(worker_fd);
	if (pid < 0) {
		err = pid;
		hostd_loop_close(&b->loop, &life->ipc);
		goto failed;
	}

	life->pid = pid;
	life->state = HOSTD_LIFE_STARTING;
	life->start_ms = hostd_now_ms();
	life->epoch = 0;
	life->accepted = false;
	life->killed = false;
	life->faulty = false;
	life->mute = false;
	life->still = 0;
	life->beat_last = __atomic_load_n(life->beat, __ATOMIC_RELAXED);
	if (b->opt.watchdog_ms)
		hostd_timer_set(&life->watchdog, b->opt.watchdog_ms / WATCHDOG_LOOKS);
	hostd_session_start(b);
	return;

failed:
	hostd_log(HOSTD_LOG_ERR, "cannot start a worker: %s: trying again in 1 s", strerror(-err));
	hostd_timer_set(&life->restart, 1000);
}

void hostd_life_kill(struct hostd_broker *b, const char *why)
{
	struct hostd_life *life = &b->life;

	if (life->released && !why && !b->stopping)
		return;
	if (!life->pid) {
		if (!life->released)
			hostd_timer_set(&life->restart, 0);
		return;
	}
	if (why && !life->killed)
		hostd_log(HOSTD_LOG_WARN, "worker %d: %s: killing it", (int)life->pid, why);
	life->killed = true;
	life->faulty |= why != NULL;
	life->state = HOSTD_LIFE_DOWN;
	kill(life->pid, SIGKILL);
	/* What it says from now on counts for nothing. */
	hostd_loop_close(&b->loop, &life->ipc);
	hostd_helpers_kill(b);
}

void hostd_life_mute(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;

	hostd_loop_close(&b->loop, &life->ipc);
	life->state = HOSTD_LIFE_DOWN;
	life->mute = true;
	hostd_timer_set(&life->watchdog, MUTE_MS);
}

static void quit_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	(void)b, (void)ctx, (void)reply, (void)error;
}

void hostd_life_release(struct hostd_broker *b)
{
	struct hostd_request_op op = { .done = quit_done, .patient = true };
	struct hostd_life *life = &b->life;

	life->released = true;
	hostd_timer_cancel(&life->restart);
	if (!life->pid) {
		hostd_session_released(b, NULL);
		return;
	}
	/* To finish takes as long as the media need, and it does not beat meanwhile. */
	life->state = HOSTD_LIFE_DOWN;
	hostd_timer_cancel(&life->watchdog);
	hostd_timer_cancel(&life->retry);
	op.msg = json_object_new_object();
	hostd_json_add_str(op.msg, "op", "quit");
	hostd_json_add_bool(op.msg, "sync", true);
	if (hostd_request_send(b, &op))
		hostd_life_kill(b, "it takes no messages");
}

static void log_death(const struct hostd_life *life, int status)
{
	if (life->killed || (life->released && !status))
		return;
	if (WIFSIGNALED(status))
		hostd_log(HOSTD_LOG_WARN, "worker %d was killed by signal %d (%s)", (int)life->pid,
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == HOSTD_NO_EXEC)
		hostd_log(HOSTD_LOG_ERR, "worker %d could not be executed", (int)life->pid);
	else
		hostd_log(HOSTD_LOG_WARN, "worker %d exited with status %d", (int)life->pid,
			  WEXITSTATUS(status));
}

/* It was killed, and nobody says that it did something wrong. */
static bool is_innocent(const struct hostd_life *life)
{
	return !life->faulty && WIFSIGNALED(life->status) && WTERMSIG(life->status) == SIGKILL;
}

/* Does a program that was replaced cause this? Then the next life has the old one. */
static void judge_exe(struct hostd_broker *b)
{
	const struct hostd_life *life = &b->life;

	if (!b->exe.is_other || b->stopping || is_innocent(life))
		return;
	if (!life->accepted)
		hostd_exe_refuse(&b->exe, "its worker ended before it had begun");
	else if (life->short_lives >= GIVE_UP)
		hostd_exe_refuse(&b->exe, "its workers die within a second");
}

static void worker_died(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;

	if (!b->stopping)
		log_death(life, life->status);
	life->down_ms = hostd_now_ms();
	if ((life->killed && !life->faulty) || life->down_ms - life->start_ms >= SHORT_LIFE_MS)
		life->short_lives = 0;
	else
		life->short_lives++;
	judge_exe(b);
	life->pid = 0;
	life->state = HOSTD_LIFE_DOWN;
	life->epoch = 0;
	life->ending = true;
	hostd_timer_cancel(&life->watchdog);
	hostd_timer_cancel(&life->retry);
	/* Descriptors still on their way to it are closed with the connection. */
	hostd_loop_close(&b->loop, &life->ipc);
	hostd_helpers_kill(b);
	hostd_request_fail_all(b);
}

/* Nothing of the last life can reach window, media or the guest's memory any more. */
static void life_ended(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;
	uint64_t max_ms = BACKOFF_MAX_MS;

	life->ending = false;
	if (b->stopping) {
		b->loop.stop = true;
		return;
	}
	if (life->released) {
		hostd_session_released(b, life->status ? "the worker died before all was on the media: 'pvctl restart-worker', then release again" : NULL);
		return;
	}
	if (!b->ready && life->short_lives >= GIVE_UP) {
		hostd_log(HOSTD_LOG_ERR, "the worker dies as soon as it starts: giving up, see the lines above");
		hostd_broker_stop(b, EXIT_FAILURE);
		return;
	}
	life->restarts++;
	if (is_innocent(life))
		max_ms = life->short_lives < KILLED_OFTEN ? BACKOFF_KILLED_MS : BACKOFF_KILLED_OFTEN_MS;
	start_later(b, max_ms);
}

static bool has_died(pid_t pid)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == pid;
}

void hostd_life_reap(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;

	if (life->pid && has_died(life->pid)) {
		/* Its last words say why. */
		hostd_request_drain(b);
		waitpid(life->pid, &life->status, 0);
		worker_died(b);
	}
	hostd_helpers_reap(b);
	hostd_openers_reap(b);
	if (life->ending && !b->helpers)
		life_ended(b);
}

static void restart_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, life.restart);

	if (!b->life.pid && !b->life.ending && !b->stopping)
		hostd_life_start(b);
}

static void watchdog_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, life.watchdog);
	struct hostd_life *life = &b->life;
	uint64_t beat = __atomic_load_n(life->beat, __ATOMIC_RELAXED);

	if (life->mute)
		hostd_life_kill(b, "it has closed its connection");
	if (!life->pid || life->state == HOSTD_LIFE_DOWN)
		return;
	life->still = beat == life->beat_last ? life->still + 1 : 0;
	life->beat_last = beat;
	if (life->still >= WATCHDOG_LOOKS)
		hostd_life_kill(b, "it does not beat any more");
	else
		hostd_timer_set(timer, b->opt.watchdog_ms / WATCHDOG_LOOKS);
}

int hostd_life_init(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;

	life->ipc.fd = -1;
	life->ipc.ready = hostd_request_ready;
	life->down_ms = hostd_now_ms();
	hostd_timer_init(&b->loop, &life->restart, restart_due);
	hostd_timer_init(&b->loop, &life->retry, hostd_session_retry);
	hostd_timer_init(&b->loop, &life->watchdog, watchdog_due);
	return make_beat(life);
}
