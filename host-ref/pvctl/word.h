/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pvctl: the word of a class of which a VM has one, as a command.
 */
#ifndef HOSTD_PVCTL_WORD_H
#define HOSTD_PVCTL_WORD_H

struct pv_class;
struct pvctl;

/**
 * pvctl_word - show or change the only device of a class, and wait until it is so
 * @ctl: the command line before the command
 * @class: the class
 * @argc: number of arguments
 * @argv: its word, [VM] [VALUE] [--KEY VALUE]... [--wait[=SECONDS]]; VALUE is that of its first key
 *	that may change, and what is waited for
 *
 * Return: exit code.
 */
int pvctl_word(const struct pvctl *ctl, const struct pv_class *class, int argc, char **argv);

#endif /* HOSTD_PVCTL_WORD_H */
