/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_MODULE_H
#define SHIM_LINUX_MODULE_H

#include <stddef.h>
#include <linux/moduleparam.h>

#define __init
#define __exit
#define THIS_MODULE	NULL

/* What came of it. */
__attribute__((weak)) int shim_module_err;

/* For the test to call. */
#define module_init(fn)	void shim_module_init(void) { shim_module_err = fn(); } extern int shim_unused
#define module_exit(fn)	void shim_module_exit(void) { fn(); } extern int shim_unused
#define module_driver(driver, add, remove)					\
	void shim_module_init(void) { shim_module_err = add(&(driver)); }	\
	void shim_module_exit(void) { remove(&(driver)); } extern int shim_unused

#define MODULE_DESCRIPTION(text)	extern int shim_unused
#define MODULE_LICENSE(text)		extern int shim_unused
#define MODULE_VERSION(text)		extern int shim_unused
#define MODULE_ALIAS(text)		extern int shim_unused

#endif
