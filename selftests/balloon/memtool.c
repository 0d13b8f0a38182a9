// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses a guest's memory: as a program that wants some, and as one that knows what is in its own.
 *
 *   memtool grab MIB           touch so much, print in how many ms, and give it back; fails if new memory
 *                              is not zero
 *   memtool hold MIB FILE      fill so much, say so, and look until FILE is there that nobody changes it;
 *                              prints how often it looked
 *   memtool scatter MIB KEEP FILE
 *                              touch so much in small pages, then keep and lock every KEEP-th until FILE is
 *                              there: all that is free is in pieces
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096UL

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static uint8_t *map(size_t len)
{
	uint8_t *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED)
		return mem;
	perror("memtool: mmap");
	exit(1);
}

/* A look at both ends and the middle. */
static int is_zero(const uint8_t *page)
{
	return !page[0] && !page[15] && !page[PAGE / 2] && !page[PAGE - 1];
}

static int grab(size_t len)
{
	uint64_t start = now_ms();
	uint8_t *mem = map(len);
	size_t pos;

	for (pos = 0; pos < len; pos += PAGE) {
		if (!is_zero(mem + pos)) {
			printf("memtool: page %zu of %zu is new, and not zero\n", pos / PAGE, len / PAGE);
			return 1;
		}
		mem[pos] = 1;
	}
	printf("%llu\n", (unsigned long long)(now_ms() - start));
	return 0;
}

static uint64_t value(size_t pos)
{
	return (pos + 1) * 0x9e3779b97f4a7c15ULL;
}

static int hold(size_t len, const char *enough)
{
	uint64_t *mem = (uint64_t *)map(len);
	unsigned long looks = 0;
	size_t pos;

	for (pos = 0; pos < len / 8; pos++)
		mem[pos] = value(pos);
	puts("filled");
	fflush(stdout);
	while (access(enough, F_OK)) {
		for (pos = 0; pos < len / 8; pos++) {
			if (mem[pos] == value(pos))
				continue;
			printf("memtool: byte %zu of %zu is 0x%llx\n", pos * 8, len,
			       (unsigned long long)mem[pos]);
			return 1;
		}
		looks++;
		usleep(20000);
	}
	printf("%lu\n", looks);
	return 0;
}

static int scatter(size_t len, size_t keep, const char *enough)
{
	uint8_t *mem = map(len);
	size_t pos;

	madvise(mem, len, MADV_NOHUGEPAGE);
	for (pos = 0; pos < len; pos += PAGE)
		mem[pos] = 1;
	for (pos = 0; pos < len; pos += PAGE)
		if (pos / PAGE % keep)
			madvise(mem + pos, PAGE, MADV_DONTNEED);
	if (mlock2(mem, len, MLOCK_ONFAULT)) {
		perror("memtool: mlock2");
		return 1;
	}
	puts("scattered");
	fflush(stdout);
	while (access(enough, F_OK))
		usleep(100000);
	return 0;
}

int main(int argc, char **argv)
{
	size_t len = argc > 2 ? strtoull(argv[2], NULL, 0) << 20 : 0;

	if (len && argc == 3 && !strcmp(argv[1], "grab"))
		return grab(len);
	if (len && argc == 4 && !strcmp(argv[1], "hold"))
		return hold(len, argv[3]);
	if (len && argc == 5 && !strcmp(argv[1], "scatter"))
		return scatter(len, strtoull(argv[3], NULL, 0), argv[4]);
	fputs("usage: memtool grab MIB | hold MIB FILE | scatter MIB KEEP FILE\n", stderr);
	return 2;
}
