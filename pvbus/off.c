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

static bool says_off(char *words)
{
	char *name, *value;
	bool off = false;

	words = skip_spaces(words);
	while (*words) {
		words = next_arg(words, &name, &value);
		/* What is behind "--" is init's. */
		if (!value && !strcmp(name, "--"))
			break;
		if (!strcmp(name, "pvkit"))
			off = value && !strcmp(value, "off");
	}
	return off;
}

/**
 * pvbus_is_off() - has the guest's owner switched the kit off
 *
 * Context: process. Return: false also where /proc is not mounted.
 */
bool pvbus_is_off(void)
{
	struct file *file = filp_open("/proc/cmdline", O_RDONLY, 0);
	char *text = kmalloc(CMDLINE_MAX, GFP_KERNEL);
	ssize_t len = 0;
	loff_t pos = 0;
	bool off = false;

	if (!IS_ERR(file) && text)
		len = kernel_read(file, text, CMDLINE_MAX - 1, &pos);
	if (len > 0) {
		text[len] = 0;
		off = says_off(text);
	}
	kfree(text);
	if (!IS_ERR(file))
		filp_close(file, NULL);
	return off;
}
