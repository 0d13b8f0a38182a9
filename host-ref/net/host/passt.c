// SPDX-License-Identifier: GPL-2.0-only
/*
 * A passt of a NIC's own: started, started again when it ends, stopped, handed on.
 */
#include "net/host/passt.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/daemon.h"
#include "broker/errand/errand.h"
#include "broker/heir/state.h"
#include "lib/json.h"

#define DIR_PREFIX	"/tmp/pvkit-passt-"
#define SOCKET		"s"
#define USER		"nobody"	/* what it becomes where it is root */
#define WORDS_MAX	64
#define PAUSE_MIN_MS	200
#define PAUSE_MAX_MS	30000
/* One that has run for so long starts again soon. */
#define LONG_MS		10000

static int make_name(struct net_passt *p)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(p->dir, sizeof(p->dir), DIR_PREFIX "%016llx", (unsigned long long)random);
	snprintf(p->path, sizeof(p->path), "%s/" SOCKET, p->dir);
	return 0;
}

/* hostd_daemon_op.prepare: it finds its directory, which has a name that nobody could know. */
static int prepare(void *owner)
{
	const struct net_passt *p = owner;
	const struct passwd *user = geteuid() ? NULL : getpwnam(USER);

	if (mkdir(p->dir, 0700) && errno != EEXIST)
		goto failed;
	/* Where there is no such user, in a user namespace, it stays who it is. */
	if (!geteuid() && chown(p->dir, user ? user->pw_uid : 65534, user ? user->pw_gid : 65534) && errno != EINVAL)
		goto failed;
	if (chdir(p->dir))
		goto failed;
	unlink(SOCKET);
	return 0;

failed:
	dprintf(STDERR_FILENO, "%s: %s\n", p->dir, strerror(errno));
	return -errno;
}

static void ended(void *owner, const char *why)
{
	struct net_passt *p = owner;

	p->daemon = NULL;
	if (hostd_now_ms() - p->start_ms >= LONG_MS)
		p->pause_ms = PAUSE_MIN_MS;
	hostd_log(HOSTD_LOG_WARN, "%s: passt has ended: %s: starting it again in %u ms", p->id, why, p->pause_ms);
	hostd_timer_set(&p->restart, p->pause_ms);
	p->pause_ms = p->pause_ms * 2 < PAUSE_MAX_MS ? p->pause_ms * 2 : PAUSE_MAX_MS;
}

/* Its command line: @words gets copies, which are parts of @text. */
static void make_words(char *words[WORDS_MAX], char *mtu, char *text)
{
	static char name[] = "passt", foreground[] = "-f", quiet[] = "-q", sock[] = "-s", path[] = SOCKET, opt_mtu[] = "-m";
	char *const first[] = { name, foreground, quiet, sock, path, opt_mtu, mtu };
	unsigned int nr = HOSTD_ARRAY_SIZE(first);
	char *word;

	memcpy(words, first, sizeof(first));
	while (text && (word = strsep(&text, " ")) && nr < WORDS_MAX - 1)
		if (*word)
			words[nr++] = word;
	words[nr] = NULL;
}

static void spawn(struct net_passt *p)
{
	char *words[WORDS_MAX], mtu[16], *text = p->options ? strdup(p->options) : NULL;
	const struct hostd_daemon_op op = { .argv = words, .prepare = prepare, .ended = ended, .owner = p };

	snprintf(mtu, sizeof(mtu), "%u", p->mtu);
	make_words(words, mtu, text);
	p->start_ms = hostd_now_ms();
	p->daemon = hostd_daemon_start(p->b, &op);
	if (!p->daemon)
		ended(p, strerror(errno));
	free(text);
}

static void restart_due(struct hostd_timer *timer)
{
	struct net_passt *p = hostd_container_of(timer, struct net_passt, restart);

	if (p->started && !p->daemon)
		spawn(p);
}

int net_passt_init(struct net_passt *p, struct hostd_broker *b, const char *id)
{
	p->b = b;
	p->id = id;
	p->pause_ms = PAUSE_MIN_MS;
	hostd_timer_init(&b->loop, &p->restart, restart_due);
	return make_name(p);
}

void net_passt_start(struct net_passt *p)
{
	if (p->started)
		return;
	p->started = true;
	p->pause_ms = PAUSE_MIN_MS;
	if (!p->daemon)
		spawn(p);
}

/* hostd_errand_op.work: what is in /tmp may be on any file system. */
static void clean_up(const void *job, int sock)
{
	char path[NET_PASST_PATH_LEN];

	(void)sock;
	snprintf(path, sizeof(path), "%.*s/" SOCKET, NET_PASST_DIR_LEN - 1, (const char *)job);
	unlink(path);
	rmdir(job);
}

static void remove_dir(struct hostd_broker *b, const char *dir)
{
	const struct hostd_errand_op op = {
		.work = clean_up, .job = dir, .report_len = sizeof(struct hostd_errand_report), .keep_fd = -1,
		.doing = "removing", .shown = dir, .suspect = "its file system does not answer",
	};
	char err[HOSTD_ERROR_MAX];

	if (hostd_errand_start(b, &op, err))
		hostd_log(HOSTD_LOG_WARN, "%s", err);
}

void net_passt_stop(struct net_passt *p)
{
	if (!p->started)
		return;
	p->started = false;
	hostd_timer_cancel(&p->restart);
	if (p->daemon)
		hostd_daemon_stop(p->daemon);
	p->daemon = NULL;
	remove_dir(p->b, p->dir);
}

void net_passt_exit(struct net_passt *p)
{
	if (!p->b)
		return;
	net_passt_stop(p);
	hostd_timer_exit(&p->b->loop, &p->restart);
}

void net_passt_save(const struct net_passt *p, struct json_object *kept, struct json_object *fds)
{
	if (!p->started)
		return;
	hostd_json_add_str(kept, "passt_dir", p->dir);
	hostd_json_add_u64(kept, "passt_pid", p->daemon ? p->daemon->pid : 0);
	if (p->daemon && p->daemon->output.fd >= 0)
		hostd_json_add_u64(fds, "passt_output", p->daemon->output.fd);
}

void net_passt_restore(struct net_passt *p, struct json_object *kept, struct json_object *fds)
{
	const struct hostd_daemon_op op = { .ended = ended, .owner = p };
	const char *dir = hostd_json_str(kept, "passt_dir");
	pid_t pid = hostd_json_u64(kept, "passt_pid", 0);

	if (!dir || strncmp(dir, DIR_PREFIX, strlen(DIR_PREFIX)) || strlen(dir) >= sizeof(p->dir) ||
	    strchr(dir + strlen(DIR_PREFIX), '/'))
		return;
	/* The passt of a broker that was killed has died with it. */
	if (!p->b->opt.handover || pid <= 0) {
		remove_dir(p->b, dir);
		return;
	}
	snprintf(p->dir, sizeof(p->dir), "%s", dir);
	snprintf(p->path, sizeof(p->path), "%s/" SOCKET, dir);
	p->daemon = hostd_daemon_adopt(p->b, &op, pid, hostd_kept_fd(fds, "passt_output"));
	p->started = p->daemon;
	p->start_ms = hostd_now_ms();
}
