// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: knows no class of devices; pvhostd tells it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/class.h"
#include "pvctl/pvctl.h"

/* Beside this program, or where installed ones are: an ordinary user's PATH may not have that. */
void pvctl_program(char path[PVCTL_PATH_MAX])
{
	static const char * const places[] = { "pvhostd", "../sbin/pvhostd" };
	ssize_t len = readlink("/proc/self/exe", path, PVCTL_PATH_MAX - sizeof("../sbin/pvhostd"));
	unsigned int i;
	char *slash;

	path[len > 0 ? len : 0] = 0;
	slash = strrchr(path, '/');
	for (i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		strcpy(slash + 1, places[i]);
		if (!access(path, X_OK))
			return;
	}
	strcpy(path, "pvhostd");
}

/* All that comes by a pipe; to be freed. */
static char *read_all(int fd)
{
	char buf[4096], *text = NULL;
	size_t size;
	ssize_t len;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	while ((len = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, len, f);
	fclose(f);
	return text;
}

/* Ask the program, not one that runs. */
static struct json_object *ask_program(void)
{
	char path[PVCTL_PATH_MAX], *text;
	struct json_object *list;
	int fds[2], status;
	pid_t pid;

	pvctl_program(path);
	if (pipe(fds) < 0)
		return NULL;
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execlp(path, "pvhostd", "--query-classes", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	text = pid > 0 ? read_all(fds[0]) : NULL;
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	list = text ? json_tokener_parse(text) : NULL;
	free(text);
	return list;
}

const struct pv_class *const *pvctl_find_classes(const struct pvctl *ctl)
{
	/* They live as long as this program. */
	static const struct pv_class *const *classes;
	static struct json_object *list;

	if (classes)
		return classes;
	if (ctl && ctl->control)
		list = pvctl_try(ctl, "query-classes");
	if (!list)
		list = ask_program();
	classes = hostd_classes_load(list);
	return classes;
}

const struct pv_class *const *pvctl_classes(const struct pvctl *ctl)
{
	const struct pv_class *const *classes = pvctl_find_classes(ctl);

	if (!classes)
		pvctl_fail(1, "pvhostd, which knows the types of devices, is neither beside pvctl nor in PATH: install it");
	return classes;
}
