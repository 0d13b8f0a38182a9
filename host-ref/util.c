// SPDX-License-Identifier: GPL-2.0-only
/*
 * What broker, worker and pvctl share: log lines, time, sizes, UUIDs.
 */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char *log_ident = "pvhostd";
static int log_level = HOSTD_LOG_INFO;
static int log_copy_fd = -1;

void hostd_log_init(const char *ident, int level)
{
	log_ident = ident;
	log_level = level;
}

void hostd_log_copy(int fd)
{
	log_copy_fd = fd;
}

void hostd_log(int level, const char *fmt, ...)
{
	static const char * const word[] = { "error: ", "warning: ", "", "debug: " };
	char line[1024];
	va_list ap;
	int len, more;

	if (level < 0 || level > log_level || level > HOSTD_LOG_DEBUG)
		return;
	len = snprintf(line, sizeof(line) - 1, "%s: %s", log_ident, word[level]);
	va_start(ap, fmt);
	more = vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);
	va_end(ap);
	if (more > 0)
		len += more;
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return;
	if (log_copy_fd >= 0 && level == HOSTD_LOG_ERR && write(log_copy_fd, line, len) < 0)
		log_copy_fd = -1;
}

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
	static const char suffixes[] = " KMGT";
	unsigned int i = 0;

	while (size && !(size & 1023) && i < 4) {
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
