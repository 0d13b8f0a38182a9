// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files in which a guest's memory may be: the one that the operator named, or those that
 * QEMU has mapped to share them.
 */
#include "ram_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "util.h"

/* Firmware and the like are smaller than any guest's memory. */
#define SIZE_MIN	(2U << 20)
#define COUNTED		"memory is only counted"

/* Whether the filesystem can free a part of it: one beyond the end, where there is nothing. */
static int try_punch(int fd, uint64_t size, uint64_t granule)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, size, granule) < 0)
		return -errno;
	return 0;
}

/* Take an open file, if it can be used. Owns @fd. */
static int take_file(struct hostd_ram_files *files, int fd, const struct hostd_ram_options *opt,
		     const char *name, char *text)
{
	struct hostd_ram_file *file = &files->all[files->nr];
	char page[24];
	struct statfs fs;
	struct stat st;
	int ret = -EINVAL;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size < SIZE_MIN) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s is not a file of at least 2M: name the one in which QEMU has the guest's memory: "
			 COUNTED, name);
		goto close_fd;
	}
	if (fs.f_type == HUGETLBFS_MAGIC && (uint64_t)fs.f_bsize > opt->granule) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s has pages of %s: give granule=%s: " COUNTED,
			 name, hostd_format_size(fs.f_bsize, page, sizeof(page)), page);
		goto close_fd;
	}
	ret = try_punch(fd, st.st_size, fs.f_bsize);
	if (ret) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s: no part of it can be freed: %s: " COUNTED,
			 name, strerror(-ret));
		goto close_fd;
	}
	*file = (struct hostd_ram_file) {
		.fd = fd, .size = st.st_size, .dev = st.st_dev, .ino = st.st_ino,
	};
	snprintf(file->name, sizeof(file->name), "%s", name);
	files->nr++;
	return 0;

close_fd:
	close(fd);
	return ret;
}

static int open_named(struct hostd_ram_files *files, const struct hostd_ram_options *opt,
		      char *text)
{
	int fd = open(opt->ram, O_RDWR | O_CLOEXEC | O_NONBLOCK), err = -errno;
	char name[64];

	snprintf(name, sizeof(name), "%s", opt->ram);
	if (fd >= 0)
		return take_file(files, fd, opt, name, text);
	snprintf(text, HOSTD_RAM_TEXT_LEN, "%s: %s: name the file in which QEMU has the guest's memory: "
		 COUNTED, name, strerror(-err));
	return err;
}

/* Whether QEMU has it mapped so that what it writes there is in the file. */
static bool is_mapped(const struct hostd_ram_options *opt, const struct stat *st)
{
	unsigned int major_nr, minor_nr;
	unsigned long long ino;
	char path[64], perms[8], *line = NULL;
	bool found = false;
	size_t len = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)opt->qemu);
	maps = fopen(path, "re");
	while (maps && !found && getline(&line, &len, maps) > 0) {
		if (sscanf(line, "%*s %7s %*s %x:%x %llu", perms, &major_nr, &minor_nr, &ino) != 4)
			continue;
		found = ino == st->st_ino && makedev(major_nr, minor_nr) == st->st_dev &&
			perms[1] == 'w' && perms[3] == 's';
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

static bool is_taken(const struct hostd_ram_files *files, const struct stat *st)
{
	unsigned int i;

	for (i = 0; i < files->nr; i++) {
		if (files->all[i].dev == st->st_dev && files->all[i].ino == st->st_ino)
			return true;
	}
	return false;
}

/* A file in memory, mapped and not seen before, and not the window, which QEMU has mapped too. */
static bool is_candidate(const struct hostd_ram_files *files, const struct hostd_ram_options *opt,
			 const char *path)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < SIZE_MIN)
		return false;
	if (statfs(path, &fs) < 0 || (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC))
		return false;
	if (st.st_dev == opt->window_dev && st.st_ino == opt->window_ino)
		return false;
	return !is_taken(files, &st) && is_mapped(opt, &st);
}

/* What /proc calls it, as "memfd:pc.ram". */
static void name_of(const char *path, char *name, size_t len)
{
	char target[64];
	ssize_t nr = readlink(path, target, sizeof(target) - 1);

	target[nr > 0 ? nr : 0] = 0;
	snprintf(name, len, "%s", strncmp(target, "/memfd:", 7) ? target : target + 1);
	if (strstr(name, " (deleted)"))
		*strstr(name, " (deleted)") = 0;
}

static void open_mapped(struct hostd_ram_files *files, const struct hostd_ram_options *opt,
			const char *path, char *text)
{
	char name[64];
	int fd;

	name_of(path, name, sizeof(name));
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		take_file(files, fd, opt, name, text);
	else
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s of QEMU (pid %d): %s: run pvhostd as its user or as root: "
			 COUNTED, name, (int)opt->qemu, strerror(errno));
}

static int open_found(struct hostd_ram_files *files, const struct hostd_ram_options *opt,
		      char *text)
{
	char path[320];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)opt->qemu);
	dir = opendir(path);
	if (!dir) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "the memory of QEMU (pid %d) cannot be looked for: %s: run pvhostd as its user or as root, or give ram=PATH: "
			 COUNTED, (int)opt->qemu, strerror(errno));
		return -EACCES;
	}
	snprintf(text, HOSTD_RAM_TEXT_LEN, "no memory of QEMU (pid %d) found to return anything to: give it -object memory-backend-memfd,...,share=on, or pvhostd ram=PATH: "
		 COUNTED, (int)opt->qemu);
	while (files->nr < HOSTD_RAM_FILES_MAX && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)opt->qemu, entry->d_name);
		if (is_candidate(files, opt, path))
			open_mapped(files, opt, path, text);
	}
	closedir(dir);
	return files->nr ? 0 : -ENOENT;
}

/* Whether it is the device of VFIO or vDPA. */
static bool is_passed_through(const char *path)
{
	static const char * const names[] = { "/dev/vfio/", "/dev/vhost-vdpa-" };
	char target[32] = "";
	unsigned int i;

	if (readlink(path, target, sizeof(target) - 1) < 0)
		return false;
	for (i = 0; i < HOSTD_ARRAY_SIZE(names); i++) {
		if (!strncmp(target, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/*
 * A device that was passed through reaches the memory that was there when it was pinned. What
 * is freed and used again is other memory: QEMU inhibits its own balloon then, for the same reason.
 */
static bool is_pinned(const struct hostd_ram_options *opt)
{
	struct dirent *entry;
	char path[320];
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)opt->qemu);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)opt->qemu, entry->d_name);
		found = is_passed_through(path);
	}
	if (dir)
		closedir(dir);
	return found;
}

int hostd_ram_open(struct hostd_ram_files *files, const struct hostd_ram_options *opt, char *text)
{
	if (is_pinned(opt)) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "QEMU (pid %d) has a device that is passed through (VFIO, vDPA), for which memory must stay: "
			 COUNTED, (int)opt->qemu);
		return -EBUSY;
	}
	return strcmp(opt->ram, "auto") ? open_named(files, opt, text) :
					  open_found(files, opt, text);
}
