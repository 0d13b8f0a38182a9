/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of blkload share. */
#ifndef BLKLOAD_H
#define BLKLOAD_H

#include <linux/aio_abi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define MAX_QD		1024

struct aio_ring;

struct load {
	const char *dev;
	const char *rw;
	void (*run)(struct load *l);	/* until time_is_up */
	bool write;
	bool random;
	bool direct;
	int fd;
	uint64_t bs;
	unsigned int qd;
	double secs;
	uint64_t size;		/* bytes used of dev; 0: all */
	uint64_t nr_blocks;
	uint64_t next_block;
	uint64_t rng;
	unsigned char *buf;	/* qd buffers of bs bytes */
	aio_context_t ctx;
	struct aio_ring *ring;	/* NULL: layout not known, reap by system call */
	struct iocb iocbs[MAX_QD];
	struct iocb *batch[MAX_QD];	/* idle, to be submitted next */
	unsigned int nr_batch;
	unsigned int nr_inflight;
	uint64_t ops;		/* completed */
};

/* A flag instead of a clock that is read. */
extern volatile sig_atomic_t time_is_up;

_Noreturn void __attribute__((format(printf, 2, 3))) die(int status, const char *fmt, ...);
/* Where the next operation reads or writes. */
uint64_t next_offset(struct load *l);

/* aio.c: --qd requests in flight */
void start_aio(struct load *l);
void run_aio(struct load *l);
void drain_aio(struct load *l);

/* sync.c: one operation after the other */
void run_fsync(struct load *l);
void run_bufread(struct load *l);
void run_create(struct load *l);

#endif
