// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files in which a guest's memory may be: the one that the operator named, or those that
 * QEMU has mapped to share them.
 */
#include "balloon/ram_file.h"

#include <ctype.h>
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

#include "lib/proc/pidfd.h"
#include "lib/util.h"

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

/* Adjacent parts are one: the kernel cuts them as it likes. */
static void add_map(struct hostd_ram_file *file, struct hostd_ram_map map)
{
	unsigned int i;

	for (i = 0; i < file->nr_maps; i++) {
		struct hostd_ram_map *old = &file->maps[i];
		uint64_t end = old->off + old->len;

		if (map.off > end || old->off > map.off + map.len)
			continue;
		if (map.off + map.len > end)
			end = map.off + map.len;
		if (map.off < old->off)
			old->off = map.off;
		old->len = end - old->off;
		return;
	}
	if (file->nr_maps < HOSTD_RAM_MAPS_MAX)
		file->maps[file->nr_maps++] = map;
}

/* Note what QEMU has mapped of a file so that what it writes there is in the file. */
static int read_maps(const struct hostd_ram_options *opt, struct hostd_ram_file *file)
{
	unsigned long long from, to, off, ino;
	unsigned int major_nr, minor_nr;
	char path[64], perms[8], *line = NULL;
	size_t len = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)opt->qemu);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (getline(&line, &len, maps) > 0) {
		if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu", &from, &to, perms, &off, &major_nr,
			   &minor_nr, &ino) != 7)
			continue;
		if (ino == file->ino && makedev(major_nr, minor_nr) == file->dev && perms[1] == 'w' &&
		    perms[3] == 's' && off < file->size)
			add_map(file, (struct hostd_ram_map) {
				off, to - from < file->size - off ? to - from : file->size - off });
	}
	free(line);
	fclose(maps);
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
	*file = (struct hostd_ram_file) {
		.fd = fd, .size = st.st_size, .dev = st.st_dev, .ino = st.st_ino,
	};
	/* Who may not look into QEMU takes the operator's word: all of the file is the guest's. */
	if (read_maps(opt, file))
		add_map(file, (struct hostd_ram_map) { 0, file->size });
	if (!file->nr_maps) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s is not mapped by QEMU (pid %d) to share it: name the file in which it has the guest's memory, with share=on: "
			 COUNTED, name, (int)opt->qemu);
		goto close_fd;
	}
	ret = try_punch(fd, st.st_size, fs.f_bsize);
	if (ret) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s: no part of it can be freed: %s: " COUNTED,
			 name, strerror(-ret));
		goto close_fd;
	}
	snprintf(file->name, sizeof(file->name), "%s", name);
	files->nr++;
	return 0;

close_fd:
	close(fd);
	return ret;
}

/* Not before it is known to be a file: to open something else may do something. */
static int open_regular(const char *path)
{
	int place = open(path, O_PATH | O_CLOEXEC), fd = -EINVAL;
	char again[32];
	struct stat st;

	if (place < 0)
		return -errno;
	if (!fstat(place, &st) && S_ISREG(st.st_mode)) {
		snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
		fd = open(again, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			fd = -errno;
	}
	close(place);
	return fd;
}

static int open_named(struct hostd_ram_files *files, const struct hostd_ram_options *opt,
		      char *text)
{
	int fd = open_regular(opt->ram);
	char name[64];

	snprintf(name, sizeof(name), "%s", opt->ram);
	if (fd >= 0)
		return take_file(files, fd, opt, name, text);
	snprintf(text, HOSTD_RAM_TEXT_LEN, "%s: %s: name the file in which QEMU has the guest's memory: "
		 COUNTED, name, fd == -EINVAL ? "it is no file" : strerror(-fd));
	return fd;
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
			 int fd)
{
	struct hostd_ram_file file = { 0 };
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < SIZE_MIN)
		return false;
	if (fstatfs(fd, &fs) < 0 || (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC))
		return false;
	if (st.st_dev == opt->window_dev && st.st_ino == opt->window_ino)
		return false;
	file.dev = st.st_dev;
	file.ino = st.st_ino;
	file.size = st.st_size;
	return !is_taken(files, &st) && !read_maps(opt, &file) && file.nr_maps;
}

