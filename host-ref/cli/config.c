// SPDX-License-Identifier: GPL-2.0-only
/*
 * A configuration file: the options of a VM, one a line.
 */
#include "cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"

#define FILE_LEN_MAX	(1 << 20)

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	for (len = strlen(text); len && isspace((unsigned char)text[len - 1]); len--)
		text[len - 1] = 0;
	return text;
}

static int read_text(const char *path, char **text)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (st.st_size > FILE_LEN_MAX)
		err = -EFBIG;
	*text = err ? NULL : calloc(1, st.st_size + 1);
	if (*text && read(fd, *text, st.st_size) != st.st_size)
		err = -EIO;
	close(fd);
	if (!err && !*text)
		err = -ENOMEM;
	if (!err && strlen(*text) != (size_t)st.st_size)
		err = -EILSEQ;
	return err;
}

/* NAME or NAME VALUE. On an error the reason is in @a->err, without the place. */
static int take_line(struct hostd_arguments *a, char *line)
{
	char *name = line, *value = line + strcspn(line, " \t");
	const struct hostd_option *option;
	int nr;

	if (*value)
		*value++ = 0;
	value = trim(value);
	nr = hostd_option_find(a->opt.classes, name);
	option = nr >= 0 && nr < (int)hostd_nr_options ? &hostd_options[nr] : NULL;
	if (nr < 0)
		snprintf(a->err, sizeof(a->err), "'%.64s' is not an option: 'pvhostd --help' lists them, here without dashes",
			 name);
	else if (option && !option->take)
		snprintf(a->err, sizeof(a->err), "'%s' is for the command line: remove it here", name);
	else if (option && option->value && !*value)
		snprintf(a->err, sizeof(a->err), "%s: its value is missing: give %s", name, option->want);
	else if (option && !option->value && *value)
		snprintf(a->err, sizeof(a->err), "%s: it takes no value: remove '%.64s'", name, value);
	else
		return hostd_option_take(a, nr, *value || (option && option->value) ? value : NULL);
	hostd_text_clean(a->err);
	return -EINVAL;
}

/* Say first where it is. */
static void add_place(struct hostd_arguments *a, const char *path, unsigned int line)
{
	char place[HOSTD_SHOWN_MAX + 16];
	size_t len = snprintf(place, sizeof(place), "%.*s:%u: ", HOSTD_SHOWN_MAX - 1, path, line);

	memmove(a->err + len, a->err, sizeof(a->err) - len);
	memcpy(a->err, place, len);
	a->err[sizeof(a->err) - 1] = 0;
}

int hostd_config_read(struct hostd_arguments *a, const char *path)
{
	int err = a->config ? -EEXIST : read_text(path, &a->config);
	char *rest = a->config, *line;
	unsigned int nr = 0;

	if (err) {
		snprintf(a->err, sizeof(a->err), "--config %.*s: %s", HOSTD_SHOWN_MAX - 1, path,
			 err == -EEXIST ? "there is a second --config: give one" :
			 err == -EINVAL ? "it is no file: name a file of options" :
			 err == -ENOENT ? "there is no such file: write it, as pvhostd(8) says" :
			 err == -EFBIG || err == -EILSEQ ? "it is no text: name a file of options" :
			 strerror(-err));
		return -EINVAL;
	}
	while ((line = strsep(&rest, "\n"))) {
		nr++;
		line = trim(line);
		if (!*line || *line == '#')
			continue;
		if (take_line(a, line)) {
			add_place(a, path, nr);
			return -EINVAL;
		}
	}
	return 0;
}
