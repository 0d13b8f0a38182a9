// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start another kernel from this one, without the tools of any distribution.
 *
 *   kexec-file load KERNEL INITRD COMMANDLINE	what "go" starts
 *   kexec-file crash KERNEL INITRD COMMANDLINE	what a crash starts
 *   kexec-file go				as "kexec -e": devices are shut down, processes are not ended
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(char **argv, unsigned long flags)
{
	int kernel = open(argv[0], O_RDONLY), initrd = open(argv[1], O_RDONLY);

	if (kernel < 0 || initrd < 0) {
		perror("kexec-file: open");
		return 1;
	}
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[2]) + 1, argv[2], flags)) {
		perror("kexec-file: kexec_file_load");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "load"))
		return load(argv + 2, 0);
	if (argc == 5 && !strcmp(argv[1], "crash"))
		return load(argv + 2, KEXEC_FILE_ON_CRASH);
	if (argc != 2 || strcmp(argv[1], "go"))
		return 2;
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	perror("kexec-file: reboot");
	return 1;
}
