/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of pvhostd.
 */
#ifndef HOSTD_COMMAND_LINE_H
#define HOSTD_COMMAND_LINE_H

struct hostd_arguments;

/**
 * hostd_command_line_read - take the options of the command line, and of the file that it names
 * @a: gets them; what they do not say stays
 * @argc: of main()
 * @argv: of main()
 *
 * Ends the process after --help, --version, --completion or --query-classes with status 0, and after anything that is
 * wrong, with one line, with status 2.
 */
void hostd_command_line_read(struct hostd_arguments *a, int argc, char **argv);

#endif /* HOSTD_COMMAND_LINE_H */
