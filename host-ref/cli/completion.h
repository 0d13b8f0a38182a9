/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Completion for shells.
 */
#ifndef HOSTD_COMPLETION_H
#define HOSTD_COMPLETION_H

struct pv_class;

/**
 * hostd_options_complete - print a script that completes command lines of pvhostd
 * @classes: a list, up to NULL
 * @shell: "bash" or "zsh"
 *
 * Return: 0; -EINVAL, and nothing is printed: there is none for @shell.
 */
int hostd_options_complete(const struct pv_class *const *classes, const char *shell);

#endif /* HOSTD_COMPLETION_H */
