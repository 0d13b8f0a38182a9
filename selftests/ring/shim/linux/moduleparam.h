/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_MODULEPARAM_H
#define SHIM_LINUX_MODULEPARAM_H

/* A test that wants to set a parameter declares shim_param_<name>(). */
#define module_param_named(name, variable, type, mode) \
	__typeof__(variable) *shim_param_##name(void) { return &(variable); } extern int shim_unused
#define module_param(name, type, mode)			module_param_named(name, name, type, mode)
#define MODULE_PARM_DESC(name, text)			extern int shim_unused

#endif
