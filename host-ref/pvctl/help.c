// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: help. What is of a class comes from its keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/class.h"
#include "pvctl/pvctl.h"

static const char usage_head[] =
	"usage: pvctl [--name NAME | --control PATH] [--json] COMMAND ...\n"
	"\n"
	"  list                      the devices of the VM\n"
	"  status                    pvhostd, its worker, QEMU and the guest's driver\n"
	"  stats [ID]                counters; 'help stats' lists them\n"
	"  top [--sort KEY] [--interval SECONDS] [--count N] [--batch]\n"
	"                            what the devices do in a second, again and again: by ops, read,\n"
	"                            write, mean, 99% (of the latency), errors or id. On a terminal\n"
	"                            o r w m 9 e i sort, q ends; else, or with --batch, a table each\n"
	"                            time; with --json a line\n"
	"  metrics                   all that is counted, as OpenMetrics text\n"
	"  show ID                   a device: its state, its keys, what it counts\n"
	"  add TYPE [ID] [SPEC]      add a device, to a running VM too; 'help add' lists the types\n";

/* Between them: commands of classes. */
static const char usage_tail[] =
	"  set ID SPEC               change a device; 'help set' lists the keys\n"
	"  remove ID [--force]       take a device away, as if pulled out: unmount in the guest\n"
	"                            what is on it first; --force: without asking the guest\n"
	"  resize ID SIZE [--shrink] change the size of a device; --shrink: it may be smaller\n"
	"  continue ID               have a device that the host has failed try again\n"
	"  pcap ID FILE|- [snaplen=BYTES,count=FRAMES]\n"
	"                            copy what goes through a NIC, until Ctrl-C, as pcapng: for\n"
	"                            tcpdump -r and Wireshark; -: standard output\n"
	"  restart-worker            replace the worker\n"
	"  upgrade                   replace pvhostd by the one that is installed by now, and the\n"
	"                            worker, while the VM runs\n"
	"  release                   let the devices go, as for a migration, and wait for\n"
	"                            restart-worker\n"
	"  qemu-args [--replace]     print what to add to QEMU's command line; --replace: the emulated\n"
	"                            devices, too, that devices with replaces=ADDRESS replace\n"
	"  libvirt-xml [--override|--replace]\n"
	"                            print what a domain of libvirt's needs: what stands among its\n"
	"                            devices, for 'virsh attach-device'; --override: what stands\n"
	"                            besides for saving and migrating it; --replace: and for the\n"
	"                            emulated devices, as for qemu-args\n"
	"  doctor                    what this host, or the VM's pvhostd, lacks, and the command that\n"
	"                            mends it; the guest has a pvkit-doctor\n"
	"  run [--window SIZE] [--vectors N] [--replace] [--device TYPE[,SPEC]]... -- QEMU ARG...\n"
	"                            start pvhostd, then QEMU, and end with it; --replace: as for\n"
	"                            qemu-args\n"
	"  completion bash|zsh       print a script for the shell that completes command lines\n"
	"  help [COMMAND | --mdoc]   --mdoc: keys and counters of all types, for a manual page\n"
	"\n"
	"  -n, --name NAME           name of the VM (vm0)\n"
	"  --control PATH            control socket of its pvhostd\n"
	"  --json                    print what pvhostd answers\n"
	"  -V, --version             print the version\n"
	"  -h, --help                print this\n"
	"\n"
	"Exit status: 0; 1 when it failed, with one line on standard error; 2 when the usage is wrong.\n";

static void print_usage(const struct pv_class *const *classes)
{
	char command[64];

	fputs(usage_head, stdout);
	for (; classes && *classes; classes++) {
		snprintf(command, sizeof(command), "add-%s %s", (*classes)->word,
			 (*classes)->id ? "[ID] [SPEC]" : "ID SPEC");
		printf("  %-25s add %s\n", command, (*classes)->title);
		if ((*classes)->only_one)
			printf("  %-25s show it, or change it, and wait: see 'help %s'\n", (*classes)->word,
			       (*classes)->word);
	}
	fputs(usage_tail, stdout);
}

static void print_keys(const struct pv_class *class, enum hostd_use use)
{
	char *help = hostd_keys_help(class->keys, use);

	fputs(help ? help : "", stdout);
	free(help);
}

