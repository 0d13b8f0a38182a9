/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration file: the options of a VM, one a line.
 */
#ifndef HOSTD_CONFIG_H
#define HOSTD_CONFIG_H

struct hostd_arguments;

/**
 * hostd_config_read - take the options of a file
 * @a: gets them, and the file's text
 * @path: its path
 *
 * A line is "NAME" or "NAME VALUE", as on the command line but without dashes. What is after the blanks
 * behind the name is the value, up to the end of the line. Empty lines, and those that begin with '#',
 * say nothing.
 *
 * Return: 0; -EINVAL, and one line with file and line number in @a->err.
 */
int hostd_config_read(struct hostd_arguments *a, const char *path);

#endif /* HOSTD_CONFIG_H */
