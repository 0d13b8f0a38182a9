// SPDX-License-Identifier: GPL-2.0-only
/*
 * Become another pvhostd.
 */
#include "broker/heir/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/control.h"
#include "broker/errand/errand.h"
#include "broker/heir/state.h"
#include "broker/life/life.h"
#include "lib/json.h"
#include "lib/proc/process.h"
#include "lib/proc/stray.h"

#define CHECK_MS	5000
/* From when it is killed until it is reaped: longer only where the kernel does not let it die. */
#define DIE_MS		5000
/* For the check, the last life's end, and the next one's start. */
#define UPGRADE_MS	60000
#define STATE_LEN_MAX	(8 << 20)

static void end(struct hostd_broker *b, const char *error)
{
	struct hostd_upgrade *up = &b->upgrade;
	struct hostd_call *call = up->call;

	hostd_log(HOSTD_LOG_ERR, "not upgraded: %s", error);
	if (up->exe_fd >= 0)
		close(up->exe_fd);
	up->exe_fd = -1;
	up->call = NULL;
	up->is_due = false;
	up->is_late = false;
	if (call)
		hostd_call_error(call, "this pvhostd goes on, version " PVKIT_VERSION ": %s", error);
}

/* The state as a file of memory. Returns its descriptor or -errno. */
static int write_state(struct json_object *state)
{
	int fd = memfd_create("pvkit-state", MFD_CLOEXEC), err;
	size_t len;
	const char *text = json_object_to_json_string_length(state, JSON_C_TO_STRING_PLAIN, &len);

	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	if (write(fd, text, len) == (ssize_t)len)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int read_state(int fd, char **text)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > STATE_LEN_MAX)
		return -EFBIG;
	*text = calloc(1, st.st_size + 1);
	if (!*text)
		return -ENOMEM;
	return pread(fd, *text, st.st_size, 0) == st.st_size ? 0 : -EIO;
}

struct json_object *hostd_upgrade_read(int fd, const struct pv_class *const *classes, char *err)
{
	struct json_object *state = NULL;
	const char *complaint = "no file";
	char *text = NULL;

	if (!read_state(fd, &text))
		state = hostd_json_parse(text, strlen(text), true, &complaint);
	free(text);
	close(fd);
	if (!state) {
		snprintf(err, HOSTD_ERROR_MAX, HOSTD_HANDOVER_ENV " is for pvhostd itself: %s", complaint);
		return NULL;
	}
	if (!hostd_state_check(state, classes, err))
		return state;
	json_object_put(state);
	return NULL;
}

/* In a child: be the program, which only looks at the state. */
static void __attribute__((noreturn)) be_checker(const struct hostd_broker *b, int state_fd, int sock,
						 pid_t broker)
{
	const int keep[] = { state_fd, sock, b->upgrade.exe_fd };
	char text[32];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != broker)
		_exit(1);
	hostd_fds_shut(keep, HOSTD_ARRAY_SIZE(keep), true);
	hostd_fds_shut_std();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(sock, STDOUT_FILENO);
	dup2(sock, STDERR_FILENO);
	snprintf(text, sizeof(text), HOSTD_HANDOVER_CHECK "%d", state_fd);
	setenv(HOSTD_HANDOVER_ENV, text, 1);
	fcntl(state_fd, F_SETFD, 0);
	fexecve(b->upgrade.exe_fd, b->opt.argv, environ);
	printf("it cannot be executed: %s\n", strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* It is reaped in any case: what cannot be listened to is killed. 0 or -errno. */
static int start_checker(struct hostd_broker *b)
{
	struct json_object *state = hostd_state_make(b);
	int state_fd = write_state(state), fds[2], err = 0;
	struct hostd_upgrade *up = &b->upgrade;
	pid_t broker = getpid(), pid;

	json_object_put(state);
	if (state_fd < 0)
		return state_fd;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		err = -errno;
		goto close_state;
	}
	pid = fork();
	if (!pid)
		be_checker(b, state_fd, fds[1], broker);
	if (pid < 0)
		err = -errno;
	else
		err = hostd_loop_add(&b->loop, &up->answer, fds[0], EPOLLIN);
	if (err)
		close(fds[0]);
	if (err && pid > 0)
		kill(pid, SIGKILL);
	up->checker = pid > 0 ? pid : 0;
	close(fds[1]);
close_state:
	close(state_fd);
	return err;
}

