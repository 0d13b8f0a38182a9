// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvkit=off on the kernel's command line: the kit stays away.
 *
 * No kernel gives modules its command line but as parameters of their own name, and those only modprobe
 * passes on. So it is read as a file, whoever loads the module.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "pvbus.h"

#define CMDLINE_MAX	4096

static bool off __ro_after_init;

static bool __init says_off(char *words)
{
	char *name, *value;
	bool found = false;

	words = skip_spaces(words);
	while (*words) {
		words = next_arg(words, &name, &value);
		/* What is behind "--" is init's. */
		if (!value && !strcmp(name, "--"))
			break;
		if (!strcmp(name, "pvkit"))
			found = value && !strcmp(value, "off");
	}
	return found;
}

/**
 * pvbus_off_init() - find out whether the guest's owner has switched the kit off
 *
 * Not where /proc is not mounted.
 *
 * Context: process, that of who loads the module: others may see another /proc.
 */
void __init pvbus_off_init(void)
{
	struct file *file = filp_open("/proc/cmdline", O_RDONLY, 0);
	char *text = kmalloc(CMDLINE_MAX, GFP_KERNEL);
	ssize_t len = 0;
	loff_t pos = 0;

	if (!IS_ERR(file) && text)
		len = kernel_read(file, text, CMDLINE_MAX - 1, &pos);
	if (len > 0) {
		text[len] = 0;
		off = says_off(text);
	}
	kfree(text);
	if (!IS_ERR(file))
		filp_close(file, NULL);
}

/**
 * pvbus_is_off() - has the guest's owner switched the kit off
 *
 * Then the modules load, as others are told to load them, and take nothing.
 */
bool pvbus_is_off(void)
{
	return off;
}
