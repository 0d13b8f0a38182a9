// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's end of the test harness: runs the commands that come over a serial line.
 * One at a time; a new command ends the one before it, whose host has given up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

#define EXIT_TIMED_OUT	124

struct job {
	pid_t pid;		/* 0: none */
	int out;		/* its output, -1 at end of file */
	uint64_t id;
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int tty_open(const char *path)
{
	struct termios tio;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &tio))
		return -1;
	cfmakeraw(&tio);
	tio.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&tio, B115200);
	if (tcsetattr(fd, TCSANOW, &tio))
		return -1;
	return fd;
}

static void all_write(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			at += n;
			len -= n;
		}
	}
}

/* What comes before the line is open is lost: the host waits for this, on the console. */
static void ready_say(void)
{
	static const char line[] = "pvkit-guest: ready\n";
	int fd = open("/dev/ttyS0", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0) {
		all_write(fd, line, strlen(line));
		close(fd);
	}
}

static void frame_send(int tty, uint64_t id, uint32_t type, const void *data, uint32_t len)
{
	struct frame_head head;

	frame_init(&head, id, type, len);
	all_write(tty, &head, sizeof(head));
	all_write(tty, data, len);
}

static void job_start(struct job *job, uint64_t id, const uint8_t *payload, size_t len)
{
	sigset_t none;
	uint32_t timeout_ms;
	char *command;
	int out[2];

	memcpy(&timeout_ms, payload, sizeof(timeout_ms));
	command = strndup((const char *)payload + sizeof(timeout_ms), len - sizeof(timeout_ms));
	if (!command || pipe2(out, O_CLOEXEC))
		exit(1);
	job->id = id;
	job->deadline_ms = now_ms() + timeout_ms;
	job->pid = fork();
	if (job->pid < 0)
		exit(1);
	if (!job->pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	free(command);
	close(out[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	job->out = out[0];
}

/* Pass on what the job has written. Return: whether there was anything. */
static bool job_drain(struct job *job, int tty)
{
	char data[4096];
	ssize_t n;

	if (job->out < 0)
		return false;
	n = read(job->out, data, sizeof(data));
	if (n > 0) {
		frame_send(tty, job->id, FRAME_OUT, data, n);
		return true;
	}
	if (!n) {
		close(job->out);
		job->out = -1;
	}
	return false;
}

static void job_end(struct job *job, int tty, int32_t status)
{
	/* A background child may keep the pipe open: take what is there and no more. */
	for (int i = 0; i < 1024 && job_drain(job, tty); i++)
		;
	if (job->out >= 0)
		close(job->out);
	job->out = -1;
	job->pid = 0;
	frame_send(tty, job->id, FRAME_EXIT, &status, sizeof(status));
}

static void job_kill(struct job *job, int tty)
{
	if (!job->pid)
		return;
	kill(-job->pid, SIGKILL);
	job_end(job, tty, EXIT_TIMED_OUT);
}

static void job_reap(struct job *job, int tty)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == job->pid)
			job_end(job, tty, WIFEXITED(status) ? WEXITSTATUS(status) :
						128 + WTERMSIG(status));
	}
}

static void frames_take(struct frame_buf *buf, struct job *job, int tty)
{
	struct frame_head head;
	const uint8_t *payload;

	while ((payload = frame_get(buf, &head))) {
		if (head.type == FRAME_PING)
			frame_send(tty, head.id, FRAME_PONG, NULL, 0);
		if (head.type == FRAME_CMD && head.len >= sizeof(uint32_t)) {
			job_kill(job, tty);
			job_start(job, head.id, payload, head.len);
		}
		frame_drop(buf, sizeof(head) + head.len);
	}
}

static int poll_timeout(const struct job *job)
{
	int64_t left_ms = job->deadline_ms - now_ms();

	if (!job->pid)
		return -1;
	return left_ms < 0 ? 0 : left_ms > 10000 ? 10000 : (int)left_ms;
}

int main(int argc, char **argv)
{
	static struct frame_buf buf;
	struct job job = { .out = -1 };
	struct signalfd_siginfo info;
	sigset_t mask;
	int tty, child;

	if (argc != 2)
		return 2;
	tty = tty_open(argv[1]);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	child = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (tty < 0 || child < 0) {
		perror(argv[1]);
		return 1;
	}
	ready_say();
	for (;;) {
		struct pollfd fds[] = {
			{ tty, POLLIN, 0 }, { child, POLLIN, 0 }, { job.out, POLLIN, 0 },
		};
		ssize_t n;

		if (poll(fds, 3, poll_timeout(&job)) < 0)
			continue;
		if (fds[0].revents) {
			n = read(tty, buf.data + buf.len, sizeof(buf.data) - buf.len);
			if (!n || (n < 0 && errno != EINTR))
				return 1;
			buf.len += n > 0 ? n : 0;
			frames_take(&buf, &job, tty);
		}
		if (job.pid && fds[2].revents)
			job_drain(&job, tty);
		if (fds[1].revents && read(child, &info, sizeof(info)) > 0)
			job_reap(&job, tty);
		if (job.pid && now_ms() >= job.deadline_ms)
			job_kill(&job, tty);
	}
}