static void read_answer(struct hostd_broker *b)
{
	struct hostd_upgrade *up = &b->upgrade;
	ssize_t len;

	do {
		len = up->answer.fd < 0 ? 0 : read(up->answer.fd, up->text + up->text_len,
						   sizeof(up->text) - 1 - up->text_len);
		if (len > 0)
			up->text_len += len;
	} while (len > 0 && up->text_len < sizeof(up->text) - 1);
	up->text[up->text_len] = 0;
	if (len != -1 || errno != EAGAIN)
		hostd_loop_close(&b->loop, &up->answer);
}

static void answer_ready(struct hostd_source *src, uint32_t events)
{
	(void)events;
	read_answer(hostd_container_of(src, struct hostd_broker, upgrade.answer));
}

/* The program takes this one's place when nothing of the life is left. */
static void fits(struct hostd_broker *b)
{
	b->upgrade.is_due = true;
	hostd_log(HOSTD_LOG_INFO, "the program %s takes the place of this one", b->exe.path);
	if (b->life.pid)
		hostd_life_kill(b, NULL);
	else if (!b->life.ending)
		hostd_upgrade_go(b);
}

static void end_late(struct hostd_broker *b)
{
	end(b, "the program does not say whether it can take this one's place");
}

static void checked(struct hostd_broker *b, int status)
{
	static const char ident[] = "pvhostd: error: ";
	struct hostd_upgrade *up = &b->upgrade;
	char error[HOSTD_ERROR_MAX];
	char *line = up->text;

	read_answer(b);
	hostd_loop_close(&b->loop, &up->answer);
	hostd_timer_cancel(&up->deadline);
	if (up->exe_fd < 0)
		return;		/* it was not waited for any more */
	if (up->is_late) {
		end_late(b);
		return;
	}
	if (!status && !strcmp(up->text, HOSTD_HANDOVER_FITS "\n")) {
		fits(b);
		return;
	}
	if (!strncmp(line, ident, strlen(ident)))
		line += strlen(ident);
	line[strcspn(line, "\n")] = 0;
	hostd_text_clean(line);
	snprintf(error, sizeof(error), "%.200s does not take its place: %.250s", b->exe.path,
		 *line ? line : "it is no pvhostd that knows how");
	end(b, error);
}

static void check_due(struct hostd_timer *timer)
{
	struct hostd_broker *b = hostd_container_of(timer, struct hostd_broker, upgrade.deadline);

	if (b->upgrade.is_late) {
		end_late(b);
		return;
	}
	/* Who hears of it may try again at once: so it is over first. */
	b->upgrade.is_late = true;
	kill(b->upgrade.checker, SIGKILL);
	hostd_timer_set(&b->upgrade.deadline, DIE_MS);
}

static const char *find_objection(const struct hostd_broker *b)
{
	if (b->upgrade.exe_fd >= 0 || b->upgrade.checker)
		return "an upgrade is under way already, or the program that was asked has not ended yet";
	if (b->stopping)
		return "pvhostd ends";
	if (b->life.released && b->life.pid)
		return "the devices are being released: try again when they are";
	return NULL;
}

void hostd_upgrade_start(struct hostd_call *call)
{
	struct hostd_broker *b = call->b;
	struct hostd_upgrade *up = &b->upgrade;
	const char *objection = find_objection(b);
	char text[HOSTD_ERROR_MAX];
	int err;

	if (objection) {
		hostd_call_error(call, "%s", objection);
		return;
	}
	hostd_call_extend(call, UPGRADE_MS);
	up->call = call;
	up->text_len = 0;
	up->exe_fd = open(b->exe.path, O_PATH | O_CLOEXEC);
	if (up->exe_fd < 0) {
		err = errno;
		snprintf(text, sizeof(text), "%.300s: %s%s", b->exe.path, strerror(err),
			 err == ENOENT ? ": install it" : "");
		end(b, text);
		return;
	}
	err = start_checker(b);
	if (err) {
		snprintf(text, sizeof(text), "the program cannot be asked whether it can take this one's place: %s",
			 strerror(-err));
		end(b, text);
		return;
	}
	hostd_timer_set(&up->deadline, CHECK_MS);
}