static void help_add_class(const struct pv_class *class)
{
	const char *example = class->example ? class->example : "";

	printf("usage: pvctl add-%s %s\n", class->word, class->id ? "[ID] [KEY=VALUE,...]" : "ID KEY=VALUE,...");
	if (class->id)
		printf("Its ID is \"%s\" if there is none.%s\n", class->id,
		       class->only_one ? " A VM has no more than one." : "");
	puts("A comma in a value is written twice.\n");
	print_keys(class, HOSTD_USE_ADD);
	if (class->notes)
		printf("\n%s", class->notes);
	printf("\nas: pvctl add-%s%s%s%s\n", class->word, class->id ? "" : " d0", *example ? " " : "", example);
	if (class->id)
		printf("    pvctl run --%s%s%s -- qemu-system-x86_64 ...\n", class->word, *example ? "=" : "",
		       example);
	else
		printf("    pvctl run --%s id=d0,%s -- qemu-system-x86_64 ...\n", class->word, example);
}

static void help_add(const struct pv_class *const *classes)
{
	puts("usage: pvctl add TYPE [ID] [KEY=VALUE,...]\n"
	     "       pvctl add-TYPE [ID] [KEY=VALUE,...]\n");
	for (; *classes; classes++)
		printf("  %-23s %s: 'pvctl help add-%s' lists its keys\n", (*classes)->word, (*classes)->title,
		       (*classes)->word);
}

static void help_set(const struct pv_class *const *classes)
{
	char *help;

	puts("usage: pvctl set ID KEY=VALUE,...\n"
	     "What may change while a device is there:");
	for (; *classes; classes++) {
		help = hostd_keys_help((*classes)->keys, HOSTD_USE_SET);
		if (help && *help)
			printf("\n%s:\n%s", (*classes)->word, help);
		free(help);
	}
	puts("\nas: pvctl set d0 werror=stop");
}

static void help_stats(const struct pv_class *const *classes)
{
	const struct hostd_counter *counter;

	puts("usage: pvctl stats [ID]\n"
	     "What the worker counts: for each queue as queues.N.*, and of a device");
	for (; *classes; classes++) {
		if (!(*classes)->counters || !(*classes)->counters->name)
			continue;
		printf("\n%s:\n", (*classes)->word);
		for (counter = (*classes)->counters; counter->name; counter++)
			printf("  %-23s %s\n", counter->name, counter->help);
	}
}

static void help_word(const struct pv_class *class)
{
	const struct hostd_key *key = class->keys;
	const struct hostd_key *main;

	while (key->name && !key->live)
		key++;
	main = key;
	printf("usage: pvctl %s [VM] [%s]", class->word, main->name ? "VALUE" : "");
	for (; key->name; key++)
		if (key != main && key->live)
			printf(" [--%s VALUE]", key->name);
	puts(main->name && main->reached ? " [--wait[=SECONDS]]" : "");
	printf("Show the %s of the VM, or change it.", class->word);
	if (main->name)
		printf(" VALUE is that of %s=.", main->name);
	printf("\n\n  %-23s name of the VM, as --name\n", "VM");
	print_keys(class, HOSTD_USE_SET);
	if (main->name && main->reached)
		printf("  --wait[=SECONDS]        until it has %s that much, to 1 %%, for at most so long (60)\n",
		       main->reached);
}

int pvctl_help(const struct pvctl *ctl, const char *command)
{
	const struct pv_class *const *classes = pvctl_find_classes(ctl);
	const struct pv_class *class = classes ? hostd_class_find_add(classes, command) : NULL;

	if (command && !strcmp(command, "--mdoc")) {
		hostd_classes_print_mdoc(pvctl_classes(ctl), stdout);
		return 0;
	}
	if (!command || !classes) {
		print_usage(classes);
		return 0;
	}
	if (class) {
		help_add_class(class);
		return 0;
	}
	class = hostd_class_find(classes, command);
	if (!strcmp(command, "add"))
		help_add(classes);
	else if (!strcmp(command, "set"))
		help_set(classes);
	else if (!strcmp(command, "stats"))
		help_stats(classes);
	else if (class && class->only_one && class->keys)
		help_word(class);
	else
		print_usage(classes);
	return 0;
}
