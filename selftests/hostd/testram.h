/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a PC as a file, a helper in a process of its own that has it, and a balloon whose
 * driver this process is; it is also the QEMU.
 */
#ifndef SELFTESTS_HOSTD_TESTRAM_H
#define SELFTESTS_HOSTD_TESTRAM_H

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "balloon/device.h"
#include "balloon/ram.h"
#include "testballoon.h"

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define PAGE		4096U
/* As a PC: below 3.5 GiB, and above 4 GiB what does not fit there. */
#define LOW		0xe0000000ULL
#define HIGH		(64 * MIB)

static struct testballoon b;

/**
 * struct guest - a guest's memory, and the helper that has it
 * @fd: the memory
 * @base: it, mapped
 * @size: bytes
 * @helper: process
 */
static struct guest {
	int fd;
	uint8_t *base;
	uint64_t size;
	pid_t helper;
} guest;

static inline void make_memory(void)
{
	guest.fd = memfd_create("ram", MFD_CLOEXEC);
	guest.size = LOW + HIGH;
	if (guest.fd < 0 || ftruncate(guest.fd, guest.size))
		ktap_bail("memory");
	guest.base = mmap(NULL, guest.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, guest.fd, 0);
	if (guest.base == MAP_FAILED)
		ktap_bail("mmap");
}

/* What the helper is told to be the window. */
static struct stat window;

/* This process is its QEMU. */
static inline int start_helper(const char *ram, uint32_t granule)
{
	struct hostd_ram_options opt = {
		.qemu = getpid(), .ram = ram, .granule = granule,
		.window_dev = window.st_dev, .window_ino = window.st_ino,
	};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		ktap_bail("socketpair");
	fflush(stdout);
	guest.helper = fork();
	if (!guest.helper) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		/* Not through the search for leaks, which the sandbox is not made for. */
		_exit(hostd_ram_serve(ends[1], &opt));
	}
	close(ends[1]);
	return ends[0];
}

static inline int end_helper(void)
{
	int status;

	testbus_exit(&b.t);
	waitpid(guest.helper, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void start(const char *ram, uint32_t granule)
{
	char config[64];

	snprintf(config, sizeof(config), "{\"granule\":%u}", granule);
	testballoon_init(&b, config, start_helper(ram, granule));
}

/* Where QEMU has put an address of a PC. */
static inline uint8_t *at(uint64_t addr)
{
	return guest.base + (addr >= 4 * GIB ? addr - 4 * GIB + LOW : addr);
}

static inline void fill(uint8_t *from, uint64_t len)
{
	memset(from, 0x5a, len);
}

static inline bool is_filled(const uint8_t *from, uint64_t len)
{
	while (len && *from == 0x5a) {
		from++;
		len--;
	}
	return !len;
}

/* Not through the mapping: to read a hole there would fill it. */
static inline bool is_empty(const uint8_t *from, uint64_t len)
{
	static const uint8_t zeroes[PAGE];
	uint8_t page[PAGE];
	uint64_t off;

	for (off = from - guest.base; len; off += PAGE, len -= PAGE) {
		if (pread(guest.fd, page, PAGE, off) != PAGE || memcmp(page, zeroes, PAGE))
			return false;
	}
	return true;
}

static inline void write_proof(uint8_t *page)
{
	memcpy(page, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN);
}

static inline uint32_t inflate(uint64_t addr, uint64_t len)
{
	return testballoon_range(&b, PVBALLOON_OP_INFLATE, addr, len / PAGE);
}

#endif /* SELFTESTS_HOSTD_TESTRAM_H */