void hostd_upgrade_reap(struct hostd_broker *b)
{
	struct hostd_upgrade *up = &b->upgrade;
	int status;

	if (up->checker && waitpid(up->checker, &status, WNOHANG) == up->checker) {
		up->checker = 0;
		checked(b, status);
	}
}

/* Let the next program have a descriptor, or all of a list. */
static void keep_over_exec(struct json_object *val, int flags)
{
	size_t i;

	if (!json_object_is_type(val, json_type_array)) {
		fcntl(json_object_get_int(val), F_SETFD, flags);
		return;
	}
	for (i = 0; i < json_object_array_length(val); i++)
		fcntl(json_object_get_int(json_object_array_get_idx(val, i)), F_SETFD, flags);
}

static void keep_all_over_exec(struct json_object *state, int flags)
{
	struct json_object *devices = hostd_json_get(state, "devices");
	size_t i;

	json_object_object_foreach(hostd_json_get(state, "fds"), key, val) {
		(void)key;
		keep_over_exec(val, flags);
	}
	for (i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *dev = json_object_array_get_idx(devices, i);

		json_object_object_foreach(hostd_json_get(dev, "fds"), name, fd) {
			(void)name;
			keep_over_exec(fd, flags);
		}
	}
}

/* And whoever waits for it is answered by that. */
static struct json_object *make_state(struct hostd_broker *b)
{
	struct json_object *state = hostd_state_make(b);
	struct hostd_call *call = b->upgrade.call;
	int fd = call ? hostd_call_fd(call) : -1;

	hostd_json_add_u64(state, "down_ms", b->life.down_ms);
	hostd_json_add_u64(state, "restarts", b->life.restarts + !b->life.released);
	json_object_object_add(state, "errands", hostd_errands_save(b));
	if (fd < 0)
		return state;
	json_object_object_add(state, "request", json_object_get(call->request));
	hostd_json_add_u64(hostd_json_get(state, "fds"), "client", fd);
	return state;
}

void hostd_upgrade_go(struct hostd_broker *b)
{
	struct hostd_upgrade *up = &b->upgrade;
	struct json_object *state;
	char text[128];
	int fd;

	if (!up->is_due)
		return;
	/* Who waits for what this process does hears nothing of the next; and what that closes, waiting, is closed now. */
	hostd_qemu_drop_refused(b);
	hostd_control_end_others(b, up->call, "pvhostd is being upgraded: try again");
	hostd_errands_kill(b);
	state = make_state(b);
	fd = write_state(state);
	keep_all_over_exec(state, 0);
	if (fd >= 0) {
		snprintf(text, sizeof(text), "%d", fd);
		setenv(HOSTD_HANDOVER_ENV, text, 1);
		fcntl(fd, F_SETFD, 0);
		fexecve(up->exe_fd, b->opt.argv, environ);
	}
	snprintf(text, sizeof(text), "the program cannot be executed: %s", strerror(fd < 0 ? -fd : errno));
	unsetenv(HOSTD_HANDOVER_ENV);
	keep_all_over_exec(state, FD_CLOEXEC);
	if (fd >= 0)
		close(fd);
	json_object_put(state);
	end(b, text);
}

/* Children that there are already: of the broker that became this one. */
static void find_strays(void)
{
	char path[64];
	int pid;
	FILE *list;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	list = fopen(path, "re");
	while (list && fscanf(list, "%d", &pid) == 1)
		hostd_stray_add(pid);
	if (list)
		fclose(list);
}

void hostd_upgrade_init(struct hostd_broker *b)
{
	struct hostd_upgrade *up = &b->upgrade;

	up->exe_fd = up->answer.fd = -1;
	up->answer.ready = answer_ready;
	hostd_timer_init(&b->loop, &up->deadline, check_due);
	if (b->opt.handover)
		find_strays();
}

void hostd_upgrade_exit(struct hostd_broker *b)
{
	struct hostd_upgrade *up = &b->upgrade;

	if (up->checker)
		kill(up->checker, SIGKILL);
	if (up->call)
		hostd_call_error(up->call, "pvhostd ends");
	up->call = NULL;
	if (up->answer.ready)
		hostd_loop_close(&b->loop, &up->answer);
}
