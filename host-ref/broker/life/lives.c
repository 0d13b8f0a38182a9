// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lives of the worker: start, reap, start again, or release.
 *
 * A worker is started only after the one before and its helpers were reaped: then no
 * write of the dead ones can land after the replay (BUS-D3).
 */
#include "broker/life/lives.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/broker.h"
#include "broker/heir/state.h"
#include "broker/heir/upgrade.h"
#include "broker/life/exe.h"
#include "broker/life/helpers.h"
#include "broker/life/life.h"
#include "broker/life/request.h"
#include "broker/life/session.h"
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
/* Whether another broker's life has ended is looked at so often. */
#define FENCE_LOOK_MS	10

/* The first two at once, then later and later while lives stay short. */
static void start_later(struct hostd_broker *b, uint64_t max_ms)
{
	unsigned int nr = b->life.short_lives;
	uint64_t delay_ms;

	if (nr < 2) {
		hostd_lives_start(b);
		return;
	}
	delay_ms = (uint64_t)BACKOFF_MIN_MS << (nr - 2 < 8 ? nr - 2 : 8);
	if (delay_ms > max_ms)
		delay_ms = max_ms;
	if (delay_ms >= 1000 && hostd_broker_tells_death(b))
		hostd_log(HOSTD_LOG_WARN, "%u workers in a row died within a second: the next starts in %u ms",
			  nr, (unsigned int)delay_ms);
	hostd_timer_set(&b->life.restart, delay_ms);
}

void hostd_lives_start(struct hostd_broker *b)
{
	int err;

	hostd_timer_cancel(&b->life.restart);
	/* There is a life when there is a window (carrier/ivshmem.c). */
	if (b->window.memfd < 0)
		return;
	err = hostd_life_spawn(b);
	if (err == -EBUSY) {
		hostd_timer_set(&b->life.restart, FENCE_LOOK_MS);
		return;
	}
	if (err && err != b->life.refused)
		hostd_log(HOSTD_LOG_ERR, "cannot start a worker: %s: trying again each second", strerror(-err));
	b->life.refused = err;
	if (err)
		hostd_timer_set(&b->life.restart, 1000);
	else
		hostd_session_start(b);
}

static void quit_done(struct hostd_broker *b, void *ctx, struct json_object *reply,
		      const char *error)
{
	(void)b, (void)ctx, (void)reply, (void)error;
}

void hostd_lives_release(struct hostd_broker *b)
{
	struct hostd_request_op op = { .done = quit_done, .patient = true };
	struct hostd_life *life = &b->life;
	char why[HOSTD_ERROR_MAX];
	int err;

	life->released = true;
	hostd_state_save(b);
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
	err = hostd_request_send(b, &op);
	if (!err)
		return;
	snprintf(why, sizeof(why), "it takes no messages: %s", strerror(-err));
	hostd_life_kill(b, why);
}

static void log_death(struct hostd_broker *b, int status)
{
	const struct hostd_life *life = &b->life;

	if (life->killed || (life->released && !status) || !hostd_broker_tells_death(b))
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
		log_death(b, life->status);
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
	hostd_life_drop_fence(b);
	if (!b->stopping)
		hostd_upgrade_go(b);
	if (b->stopping) {
		b->loop.stop = true;
		return;
	}
	if (life->released) {
		hostd_session_released(b, life->status ? "the worker died before all was on the media: 'pvctl restart-worker', then release again" : NULL);
		return;
	}
	if (!b->ready && !b->began && life->short_lives >= GIVE_UP) {
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

void hostd_lives_reap(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;
	bool faulty;

	if (life->pid && has_died(life->pid)) {
		/* Its last words say why. */
		hostd_request_drain(b);
		waitpid(life->pid, &life->status, 0);
		worker_died(b);
	}
	if (hostd_helpers_reap(b, &faulty)) {
		hostd_life_kill(b, "its helper died");
		life->faulty = faulty;
	}
	if (life->ending && !b->helpers)
		life_ended(b);
}

static void restart_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, life.restart);

	if (!b->life.pid && !b->life.ending && !b->stopping)
		hostd_lives_start(b);
}

int hostd_lives_init(struct hostd_broker *b)
{
	int err = hostd_life_init(b);

	if (err)
		return err;
	b->life.down_ms = hostd_now_ms();
	hostd_timer_init(&b->loop, &b->life.restart, restart_due);
	return 0;
}
