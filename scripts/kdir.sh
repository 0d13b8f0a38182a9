#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Print the kernel header tree to build the modules against.
#
# usage: scripts/kdir.sh [tree|line of scripts/kernels.sh]
# Without an argument: the running kernel's, else that of the guest kernel.
set -eu
here=$(dirname "$0")
running=/lib/modules/$(uname -r)/build

case ${1:-} in
'')
	if [ -e "$running/Makefile" ]; then
		echo "$running"
		exit
	fi
	echo "No headers of the running kernel $(uname -r): building for the guest kernel 6.1 instead." >&2
	set -- 6.1 ;;
esac

case $1 in
*/*|.)
	[ -e "$1/Makefile" ] || { echo "KDIR=$1 is not a kernel tree" >&2; exit 1; }
	realpath "$1" ;;
*)
	"$here/kernels.sh" fetch "$1" >/dev/null
	"$here/kernels.sh" path "$1" kdir ;;
esac
