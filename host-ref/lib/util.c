// SPDX-License-Identifier: GPL-2.0-only
/*
 * What broker, worker and pvctl share: time, sizes, UUIDs, text of others.
 */
#include "lib/util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

uint64_t hostd_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int hostd_parse_size(const char *text, uint64_t *size)
{
	static const char suffixes[] = "KMGTPE";
	unsigned int shift = 0;
	unsigned long long n;
	const char *suffix;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return -EINVAL;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (n > HOSTD_SIZE_MAX >> shift)
		return -ERANGE;
	*size = (uint64_t)n << shift;
	return 0;
}

const char *hostd_size_fault(const char *text, int error)
{
	if (error == -ERANGE)
		return "more than 4E";
	return text[0] == '-' && isdigit((unsigned char)text[1]) ? "negative" : NULL;
}

char *hostd_format_size(uint64_t size, char *buf, size_t len)
{
	static const char suffixes[] = " KMGTPE";
	unsigned int i = 0;

	while (size && !(size & 1023) && i < 6) {
		size >>= 10;
		i++;
	}
	if (i)
		snprintf(buf, len, "%llu%c", (unsigned long long)size, suffixes[i]);
	else
		snprintf(buf, len, "%llu", (unsigned long long)size);
	return buf;
}

bool hostd_is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

int hostd_uuid_make(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return -EIO;
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

int hostd_uuid_parse(const char *text, uint8_t uuid[16])
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	char hex[3] = "";
	unsigned int i, nr = 0;

	if (strlen(text) != sizeof(shape) - 1)
		return -EINVAL;
	for (i = 0; shape[i]; i++)
		if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
	for (i = 0; nr < 16; i += 2) {
		if (text[i] == '-')
			i++;
		hex[0] = text[i];
		hex[1] = text[i + 1];
		uuid[nr++] = strtoul(hex, NULL, 16);
	}
	return 0;
}

void hostd_uuid_format(const uint8_t uuid[16], char text[HOSTD_UUID_TEXT])
{
	unsigned int i, pos = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[pos++] = '-';
		pos += snprintf(text + pos, 3, "%02x", uuid[i]);
	}
}

/* At most @max, in one to @digits hexadecimal digits before @end; moves @text behind that. */
static bool take_hex(const char **text, unsigned int digits, char end, unsigned int max, unsigned int *value)
{
	size_t len = strspn(*text, "0123456789abcdefABCDEF");

	if (!len || len > digits || (*text)[len] != end)
		return false;
	*value = strtoul(*text, NULL, 16);
	*text += len + !!end;
	return *value <= max;
}

int hostd_pci_parse(const char *text, uint32_t *address)
{
	const char *colon = strchr(text, ':');
	unsigned int segment = 0, bus, device, function;

	if (colon && strchr(colon + 1, ':') && !take_hex(&text, 4, ':', 0xffff, &segment))
		return -EINVAL;
	if (!take_hex(&text, 2, ':', 0xff, &bus) || !take_hex(&text, 2, '.', 0x1f, &device) ||
	    !take_hex(&text, 1, 0, 7, &function))
		return -EINVAL;
	*address = segment << 16 | bus << 8 | device << 3 | function;
	return 0;
}

/* Length of the UTF-8 sequence at @p, and its value; 0: it is none. */
static unsigned int decode(const unsigned char *p, uint32_t *value)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
	unsigned int i;

	*value = len > 1 ? *p & (0x7f >> len) : *p;
	for (i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*value = *value << 6 | (p[i] & 0x3f);
	}
	return *value >= least[len] && *value < 0x110000 && *value >> 11 != 0x1b ? len : 0;
}

/* Printed as it is: no control character of either set, line, or mark of direction. */
static bool is_harmless(uint32_t c)
{
	return c >= ' ' && (c < 0x7f || c >= 0xa0) && c != 0x200e && c != 0x200f && c != 0x61c &&
	       !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

void hostd_text_clean(char *text)
{
	unsigned char *from = (unsigned char *)text, *to = from;
	unsigned int len;
	uint32_t value;

	while (*from) {
		len = decode(from, &value);
		if (len && is_harmless(value)) {
			memmove(to, from, len);
			to += len;
		} else {
			*to++ = '?';
		}
		from += len ? len : 1;
	}
	*to = 0;
}

bool hostd_text_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned int len = 1;
	uint32_t value;

	for (; *at && len; at += len)
		len = decode(at, &value);
	return len;
}

int hostd_fstat(int fd, struct stat *st)
{
	/* Where long has 64 bits, the kernel's structure is the C library's. */
	_Static_assert(sizeof(long) == 8, "a 64-bit machine");
	return syscall(SYS_fstat, fd, st);
}

bool hostd_is_in_memory(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

bool hostd_dir_is_in_memory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, slash == path ? 1 : slash - path) : strdup(".");
	int fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	bool in_memory = fd >= 0 && hostd_is_in_memory(fd);

	if (fd >= 0)
		close(fd);
	free(dir);
	return in_memory;
}
