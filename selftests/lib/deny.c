// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a program of which system calls fail, as on an older kernel or in a container.
 *
 * usage: deny CALL[,CALL]... ERRNO COMMAND [ARG]...
 *
 * as: deny epoll_pwait2 ENOSYS pvhostd. It applies to what the program starts, too.
 * A copy of it by another name, X, has the first three words in a file X.deny, and so stands in for a
 * program where a script cannot.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

static int error_of(const char *name)
{
	static const int errors[] = { ENOSYS, EPERM, ENOENT, EINVAL, ENOMEM, EMFILE, ENFILE, EACCES, ENOSPC, EAGAIN };
	unsigned int i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!strcmp(strerrorname_np(errors[i]), name))
			return errors[i];
	}
	return 0;
}

/* Of a copy: put the words of its file before its arguments. */
static char **complete(int *argc, char **argv)
{
	static char words[3][4096];
	char exe[4000] = "", path[4096], **full;
	FILE *file;
	int i, nr;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return argv;
	snprintf(path, sizeof(path), "%s.deny", exe);
	file = fopen(path, "r");
	full = calloc(*argc + 4, sizeof(*full));
	if (!file || !full)
		return argv;
	nr = fscanf(file, "%4095s %4095s %4095s", words[0], words[1], words[2]);
	fclose(file);
	full[0] = argv[0];
	for (i = 0; i < nr; i++)
		full[1 + i] = words[i];
	for (i = 1; i < *argc; i++)
		full[nr + i] = argv[i];
	*argc += nr;
	return full;
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int call, error, ret = 0;
	char *name;

	argv = complete(&argc, argv);
	error = argc > 3 ? error_of(argv[2]) : 0;
	if (!ctx || !error) {
		fprintf(stderr, "usage: deny CALL[,CALL]... ERRNO COMMAND [ARG]...\n");
		return 2;
	}
	for (name = strtok(argv[1], ","); name && !ret; name = strtok(NULL, ",")) {
		call = seccomp_syscall_resolve_name(name);
		ret = call == __NR_SCMP_ERROR ? -EINVAL :
		      seccomp_rule_add(ctx, SCMP_ACT_ERRNO(error), call, 0);
	}
	if (!ret)
		ret = seccomp_load(ctx);
	if (ret) {
		fprintf(stderr, "deny: %s\n", strerror(-ret));
		return 2;
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "deny: %s: %s\n", argv[3], strerror(errno));
	return 127;
}
