// SPDX-License-Identifier: GPL-2.0-only
/*
 * A life of the worker: its process, started, watched, killed.
 */
#include "broker/life/life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/life/exe.h"
#include "broker/life/helpers.h"
#include "lib/parcel.h"
#include "lib/util.h"

#define BEAT_LEN	4096	/* bytes of the page that the worker beats in */
/* For a worker to die after its end of the connection was closed. */
#define MUTE_MS		1000
/* The log says after so long that a worker of another broker does not die. */
#define FENCE_SAY_MS	1000
/* A worker that doesn't beat is looked at so often before it is killed. */
#define WATCHDOG_LOOKS	5

static int make_beat(struct hostd_life *life)
{
	void *mem;
	int err;

	life->beat_fd = memfd_create("pvkit-beat", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (life->beat_fd < 0)
		return -errno;
	if (ftruncate(life->beat_fd, BEAT_LEN) < 0 ||
	    fcntl(life->beat_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto close_beat;
	mem = mmap(NULL, BEAT_LEN, PROT_READ, MAP_SHARED, life->beat_fd, 0);
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

/*
 * Worker and helpers of a broker that was killed die with it, but one that hangs in the kernel does
 * so later: until then it could write beside the next (BUS-D3). What it holds says when.
 */
static int raise_fence(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;
	uint64_t now_ms = hostd_now_ms();
	int fd;

	if (life->fence_fd >= 0)
		return 0;
	fd = hostd_carrier_fence(&b->window);
	if (fd != -EAGAIN) {
		if (life->fence_said)
			hostd_log(HOSTD_LOG_INFO, "no process of another pvhostd has the window any more");
		life->fence_ms = 0;
		life->fence_said = false;
		life->fence_fd = fd < 0 ? -1 : fd;
		return fd < 0 ? fd : 0;
	}
	if (!life->fence_ms)
		life->fence_ms = now_ms;
	if (!life->fence_said && now_ms - life->fence_ms >= FENCE_SAY_MS) {
		hostd_log(HOSTD_LOG_WARN, "a worker of another pvhostd still has the window, and does not die: waiting until it does, since it may hang in a file system or device");
		life->fence_said = true;
	}
	return -EBUSY;
}

void hostd_life_drop_fence(struct hostd_broker *b)
{
	if (b->life.fence_fd >= 0)
		close(b->life.fence_fd);
	b->life.fence_fd = -1;
}

/* Connection and process. */
static int spawn(struct hostd_broker *b)
{
	static char arg0[] = "pvhostd", arg1[] = "--worker";
	static char *const argv[] = { arg0, arg1, NULL };
	struct hostd_life *life = &b->life;
	int pair[2], err;
	pid_t pid;

	err = hostd_parcel_pair(pair);
	if (err)
		return err;
	err = hostd_loop_add(&b->loop, &life->ipc, pair[0], EPOLLIN);
	if (err) {
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	pid = hostd_spawn(&b->exe, argv, pair[1], life->fence_fd);
	close(pair[1]);
	if (pid < 0) {
		hostd_loop_close(&b->loop, &life->ipc);
		return pid;
	}
	life->pid = pid;
	return 0;
}

int hostd_life_spawn(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;
	int err;

	err = life->beat ? 0 : make_beat(life);
	if (err)
		return err;
	err = raise_fence(b);
	if (err)
		return err;
	err = hostd_exe_choose(&b->exe);
	if (!err)
		err = spawn(b);
	if (err) {
		hostd_life_drop_fence(b);
		return err;
	}
	life->state = HOSTD_LIFE_STARTING;
	life->start_ms = hostd_now_ms();
	life->epoch = 0;
	life->accepted = false;
	life->judged = false;
	life->killed = false;
	life->faulty = false;
	life->mute = false;
	life->still = 0;
	life->beat_last = __atomic_load_n(life->beat, __ATOMIC_RELAXED);
	if (b->opt.watchdog_ms)
		hostd_timer_set(&life->watchdog, b->opt.watchdog_ms / WATCHDOG_LOOKS);
	return 0;
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
	if (why && !life->killed && hostd_broker_tells_death(b))
		hostd_log(HOSTD_LOG_WARN, "worker %d: %s: killing it", (int)life->pid, why);
	/* The next one is what was asked for. */
	if (!why)
		life->hushed = false;
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
	int err = make_beat(&b->life);

	hostd_timer_init(&b->loop, &b->life.watchdog, watchdog_due);
	/* Where there is a VM already each life tries again. */
	return b->opt.handover ? 0 : err;
}

void hostd_life_exit(struct hostd_broker *b)
{
	struct hostd_life *life = &b->life;

	hostd_loop_close(&b->loop, &life->ipc);
	if (life->beat_fd >= 0)
		close(life->beat_fd);
	if (life->beat)
		munmap((void *)life->beat, BEAT_LEN);
	hostd_life_drop_fence(b);
}
