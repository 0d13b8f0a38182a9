/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What broker, worker and pvctl share: time, sizes, UUIDs, text of others.
 */
#ifndef HOSTD_UTIL_H
#define HOSTD_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/log/log.h"

#define HOSTD_ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define hostd_container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* Text of a UUID with its NUL. */
#define HOSTD_UUID_TEXT		37
/* The largest size of anything. */
#define HOSTD_SIZE_MAX		(1ULL << 62)
/* Text of a path in a message with its NUL. */
#define HOSTD_SHOWN_MAX		256
/* Text of an error with its NUL. */
#define HOSTD_ERROR_MAX		512

/**
 * hostd_now_ms - milliseconds of the monotonic clock
 *
 * Return: the time.
 */
uint64_t hostd_now_ms(void);

/**
 * hostd_parse_size - read a size with an optional suffix K, M, G or T
 * @text: digits and suffix, nothing else
 * @size: gets the number of bytes
 *
 * Return: 0; -EINVAL if it is not a size; -ERANGE if it is beyond 2^62.
 */
int hostd_parse_size(const char *text, uint64_t *size);

/* What is right, for messages. */
#define HOSTD_SIZE_ADVICE	"use digits, and K, M, G, T, P or E after them"

/**
 * hostd_size_fault - say what is wrong with the text of a number or a size
 * @text: as hostd_parse_size() had it
 * @error: what that returned
 *
 * Return: what it is, as "negative"; NULL: it is none at all.
 */
const char *hostd_size_fault(const char *text, int error);

/**
 * hostd_format_size - write a size with the largest suffix that is exact
 * @size: bytes
 * @buf: gets the text
 * @len: room of @buf
 *
 * Return: @buf.
 */
char *hostd_format_size(uint64_t size, char *buf, size_t len);

/**
 * hostd_is_power_of_two - is it one
 * @n: a number
 *
 * Return: true for 1, 2, 4, ...
 */
bool hostd_is_power_of_two(uint64_t n);

/**
 * hostd_uuid_make - draw a random UUID (RFC 4122, version 4)
 * @uuid: gets 16 bytes
 *
 * Return: 0 or -errno.
 */
int hostd_uuid_make(uint8_t uuid[16]);

/**
 * hostd_uuid_parse - read a UUID
 * @text: 8-4-4-4-12 hexadecimal digits
 * @uuid: gets 16 bytes, in the order of the text
 *
 * Return: 0 or -EINVAL.
 */
int hostd_uuid_parse(const char *text, uint8_t uuid[16]);

/**
 * hostd_uuid_format - write a UUID
 * @uuid: 16 bytes
 * @text: gets 8-4-4-4-12 hexadecimal digits, lower case
 */
void hostd_uuid_format(const uint8_t uuid[16], char text[HOSTD_UUID_TEXT]);

/**
 * hostd_pci_parse - read the address of a PCI function
 * @text: [SEGMENT:]BUS:DEVICE.FUNCTION in hexadecimal, as lspci has it
 * @address: gets segment << 16 | bus << 8 | device << 3 | function
 *
 * Return: 0 or -EINVAL.
 */
int hostd_pci_parse(const char *text, uint32_t *address);

/**
 * hostd_text_clean - replace in a text what a terminal would obey, or take for another line
 * @text: changed in place: control characters, what is not UTF-8, and what turns the direction of
 *	writing become '?'
 */
void hostd_text_clean(char *text);

/**
 * hostd_text_is_utf8 - is it UTF-8, as all text in JSON has to be
 * @text: the text
 *
 * Return: true if so.
 */
bool hostd_text_is_utf8(const char *text);

struct stat;

/**
 * hostd_fstat - fstat() that is nothing but fstat()
 * @fd: the file
 * @st: gets what it is
 *
 * The C library's may be a newfstatat(), which a filter of system calls cannot keep from taking
 * a path.
 *
 * Return: 0, or -1 with errno.
 */
int hostd_fstat(int fd, struct stat *st);

/**
 * hostd_is_in_memory - is a file on a file system that is nothing but memory
 * @fd: the file, or a directory
 *
 * What is there is written at once. A file on a disk may keep its writer waiting for ever.
 *
 * Return: true if so.
 */
bool hostd_is_in_memory(int fd);

/**
 * hostd_dir_is_in_memory - is the directory that a file is in, or will be
 * @path: path of the file
 *
 * Return: true if so; false also if there is no such directory.
 */
bool hostd_dir_is_in_memory(const char *path);

#endif /* HOSTD_UTIL_H */
