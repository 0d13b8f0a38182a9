// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a program of which system calls fail, as on an older kernel or in a container.
 *
 * usage: deny CALL[,CALL]... ERRNO COMMAND [ARG]...
 *
 * as: deny epoll_pwait2 ENOSYS pvhostd. It applies to what the program starts, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

static int error_of(const char *name)
{
	static const int errors[] = { ENOSYS, EPERM, EINVAL, ENOMEM, EMFILE, ENFILE, EACCES };
	unsigned int i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!strcmp(strerrorname_np(errors[i]), name))
			return errors[i];
	}
	return 0;
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int call, error = argc > 3 ? error_of(argv[2]) : 0, ret = 0;
	char *name;

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
