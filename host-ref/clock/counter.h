/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's counter, which a guest has too, with an offset and maybe a scale of its own.
 */
#ifndef HOSTD_COUNTER_H
#define HOSTD_COUNTER_H

#include <stdint.h>

#include <pv/clock.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <x86intrin.h>

/* "Invariant TSC": Intel SDM, vol. 2A, CPUID leaf 80000007H, EDX bit 8; AMD APM, vol. 3. */
static inline uint8_t hostd_counter_id(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (__get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && edx & 1 << 8)
		return PVCLOCK_COUNTER_X86_TSC;
	return PVCLOCK_COUNTER_NONE;
}

/* Not before what came earlier in the program, nor after what comes later. */
static inline uint64_t hostd_counter(void)
{
	uint64_t counter;

	_mm_lfence();
	counter = __rdtsc();
	_mm_lfence();
	return counter;
}

#elif defined(__aarch64__)

static inline uint8_t hostd_counter_id(void)
{
	return PVCLOCK_COUNTER_ARM_VCT;
}

static inline uint64_t hostd_counter(void)
{
	uint64_t counter;

	__asm__ volatile("isb; mrs %0, cntvct_el0; isb" : "=r"(counter) : : "memory");
	return counter;
}

#else

static inline uint8_t hostd_counter_id(void)
{
	return PVCLOCK_COUNTER_NONE;
}

static inline uint64_t hostd_counter(void)
{
	return 0;
}

#endif

#endif /* HOSTD_COUNTER_H */