/* What /proc calls it, as "memfd:pc.ram". */
static void name_of(int fd, char *name, size_t len)
{
	char path[32], target[64];
	ssize_t nr;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	nr = readlink(path, target, sizeof(target) - 1);
	target[nr > 0 ? nr : 0] = 0;
	snprintf(name, len, "%s", strncmp(target, "/memfd:", 7) ? target : target + 1);
	if (strstr(name, " (deleted)"))
		*strstr(name, " (deleted)") = 0;
}

/*
 * Whether a descriptor leads to what QEMU has mapped to share it, by name: to touch others, such as
 * an image on a server that does not answer, may take for ever.
 */
static bool is_mapped_name(const struct hostd_ram_options *opt, int number)
{
	char path[64], target[4096], perms[8], *line = NULL;
	bool found = false;
	size_t len = 0;
	ssize_t nr;
	int start;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)opt->qemu, number);
	nr = readlink(path, target, sizeof(target) - 1);
	target[nr > 0 ? nr : 0] = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)opt->qemu);
	maps = nr > 0 ? fopen(path, "re") : NULL;
	while (maps && !found && getline(&line, &len, maps) > 0) {
		start = 0;
		if (sscanf(line, "%*s %7s %*s %*s %*s %n", perms, &start) != 1 || !start)
			continue;
		line[strcspn(line, "\n")] = 0;
		found = perms[1] == 'w' && perms[3] == 's' && !strcmp(line + start, target);
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

/*
 * A descriptor of QEMU's. The very one, with what QEMU may do with it: to open what it leads to
 * would be done with the rights of this process, and root has more of them than QEMU. Who is not
 * root gains nothing by that, and may do so where it must not take descriptors (ptrace_scope).
 */
static int take_descriptor(const struct hostd_ram_options *opt, int pid_fd, int number)
{
	int fd = hostd_pidfd_take(pid_fd, number);
	char path[64];

	if (fd >= 0 || !geteuid())
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)opt->qemu, number);
	return open_regular(path);
}

static void look_at(struct hostd_ram_files *files, const struct hostd_ram_options *opt, int fd,
		    char *text)
{
	char name[64];

	name_of(fd, name, sizeof(name));
	if (!is_candidate(files, opt, fd)) {
		close(fd);
	} else if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "%s of QEMU (pid %d) is not open for writing: "
			 COUNTED, name, (int)opt->qemu);
		close(fd);
	} else {
		take_file(files, fd, opt, name, text);
	}
}

/* Whether the kernel has no way to take descriptors, which it then says of any. */
static bool is_old_kernel(void)
{
	return hostd_pidfd_take(-1, 0) == -ENOSYS;
}

static int open_found(struct hostd_ram_files *files, const struct hostd_ram_options *opt,
		      char *text)
{
	int pid_fd, fd, err = -ENOENT;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	if (!geteuid() && is_old_kernel()) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "this kernel has no pidfd_getfd (Linux 5.6), by which root can take QEMU's memory safely: give ram=PATH: "
			 COUNTED);
		return -ENOSYS;
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)opt->qemu);
	dir = opendir(path);
	if (!dir) {
		snprintf(text, HOSTD_RAM_TEXT_LEN, "the memory of QEMU (pid %d) cannot be looked for: %s: run pvhostd as its user or as root, or give ram=PATH: "
			 COUNTED, (int)opt->qemu, strerror(errno));
		return -EACCES;
	}
	snprintf(text, HOSTD_RAM_TEXT_LEN, "no memory of QEMU (pid %d) found to return anything to: give it -object memory-backend-memfd,...,share=on, or pvhostd ram=PATH: "
		 COUNTED, (int)opt->qemu);
	pid_fd = hostd_pidfd_open(opt->qemu);
	while (files->nr < HOSTD_RAM_FILES_MAX && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !is_mapped_name(opt, atoi(entry->d_name)))
			continue;
		fd = take_descriptor(opt, pid_fd, atoi(entry->d_name));
		if (fd >= 0)
			look_at(files, opt, fd, text);
		else
			err = fd;
	}
	closedir(dir);
	if (pid_fd >= 0)
		close(pid_fd);
	if (!files->nr && (err == -EPERM || err == -EACCES))
		snprintf(text, HOSTD_RAM_TEXT_LEN, "the descriptors of QEMU (pid %d) cannot be taken: %s: run pvhostd as its user, or give ram=PATH: "
			 COUNTED, (int)opt->qemu, strerror(-err));
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
