// SPDX-License-Identifier: GPL-2.0-only
/*
 * Daemons: programs of others' that run for as long as a device needs them.
 */
#include "broker/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "lib/proc/process.h"

#define NO_EXEC		127

/* Keep the last line that is not empty. */
static void take_words(struct hostd_daemon *d, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		snprintf(d->words, sizeof(d->words), "%.*s", HOSTD_SHOWN_MAX - 1, line);
		hostd_text_clean(d->words);
	}
}

static void output_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_daemon *d = hostd_container_of(src, struct hostd_daemon, output);
	char text[1024];
	ssize_t len = read(src->fd, text, sizeof(text) - 1);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		hostd_loop_close(&d->b->loop, src);
		return;
	}
	text[len] = 0;
	take_words(d, text);
}

/* In the child: it holds nothing of the broker's but the pipe. */
static void __attribute__((noreturn)) become(const struct hostd_daemon_op *op, int output, pid_t broker)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != broker)
		_exit(1);
	setpgid(0, 0);
	hostd_fds_shut(&output, 1, true);
	hostd_fds_shut_std();
	dup2(output, STDERR_FILENO);
	if (op->prepare && op->prepare(op->owner))
		_exit(1);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(output);
	execvp(op->argv[0], op->argv);
	dprintf(STDERR_FILENO, "%s: %s\n", op->argv[0], strerror(errno));
	_exit(NO_EXEC);
}

static struct hostd_daemon *alloc(struct hostd_broker *b, const struct hostd_daemon_op *op)
{
	struct hostd_daemon *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->b = b;
	d->ended = op->ended;
	d->owner = op->owner;
	d->output.fd = -1;
	d->output.ready = output_ready;
	return d;
}

static void enlist(struct hostd_daemon *d, pid_t pid)
{
	d->pid = pid;
	d->next = d->b->daemons;
	d->b->daemons = d;
}

struct hostd_daemon *hostd_daemon_start(struct hostd_broker *b, const struct hostd_daemon_op *op)
{
	struct hostd_daemon *d = alloc(b, op);
	pid_t broker = getpid(), pid;
	int ends[2];

	if (!d)
		return NULL;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		goto free_daemon;
	if (hostd_loop_add(&b->loop, &d->output, ends[0], EPOLLIN))
		goto close_pipe;
	pid = fork();
	if (!pid)
		become(op, ends[1], broker);
	if (pid < 0)
		goto close_pipe;
	close(ends[1]);
	enlist(d, pid);
	return d;

close_pipe:
	close(ends[0]);
	close(ends[1]);
free_daemon:
	free(d);
	return NULL;
}

struct hostd_daemon *hostd_daemon_adopt(struct hostd_broker *b, const struct hostd_daemon_op *op, pid_t pid,
					int output)
{
	struct hostd_daemon *d = alloc(b, op);

	if (!d) {
		if (output >= 0)
			close(output);
		return NULL;
	}
	if (output >= 0 && hostd_loop_add(&b->loop, &d->output, output, EPOLLIN))
		close(output);
	enlist(d, pid);
	return d;
}

void hostd_daemon_stop(struct hostd_daemon *d)
{
	d->ended = NULL;
	kill(d->pid, SIGKILL);
}

static void describe_end(const struct hostd_daemon *d, int status, char *text, size_t len)
{
	if (WIFSIGNALED(status))
		snprintf(text, len, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (*d->words)
		snprintf(text, len, "%s", d->words);
	else
		snprintf(text, len, "exited with status %d", WEXITSTATUS(status));
}

void hostd_daemons_reap(struct hostd_broker *b)
{
	struct hostd_daemon **link = &b->daemons, *d;
	char text[HOSTD_ERROR_MAX];
	int status;

	while ((d = *link)) {
		pid_t pid = waitpid(d->pid, &status, WNOHANG);

		if (!pid || (pid < 0 && errno != ECHILD)) {
			link = &d->next;
			continue;
		}
		*link = d->next;
		if (d->output.fd >= 0)
			output_ready(&d->output, 0);
		describe_end(d, pid < 0 ? 0 : status, text, sizeof(text));
		hostd_loop_close(&b->loop, &d->output);
		if (d->ended)
			d->ended(d->owner, text);
		free(d);
	}
}

void hostd_daemons_free(struct hostd_broker *b)
{
	struct hostd_daemon *d;

	while ((d = b->daemons)) {
		b->daemons = d->next;
		kill(d->pid, SIGKILL);
		hostd_loop_close(&b->loop, &d->output);
		free(d);
	}
}

bool hostd_daemon_is_installed(const char *name)
{
	const char *path = getenv("PATH") ?: "/usr/bin:/bin:/usr/sbin:/sbin";
	char file[PATH_MAX];
	size_t len;

	for (; *path; path += len + (path[len] == ':')) {
		len = strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}
