/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_UTSNAME_H
#define SHIM_LINUX_UTSNAME_H

struct shim_utsname {
	char release[65];
};

static inline struct shim_utsname *init_utsname(void)
{
	static struct shim_utsname name = { "6.1.0-shim" };

	return &name;
}

#endif
