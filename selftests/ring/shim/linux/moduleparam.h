/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_MODULEPARAM_H
#define SHIM_LINUX_MODULEPARAM_H

/* A parameter is the variable, for the test to set. */
#define module_param(name, type, mode)			extern int shim_unused
#define module_param_named(name, variable, type, mode)	extern int shim_unused
#define MODULE_PARM_DESC(name, text)			extern int shim_unused

#endif
